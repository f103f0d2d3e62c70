#include "attention/cache_object.h"

#include "attention/kernel_pipelines.h"
#include "base/checked_math.h"

#include <string.h>

octavo_page_place octavo_page_place_of(uint64_t page, uint32_t pages_per_segment) {
    return (octavo_page_place){(uint32_t)(page / pages_per_segment), (uint32_t)(page % pages_per_segment)};
}

octavo_page_place octavo_cache_page_place(const octavo_cache *cache, uint32_t slot, uint32_t layer) {
    return octavo_page_place_of((uint64_t)slot * cache->info.layer_count + layer, cache->pages_per_segment);
}

octavo_gpu_range octavo_cache_page_range(const octavo_cache *cache, uint32_t slot, uint32_t layer) {
    octavo_page_place place = octavo_cache_page_place(cache, slot, layer);
    VkDeviceSize page_bytes = 4u * (VkDeviceSize)cache->layout.page_words;
    octavo_gpu_range range = {octavo_gpu_buffer_handle(cache->segments[place.segment]), place.page * page_bytes,
                              page_bytes};
    return range;
}

octavo_gpu_range octavo_cache_segment_range(const octavo_cache *cache, uint32_t segment) {
    return octavo_gpu_buffer_range(cache->segments[segment]);
}

octavo_layer_codec *octavo_cache_codec(const octavo_cache *cache, uint32_t record, uint32_t layer) {
    return &cache->codecs[(size_t)record * cache->info.layer_count + layer];
}

octavo_gpu_range octavo_cache_record_range(const octavo_cache *cache, uint32_t record, uint32_t layer) {
    octavo_gpu_range range = {octavo_gpu_buffer_handle(cache->records),
                              ((VkDeviceSize)record * cache->info.layer_count + layer) * cache->record_bytes,
                              cache->record_bytes};
    return range;
}

octavo_gpu_range octavo_cache_records_range(const octavo_cache *cache) {
    return octavo_gpu_buffer_range(cache->records);
}

uint32_t octavo_cache_key_transform_offset(const octavo_cache *cache) {
    return cache->layout.kv_heads * cache->layout.key_dim_padded;
}

uint32_t octavo_cache_query_transform_offset(const octavo_cache *cache) {
    return octavo_cache_key_transform_offset(cache) * (1u + cache->layout.key_dim_padded);
}

uint32_t octavo_cache_key_flags(const octavo_cache *cache, const octavo_layer_codec *codec) {
    if (cache->layout.key_bits == 16u) return OCTAVO_ROTATE_RAW;
    return (codec->mean != NULL ? OCTAVO_ROTATE_HAS_MEAN : 0u) |
           (codec->transform != NULL ? OCTAVO_ROTATE_HAS_TRANSFORM : 0u);
}

/* Windows shrink to nothing where there is nothing to hold apart. */
static void resolve_info(octavo_cache_info *info, const octavo_device_snapshot *snapshot) {
    if (info->key_bits == 16u && info->value_bits == 16u) {
        info->first_tokens = 0;
        info->recent_tokens = 0;
    }
    if (info->recent_tokens == 0u) info->slack_tokens = 0;
    VkDeviceSize limit = snapshot->max_storage_buffer_range & ~(VkDeviceSize)255u;
    if (snapshot->max_memory_allocation_size != 0u && limit > snapshot->max_memory_allocation_size) {
        limit = snapshot->max_memory_allocation_size & ~(VkDeviceSize)255u;
    }
    if (info->segment_bytes == 0u || info->segment_bytes > limit) info->segment_bytes = limit;
}

