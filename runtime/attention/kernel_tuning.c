#include "attention/kernel_tuning.h"

#include "attention/matrix_tuning.h"
#include "attention/tile_tuning.h"
#include "octavo_abi.h"

#include <string.h>

/* One row of the table: how the walk is cut on a class of devices. */
typedef struct tuning_row {
    uint32_t lanes;  /* wanted; a team that is one subgroup takes the nearest size there is */
    uint32_t teams;  /* of a fused walk of subgroups, at most: they share the query and merge before memory does */
    uint32_t tokens; /* that a lane unpacks at once, by dots: each is 32 registers of codes */
    /* At once, at most, with up to two rows of up to 3 bits, and with more, which take more registers; fewer where
     * their shared memory does not fit shared_per_core. */
    uint32_t teams_per_core, wide_teams_per_core;
    uint32_t shared_per_core; /* bytes */
    uint32_t cores;           /* where the driver does not tell */
    uint64_t slice_work;
    uint32_t prefill_lanes, prefill_rows; /* of prefill.comp; a lane has rows * (value channels) / lanes results */
} tuning_row;

/* Registers of a lane: NVIDIA 255, RDNA and GCN 256 (fewer keep more waves resident), Intel 128 at SIMD8, Arm, Broadcom
 * and PowerVR 64 or fewer. NVIDIA's Vulkan driver gives compute about 48 KiB of shared memory on a core, and a
 * workgroup takes 1 KiB more than it asks for. */
static const tuning_row nvidia = {32u, 4u, 4u, 12u, 8u, 81920u, 40u, UINT64_C(1) << 34, 128u, 64u};
static const tuning_row amd = {32u, 4u, 2u, 8u, 8u, 65536u, 40u, UINT64_C(1) << 33, 128u, 64u};
static const tuning_row intel = {8u, 4u, 1u, 16u, 16u, 131072u, 32u, UINT64_C(1) << 31, 128u, 32u};
static const tuning_row software = {32u, 1u, 2u, 4u, 4u, UINT32_MAX, 4u, UINT64_C(1) << 26, 32u, 32u};
static const tuning_row mobile = {32u, 4u, 1u, 4u, 4u, 32768u, 8u, UINT64_C(1) << 29, 128u, 32u};

/* Tokens that a lane unpacks at once in f16, which takes more instructions than dots do: the code of four does not fit
 * an instruction cache (H200, us of two and four: 65536 tokens, one query head 34.8, 39.6, four 65.7, 84.3). */
#define HALF_TOKENS_MAX 2u

/* In f32 the words of one group of codes are in registers, so twice as many tokens, up to four, take no more of them,
 * and a row is read once for all. Two tokens and four, us of 65536 tokens on an H200: one query head 50.5, 45.3,
 * four 78.6, 74.6, pages of f16 88.5, 71.4 and 113.7, 90.8; instructions for each value on Polaris: 8.9, 8.4, with four
 * query heads 12.4, 11.7. One and two on Skylake, where four spill: 5.3, 4.9 and 10.7, 9.6. */
static uint32_t float_tokens(uint32_t tokens) {
    return tokens < 4u ? 2u * tokens : 4u;
}

/* Rows of a query tile of walk.comp, at most. More take the registers and shared memory that keep a core busy (H200, 8
 * query heads, 65536 tokens, us of eight and four: int8_subgroup 114, 90, f16_subgroup 183, 125, f32_subgroup 310,
 * 225). */
#define WALK_ROWS_MAX 4u

/* Int8 parts of a query value: two, 15 bits. One, 8 bits, takes 4 % off the time of one query head for each KV head and
 * 12 to 15 % off that of two to eight (H200, 1048576 tokens, 3 bits), and its error grows with the logits where that of
 * two falls: of d 128 and N(0, 1) data, beside the codec's own 0.21 to 0.6,
 *
 *   deviation of the logits   0.3      1       2       4       8
 *   8 bits                    2.8e-3   8.0e-3  1.3e-2  1.6e-2  2.2e-2
 *   15 bits                   2.0e-3   4.6e-3  5.4e-3  1.7e-3  4.8e-4 */
#define QUERY_PARTS 2u

/* llvmpipe ends all loops of an invocation after 65535 iterations in total, without a word (gallivm:
 * LP_MAX_TGSI_LOOP_ITERATIONS); a tile takes thirty to six hundred. */
#define SOFTWARE_TILES_MAX 64u

