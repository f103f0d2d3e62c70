#include "attention/tile_tuning.h"

/* One row of the table: how a workgroup is cut on a class of devices. */
typedef struct tile_row {
    uint32_t subgroup;      /* lanes wanted */
    uint32_t row_teams;     /* subgroups along the rows, each with the rows of one matrix */
    uint32_t channel_tiles; /* matrices of outputs of a subgroup, at most: the others go to further subgroups */
    uint32_t block;         /* tokens that are expanded at once */
    uint32_t hold_query;    /* 1: in registers, up to 128 channels of it */
    uint32_t steps;         /* 1: as few registers as can be; 2: loads ahead */
    uint32_t cores;         /* where the driver does not tell */
    uint32_t shared_per_core, teams_per_core;
    uint64_t slice_work;
    uint32_t decode_rows; /* query rows of a KV head from which on a decode step is faster here than by other walks */
} tile_row;

/* Eight matrices of 16 x 16 outputs take 64 registers of 32 lanes, a held query of 128 channels as many on RDNA3 (whose
 * f16 operands are there twice) and half on others, of 256. Intel's compiler has 128 registers, each value of a
 * subgroup takes one also where it is the same in all lanes, and outputs are there twice when they change: two matrices
 * are what it has room for. Where other walks decode fewer rows faster (H200, 65536 tokens,
 * us of int8_subgroup and this kernel: 8 rows 82, 113, 16 rows 144, 115, 32 rows 272, 128, 64 rows 525, 194; 4096
 * tokens: 16.4, 27.1, 24.8, 27.9, 35.4, 31.0, 50.0, 38.3) is measured on NVIDIA's chips alone. RDNA3's compiler takes
 * 41 instructions for each cached value and 16 to 64 rows, those counted that a branch skips, and 43 and 86 for 32 and
 * 64 rows by integer dots; Intel's more than dots take. The emulation has workgroups of at most 128 lanes, and
 * llvmpipe's loops end (see kernel_tuning.c). */
static const tile_row nvidia = {32u, 4u, 8u, 32u, 1u, 2u, 40u, 65536u, 12u, UINT64_C(1) << 34, 16u};
static const tile_row amd = {32u, 4u, 8u, 32u, 1u, 2u, 40u, 65536u, 12u, UINT64_C(1) << 33, 32u};
static const tile_row intel = {8u, 8u, 2u, 32u, 0u, 1u, 32u, 131072u, 128u, UINT64_C(1) << 31, UINT32_MAX};
static const tile_row software = {8u, 4u, 16u, 32u, 0u, 1u, 4u, UINT32_MAX, 16u, UINT64_C(1) << 26, UINT32_MAX};
static const tile_row other = {32u, 4u, 4u, 32u, 0u, 1u, 8u, 32768u, 16u, UINT64_C(1) << 29, 32u};
static const tile_row emulated = {32u, 1u, 8u, 32u, 0u, 1u, 4u, 32768u, 4u, UINT64_C(1) << 26, UINT32_MAX};

#define SOFTWARE_TILES_MAX 16u
#define EMULATED_TILES_MAX 8u
#define HELD_CHANNELS_MAX 128u
#define COLUMN_TEAMS_MAX 16u

static const octavo_gpu_matrix_shape emulated_product = {16u,
                                                         8u,
                                                         16u,
                                                         VK_COMPONENT_TYPE_FLOAT16_KHR,
                                                         VK_COMPONENT_TYPE_FLOAT16_KHR,
                                                         VK_COMPONENT_TYPE_FLOAT32_KHR,
                                                         VK_COMPONENT_TYPE_FLOAT32_KHR,
                                                         VK_SCOPE_SUBGROUP_KHR,
                                                         VK_FALSE};

static const tile_row *row_of(const octavo_device_snapshot *snapshot, bool is_emulated) {
    if (is_emulated) return &emulated;
    if (snapshot->type == VK_PHYSICAL_DEVICE_TYPE_CPU) return &software;
    switch (snapshot->vendor_id) {
    case OCTAVO_GPU_VENDOR_NVIDIA:
        return &nvidia;
    case OCTAVO_GPU_VENDOR_AMD:
        return &amd;
    case OCTAVO_GPU_VENDOR_INTEL:
        return &intel;
    default:
        return &other;
    }
}

static bool is_8_or_16(uint32_t x) {
    return x == 8u || x == 16u;
}

