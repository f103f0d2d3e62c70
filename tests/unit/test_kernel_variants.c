/* Which variant runs on which device, and in which order they are tried; what appends K and V together, and what is a
 * spill: pure, on fabricated snapshots. */
#include "attention/kernel_pipelines.h"
#include "attention/kernel_variants.h"
#include "fabricated_devices.h"
#include "gpu/device_plan.h"
#include "run_tests.h"
#include "variant_named.h"

#include <string.h>

static const uint32_t all_bits[] = {2, 3, 4, 16};
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static uint32_t variant_order(const usable_device *device, octavo_phase phase, uint32_t key_bits, uint32_t value_bits,
                              uint32_t order[OCTAVO_KERNEL_VARIANT_COUNT]) {
    octavo_packed_layout layout = octavo_packed_layout_make(1u, 8u, 128u, 128u, key_bits, value_bits);
    bool many = phase == OCTAVO_PHASE_PREFILL;
    octavo_kernel_shape shape = {&layout, 4u, many ? 512u : 1u, many ? 0u : 1u, phase, 0u, 0u, false};
    return octavo_kernel_variant_order(&device->snapshot, device->capabilities, &shape, order);
}

/* --- order -----------------------------------------------------------------------------------------------------------
 */

/* A variant is tried when the device can run it and it is made to be fast. */
static bool belongs_in_order(const usable_device *device, octavo_phase phase, const octavo_kernel_variant *variant) {
    return variant->arithmetic != OCTAVO_KERNEL_EMULATED_MATRIX &&
           octavo_kernel_variant_refusal(variant, &device->snapshot, device->capabilities, phase) == NULL;
}

static void check_order(const usable_device *device, octavo_phase phase, uint32_t key_bits, uint32_t value_bits) {
    uint32_t order[OCTAVO_KERNEL_VARIANT_COUNT], places[OCTAVO_KERNEL_VARIANT_COUNT];
    uint32_t count = variant_order(device, phase, key_bits, value_bits, order);
    const char *name = device->snapshot.name;
    ck_assert_uint_ge(count, 1u);
    ck_assert_uint_le(count, OCTAVO_KERNEL_VARIANT_COUNT);
    for (uint32_t v = 0; v < OCTAVO_KERNEL_VARIANT_COUNT; ++v) {
        places[v] = UINT32_MAX;
        for (uint32_t i = 0; i < count; ++i) {
            if (order[i] != v) continue;
            ck_assert_msg(places[v] == UINT32_MAX, "%s: variant %u twice", name, v);
            places[v] = i;
        }
        const octavo_kernel_variant *variant = &octavo_kernel_variants[v];
        ck_assert_msg(belongs_in_order(device, phase, variant) == (places[v] != UINT32_MAX), "%s K %u V %u: %s", name,
                      key_bits, value_bits, variant->name);
    }
    bool has_codes = key_bits != 16u || value_bits != 16u;
    bool int_first = device->snapshot.int_dot_accelerated && has_codes;
    for (uint32_t i = 1; i < count; ++i) {
        const octavo_kernel_variant *before = &octavo_kernel_variants[order[i - 1u]];
        const octavo_kernel_variant *after = &octavo_kernel_variants[order[i]];
        if (phase == OCTAVO_PHASE_DECODE && octavo_kernel_is_for_prefill(after)) continue; /* of few rows: the last */
        bool both = before->arithmetic == OCTAVO_KERNEL_MATRIX && after->arithmetic == OCTAVO_KERNEL_MATRIX;
        ck_assert_msg(after->arithmetic != OCTAVO_KERNEL_MATRIX || (both && octavo_kernel_is_for_prefill(before)),
                      "%s: %s before %s", name, before->name, after->name);
        if (before->arithmetic == OCTAVO_KERNEL_MATRIX) continue;
        ck_assert_msg(octavo_kernel_is_for_prefill(before) || !octavo_kernel_is_for_prefill(after), "%s: %s before %s",
                      name, before->name, after->name);
        if (octavo_kernel_is_for_prefill(before) != octavo_kernel_is_for_prefill(after)) continue;
        if (before->arithmetic != after->arithmetic) {
            /* integer dots are the first or the last; f16 goes before f32 only where there are codes */
            bool int_before = before->arithmetic == OCTAVO_KERNEL_INT_DOT;
            bool int_after = after->arithmetic == OCTAVO_KERNEL_INT_DOT;
            ck_assert_msg(int_first ? !int_after : !int_before, "%s K %u V %u: %s before %s", name, key_bits,
                          value_bits, before->name, after->name);
            ck_assert_msg(has_codes || before->arithmetic != OCTAVO_KERNEL_HALF || int_after,
                          "%s K %u V %u: %s before %s", name, key_bits, value_bits, before->name, after->name);
        } else {
            ck_assert_msg(before->one_subgroup && !after->one_subgroup, "%s: %s before %s", name, before->name,
                          after->name);
        }
    }
}

