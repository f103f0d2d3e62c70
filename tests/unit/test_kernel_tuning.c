/* Which variant runs on which device, and with which numbers: pure, on fabricated snapshots. */
#include "attention/kernel_pipelines.h"
#include "fabricated_devices.h"
#include "gpu/device_plan.h"
#include "run_tests.h"

#include <stdio.h>
#include <string.h>

#define RUNGS_MAX 16u
#define FLOOR_SHARED_BYTES 16384u /* what Vulkan asks of every device */
#define FLOOR_INVOCATIONS 128u

static const uint32_t all_dims[] = {32, 40, 64, 80, 96, 128, 160, 192, 224, 256};
static const uint32_t all_bits[] = {2, 3, 4, 16};
static const uint32_t all_groups[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 17, 28, 32, 64};
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

typedef struct usable_device {
    octavo_device_snapshot snapshot;
    uint32_t capabilities;
} usable_device;

/* False for the device that is refused as a whole. */
static bool open_device(uint32_t which, usable_device *device) {
    octavo_device_plan_options options = {0};
    octavo_device_plan plan;
    fabricate_device((fabricated_device)which, &device->snapshot);
    octavo_gpu_plan_device(&device->snapshot, &options, &plan);
    device->capabilities = plan.capabilities;
    return plan.usable != VK_FALSE;
}

static uint32_t variant_order(const usable_device *device, uint32_t key_bits, uint32_t value_bits,
                              uint32_t order[OCTAVO_KERNEL_VARIANT_COUNT]) {
    return octavo_kernel_variant_order(&device->snapshot, device->capabilities, key_bits, value_bits, order);
}

/* --- order -----------------------------------------------------------------------------------------------------------
 */

static void check_order(const usable_device *device, uint32_t key_bits, uint32_t value_bits) {
    uint32_t order[OCTAVO_KERNEL_VARIANT_COUNT], places[OCTAVO_KERNEL_VARIANT_COUNT];
    uint32_t count = variant_order(device, key_bits, value_bits, order);
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
        bool is_refused = octavo_kernel_variant_refusal(&octavo_kernel_variants[v], device->capabilities) != NULL;
        ck_assert_msg(is_refused == (places[v] == UINT32_MAX), "%s: %s", name, octavo_kernel_variants[v].name);
    }
    bool int_first = device->snapshot.int_dot_accelerated && (key_bits != 16u || value_bits != 16u);
    for (uint32_t i = 1; i < count; ++i) {
        const octavo_kernel_variant *before = &octavo_kernel_variants[order[i - 1u]];
        const octavo_kernel_variant *after = &octavo_kernel_variants[order[i]];
        if (before->int_dot != after->int_dot) {
            ck_assert_msg(before->int_dot == int_first, "%s K %u V %u: %s before %s", name, key_bits, value_bits,
                          before->name, after->name);
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
        if (!open_device(which, &device)) continue;
        usable += 1u;
        for (uint32_t k = 0; k < COUNT(all_bits); ++k) {
            for (uint32_t v = 0; v < COUNT(all_bits); ++v) check_order(&device, all_bits[k], all_bits[v]);
        }
    }
    ck_assert_uint_eq(usable, FABRICATED_DEVICE_COUNT - 1u);
}
END_TEST

/* A capability that is taken away takes its variants away, and the last one needs none. */
START_TEST(refusals_follow_capabilities) {
    const uint32_t need[] = {OCTAVO_CAPABILITY_INT_DOT | OCTAVO_CAPABILITY_SUBGROUP, OCTAVO_CAPABILITY_INT_DOT,
                             OCTAVO_CAPABILITY_SUBGROUP, 0u};
    static const char *const names[] = {"int8_subgroup", "int8_shared", "f32_subgroup", "f32_shared"};
    ck_assert_uint_eq(COUNT(need), OCTAVO_KERNEL_VARIANT_COUNT);
    for (uint32_t v = 0; v < COUNT(need); ++v) {
        const octavo_kernel_variant *variant = &octavo_kernel_variants[v];
        ck_assert_str_eq(variant->name, names[v]);
        ck_assert(variant->int_dot == ((need[v] & OCTAVO_CAPABILITY_INT_DOT) != 0u));
        ck_assert(variant->one_subgroup == ((need[v] & OCTAVO_CAPABILITY_SUBGROUP) != 0u));
        for (uint32_t have = 0; have < 4u; ++have) {
            uint32_t capabilities = ((have & 1u) != 0u ? (uint32_t)OCTAVO_CAPABILITY_INT_DOT : 0u) |
                                    ((have & 2u) != 0u ? (uint32_t)OCTAVO_CAPABILITY_SUBGROUP : 0u);
            bool can = octavo_kernel_variant_refusal(variant, capabilities) == NULL;
            ck_assert_msg(can == ((need[v] & ~capabilities) == 0u), "%s with capabilities %u", names[v], have);
        }
    }
}
END_TEST

