/* Which product of matrices prefill_tiles.comp takes on a device, and how it cuts its workgroups: pure, on fabricated
 * snapshots. test_kernel_tuning.c has what holds of all numbers. */
#include "attention/kernel_pipelines.h"
#include "attention/tile_tuning.h"
#include "fabricated_devices.h"
#include "run_tests.h"
#include "variant_named.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static bool runs_on(const char *name, const octavo_device_snapshot *snapshot) {
    return octavo_kernel_variant_refusal(variant_named(name), snapshot, UINT32_MAX, OCTAVO_PHASE_PREFILL) == NULL;
}

static uint32_t constant_of(const octavo_gpu_pipeline_info *info, uint32_t id) {
    for (uint32_t i = 0; i < info->constant_count; ++i) {
        if (info->constant_ids[i] == id) return info->constant_values[i];
    }
    ck_abort_msg("%s has no specialisation constant %u", info->name, id);
    return 0u;
}

/* Every product with sides of 8 and 16, the largest first; nothing else. */
START_TEST(tiles_take_any_product) {
    static const struct {
        uint32_t m, n, k;
        bool can;
    } shapes[] = {{16, 16, 16, true}, {16, 8, 16, true},   {8, 16, 16, true},  {8, 8, 16, true}, {8, 8, 8, true},
                  {16, 8, 8, true},   {16, 16, 32, false}, {32, 8, 16, false}, {4, 8, 16, false}};
    usable_device device;
    ck_assert(fabricate_usable_device(FABRICATED_HOPPER, &device));
    octavo_gpu_matrix_shape *first = &device.snapshot.matrix_shapes[0], f16 = *first;
    device.snapshot.matrix_shape_count = 1u;
    for (uint32_t i = 0; i < COUNT(shapes); ++i) {
        *first = f16;
        first->m = shapes[i].m;
        first->n = shapes[i].n;
        first->k = shapes[i].k;
        ck_assert_msg(runs_on("prefill_tiles", &device.snapshot) == shapes[i].can, "%u x %u x %u", shapes[i].m,
                      shapes[i].n, shapes[i].k);
    }
    for (uint32_t change = 0; change < 6u; ++change) {
        *first = f16;
        if (change == 0u) first->a = VK_COMPONENT_TYPE_SINT8_KHR;
        if (change == 1u) first->b = VK_COMPONENT_TYPE_FLOAT32_KHR;
        if (change == 2u) first->c = VK_COMPONENT_TYPE_FLOAT16_KHR;
        if (change == 3u) first->result = VK_COMPONENT_TYPE_FLOAT16_KHR;
        if (change == 4u) first->scope = VK_SCOPE_WORKGROUP_KHR;
        if (change == 5u) device.snapshot.matrix_shape_count = 0u;
        ck_assert_msg(!runs_on("prefill_tiles", &device.snapshot), "change %u", change);
    }
    device.snapshot.matrix_shape_count = 2u;
    *first = f16;
    device.snapshot.matrix_shapes[1] = f16;
    device.snapshot.matrix_shapes[1].n = 16u;
    ck_assert_ptr_eq(octavo_tile_product(&device.snapshot), &device.snapshot.matrix_shapes[1]);
    device.snapshot.subgroup_operations &= ~(VkSubgroupFeatureFlags)VK_SUBGROUP_FEATURE_SHUFFLE_BIT;
    ck_assert(!runs_on("prefill_tiles", &device.snapshot) && runs_on("prefill_tiles_emulated", &device.snapshot));
}
END_TEST

/* d `dim`, K and V of 3 bits, four query heads for each KV head. */
static octavo_kernel_tuning tune_tiles(const octavo_device_snapshot *snapshot, const char *name, uint32_t dim,
                                       uint32_t tokens, uint32_t rung) {
    octavo_packed_layout layout = octavo_packed_layout_make(1u, 8u, dim, dim, 3u, 3u);
    octavo_kernel_shape shape = {&layout, 4u, tokens, 0u, OCTAVO_PHASE_PREFILL, 0u, 0u, false};
    octavo_kernel_tuning tuning = {0};
    const octavo_kernel_variant *variant = variant_named(name);
    ck_assert_msg(octavo_kernel_tune(snapshot, variant, &shape, rung, &tuning), "%s: d %u rung %u", snapshot->name, dim,
                  rung);
    octavo_gpu_pipeline_info walk = octavo_kernel_walk_info(&layout, variant, &tuning);
    ck_assert_uint_eq(walk.binding_count, 3u);
    ck_assert_uint_eq(constant_of(&walk, OCTAVO_SPEC_MATRIX_M), tuning.tiles.m);
    ck_assert_uint_eq(constant_of(&walk, OCTAVO_SPEC_MATRIX_N), tuning.tiles.n);
    ck_assert_uint_eq(constant_of(&walk, OCTAVO_SPEC_MATRIX_K), tuning.tiles.k);
    ck_assert_uint_eq(constant_of(&walk, OCTAVO_SPEC_SUBGROUP), tuning.tiles.subgroup);
    ck_assert_uint_eq(constant_of(&walk, OCTAVO_SPEC_BLOCK), tuning.tiles.block);
    ck_assert_uint_eq(constant_of(&walk, OCTAVO_SPEC_ROW_TEAMS), tuning.tiles.row_teams);
    ck_assert_uint_eq(constant_of(&walk, OCTAVO_SPEC_HOLD_QUERY), tuning.tiles.hold_query);
    ck_assert_uint_eq(constant_of(&walk, OCTAVO_SPEC_STEPS), tuning.tiles.steps);
    ck_assert_uint_gt(tuning.lanes, 0u);
    return tuning;
}

