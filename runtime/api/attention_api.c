/* octavo/attention.h: argument checks, then attention/. */
#include "attention/attention_plan.h"
#include "attention/tensor_range.h"

#include <math.h>

static octavo_status check_shape(const octavo_device *device, const octavo_attention_info *info) {
    octavo_cache_info cache;
    octavo_cache_get_info(info->cache, &cache);
    uint32_t heads = info->query_head_count;
    if (heads == 0u || heads % cache.kv_head_count != 0u || heads / cache.kv_head_count > 64u) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT,
                               "query_head_count: %u is not 1 .. 64 times the %u KV heads", heads, cache.kv_head_count);
    }
    if (info->sequence_capacity == 0u || info->sequence_capacity > cache.sequence_capacity) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT,
                               "sequence_capacity: %u is not in 1 .. %u, that of the cache", info->sequence_capacity,
                               cache.sequence_capacity);
    }
    if (info->query_capacity == 0u || info->query_capacity > (uint32_t)INT32_MAX / heads) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "query_capacity: %u is not in 1 .. %u",
                               info->query_capacity, (uint32_t)INT32_MAX / heads);
    }
    return OCTAVO_SUCCESS;
}

/* The kernels work in units of the cap: far beyond these, logits in them leave the range of f32. */
#define SOFTCAP_MIN 1e-9f
#define SOFTCAP_MAX 1e9f

static octavo_status check_attention_info(const octavo_device *device, const octavo_attention_info *info) {
    octavo_status status = check_shape(device, info);
    if (status != OCTAVO_SUCCESS) return status;
    if ((uint32_t)info->phase > OCTAVO_PHASE_DECODE) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "phase: %u is no octavo_phase", (unsigned)info->phase);
    }
    if ((uint32_t)info->empty_row > OCTAVO_EMPTY_ROW_UNIFORM) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "empty_row: %u is no octavo_empty_row",
                               (unsigned)info->empty_row);
    }
    if (!isfinite(info->scale)) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "scale: %g is not finite", (double)info->scale);
    }
    if (info->softcap != 0.0f && !(info->softcap >= SOFTCAP_MIN && info->softcap <= SOFTCAP_MAX)) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "softcap: %g is not 0 or in %g .. %g",
                               (double)info->softcap, (double)SOFTCAP_MIN, (double)SOFTCAP_MAX);
    }
    return OCTAVO_SUCCESS;
}

octavo_status octavo_attention_create(const octavo_attention_info *info, octavo_attention **attention) {
    if (attention != NULL) *attention = NULL;
    if (info == NULL || info->struct_size != sizeof *info || info->cache == NULL) return OCTAVO_INVALID_ARGUMENT;
    if (attention == NULL) {
        return octavo_gpu_fail(info->cache->device, OCTAVO_INVALID_ARGUMENT,
                               "octavo_attention_create: attention is NULL");
    }
    octavo_status status = check_attention_info(info->cache->device, info);
    return status == OCTAVO_SUCCESS ? octavo_attention_plan_create(info, attention) : status;
}

void octavo_attention_destroy(octavo_attention *attention) {
    octavo_attention_plan_destroy(attention);
}

const char *octavo_attention_variant_name(uint32_t index) {
    return index < OCTAVO_KERNEL_VARIANT_COUNT ? octavo_kernel_variants[index].name : NULL;
}

const char *octavo_attention_variant_refusal(const octavo_device *device, uint32_t index, octavo_phase phase) {
    if (device == NULL || index >= OCTAVO_KERNEL_VARIANT_COUNT) return "there is no such variant";
    return octavo_kernel_variant_refusal(&octavo_kernel_variants[index], octavo_gpu_snapshot(device),
                                         octavo_gpu_capabilities(device), phase);
}

const char *octavo_attention_variant(const octavo_attention *attention) {
    return attention->variant->name;
}

octavo_phase octavo_attention_phase(const octavo_attention *attention) {
    return attention->info.phase;
}

const char *octavo_attention_tuning(const octavo_attention *attention) {
    return attention->tuning_text;
}

static octavo_status check_output(const octavo_device *device, const octavo_attention *attention,
                                  const octavo_attention_run *run, uint64_t tokens) {
    uint32_t dim = attention->cache->layout.value_dim;
    if (run->output.type == OCTAVO_BF16) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "output.type: bf16; the output is f32 or f16");
    }
    octavo_status status =
        octavo_tensor_check(device, "output", &run->output, tokens, attention->info.query_head_count, dim);
    if (status != OCTAVO_SUCCESS || run->lse_buffer == VK_NULL_HANDLE) return status;
    uint64_t needed = 4u * tokens * attention->info.query_head_count;
    const octavo_device_snapshot *snapshot = octavo_gpu_snapshot(device);
    if (run->lse_size < needed || needed > snapshot->max_storage_buffer_range) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT,
                               "lse_size: %llu bytes, %llu are needed, %llu can be bound",
                               (unsigned long long)run->lse_size, (unsigned long long)needed,
                               (unsigned long long)snapshot->max_storage_buffer_range);
    }
    if (run->lse_offset % snapshot->min_storage_buffer_offset_alignment != 0u) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "lse_offset: %llu is not a multiple of %llu",
                               (unsigned long long)run->lse_offset,
                               (unsigned long long)snapshot->min_storage_buffer_offset_alignment);
    }
    return OCTAVO_SUCCESS;
}