/* The same for prefill.comp, whose tile takes seven hundred to three thousand. */
#define SOFTWARE_BLOCKED_TILES_MAX 16u

static const tuning_row *row_of(const octavo_device_snapshot *snapshot) {
    if (snapshot->type == VK_PHYSICAL_DEVICE_TYPE_CPU) return &software;
    switch (snapshot->vendor_id) {
    case OCTAVO_GPU_VENDOR_NVIDIA:
        return &nvidia;
    case OCTAVO_GPU_VENDOR_AMD:
        return &amd;
    case OCTAVO_GPU_VENDOR_INTEL:
        return &intel;
    default:
        return &mobile;
    }
}

static uint32_t core_count(const octavo_device_snapshot *snapshot) {
    return snapshot->core_count != 0u ? snapshot->core_count : row_of(snapshot)->cores;
}

#define BLOCK_TOKENS 32u      /* of prefill.comp */
#define BLOCK_COLUMN_LANES 8u /* lanes of a row */
#define BLOCK_ROWS_MAX 64u    /* what its maxima have room for */

/* The same for prefill.comp. */
static uint32_t blocked_shared_bytes(const octavo_kernel_variant *variant, const octavo_packed_layout *layout,
                                     const octavo_kernel_tuning *tuning) {
    bool int_dot = variant->arithmetic == OCTAVO_KERNEL_INT_DOT;
    uint32_t quads = (tuning->rows + BLOCK_TOKENS) * 9u; /* of f16 fewer, but a window is f32 there too */
    if (tuning->query_parts != 0u) {
        uint32_t score_quads = tuning->rows * (tuning->query_parts * 4u + 1u) + BLOCK_TOKENS * 5u;
        if (score_quads > quads) quads = score_quads;
    }
    if (int_dot && layout->value_bits < 16u) {
        uint32_t value_quads = (tuning->rows + layout->value_dim_padded) * 3u;
        if (value_quads > quads) quads = value_quads;
    }
    return 16u * quads + 4u * (tuning->rows * (int_dot ? 5u : 4u) + 2u * BLOCK_TOKENS);
}

/* The walk's shared memory in bytes: the arrays of walk.comp. */
static uint32_t walk_shared_bytes(const octavo_kernel_variant *variant, const octavo_packed_layout *layout,
                                  const octavo_kernel_tuning *tuning) {
    if (variant->source == OCTAVO_KERNEL_PREFILL_TILES) return octavo_tile_shared_bytes(variant, layout, tuning);
    if (octavo_kernel_has_one_dispatch(variant)) return octavo_matrix_shared_bytes(variant, layout, tuning);
    if (variant->source == OCTAVO_KERNEL_PREFILL) return blocked_shared_bytes(variant, layout, tuning);
    uint32_t query_words = tuning->query_parts != 0u ? tuning->query_parts * layout->key_dim_padded / 4u
                           : tuning->query_half      ? layout->key_dim_padded / 2u
                                                     : layout->key_dim_padded;
    bool int_dot = variant->arithmetic == OCTAVO_KERNEL_INT_DOT, half = variant->arithmetic == OCTAVO_KERNEL_HALF;
    uint32_t weight_words = layout->value_bits == 16u ? 128u : int_dot ? 32u : half ? 64u : 128u;
    uint32_t words = weight_words + 128u + 32u + 2u + 4u; /* and logits, maxima, correction, team's result */
    words += int_dot || half ? 32u + 4u : 0u;             /* weight maxima, scales */
    uint32_t results = tuning->teams * tuning->rows * layout->value_dim_padded;
    uint32_t prepared = tuning->fused ? (tuning->rows + 1u) * layout->key_dim_padded : 0u;
    uint32_t shared = tuning->rows * (query_words + 4u + (int_dot ? 1u : 0u)); /* rules, offset */
    if (tuning->fused) shared += tuning->rows * 5u + 1u;                       /* places, sums, arrivals */
    uint32_t apart = 32u + 64u;                                                /* end of the query, window tokens */
    return 4u *
           (tuning->teams * (tuning->rows * words + 128u) + (results > prepared ? results : prepared) + shared + apart);
}

bool octavo_kernel_int_query(const octavo_kernel_variant *variant, const octavo_packed_layout *layout) {
    return variant->arithmetic == OCTAVO_KERNEL_INT_DOT && layout->key_bits < 16u;
}