/* --- numbers ---------------------------------------------------------------------------------------------------------
 */

typedef struct choice {
    const usable_device *device;
    const octavo_kernel_variant *variant;
    octavo_packed_layout layout;
    octavo_kernel_shape shape;
    uint32_t rung;
    octavo_kernel_tuning tuning;
} choice;

#define EXPECT(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition)) fail_at(c, __LINE__, #condition);                                                            \
    } while (0)

static void fail_at(const choice *c, int line, const char *condition) {
    ck_abort_msg("line %d: %s\n  %s, %s: d %u/%u bits %u/%u group %u %s rung %u: lanes %u rows %u tokens %u, %u bytes",
                 line, condition, c->device->snapshot.name, c->variant->name, c->layout.key_dim, c->layout.value_dim,
                 c->layout.key_bits, c->layout.value_bits, c->shape.group,
                 c->shape.phase == OCTAVO_PHASE_PREFILL ? "prefill" : "decode", c->rung, c->tuning.lanes,
                 c->tuning.rows, c->tuning.tokens, c->tuning.shared_bytes);
}

/* The shared arrays of walk.comp, one by one, in bytes. */
static uint32_t walk_arrays(const choice *c) {
    const octavo_kernel_tuning *t = &c->tuning;
    const octavo_packed_layout *l = &c->layout;
    bool int_keys = c->variant->int_dot && l->key_bits < 16u, int_values = c->variant->int_dot && l->value_bits < 16u;
    uint32_t rows = t->rows, parts = t->query_parts;
    uint32_t bytes = 16u * (rows * (int_keys ? parts * l->key_dim_padded / 4u : l->key_dim_padded) / 4u); /* query */
    bytes += 16u * (rows * (int_values ? 32u : 128u) / 4u);                                               /* weights */
    bytes += 16u * 8u;                                                           /* what a last chunk of it may read */
    bytes += 16u * (rows * 32u) + 4u * 128u + 4u * (rows * l->value_dim_padded); /* logits, logs, result */
    bytes += 16u * (rows * 8u) + 4u * (2u * rows) + 4u * rows;                   /* logit_max, row_max, correction */
    bytes += 3u * 4u * rows;                                                     /* row_scale, row_mean, row_position */
    /* row_offset, weight_max, weight_scale, weight_sum */
    if (c->variant->int_dot) bytes += 4u * rows + 16u * (rows * 8u) + 4u * (rows * 4u) + 4u * (2u * rows * 4u);
    return bytes + 4u * 32u + 4u * 32u; /* window_words, window_tokens */
}

static void check_numbers(const choice *c) {
    const octavo_device_snapshot *s = &c->device->snapshot;
    const octavo_kernel_tuning *t = &c->tuning;
    uint32_t quads = t->lanes < 32u ? t->lanes : 32u;
    EXPECT(t->lanes >= 4u && t->lanes <= 128u && (t->lanes & (t->lanes - 1u)) == 0u);
    EXPECT(t->lanes <= s->max_compute_work_group_invocations && t->lanes <= s->max_compute_work_group_size[0]);
    if (c->variant->one_subgroup) {
        EXPECT(t->subgroup_size == t->lanes);
        EXPECT(t->lanes >= s->min_subgroup_size && t->lanes <= s->max_subgroup_size);
    } else {
        EXPECT(t->subgroup_size == 0u);
    }
    EXPECT(t->rows > 0u && t->rows <= 8u && t->rows % (t->lanes / quads) == 0u);
    /* no more rows than there are query heads at a position, but for what the lanes ask */
    EXPECT(c->shape.phase == OCTAVO_PHASE_PREFILL || t->rows < 2u * c->shape.group || t->rows == t->lanes / quads);
    EXPECT(t->query_parts == (c->variant->int_dot && c->layout.key_bits < 16u ? 2u : 0u));
    EXPECT(t->tokens == 1u || t->tokens == 2u || t->tokens == 4u);
    EXPECT(t->shared_bytes == walk_arrays(c) && t->shared_bytes <= s->max_compute_shared_memory_size);
    EXPECT(t->workgroups > 0u && t->workgroups <= 16384u);
    /* a dispatch takes at least a tile of every KV head */
    EXPECT(t->slice_work >= UINT64_C(8) * 128u * 256u);
    EXPECT(t->merge_lanes >= 32u && t->merge_lanes <= s->max_compute_work_group_invocations);
}