static octavo_status create_pool(octavo_cache *cache) {
    octavo_device *device = cache->device;
    uint64_t page_bytes = 4u * (uint64_t)cache->layout.page_words;
    uint64_t token_slots = (cache->info.token_capacity + OCTAVO_PAGE_TOKENS - 1u) / OCTAVO_PAGE_TOKENS;
    octavo_cache_table_info table_info = {cache->info.layer_count,  cache->info.sequence_capacity,
                                          cache->info.record_count, 0,
                                          cache->info.first_tokens, cache->info.recent_tokens,
                                          cache->info.slack_tokens, cache->layout.window_rows_per_page};
    /* room for the windows of every sequence, so that token_capacity is what it says */
    uint64_t slots = token_slots + (uint64_t)octavo_cache_window_slots(&table_info) * cache->info.sequence_capacity;
    if (slots > UINT32_C(1) << 30) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT,
                               "token_capacity: %llu tokens need %llu pages a layer, limit %u",
                               (unsigned long long)cache->info.token_capacity, (unsigned long long)slots, 1u << 30);
    }
    cache->slot_count = table_info.slot_count = (uint32_t)slots;
    octavo_status status = octavo_cache_table_create(octavo_gpu_host(device), &table_info, &cache->table);
    if (status != OCTAVO_SUCCESS) return status;

    uint64_t pages = slots * cache->info.layer_count;
    uint64_t per_segment = cache->info.segment_bytes / page_bytes;
    if (per_segment == 0u) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "segment_bytes: %llu is less than a page of %llu bytes",
                               (unsigned long long)cache->info.segment_bytes, (unsigned long long)page_bytes);
    }
    /* all layers of a slot in one segment: then lists of one layer are cut as those of another */
    if (per_segment > cache->info.layer_count) per_segment -= per_segment % cache->info.layer_count;
    cache->pages_per_segment = (uint32_t)(per_segment < pages ? per_segment : pages);
    uint64_t segment_count = (pages + cache->pages_per_segment - 1u) / cache->pages_per_segment;
    if (segment_count > 65536u) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT,
                               "segment_bytes: %llu cuts the pool into %llu segments, limit 65536",
                               (unsigned long long)cache->info.segment_bytes, (unsigned long long)segment_count);
    }
    cache->segments = octavo_gpu_allocate(device, (size_t)segment_count * sizeof(octavo_buffer *));
    cache->segment_entries = octavo_gpu_allocate(device, (size_t)segment_count * sizeof(uint32_t));
    cache->segment_count = (uint32_t)segment_count;
    if (cache->segments == NULL || cache->segment_entries == NULL) return OCTAVO_OUT_OF_HOST_MEMORY;
    for (uint32_t i = 0; i < cache->segment_count && status == OCTAVO_SUCCESS; ++i) {
        uint64_t left = pages - (uint64_t)i * cache->pages_per_segment;
        uint64_t here = left < cache->pages_per_segment ? left : cache->pages_per_segment;
        status = octavo_gpu_buffer_create(device, here * page_bytes, OCTAVO_BUFFER_DEVICE, "octavo cache segment",
                                          &cache->segments[i]);
    }
    return status;
}

static octavo_status create_records(octavo_cache *cache) {
    const VkDeviceSize limit = octavo_gpu_snapshot(cache->device)->max_storage_buffer_range;
    uint64_t words = octavo_cache_key_transform_offset(cache);
    if (cache->info.transforms) words *= 1u + 2u * (uint64_t)cache->layout.key_dim_padded;
    size_t count = (size_t)cache->info.record_count * cache->info.layer_count;
    cache->record_bytes = (4u * words + 255u) & ~(VkDeviceSize)255u;
    if (cache->record_bytes > limit) {
        return octavo_gpu_fail(cache->device, OCTAVO_UNSUPPORTED,
                               "transforms: a codec record takes %llu bytes a layer, the device binds %llu",
                               (unsigned long long)cache->record_bytes, (unsigned long long)limit);
    }
    if (count * cache->record_bytes > limit) {
        return octavo_gpu_fail(cache->device, OCTAVO_UNSUPPORTED,
                               "record_count: %u codec records of %u layers take %llu bytes, the device binds %llu",
                               cache->info.record_count, cache->info.layer_count,
                               (unsigned long long)(count * cache->record_bytes), (unsigned long long)limit);
    }
    cache->codecs = octavo_gpu_allocate(cache->device, count * sizeof(octavo_layer_codec));
    if (cache->codecs == NULL) return OCTAVO_OUT_OF_HOST_MEMORY;
    return octavo_gpu_buffer_create(cache->device, count * cache->record_bytes, OCTAVO_BUFFER_DEVICE,
                                    "octavo codec records", &cache->records);
}