const octavo_gpu_matrix_shape *octavo_tile_product(const octavo_device_snapshot *snapshot) {
    const octavo_gpu_matrix_shape *best = NULL;
    for (uint32_t i = 0; i < snapshot->matrix_shape_count; ++i) {
        const octavo_gpu_matrix_shape *shape = &snapshot->matrix_shapes[i];
        bool fits = is_8_or_16(shape->m) && is_8_or_16(shape->n) && is_8_or_16(shape->k) &&
                    shape->a == VK_COMPONENT_TYPE_FLOAT16_KHR && shape->b == VK_COMPONENT_TYPE_FLOAT16_KHR &&
                    shape->c == VK_COMPONENT_TYPE_FLOAT32_KHR && shape->result == VK_COMPONENT_TYPE_FLOAT32_KHR &&
                    shape->scope == VK_SCOPE_SUBGROUP_KHR;
        if (fits && (best == NULL || shape->m * shape->n * shape->k > best->m * best->n * best->k)) best = shape;
    }
    return best;
}

uint32_t octavo_tile_decode_rows(const octavo_device_snapshot *snapshot) {
    return row_of(snapshot, false)->decode_rows;
}

static uint32_t subgroup_of(const octavo_device_snapshot *snapshot, const tile_row *row) {
    if (row->subgroup < snapshot->min_subgroup_size) return snapshot->min_subgroup_size;
    return row->subgroup > snapshot->max_subgroup_size ? snapshot->max_subgroup_size : row->subgroup;
}

const char *octavo_tile_refusal(const octavo_device_snapshot *snapshot) {
    const octavo_gpu_matrix_shape *shape = octavo_tile_product(snapshot);
    if (shape == NULL) return "the device has no product of f16 matrices into f32 with sides of 8 or 16 in subgroups";
    if ((snapshot->subgroup_operations & VK_SUBGROUP_FEATURE_SHUFFLE_BIT) == 0u)
        return "the device has no subgroup shuffles";
    uint32_t lanes = subgroup_of(snapshot, row_of(snapshot, false));
    if (lanes < shape->m || lanes > 128u || (lanes & (lanes - 1u)) != 0u)
        return "the device's subgroups have fewer lanes than a matrix has rows";
    return NULL;
}

uint32_t octavo_tile_shared_bytes(const octavo_kernel_variant *variant, const octavo_packed_layout *layout,
                                  const octavo_kernel_tuning *tuning) {
    const octavo_tile_numbers *tiles = &tuning->tiles;
    uint32_t key_stride = layout->key_dim_padded + 8u, block_stride = tiles->block + 8u;
    uint32_t keys = tiles->block * key_stride, values = layout->value_dim_padded * block_stride;
    uint32_t halves = (keys > values ? keys : values) + tuning->rows * block_stride;
    uint32_t chunk = tuning->rows * (layout->key_dim_padded / 2u + 8u);
    if (tiles->hold_query == 0u) halves += tuning->rows * key_stride;
    if (tiles->hold_query != 0u && chunk > halves) halves = chunk;
    uint32_t words = tuning->rows * (tiles->block + 4u + 5u) + 5u * tiles->block + 3u + 32u; /* the share */
    if (variant->arithmetic == OCTAVO_KERNEL_EMULATED_MATRIX) words += tuning->lanes;
    return 2u * halves + 4u * words;
}

uint32_t octavo_tile_workgroups(const octavo_device_snapshot *snapshot, const octavo_kernel_tuning *tuning) {
    const tile_row *row = row_of(snapshot, tuning->subgroup_size == 0u);
    uint32_t cores = snapshot->core_count != 0u ? snapshot->core_count : row->cores;
    uint32_t fit = row->shared_per_core / (tuning->shared_bytes + 1024u), most = row->teams_per_core / tuning->teams;
    if (fit > most) fit = most;
    return cores * (fit > 0u ? fit : 1u);
}

static void set_teams(octavo_kernel_tuning *tuning, uint32_t row_teams, uint32_t column_teams) {
    tuning->tiles.row_teams = row_teams;
    tuning->tiles.column_teams = column_teams;
    tuning->teams = row_teams * column_teams;
    tuning->lanes = tuning->teams * tuning->tiles.subgroup;
    tuning->rows = row_teams * tuning->tiles.m;
}