static bool same_choice(const octavo_kernel_tuning *a, const octavo_kernel_tuning *b) {
    return a->rows == b->rows && a->tokens == b->tokens;
}

/* All rungs of a variant; returns how many there are. */
static uint32_t check_rungs(choice *c) {
    octavo_kernel_tuning before = {0};
    for (c->rung = 0u; c->rung < RUNGS_MAX; ++c->rung) {
        if (!octavo_kernel_tune(&c->device->snapshot, c->variant, &c->shape, c->rung, &c->tuning)) break;
        check_numbers(c);
        if (c->rung > 0u) {
            EXPECT(c->tuning.lanes == before.lanes && c->tuning.rows <= before.rows);
            EXPECT(!same_choice(&c->tuning, &before));
        }
        before = c->tuning;
    }
    EXPECT(c->rung < RUNGS_MAX); /* the ladder ends */
    octavo_kernel_tuning unused;
    EXPECT(!octavo_kernel_tune(&c->device->snapshot, c->variant, &c->shape, c->rung + 1u, &unused));
    return c->rung;
}

/* Every variant in the order of the device for a shape; returns how many can run. */
static uint32_t check_shape(const usable_device *device, const octavo_packed_layout *layout, uint32_t group,
                            octavo_phase phase) {
    uint32_t order[OCTAVO_KERNEL_VARIANT_COUNT], runnable = 0u;
    uint32_t count = variant_order(device, layout->key_bits, layout->value_bits, order);
    for (uint32_t i = 0; i < count; ++i) {
        choice c = {0};
        c.device = device;
        c.variant = &octavo_kernel_variants[order[i]];
        c.layout = *layout;
        c.shape = (octavo_kernel_shape){&c.layout, group, phase};
        runnable += check_rungs(&c) > 0u ? 1u : 0u;
    }
    return runnable;
}

static void check_device(const usable_device *device) {
    for (uint32_t i = 0; i < COUNT(all_dims) * COUNT(all_dims) * COUNT(all_bits) * COUNT(all_bits); ++i) {
        uint32_t key_dim = all_dims[i % COUNT(all_dims)], value_dim = all_dims[i / COUNT(all_dims) % COUNT(all_dims)];
        uint32_t bits = (uint32_t)(i / (COUNT(all_dims) * COUNT(all_dims)));
        octavo_packed_layout layout = octavo_packed_layout_make(
            1u, 8u, key_dim, value_dim, all_bits[bits % COUNT(all_bits)], all_bits[bits / COUNT(all_bits)]);
        for (uint32_t g = 0; g < COUNT(all_groups); ++g) {
            uint32_t decode = check_shape(device, &layout, all_groups[g], OCTAVO_PHASE_DECODE);
            uint32_t prefill = check_shape(device, &layout, all_groups[g], OCTAVO_PHASE_PREFILL);
            ck_assert_msg(decode > 0u && prefill > 0u, "%s: nothing runs for d %u/%u bits %u/%u group %u",
                          device->snapshot.name, key_dim, value_dim, layout.key_bits, layout.value_bits, all_groups[g]);
        }
    }
}

START_TEST(numbers_obey_the_limits) {
    for (uint32_t which = 0; which < FABRICATED_DEVICE_COUNT; ++which) {
        usable_device device;
        if (open_device(which, &device)) check_device(&device);
    }
}
END_TEST