bool octavo_kernel_half_query(const octavo_kernel_variant *variant, const octavo_packed_layout *layout) {
    return variant->arithmetic == OCTAVO_KERNEL_HALF && layout->key_bits < 16u;
}

/* The subgroup size to require: the nearest to the wanted one that there is. */
static uint32_t nearest_subgroup(const octavo_device_snapshot *snapshot, uint32_t wanted) {
    if (wanted < snapshot->min_subgroup_size) return snapshot->min_subgroup_size;
    return wanted > snapshot->max_subgroup_size ? snapshot->max_subgroup_size : wanted;
}

static bool is_power_of_two(uint32_t x) {
    return x != 0u && (x & (x - 1u)) == 0u;
}

static uint32_t power_of_two_at_least(uint32_t x) {
    uint32_t p = 1u;
    while (p < x) p *= 2u;
    return p;
}

/* The next smaller choice: first fewer tokens at once, then fewer rows. */
static bool step_down(octavo_kernel_tuning *tuning, uint32_t rows_min) {
    if (tuning->tokens > 1u) {
        tuning->tokens /= 2u;
    } else if (tuning->rows > rows_min) {
        tuning->rows /= 2u;
    } else {
        return false;
    }
    return true;
}

/* The words of a token and of a channel are in registers with up to two rows: of more than 3 bits they are as many as
 * more rows take (H200, one query head, 4 bits, us as with up to 3 bits and now: 65536 tokens 35.5, 28.6,
 * 262144 91.5, 78.6). */
static uint32_t resident_workgroups(const tuning_row *row, const octavo_packed_layout *layout,
                                    const octavo_kernel_tuning *tuning) {
    uint32_t code_bits =
        (layout->key_bits < 16u ? layout->key_bits : 0u) + (layout->value_bits < 16u ? layout->value_bits : 0u);
    uint32_t teams = tuning->rows <= 2u && code_bits <= 6u ? row->teams_per_core : row->wide_teams_per_core;
    if (tuning->tokens == 0u) teams /= 2u; /* workgroups of prefill.comp */
    uint32_t fit = row->shared_per_core / (tuning->shared_bytes + 1024u), most = teams / tuning->teams;
    if (fit > most) fit = most;
    return fit > 0u ? fit : 1u;
}

/* What fills the device, with the lanes and shared memory of *tuning. */
static uint32_t filling_workgroups(const octavo_device_snapshot *snapshot, const octavo_kernel_variant *variant,
                                   const octavo_packed_layout *layout, const octavo_kernel_tuning *tuning) {
    if (variant->source == OCTAVO_KERNEL_PREFILL_TILES) return octavo_tile_workgroups(snapshot, tuning);
    const tuning_row *row = row_of(snapshot);
    uint32_t cores = core_count(snapshot);
    if (octavo_kernel_has_one_dispatch(variant)) return octavo_matrix_workgroups(cores, tuning);
    return cores * resident_workgroups(row, layout, tuning);
}

/* What a share of a walk in one dispatch costs beside its tiles, in tiles of a workgroup: its query, merge and arrival.
 * (H200, int8_subgroup, 4 query heads, us of 0, 3, 6 and 10 tiles of four teams: 64 sequences of 1 .. 32768 tokens 261,
 * 173, 147, 144, 16 of 1024 tokens 34.8, 34.1, 28.5, 28.1, of 8192 92.7, 85.6, 87.2, 89.4.) */
static uint32_t walk_share_cost(uint32_t teams) {
    return (3u * teams + 1u) / 2u;
}

/* In one dispatch, with as many teams as fit the limits, or with rotate and merge around the walk. */
static void set_form(const octavo_device_snapshot *snapshot, const octavo_kernel_variant *variant,
                     const octavo_packed_layout *layout, uint32_t team_lanes, bool fused,
                     octavo_kernel_tuning *tuning) {
    tuning->fused = fused;
    tuning->teams = fused && variant->one_subgroup ? row_of(snapshot)->teams : 1u;
    while (tuning->teams > 1u &&
           (!octavo_gpu_fits_workgroup(snapshot, tuning->teams * team_lanes, tuning->teams) ||
            walk_shared_bytes(variant, layout, tuning) > snapshot->max_compute_shared_memory_size))
        tuning->teams /= 2u;
    tuning->lanes = tuning->teams * team_lanes;
    tuning->share_cost = fused && snapshot->type != VK_PHYSICAL_DEVICE_TYPE_CPU ? walk_share_cost(tuning->teams) : 0u;
    tuning->shared_bytes = walk_shared_bytes(variant, layout, tuning);
}

