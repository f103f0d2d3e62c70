/* With which numbers a variant runs on which device: pure, on fabricated snapshots. */
#include "attention/kernel_pipelines.h"
#include "expect.h"
#include "fabricated_devices.h"
#include "gpu/device_plan.h"
#include "run_tests.h"
#include "shader_modules.h"
#include "spirv_shared_memory.h"

#include <stdio.h>
#include <string.h>

#define RUNGS_MAX 16u
#define FLOOR_SHARED_BYTES 16384u /* what Vulkan asks of every device */
#define FLOOR_INVOCATIONS 128u

static const uint32_t all_dims[] = {32, 40, 64, 80, 96, 128, 160, 192, 224, 256};
static const uint32_t all_bits[] = {2, 3, 4, 16};
static const uint32_t all_groups[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 17, 28, 32, 64};
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static uint32_t variant_order(const usable_device *device, octavo_phase phase, uint32_t key_bits, uint32_t value_bits,
                              uint32_t order[OCTAVO_KERNEL_VARIANT_COUNT]) {
    octavo_packed_layout layout = octavo_packed_layout_make(1u, 8u, 128u, 128u, key_bits, value_bits);
    bool many = phase == OCTAVO_PHASE_PREFILL;
    octavo_kernel_shape shape = {&layout, 4u, many ? 512u : 1u, many ? 0u : 1u, phase, 0u, 0u, false};
    return octavo_kernel_variant_order(&device->snapshot, device->capabilities, &shape, order);
}

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

/* Shared memory of a pipeline, from the declarations in its module; remembered, since shapes come to the same one. */
static uint64_t declared_bytes(const octavo_gpu_pipeline_info *info) {
    static struct {
        uint64_t key;
        uint32_t bytes;
    } known[1u << 19];
    uint64_t key = (uint64_t)(uintptr_t)info->code | 1u;
    for (uint32_t i = 0; i < info->constant_count; ++i) {
        if (info->constant_ids[i] == OCTAVO_SPEC_LOGITS) continue; /* no array's size */
        key = (key ^ (uint64_t)info->constant_ids[i] << 32 ^ info->constant_values[i]) * UINT64_C(0x9e3779b97f4a7c15);
        key ^= key >> 29;
    }
    uint32_t place = (uint32_t)(key % COUNT(known)), steps = 0u;
    for (; known[place].key != 0u && known[place].key != key; place = (place + 1u) % COUNT(known)) {
        expect_msg(++steps < COUNT(known), "more pipelines than places for them");
    }
    if (known[place].key != key) {
        octavo_test_shared_memory shared = octavo_test_shared_memory_of(
            info->code, info->code_bytes / 4u, info->constant_count, info->constant_ids, info->constant_values);
        expect_msg(shared.problem == NULL, "%s: %s", info->name, shared.problem);
        known[place].key = key;
        known[place].bytes = (uint32_t)shared.bytes;
    }
    return known[place].bytes;
}

/* A workgroup of several subgroups, whose query tiles are as many rows as a matrix has, or fewer. */
static void check_matrix(const choice *c) {
    const octavo_device_snapshot *s = &c->device->snapshot;
    const octavo_kernel_tuning *t = &c->tuning;
    bool emulated = c->variant->arithmetic == OCTAVO_KERNEL_EMULATED_MATRIX;
    EXPECT(t->lanes > 0u && t->lanes % 32u == 0u && (!emulated || t->lanes == 32u));
    EXPECT(t->subgroup_size == (emulated ? 0u : 32u));
    uint32_t subgroups = s->max_compute_workgroup_subgroups; /* 0: not told */
    EXPECT(emulated || subgroups == 0u || t->lanes <= 32u * subgroups);
    EXPECT(t->rows > 0u && (t->rows & (t->rows - 1u)) == 0u);
    if (c->variant->source ==
        OCTAVO_KERNEL_PREFILL_MATRIX) { /* blocks of 16 rows, whose results a subgroup holds in registers */
        EXPECT(t->rows % (16u * t->teams) == 0u);
        EXPECT(t->rows / t->teams * c->layout.value_dim_padded <= 4096u && t->rows / t->teams <= 64u);
        EXPECT(t->whole_lists && t->one_share);
    } else {
        EXPECT(t->rows <= 16u);
    }
    EXPECT(c->shape.phase == OCTAVO_PHASE_PREFILL || t->rows < 2u * c->shape.group * c->shape.query_tokens);
    EXPECT(t->query_parts == 0u);
    EXPECT(t->fused && 32u * t->teams == t->lanes);
}