START_TEST(order_of_variants) {
    uint32_t usable = 0u;
    for (uint32_t which = 0; which < FABRICATED_DEVICE_COUNT; ++which) {
        usable_device device;
        if (!fabricate_usable_device((fabricated_device)which, &device)) continue;
        usable += 1u;
        for (uint32_t k = 0; k < COUNT(all_bits); ++k) {
            for (uint32_t v = 0; v < COUNT(all_bits); ++v) {
                check_order(&device, OCTAVO_PHASE_DECODE, all_bits[k], all_bits[v]);
                check_order(&device, OCTAVO_PHASE_PREFILL, all_bits[k], all_bits[v]);
            }
        }
    }
    ck_assert_uint_eq(usable, FABRICATED_DEVICE_COUNT - 1u);
}
END_TEST

typedef struct expected_variant {
    const char *name;
    uint32_t needs; /* capabilities */
    octavo_kernel_arithmetic arithmetic;
    bool one_subgroup, fused, for_prefill, expands;
} expected_variant;

#define MATRIX_CAPABILITIES                                                                                            \
    (OCTAVO_CAPABILITY_SUBGROUP | OCTAVO_CAPABILITY_COOPERATIVE_MATRIX | OCTAVO_CAPABILITY_FLOAT16)
static const expected_variant all_variants[] = {
    {"prefill_matrix", MATRIX_CAPABILITIES, OCTAVO_KERNEL_MATRIX, false, true, true, true},
    {"prefill_tiles", MATRIX_CAPABILITIES, OCTAVO_KERNEL_MATRIX, false, false, true, false},
    {"matrix", MATRIX_CAPABILITIES, OCTAVO_KERNEL_MATRIX, false, true, false, false},
    {"int8_subgroup", OCTAVO_CAPABILITY_INT_DOT | OCTAVO_CAPABILITY_SUBGROUP, OCTAVO_KERNEL_INT_DOT, true, false, false,
     false},
    {"int8_shared", OCTAVO_CAPABILITY_INT_DOT, OCTAVO_KERNEL_INT_DOT, false, false, false, false},
    {"f16_subgroup", OCTAVO_CAPABILITY_FLOAT16 | OCTAVO_CAPABILITY_SUBGROUP, OCTAVO_KERNEL_HALF, true, false, false,
     false},
    {"f16_shared", OCTAVO_CAPABILITY_FLOAT16, OCTAVO_KERNEL_HALF, false, false, false, false},
    {"f32_subgroup", OCTAVO_CAPABILITY_SUBGROUP, OCTAVO_KERNEL_FLOAT, true, false, false, false},
    {"f32_shared", 0u, OCTAVO_KERNEL_FLOAT, false, false, false, false},
    {"prefill_int8", OCTAVO_CAPABILITY_INT_DOT, OCTAVO_KERNEL_INT_DOT, false, false, true, false},
    {"prefill_f16", OCTAVO_CAPABILITY_FLOAT16, OCTAVO_KERNEL_HALF, false, false, true, false},
    {"prefill_f32", 0u, OCTAVO_KERNEL_FLOAT, false, false, true, false},
    {"matrix_emulated", 0u, OCTAVO_KERNEL_EMULATED_MATRIX, false, true, false, false},
    {"prefill_emulated", 0u, OCTAVO_KERNEL_EMULATED_MATRIX, false, true, true, true},
    {"prefill_tiles_emulated", 0u, OCTAVO_KERNEL_EMULATED_MATRIX, false, false, true, false},
};

