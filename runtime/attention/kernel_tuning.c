#include "attention/kernel_tuning.h"

/* The walk's shared memory in bytes: the arrays of walk.comp. */
static uint32_t walk_shared_bytes(const octavo_kernel_variant *variant, const octavo_packed_layout *layout,
                                  uint32_t rows, uint32_t query_parts) {
    uint32_t query_words = query_parts != 0u ? query_parts * layout->key_dim_padded / 4u : layout->key_dim_padded;
    bool int_values = variant->int_dot && layout->value_bits < 16u;
    uint32_t weight_words = int_values ? 32u : 128u;
    uint32_t words = query_words + weight_words + 32u + 1u + 32u; /* query, weights, maxima, correction, window */
    words += variant->int_dot ? 32u + 4u + 8u : 0u;               /* weight maxima, scales, sums of two tiles */
    return 4u * rows * words;
}

/* Registers of a lane bound the rows: sums of scores (4 tokens), the loaded words, and the result. */
static uint32_t lane_values(const octavo_packed_layout *layout, uint32_t lanes, uint32_t rows, uint32_t query_parts) {
    uint32_t quads = lanes < 32u ? lanes : 32u;
    uint32_t channels = (layout->value_dim_padded + lanes - 1u) / lanes;
    uint32_t lane_rows = rows / (lanes / quads);
    return channels * rows + 4u * lane_rows * (query_parts != 0u ? query_parts + 1u : 1u) * (32u / quads);
}

static bool is_software(const octavo_device_snapshot *snapshot) {
    return snapshot->type == VK_PHYSICAL_DEVICE_TYPE_CPU;
}

/* The subgroup size to require: 32 where it can be had, else the nearest to it; software devices have one. */
static uint32_t choose_subgroup(const octavo_device_snapshot *snapshot) {
    uint32_t size = 32u;
    if (size < snapshot->min_subgroup_size) size = snapshot->min_subgroup_size;
    if (size > snapshot->max_subgroup_size) size = snapshot->max_subgroup_size;
    if (snapshot->vendor_id == 0x8086u && size > 16u) size = 16u; /* SIMD32 halves the registers of a lane */
    return size < snapshot->min_subgroup_size ? snapshot->min_subgroup_size : size;
}

bool octavo_kernel_int_query(const octavo_kernel_variant *variant, const octavo_packed_layout *layout) {
    return variant->int_dot && layout->key_bits < 16u;
}

static uint32_t power_of_two_at_most(uint32_t x) {
    uint32_t p = 1u;
    while (2u * p <= x) p *= 2u;
    return p;
}

/* Cores that the driver tells, else an honest guess by the kind of device. */
static uint32_t core_count(const octavo_device_snapshot *snapshot) {
    if (snapshot->core_count != 0u) return snapshot->core_count;
    switch (snapshot->type) {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
        return 40u;
    case VK_PHYSICAL_DEVICE_TYPE_CPU:
        return 8u;
    default:
        return 8u;
    }
}

bool octavo_kernel_tune(const octavo_device_snapshot *snapshot, const octavo_kernel_variant *variant,
                        const octavo_kernel_shape *shape, octavo_kernel_tuning *tuning) {
    const octavo_packed_layout *layout = shape->layout;
    bool software = is_software(snapshot);
    uint32_t lanes = variant->one_subgroup ? choose_subgroup(snapshot) : 32u;
    if (lanes < 4u || lanes > 128u || (lanes & (lanes - 1u)) != 0u) return false;
    if (lanes > snapshot->max_compute_work_group_invocations) return false;

    /* Rows: the group of a decode step, more for prefill, as far as registers and shared memory go. */
    uint32_t wanted = shape->phase == OCTAVO_PHASE_PREFILL ? 8u : power_of_two_at_most(2u * shape->group - 1u);
    uint32_t rows = wanted < 8u ? wanted : 8u;
    uint32_t lane_rows_min = lanes > 32u ? lanes / 32u : 1u;
    if (rows < lane_rows_min) rows = lane_rows_min;
    uint32_t query_parts = octavo_kernel_int_query(variant, layout) ? 2u : 0u;
    uint32_t shared_limit = snapshot->max_compute_shared_memory_size;
    uint32_t value_limit = software ? UINT32_MAX : 72u;
    while (rows > lane_rows_min && (walk_shared_bytes(variant, layout, rows, query_parts) > shared_limit ||
                                    lane_values(layout, lanes, rows, query_parts) > value_limit)) {
        rows /= 2u;
    }
    if (walk_shared_bytes(variant, layout, rows, query_parts) > shared_limit) return false;

    tuning->lanes = lanes;
    tuning->subgroup_size = variant->one_subgroup ? lanes : 0u;
    tuning->rows = rows;
    tuning->query_parts = query_parts;
    tuning->shared_bytes = walk_shared_bytes(variant, layout, rows, query_parts);
    tuning->workgroups = core_count(snapshot) * (software ? 2u : 12u);
    tuning->slice_work = software ? UINT64_C(1) << 26 : UINT64_C(1) << 33;
    tuning->rotate_rows = 4u;
    tuning->rotate_lanes = 64u;
    tuning->merge_lanes = software ? 32u : 128u;
    return true;
}
