/* Recording attention: for each slice of query tokens rotate the queries, walk the tiles, merge the partial results. */
#include "attention/attention_worklist.h"
#include "attention/cache_order.h"
#include "attention/expanded_tiles.h"
#include "attention/tensor_range.h"

#include <string.h>

/* Lists and partial counts of the slice that is being recorded. */
typedef struct slice_recorder {
    octavo_attention *plan;
    octavo_frame *frame;
    VkCommandBuffer command_buffer;
    const octavo_attention_run *run;
    uint32_t token_count; /* of the call */
    octavo_attention_slice slice;
    octavo_worklist list;
    bool is_renewed; /* plan->words are the lists */
    octavo_gpu_range lists;
} slice_recorder;

static octavo_gpu_range scratch_range(const octavo_attention *plan) {
    return octavo_gpu_buffer_range(plan->scratch);
}

/* Of the logits: the softmax works in powers of 2, the soft-cap in units of the cap. */
static float query_scale(const octavo_attention *plan) {
    const float log2_e = 1.44269504088896341f;
    return plan->info.softcap > 0.0f ? plan->info.scale / plan->info.softcap : plan->info.scale * log2_e;
}

/* Query tokens [first, first + count) of the call, of sequences with one codec record. */
static octavo_status rotate_queries(const slice_recorder *recorder, uint32_t first, uint32_t count, uint32_t record) {
    const octavo_attention *plan = recorder->plan;
    const octavo_cache *cache = plan->cache;
    const octavo_attention_run *run = recorder->run;
    const octavo_layer_codec *codec = octavo_cache_codec(cache, record, run->layer);
    octavo_rotate_push push = {0};
    push.role = plan->tuning.query_parts != 0u ? OCTAVO_ROTATE_QUERY_INT
                : plan->tuning.query_half      ? OCTAVO_ROTATE_QUERY_HALF
                                               : OCTAVO_ROTATE_QUERY_FLOAT;
    push.flags = octavo_cache_key_flags(cache, codec);
    push.row_count = count * plan->info.query_head_count;
    push.head_count = plan->info.query_head_count;
    push.group = plan->group;
    push.dim = cache->layout.key_dim;
    push.element = (uint32_t)run->queries.type;
    push.token_first = first;
    push.token_stride = run->queries.token_stride;
    push.head_stride = run->queries.head_stride;
    push.transform_offset = octavo_cache_query_transform_offset(cache);
    push.row_first = first - recorder->slice.token_first;
    push.query_rows = recorder->slice.token_count * plan->group;
    push.seed = codec->seed;
    push.scale = query_scale(plan);
    octavo_gpu_range ranges[3] = {octavo_tensor_range(cache->device, &run->queries),
                                  octavo_cache_record_range(cache, record, run->layer), scratch_range(plan)};
    uint32_t rows = octavo_kernel_rotate_rows(plan->tuning.query_parts);
    uint32_t groups = (push.row_count + rows - 1u) / rows;
    return octavo_gpu_dispatch(recorder->frame, recorder->command_buffer, plan->pipelines.rotate_query, ranges, &push,
                               groups, 1u, 1u);
}

/* One dispatch for each stretch of sequences with the same record. */
static octavo_status record_rotate(const slice_recorder *recorder) {
    const octavo_attention_run *run = recorder->run;
    uint32_t begin = recorder->slice.token_first, end = begin + recorder->slice.token_count, token = 0u;
    uint32_t pending_first = begin, pending_record = UINT32_MAX;
    octavo_status status = OCTAVO_SUCCESS;
    for (uint32_t s = 0; s < run->sequence_count && status == OCTAVO_SUCCESS; ++s) {
        uint32_t first = token > begin ? token : begin;
        token += run->query_counts[s];
        uint32_t last = token < end ? token : end;
        octavo_cache_view view;
        if (first >= last) continue;
        status = octavo_cache_table_view(recorder->plan->cache->table, run->sequences[s], run->layer, &view);
        if (status == OCTAVO_SUCCESS && pending_record != UINT32_MAX && view.record != pending_record) {
            status = rotate_queries(recorder, pending_first, first - pending_first, pending_record);
            pending_first = first;
        }
        pending_record = view.record;
    }
    return status == OCTAVO_SUCCESS ? rotate_queries(recorder, pending_first, end - pending_first, pending_record)
                                    : status;
}