/* A capability that is taken away takes its variants away; three need none. Some are refused for decoding. */
START_TEST(refusals_follow_capabilities) {
    static const uint32_t bits[] = {OCTAVO_CAPABILITY_INT_DOT, OCTAVO_CAPABILITY_SUBGROUP,
                                    OCTAVO_CAPABILITY_COOPERATIVE_MATRIX, OCTAVO_CAPABILITY_FLOAT16};
    usable_device device;
    ck_assert(fabricate_usable_device(FABRICATED_HOPPER, &device));
    ck_assert_uint_eq(COUNT(all_variants), OCTAVO_KERNEL_VARIANT_COUNT);
    for (uint32_t v = 0; v < COUNT(all_variants); ++v) {
        const expected_variant *expected = &all_variants[v];
        const octavo_kernel_variant *variant = &octavo_kernel_variants[v];
        ck_assert_str_eq(variant->name, expected->name);
        ck_assert_int_eq(variant->arithmetic, expected->arithmetic);
        ck_assert(variant->one_subgroup == expected->one_subgroup &&
                  octavo_kernel_has_one_dispatch(variant) == expected->fused);
        ck_assert(octavo_kernel_is_for_prefill(variant) == expected->for_prefill);
        ck_assert((variant->source == OCTAVO_KERNEL_PREFILL_MATRIX) == expected->expands);
        const char *for_decoding =
            octavo_kernel_variant_refusal(variant, &device.snapshot, UINT32_MAX, OCTAVO_PHASE_DECODE);
        ck_assert(expected->expands ? strcmp(for_decoding, "the variant is for prefill") == 0 : for_decoding == NULL);
        for (uint32_t have = 0; have < 1u << COUNT(bits); ++have) {
            uint32_t capabilities = 0u;
            for (uint32_t i = 0; i < COUNT(bits); ++i) capabilities |= (have >> i & 1u) != 0u ? bits[i] : 0u;
            bool can =
                octavo_kernel_variant_refusal(variant, &device.snapshot, capabilities, OCTAVO_PHASE_AUTO) == NULL;
            ck_assert_msg(can == ((expected->needs & ~capabilities) == 0u), "%s with capabilities %u", expected->name,
                          have);
        }
    }
}
END_TEST

static bool runs_on(const char *name, const octavo_device_snapshot *snapshot) {
    return octavo_kernel_variant_refusal(variant_named(name), snapshot, UINT32_MAX, OCTAVO_PHASE_AUTO) == NULL;
}

/* The shape of the products, as the device lists them: another in any respect is not it. */
START_TEST(matrix_wants_its_shape) {
    for (uint32_t change = 0; change < 10u; ++change) {
        usable_device device;
        ck_assert(fabricate_usable_device(FABRICATED_HOPPER, &device));
        octavo_gpu_matrix_shape *shape = &device.snapshot.matrix_shapes[0];
        ck_assert(shape->m == 16u && shape->n == 8u && shape->k == 16u && runs_on("matrix", &device.snapshot));
        octavo_gpu_matrix_shape whole = *shape;
        if (change == 0u) shape->m = 8u;
        if (change == 1u) shape->n = 16u;
        if (change == 2u) shape->k = 8u;
        if (change == 3u) shape->a = VK_COMPONENT_TYPE_SINT8_KHR;
        if (change == 4u) shape->b = VK_COMPONENT_TYPE_SINT8_KHR;
        if (change == 5u) shape->c = VK_COMPONENT_TYPE_FLOAT16_KHR;
        if (change == 6u) shape->result = VK_COMPONENT_TYPE_FLOAT16_KHR;
        if (change == 7u) shape->scope = VK_SCOPE_WORKGROUP_KHR;
        if (change == 8u) *shape = device.snapshot.matrix_shapes[1]; /* the int8 ones only */
        if (change == 9u) device.snapshot.matrix_shape_count = 0u;
        ck_assert_msg(!runs_on("matrix", &device.snapshot), "change %u", change);
        ck_assert(runs_on("matrix_emulated", &device.snapshot) && runs_on("int8_subgroup", &device.snapshot));
        device.snapshot.matrix_shapes[device.snapshot.matrix_shape_count++] = whole; /* anywhere in the list */
        ck_assert_msg(runs_on("matrix", &device.snapshot), "change %u", change);
    }
}
END_TEST

