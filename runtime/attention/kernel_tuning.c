#include "attention/kernel_tuning.h"

#include <string.h>

#define VENDOR_AMD 0x1002u
#define VENDOR_NVIDIA 0x10deu
#define VENDOR_INTEL 0x8086u

/* One row of the table: how the walk is cut on a class of devices. */
typedef struct tuning_row {
    uint32_t lanes; /* wanted; a workgroup that is one subgroup takes the nearest size there is */
    uint32_t rows_max;
    uint32_t tokens;              /* each is 32 registers of codes */
    uint32_t workgroups_per_core; /* at most; fewer where their shared memory does not fit shared_per_core */
    uint32_t shared_per_core;     /* bytes */
    uint32_t cores;               /* where the driver does not tell */
    uint64_t slice_work;
} tuning_row;

/* Registers of a lane: NVIDIA 255, RDNA and GCN 256 (fewer keep more waves resident), Intel 128 at SIMD8, Arm, Broadcom
 * and PowerVR 64 or fewer. NVIDIA's Vulkan driver gives compute about 48 KiB of shared memory on a core, and a
 * workgroup takes 1 KiB more than it asks for. */
static const tuning_row nvidia = {32u, 8u, 4u, 8u, 81920u, 40u, UINT64_C(1) << 34};
static const tuning_row amd = {32u, 8u, 2u, 8u, 65536u, 40u, UINT64_C(1) << 33};
static const tuning_row intel = {8u, 4u, 1u, 16u, 131072u, 32u, UINT64_C(1) << 31};
static const tuning_row software = {32u, 4u, 2u, 4u, UINT32_MAX, 4u, UINT64_C(1) << 26};
static const tuning_row mobile = {32u, 4u, 1u, 4u, 32768u, 8u, UINT64_C(1) << 29};

/* llvmpipe ends all loops of an invocation after 65535 iterations in total, without a word (gallivm:
 * LP_MAX_TGSI_LOOP_ITERATIONS); a tile takes thirty to six hundred. */
#define SOFTWARE_TILES_MAX 64u

/* Subgroups of a workgroup of the matrix walk: as many as are resident on a core with 168 registers a lane, or 255 for
 * the results of sixteen rows (H200, 65536 tokens, sixteen rows: 57 us; with twelve 76 us). */
#define MATRIX_TEAMS 12u
#define MATRIX_WIDE_TEAMS 8u

static const tuning_row *row_of(const octavo_device_snapshot *snapshot) {
    if (snapshot->type == VK_PHYSICAL_DEVICE_TYPE_CPU) return &software;
    switch (snapshot->vendor_id) {
    case VENDOR_NVIDIA:
        return &nvidia;
    case VENDOR_AMD:
        return &amd;
    case VENDOR_INTEL:
        return &intel;
    default:
        return &mobile;
    }
}

/* The same for walk_matrix.comp. */
static uint32_t matrix_shared_bytes(const octavo_kernel_variant *variant, const octavo_packed_layout *layout,
                                    const octavo_kernel_tuning *tuning) {
    uint32_t teams = tuning->lanes / 32u, halves = tuning->rows > 8u ? 2u : 1u;
    uint32_t pad = layout->key_dim_padded, key_steps = (pad / 32u + 3u) / 4u * 8u;
    uint32_t widest = pad > layout->value_dim_padded ? pad : layout->value_dim_padded;
    uint32_t words = halves * (key_steps * 64u + teams * 128u); /* queries, weights */
    words += tuning->rows * (widest + 32u * teams + 2u * teams + 7u) + 1u;
    if (variant->arithmetic == OCTAVO_KERNEL_EMULATED_MATRIX) words += 32u * 7u;
    return 4u * words;
}

/* The walk's shared memory in bytes: the arrays of walk.comp. */
static uint32_t walk_shared_bytes(const octavo_kernel_variant *variant, const octavo_packed_layout *layout,
                                  const octavo_kernel_tuning *tuning) {
    if (variant->fused) return matrix_shared_bytes(variant, layout, tuning);
    uint32_t query_words =
        tuning->query_parts != 0u ? tuning->query_parts * layout->key_dim_padded / 4u : layout->key_dim_padded;
    bool int_values = variant->arithmetic == OCTAVO_KERNEL_INT_DOT && layout->value_bits < 16u;
    uint32_t weight_words = int_values ? 32u : 128u;
    uint32_t words = query_words + weight_words + 128u + layout->value_dim_padded; /* and logits, result */
    words += 32u + 2u + 1u + 3u;                                                   /* maxima, correction, rules */
    words += variant->arithmetic == OCTAVO_KERNEL_INT_DOT ? 1u + 32u + 4u + 8u
                                                          : 0u; /* offset, weight maxima, scales, sums of two tiles */
    uint32_t apart = 32u + 128u + 64u;                          /* end of the query, logs, window tokens */
    return 4u * (tuning->rows * words + apart);
}

bool octavo_kernel_int_query(const octavo_kernel_variant *variant, const octavo_packed_layout *layout) {
    return variant->arithmetic == OCTAVO_KERNEL_INT_DOT && layout->key_bits < 16u;
}