static octavo_status check_own(const octavo_device *device, const octavo_attention *attention,
                               const octavo_attention_run *run, uint64_t tokens) {
    const octavo_packed_layout *layout = &attention->cache->layout;
    bool keys = run->own_keys.buffer != VK_NULL_HANDLE, values = run->own_values.buffer != VK_NULL_HANDLE;
    if (!keys && !values) return OCTAVO_SUCCESS;
    if (!keys || !values) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "%s.buffer: VK_NULL_HANDLE, %s has one",
                               keys ? "own_values" : "own_keys", keys ? "own_keys" : "own_values");
    }
    if (attention->info.own_tokens == VK_FALSE) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT,
                               "own_keys: given, own_tokens of octavo_attention_info was VK_FALSE");
    }
    octavo_status status =
        octavo_tensor_check(device, "own_keys", &run->own_keys, tokens, layout->kv_heads, layout->key_dim);
    return status == OCTAVO_SUCCESS ? octavo_tensor_check(device, "own_values", &run->own_values, tokens,
                                                          layout->kv_heads, layout->value_dim)
                                    : status;
}

/* Positions are 32-bit numbers with a sign. */
static octavo_status check_length(const octavo_device *device, const octavo_attention_run *run, uint32_t s,
                                  uint32_t length) {
    if (run->own_keys.buffer == VK_NULL_HANDLE || run->query_counts[s] <= (uint32_t)INT32_MAX - length)
        return OCTAVO_SUCCESS;
    return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT,
                           "query_counts[%u]: %u tokens of its own behind %u, more than %u together", s,
                           run->query_counts[s], length, (uint32_t)INT32_MAX);
}

static octavo_status check_run(const octavo_attention *attention, const octavo_attention_run *run) {
    const octavo_device *device = attention->cache->device;
    if (run->layer >= attention->cache->info.layer_count) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "layer: %u, the cache has %u", run->layer,
                               attention->cache->info.layer_count);
    }
    if (run->sequence_count > attention->info.sequence_capacity) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "sequence_count: %u, the plan has room for %u",
                               run->sequence_count, attention->info.sequence_capacity);
    }
    if (run->sequence_count > 0u && (run->sequences == NULL || run->query_counts == NULL)) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT,
                               "sequences or query_counts is NULL, sequence_count is %u", run->sequence_count);
    }
    uint64_t tokens = 0;
    for (uint32_t s = 0; s < run->sequence_count; ++s) {
        octavo_cache_view view;
        octavo_status status = octavo_cache_table_view(attention->cache->table, run->sequences[s], run->layer, &view);
        if (status == OCTAVO_SUCCESS) status = check_length(device, run, s, view.length);
        if (status != OCTAVO_SUCCESS) return status;
        tokens += run->query_counts[s];
    }
    if (tokens > attention->info.query_capacity) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT,
                               "query_counts: %llu query tokens, the plan has room for %u", (unsigned long long)tokens,
                               attention->info.query_capacity);
    }
    octavo_status status = octavo_tensor_check(device, "queries", &run->queries, tokens,
                                               attention->info.query_head_count, attention->cache->layout.key_dim);
    if (status == OCTAVO_SUCCESS) status = check_own(device, attention, run, tokens);
    return status == OCTAVO_SUCCESS ? check_output(device, attention, run, tokens) : status;
}

octavo_status octavo_attention_record(octavo_attention *attention, octavo_frame *frame, VkCommandBuffer command_buffer,
                                      const octavo_attention_run *run) {
    if (attention == NULL) return OCTAVO_INVALID_ARGUMENT;
    octavo_device *device = attention->cache->device;
    if (frame == NULL || command_buffer == VK_NULL_HANDLE || run == NULL || run->struct_size != sizeof *run) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "octavo_attention_record: %s",
                               frame == NULL                      ? "frame is NULL"
                               : command_buffer == VK_NULL_HANDLE ? "command_buffer is NULL"
                               : run == NULL                      ? "run is NULL"
                                                                  : "run has an unknown struct_size");
    }
    if (octavo_gpu_frame_device(frame) != device) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "frame: it belongs to another device");
    }
    octavo_status status = check_run(attention, run);
    return status == OCTAVO_SUCCESS ? octavo_attention_record_run(attention, frame, command_buffer, run) : status;
}
