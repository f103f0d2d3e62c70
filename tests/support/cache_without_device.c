#include "cache_without_device.h"

#include "gpu/buffer_internal.h"
#include "gpu/device_internal.h"

#include <check.h>

/* As create_pool cuts it. */
static void cut_pool(octavo_cache *cache, const cache_without_device_info *info) {
    uint64_t pages = (uint64_t)info->slot_count * info->layer_count;
    cache->slot_count = info->slot_count;
    cache->pages_per_segment = info->pages_per_segment != 0u ? info->pages_per_segment : (uint32_t)pages;
    cache->segment_count = (uint32_t)((pages + cache->pages_per_segment - 1u) / cache->pages_per_segment);
    cache->segment_entries = octavo_gpu_allocate(cache->device, cache->segment_count * sizeof(uint32_t));
    octavo_cache_table_info table = {info->layer_count,        info->sequence_capacity,
                                     cache->info.record_count, info->slot_count,
                                     cache->info.first_tokens, cache->info.recent_tokens,
                                     cache->info.slack_tokens, cache->layout.window_rows_per_page};
    ck_assert_uint_eq(octavo_cache_table_create(octavo_gpu_host(cache->device), &table, &cache->table), OCTAVO_SUCCESS);
}

octavo_cache *cache_without_device_create(const cache_without_device_info *info) {
    octavo_device *device = octavo_gpu_device_allocate(NULL);
    ck_assert_ptr_nonnull(device);
    octavo_cache *cache = octavo_gpu_allocate(device, sizeof *cache);
    ck_assert_ptr_nonnull(cache);
    cache->device = device;
    octavo_cache_info resolved = OCTAVO_CACHE_INFO_INIT;
    bool has_windows = info->key_bits != 16u || info->value_bits != 16u;
    resolved.layer_count = info->layer_count;
    resolved.kv_head_count = info->kv_heads;
    resolved.key_dim = info->key_dim;
    resolved.value_dim = info->value_dim;
    resolved.key_bits = info->key_bits;
    resolved.value_bits = info->value_bits;
    resolved.sequence_capacity = info->sequence_capacity;
    resolved.record_count = info->record_count != 0u ? info->record_count : 1u;
    resolved.first_tokens = has_windows ? info->first_tokens : 0u;
    resolved.recent_tokens = has_windows ? info->recent_tokens : 0u;
    resolved.slack_tokens = resolved.recent_tokens != 0u ? info->slack_tokens : 0u;
    resolved.token_capacity = (uint64_t)info->slot_count * OCTAVO_PAGE_TOKENS;
    cache->info = resolved;
    cache->layout = octavo_packed_layout_make(info->layer_count, info->kv_heads, info->key_dim, info->value_dim,
                                              info->key_bits, info->value_bits);
    cache->records = octavo_gpu_allocate(device, sizeof *cache->records); /* no memory: only offsets count */
    cache->record_bytes = 4096u;
    if (info->bound_records > 0u) {
        VkDeviceSize stride = cache->record_bytes * info->layer_count;
        device->snapshot.max_storage_buffer_range =
            (uint32_t)((info->bound_records - 1u) * stride + cache->record_bytes);
    }
    cut_pool(cache, info);
    uint32_t codec_count = info->layer_count * resolved.record_count;
    cache->codecs = octavo_gpu_allocate(device, codec_count * sizeof *cache->codecs);
    ck_assert(cache->segment_entries != NULL && cache->codecs != NULL && cache->records != NULL);
    for (uint32_t i = 0; i < codec_count; ++i) cache->codecs[i].seed = i + 1u;
    return cache;
}