static uint32_t at_most(uint64_t a, uint64_t b) {
    return (uint32_t)(a < b ? a : b);
}

/* Workgroups in one dispatch, so that it stays under the work budget and the device's limit. */
static uint32_t groups_per_dispatch(const octavo_attention *plan, uint32_t chunk) {
    const octavo_device_snapshot *snapshot = octavo_gpu_snapshot(plan->cache->device);
    uint64_t group_work = (uint64_t)plan->tuning.rows * plan->cache->layout.kv_heads * OCTAVO_TILE_TOKENS * chunk;
    uint64_t groups = plan->tuning.slice_work / group_work;
    const uint32_t *limits = snapshot->max_compute_work_group_count;
    return at_most(groups > 0u ? groups : 1u, limits[0] < limits[1] ? limits[0] : limits[1]);
}

static octavo_attention_push make_push(const slice_recorder *recorder) {
    const octavo_attention *plan = recorder->plan;
    const octavo_cache *cache = plan->cache;
    const octavo_attention_run *run = recorder->run;
    const octavo_worklist *list = &recorder->list;
    octavo_attention_push push = {0};
    push.mask = plan->mask_push;
    push.flags = (uint32_t)run->queries.type | ((uint32_t)run->output.type << 2) |
                 (run->lse_buffer != VK_NULL_HANDLE ? OCTAVO_ATTENTION_WRITE_LSE : 0u);
    push.share_offset = list->share_offset;
    push.range_offset = list->range_offset;
    push.tile_offset = list->tile_offset;
    push.sequence_offset = list->sequence_offset;
    push.sink_offset = list->sink_offset;
    push.head_count = cache->layout.kv_heads;
    push.group = plan->group;
    push.query_rows = recorder->slice.token_count * plan->group;
    push.query_row_words = plan->query_row_words;
    push.sum_offset = plan->sum_offset;
    push.output_offset = plan->output_offset;
    push.arrival_offset = plan->arrival_offset;
    push.window_rows_per_page = cache->layout.window_rows_per_page > 0u ? cache->layout.window_rows_per_page : 1u;
    push.bad_offset = octavo_expanded_bad_offset(plan);
    push.softcap = plan->info.softcap * 1.44269504088896341f;
    push.scale = query_scale(plan);
    push.key_dim = cache->layout.key_dim;
    push.value_dim = cache->layout.value_dim;
    push.query_token_stride = run->queries.token_stride;
    push.query_head_stride = run->queries.head_stride;
    push.output_token_stride = run->output.token_stride;
    push.output_head_stride = run->output.head_stride;
    return push;
}

static octavo_gpu_range lse_range(const slice_recorder *recorder) {
    const octavo_attention_run *run = recorder->run;
    const octavo_tensor lse = {run->lse_buffer, run->lse_offset, run->lse_size, OCTAVO_F32, 0, 0};
    return octavo_tensor_range(recorder->plan->cache->device, lse.buffer != VK_NULL_HANDLE ? &lse : &run->output);
}

/* Lists of unequal lengths: the longest of all heads start first, where the last to end would else be waited for. One
 * head after the other reads less memory at once (H100, causal: 2048 tokens 185 us, head by head 240, 4096 553 and 620;
 * 16384 7.80 ms and 7.53). */
