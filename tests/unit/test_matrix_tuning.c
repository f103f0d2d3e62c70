/* How many subgroups of walk_matrix.comp share a workgroup, and how many rows one of prefill_matrix.comp has. */
#include "attention/kernel_tuning.h"
#include "fabricated_devices.h"
#include "run_tests.h"
#include "variant_named.h"

/* Query tokens and cached tokens of each of so many sequences. */
static octavo_kernel_shape shape_of(const octavo_packed_layout *layout, octavo_phase phase, uint32_t group,
                                    uint32_t query_tokens, uint32_t sequences, uint64_t tokens) {
    octavo_kernel_shape shape = {layout, group, query_tokens,       query_tokens * sequences,
                                 phase,  0u,    tokens * sequences, false};
    return shape;
}

/* More where contexts may be long, as far as registers go; not for many rows. */
START_TEST(subgroups_by_the_room_for_tokens) {
    static const struct {
        uint32_t dim, bits, group;
        uint64_t cached_tokens;
        uint32_t teams;
    } table[] = {
        {128u, 3u, 4u, 65536u, 8u},    {128u, 3u, 4u, 1u << 20, 11u}, {128u, 3u, 8u, 1u << 20, 8u},
        {128u, 2u, 1u, 1u << 20, 12u}, {128u, 4u, 4u, 1u << 20, 11u}, {64u, 3u, 4u, 1u << 20, 12u},
        {256u, 3u, 4u, 1u << 20, 8u},  {128u, 16u, 4u, 1u << 20, 8u},
    };
    usable_device device;
    ck_assert(fabricate_usable_device(FABRICATED_HOPPER, &device));
    const octavo_kernel_variant *variant = variant_named("matrix");
    for (uint32_t i = 0; i < sizeof table / sizeof *table; ++i) {
        octavo_packed_layout layout =
            octavo_packed_layout_make(1u, 8u, table[i].dim, table[i].dim, table[i].bits, table[i].bits);
        octavo_kernel_shape shape = {&layout, table[i].group,         1u,   1u, OCTAVO_PHASE_DECODE,
                                     0u,      table[i].cached_tokens, false};
        octavo_kernel_tuning tuning;
        ck_assert(octavo_kernel_tune(&device.snapshot, variant, &shape, 0u, &tuning));
        ck_assert_msg(tuning.teams == table[i].teams, "row %u: %u subgroups", (unsigned)i, (unsigned)tuning.teams);
        ck_assert_uint_le(tuning.shared_bytes, device.snapshot.max_compute_shared_memory_size);
    }
}
END_TEST

/* Fewer where a batch has lists for more workgroups, and as much less of a share's cost in tiles. */
START_TEST(subgroups_by_the_lists_of_a_batch) {
    static const struct {
        uint32_t group, query_tokens, sequences;
        uint64_t tokens; /* of a sequence */
        uint32_t teams, cost;
    } table[] = {
        {4u, 1u, 29u, 1024u, 8u, 10u},   {4u, 1u, 30u, 1024u, 4u, 6u},  {4u, 1u, 59u, 1024u, 4u, 6u},
        {4u, 1u, 60u, 1024u, 2u, 3u},    {4u, 1u, 64u, 2048u, 2u, 3u},  {4u, 1u, 64u, 2049u, 4u, 6u},
        {1u, 1u, 256u, 512u, 2u, 3u},    {4u, 4u, 64u, 1024u, 4u, 6u},  {4u, 16u, 8u, 512u, 4u, 6u},
        {4u, 16u, 7u, 512u, 8u, 10u},    {4u, 16u, 1u, 4096u, 8u, 10u}, {4u, 128u, 1u, 16384u, 4u, 6u},
        {4u, 128u, 1u, 16385u, 8u, 10u},
    };
    usable_device device;
    octavo_packed_layout layout = octavo_packed_layout_make(1u, 8u, 128u, 128u, 3u, 3u);
    ck_assert(fabricate_usable_device(FABRICATED_HOPPER, &device));
    for (uint32_t i = 0; i < sizeof table / sizeof *table; ++i) {
        octavo_kernel_shape shape = shape_of(&layout, OCTAVO_PHASE_DECODE, table[i].group, table[i].query_tokens,
                                             table[i].sequences, table[i].tokens);
        octavo_kernel_tuning tuning;
        ck_assert(octavo_kernel_tune(&device.snapshot, variant_named("matrix"), &shape, 0u, &tuning));
        ck_assert_msg(tuning.teams == table[i].teams && tuning.share_cost == table[i].cost,
                      "row %u: %u subgroups, cost %u", (unsigned)i, (unsigned)tuning.teams,
                      (unsigned)tuning.share_cost);
        ck_assert_uint_eq(tuning.workgroups * tuning.teams, device.snapshot.core_count * 8u);
    }
}
END_TEST