static bool fits(const octavo_device_snapshot *snapshot, const octavo_kernel_variant *variant,
                 const octavo_packed_layout *layout, const octavo_kernel_tuning *tuning) {
    uint32_t subgroups = tuning->subgroup_size != 0u ? tuning->teams : 1u;
    return octavo_gpu_fits_workgroup(snapshot, tuning->lanes, subgroups) &&
           octavo_tile_shared_bytes(variant, layout, tuning) <= snapshot->max_compute_shared_memory_size;
}

/* The next choice with fewer registers. */
static bool step_down(octavo_kernel_tuning *tuning) {
    if (tuning->tiles.hold_query != 0u) {
        tuning->tiles.hold_query = 0u;
        return true;
    }
    if (tuning->tiles.column_teams >= COLUMN_TEAMS_MAX) return false;
    set_teams(tuning, tuning->tiles.row_teams, tuning->tiles.column_teams * 2u);
    return true;
}

bool octavo_tile_tune(const octavo_device_snapshot *snapshot, const octavo_kernel_variant *variant,
                      const octavo_kernel_shape *shape, uint32_t rung, octavo_kernel_tuning *tuning) {
    const octavo_packed_layout *layout = shape->layout;
    bool is_emulated = variant->arithmetic == OCTAVO_KERNEL_EMULATED_MATRIX;
    const tile_row *row = row_of(snapshot, is_emulated);
    const octavo_gpu_matrix_shape *product = is_emulated ? &emulated_product : octavo_tile_product(snapshot);
    if (product == NULL) return false;
    tuning->tiles.m = product->m;
    tuning->tiles.n = product->n;
    tuning->tiles.k = product->k;
    tuning->tiles.subgroup = is_emulated ? row->subgroup : subgroup_of(snapshot, row);
    tuning->tiles.block = row->block;
    tuning->tiles.steps = row->steps;
    tuning->tiles.hold_query = layout->key_dim_padded <= HELD_CHANNELS_MAX ? row->hold_query : 0u;
    tuning->subgroup_size = is_emulated ? 0u : tuning->tiles.subgroup;
    tuning->query_half = true;
    uint32_t column_teams = 1u;
    while (column_teams * row->channel_tiles * product->n < layout->value_dim_padded ||
           tuning->tiles.subgroup * column_teams < product->m) /* a lane has one row */
        column_teams *= 2u;
    uint32_t row_teams = row->row_teams;
    uint64_t wanted = (uint64_t)shape->group * shape->query_tokens;
    while (row_teams > 1u && row_teams / 2u * product->m >= wanted) {
        row_teams /= 2u;
        if (column_teams * product->n < layout->value_dim_padded) column_teams *= 2u; /* as many subgroups */
    }
    set_teams(tuning, row_teams, column_teams);
    for (uint32_t i = 0; i < rung; ++i)
        if (!step_down(tuning)) return false;
    while (!fits(snapshot, variant, layout, tuning)) {
        if (tuning->tiles.block > 16u) {
            tuning->tiles.block /= 2u;
        } else if (tuning->tiles.row_teams > 1u) {
            tuning->tiles.block = row->block;
            set_teams(tuning, tuning->tiles.row_teams / 2u, tuning->tiles.column_teams);
        } else {
            return false;
        }
    }
    tuning->shared_bytes = octavo_tile_shared_bytes(variant, layout, tuning);
    tuning->workgroups = octavo_tile_workgroups(snapshot, tuning);
    tuning->slice_work = row->slice_work;
    bool on_processor = snapshot->type == VK_PHYSICAL_DEVICE_TYPE_CPU;
    tuning->one_share = on_processor || is_emulated;
    if (tuning->one_share) tuning->tiles_max = is_emulated ? EMULATED_TILES_MAX : SOFTWARE_TILES_MAX;
    tuning->merge_lanes = on_processor || is_emulated ? 32u : 128u;
    return true;
}

const char *octavo_tile_override_rows(uint32_t rows, octavo_kernel_tuning *tuning) {
    uint32_t least = tuning->tiles.m * tuning->tiles.row_teams;
    if (rows < least || rows % least != 0u || tuning->lanes % rows != 0u || (rows & (rows - 1u)) != 0u)
        return "rows: not a power of two of the rows of a matrix for each subgroup, and a lane for each";
    tuning->rows = rows;
    return NULL;
}