/* Iterations of a lane that transforms the query rows of a tile, of the 65535 that llvmpipe has. */
#define SOFTWARE_TRANSFORM_MAX 16384u

/* Whether one dispatch takes as many rows as three do. */
static bool fits_fused(const octavo_device_snapshot *snapshot, const octavo_kernel_variant *variant,
                       const octavo_packed_layout *layout, uint32_t team_lanes, const octavo_kernel_tuning *tuning) {
    octavo_kernel_tuning tried = *tuning;
    uint32_t pad = layout->key_dim_padded;
    if (snapshot->type == VK_PHYSICAL_DEVICE_TYPE_CPU && pad * pad / team_lanes * tuning->rows > SOFTWARE_TRANSFORM_MAX)
        return false;
    set_form(snapshot, variant, layout, team_lanes, true, &tried);
    if (tried.shared_bytes > snapshot->max_compute_shared_memory_size) {
        set_form(snapshot, variant, layout, team_lanes, false, &tried);
        if (tried.shared_bytes <= snapshot->max_compute_shared_memory_size) return false;
    }
    return octavo_kernel_binds_fused(snapshot);
}

/* Many partial results are read at once by many lanes. */
static uint32_t lanes_of_merge(const octavo_device_snapshot *snapshot, octavo_phase phase) {
    uint32_t lanes = phase == OCTAVO_PHASE_DECODE ? 512u : 128u;
    if (snapshot->type == VK_PHYSICAL_DEVICE_TYPE_CPU) lanes = 32u;
    while (!octavo_gpu_fits_workgroup(snapshot, lanes, 1u)) lanes /= 2u;
    return lanes;
}

/* A tile of as many rows as a lane has registers for results; fewer where the device's limits are small, or a compiler
 * spilled at the rung above. */
static bool tune_blocked(const octavo_device_snapshot *snapshot, const octavo_kernel_variant *variant,
                         const octavo_kernel_shape *shape, uint32_t rung, octavo_kernel_tuning *tuning) {
    const tuning_row *row = row_of(snapshot);
    const octavo_packed_layout *layout = shape->layout;
    tuning->lanes = row->prefill_lanes;
    tuning->teams = 1u;
    while (!octavo_gpu_fits_workgroup(snapshot, tuning->lanes, 1u)) tuning->lanes /= 2u;
    uint32_t rows_min = tuning->lanes / BLOCK_COLUMN_LANES;
    if (rows_min == 0u) return false;
    tuning->query_parts = octavo_kernel_int_query(variant, layout) ? QUERY_PARTS : 0u;
    tuning->query_half = octavo_kernel_half_query(variant, layout);
    tuning->rows = row->prefill_rows;
    if (layout->value_dim_padded > 128u) tuning->rows /= 2u; /* as many results in registers */
    while (tuning->rows > rows_min &&
           walk_shared_bytes(variant, layout, tuning) > snapshot->max_compute_shared_memory_size)
        tuning->rows /= 2u;
    if (rung > 31u || tuning->rows >> rung < rows_min) return false;
    tuning->rows >>= rung;
    tuning->shared_bytes = walk_shared_bytes(variant, layout, tuning);
    if (tuning->shared_bytes > snapshot->max_compute_shared_memory_size) return false;
    tuning->workgroups = filling_workgroups(snapshot, variant, layout, tuning);
    tuning->slice_work = row->slice_work;
    tuning->one_share = snapshot->type == VK_PHYSICAL_DEVICE_TYPE_CPU;
    if (tuning->one_share) tuning->tiles_max = SOFTWARE_BLOCKED_TILES_MAX;
    tuning->merge_lanes = lanes_of_merge(snapshot, shape->phase);
    return true;
}

/* As many rows of a KV head as share what is unpacked; fewer where the teams that run at once would be left without a
 * tile (H200, int8_subgroup, 4 query heads, us of one, two and four rows: 1024 tokens 12.0, 14.0, 17.8,
 * 4096 13.5, 15.0, 19.2, 16384 22.2, 23.2, 22.5, 32768 38.0, 36.1, 31.2). */