/* Sixteen rows and all subgroups fit 48 KiB up to 128 channels, eight rows beyond. */
START_TEST(many_rows_within_shared_memory) {
    static const struct {
        uint32_t dim, bits, query_tokens, rows;
    } table[] = {
        {128u, 3u, 4u, 16u}, {128u, 4u, 4u, 16u}, {128u, 16u, 16u, 16u}, {256u, 3u, 4u, 8u}, {64u, 2u, 2u, 8u}};
    usable_device device;
    ck_assert(fabricate_usable_device(FABRICATED_HOPPER, &device));
    ck_assert_uint_eq(device.snapshot.max_compute_shared_memory_size, 49152u);
    const octavo_kernel_variant *variant = variant_named("matrix");
    for (uint32_t i = 0; i < sizeof table / sizeof *table; ++i) {
        octavo_packed_layout layout =
            octavo_packed_layout_make(1u, 8u, table[i].dim, table[i].dim, table[i].bits, table[i].bits);
        octavo_kernel_shape shape = {&layout, 4u, table[i].query_tokens, 0u, OCTAVO_PHASE_DECODE, 0u, 0u, false};
        octavo_kernel_tuning tuning;
        ck_assert(octavo_kernel_tune(&device.snapshot, variant, &shape, 0u, &tuning));
        ck_assert_uint_eq(tuning.rows, table[i].rows);
        ck_assert_msg(tuning.teams == 8u, "row %u: %u subgroups", (unsigned)i, (unsigned)tuning.teams);
        ck_assert_uint_le(tuning.shared_bytes, 49152u);
    }
}
END_TEST

/* Rows of a workgroup of prefill_matrix: few where there are few workgroups, but not where they have long lists. */
START_TEST(prefill_rows_by_length) {
    static const struct {
        uint32_t group, tokens, sequences;
        uint64_t cached_tokens; /* of a sequence */
        uint32_t rows;
    } table[] = {
        {4u, 4096u, 1u, 4096u, 128u}, {4u, 512u, 1u, 0u, 64u},     {4u, 256u, 1u, 4096u, 64u},
        {4u, 256u, 1u, 8192u, 128u},  {4u, 255u, 1u, 8192u, 64u},  {4u, 32u, 1u, 65536u, 128u},
        {1u, 64u, 1u, 65536u, 64u},   {4u, 64u, 2u, 65536u, 128u},
    };
    usable_device device;
    octavo_packed_layout layout = octavo_packed_layout_make(1u, 8u, 128u, 128u, 3u, 3u);
    ck_assert(fabricate_usable_device(FABRICATED_HOPPER, &device));
    for (uint32_t i = 0; i < sizeof table / sizeof *table; ++i) {
        octavo_kernel_shape shape = shape_of(&layout, OCTAVO_PHASE_PREFILL, table[i].group, table[i].tokens,
                                             table[i].sequences, table[i].cached_tokens);
        octavo_kernel_tuning tuning;
        ck_assert(octavo_kernel_tune(&device.snapshot, variant_named("prefill_matrix"), &shape, 0u, &tuning));
        ck_assert_msg(tuning.rows == table[i].rows, "row %u: %u rows", (unsigned)i, (unsigned)tuning.rows);
    }
}
END_TEST

int main(void) {
    const TTest *tests[] = {subgroups_by_the_room_for_tokens, subgroups_by_the_lists_of_a_batch,
                            many_rows_within_shared_memory, prefill_rows_by_length};
    return run_tests("matrix_tuning", tests, sizeof tests / sizeof tests[0], 60.0);
}