START_TEST(matrix_wants_subgroups_of_32) {
    static const struct {
        uint32_t smallest, largest;
        bool can;
    } sizes[] = {{32, 32, true}, {8, 32, true}, {32, 64, true}, {16, 128, true}, {16, 16, false}, {64, 64, false}};
    static const VkSubgroupFeatureFlags operations[] = {VK_SUBGROUP_FEATURE_SHUFFLE_BIT, VK_SUBGROUP_FEATURE_VOTE_BIT};
    usable_device device;
    ck_assert(fabricate_usable_device(FABRICATED_HOPPER, &device));
    for (uint32_t i = 0; i < COUNT(sizes); ++i) {
        device.snapshot.min_subgroup_size = sizes[i].smallest;
        device.snapshot.max_subgroup_size = sizes[i].largest;
        ck_assert_msg(runs_on("matrix", &device.snapshot) == sizes[i].can, "%u .. %u", sizes[i].smallest,
                      sizes[i].largest);
    }
    device.snapshot.min_subgroup_size = device.snapshot.max_subgroup_size = 32u;
    for (uint32_t i = 0; i < COUNT(operations); ++i) {
        device.snapshot.subgroup_operations ^= operations[i];
        ck_assert_msg(!runs_on("matrix", &device.snapshot), "without subgroup operation %u", operations[i]);
        device.snapshot.subgroup_operations ^= operations[i];
    }
    ck_assert(runs_on("matrix", &device.snapshot));
}
END_TEST

/* The queries, the codec records, the outputs and the log-sum-exps beside pool, lists and scratch. */
START_TEST(one_dispatch_wants_seven_buffers) {
    usable_device device;
    ck_assert(fabricate_usable_device(FABRICATED_HOPPER, &device));
    for (uint32_t buffers = OCTAVO_GPU_MIN_STORAGE_BUFFERS; buffers <= 16u; ++buffers) {
        device.snapshot.max_stage_storage_buffers = buffers;
        ck_assert(runs_on("matrix", &device.snapshot) == (buffers >= 7u));
        ck_assert(runs_on("matrix_emulated", &device.snapshot) == (buffers >= 7u));
        ck_assert(runs_on("int8_subgroup", &device.snapshot) && runs_on("f32_shared", &device.snapshot));
    }
}
END_TEST