void cache_without_device_destroy(octavo_cache *cache) {
    octavo_device *device = cache->device;
    octavo_cache_table_destroy(cache->table);
    octavo_gpu_release(device, cache->segment_entries, cache->segment_count * sizeof(uint32_t));
    octavo_gpu_release(device, cache->codecs,
                       cache->info.layer_count * cache->info.record_count * sizeof *cache->codecs);
    octavo_gpu_release(device, cache->records, sizeof *cache->records);
    octavo_gpu_release(device, cache, sizeof *cache);
    octavo_base_host host = device->host;
    octavo_base_release(&host, device, sizeof *device);
}

octavo_status cache_without_device_append(octavo_cache *cache, uint32_t layer, uint32_t sequence_count,
                                          const uint32_t *sequences, const uint32_t *counts,
                                          const octavo_cache_copy **copies, uint32_t *copy_count) {
    octavo_status status = octavo_cache_table_plan_append(cache->table, layer, sequence_count, sequences, counts, NULL);
    if (status != OCTAVO_SUCCESS) return status;
    uint32_t count;
    const octavo_cache_copy *made =
        octavo_cache_table_commit_append(cache->table, layer, sequence_count, sequences, counts, &count);
    if (copies != NULL) *copies = made;
    if (copy_count != NULL) *copy_count = count;
    return OCTAVO_SUCCESS;
}

/* Each layer of one sequence grows towards length, in one to three appends; a full pool ends it. */
static void grow(octavo_cache *cache, octavo_sequence sequence, uint32_t length, rng *generator) {
    for (uint32_t i = 0; i < 3u * cache->info.layer_count; ++i) {
        uint32_t layer = i % cache->info.layer_count;
        octavo_cache_view view;
        ck_assert_uint_eq(octavo_cache_table_view(cache->table, sequence, layer, &view), OCTAVO_SUCCESS);
        if (view.length >= length) continue;
        uint32_t count = rng_between(generator, 0u, length - view.length);
        if (rng_below(generator, 3u) == 0u) count = length - view.length;
        cache_without_device_append(cache, layer, 1u, &sequence, &count, NULL, NULL);
    }
}

static uint32_t draw_length(rng *generator, uint32_t length_max) {
    return rng_below(generator, 10u) == 0u ? 0u : rng_log_between(generator, 1u, length_max);
}

void lived_in_cache_make(lived_in_cache *lived, const cache_without_device_info *info, uint32_t length_max,
                         rng *generator) {
    octavo_cache *cache = cache_without_device_create(info);
    lived->cache = cache;
    lived->count = info->sequence_capacity < CACHE_WITHOUT_DEVICE_SEQUENCES ? info->sequence_capacity
                                                                            : CACHE_WITHOUT_DEVICE_SEQUENCES;
    for (uint32_t s = 0; s < lived->count; ++s) {
        octavo_cache_table_sequence_create(cache->table, 0u, &lived->sequences[s]);
    }
    uint32_t events = rng_below(generator, 3u) == 0u ? lived->count : 4u * lived->count;
    for (uint32_t event = 0; event < events; ++event) {
        octavo_sequence *sequence = &lived->sequences[event % lived->count];
        uint32_t kind = event < lived->count ? 9u : rng_below(generator, 10u);
        if (kind == 0u) {
            octavo_cache_table_sequence_destroy(cache->table, *sequence);
            octavo_sequence source = lived->sequences[(event + 1u) % lived->count];
            if (lived->count > 1u)
                octavo_cache_table_fork(cache->table, source, sequence);
            else
                octavo_cache_table_sequence_create(cache->table, 0u, sequence);
        } else if (kind == 1u) {
            octavo_cache_table_truncate(cache->table, *sequence, draw_length(generator, length_max));
        } else if (kind == 2u) {
            octavo_cache_view view;
            octavo_cache_table_view(cache->table, *sequence, 0u, &view);
            uint32_t cut = rng_below(generator, 40u);
            octavo_cache_table_truncate(cache->table, *sequence, view.length > cut ? view.length - cut : 0u);
        } else {
            grow(cache, *sequence, draw_length(generator, length_max), generator);
        }
    }
}