/* A workgroup of subgroups that cover the rows of a query tile and all channels, each with whole matrices. */
static void check_tiles(const choice *c) {
    const octavo_kernel_tuning *t = &c->tuning;
    const octavo_tile_numbers *n = &t->tiles;
    bool emulated = c->variant->arithmetic == OCTAVO_KERNEL_EMULATED_MATRIX;
    EXPECT((n->m == 8u || n->m == 16u) && (n->n == 8u || n->n == 16u) && (n->k == 8u || n->k == 16u));
    EXPECT(t->lanes == n->subgroup * n->row_teams * n->column_teams && t->teams == n->row_teams * n->column_teams);
    EXPECT(t->subgroup_size == (emulated ? 0u : n->subgroup));
    EXPECT(emulated || (n->subgroup >= c->device->snapshot.min_subgroup_size &&
                        n->subgroup <= c->device->snapshot.max_subgroup_size));
    uint32_t subgroups = c->device->snapshot.max_compute_workgroup_subgroups; /* 0: not told */
    EXPECT(emulated || subgroups == 0u || t->teams <= subgroups);
    EXPECT(t->rows == n->m * n->row_teams && t->lanes % t->rows == 0u);
    EXPECT(n->block == 16u || n->block == 32u);
    EXPECT(n->hold_query == 0u || c->layout.key_dim_padded <= 128u);
    EXPECT(!t->fused && t->query_half && t->query_parts == 0u);
}

/* Eight lanes a row, each with some rows of results, in as many registers as an eighth of the channels times the rows.
 */
static void check_prefill(const choice *c) {
    const octavo_kernel_tuning *t = &c->tuning;
    EXPECT(t->lanes >= 8u && t->lanes <= 128u && (t->lanes & (t->lanes - 1u)) == 0u);
    EXPECT(t->subgroup_size == 0u && t->teams == 1u && !t->fused && t->tokens == 0u);
    EXPECT(t->rows <= 64u && t->rows % (t->lanes / 8u) == 0u && (t->rows & (t->rows - 1u)) == 0u);
    EXPECT(c->device->snapshot.type == VK_PHYSICAL_DEVICE_TYPE_CPU ||
           t->rows * c->layout.value_dim_padded / t->lanes <= 64u);
    EXPECT(t->query_parts == (octavo_kernel_int_query(c->variant, &c->layout) ? 2u : 0u));
    EXPECT(t->query_half == octavo_kernel_half_query(c->variant, &c->layout));
}

static void check_walk(const choice *c) {
    const octavo_device_snapshot *s = &c->device->snapshot;
    const octavo_kernel_tuning *t = &c->tuning;
    uint32_t lanes = t->lanes / t->teams, quads = lanes < 32u ? lanes : 32u;
    EXPECT(lanes >= 4u && lanes <= 128u && (lanes & (lanes - 1u)) == 0u && lanes * t->teams == t->lanes);
    if (c->variant->one_subgroup) {
        EXPECT(t->subgroup_size == lanes);
        EXPECT(lanes >= s->min_subgroup_size && lanes <= s->max_subgroup_size);
    } else {
        EXPECT(t->subgroup_size == 0u);
    }
    EXPECT(t->teams > 0u && (t->teams == 1u || (t->fused && c->variant->one_subgroup)));
    EXPECT(s->max_compute_workgroup_subgroups == 0u || t->teams <= s->max_compute_workgroup_subgroups);
    /* one dispatch: of decoding, on a device that binds so much */
    EXPECT(!t->fused || (c->shape.phase == OCTAVO_PHASE_DECODE && s->max_stage_storage_buffers >= 7u));
    EXPECT(t->rows > 0u && t->rows <= 4u && t->rows % (lanes / quads) == 0u);
    /* no more rows than there are, but for what the lanes ask */
    EXPECT(c->shape.phase == OCTAVO_PHASE_PREFILL || t->rows < 2u * c->shape.group * c->shape.query_tokens ||
           t->rows == lanes / quads);
    bool int_query = c->variant->arithmetic == OCTAVO_KERNEL_INT_DOT && c->layout.key_bits < 16u;
    EXPECT(t->query_parts == (int_query ? 2u : 0u));
    EXPECT(octavo_kernel_int_query(c->variant, &c->layout) == int_query);
    EXPECT(t->query_half == (c->variant->arithmetic == OCTAVO_KERNEL_HALF && c->layout.key_bits < 16u));
    EXPECT(t->tokens == 1u || t->tokens == 2u || t->tokens == 4u);
}

