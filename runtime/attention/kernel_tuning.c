#include "attention/kernel_tuning.h"

#include <string.h>

#define VENDOR_AMD 0x1002u
#define VENDOR_NVIDIA 0x10deu
#define VENDOR_INTEL 0x8086u

/* One row of the table: how the walk is cut on a class of devices. */
typedef struct tuning_row {
    uint32_t lanes; /* wanted; a workgroup that is one subgroup takes the nearest size there is */
    uint32_t rows_max;
    bool shared_state;
    uint32_t tokens;
    uint32_t values_max; /* of a lane that fit its registers, by the count of lane_values */
    uint32_t workgroups_per_core;
    uint32_t cores; /* where the driver does not tell */
    uint64_t slice_work;
} tuning_row;

/* values_max: NVIDIA gives a lane 255 registers and three workgroups in four at 168; RDNA and GCN 256; SIMD16 on Intel
 * has 64 of them (128 before the halves of a lane's pair); Arm, Broadcom and PowerVR 64 or fewer. */
static const tuning_row nvidia = {32u, 8u, false, 4u, 240u, 12u, 40u, UINT64_C(1) << 34};
static const tuning_row amd = {64u, 4u, false, 4u, 140u, 8u, 40u, UINT64_C(1) << 33};
static const tuning_row intel = {8u, 4u, true, 1u, UINT32_MAX, 16u, 32u, UINT64_C(1) << 31};
static const tuning_row software = {32u, 2u, true, 1u, UINT32_MAX, 4u, 4u, UINT64_C(1) << 26};
static const tuning_row mobile = {32u, 4u, true, 1u, UINT32_MAX, 4u, 8u, UINT64_C(1) << 29};

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

/* The walk's shared memory in bytes: the arrays of walk.comp. */
static uint32_t walk_shared_bytes(const octavo_kernel_variant *variant, const octavo_packed_layout *layout,
                                  const octavo_kernel_tuning *tuning) {
    uint32_t query_words =
        tuning->query_parts != 0u ? tuning->query_parts * layout->key_dim_padded / 4u : layout->key_dim_padded;
    bool int_values = variant->int_dot && layout->value_bits < 16u;
    uint32_t weight_words = int_values ? 32u : 128u;
    uint32_t words = query_words + weight_words + 32u + 1u + 32u;         /* and maxima, correction, window */
    words += variant->int_dot ? 32u + 4u + 8u : 0u;                       /* weight maxima, scales, sums of two tiles */
    words += tuning->shared_state ? 128u + layout->value_dim_padded : 0u; /* logits, result */
    uint32_t apart = 64u + (tuning->shared_state ? 128u : 6u); /* window tokens; logs, or the unused arrays of one element */
    return 4u * (tuning->rows * words + apart);
}

/* Values that a lane keeps while it scores: sums, loaded words, codes, and the state that is not shared. */
static uint32_t lane_values(const octavo_packed_layout *layout, const octavo_kernel_tuning *tuning) {
    uint32_t quads = tuning->lanes < 32u ? tuning->lanes : 32u;
    uint32_t lane_rows = tuning->rows / (tuning->lanes / quads);
    uint32_t channels = (layout->value_dim_padded + tuning->lanes - 1u) / tuning->lanes;
    uint32_t parts = tuning->query_parts != 0u ? tuning->query_parts : 1u;
    uint32_t words = layout->key_bits < 16u ? 4u * layout->key_bits + 4u : 8u;
    uint32_t state = tuning->shared_state ? 0u : channels * tuning->rows + 4u * lane_rows;
    return state + tuning->tokens * (lane_rows * parts + words) + 40u;
}

bool octavo_kernel_int_query(const octavo_kernel_variant *variant, const octavo_packed_layout *layout) {
    return variant->int_dot && layout->key_bits < 16u;
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

static bool fits(const octavo_device_snapshot *snapshot, const octavo_kernel_variant *variant, const tuning_row *row,
                 const octavo_packed_layout *layout, const octavo_kernel_tuning *tuning) {
    return walk_shared_bytes(variant, layout, tuning) <= snapshot->max_compute_shared_memory_size &&
           lane_values(layout, tuning) <= row->values_max;
}

/* The next smaller choice: first fewer tokens at once, then fewer rows. */
static bool step_down(octavo_kernel_tuning *tuning) {
    uint32_t rows_min = tuning->lanes > 32u ? tuning->lanes / 32u : 1u;
    if (!tuning->shared_state) {
        tuning->shared_state = true;
        tuning->tokens = 2u;
    } else if (tuning->tokens > 1u) {
        tuning->tokens /= 2u;
    } else if (tuning->rows > rows_min) {
        tuning->rows /= 2u;
    } else {
        return false;
    }
    return true;
}

bool octavo_kernel_tune(const octavo_device_snapshot *snapshot, const octavo_kernel_variant *variant,
                        const octavo_kernel_shape *shape, uint32_t rung, octavo_kernel_tuning *tuning) {
    const octavo_packed_layout *layout = shape->layout;
    const tuning_row *row = row_of(snapshot);
    memset(tuning, 0, sizeof *tuning);
    tuning->lanes = variant->one_subgroup ? nearest_subgroup(snapshot, row->lanes) : 32u;
    if (tuning->lanes < 4u || tuning->lanes > 128u || (tuning->lanes & (tuning->lanes - 1u)) != 0u) return false;
    if (tuning->lanes > snapshot->max_compute_work_group_invocations) return false;
    tuning->subgroup_size = variant->one_subgroup ? tuning->lanes : 0u;
    tuning->query_parts = octavo_kernel_int_query(variant, layout) ? 2u : 0u;
    /* logits in registers are of one quad a lane */
    tuning->shared_state = row->shared_state || tuning->lanes < 32u;
    tuning->tokens = tuning->shared_state ? row->tokens : 4u;
    uint32_t rows_min = tuning->lanes > 32u ? tuning->lanes / 32u : 1u;
    uint32_t wanted = shape->phase == OCTAVO_PHASE_PREFILL ? row->rows_max : power_of_two_at_least(shape->group);
    tuning->rows = wanted < row->rows_max ? wanted : row->rows_max;
    if (tuning->rows < rows_min) tuning->rows = rows_min;

    /* a device with few registers for the state keeps the rows and gives up the registers last */
    while (!fits(snapshot, variant, row, layout, tuning)) {
        if (tuning->rows > rows_min) {
            tuning->rows /= 2u;
        } else if (!step_down(tuning)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < rung; ++i) {
        if (!step_down(tuning)) return false;
        if (!fits(snapshot, variant, row, layout, tuning)) {
            if (tuning->rows <= rows_min) return false;
            tuning->rows /= 2u;
        }
    }
    uint32_t cores = snapshot->core_count != 0u ? snapshot->core_count : row->cores;
    tuning->shared_bytes = walk_shared_bytes(variant, layout, tuning);
    tuning->workgroups = cores * row->workgroups_per_core;
    tuning->slice_work = row->slice_work;
    tuning->merge_lanes = snapshot->type == VK_PHYSICAL_DEVICE_TYPE_CPU ? 32u : 128u;
    return true;
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
