/* How walk.comp is cut on NVIDIA's chips: subgroups on a core at once, tokens that a lane unpacks, rows of a tile. */
#include "attention/kernel_tuning.h"
#include "fabricated_devices.h"
#include "run_tests.h"
#include "variant_named.h"

/* Words of more than 3 bits, and more than two rows, leave registers for fewer subgroups; f16 arithmetic takes two
 * tokens at once where dots take four. */
START_TEST(registers_bound_a_walk) {
    static const struct {
        const char *variant;
        uint32_t key_bits, value_bits, group;
        uint32_t subgroups, tokens;
    } table[] = {
        {"int8_subgroup", 3u, 3u, 1u, 12u, 4u},  {"int8_subgroup", 2u, 4u, 2u, 12u, 4u},
        {"int8_subgroup", 4u, 3u, 1u, 8u, 4u},   {"int8_subgroup", 4u, 4u, 1u, 8u, 4u},
        {"int8_subgroup", 16u, 3u, 1u, 12u, 4u}, {"int8_subgroup", 3u, 3u, 4u, 8u, 4u},
        {"f16_subgroup", 3u, 3u, 1u, 12u, 2u},   {"f32_subgroup", 3u, 3u, 1u, 12u, 4u},
    };
    usable_device device;
    ck_assert(fabricate_usable_device(FABRICATED_HOPPER, &device));
    device.snapshot.core_count = 132u;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; ++i) {
        octavo_packed_layout layout =
            octavo_packed_layout_make(1u, 8u, 128u, 128u, table[i].key_bits, table[i].value_bits);
        octavo_kernel_shape shape = {&layout, table[i].group, 1u, 1u, OCTAVO_PHASE_DECODE, 0u, 1u << 20, false};
        octavo_kernel_tuning tuning;
        ck_assert(octavo_kernel_tune(&device.snapshot, variant_named(table[i].variant), &shape, 0u, &tuning));
        ck_assert_uint_eq(tuning.workgroups * tuning.teams, 132u * table[i].subgroups);
        ck_assert_uint_eq(tuning.tokens, table[i].tokens);
    }
}
END_TEST

/* As many rows as share what is unpacked, while each of 132 x 12 subgroups has a tile of one of them: 8 KV heads. */
START_TEST(rows_share_a_tile_where_there_are_enough) {
    static const struct {
        uint32_t tokens, group, query_tokens, rows;
    } table[] = {
        {1024u, 4u, 1u, 1u},    {4096u, 4u, 1u, 1u},      {8192u, 4u, 1u, 2u},
        {16384u, 4u, 1u, 4u},   {1024u, 8u, 1u, 1u},      {4096u, 8u, 1u, 2u},
        {16384u, 8u, 1u, 4u},   {1u << 20, 16u, 1u, 4u},  {65536u, 1u, 1u, 1u},
        {1u << 20, 1u, 4u, 4u}, {65536u, 2u, 1u, 2u},     {1u << 20, 3u, 1u, 4u},
        {4096u, 1u, 4u, 1u},    {0u, UINT32_MAX, 1u, 1u}, {1u << 20, UINT32_MAX, UINT32_MAX, 4u},
    };
    usable_device device;
    ck_assert(fabricate_usable_device(FABRICATED_HOPPER, &device));
    device.snapshot.core_count = 132u;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; ++i) {
        octavo_packed_layout layout = octavo_packed_layout_make(1u, 8u, 128u, 128u, 3u, 3u);
        octavo_kernel_shape shape = {
            &layout, table[i].group, table[i].query_tokens, 1u, OCTAVO_PHASE_DECODE, 0u, table[i].tokens, false};
        octavo_kernel_tuning tuning;
        ck_assert(octavo_kernel_tune(&device.snapshot, variant_named("int8_subgroup"), &shape, 0u, &tuning));
        ck_assert_msg(tuning.rows == table[i].rows, "%u tokens, group %u: %u rows", (unsigned)table[i].tokens,
                      (unsigned)table[i].group, (unsigned)tuning.rows);
        ck_assert_uint_eq(tuning.share_cost, 6u); /* of four subgroups */
    }
}
END_TEST

int main(void) {
    const TTest *tests[] = {registers_bound_a_walk, rows_share_a_tile_where_there_are_enough};
    return run_tests("walk_tuning", tests, sizeof tests / sizeof tests[0], 60.0);
}
