/* How many subgroups of walk.comp are on a core of NVIDIA's chips at once, and how many tokens a lane unpacks. */
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
        {"f16_subgroup", 3u, 3u, 1u, 12u, 2u},
    };
    usable_device device;
    ck_assert(fabricate_usable_device(FABRICATED_HOPPER, &device));
    device.snapshot.core_count = 132u;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; ++i) {
        octavo_packed_layout layout =
            octavo_packed_layout_make(1u, 8u, 128u, 128u, table[i].key_bits, table[i].value_bits);
        octavo_kernel_shape shape = {&layout, table[i].group, 1u, 1u, OCTAVO_PHASE_DECODE, 0u, 0u, false};
        octavo_kernel_tuning tuning;
        ck_assert(octavo_kernel_tune(&device.snapshot, variant_named(table[i].variant), &shape, 0u, &tuning));
        ck_assert_uint_eq(tuning.workgroups * tuning.teams, 132u * table[i].subgroups);
        ck_assert_uint_eq(tuning.tokens, table[i].tokens);
    }
}
END_TEST

int main(void) {
    const TTest *tests[] = {registers_bound_a_walk};
    return run_tests("walk_tuning", tests, sizeof tests / sizeof tests[0], 60.0);
}