static uint32_t decode_rows(const octavo_device_snapshot *snapshot, const octavo_kernel_shape *shape) {
    uint32_t all = octavo_kernel_rows(shape), rows = power_of_two_at_least(all < WALK_ROWS_MAX ? all : WALK_ROWS_MAX);
    uint64_t tiles = shape->cached_tokens / OCTAVO_TILE_TOKENS * shape->layout->kv_heads;
    uint64_t teams = (uint64_t)core_count(snapshot) * row_of(snapshot)->teams_per_core;
    while (rows > 1u && tiles * (((uint64_t)all + rows / 2u - 1u) / (rows / 2u)) <= teams) rows /= 2u;
    return rows;
}

bool octavo_kernel_tune(const octavo_device_snapshot *snapshot, const octavo_kernel_variant *variant,
                        const octavo_kernel_shape *shape, uint32_t rung, octavo_kernel_tuning *tuning) {
    const octavo_packed_layout *layout = shape->layout;
    const tuning_row *row = row_of(snapshot);
    memset(tuning, 0, sizeof *tuning);
    tuning->logits = shape->logits;
    if (variant->source == OCTAVO_KERNEL_PREFILL_TILES) return octavo_tile_tune(snapshot, variant, shape, rung, tuning);
    if (octavo_kernel_has_one_dispatch(variant)) {
        tuning->slice_work = row->slice_work;
        return octavo_matrix_tune(snapshot, variant, shape, core_count(snapshot), rung, tuning);
    }
    if (variant->source == OCTAVO_KERNEL_PREFILL) return tune_blocked(snapshot, variant, shape, rung, tuning);
    uint32_t team_lanes = variant->one_subgroup ? nearest_subgroup(snapshot, row->lanes) : 32u;
    if (team_lanes < 4u || team_lanes > 128u || !is_power_of_two(team_lanes)) return false;
    if (team_lanes > snapshot->max_compute_work_group_invocations) return false;
    tuning->subgroup_size = variant->one_subgroup ? team_lanes : 0u;
    tuning->query_parts = octavo_kernel_int_query(variant, layout) ? QUERY_PARTS : 0u;
    tuning->query_half = octavo_kernel_half_query(variant, layout);
    tuning->tokens = row->tokens;
    if (tuning->query_half && tuning->tokens > HALF_TOKENS_MAX) tuning->tokens = HALF_TOKENS_MAX;
    if (variant->arithmetic == OCTAVO_KERNEL_FLOAT) tuning->tokens = float_tokens(row->tokens);
    uint32_t rows_min = team_lanes > 32u ? team_lanes / 32u : 1u;
    tuning->rows = shape->phase == OCTAVO_PHASE_DECODE ? decode_rows(snapshot, shape) : WALK_ROWS_MAX;
    if (tuning->rows < rows_min) tuning->rows = rows_min;
    /* Decoding asks for one dispatch; prefill rotates a row once for all its shares. Where a compiler spills in the one
     * form, the other is the next rung. */
    bool both = shape->phase == OCTAVO_PHASE_DECODE && fits_fused(snapshot, variant, layout, team_lanes, tuning);
    uint32_t steps = both ? rung / 2u : rung;
    set_form(snapshot, variant, layout, team_lanes, both && rung % 2u == 0u, tuning);
    while (tuning->shared_bytes > snapshot->max_compute_shared_memory_size) {
        if (tuning->rows <= rows_min) return false;
        tuning->rows /= 2u;
        set_form(snapshot, variant, layout, team_lanes, tuning->fused, tuning);
    }
    for (uint32_t i = 0; i < steps; ++i) {
        if (!step_down(tuning, rows_min)) return false;
    }
    set_form(snapshot, variant, layout, team_lanes, tuning->fused, tuning);
    tuning->workgroups = filling_workgroups(snapshot, variant, layout, tuning);
    tuning->slice_work = row->slice_work;
    tuning->one_share = snapshot->type == VK_PHYSICAL_DEVICE_TYPE_CPU;
    if (tuning->one_share) tuning->tiles_max = SOFTWARE_TILES_MAX;
    tuning->merge_lanes = lanes_of_merge(snapshot, shape->phase);
    return true;
}

#define WORKGROUPS_MAX (1u << 20)
#define LANES_MAX 1024u