/* One row of queries, or two short ones, over one long list of codes is for integer dots, all else for matrices. */
START_TEST(dots_read_one_long_list) {
    usable_device hopper, slow_dots;
    ck_assert(fabricate_usable_device(FABRICATED_HOPPER, &hopper));
    hopper.snapshot.core_count = 132u;
    slow_dots = hopper;
    slow_dots.snapshot.int_dot_accelerated = VK_FALSE;
    octavo_packed_layout codes = octavo_packed_layout_make(1u, 8u, 128u, 128u, 3u, 2u);
    octavo_packed_layout half = octavo_packed_layout_make(1u, 8u, 128u, 128u, 16u, 3u);
    octavo_packed_layout narrow = octavo_packed_layout_make(1u, 8u, 64u, 64u, 3u, 3u);
    const octavo_kernel_shape longest = {&codes, 1u, 1u, 1u, OCTAVO_PHASE_DECODE, 0u, 1u << 20, false};
    octavo_kernel_shape grouped = longest, batch = longest, brief = longest, several = longest, raw = longest,
                        two = longest, three = longest, enough = longest;
    grouped.group = 2u;
    batch.query_total = 8u;
    brief.cached_tokens = 1u << 15;
    enough.cached_tokens = 1u << 16;
    several.query_tokens = several.query_total = 4u;
    raw.layout = &half;
    two.layout = three.layout = &narrow;
    two.group = 2u;
    three.group = 3u;
    const struct {
        const usable_device *device;
        const octavo_kernel_shape *shape;
        const char *first, *second; /* where the first does not compile, the second is next */
    } expected[] = {
        {&hopper, &longest, "int8_subgroup", "matrix"}, {&hopper, &two, "int8_subgroup", "matrix"},
        {&hopper, &three, "matrix", "int8_subgroup"},   {&hopper, &grouped, "matrix", "int8_subgroup"},
        {&hopper, &batch, "matrix", "int8_subgroup"},   {&hopper, &brief, "matrix", "int8_subgroup"},
        {&hopper, &several, "matrix", "int8_subgroup"}, {&hopper, &raw, "matrix", "int8_subgroup"},
        {&hopper, &enough, "int8_subgroup", "matrix"},  {&slow_dots, &longest, "matrix", "f32_subgroup"},
    };
    for (uint32_t i = 0; i < COUNT(expected); ++i) {
        uint32_t order[OCTAVO_KERNEL_VARIANT_COUNT];
        const usable_device *device = expected[i].device;
        uint32_t count = octavo_kernel_variant_order(&device->snapshot, device->capabilities, expected[i].shape, order);
        ck_assert_uint_ge(count, 2u);
        ck_assert_str_eq(octavo_kernel_variants[order[0]].name, expected[i].first);
        ck_assert_str_eq(octavo_kernel_variants[order[1]].name, expected[i].second);
    }
}
END_TEST

/* --- prefill on matrices of any layout
 * --------------------------------------------------------------------------------
 */

static uint32_t place_in_order(const usable_device *device, octavo_phase phase, const char *name) {
    uint32_t order[OCTAVO_KERNEL_VARIANT_COUNT];
    uint32_t count = variant_order(device, phase, 3u, 3u, order);
    for (uint32_t i = 0; i < count; ++i)
        if (strcmp(octavo_kernel_variants[order[i]].name, name) == 0) return i;
    return UINT32_MAX;
}

/* Before all that has no matrix units, where the device has a product; after all to decode one row; never emulated. */
START_TEST(tiles_are_for_prefill) {
    for (uint32_t which = 0; which < FABRICATED_DEVICE_COUNT; ++which) {
        usable_device device;
        if (!fabricate_usable_device((fabricated_device)which, &device)) continue;
        const char *name = device.snapshot.name;
        uint32_t place = place_in_order(&device, OCTAVO_PHASE_PREFILL, "prefill_tiles");
        bool has = (device.capabilities & OCTAVO_CAPABILITY_COOPERATIVE_MATRIX) != 0u;
        ck_assert_msg((place != UINT32_MAX) == has, "%s: place %u", name, place);
        ck_assert_msg(!has || place < place_in_order(&device, OCTAVO_PHASE_PREFILL, "f32_shared"), "%s", name);
        place = place_in_order(&device, OCTAVO_PHASE_DECODE, "prefill_tiles");
        ck_assert_msg((place != UINT32_MAX) == has, "%s: place %u", name, place);
        ck_assert_msg(!has || place > place_in_order(&device, OCTAVO_PHASE_DECODE, "f32_shared"), "%s", name);
        ck_assert_msg(place_in_order(&device, OCTAVO_PHASE_PREFILL, "prefill_tiles_emulated") == UINT32_MAX, "%s",
                      name);
    }
    usable_device rdna3, arc, hopper, software;
    ck_assert(fabricate_usable_device(FABRICATED_RDNA3, &rdna3) &&
              fabricate_usable_device(FABRICATED_INTEL_DG2, &arc) &&
              fabricate_usable_device(FABRICATED_HOPPER, &hopper));
    ck_assert_uint_eq(place_in_order(&rdna3, OCTAVO_PHASE_PREFILL, "prefill_tiles"), 0u);
    ck_assert_uint_eq(place_in_order(&arc, OCTAVO_PHASE_PREFILL, "prefill_tiles"), 0u);
    ck_assert_uint_lt(place_in_order(&hopper, OCTAVO_PHASE_PREFILL, "prefill_tiles"),
                      place_in_order(&hopper, OCTAVO_PHASE_PREFILL, "int8_subgroup"));
    /* a processor has no matrix units, whatever its driver offers */
    ck_assert(fabricate_usable_device(FABRICATED_LAVAPIPE, &software));
    software.snapshot.matrix_shapes[0] = hopper.snapshot.matrix_shapes[0];
    software.snapshot.matrix_shapes[0].m = software.snapshot.matrix_shapes[0].k = 8u;
    software.snapshot.matrix_shape_count = 1u;
    software.snapshot.subgroup_operations |= VK_SUBGROUP_FEATURE_SHUFFLE_BIT;
    software.capabilities |= MATRIX_CAPABILITIES;
    uint32_t last = place_in_order(&software, OCTAVO_PHASE_PREFILL, "prefill_tiles");
    ck_assert(last != UINT32_MAX && last > place_in_order(&software, OCTAVO_PHASE_PREFILL, "f32_shared"));
}
END_TEST