#define WAVES_MAX 8u
static bool starts_heads_first(const slice_recorder *recorder) {
    const octavo_attention *plan = recorder->plan;
    const octavo_worklist *list = &recorder->list;
    uint64_t groups = (uint64_t)list->group_count * plan->cache->layout.kv_heads;
    return plan->variant->source == OCTAVO_KERNEL_PREFILL_MATRIX && list->uneven &&
           groups < (uint64_t)WAVES_MAX * plan->tuning.workgroups;
}

static octavo_status record_walk(const slice_recorder *recorder) {
    const octavo_attention *plan = recorder->plan;
    const octavo_cache *cache = plan->cache;
    octavo_attention_push push = make_push(recorder);
    const bool heads_first = starts_heads_first(recorder);
    if (heads_first) push.flags |= OCTAVO_ATTENTION_HEADS_FIRST;
    octavo_gpu_range ranges[OCTAVO_WALK_FUSED_BINDINGS] = {0};
    ranges[OCTAVO_WALK_LISTS] = recorder->lists;
    ranges[OCTAVO_WALK_SCRATCH] = scratch_range(plan);
    ranges[OCTAVO_WALK_QUERIES] = octavo_tensor_range(cache->device, &recorder->run->queries);
    ranges[OCTAVO_WALK_RECORDS] = octavo_cache_records_range(cache);
    ranges[OCTAVO_WALK_OUTPUT] = octavo_tensor_range(cache->device, &recorder->run->output);
    ranges[OCTAVO_WALK_LSE] = lse_range(recorder);
    uint32_t per_dispatch = groups_per_dispatch(plan, recorder->list.chunk), group = 0;
    uint32_t cut_count = plan->expanded_capacity > 0u ? recorder->list.window_count : plan->cut_count;
    octavo_status status = OCTAVO_SUCCESS;
    for (uint32_t cut = 0; cut < cut_count && status == OCTAVO_SUCCESS; ++cut) {
        if (plan->expanded_capacity > 0u) {
            /* tiles are made where those of the window before were read */
            if (cut > 0u) octavo_gpu_dispatch_barrier(cache->device, recorder->command_buffer);
            status = octavo_expanded_tiles_record(plan, recorder->frame, recorder->command_buffer, &recorder->list,
                                                  recorder->lists, cut);
            ranges[OCTAVO_WALK_POOL] = octavo_expanded_range(plan);
        } else {
            ranges[OCTAVO_WALK_POOL] = octavo_attention_segment_range(plan, cut);
        }
        while (group < plan->cuts[cut].groups && status == OCTAVO_SUCCESS) {
            uint32_t count = at_most(plan->cuts[cut].groups - group, per_dispatch);
            bool apart = recorder->list.group_count < recorder->list.share_count;
            push.group_offset = apart ? recorder->list.group_offset + group : 0u;
            push.group_first = group;
            uint32_t heads = cache->layout.kv_heads;
            status = octavo_gpu_dispatch(recorder->frame, recorder->command_buffer, plan->pipelines.walk, ranges, &push,
                                         heads_first ? heads : count, heads_first ? count : heads, 1u);
            group += count;
        }
    }
    return status;
}

static octavo_status record_merge(const slice_recorder *recorder) {
    const octavo_attention *plan = recorder->plan;
    const octavo_cache *cache = plan->cache;
    octavo_attention_push push = make_push(recorder);
    if (plan->variant->source == OCTAVO_KERNEL_PREFILL_MATRIX) push.flags |= OCTAVO_ATTENTION_MERGE_SPLIT;
    octavo_gpu_range ranges[4] = {scratch_range(plan), recorder->lists,
                                  octavo_tensor_range(cache->device, &recorder->run->output), lse_range(recorder)};
    uint32_t per_dispatch = octavo_gpu_snapshot(cache->device)->max_compute_work_group_count[0] / plan->tuning.rows;
    octavo_status status = OCTAVO_SUCCESS;
    for (uint32_t tile = 0; tile < recorder->list.tile_count && status == OCTAVO_SUCCESS;) {
        uint32_t count = at_most(recorder->list.tile_count - tile, per_dispatch);
        push.tile_first = tile;
        status = octavo_gpu_dispatch(recorder->frame, recorder->command_buffer, plan->pipelines.merge, ranges, &push,
                                     count * plan->tuning.rows, cache->layout.kv_heads, 1u);
        tile += count;
    }
    return status;
}