static const char *override_lanes(const octavo_device_snapshot *snapshot, const octavo_kernel_variant *variant,
                                  uint32_t lanes, octavo_kernel_tuning *tuning) {
    if (variant->source == OCTAVO_KERNEL_PREFILL) {
        if (!is_power_of_two(lanes) || lanes < BLOCK_COLUMN_LANES || !octavo_gpu_fits_workgroup(snapshot, lanes, 1u))
            return "lanes: not a power of two from 8 on that a workgroup has on this device";
        tuning->lanes = lanes;
        return NULL;
    }
    if (tuning->subgroup_size == 0u || !tuning->fused)
        return "lanes: only a walk of subgroups in one dispatch has a choice";
    if (lanes % tuning->subgroup_size != 0u || lanes > LANES_MAX)
        return octavo_kernel_has_one_dispatch(variant) ? "lanes: not a multiple of 32 up to 1024"
                                                       : "lanes: not whole subgroups up to 1024";
    if (!octavo_gpu_fits_workgroup(snapshot, lanes, lanes / tuning->subgroup_size))
        return "lanes: more than a workgroup has on this device";
    if (variant->source == OCTAVO_KERNEL_PREFILL_MATRIX)
        tuning->rows = tuning->rows / tuning->teams * (lanes / tuning->subgroup_size);
    tuning->lanes = lanes;
    tuning->teams = lanes / tuning->subgroup_size;
    if (tuning->share_cost > 0u)
        tuning->share_cost = octavo_kernel_has_one_dispatch(variant) ? octavo_matrix_share_cost(tuning->teams)
                                                                     : walk_share_cost(tuning->teams);
    return NULL;
}

/* Sixteen rows a block, 1, 2 or 4 of them for each subgroup. */
static const char *override_blocks(uint32_t rows, octavo_kernel_tuning *tuning) {
    uint32_t blocks = rows / (16u * tuning->teams);
    if (rows != blocks * 16u * tuning->teams || !is_power_of_two(blocks) || blocks > 4u)
        return "rows: not 16, 32 or 64 for each subgroup";
    tuning->rows = rows;
    return NULL;
}

/* walk.comp deals rows to groups of 32 lanes; walk_matrix.comp has the 16 rows of a fragment. */
static const char *override_rows(const octavo_kernel_variant *variant, uint32_t rows, octavo_kernel_tuning *tuning) {
    if (variant->source == OCTAVO_KERNEL_PREFILL_TILES) return octavo_tile_override_rows(rows, tuning);
    if (variant->source == OCTAVO_KERNEL_PREFILL_MATRIX) return override_blocks(rows, tuning);
    uint32_t rows_max = octavo_kernel_has_one_dispatch(variant) ? 16u : 8u;
    if (variant->source == OCTAVO_KERNEL_PREFILL) {
        if (!is_power_of_two(rows) || rows > BLOCK_ROWS_MAX || rows < tuning->lanes / BLOCK_COLUMN_LANES)
            return "rows: no power of two from an eighth of the lanes to 64";
        tuning->rows = rows;
        return NULL;
    }
    if (!is_power_of_two(rows) || rows > rows_max)
        return octavo_kernel_has_one_dispatch(variant) ? "rows: none of 1, 2, 4, 8, 16" : "rows: none of 1, 2, 4, 8";
    if (!octavo_kernel_has_one_dispatch(variant) && rows < tuning->lanes / tuning->teams / 32u)
        return "rows: fewer than subgroups of this size ask for";
    tuning->rows = rows;
    return NULL;
}

static const char *override_unpack(const octavo_kernel_variant *variant, uint32_t unpack,
                                   octavo_kernel_tuning *tuning) {
    if (variant->source == OCTAVO_KERNEL_PREFILL) return "unpack: the prefill variants have no choice";
    if (octavo_kernel_has_one_dispatch(variant) || variant->source == OCTAVO_KERNEL_PREFILL_TILES)
        return "unpack: the matrix variants have no choice";
    if (!is_power_of_two(unpack) || unpack > 4u) return "unpack: none of 1, 2, 4";
    tuning->tokens = unpack;
    return NULL;
}

static const char *override_dispatches(const octavo_device_snapshot *snapshot, const octavo_kernel_variant *variant,
                                       const octavo_packed_layout *layout, uint32_t dispatches,
                                       octavo_kernel_tuning *tuning) {
    if (dispatches != 1u && dispatches != 3u) return "dispatches: neither 1 nor 3";
    if (variant->source == OCTAVO_KERNEL_PREFILL)
        return dispatches == 3u ? NULL : "dispatches: the prefill variants take three";
    if (octavo_kernel_has_one_dispatch(variant))
        return dispatches == 1u ? NULL : "dispatches: the matrix variants take one";
    if (variant->source == OCTAVO_KERNEL_PREFILL_TILES)
        return dispatches == 3u ? NULL : "dispatches: this variant takes three";
    if (dispatches == 1u && !octavo_kernel_binds_fused(snapshot))
        return "dispatches: the device binds too few storage buffers for one";
    if (tuning->fused != (dispatches == 1u))
        set_form(snapshot, variant, layout, tuning->lanes / tuning->teams, dispatches == 1u, tuning);
    return NULL;
}