/* Decode steps of many rows of a KV head: by tiles where that was found to be faster, by blocks from 64 rows on; else
 * by walks of few rows. */
START_TEST(many_rows_are_decoded_in_tiles) {
    static const struct {
        fabricated_device device;
        uint32_t group, tokens;
        const char *first, *second;
    } expected[] = {
        {FABRICATED_RDNA3, 8u, 3u, "int8_subgroup", "int8_shared"},
        {FABRICATED_RDNA3, 8u, 4u, "prefill_tiles", "int8_subgroup"},
        {FABRICATED_RDNA3, 4u, 16u, "prefill_tiles", "prefill_int8"},
        {FABRICATED_RDNA3, 64u, 1u, "prefill_tiles", "prefill_int8"},
        {FABRICATED_INTEL_DG2, 8u, 4u, "int8_subgroup", "int8_shared"},
        {FABRICATED_INTEL_DG2, 8u, 16u, "prefill_int8", "prefill_f32"},
        {FABRICATED_HOPPER, 15u, 1u, "matrix", "int8_subgroup"},
        {FABRICATED_HOPPER, 16u, 1u, "matrix", "prefill_tiles"},
        {FABRICATED_HOPPER, 16u, 16u, "matrix", "prefill_tiles"},
        {FABRICATED_LAVAPIPE, 4u, 15u, "f32_subgroup", "f32_shared"},
        {FABRICATED_LAVAPIPE, 4u, 16u, "prefill_f32", "prefill_f16"},
        {FABRICATED_ANDROID_2021, 4u, 16u, "prefill_f32", "f32_shared"},
        {FABRICATED_ANDROID_2021, 64u, UINT32_MAX, "prefill_f32", "f32_shared"},
    };
    octavo_packed_layout layout = octavo_packed_layout_make(1u, 8u, 128u, 128u, 3u, 3u);
    for (uint32_t i = 0; i < COUNT(expected); ++i) {
        usable_device device;
        ck_assert(fabricate_usable_device(expected[i].device, &device));
        octavo_kernel_shape shape = {&layout, expected[i].group, expected[i].tokens, 0u, OCTAVO_PHASE_DECODE, 0u, 0u,
                                     false};
        uint32_t order[OCTAVO_KERNEL_VARIANT_COUNT];
        uint32_t count = octavo_kernel_variant_order(&device.snapshot, device.capabilities, &shape, order);
        ck_assert_uint_ge(count, 2u);
        const char *first = octavo_kernel_variants[order[0]].name, *second = octavo_kernel_variants[order[1]].name;
        ck_assert_msg(strcmp(first, expected[i].first) == 0 && strcmp(second, expected[i].second) == 0,
                      "%s, %u x %u rows: %s, %s", device.snapshot.name, expected[i].group, expected[i].tokens, first,
                      second);
    }
}
END_TEST

