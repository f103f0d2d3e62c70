/* Setting the codec of a layer: host copies for reading back, and the block that the rotate kernel reads. */
#include "attention/cache_object.h"
#include "attention/cache_order.h"
#include "format/rotation.h"

#include <string.h>

/* What the codec will be; kept only when all has succeeded. */
typedef struct codec_draft {
    float *mean, *transform, *inverse;
    float *block; /* record_bytes */
} codec_draft;

static size_t mean_bytes(const octavo_cache *cache) {
    return (size_t)cache->layout.kv_heads * cache->layout.key_dim * sizeof(float);
}

static size_t matrix_bytes(const octavo_cache *cache) {
    return (size_t)cache->layout.kv_heads * cache->layout.key_dim_padded * cache->layout.key_dim_padded * sizeof(float);
}

static void release_draft(octavo_cache *cache, codec_draft *draft) {
    octavo_gpu_release(cache->device, draft->mean, mean_bytes(cache));
    octavo_gpu_release(cache->device, draft->transform, matrix_bytes(cache));
    octavo_gpu_release(cache->device, draft->inverse, matrix_bytes(cache));
    octavo_gpu_release(cache->device, draft->block, (size_t)cache->record_bytes);
}

static octavo_status draft_mean(octavo_cache *cache, const float *mean, codec_draft *draft) {
    const octavo_packed_layout *layout = &cache->layout;
    draft->mean = octavo_gpu_allocate(cache->device, mean_bytes(cache));
    if (draft->mean == NULL) return OCTAVO_OUT_OF_HOST_MEMORY;
    memcpy(draft->mean, mean, mean_bytes(cache));
    for (uint32_t head = 0; head < layout->kv_heads; ++head) {
        memcpy(draft->block + (size_t)head * layout->key_dim_padded, mean + (size_t)head * layout->key_dim,
               layout->key_dim * sizeof(float));
    }
    return OCTAVO_SUCCESS;
}

static octavo_status draft_transform(octavo_cache *cache, const float *transform, codec_draft *draft) {
    const octavo_packed_layout *layout = &cache->layout;
    size_t matrix = (size_t)layout->key_dim_padded * layout->key_dim_padded;
    draft->transform = octavo_gpu_allocate(cache->device, matrix_bytes(cache));
    draft->inverse = octavo_gpu_allocate(cache->device, matrix_bytes(cache));
    if (draft->transform == NULL || draft->inverse == NULL) return OCTAVO_OUT_OF_HOST_MEMORY;
    memcpy(draft->transform, transform, matrix_bytes(cache));
    memcpy(draft->block + octavo_cache_key_transform_offset(cache), transform, matrix_bytes(cache));
    float *query = draft->block + octavo_cache_query_transform_offset(cache);
    for (uint32_t head = 0; head < layout->kv_heads; ++head) {
        octavo_status status =
            octavo_format_invert(octavo_gpu_host(cache->device), layout->key_dim_padded, transform + head * matrix,
                                 query + head * matrix, draft->inverse + head * matrix);
        if (status == OCTAVO_INVALID_ARGUMENT) {
            return octavo_gpu_fail(cache->device, status,
                                   "key_transform: the matrix of head %u is singular or not finite", head);
        }
        if (status != OCTAVO_SUCCESS)
            return octavo_gpu_fail(cache->device, status, "no host memory to invert the matrix of head %u", head);
    }
    return OCTAVO_SUCCESS;
}

octavo_status octavo_cache_codec_set(octavo_cache *cache, uint32_t record, uint32_t layer,
                                     const octavo_codec_info *info) {
    octavo_layer_codec *codec = octavo_cache_codec(cache, record, layer);
    bool packed_keys = cache->layout.key_bits != 16u;
    codec_draft draft = {NULL, NULL, NULL, NULL};
    draft.block = octavo_gpu_allocate(cache->device, (size_t)cache->record_bytes);
    octavo_status status = draft.block != NULL ? OCTAVO_SUCCESS : OCTAVO_OUT_OF_HOST_MEMORY;
    if (status == OCTAVO_SUCCESS && packed_keys && info->key_mean != NULL)
        status = draft_mean(cache, info->key_mean, &draft);
    if (status == OCTAVO_SUCCESS && packed_keys && info->key_transform != NULL) {
        status = draft_transform(cache, info->key_transform, &draft);
    }
    if (status == OCTAVO_SUCCESS && (draft.mean != NULL || draft.transform != NULL)) {
        octavo_gpu_range range = octavo_cache_record_range(cache, record, layer);
        octavo_cache_order_forget(cache);
        status = octavo_gpu_buffer_write(cache->records, range.offset, range.size, draft.block);
    }
    if (status == OCTAVO_SUCCESS) {
        octavo_layer_codec old = *codec;
        codec->seed = info->seed;
        codec->mean = draft.mean;
        codec->transform = draft.transform;
        codec->inverse = draft.inverse;
        draft.mean = old.mean;
        draft.transform = old.transform;
        draft.inverse = old.inverse;
    }
    release_draft(cache, &draft);
    return status;
}