static const char *override_query_bits(uint32_t bits, octavo_kernel_tuning *tuning) {
    if (tuning->query_parts == 0u) return "query_bits: the query is not an integer in this variant";
    if (bits != 8u && bits != 15u) return "query_bits: neither 8 nor 15";
    tuning->query_parts = bits == 8u ? 1u : 2u;
    return NULL;
}

const char *octavo_kernel_override(const octavo_device_snapshot *snapshot, const octavo_kernel_variant *variant,
                                   const octavo_kernel_shape *shape, const octavo_tuning_row *row,
                                   octavo_kernel_tuning *tuning) {
    octavo_kernel_tuning changed = *tuning;
    const char *problem = NULL;
    if (row->dispatches != 0u)
        problem = override_dispatches(snapshot, variant, shape->layout, row->dispatches, &changed);
    if (problem == NULL && row->lanes != 0u) problem = override_lanes(snapshot, variant, row->lanes, &changed);
    if (problem == NULL && row->rows != 0u) problem = override_rows(variant, row->rows, &changed);
    if (problem == NULL && row->unpack != 0u) problem = override_unpack(variant, row->unpack, &changed);
    if (problem == NULL && row->query_bits != 0u) problem = override_query_bits(row->query_bits, &changed);
    if (problem != NULL) return problem;
    if (variant->source == OCTAVO_KERNEL_PREFILL && changed.rows < changed.lanes / BLOCK_COLUMN_LANES)
        return "lanes: more than eight for each row";
    bool has_forms = !octavo_kernel_has_one_dispatch(variant) && variant->source != OCTAVO_KERNEL_PREFILL_TILES &&
                     variant->source != OCTAVO_KERNEL_PREFILL;
    if (has_forms && row->lanes == 0u) /* as many teams as the rows leave room for */
        set_form(snapshot, variant, shape->layout, changed.lanes / changed.teams, changed.fused, &changed);
    changed.shared_bytes = walk_shared_bytes(variant, shape->layout, &changed);
    if (changed.shared_bytes > snapshot->max_compute_shared_memory_size)
        return "it takes more shared memory than a workgroup has on this device";
    changed.workgroups = filling_workgroups(snapshot, variant, shape->layout, &changed);
    if (row->workgroups > WORKGROUPS_MAX) return "workgroups: more than 1048576";
    if (row->workgroups != 0u) changed.workgroups = row->workgroups;
    if (row->slice_work != 0u) changed.slice_work = row->slice_work;
    *tuning = changed;
    return NULL;
}

octavo_tuning_row octavo_kernel_settings(const octavo_kernel_variant *variant, const octavo_kernel_tuning *tuning) {
    octavo_tuning_row row;
    memset(&row, 0, sizeof row);
    if (variant->source == OCTAVO_KERNEL_PREFILL || (tuning->fused && tuning->subgroup_size != 0u))
        row.lanes = tuning->lanes;
    row.rows = tuning->rows;
    row.unpack = tuning->tokens;
    if (!octavo_kernel_has_one_dispatch(variant)) row.dispatches = tuning->fused ? 1u : 3u;
    if (tuning->query_parts != 0u) row.query_bits = tuning->query_parts == 1u ? 8u : 15u;
    row.workgroups = tuning->workgroups;
    row.slice_work = tuning->slice_work;
    return row;
}

bool octavo_kernel_is_spill(const char *statistic_name, double value) {
    /* ANV, RADV, Turnip, NVK, V3DV; RADV's spilled SGPRs go to vector registers, not to memory */
    static const char *const names[] = {"Spill Count",   "Spill count",  "Scratch Memory Size",
                                        "Spilled VGPRs", "Scratch size", "STP Count",
                                        "Spills",        "TMU Spills",   "SLM Size",
                                        "SLM size",      "Spill Size",   "Spills to memory"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
        if (strcmp(statistic_name, names[i]) == 0) return value > 0.0;
    }
    return false;
}