static void check_numbers(const choice *c) {
    const octavo_device_snapshot *s = &c->device->snapshot;
    const octavo_kernel_tuning *t = &c->tuning;
    octavo_gpu_pipeline_info walk = octavo_kernel_walk_info(&c->layout, c->variant, t);
    EXPECT(t->lanes <= s->max_compute_work_group_invocations && t->lanes <= s->max_compute_work_group_size[0]);
    if (c->variant->source == OCTAVO_KERNEL_PREFILL_TILES)
        check_tiles(c);
    else if (octavo_kernel_has_one_dispatch(c->variant))
        check_matrix(c);
    else if (octavo_kernel_is_for_prefill(c->variant))
        check_prefill(c);
    else
        check_walk(c);
    uint64_t declared = declared_bytes(&walk);
    if (t->shared_bytes != declared) {
        char text[64];
        snprintf(text, sizeof text, "the module declares %llu bytes", (unsigned long long)declared);
        fail_at(c, __LINE__, text);
    }
    EXPECT(t->shared_bytes <= s->max_compute_shared_memory_size);
    EXPECT(t->logits == c->shape.logits);
    EXPECT(t->workgroups > 0u && t->workgroups <= 16384u);
    /* a dispatch takes at least a tile of every KV head */
    EXPECT(t->slice_work >= UINT64_C(16) * 128u * 256u);
    /* only what llvmpipe runs is bounded: its loops end after 65535 iterations */
    bool is_bounded = s->type == VK_PHYSICAL_DEVICE_TYPE_CPU || c->variant->arithmetic == OCTAVO_KERNEL_EMULATED_MATRIX;
    EXPECT(is_bounded == (t->tiles_max != 0u) && t->tiles_max <= 512u);
    EXPECT(t->merge_lanes >= 32u && t->merge_lanes <= s->max_compute_work_group_invocations);
}

static bool same_choice(const octavo_kernel_tuning *a, const octavo_kernel_tuning *b) {
    return a->rows == b->rows && a->lanes == b->lanes && a->tokens == b->tokens && a->fused == b->fused &&
           memcmp(&a->tiles, &b->tiles, sizeof a->tiles) == 0;
}