/* The subgroup size to require: the nearest to the wanted one that there is. */
static uint32_t nearest_subgroup(const octavo_device_snapshot *snapshot, uint32_t wanted) {
    if (wanted < snapshot->min_subgroup_size) return snapshot->min_subgroup_size;
    return wanted > snapshot->max_subgroup_size ? snapshot->max_subgroup_size : wanted;
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

static uint32_t resident_workgroups(const tuning_row *row, uint32_t shared_bytes) {
    uint32_t fit = row->shared_per_core / (shared_bytes + 1024u);
    if (fit > row->workgroups_per_core) return row->workgroups_per_core;
    return fit > 0u ? fit : 1u;
}

/* What fills the device, with the lanes and shared memory of *tuning. */
static uint32_t filling_workgroups(const octavo_device_snapshot *snapshot, const octavo_kernel_variant *variant,
                                   const octavo_kernel_tuning *tuning) {
    const tuning_row *row = row_of(snapshot);
    uint32_t cores = snapshot->core_count != 0u ? snapshot->core_count : row->cores;
    if (!variant->fused) return cores * resident_workgroups(row, tuning->shared_bytes);
    uint32_t teams = tuning->lanes / 32u; /* 168 registers a lane */
    return cores * (teams < MATRIX_TEAMS ? MATRIX_TEAMS / teams : 1u);
}

/* Teams of 32 lanes that share a query tile; the emulation is one team. Codes are unpacked once for the sixteen rows of a
 * tile (H200, 65536 tokens: 57 us; two tiles of eight 73 us). A rung less is half the rows. */
static bool tune_matrix(const octavo_device_snapshot *snapshot, const octavo_kernel_variant *variant,
                        const octavo_kernel_shape *shape, uint32_t rung, octavo_kernel_tuning *tuning) {
    const tuning_row *row = row_of(snapshot);
    const uint32_t rows_max = 16u;
    const bool emulated = variant->arithmetic == OCTAVO_KERNEL_EMULATED_MATRIX;
    uint64_t wanted = (uint64_t)shape->group * shape->query_tokens;
    tuning->rows = rows_max;
    if (wanted < rows_max && shape->phase == OCTAVO_PHASE_DECODE)
        tuning->rows = power_of_two_at_least((uint32_t)wanted);
    uint32_t teams = emulated ? 1u : tuning->rows > 8u ? MATRIX_WIDE_TEAMS : MATRIX_TEAMS,
             subgroups = snapshot->max_compute_workgroup_subgroups; /* 0: not told */
    while (teams > 1u &&
           (32u * teams > snapshot->max_compute_work_group_invocations ||
            32u * teams > snapshot->max_compute_work_group_size[0] || (subgroups != 0u && teams > subgroups)))
        teams /= 2u;
    tuning->lanes = 32u * teams;
    tuning->subgroup_size = emulated ? 0u : 32u;
    while (tuning->rows > 1u &&
           walk_shared_bytes(variant, shape->layout, tuning) > snapshot->max_compute_shared_memory_size)
        tuning->rows /= 2u;
    if (rung > 3u || tuning->rows >> rung == 0u) return false;
    tuning->rows >>= rung;
    tuning->shared_bytes = walk_shared_bytes(variant, shape->layout, tuning);
    if (tuning->lanes > snapshot->max_compute_work_group_invocations ||
        tuning->shared_bytes > snapshot->max_compute_shared_memory_size)
        return false;
    tuning->workgroups = filling_workgroups(snapshot, variant, tuning);
    tuning->slice_work = row->slice_work;
    if (emulated) tuning->tiles_max = SOFTWARE_TILES_MAX / 2u;
    tuning->merge_lanes = 32u;
    tuning->logits = shape->logits;
    return true;
}

bool octavo_kernel_tune(const octavo_device_snapshot *snapshot, const octavo_kernel_variant *variant,
                        const octavo_kernel_shape *shape, uint32_t rung, octavo_kernel_tuning *tuning) {
    const octavo_packed_layout *layout = shape->layout;
    const tuning_row *row = row_of(snapshot);
    memset(tuning, 0, sizeof *tuning);
    if (variant->fused) return tune_matrix(snapshot, variant, shape, rung, tuning);
    tuning->lanes = variant->one_subgroup ? nearest_subgroup(snapshot, row->lanes) : 32u;
    if (tuning->lanes < 4u || tuning->lanes > 128u || (tuning->lanes & (tuning->lanes - 1u)) != 0u) return false;
    if (tuning->lanes > snapshot->max_compute_work_group_invocations) return false;
    tuning->subgroup_size = variant->one_subgroup ? tuning->lanes : 0u;
    tuning->query_parts = octavo_kernel_int_query(variant, layout) ? 2u : 0u;
    tuning->tokens = row->tokens;
    uint32_t rows_min = tuning->lanes > 32u ? tuning->lanes / 32u : 1u;
    uint32_t wanted = shape->phase == OCTAVO_PHASE_PREFILL ? row->rows_max : power_of_two_at_least(shape->group);
    tuning->rows = wanted < row->rows_max ? wanted : row->rows_max;
    if (tuning->rows < rows_min) tuning->rows = rows_min;
    while (walk_shared_bytes(variant, layout, tuning) > snapshot->max_compute_shared_memory_size) {
        if (tuning->rows <= rows_min) return false;
        tuning->rows /= 2u;
    }
    for (uint32_t i = 0; i < rung; ++i) {
        if (!step_down(tuning, rows_min)) return false;
    }
    tuning->shared_bytes = walk_shared_bytes(variant, layout, tuning);
    tuning->workgroups = filling_workgroups(snapshot, variant, tuning);
    tuning->slice_work = row->slice_work;
    tuning->one_share = snapshot->type == VK_PHYSICAL_DEVICE_TYPE_CPU;
    if (tuning->one_share) tuning->tiles_max = SOFTWARE_TILES_MAX;
    /* many lanes read many partial results at once */
    uint32_t merge_lanes = shape->phase == OCTAVO_PHASE_DECODE ? 512u : 128u;
    if (snapshot->type == VK_PHYSICAL_DEVICE_TYPE_CPU) merge_lanes = 32u;
    while (merge_lanes > snapshot->max_compute_work_group_invocations ||
           merge_lanes > snapshot->max_compute_work_group_size[0]) {
        merge_lanes /= 2u;
    }
    tuning->merge_lanes = merge_lanes;
    return true;
}

#define WORKGROUPS_MAX (1u << 20)
#define MATRIX_LANES_MAX 1024u

static bool is_power_of_two(uint32_t x) {
    return x != 0u && (x & (x - 1u)) == 0u;
}

static const char *override_lanes(const octavo_device_snapshot *snapshot, const octavo_kernel_variant *variant,
                                  uint32_t lanes, octavo_kernel_tuning *tuning) {
    if (variant->arithmetic != OCTAVO_KERNEL_MATRIX) return "lanes: only the variant matrix has a choice";
    if (lanes % 32u != 0u || lanes > MATRIX_LANES_MAX) return "lanes: not a multiple of 32 up to 1024";
    uint32_t subgroups = snapshot->max_compute_workgroup_subgroups;
    if (lanes > snapshot->max_compute_work_group_invocations || lanes > snapshot->max_compute_work_group_size[0] ||
        (subgroups != 0u && lanes / 32u > subgroups))
        return "lanes: more than a workgroup has on this device";
    tuning->lanes = lanes;
    return NULL;
}

/* walk.comp deals rows to groups of 32 lanes; walk_matrix.comp has the 16 rows of a fragment. */
static const char *override_rows(const octavo_kernel_variant *variant, uint32_t rows, octavo_kernel_tuning *tuning) {
    uint32_t rows_max = variant->fused ? 16u : 8u;
    if (!is_power_of_two(rows) || rows > rows_max)
        return variant->fused ? "rows: none of 1, 2, 4, 8, 16" : "rows: none of 1, 2, 4, 8";
    if (!variant->fused && rows < tuning->lanes / 32u) return "rows: fewer than subgroups of this size ask for";
    tuning->rows = rows;
    return NULL;
}

static const char *override_unpack(const octavo_kernel_variant *variant, uint32_t unpack,
                                   octavo_kernel_tuning *tuning) {
    if (variant->fused) return "unpack: the matrix variants have no choice";
    if (!is_power_of_two(unpack) || unpack > 4u) return "unpack: none of 1, 2, 4";
    tuning->tokens = unpack;
    return NULL;
}

const char *octavo_kernel_override(const octavo_device_snapshot *snapshot, const octavo_kernel_variant *variant,
                                   const octavo_kernel_shape *shape, const octavo_tuning_row *row,
                                   octavo_kernel_tuning *tuning) {
    octavo_kernel_tuning changed = *tuning;
    const char *problem = NULL;
    if (row->lanes != 0u) problem = override_lanes(snapshot, variant, row->lanes, &changed);
    if (problem == NULL && row->rows != 0u) problem = override_rows(variant, row->rows, &changed);
    if (problem == NULL && row->unpack != 0u) problem = override_unpack(variant, row->unpack, &changed);
    if (problem != NULL) return problem;
    changed.shared_bytes = walk_shared_bytes(variant, shape->layout, &changed);
    if (changed.shared_bytes > snapshot->max_compute_shared_memory_size)
        return "it takes more shared memory than a workgroup has on this device";
    changed.workgroups = filling_workgroups(snapshot, variant, &changed);
    if (row->workgroups > WORKGROUPS_MAX) return "workgroups: more than 1048576";
    if (row->workgroups != 0u) changed.workgroups = row->workgroups;
    if (row->slice_work != 0u) changed.slice_work = row->slice_work;
    *tuning = changed;
    return NULL;
}

octavo_tuning_row octavo_kernel_settings(const octavo_kernel_variant *variant, const octavo_kernel_tuning *tuning) {
    octavo_tuning_row row;
    memset(&row, 0, sizeof row);
    if (variant->arithmetic == OCTAVO_KERNEL_MATRIX) row.lanes = tuning->lanes;
    row.rows = tuning->rows;
    if (!variant->fused) row.unpack = tuning->tokens;
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
