/* octavo/cache.h: argument checks, then attention/ and cache/. */
#include "attention/cache_object.h"
#include "attention/tensor_range.h"
#include "base/checked_math.h"

static octavo_status check_range(const octavo_device *device, const char *name, uint64_t value, uint64_t least,
                                 uint64_t most) {
    if (value >= least && value <= most) return OCTAVO_SUCCESS;
    return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "octavo_cache_info.%s: %llu is not in %llu .. %llu", name,
                           (unsigned long long)value, (unsigned long long)least, (unsigned long long)most);
}

static octavo_status check_bits(const octavo_device *device, const char *name, uint32_t bits) {
    if (bits == 2u || bits == 3u || bits == 4u || bits == 16u) return OCTAVO_SUCCESS;
    return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "octavo_cache_info.%s: %u is not 2, 3, 4 or 16", name,
                           bits);
}

static octavo_status check_cache_info(const octavo_device *device, const octavo_cache_info *info) {
    if (info == NULL) return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "octavo_cache_create: info is NULL");
    if (info->struct_size != sizeof *info) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT,
                               "octavo_cache_info.struct_size: %llu, this library has %llu",
                               (unsigned long long)info->struct_size, (unsigned long long)sizeof *info);
    }
    octavo_status status = check_range(device, "layer_count", info->layer_count, 1u, 1024u);
    if (status == OCTAVO_SUCCESS) status = check_range(device, "kv_head_count", info->kv_head_count, 1u, 256u);
    if (status == OCTAVO_SUCCESS) status = check_range(device, "key_dim", info->key_dim, 32u, 256u);
    if (status == OCTAVO_SUCCESS) status = check_range(device, "value_dim", info->value_dim, 32u, 256u);
    if (status == OCTAVO_SUCCESS) status = check_bits(device, "key_bits", info->key_bits);
    if (status == OCTAVO_SUCCESS) status = check_bits(device, "value_bits", info->value_bits);
    if (status == OCTAVO_SUCCESS)
        status = check_range(device, "token_capacity", info->token_capacity, 1u, UINT64_C(1) << 36);
    if (status == OCTAVO_SUCCESS)
        status = check_range(device, "sequence_capacity", info->sequence_capacity, 1u, 65536u);
    if (status == OCTAVO_SUCCESS) status = check_range(device, "record_count", info->record_count, 1u, 256u);
    if (status == OCTAVO_SUCCESS) status = check_range(device, "first_tokens", info->first_tokens, 0u, 128u);
    if (status == OCTAVO_SUCCESS) status = check_range(device, "recent_tokens", info->recent_tokens, 0u, 4096u);
    if (status == OCTAVO_SUCCESS) status = check_range(device, "slack_tokens", info->slack_tokens, 0u, 4096u);
    return status;
}

octavo_status octavo_cache_create(octavo_device *device, const octavo_cache_info *info, octavo_cache **cache) {
    if (device == NULL) return OCTAVO_INVALID_ARGUMENT;
    if (cache == NULL) return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "octavo_cache_create: cache is NULL");
    *cache = NULL;
    octavo_status status = check_cache_info(device, info);
    if (status == OCTAVO_SUCCESS) status = octavo_cache_object_create(device, info, NULL, cache);
    if (status != OCTAVO_SUCCESS) return status;
    status = octavo_cache_append_prove(*cache);
    if (status != OCTAVO_SUCCESS) {
        octavo_cache_object_destroy(*cache);
        *cache = NULL;
    }
    return status;
}

void octavo_cache_destroy(octavo_cache *cache) {
    octavo_cache_object_destroy(cache);
}

void octavo_cache_get_info(const octavo_cache *cache, octavo_cache_info *info) {
    *info = cache->info;
}

void octavo_cache_get_statistics(const octavo_cache *cache, octavo_cache_statistics *statistics) {
    octavo_cache_table_statistics slots = octavo_cache_table_get_statistics(cache->table);
    uint64_t layers = cache->info.layer_count;
    statistics->page_bytes = 4u * (uint64_t)cache->layout.page_words;
    statistics->bytes_per_token = statistics->page_bytes / OCTAVO_PAGE_TOKENS;
    statistics->page_count = slots.slot_count * layers;
    statistics->free_page_count = slots.free_slots * layers;
    statistics->packed_page_count = slots.packed_slots * layers;
    statistics->window_page_count = slots.window_slots * layers;
    statistics->allocated_bytes = statistics->page_count * statistics->page_bytes;
    statistics->sequence_count = slots.sequence_count;
}

/* Where a result goes. */
static octavo_status check_result(const octavo_cache *cache, const void *result, const char *name) {
    if (result != NULL) return OCTAVO_SUCCESS;
    return octavo_gpu_fail(cache->device, OCTAVO_INVALID_ARGUMENT, "%s is NULL", name);
}

