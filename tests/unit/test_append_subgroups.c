/* Which subgroups append.comp asks for: the smallest that hold a row and its registers. */
#include "attention/kernel_pipelines.h"
#include "run_tests.h"

START_TEST(appends_use_subgroups_that_hold_a_row) {
    static const struct {
        uint32_t least, most, size;
    } cases[] = {{4u, 4u, 0u}, {8u, 8u, 8u}, {8u, 32u, 16u}, {8u, 16u, 16u}, {32u, 64u, 32u}, {64u, 128u, 64u}};
    octavo_packed_layout narrow = octavo_packed_layout_make(1u, 8u, 128u, 128u, 3u, 3u);
    octavo_packed_layout layout = octavo_packed_layout_make(1u, 8u, 128u, 160u, 3u, 3u);
    octavo_packed_layout wide = octavo_packed_layout_make(1u, 8u, 192u, 128u, 3u, 3u);
    for (uint32_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
        octavo_device_snapshot s = {0};
        s.min_subgroup_size = cases[i].least;
        s.max_subgroup_size = cases[i].most;
        ck_assert_uint_eq(octavo_kernel_append_subgroup(&s, OCTAVO_CAPABILITY_SUBGROUP, &layout),
                          0u); /* without shuffles */
        s.subgroup_operations = VK_SUBGROUP_FEATURE_SHUFFLE_BIT;
        ck_assert_uint_eq(octavo_kernel_append_subgroup(&s, 0u, &layout), 0u);
        ck_assert_uint_eq(octavo_kernel_append_subgroup(&s, OCTAVO_CAPABILITY_SUBGROUP, &narrow), cases[i].size);
        ck_assert_uint_eq(octavo_kernel_append_subgroup(&s, OCTAVO_CAPABILITY_SUBGROUP, &layout),
                          cases[i].size < 16u ? 0u : cases[i].size);
        ck_assert_uint_eq(octavo_kernel_append_subgroup(&s, OCTAVO_CAPABILITY_SUBGROUP, &wide),
                          cases[i].size < 32u ? 0u : cases[i].size);
    }
}
END_TEST

int main(void) {
    const TTest *tests[] = {appends_use_subgroups_that_hold_a_row};
    return run_tests("append_subgroups", tests, sizeof tests / sizeof tests[0], 60.0);
}