/* Each vendor's row on the least that Vulkan asks of a device, at each subgroup size. */
START_TEST(numbers_obey_the_floor_of_vulkan) {
    static const uint32_t vendors[] = {0x1002, 0x10de, 0x8086, 0x13b5, 0x5143, 0x1010};
    for (uint32_t v = 0; v < COUNT(vendors); ++v) {
        for (uint32_t size = 1u; size <= 128u; size *= 2u) {
            usable_device device;
            open_device(FABRICATED_ANDROID_2021, &device);
            octavo_device_snapshot *s = &device.snapshot;
            s->vendor_id = vendors[v];
            s->subgroup_size = s->min_subgroup_size = s->max_subgroup_size = size;
            ck_assert_uint_eq(s->max_compute_shared_memory_size, FLOOR_SHARED_BYTES);
            ck_assert_uint_eq(s->max_compute_work_group_invocations, FLOOR_INVOCATIONS);
            device.capabilities = OCTAVO_CAPABILITY_INT_DOT | OCTAVO_CAPABILITY_SUBGROUP;
            check_device(&device);
            device.capabilities = 0u; /* then the last variant is the only one */
            check_device(&device);
        }
    }
}
END_TEST

/* --- the other kernels -----------------------------------------------------------------------------------------------
 */

static uint32_t constant_of(const octavo_gpu_pipeline_info *info, uint32_t id) {
    for (uint32_t i = 0; i < info->constant_count; ++i) {
        if (info->constant_ids[i] == id) return info->constant_values[i];
    }
    ck_abort_msg("%s has no specialisation constant %u", info->name, id);
    return 0u;
}

static void check_pipeline(const octavo_gpu_pipeline_info *info, uint32_t lanes_max) {
    uint32_t lanes = constant_of(info, OCTAVO_SPEC_LOCAL_SIZE);
    ck_assert_msg(lanes > 0u && lanes <= lanes_max, "%s: %u lanes of %u", info->name, lanes, lanes_max);
    ck_assert_msg(info->binding_count <= OCTAVO_GPU_MIN_STORAGE_BUFFERS, "%s: %u buffers", info->name,
                  info->binding_count);
    ck_assert_msg(info->push_constant_bytes <= OCTAVO_GPU_MIN_PUSH_CONSTANTS, "%s: %u bytes of push constants",
                  info->name, info->push_constant_bytes);
}

/* The shared arrays of rotate.comp: rows, transformed, tried, partial, row_largest, row_sums. */
static uint32_t rotate_arrays(uint32_t dim, uint32_t rows, uint32_t lanes) {
    return 2u * 4u * rows * dim + 8u * rows * OCTAVO_STEP_COUNT + 4u * lanes + 2u * 4u * rows;
}

/* Those of merge.comp: rows, group_rows, lane_values. */
static uint32_t merge_arrays(uint32_t dim, uint32_t lanes) {
    uint32_t groups = lanes > dim ? lanes / dim : 1u;
    return 4u * dim + 4u * groups * dim + 4u * lanes;
}

/* Lines of a shader that declare shared memory: who adds one, adds it to the sums of this file too. */
static uint32_t count_shared_arrays(const char *shader) {
    char path[1024], line[1024];
    uint32_t count = 0u;
    snprintf(path, sizeof path, "%s/shaders/%s", OCTAVO_SOURCE_DIR, shader);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s cannot be read", path);
    while (fgets(line, sizeof line, file) != NULL) count += strncmp(line, "shared ", 7u) == 0 ? 1u : 0u;
    fclose(file);
    return count;
}

START_TEST(shared_arrays_are_known) {
    ck_assert_uint_eq(count_shared_arrays("walk.comp"), 17u);
    ck_assert_uint_eq(count_shared_arrays("rotate.comp"), 6u);
    ck_assert_uint_eq(count_shared_arrays("merge.comp"), 3u);
    ck_assert_uint_eq(count_shared_arrays("pack.comp"), 0u);
}
END_TEST