static octavo_status check_layer(const octavo_cache *cache, uint32_t layer) {
    if (layer < cache->info.layer_count) return OCTAVO_SUCCESS;
    return octavo_gpu_fail(cache->device, OCTAVO_INVALID_ARGUMENT, "layer: %u, the cache has %u", layer,
                           cache->info.layer_count);
}

static octavo_status check_record(const octavo_cache *cache, uint32_t record) {
    if (record < cache->info.record_count) return OCTAVO_SUCCESS;
    return octavo_gpu_fail(cache->device, OCTAVO_INVALID_ARGUMENT, "record: %u, the cache has %u", record,
                           cache->info.record_count);
}

static octavo_status check_finite(const octavo_cache *cache, const char *name, const float *values, size_t count) {
    for (size_t i = 0; values != NULL && i < count; ++i) {
        if (!(values[i] - values[i] == 0.0f)) {
            return octavo_gpu_fail(cache->device, OCTAVO_INVALID_ARGUMENT,
                                   "octavo_codec_info.%s: element %llu is not finite", name, (unsigned long long)i);
        }
    }
    return OCTAVO_SUCCESS;
}

octavo_status octavo_cache_set_codec(octavo_cache *cache, uint32_t record, uint32_t layer,
                                     const octavo_codec_info *info) {
    if (cache == NULL) return OCTAVO_INVALID_ARGUMENT;
    octavo_status status = check_record(cache, record);
    if (status == OCTAVO_SUCCESS) status = check_layer(cache, layer);
    if (status != OCTAVO_SUCCESS) return status;
    if (info == NULL || info->struct_size != sizeof *info) {
        return octavo_gpu_fail(cache->device, OCTAVO_INVALID_ARGUMENT,
                               "octavo_cache_set_codec: info is NULL or has an unknown struct_size");
    }
    if (info->key_transform != NULL && !cache->info.transforms) {
        return octavo_gpu_fail(cache->device, OCTAVO_INVALID_ARGUMENT,
                               "octavo_codec_info.key_transform: the cache was made without room for transforms");
    }
    size_t heads = cache->layout.kv_heads, padded = cache->layout.key_dim_padded;
    status = check_finite(cache, "key_mean", info->key_mean, heads * cache->layout.key_dim);
    if (status == OCTAVO_SUCCESS)
        status = check_finite(cache, "key_transform", info->key_transform, heads * padded * padded);
    if (status != OCTAVO_SUCCESS) return status;
    uint32_t use = octavo_cache_table_record_use(cache->table, record);
    if (use > 0u) {
        return octavo_gpu_fail(cache->device, OCTAVO_INVALID_STATE, "record: %u is in use by %u sequences with tokens",
                               record, use);
    }
    return octavo_cache_codec_set(cache, record, layer, info);
}

octavo_status octavo_sequence_create(octavo_cache *cache, uint32_t record, octavo_sequence *sequence) {
    if (cache == NULL) return OCTAVO_INVALID_ARGUMENT;
    octavo_status status = check_result(cache, sequence, "octavo_sequence_create: sequence");
    if (status == OCTAVO_SUCCESS) status = check_record(cache, record);
    return status == OCTAVO_SUCCESS ? octavo_cache_table_sequence_create(cache->table, record, sequence) : status;
}

octavo_status octavo_sequence_destroy(octavo_cache *cache, octavo_sequence sequence) {
    return cache != NULL ? octavo_cache_table_sequence_destroy(cache->table, sequence) : OCTAVO_INVALID_ARGUMENT;
}

octavo_status octavo_sequence_fork(octavo_cache *cache, octavo_sequence source, octavo_sequence *sequence) {
    if (cache == NULL) return OCTAVO_INVALID_ARGUMENT;
    octavo_status status = check_result(cache, sequence, "octavo_sequence_fork: sequence");
    return status == OCTAVO_SUCCESS ? octavo_cache_table_fork(cache->table, source, sequence) : status;
}

octavo_status octavo_sequence_truncate(octavo_cache *cache, octavo_sequence sequence, uint32_t length) {
    return cache != NULL ? octavo_cache_table_truncate(cache->table, sequence, length) : OCTAVO_INVALID_ARGUMENT;
}

octavo_status octavo_sequence_length(const octavo_cache *cache, octavo_sequence sequence, uint32_t layer,
                                     uint32_t *length) {
    if (cache == NULL) return OCTAVO_INVALID_ARGUMENT;
    octavo_status status = check_result(cache, length, "octavo_sequence_length: length");
    if (status == OCTAVO_SUCCESS) status = check_layer(cache, layer);
    octavo_cache_view view;
    if (status == OCTAVO_SUCCESS) status = octavo_cache_table_view(cache->table, sequence, layer, &view);
    if (status == OCTAVO_SUCCESS) *length = view.length;
    return status;
}

