/* Recording an append: copies of shared pages, then for each slice of tokens rotate (K and V) and pack. */
#include "attention/append_entries.h"
#include "attention/kernel_pipelines.h"
#include "attention/tensor_range.h"

/* Rotates tokens [first, first + count) of the call, all of sequences with one codec record. */
static octavo_status rotate_tokens(octavo_cache *cache, octavo_frame *frame, VkCommandBuffer command_buffer,
                                   const octavo_append_info *info, const octavo_append_slice *slice, uint32_t first,
                                   uint32_t count, uint32_t record) {
    const octavo_packed_layout *layout = &cache->layout;
    const octavo_layer_codec *codec = octavo_cache_codec(cache, record, info->layer);
    octavo_gpu_range scratch = {octavo_gpu_buffer_handle(cache->scratch), 0, octavo_gpu_buffer_size(cache->scratch)};
    octavo_status status = OCTAVO_SUCCESS;
    for (uint32_t role = OCTAVO_ROTATE_KEY; role <= OCTAVO_ROTATE_VALUE && status == OCTAVO_SUCCESS; ++role) {
        bool is_key = role == OCTAVO_ROTATE_KEY;
        const octavo_tensor *tensor = is_key ? &info->keys : &info->values;
        octavo_rotate_push push = {0};
        push.role = role;
        push.flags = is_key ? octavo_cache_key_flags(cache, codec) : layout->value_bits == 16u ? OCTAVO_ROTATE_RAW : 0u;
        push.row_count = count * layout->kv_heads;
        push.head_count = layout->kv_heads;
        push.group = 1u;
        push.dim = is_key ? layout->key_dim : layout->value_dim;
        push.element = (uint32_t)tensor->type;
        push.token_first = first;
        push.token_stride = tensor->token_stride;
        push.head_stride = tensor->head_stride;
        push.mean_offset = 0u;
        push.transform_offset = octavo_cache_key_transform_offset(cache);
        push.scratch_offset = is_key ? 0u : octavo_append_value_offset(cache);
        push.row_first = (first - slice->token_first) * layout->kv_heads;
        push.seed = codec->seed;
        octavo_gpu_range ranges[3] = {octavo_tensor_range(cache->device, tensor),
                                      octavo_cache_record_range(cache, record, info->layer), scratch};
        uint32_t groups = (push.row_count + OCTAVO_KERNEL_ROTATE_ROWS - 1u) / OCTAVO_KERNEL_ROTATE_ROWS;
        status = octavo_gpu_dispatch(frame, command_buffer,
                                     is_key ? cache->pipelines.rotate_key : cache->pipelines.rotate_value, ranges,
                                     &push, groups, 1u, 1u);
    }
    return status;
}

/* One dispatch pair for each stretch of sequences with the same record. */
static octavo_status rotate_slice(octavo_cache *cache, octavo_frame *frame, VkCommandBuffer command_buffer,
                                  const octavo_append_info *info, const octavo_append_slice *slice) {
    octavo_status status = OCTAVO_SUCCESS;
    uint32_t end = slice->token_first + slice->token_count, token = 0u, pending_first = slice->token_first;
    uint32_t pending_record = UINT32_MAX;
    for (uint32_t s = 0; s < info->sequence_count && status == OCTAVO_SUCCESS; ++s) {
        uint32_t first = token > slice->token_first ? token : slice->token_first;
        token += info->token_counts[s];
        uint32_t last = token < end ? token : end;
        if (first >= last) continue;
        octavo_cache_view view;
        status = octavo_cache_table_view(cache->table, info->sequences[s], info->layer, &view);
        if (status != OCTAVO_SUCCESS) break;
        if (pending_record != UINT32_MAX && view.record != pending_record) {
            status = rotate_tokens(cache, frame, command_buffer, info, slice, pending_first, first - pending_first,
                                   pending_record);
            pending_first = first;
        }
        pending_record = view.record;
    }
    if (status == OCTAVO_SUCCESS && pending_record != UINT32_MAX) {
        status = rotate_tokens(cache, frame, command_buffer, info, slice, pending_first, end - pending_first,
                               pending_record);
    }
    return status;
}

static octavo_status pack_slice(octavo_cache *cache, octavo_frame *frame, VkCommandBuffer command_buffer,
                                const octavo_append_info *info, const octavo_append_slice *slice) {
    uint32_t total = octavo_append_count_entries(cache, info, slice);
    void *host;
    octavo_gpu_range lists;
    octavo_status status = octavo_gpu_frame_allocate(frame, total * sizeof(octavo_pack_entry), &host, &lists);
    if (status != OCTAVO_SUCCESS) return status;
    octavo_append_fill_entries(cache, info, slice, host);
    status = octavo_gpu_frame_flush(frame, &lists);

    octavo_pack_push push = {0u, cache->layout.kv_heads, 0u, octavo_append_value_offset(cache)};
    octavo_gpu_range scratch = {octavo_gpu_buffer_handle(cache->scratch), 0, octavo_gpu_buffer_size(cache->scratch)};
    for (uint32_t segment = 0; segment < cache->segment_count && status == OCTAVO_SUCCESS; ++segment) {
        uint32_t count = cache->segment_entries[segment];
        if (count == 0u) continue;
        octavo_gpu_range ranges[3] = {scratch, lists, octavo_cache_segment_range(cache, segment)};
        status = octavo_gpu_dispatch(frame, command_buffer, cache->pipelines.pack, ranges, &push, count,
                                     cache->layout.kv_heads, 1u);
        push.entry_first += count;
    }
    return status;
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

    octavo_append_needs needs = octavo_append_needs_of(cache, info, tokens);
    status = octavo_gpu_frame_reserve(frame, needs.bytes, needs.sets);
    if (status != OCTAVO_SUCCESS) return status;

    const octavo_cache_copy *copies = octavo_cache_table_commit_append(
        cache->table, info->layer, info->sequence_count, info->sequences, info->token_counts, &copy_count);
    octavo_gpu_barrier(cache->device, command_buffer);
    record_copies(cache, command_buffer, copies, copy_count);
    for (uint32_t first = 0; first < tokens && status == OCTAVO_SUCCESS; first += cache->scratch_tokens) {
        uint32_t left = tokens - first;
        octavo_append_slice slice = {first, left < cache->scratch_tokens ? left : cache->scratch_tokens};
        if (first > 0u) octavo_gpu_dispatch_barrier(cache->device, command_buffer);
        status = rotate_slice(cache, frame, command_buffer, info, &slice);
        octavo_gpu_dispatch_barrier(cache->device, command_buffer);
        if (status == OCTAVO_SUCCESS) status = pack_slice(cache, frame, command_buffer, info, &slice);
    }
    return status;
}