/* Chunks of few rows are walked without expanding the cache, where there are few of them or much to read. */
START_TEST(few_rows_are_prefilled_by_the_walk) {
    octavo_packed_layout codes = octavo_packed_layout_make(1u, 8u, 128u, 128u, 3u, 3u);
    octavo_packed_layout half = octavo_packed_layout_make(1u, 8u, 128u, 128u, 16u, 3u);
    octavo_packed_layout narrow = octavo_packed_layout_make(1u, 8u, 64u, 64u, 3u, 3u);
    const octavo_phase prefill = OCTAVO_PHASE_PREFILL;
    const struct {
        octavo_kernel_shape shape;
        const char *first, *second;
    } expected[] = {
        {{&codes, 4u, 64u, 64u, prefill, 0u, 0u, false}, "matrix", "prefill_matrix"},
        {{&codes, 4u, 128u, 128u, prefill, 0u, 1u << 20, false}, "matrix", "prefill_matrix"},
        {{&codes, 4u, 129u, 129u, prefill, 0u, 1u << 20, false}, "prefill_matrix", "prefill_tiles"},
        {{&narrow, 1u, 256u, 256u, prefill, 0u, 1u << 20, false}, "matrix", "prefill_matrix"},
        {{&narrow, 1u, 257u, 257u, prefill, 0u, 1u << 20, false}, "prefill_matrix", "prefill_tiles"},
        {{&codes, 4u, 64u, 64u, prefill, 0u, 1u << 20, true}, "prefill_matrix", "prefill_tiles"},
        {{&half, 4u, 64u, 64u, prefill, 0u, 1u << 20, false}, "prefill_matrix", "prefill_tiles"},
        {{&codes, 4u, 64u, 0u, prefill, 0u, 1u << 20, false}, "prefill_matrix", "prefill_tiles"},
        /* two sequences are two workgroups of a core; three are more, and the last three are long enough */
        {{&codes, 4u, 64u, 128u, prefill, 0u, 2u * 64u, false}, "matrix", "prefill_matrix"},
        {{&codes, 4u, 64u, 192u, prefill, 0u, 3u * 2559u, false}, "prefill_matrix", "prefill_tiles"},
        {{&codes, 4u, 64u, 192u, prefill, 0u, 3u * 2560u, false}, "matrix", "prefill_matrix"},
        {{&codes, 4u, 16u, 64u * 16u, prefill, 0u, 64u * 640u, false}, "matrix", "prefill_matrix"},
        {{&codes, 1u, 96u, 96u * 256u, prefill, 0u, 96u * 256u, false}, "prefill_matrix", "prefill_tiles"},
    };
    usable_device hopper;
    ck_assert(fabricate_usable_device(FABRICATED_HOPPER, &hopper));
    for (uint32_t i = 0; i < COUNT(expected); ++i) {
        uint32_t order[OCTAVO_KERNEL_VARIANT_COUNT];
        uint32_t count = octavo_kernel_variant_order(&hopper.snapshot, hopper.capabilities, &expected[i].shape, order);
        ck_assert_uint_ge(count, 2u);
        const char *first = octavo_kernel_variants[order[0]].name, *second = octavo_kernel_variants[order[1]].name;
        ck_assert_msg(strcmp(first, expected[i].first) == 0 && strcmp(second, expected[i].second) == 0,
                      "shape %u: %s, %s", i, first, second);
    }
}
END_TEST

static const char *first_choice(const usable_device *device, octavo_phase phase, uint32_t bits) {
    uint32_t order[OCTAVO_KERNEL_VARIANT_COUNT];
    ck_assert_uint_gt(variant_order(device, phase, bits, bits, order), 0u);
    return octavo_kernel_variants[order[0]].name;
}