/* The sum of the counts; a row of scratch is named by 31 bits. */
static octavo_status sum_counts(const octavo_device *device, const char *name, uint32_t count, const uint32_t *counts,
                                uint64_t *sum) {
    *sum = 0;
    for (uint32_t i = 0; i < count; ++i) *sum += counts[i];
    if (*sum <= INT32_MAX) return OCTAVO_SUCCESS;
    return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "%s: %llu tokens in one call, limit %d", name,
                           (unsigned long long)*sum, INT32_MAX);
}

octavo_status octavo_cache_record_append(octavo_cache *cache, octavo_frame *frame, VkCommandBuffer command_buffer,
                                         const octavo_append_info *info) {
    if (cache == NULL) return OCTAVO_INVALID_ARGUMENT;
    octavo_device *device = cache->device;
    if (frame == NULL || command_buffer == VK_NULL_HANDLE || info == NULL || info->struct_size != sizeof *info) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "octavo_cache_record_append: %s",
                               frame == NULL                      ? "frame is NULL"
                               : command_buffer == VK_NULL_HANDLE ? "command_buffer is NULL"
                               : info == NULL                     ? "info is NULL"
                                                                  : "info has an unknown struct_size");
    }
    if (octavo_gpu_frame_device(frame) != device) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "frame: it belongs to another device");
    }
    octavo_status status = check_layer(cache, info->layer);
    if (status != OCTAVO_SUCCESS) return status;
    if (info->sequence_count > 0u && (info->sequences == NULL || info->token_counts == NULL)) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT,
                               "sequences or token_counts is NULL, sequence_count is %u", info->sequence_count);
    }
    if (info->sequence_count > cache->info.sequence_capacity) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "sequence_count: %u, the cache has room for %u",
                               info->sequence_count, cache->info.sequence_capacity);
    }
    uint64_t tokens;
    status = sum_counts(device, "token_counts", info->sequence_count, info->token_counts, &tokens);
    if (status == OCTAVO_SUCCESS) {
        status =
            octavo_tensor_check(device, "keys", &info->keys, tokens, cache->layout.kv_heads, cache->layout.key_dim);
    }
    if (status == OCTAVO_SUCCESS) {
        status = octavo_tensor_check(device, "values", &info->values, tokens, cache->layout.kv_heads,
                                     cache->layout.value_dim);
    }
    return status == OCTAVO_SUCCESS ? octavo_cache_append_record(cache, frame, command_buffer, info) : status;
}

static octavo_status check_read(const octavo_cache *cache, octavo_sequence sequence, uint32_t layer, uint32_t first,
                                uint32_t count) {
    octavo_cache_view view;
    octavo_status status = check_layer(cache, layer);
    if (status == OCTAVO_SUCCESS) status = octavo_cache_table_view(cache->table, sequence, layer, &view);
    if (status != OCTAVO_SUCCESS) return status;
    if ((uint64_t)first + count <= view.length) return OCTAVO_SUCCESS;
    return octavo_gpu_fail(cache->device, OCTAVO_INVALID_ARGUMENT,
                           "first, count: tokens %u .. %llu of a sequence of %u", first,
                           (unsigned long long)first + count, view.length);
}

octavo_status octavo_cache_read(octavo_cache *cache, octavo_sequence sequence, uint32_t layer, uint32_t first,
                                uint32_t count, float *keys, float *values) {
    if (cache == NULL) return OCTAVO_INVALID_ARGUMENT;
    octavo_status status = check_read(cache, sequence, layer, first, count);
    if (status != OCTAVO_SUCCESS || count == 0u) return status;
    return octavo_cache_tokens_read(cache, sequence, layer, first, count, keys, values);
}

uint32_t octavo_cache_packed_words(const octavo_cache *cache) {
    return cache->layout.token_words;
}

octavo_status octavo_cache_read_packed(octavo_cache *cache, octavo_sequence sequence, uint32_t layer, uint32_t first,
                                       uint32_t count, uint32_t *words) {
    if (cache == NULL) return OCTAVO_INVALID_ARGUMENT;
    octavo_status status = check_result(cache, words, "octavo_cache_read_packed: words");
    if (status == OCTAVO_SUCCESS) status = check_read(cache, sequence, layer, first, count);
    if (status != OCTAVO_SUCCESS || count == 0u) return status;
    return octavo_cache_packed_read(cache, sequence, layer, first, count, words);
}
