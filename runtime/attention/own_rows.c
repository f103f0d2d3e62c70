#include "attention/own_rows.h"

#include "attention/append_record.h"

static uint64_t at_most(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

uint32_t octavo_own_pages(const octavo_cache *cache, uint32_t tokens) {
    uint32_t rows = cache->layout.window_rows_per_page;
    return tokens / rows + (tokens % rows != 0u ? 1u : 0u);
}

octavo_page_place octavo_own_place(const octavo_own_rows *own, uint32_t page) {
    return octavo_page_place_of(page, own->pages_per_segment);
}

octavo_status octavo_own_rows_create(const octavo_attention_info *info, octavo_own_rows *own) {
    const octavo_cache *cache = info->cache;
    octavo_device *device = cache->device;
    if (info->own_tokens == VK_FALSE) return OCTAVO_SUCCESS;
    const uint64_t page_bytes = 4u * (uint64_t)cache->layout.page_words;
    /* the last page of a sequence is not full */
    const uint64_t pages = at_most(info->query_capacity, info->query_capacity / cache->layout.window_rows_per_page +
                                                             (uint64_t)info->sequence_capacity);
    const uint64_t per_segment = at_most(cache->info.segment_bytes / page_bytes, pages);
    const uint64_t segments = (pages + per_segment - 1u) / per_segment;
    own->pages_per_segment = (uint32_t)per_segment;
    own->segments = octavo_gpu_allocate(device, (size_t)segments * sizeof *own->segments);
    own->entries = octavo_gpu_allocate(device, (size_t)segments * sizeof *own->entries);
    own->segment_count = (uint32_t)segments;
    octavo_status status = own->segments == NULL || own->entries == NULL ? OCTAVO_OUT_OF_HOST_MEMORY : OCTAVO_SUCCESS;
    for (uint64_t i = 0; i < segments && status == OCTAVO_SUCCESS; ++i) {
        status = octavo_gpu_buffer_create(device, at_most(pages - i * per_segment, per_segment) * page_bytes,
                                          OCTAVO_BUFFER_DEVICE, "octavo own rows", &own->segments[i]);
    }
    return status;
}

void octavo_own_rows_destroy(octavo_device *device, octavo_own_rows *own) {
    for (uint32_t i = 0; own->segments != NULL && i < own->segment_count; ++i) {
        octavo_gpu_buffer_destroy(own->segments[i]);
    }
    octavo_gpu_release(device, own->segments, own->segment_count * sizeof *own->segments);
    octavo_gpu_release(device, own->entries, own->segment_count * sizeof *own->entries);
}

bool octavo_own_rows_given(const octavo_attention_run *run) {
    return run->own_keys.buffer != VK_NULL_HANDLE;
}

static octavo_append_pages pages_of(octavo_cache *cache, const octavo_own_rows *own) {
    return (octavo_append_pages){cache, own->segments, own->entries, own->segment_count, own->pages_per_segment, true};
}

static octavo_append_info append_of(const octavo_attention_run *run) {
    octavo_append_info info = OCTAVO_APPEND_INFO_INIT;
    info.layer = run->layer;
    info.sequence_count = run->sequence_count;
    info.sequences = run->sequences;
    info.token_counts = run->query_counts;
    info.keys = run->own_keys;
    info.values = run->own_values;
    return info;
}

void octavo_own_rows_needs(octavo_cache *cache, const octavo_own_rows *own, const octavo_attention_run *run,
                           uint32_t tokens, VkDeviceSize *bytes, uint32_t *sets) {
    octavo_append_pages pages = pages_of(cache, own);
    octavo_append_info info = append_of(run);
    octavo_append_needs needs = octavo_append_needs_of(&pages, &info, tokens);
    *bytes = needs.bytes;
    *sets = octavo_append_sets(cache, &needs);
}

octavo_status octavo_own_rows_record(octavo_cache *cache, const octavo_own_rows *own, octavo_frame *frame,
                                     VkCommandBuffer command_buffer, const octavo_attention_run *run) {
    octavo_append_pages pages = pages_of(cache, own);
    octavo_append_info info = append_of(run);
    return octavo_append_rows_record(&pages, frame, command_buffer, &info);
}