/* Whether the call repeats the last one, of another layer. */
static bool renew_lists(slice_recorder *recorder) {
    octavo_attention *plan = recorder->plan;
    if (!plan->has_kept) return false;
    recorder->slice = (octavo_attention_slice){0u, recorder->token_count};
    recorder->list = plan->kept;
    recorder->is_renewed = octavo_worklist_renew(plan, recorder->run, &recorder->slice, &plan->kept, plan->words);
    plan->has_kept = recorder->is_renewed;
    return recorder->is_renewed;
}

/* The largest slice from token_first on whose partial results fit. */
static octavo_status measure_slice(slice_recorder *recorder, uint32_t token_first) {
    if (token_first == 0u && renew_lists(recorder)) return OCTAVO_SUCCESS;
    uint32_t count = at_most(recorder->token_count - token_first, recorder->plan->slice_tokens);
    octavo_status status;
    do {
        recorder->slice = (octavo_attention_slice){token_first, count};
        status = octavo_worklist_measure(recorder->plan, recorder->run, &recorder->slice, &recorder->list);
        count /= 2u;
    } while (status == OCTAVO_OUT_OF_DEVICE_MEMORY && count > 0u);
    return status;
}

static uint32_t dispatch_bound(const slice_recorder *recorder) {
    const octavo_attention *plan = recorder->plan;
    uint32_t walks =
        recorder->list.group_count / groups_per_dispatch(plan, recorder->list.chunk) + octavo_attention_segments(plan);
    uint32_t merges =
        recorder->list.tile_count /
            (octavo_gpu_snapshot(plan->cache->device)->max_compute_work_group_count[0] / plan->tuning.rows) +
        1u;
    walks += octavo_expanded_tiles_dispatches(plan, &recorder->list) + recorder->list.window_count;
    return recorder->list.sequence_count + walks + merges;
}

/* Frame memory and descriptor sets of all slices, before anything is recorded. */
static octavo_status reserve_frame(slice_recorder *recorder) {
    VkDeviceSize bytes = 0;
    uint32_t sets = 0;
    if (octavo_own_rows_given(recorder->run))
        octavo_own_rows_needs(recorder->plan->cache, &recorder->plan->own, recorder->run, recorder->token_count, &bytes,
                              &sets);
    bytes = (bytes + 255u) & ~(VkDeviceSize)255u;
    for (uint32_t token = 0; token < recorder->token_count; token += recorder->slice.token_count) {
        octavo_status status = measure_slice(recorder, token);
        if (status != OCTAVO_SUCCESS) return status;
        bytes += (4u * (VkDeviceSize)recorder->list.word_count + 255u) & ~(VkDeviceSize)255u;
        sets += dispatch_bound(recorder);
    }
    return octavo_gpu_frame_reserve(recorder->frame, bytes, sets);
}

static octavo_status grow_words(octavo_attention *plan, uint32_t count) {
    if (count <= plan->word_capacity) return OCTAVO_SUCCESS;
    size_t capacity = 2u * (size_t)count;
    uint32_t *words = octavo_gpu_allocate(plan->cache->device, capacity * sizeof *words);
    if (words == NULL) return OCTAVO_OUT_OF_HOST_MEMORY;
    octavo_gpu_release(plan->cache->device, plan->words, plan->word_capacity * sizeof *words);
    plan->words = words;
    plan->word_capacity = capacity;
    return OCTAVO_SUCCESS;
}