octavo_status octavo_cache_object_create(octavo_device *device, const octavo_cache_info *info,
                                         const octavo_append_pipelines *pipelines, octavo_cache **result) {
    octavo_cache *cache = octavo_gpu_allocate(device, sizeof *cache);
    if (cache == NULL) return OCTAVO_OUT_OF_HOST_MEMORY;
    cache->device = device;
    cache->info = *info;
    resolve_info(&cache->info, octavo_gpu_snapshot(device));
    cache->layout = octavo_packed_layout_make(info->layer_count, info->kv_head_count, info->key_dim, info->value_dim,
                                              info->key_bits, info->value_bits);
    octavo_status status = create_pool(cache);
    if (status == OCTAVO_SUCCESS) status = create_records(cache);
    cache->order.layer_used = octavo_gpu_allocate(device, info->layer_count * sizeof *cache->order.layer_used);
    if (status == OCTAVO_SUCCESS && cache->order.layer_used == NULL) status = OCTAVO_OUT_OF_HOST_MEMORY;
    if (status == OCTAVO_SUCCESS && pipelines != NULL) {
        cache->pipelines = *pipelines;
        cache->borrows_pipelines = true;
    } else if (status == OCTAVO_SUCCESS) {
        status = octavo_kernel_create_append(device, &cache->layout, info->transforms != VK_FALSE, &cache->pipelines);
    }
    if (status != OCTAVO_SUCCESS) {
        octavo_cache_object_destroy(cache);
        return status;
    }
    *result = cache;
    return OCTAVO_SUCCESS;
}

static void release_codecs(octavo_cache *cache) {
    size_t count = (size_t)cache->info.record_count * cache->info.layer_count;
    size_t mean = (size_t)cache->layout.kv_heads * cache->layout.key_dim * sizeof(float);
    size_t matrix =
        (size_t)cache->layout.kv_heads * cache->layout.key_dim_padded * cache->layout.key_dim_padded * sizeof(float);
    for (size_t i = 0; cache->codecs != NULL && i < count; ++i) {
        octavo_gpu_release(cache->device, cache->codecs[i].mean, mean);
        octavo_gpu_release(cache->device, cache->codecs[i].transform, matrix);
        octavo_gpu_release(cache->device, cache->codecs[i].inverse, matrix);
    }
    octavo_gpu_release(cache->device, cache->codecs, count * sizeof(octavo_layer_codec));
}

void octavo_cache_object_destroy(octavo_cache *cache) {
    if (cache == NULL) return;
    octavo_device *device = cache->device;
    if (!cache->borrows_pipelines) octavo_kernel_destroy_append(&cache->pipelines);
    octavo_gpu_release(device, cache->order.layer_used, cache->info.layer_count * sizeof *cache->order.layer_used);
    octavo_gpu_buffer_destroy(cache->records);
    release_codecs(cache);
    for (uint32_t i = 0; cache->segments != NULL && i < cache->segment_count; ++i) {
        octavo_gpu_buffer_destroy(cache->segments[i]);
    }
    octavo_gpu_release(device, cache->segments, cache->segment_count * sizeof(octavo_buffer *));
    octavo_gpu_release(device, cache->segment_entries, cache->segment_count * sizeof(uint32_t));
    octavo_cache_table_destroy(cache->table);
    octavo_gpu_release(device, cache, sizeof *cache);
}
