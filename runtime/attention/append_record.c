/* Recording an append: copies of shared pages, then a dispatch for each segment that it writes, or two where K and V do
 * not go together. */
#include "attention/append_record.h"

#include "attention/cache_order.h"
#include "attention/kernel_pipelines.h"
#include "attention/tensor_range.h"

typedef struct append_recorder {
    const octavo_append_pages *pages;
    octavo_frame *frame;
    VkCommandBuffer command_buffer;
    const octavo_append_info *info;
    octavo_append_push push;
    octavo_gpu_range tensors[2]; /* K, V */
} append_recorder;

static append_recorder make_recorder(const octavo_append_pages *pages, octavo_frame *frame,
                                     VkCommandBuffer command_buffer, const octavo_append_info *info) {
    const octavo_cache *cache = pages->cache;
    append_recorder recorder = {pages, frame, command_buffer, info, {0}, {{0}, {0}}};
    octavo_append_push *push = &recorder.push;
    push->head_count = cache->layout.kv_heads;
    push->key_dim = cache->layout.key_dim;
    push->value_dim = cache->layout.value_dim;
    push->key_element = (uint32_t)info->keys.type;
    push->value_element = (uint32_t)info->values.type;
    push->key_token_stride = info->keys.token_stride;
    push->key_head_stride = info->keys.head_stride;
    push->value_token_stride = info->values.token_stride;
    push->value_head_stride = info->values.head_stride;
    recorder.tensors[0] = octavo_tensor_range(cache->device, &info->keys);
    recorder.tensors[1] = octavo_tensor_range(cache->device, &info->values);
    return recorder;
}

/* Entries of one segment, at most OCTAVO_APPEND_DISPATCH_ENTRIES. */
static octavo_status record_entries(const append_recorder *recorder, const octavo_append_records *records,
                                    octavo_gpu_range lists, uint32_t segment, uint32_t count) {
    const octavo_cache *cache = recorder->pages->cache;
    const octavo_append_pipelines *pipelines = &cache->pipelines;
    octavo_gpu_range ranges[5];
    ranges[OCTAVO_APPEND_TENSOR] = recorder->tensors[0];
    ranges[OCTAVO_APPEND_RECORDS] = octavo_append_records_range(cache, records, recorder->info->layer);
    ranges[OCTAVO_APPEND_LISTS] = lists;
    ranges[OCTAVO_APPEND_POOL] = octavo_gpu_buffer_range(recorder->pages->segments[segment]);
    ranges[OCTAVO_APPEND_PAIR_VALUES] = recorder->tensors[1];
    if (pipelines->both != NULL) {
        return octavo_gpu_dispatch(recorder->frame, recorder->command_buffer, pipelines->both, ranges, &recorder->push,
                                   count, cache->layout.kv_heads, 2u);
    }
    octavo_status status = octavo_gpu_dispatch(recorder->frame, recorder->command_buffer, pipelines->keys, ranges,
                                               &recorder->push, count, cache->layout.kv_heads, 1u);
    if (status != OCTAVO_SUCCESS) return status;
    ranges[OCTAVO_APPEND_TENSOR] = recorder->tensors[1];
    return octavo_gpu_dispatch(recorder->frame, recorder->command_buffer, pipelines->values, ranges, &recorder->push,
                               count, cache->layout.kv_heads, 1u);
}

static octavo_status record_segment(const append_recorder *recorder, const octavo_append_records *records,
                                    octavo_gpu_range lists, uint32_t segment) {
    uint32_t left = recorder->pages->entries[segment];
    octavo_status status = OCTAVO_SUCCESS;
    while (left > 0u && status == OCTAVO_SUCCESS) {
        uint32_t count = left < OCTAVO_APPEND_DISPATCH_ENTRIES ? left : OCTAVO_APPEND_DISPATCH_ENTRIES;
        lists.size = count * sizeof(octavo_append_entry);
        status = record_entries(recorder, records, lists, segment, count);
        lists.offset += lists.size;
        left -= count;
    }
    return status;
}