START_TEST(other_kernels_obey_the_floor_of_vulkan) {
    for (uint32_t dim = 32u; dim <= 256u; dim += 32u) {
        for (uint32_t parts = 0; parts <= 2u; ++parts) {
            octavo_gpu_pipeline_info rotate = octavo_kernel_rotate_info(dim, 3u, parts);
            uint32_t rows = constant_of(&rotate, OCTAVO_SPEC_ROWS),
                     lanes = constant_of(&rotate, OCTAVO_SPEC_LOCAL_SIZE);
            check_pipeline(&rotate, FLOOR_INVOCATIONS);
            ck_assert_uint_eq(constant_of(&rotate, OCTAVO_SPEC_KEY_PAD), dim);
            ck_assert_uint_eq(rows, parts == 0u ? 4u : 1u);
            ck_assert_uint_eq(octavo_kernel_rotate_rows(parts), rows);
            ck_assert_uint_eq(lanes % rows, 0u); /* LANES_PER_ROW is whole */
            ck_assert_uint_le(rotate_arrays(dim, rows, lanes), FLOOR_SHARED_BYTES);
        }
        for (uint32_t which = 0; which < FABRICATED_DEVICE_COUNT; ++which) {
            usable_device device;
            if (!open_device(which, &device)) continue;
            octavo_packed_layout layout = octavo_packed_layout_make(1u, 8u, dim, dim, 3u, 3u);
            octavo_kernel_shape shape = {&layout, 4u, OCTAVO_PHASE_DECODE};
            octavo_kernel_tuning tuning;
            uint32_t order[OCTAVO_KERNEL_VARIANT_COUNT];
            variant_order(&device, 3u, 3u, order);
            const octavo_kernel_variant *variant = &octavo_kernel_variants[order[0]];
            ck_assert(octavo_kernel_tune(&device.snapshot, variant, &shape, 0u, &tuning));
            octavo_gpu_pipeline_info infos[] = {octavo_kernel_walk_info(&layout, variant, &tuning),
                                                octavo_kernel_merge_info(&layout, &tuning),
                                                octavo_kernel_pack_info(&layout)};
            for (uint32_t i = 0; i < COUNT(infos); ++i) {
                /* the merge takes what the device has; walk and pack run everywhere */
                bool is_merge = i == 1u;
                check_pipeline(&infos[i],
                               is_merge ? device.snapshot.max_compute_work_group_invocations : FLOOR_INVOCATIONS);
                ck_assert_uint_eq(constant_of(&infos[i], OCTAVO_SPEC_VALUE_PAD), dim);
            }
            ck_assert_uint_eq(infos[0].required_subgroup_size, tuning.subgroup_size);
            ck_assert_uint_eq(constant_of(&infos[0], OCTAVO_SPEC_LOCAL_SIZE), tuning.lanes);
            ck_assert_uint_eq(constant_of(&infos[0], OCTAVO_SPEC_ROWS), tuning.rows);
            ck_assert_uint_eq(constant_of(&infos[1], OCTAVO_SPEC_ROWS), tuning.rows);
            ck_assert_uint_le(merge_arrays(dim, tuning.merge_lanes), FLOOR_SHARED_BYTES);
        }
    }
}
END_TEST

/* --- the table -------------------------------------------------------------------------------------------------------
 */

typedef struct expected_choice {
    fabricated_device device;
    const char *packed, *f16; /* the first variant for 3 bits, and for f16 pages */
    uint32_t lanes, decode_rows, prefill_rows;
    uint32_t tokens;
} expected_choice;

/* d 128, K and V of 3 bits, 4 query heads for each KV head. */
static const expected_choice table[] = {
    {FABRICATED_ANDROID_2021, "f32_shared", "f32_shared", 32u, 4u, 4u, 1u},
    {FABRICATED_ANDROID_2022, "f32_shared", "f32_shared", 32u, 4u, 4u, 1u},
    {FABRICATED_ADRENO_630, "f32_shared", "f32_shared", 32u, 4u, 4u, 1u}, /* sizes 64 and 128, no control */
    {FABRICATED_ADRENO_740, "f32_subgroup", "f32_subgroup", 64u, 4u, 4u, 1u},
    {FABRICATED_MALI_G52, "f32_shared", "f32_shared", 32u, 4u, 4u, 1u}, /* no subgroup arithmetic */
    {FABRICATED_MALI_G610, "int8_subgroup", "f32_subgroup", 16u, 4u, 4u, 1u},
    {FABRICATED_POWERVR_BXM, "f32_shared", "f32_shared", 32u, 4u, 4u, 1u},
    {FABRICATED_INTEL_TGL, "int8_subgroup", "f32_subgroup", 8u, 4u, 4u, 1u}, /* SIMD16 spills */
    {FABRICATED_INTEL_DG2, "int8_subgroup", "f32_subgroup", 8u, 4u, 4u, 1u},
    {FABRICATED_GCN_POLARIS, "f32_subgroup", "f32_subgroup", 64u, 4u, 8u, 2u}, /* no dot instruction */
    {FABRICATED_RDNA3, "int8_subgroup", "f32_subgroup", 32u, 4u, 8u, 2u},
    {FABRICATED_TURING, "int8_subgroup", "f32_subgroup", 32u, 4u, 8u, 4u},
    {FABRICATED_HOPPER, "int8_subgroup", "f32_subgroup", 32u, 4u, 8u, 4u},
    {FABRICATED_LAVAPIPE, "f32_subgroup", "f32_subgroup", 8u, 4u, 4u, 2u},
    {FABRICATED_SWIFTSHADER, "f32_subgroup", "f32_subgroup", 4u, 4u, 4u, 2u},
};