START_TEST(tiles_of_devices) {
    static const struct {
        fabricated_device device;
        uint32_t dim, tokens, rung;
        uint32_t lanes, rows;
        octavo_tile_numbers tiles; /* m, n, k, subgroup, row teams, column teams, block, held, steps */
    } expected[] = {
        {FABRICATED_RDNA3, 128u, 512u, 0u, 128u, 64u, {16u, 16u, 16u, 32u, 4u, 1u, 32u, 1u, 2u}},
        {FABRICATED_RDNA3, 128u, 512u, 1u, 128u, 64u, {16u, 16u, 16u, 32u, 4u, 1u, 32u, 0u, 2u}},
        {FABRICATED_RDNA3, 128u, 512u, 2u, 256u, 64u, {16u, 16u, 16u, 32u, 4u, 2u, 32u, 0u, 2u}},
        {FABRICATED_RDNA3, 256u, 512u, 0u, 256u, 64u, {16u, 16u, 16u, 32u, 4u, 2u, 16u, 0u, 2u}},
        {FABRICATED_INTEL_DG2, 128u, 512u, 0u, 512u, 64u, {8u, 8u, 16u, 8u, 8u, 8u, 32u, 0u, 1u}},
        {FABRICATED_INTEL_DG2, 64u, 512u, 0u, 256u, 64u, {8u, 8u, 16u, 8u, 8u, 4u, 32u, 0u, 1u}},
        {FABRICATED_RDNA3, 128u, 16u, 0u, 128u, 64u, {16u, 16u, 16u, 32u, 4u, 1u, 32u, 1u, 2u}},
        {FABRICATED_RDNA3, 128u, 8u, 0u, 128u, 32u, {16u, 16u, 16u, 32u, 2u, 2u, 32u, 1u, 2u}},
        {FABRICATED_RDNA3, 128u, 1u, 0u, 128u, 16u, {16u, 16u, 16u, 32u, 1u, 4u, 32u, 1u, 2u}},
        {FABRICATED_RDNA3, 32u, 1u, 0u, 64u, 16u, {16u, 16u, 16u, 32u, 1u, 2u, 32u, 1u, 2u}},
        {FABRICATED_INTEL_DG2, 128u, 4u, 0u, 256u, 16u, {8u, 8u, 16u, 8u, 2u, 16u, 32u, 0u, 1u}},
        {FABRICATED_HOPPER, 64u, 512u, 0u, 128u, 64u, {16u, 8u, 16u, 32u, 4u, 1u, 32u, 1u, 2u}},
        {FABRICATED_HOPPER, 128u, 512u, 0u, 256u, 64u, {16u, 8u, 16u, 32u, 4u, 2u, 32u, 1u, 2u}},
    };
    for (uint32_t i = 0; i < COUNT(expected); ++i) {
        usable_device device;
        ck_assert(fabricate_usable_device(expected[i].device, &device));
        octavo_kernel_tuning t =
            tune_tiles(&device.snapshot, "prefill_tiles", expected[i].dim, expected[i].tokens, expected[i].rung);
        ck_assert_msg(
            t.lanes == expected[i].lanes && t.rows == expected[i].rows &&
                memcmp(&t.tiles, &expected[i].tiles, sizeof t.tiles) == 0,
            "%s d %u tokens %u rung %u: lanes %u rows %u, %u x %u x %u, subgroup %u, teams %u x %u, block %u, held %u",
            device.snapshot.name, expected[i].dim, expected[i].tokens, expected[i].rung, t.lanes, t.rows, t.tiles.m,
            t.tiles.n, t.tiles.k, t.tiles.subgroup, t.tiles.row_teams, t.tiles.column_teams, t.tiles.block,
            t.tiles.hold_query);
    }
    usable_device software; /* the emulation needs nothing */
    ck_assert(fabricate_usable_device(FABRICATED_SWIFTSHADER, &software));
    octavo_kernel_tuning emulated = tune_tiles(&software.snapshot, "prefill_tiles_emulated", 256u, 512u, 0u);
    ck_assert(emulated.subgroup_size == 0u && emulated.rows == 16u && emulated.lanes == 128u);
}
END_TEST

int main(void) {
    const TTest *tests[] = {tiles_take_any_product, tiles_of_devices};
    return run_tests("tile_tuning", tests, sizeof tests / sizeof tests[0], 60.0);
}