/* The sequences whose codec records are among `records`. */
static octavo_status record_records(const append_recorder *recorder, const octavo_append_records *records) {
    const octavo_append_pages *pages = recorder->pages;
    uint32_t total = octavo_append_count_entries(pages, recorder->info, records);
    if (total == 0u) return OCTAVO_SUCCESS;
    void *host;
    octavo_gpu_range lists;
    octavo_status status =
        octavo_gpu_frame_allocate(recorder->frame, total * sizeof(octavo_append_entry), &host, &lists);
    if (status != OCTAVO_SUCCESS) return status;
    octavo_append_fill_entries(pages, recorder->info, records, host);
    status = octavo_gpu_frame_flush(recorder->frame, &lists);
    for (uint32_t segment = 0; segment < pages->segment_count && status == OCTAVO_SUCCESS; ++segment) {
        status = record_segment(recorder, records, lists, segment);
        lists.offset +=
            octavo_append_align_entries(pages->entries[segment]) * (VkDeviceSize)sizeof(octavo_append_entry);
    }
    return status;
}

octavo_status octavo_append_rows_record(const octavo_append_pages *pages, octavo_frame *frame,
                                        VkCommandBuffer command_buffer, const octavo_append_info *info) {
    append_recorder recorder = make_recorder(pages, frame, command_buffer, info);
    octavo_append_records records = octavo_append_next_records(pages->cache, 0u);
    octavo_status status = OCTAVO_SUCCESS;
    while (records.count > 0u && status == OCTAVO_SUCCESS) {
        status = record_records(&recorder, &records);
        records = octavo_append_next_records(pages->cache, records.first + records.count);
    }
    return status;
}

uint32_t octavo_append_sets(const octavo_cache *cache, const octavo_append_needs *needs) {
    if (cache->pipelines.both != NULL) return needs->dispatches;
    return needs->dispatches > UINT32_MAX / 2u ? UINT32_MAX : 2u * needs->dispatches;
}

static void record_copies(octavo_cache *cache, VkCommandBuffer command_buffer, const octavo_cache_copy *copies,
                          uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
        for (uint32_t layer = 0; layer < cache->info.layer_count; ++layer) {
            octavo_gpu_copy(cache->device, command_buffer, octavo_cache_page_range(cache, copies[i].source, layer),
                            octavo_cache_page_range(cache, copies[i].destination, layer));
        }
    }
    if (count > 0u) octavo_gpu_barrier(cache->device, command_buffer);
}

octavo_status octavo_cache_append_record(octavo_cache *cache, octavo_frame *frame, VkCommandBuffer command_buffer,
                                         const octavo_append_info *info) {
    uint32_t tokens = 0;
    for (uint32_t s = 0; s < info->sequence_count; ++s) tokens += info->token_counts[s];
    uint32_t copy_count = 0;
    octavo_status status = octavo_cache_table_plan_append(cache->table, info->layer, info->sequence_count,
                                                          info->sequences, info->token_counts, &copy_count);
    if (status != OCTAVO_SUCCESS || tokens == 0u) return status;

    octavo_append_pages pages = octavo_append_cache_pages(cache);
    octavo_append_needs needs = octavo_append_needs_of(&pages, info, tokens);
    status = octavo_gpu_frame_reserve(frame, needs.bytes, octavo_append_sets(cache, &needs));
    if (status != OCTAVO_SUCCESS) return status;

    const octavo_cache_copy *copies = octavo_cache_table_commit_append(
        cache->table, info->layer, info->sequence_count, info->sequences, info->token_counts, &copy_count);
    octavo_cache_order_append(cache, frame, command_buffer, info->layer, copy_count > 0u);
    record_copies(cache, command_buffer, copies, copy_count);
    return octavo_append_rows_record(&pages, frame, command_buffer, info);
}