START_TEST(named_choices) {
    ck_assert_uint_eq(COUNT(table), FABRICATED_DEVICE_COUNT - 1u);
    for (uint32_t i = 0; i < COUNT(table); ++i) {
        const expected_choice *expected = &table[i];
        usable_device device;
        uint32_t order[OCTAVO_KERNEL_VARIANT_COUNT];
        ck_assert(open_device(expected->device, &device));
        octavo_packed_layout layout = octavo_packed_layout_make(1u, 8u, 128u, 128u, 3u, 3u);
        variant_order(&device, 16u, 16u, order);
        const char *f16 = octavo_kernel_variants[order[0]].name;
        variant_order(&device, 3u, 3u, order);
        const octavo_kernel_variant *variant = &octavo_kernel_variants[order[0]];
        octavo_kernel_tuning decode, prefill;
        octavo_kernel_shape shape = {&layout, 4u, OCTAVO_PHASE_DECODE};
        ck_assert(octavo_kernel_tune(&device.snapshot, variant, &shape, 0u, &decode));
        shape.phase = OCTAVO_PHASE_PREFILL;
        ck_assert(octavo_kernel_tune(&device.snapshot, variant, &shape, 0u, &prefill));
        bool is_expected = strcmp(variant->name, expected->packed) == 0 && strcmp(f16, expected->f16) == 0 &&
                           decode.lanes == expected->lanes && decode.rows == expected->decode_rows &&
                           prefill.rows == expected->prefill_rows && decode.tokens == expected->tokens;
        ck_assert_msg(is_expected, "%s: %s, f16 %s, %u lanes, %u and %u rows, %u tokens", device.snapshot.name,
                      variant->name, f16, decode.lanes, decode.rows, prefill.rows, decode.tokens);
    }
}
END_TEST

/* The least device: a machine that only has what Vulkan asks runs the widest shape, by the plainest variant. */
START_TEST(widest_shape_on_the_least_device) {
    usable_device device;
    uint32_t order[OCTAVO_KERNEL_VARIANT_COUNT];
    ck_assert(open_device(FABRICATED_ANDROID_2021, &device));
    ck_assert_uint_eq(variant_order(&device, 16u, 16u, order), 1u);
    choice c = {0};
    c.device = &device;
    c.variant = &octavo_kernel_variants[order[0]];
    c.layout = octavo_packed_layout_make(1u, 8u, 256u, 256u, 16u, 16u);
    c.shape = (octavo_kernel_shape){&c.layout, 64u, OCTAVO_PHASE_PREFILL};
    ck_assert(octavo_kernel_tune(&device.snapshot, c.variant, &c.shape, 0u, &c.tuning));
    ck_assert_str_eq(c.variant->name, "f32_shared");
    check_numbers(&c);
    ck_assert_uint_ge(c.tuning.rows, 2u);
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
    const TTest *tests[] = {order_of_variants,       refusals_follow_capabilities,
                            numbers_obey_the_limits, numbers_obey_the_floor_of_vulkan,
                            shared_arrays_are_known, other_kernels_obey_the_floor_of_vulkan,
                            named_choices,           widest_shape_on_the_least_device,
                            spills_by_name};
    return run_tests("kernel_tuning", tests, sizeof tests / sizeof tests[0], 300.0);
}