/* All rungs of a variant; returns how many there are. */
static uint32_t check_rungs(choice *c) {
    octavo_kernel_tuning before = {0};
    for (c->rung = 0u; c->rung < RUNGS_MAX; ++c->rung) {
        if (!octavo_kernel_tune(&c->device->snapshot, c->variant, &c->shape, c->rung, &c->tuning)) break;
        check_numbers(c);
        if (c->rung > 0u) {
            EXPECT(c->tuning.subgroup_size == before.subgroup_size && c->tuning.rows <= before.rows);
            /* each numbers in one dispatch and then in three */
            EXPECT(octavo_kernel_has_one_dispatch(c->variant) || !before.fused ||
                   (!c->tuning.fused && c->tuning.rows == before.rows && c->tuning.tokens == before.tokens));
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
                            uint32_t query_tokens, octavo_phase phase) {
    uint32_t order[OCTAVO_KERNEL_VARIANT_COUNT], runnable = 0u;
    uint32_t count = variant_order(device, phase, layout->key_bits, layout->value_bits, order);
    for (uint32_t i = 0; i < count; ++i) {
        choice c = {0};
        c.device = device;
        c.variant = &octavo_kernel_variants[order[i]];
        c.layout = *layout;
        c.shape = (octavo_kernel_shape){
            &c.layout, group, query_tokens, 0u, phase, group % 4u, (uint64_t)(group % 3u) << 20, false};
        runnable += check_rungs(&c) > 0u ? 1u : 0u;
    }
    return runnable;
}

/* Every step-th shape from the first on. */
static void check_device(const usable_device *device, uint32_t first, uint32_t step) {
    for (uint32_t i = 0; i < COUNT(all_dims) * COUNT(all_dims) * COUNT(all_bits) * COUNT(all_bits); ++i) {
        uint32_t key_dim = all_dims[i % COUNT(all_dims)], value_dim = all_dims[i / COUNT(all_dims) % COUNT(all_dims)];
        uint32_t bits = (uint32_t)(i / (COUNT(all_dims) * COUNT(all_dims)));
        octavo_packed_layout layout = octavo_packed_layout_make(
            1u, 8u, key_dim, value_dim, all_bits[bits % COUNT(all_bits)], all_bits[bits / COUNT(all_bits)]);
        for (uint32_t g = (first + i) % step; g < COUNT(all_groups); g += step) {
            uint32_t decode = check_shape(device, &layout, all_groups[g], 1u + i % 3u, OCTAVO_PHASE_DECODE);
            uint32_t prefill = check_shape(device, &layout, all_groups[g], 17u + i % 500u, OCTAVO_PHASE_PREFILL);
            expect_msg(decode > 0u && prefill > 0u, "%s: nothing runs for d %u/%u bits %u/%u group %u",
                       device->snapshot.name, key_dim, value_dim, layout.key_bits, layout.value_bits, all_groups[g]);
        }
    }
}

/* Every other device. */
START_TEST(numbers_obey_the_limits) {
    for (uint32_t which = (uint32_t)_i; which < FABRICATED_DEVICE_COUNT; which += 2u) {
        usable_device device;
        if (fabricate_usable_device((fabricated_device)which, &device)) check_device(&device, 0u, 1u);
    }
}
END_TEST

/* Each vendor's row on the least that Vulkan asks of a device, at each subgroup size: at each of the eight a quarter of
 * the shapes, another one at the next, so that a vendor's row meets all of them twice, with and without capabilities.
 */
START_TEST(numbers_obey_the_floor_of_vulkan) {
    static const uint32_t vendors[] = {0x1002, 0x10de, 0x8086, 0x13b5, 0x5143, 0x1010};
    for (uint32_t v = 0; v < COUNT(vendors); ++v) {
        for (uint32_t power = 0; power < 8u; ++power) {
            uint32_t size = 1u << power;
            usable_device device;
            fabricate_usable_device(FABRICATED_ANDROID_2021, &device);
            octavo_device_snapshot *s = &device.snapshot;
            s->vendor_id = vendors[v];
            s->subgroup_size = s->min_subgroup_size = s->max_subgroup_size = size;
            ck_assert_uint_eq(s->max_compute_shared_memory_size, FLOOR_SHARED_BYTES);
            ck_assert_uint_eq(s->max_compute_work_group_invocations, FLOOR_INVOCATIONS);
            device.capabilities = OCTAVO_CAPABILITY_INT_DOT | OCTAVO_CAPABILITY_SUBGROUP;
            check_device(&device, power, 4u);
            device.capabilities = 0u; /* then the last variant is the only one */
            check_device(&device, power, 4u);
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

static void check_pipeline(const octavo_gpu_pipeline_info *info, uint32_t lanes_max, uint32_t buffers_max) {
    uint32_t lanes = constant_of(info, OCTAVO_SPEC_LOCAL_SIZE);
    ck_assert_msg(lanes > 0u && lanes <= lanes_max, "%s: %u lanes of %u", info->name, lanes, lanes_max);
    ck_assert_msg(info->binding_count > 0u && info->binding_count <= buffers_max, "%s: %u buffers", info->name,
                  info->binding_count);
    ck_assert_msg(info->push_constant_bytes <= OCTAVO_GPU_MIN_PUSH_CONSTANTS, "%s: %u bytes of push constants",
                  info->name, info->push_constant_bytes);
}

/* Shared arrays that a file of shaders/ declares: "shared TYPE name[..], name[..];", one line each. */
static uint32_t count_shared_arrays(const char *shader) {
    char path[1024], line[1024];
    uint32_t count = 0u;
    snprintf(path, sizeof path, "%s/shaders/%s", OCTAVO_SOURCE_DIR, shader);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s cannot be read", path);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "shared ", 7u) != 0) continue;
        count += 1u;
        for (const char *at = line; *at != ';' && *at != '\0'; ++at) count += *at == ',' ? 1u : 0u;
    }
    fclose(file);
    return count;
}

static void check_arrays(uint32_t checked_in, uint32_t emulated, const char *source, const char *emulation_source) {
    uint32_t arrays = count_shared_arrays(source), emulation = count_shared_arrays(emulation_source);
    ck_assert(arrays > 0u && emulation > 0u);
    const uint32_t modules[] = {checked_in, emulated};
    for (uint32_t i = 0; i < COUNT(modules); ++i) {
        const octavo_shader_module *module = &octavo_shader_modules[modules[i]];
        octavo_test_shared_memory shared =
            octavo_test_shared_memory_of(module->words, module->size / 4u, 0u, NULL, NULL);
        ck_assert_msg(shared.problem == NULL, "%s: %s", module->name, shared.problem);
        ck_assert_msg(shared.variables == (i == 0u ? arrays : arrays + emulation),
                      "%s: %u shared arrays in the module, %u in %s, %u of the emulation", module->name,
                      shared.variables, arrays, source, emulation);
    }
}

/* The checked-in modules have the arrays that their sources have; the emulations have more. */
START_TEST(checked_in_module_has_the_arrays_of_its_source) {
    check_arrays(OCTAVO_SHADER_WALK_MATRIX, OCTAVO_SHADER_WALK_MATRIX_EMULATED, "walk_matrix.comp",
                 "lib/fragments.glsl");
    check_arrays(OCTAVO_SHADER_PREFILL_TILES, OCTAVO_SHADER_PREFILL_TILES_EMULATED, "prefill_tiles.comp",
                 "lib/matrix_tile_products.glsl");
}
END_TEST

/* What a cache compiles on the least that Vulkan asks of a device, for each width of the codes. */
static void check_append(uint32_t dim, uint32_t role) {
    for (uint32_t i = 0; i < 6u; ++i) {
        uint32_t bits = 2u + i % 3u, subgroup_size = i < 3u ? 0u : 32u;
        uint32_t row_lanes = subgroup_size != 0u && dim <= 128u ? 8u : 16u;
        octavo_packed_layout layout = octavo_packed_layout_make(1u, 8u, dim, dim, bits, bits);
        octavo_gpu_pipeline_info append = octavo_kernel_append_info(&layout, i % 2u == 0u, role, subgroup_size);
        bool both = role == OCTAVO_APPEND_BOTH;
        check_pipeline(&append, FLOOR_INVOCATIONS, OCTAVO_GPU_MIN_STORAGE_BUFFERS + (both ? 1u : 0u));
        ck_assert_uint_eq(constant_of(&append, OCTAVO_SPEC_VALUE_PAD), dim);
        ck_assert_uint_eq(constant_of(&append, OCTAVO_SPEC_APPEND_ROLE), role);
        ck_assert_uint_eq(constant_of(&append, OCTAVO_SPEC_APPEND_TRANSFORMS), i % 2u == 0u ? 1u : 0u);
        ck_assert_uint_eq(constant_of(&append, OCTAVO_SPEC_APPEND_ROW_LANES), row_lanes);
        ck_assert_uint_eq(constant_of(&append, OCTAVO_SPEC_LOCAL_SIZE), 8u * row_lanes);
        ck_assert_uint_eq(append.required_subgroup_size, subgroup_size);
        ck_assert_uint_gt(declared_bytes(&append), 4u * 17u * dim / 32u * 8u);
        ck_assert_uint_le(declared_bytes(&append), FLOOR_SHARED_BYTES);
    }
}

/* The other form, of the next rung: within what Vulkan asks of every device. */
static void check_three_dispatches(const usable_device *device, const octavo_kernel_variant *variant,
                                   const octavo_packed_layout *layout, const octavo_kernel_shape *shape) {
    octavo_kernel_tuning tuning;
    ck_assert(octavo_kernel_tune(&device->snapshot, variant, shape, 1u, &tuning));
    ck_assert(!tuning.fused && tuning.teams == 1u);
    octavo_gpu_pipeline_info walk = octavo_kernel_walk_info(layout, variant, &tuning);
    octavo_gpu_pipeline_info merge = octavo_kernel_merge_info(layout, &tuning);
    ck_assert_ptr_eq(walk.code, octavo_shader_modules[variant->module].words);
    check_pipeline(&walk, FLOOR_INVOCATIONS, OCTAVO_GPU_MIN_STORAGE_BUFFERS);
    check_pipeline(&merge, device->snapshot.max_compute_work_group_invocations, OCTAVO_GPU_MIN_STORAGE_BUFFERS);
}

/* What a plan of a variant compiles, for d 'dim', 3 bits. */
static void check_pipelines(const usable_device *device, const octavo_kernel_variant *variant, uint32_t dim) {
    const octavo_device_snapshot *s = &device->snapshot;
    octavo_packed_layout layout = octavo_packed_layout_make(1u, 8u, dim, dim, 3u, 3u);
    octavo_phase phase = octavo_kernel_is_for_prefill(variant) ? OCTAVO_PHASE_PREFILL : OCTAVO_PHASE_DECODE;
    octavo_kernel_shape shape = {&layout, 4u, 1u, 0u, phase, OCTAVO_LOGITS_SOFTCAP, 0u, false};
    octavo_kernel_tuning tuning;
    bool tunes = octavo_kernel_tune(s, variant, &shape, 0u, &tuning);
    if (!tunes && variant->source == OCTAVO_KERNEL_PREFILL_TILES)
        return; /* its shared memory: see fewer_rows_where_.. */
    ck_assert(tunes);
    octavo_gpu_pipeline_info walk = octavo_kernel_walk_info(&layout, variant, &tuning);
    octavo_gpu_pipeline_info merge = octavo_kernel_merge_info(&layout, &tuning);
    ck_assert_uint_eq(walk.required_subgroup_size, tuning.subgroup_size);
    ck_assert_uint_eq(constant_of(&walk, OCTAVO_SPEC_LOCAL_SIZE), tuning.lanes);
    ck_assert_uint_eq(constant_of(&walk, OCTAVO_SPEC_ROWS), tuning.rows);
    ck_assert_uint_eq(constant_of(&walk, OCTAVO_SPEC_KEY_PAD), dim);
    ck_assert_uint_eq(constant_of(&walk, OCTAVO_SPEC_VALUE_PAD), dim);
    uint32_t module = tuning.fused ? variant->fused_module : variant->module;
    ck_assert_ptr_eq(walk.code, octavo_shader_modules[module].words);
    ck_assert_uint_le(walk.binding_count, octavo_shader_modules[module].binding_limit);
    ck_assert(!tuning.fused || s->max_stage_storage_buffers >= 7u);
    if (tuning.fused) { /* it is all there is */
        check_pipeline(&walk, s->max_compute_work_group_invocations, s->max_stage_storage_buffers);
        ck_assert_uint_eq(walk.binding_count, 7u);
        ck_assert_uint_le(walk.binding_count, OCTAVO_GPU_BINDINGS_MAX);
        if (octavo_kernel_has_one_dispatch(variant))
            ck_assert_uint_eq(constant_of(&walk, OCTAVO_SPEC_LOGITS), OCTAVO_LOGITS_SOFTCAP);
        else if (variant->one_subgroup)
            ck_assert_uint_eq(constant_of(&walk, OCTAVO_SPEC_TEAMS), tuning.teams);
        if (!octavo_kernel_has_one_dispatch(variant)) check_three_dispatches(device, variant, &layout, &shape);
        return;
    }
    /* a device with matrix units has more than the least */
    check_pipeline(&walk,
                   variant->source == OCTAVO_KERNEL_PREFILL_TILES ? s->max_compute_work_group_invocations
                                                                  : FLOOR_INVOCATIONS,
                   OCTAVO_GPU_MIN_STORAGE_BUFFERS);
    /* the merge takes what the device has */
    check_pipeline(&merge, s->max_compute_work_group_invocations, OCTAVO_GPU_MIN_STORAGE_BUFFERS);
    ck_assert_uint_eq(constant_of(&merge, OCTAVO_SPEC_VALUE_PAD), dim);
    ck_assert_uint_eq(constant_of(&merge, OCTAVO_SPEC_ROWS), tuning.rows);
    ck_assert_uint_le(declared_bytes(&merge), FLOOR_SHARED_BYTES);
}

START_TEST(other_kernels_obey_the_floor_of_vulkan) {
    for (uint32_t dim = 32u; dim <= 256u; dim += 32u) {
        for (uint32_t role = OCTAVO_APPEND_KEYS; role <= OCTAVO_APPEND_BOTH; ++role) check_append(dim, role);
        for (uint32_t parts = 0; parts <= 2u; ++parts) {
            octavo_gpu_pipeline_info rotate = octavo_kernel_rotate_info(dim, 3u, parts);
            uint32_t rows = constant_of(&rotate, OCTAVO_SPEC_ROWS),
                     lanes = constant_of(&rotate, OCTAVO_SPEC_LOCAL_SIZE);
            check_pipeline(&rotate, FLOOR_INVOCATIONS, OCTAVO_GPU_MIN_STORAGE_BUFFERS);
            ck_assert_uint_eq(constant_of(&rotate, OCTAVO_SPEC_KEY_PAD), dim);
            ck_assert_uint_eq(rows, parts == 0u ? 4u : 1u);
            ck_assert_uint_eq(octavo_kernel_rotate_rows(parts), rows);
            ck_assert_uint_eq(lanes % rows, 0u); /* LANES_PER_ROW is whole */
            ck_assert_uint_le(declared_bytes(&rotate), FLOOR_SHARED_BYTES);
        }
        for (uint32_t which = 0; which < FABRICATED_DEVICE_COUNT; ++which) {
            usable_device device;
            if (!fabricate_usable_device((fabricated_device)which, &device)) continue;
            for (uint32_t v = 0; v < OCTAVO_KERNEL_VARIANT_COUNT; ++v) {
                const octavo_kernel_variant *variant = &octavo_kernel_variants[v];
                if (octavo_kernel_variant_refusal(variant, &device.snapshot, device.capabilities,
                                                  OCTAVO_PHASE_PREFILL) != NULL)
                    continue;
                check_pipelines(&device, variant, dim);
            }
        }
    }
}
END_TEST

/* --- the table -------------------------------------------------------------------------------------------------------
 */

typedef struct expected_choice {
    fabricated_device device;
    const char *packed, *f16; /* the first variant for 3 bits, and for f16 pages, to decode */
    const char *prefill;      /* the first one for 3 bits */
    uint32_t lanes, teams;    /* lanes of a team; 0 teams: in three dispatches */
    uint32_t decode_rows, prefill_rows;
    uint32_t tokens;
    bool without_matrices; /* the capability is hidden */
} expected_choice;

/* d 128, K and V of 3 bits, 4 query heads for each KV head, 8192 tokens. */
static const expected_choice table[] = {
    {FABRICATED_ANDROID_2021, "f32_shared", "f32_shared", "prefill_f32", 32u, 0u, 4u, 32u, 2u, false},
    {FABRICATED_ANDROID_2022, "f32_shared", "f32_shared", "prefill_f32", 32u, 0u, 4u, 32u, 2u, false},
    {FABRICATED_ADRENO_630, "f32_shared", "f32_shared", "prefill_f32", 32u, 1u, 4u, 32u, 2u,
     false}, /* sizes 64, 128, no control */
    {FABRICATED_ADRENO_740, "f32_subgroup", "f32_subgroup", "prefill_f32", 64u, 4u, 4u, 32u, 2u, false},
    {FABRICATED_MALI_G52, "f32_shared", "f32_shared", "prefill_f32", 32u, 1u, 4u, 32u, 2u,
     false}, /* no subgroup arithmetic */
    {FABRICATED_MALI_G610, "int8_subgroup", "f32_subgroup", "prefill_int8", 16u, 4u, 4u, 32u, 1u, false},
    {FABRICATED_POWERVR_BXM, "f32_shared", "f32_shared", "prefill_f32", 32u, 1u, 4u, 32u, 2u, false},
    {FABRICATED_INTEL_TGL, "int8_subgroup", "f32_subgroup", "prefill_int8", 8u, 4u, 4u, 32u, 1u,
     false}, /* SIMD16 spills */
    {FABRICATED_INTEL_DG2, "int8_subgroup", "f32_subgroup", "prefill_tiles", 8u, 4u, 4u, 64u, 1u, false},
    {FABRICATED_GCN_POLARIS, "f32_subgroup", "f32_subgroup", "prefill_f32", 64u, 4u, 4u, 64u, 4u,
     false}, /* no dot instruction */
    {FABRICATED_RDNA3, "int8_subgroup", "f32_subgroup", "prefill_tiles", 32u, 4u, 4u, 64u, 2u, false},
    {FABRICATED_TURING, "matrix", "matrix", "prefill_matrix", 32u, 8u, 4u, 128u, 0u, false},
    {FABRICATED_TURING, "int8_subgroup", "f32_subgroup", "prefill_int8", 32u, 4u, 4u, 64u, 4u, true},
    {FABRICATED_HOPPER, "matrix", "matrix", "prefill_matrix", 32u, 8u, 4u, 128u, 0u, false},
    {FABRICATED_HOPPER, "int8_subgroup", "f32_subgroup", "prefill_int8", 32u, 4u, 2u, 64u, 4u, true},
    {FABRICATED_LAVAPIPE, "f32_subgroup", "f32_subgroup", "prefill_f32", 8u, 1u, 4u, 32u, 4u, false},
    {FABRICATED_SWIFTSHADER, "f32_subgroup", "f32_subgroup", "prefill_f32", 4u, 1u, 4u, 32u, 4u, false},
};

START_TEST(named_choices) {
    ck_assert_uint_eq(COUNT(table), FABRICATED_DEVICE_COUNT - 1u + 2u); /* two of them with and without matrices */
    for (uint32_t i = 0; i < COUNT(table); ++i) {
        const expected_choice *expected = &table[i];
        usable_device device;
        uint32_t order[OCTAVO_KERNEL_VARIANT_COUNT];
        ck_assert(fabricate_usable_device(expected->device, &device));
        if (expected->without_matrices) device.capabilities &= ~(uint32_t)OCTAVO_CAPABILITY_COOPERATIVE_MATRIX;
        octavo_packed_layout layout = octavo_packed_layout_make(1u, 8u, 128u, 128u, 3u, 3u);
        variant_order(&device, OCTAVO_PHASE_DECODE, 16u, 16u, order);
        const char *f16 = octavo_kernel_variants[order[0]].name;
        variant_order(&device, OCTAVO_PHASE_PREFILL, 3u, 3u, order);
        const octavo_kernel_variant *prefill_variant = &octavo_kernel_variants[order[0]];
        variant_order(&device, OCTAVO_PHASE_DECODE, 3u, 3u, order);
        const octavo_kernel_variant *variant = &octavo_kernel_variants[order[0]];
        octavo_kernel_tuning decode, prefill;
        octavo_kernel_shape shape = {&layout, 4u, 1u, 0u, OCTAVO_PHASE_DECODE, 0u, 1u << 13, false};
        ck_assert(octavo_kernel_tune(&device.snapshot, variant, &shape, 0u, &decode));
        shape.phase = OCTAVO_PHASE_PREFILL;
        shape.query_tokens = 512u;
        ck_assert(octavo_kernel_tune(&device.snapshot, prefill_variant, &shape, 0u, &prefill));
        bool is_expected =
            strcmp(variant->name, expected->packed) == 0 && strcmp(prefill_variant->name, expected->prefill) == 0 &&
            strcmp(f16, expected->f16) == 0 && decode.lanes / decode.teams == expected->lanes &&
            (decode.fused ? decode.teams : 0u) == expected->teams && decode.rows == expected->decode_rows &&
            prefill.rows == expected->prefill_rows && decode.tokens == expected->tokens;
        ck_assert_msg(is_expected, "%s: %s, prefill %s, f16 %s, %u lanes, %u teams%s, %u and %u rows, %u tokens",
                      device.snapshot.name, variant->name, prefill_variant->name, f16, decode.lanes / decode.teams,
                      decode.teams, decode.fused ? "" : " in three dispatches", decode.rows, prefill.rows,
                      decode.tokens);
    }
}
END_TEST

/* The least device: a machine that only has what Vulkan asks runs the widest shape, by the plainest variant. */
START_TEST(widest_shape_on_the_least_device) {
    usable_device device;
    uint32_t order[OCTAVO_KERNEL_VARIANT_COUNT];
    ck_assert(fabricate_usable_device(FABRICATED_ANDROID_2021, &device));
    ck_assert_uint_eq(variant_order(&device, OCTAVO_PHASE_DECODE, 16u, 16u, order), 2u);
    ck_assert_str_eq(octavo_kernel_variants[order[0]].name, "f32_shared");
    ck_assert_uint_eq(variant_order(&device, OCTAVO_PHASE_PREFILL, 16u, 16u, order), 2u);
    choice c = {0};
    c.device = &device;
    c.variant = &octavo_kernel_variants[order[0]];
    c.layout = octavo_packed_layout_make(1u, 8u, 256u, 256u, 16u, 16u);
    c.shape = (octavo_kernel_shape){&c.layout, 64u, 512u, 0u, OCTAVO_PHASE_PREFILL, 0u, 0u, false};
    ck_assert(octavo_kernel_tune(&device.snapshot, c.variant, &c.shape, 0u, &c.tuning));
    ck_assert_str_eq(c.variant->name, "prefill_f32");
    check_numbers(&c);
    ck_assert_uint_ge(c.tuning.rows, 16u);
}
END_TEST

/* Where shared memory is too small for the rows that are wanted, the matrix variants take fewer, as the others do. */
START_TEST(fewer_rows_where_shared_memory_is_small) {
    for (uint32_t v = 0; v < OCTAVO_KERNEL_VARIANT_COUNT; ++v) {
        for (uint32_t i = 0; i < COUNT(all_dims) * COUNT(all_groups) * 3u; ++i) {
            static const uint32_t sizes[] = {16384u, 32768u, 49152u};
            usable_device device;
            ck_assert(fabricate_usable_device(FABRICATED_HOPPER, &device));
            device.snapshot.max_compute_shared_memory_size = sizes[i % 3u];
            uint32_t dim = all_dims[i / 3u % COUNT(all_dims)], group = all_groups[i / 3u / COUNT(all_dims)];
            choice drawn = {0}, *c = &drawn;
            c->device = &device;
            c->variant = &octavo_kernel_variants[v];
            c->layout = octavo_packed_layout_make(1u, 8u, dim, dim, 3u, 3u);
            c->shape = (octavo_kernel_shape){&c->layout, group, 300u, 0u, OCTAVO_PHASE_PREFILL, 0u, 0u, false};
            /* two operands of many channels take more than the least that Vulkan asks for */
            EXPECT(check_rungs(c) > 0u ||
                   (i % 3u == 0u && dim > 128u && c->variant->source == OCTAVO_KERNEL_PREFILL_TILES));
        }
    }
}
END_TEST

int main(void) {
    const TTest *tests[] = {numbers_obey_the_floor_of_vulkan,       checked_in_module_has_the_arrays_of_its_source,
                            other_kernels_obey_the_floor_of_vulkan, named_choices,
                            widest_shape_on_the_least_device,       fewer_rows_where_shared_memory_is_small};
    /* CTest runs them beside each other */
    TCase *const parts[] = {tcase_create("even_devices"), tcase_create("odd_devices"), tcase_create("others")};
    Suite *suite = suite_create("kernel_tuning");
    tcase_add_loop_test(parts[0], numbers_obey_the_limits, 0, 1);
    tcase_add_loop_test(parts[1], numbers_obey_the_limits, 1, 2);
    for (size_t n = 0; n < COUNT(tests); ++n) tcase_add_test(parts[2], tests[n]);
    for (size_t i = 0; i < COUNT(parts); ++i) {
        tcase_set_timeout(parts[i], 300.0);
        suite_add_tcase(suite, parts[i]);
    }
    return run_suite(suite);
}