/* f16 goes before f32 on the chips where it was counted to be shorter, and nowhere else. */
START_TEST(f16_goes_before_f32_where_it_is_shorter) {
    static const struct {
        uint32_t vendor, driver;
        bool decode, prefill;
    } classes[] = {
        {0x1002u, 0u, true, true},    /* AMD */
        {0x5143u, 0u, false, false},  /* Adreno */
        {0x106bu, 0u, true, false},   /* Apple */
        {0x10005u, 26u, true, false}, /* Apple by Honeykrisp */
        {0x10005u, 0u, false, false}, {0x8086u, 0u, false, false}, {0x10deu, 0u, false, false},
        {0x13b5u, 0u, false, false},  {0x1010u, 0u, false, false},
    };
    for (uint32_t i = 0; i < COUNT(classes); ++i) {
        usable_device device;
        ck_assert(fabricate_usable_device(FABRICATED_GCN_POLARIS, &device));
        device.snapshot.vendor_id = classes[i].vendor;
        device.snapshot.driver_id = classes[i].driver;
        ck_assert_str_eq(first_choice(&device, OCTAVO_PHASE_DECODE, 3u), "f32_subgroup"); /* without f16 */
        device.capabilities |= OCTAVO_CAPABILITY_FLOAT16;
        ck_assert_str_eq(first_choice(&device, OCTAVO_PHASE_DECODE, 3u),
                         classes[i].decode ? "f16_subgroup" : "f32_subgroup");
        ck_assert_str_eq(first_choice(&device, OCTAVO_PHASE_PREFILL, 3u),
                         classes[i].prefill ? "prefill_f16" : "prefill_f32");
        ck_assert_str_eq(first_choice(&device, OCTAVO_PHASE_DECODE, 16u), "f32_subgroup"); /* no codes */
        device.capabilities |= OCTAVO_CAPABILITY_INT_DOT;
        device.snapshot.int_dot_accelerated = VK_TRUE;
        ck_assert_str_eq(first_choice(&device, OCTAVO_PHASE_DECODE, 3u), "int8_subgroup");
    }
}
END_TEST

START_TEST(keys_and_values_go_together_where_they_can) {
    octavo_device_snapshot few = {0}, enough = {0};
    few.max_stage_storage_buffers = 4u;
    enough.max_stage_storage_buffers = 5u;
    octavo_packed_layout equal = octavo_packed_layout_make(1u, 8u, 120u, 128u, 3u, 3u);
    octavo_packed_layout other_bits = octavo_packed_layout_make(1u, 8u, 128u, 128u, 4u, 3u);
    octavo_packed_layout other_dim = octavo_packed_layout_make(1u, 8u, 192u, 128u, 3u, 3u);
    ck_assert(octavo_kernel_appends_both(&enough, &equal) && !octavo_kernel_appends_both(&few, &equal));
    ck_assert(!octavo_kernel_appends_both(&enough, &other_bits) && !octavo_kernel_appends_both(&enough, &other_dim));
}
END_TEST

START_TEST(spills_by_name) {
    ck_assert(octavo_kernel_is_spill("Spill Count", 1.0));
    ck_assert(octavo_kernel_is_spill("Spilled VGPRs", 3.0));
    ck_assert(!octavo_kernel_is_spill("Spilled VGPRs", 0.0));
    ck_assert(!octavo_kernel_is_spill("Spilled SGPRs", 3.0)); /* to vector registers */
    ck_assert(!octavo_kernel_is_spill("Register Count", 255.0));
}
END_TEST

int main(void) {
    const TTest *tests[] = {order_of_variants,
                            refusals_follow_capabilities,
                            matrix_wants_its_shape,
                            matrix_wants_subgroups_of_32,
                            one_dispatch_wants_seven_buffers,
                            dots_read_one_long_list,
                            tiles_are_for_prefill,
                            many_rows_are_decoded_in_tiles,
                            few_rows_are_prefilled_by_the_walk,
                            f16_goes_before_f32_where_it_is_shorter,
                            keys_and_values_go_together_where_they_can,
                            spills_by_name};
    return run_tests("kernel_variants", tests, sizeof tests / sizeof tests[0], 60.0);
}