/* Of all slices, before the first one. */
static octavo_status record_own_rows(const slice_recorder *recorder) {
    const octavo_attention *plan = recorder->plan;
    if (!octavo_own_rows_given(recorder->run) || recorder->slice.token_first > 0u) return OCTAVO_SUCCESS;
    octavo_status status =
        octavo_own_rows_record(plan->cache, &plan->own, recorder->frame, recorder->command_buffer, recorder->run);
    if (plan->tuning.fused) octavo_gpu_dispatch_barrier(plan->cache->device, recorder->command_buffer);
    return status;
}

static octavo_status record_slice(slice_recorder *recorder) {
    octavo_attention *plan = recorder->plan;
    octavo_device *device = plan->cache->device;
    void *host;
    octavo_status status = octavo_gpu_frame_allocate(recorder->frame, 4u * (VkDeviceSize)recorder->list.word_count,
                                                     &host, &recorder->lists);
    if (status != OCTAVO_SUCCESS) return status;
    /* in host memory first: what the GPU reads is slow to read back, and some of it is read again */
    if (!recorder->is_renewed) {
        status = grow_words(plan, recorder->list.word_count + recorder->list.page_count);
        if (status != OCTAVO_SUCCESS) return status;
        octavo_worklist_write(plan, recorder->run, &recorder->slice, &recorder->list, plan->words);
        plan->kept = recorder->list;
        plan->has_kept = recorder->slice.token_count == recorder->token_count &&
                         octavo_worklist_keep(plan, recorder->run, &recorder->slice, &plan->kept, plan->words);
    }
    memcpy(host, plan->words, recorder->list.word_count * sizeof *plan->words);
    status = octavo_gpu_frame_flush(recorder->frame, &recorder->lists);
    if (status != OCTAVO_SUCCESS) return status;

    octavo_cache_order_read(plan->cache, recorder->frame, recorder->command_buffer, recorder->run->layer);
    status = record_own_rows(recorder);
    if (status != OCTAVO_SUCCESS) return status;
    if (plan->tuning.fused) {
        status = record_walk(recorder);
        if (plan->variant->source != OCTAVO_KERNEL_PREFILL_MATRIX || recorder->list.partial_count == 0u ||
            status != OCTAVO_SUCCESS)
            return status;
        octavo_gpu_dispatch_barrier(device, recorder->command_buffer);
        return record_merge(recorder);
    }
    status = record_rotate(recorder);
    octavo_gpu_dispatch_barrier(device, recorder->command_buffer);
    if (status == OCTAVO_SUCCESS) status = record_walk(recorder);
    octavo_gpu_dispatch_barrier(device, recorder->command_buffer);
    if (status == OCTAVO_SUCCESS) status = record_merge(recorder);
    return status;
}

octavo_status octavo_attention_record_run(octavo_attention *attention, octavo_frame *frame,
                                          VkCommandBuffer command_buffer, const octavo_attention_run *run) {
    slice_recorder recorder = {0};
    recorder.plan = attention;
    recorder.frame = frame;
    recorder.command_buffer = command_buffer;
    recorder.run = run;
    for (uint32_t s = 0; s < run->sequence_count; ++s) recorder.token_count += run->query_counts[s];
    const uint32_t tokens = recorder.token_count;
    octavo_status status = reserve_frame(&recorder);
    for (uint32_t token = 0; token < tokens && status == OCTAVO_SUCCESS; token += recorder.slice.token_count) {
        /* a call of one slice has just been measured */
        bool measured = recorder.slice.token_first == token && recorder.slice.token_count == tokens;
        if (!measured) status = measure_slice(&recorder, token);
        if (status == OCTAVO_SUCCESS) status = record_slice(&recorder);
    }
    /* the walk reads expanded tiles, and a barrier stands before it */
    if (status == OCTAVO_SUCCESS && attention->expanded_capacity > 0u)
        octavo_cache_order_read_over(attention->cache, frame, command_buffer, run->layer);
    return status;
}
