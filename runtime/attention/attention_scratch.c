#include "attention/attention_scratch.h"

#include <string.h>

#define SCRATCH_BYTES_DEFAULT (UINT64_C(64) << 20)
#define EXPANDED_BYTES_DEFAULT (UINT64_C(256) << 20)
#define EXPANDED_TILES_MAX 32768u /* workgroups of a dispatch that expands them */
#define WINDOWS_MIN 4u

/* Each walk leaves them at zero. */
static octavo_status clear_arrivals(octavo_attention *plan, uint64_t words) {
    octavo_device *device = plan->cache->device;
    void *zeros = octavo_gpu_allocate(device, 4u * words);
    if (zeros == NULL) return OCTAVO_OUT_OF_HOST_MEMORY;
    memset(zeros, 0, 4u * words);
    octavo_status status =
        octavo_gpu_buffer_write(plan->scratch, 4u * (VkDeviceSize)plan->arrival_offset, 4u * words, zeros);
    octavo_gpu_release(device, zeros, 4u * words);
    return status;
}

static uint64_t at_most(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* Places of queries, partial results and arrivals in the scratch memory, and the buffer. */
static octavo_status create_scratch(octavo_attention *plan, uint64_t query_words, uint64_t partials,
                                    uint64_t arrival_words) {
    const octavo_packed_layout *layout = &plan->cache->layout;
    const uint64_t rows = partials * layout->kv_heads * plan->tuning.rows;
    const uint64_t sum_words = (rows * 2u + 3u) & ~UINT64_C(3); /* outputs are read by four */
    const uint64_t output_end = query_words + sum_words + rows * layout->value_dim_padded;
    plan->partial_capacity = (uint32_t)partials;
    plan->sum_offset = (uint32_t)query_words;
    plan->output_offset = (uint32_t)(query_words + sum_words);
    plan->arrival_offset = (uint32_t)output_end;
    return octavo_gpu_buffer_create(plan->cache->device, 4u * (output_end + arrival_words), OCTAVO_BUFFER_DEVICE,
                                    "octavo attention scratch", &plan->scratch);
}

/* Scratch memory of a walk of f16 tiles: expanded tiles, query operands of shares, partial results of lists that are
 * cut. Half of the budget is for tiles: what a query token reads is expanded once for all query tiles of a slice. */
static octavo_status create_expanded(octavo_attention *plan) {
    octavo_device *device = plan->cache->device;
    const octavo_cache *cache = plan->cache;
    const octavo_packed_layout *layout = &cache->layout;
    const uint64_t limit = (octavo_gpu_snapshot(device)->max_storage_buffer_range - 16u) & ~UINT64_C(255);
    uint64_t bytes = plan->info.scratch_bytes != 0u ? plan->info.scratch_bytes : EXPANDED_BYTES_DEFAULT;
    const uint64_t tile_bytes =
        4u * ((uint64_t)octavo_kernel_operand_tile_words(layout) + OCTAVO_OPERAND_STEPS * layout->kv_heads);
    const uint64_t rows = plan->tuning.rows;
    uint64_t slots = cache->slot_count; /* and tiles of a call's own tokens, one of each sequence beside cached ones */
    if (plan->own.segment_count > 0u)
        slots += plan->info.query_capacity / OCTAVO_TILE_TOKENS + (uint64_t)plan->info.sequence_capacity;
    uint64_t capacity = at_most(slots, EXPANDED_TILES_MAX);
    capacity = at_most(at_most(capacity, bytes / 2u / tile_bytes), limit / tile_bytes);
    plan->expanded_capacity = capacity > 0u ? (uint32_t)capacity : 1u;
    plan->cut_count = (uint32_t)(slots / plan->expanded_capacity) + WINDOWS_MIN;
    const uint64_t used = plan->expanded_capacity * tile_bytes;
    const uint64_t share_bytes = 4u * layout->kv_heads * (rows / 16u) * octavo_kernel_query_block_words(layout);
    const uint64_t partial_bytes = 4u * (uint64_t)layout->kv_heads * rows * (2u + layout->value_dim_padded);
    const uint64_t token_tiles = (plan->group + rows - 1u) / rows;
    const uint64_t splits = plan->tuning.workgroups / layout->kv_heads + 1u;
    /* one token: its tiles are cut where the segment or the window changes */
    const uint64_t least = token_tiles * (2u * (uint64_t)plan->cut_count + 1u);
    const uint64_t tiles =
        (uint64_t)plan->info.query_capacity * plan->group / rows + 2u * token_tiles * plan->info.sequence_capacity;
    uint64_t partials = least > 2u * splits ? least : 2u * splits, shares = tiles + partials;
    if (least * (partial_bytes + share_bytes) > limit) {
        return octavo_gpu_fail(device, OCTAVO_UNSUPPORTED,
                               "one query token takes %llu bytes of scratch memory, the device binds %llu",
                               (unsigned long long)(least * (partial_bytes + share_bytes)), (unsigned long long)limit);
    }
    uint64_t budget = at_most(limit, bytes > used ? bytes - used : 0u);
    if (partials * (partial_bytes + share_bytes) > budget) partials = least;
    if (budget < partials * (partial_bytes + share_bytes)) budget = partials * (partial_bytes + share_bytes);
    /* few lists are cut in each window */
    const uint64_t windows = (slots + plan->expanded_capacity - 1u) / plan->expanded_capacity;
    const uint64_t cuts = at_most(2u * splits * windows, budget / 4u / (partial_bytes + share_bytes));
    if (cuts > partials) {
        shares += cuts - partials;
        partials = cuts;
    }
    shares = at_most(shares, (budget - partials * partial_bytes) / share_bytes);
    /* windows leave partial results of all tiles: what is left is theirs */
    uint64_t wished = at_most(tiles * plan->cut_count, (budget - shares * share_bytes) / partial_bytes);
    if (plan->cut_count > 1u && wished > partials) partials = wished;
    plan->slice_tokens = plan->info.query_capacity;
    plan->share_capacity = (uint32_t)shares;
    octavo_status status = create_scratch(plan, shares * share_bytes / 4u, partials, 0u);
    if (status == OCTAVO_SUCCESS)
        status = octavo_gpu_buffer_create(device, used, OCTAVO_BUFFER_DEVICE, "octavo expanded tiles", &plan->expanded);
    return status;
}

/* Cuts the scratch memory: as many query tokens as fit beside their partial results and those of the splits. */
octavo_status octavo_attention_scratch_create(octavo_attention *plan) {
    if (plan->variant->source == OCTAVO_KERNEL_PREFILL_MATRIX) return create_expanded(plan);
    plan->cut_count = octavo_attention_segments(plan);
    plan->share_capacity = UINT32_MAX;
    octavo_device *device = plan->cache->device;
    const octavo_packed_layout *layout = &plan->cache->layout;
    /* less what aligns its parts */
    uint64_t limit = (octavo_gpu_snapshot(device)->max_storage_buffer_range - 16u) & ~UINT64_C(255);
    uint64_t bytes = plan->info.scratch_bytes != 0u ? plan->info.scratch_bytes : SCRATCH_BYTES_DEFAULT;
    if (bytes > limit) bytes = limit;

    plan->query_row_words = OCTAVO_ROW_HEADER_WORDS + (plan->tuning.query_parts != 0u
                                                           ? plan->tuning.query_parts * layout->key_dim_padded / 4u
                                                       : plan->tuning.query_half ? layout->key_dim_padded / 2u
                                                                                 : layout->key_dim_padded);
    if (plan->tuning.fused) plan->query_row_words = 0u; /* they stay in the walk */
    uint64_t rows = plan->tuning.rows;
    uint64_t token_bytes = 4u * (uint64_t)plan->info.query_head_count * plan->query_row_words;
    /* with its tile's count of arrivals */
    uint64_t partial_bytes = 4u * (uint64_t)layout->kv_heads * (rows * (2u + layout->value_dim_padded) + 1u);
    uint64_t token_tiles = (plan->group + rows - 1u) / rows; /* tiles of one token, at most */
    uint64_t splits = plan->tuning.workgroups / layout->kv_heads + 1u;
    /* one token: its tiles are cut where the segment changes, the window is apart */
    uint64_t least = token_bytes + token_tiles * (2u * (uint64_t)plan->cut_count + 1u) * partial_bytes;
    if (least > limit) {
        return octavo_gpu_fail(device, OCTAVO_UNSUPPORTED,
                               "one query token takes %llu bytes of scratch memory, the device binds %llu",
                               (unsigned long long)least, (unsigned long long)limit);
    }
    if (bytes < least) bytes = least;
    /* one dispatch rotates all rows of a slice */
    uint64_t groups_max = octavo_gpu_snapshot(device)->max_compute_work_group_count[0];
    uint64_t capacity = groups_max * octavo_kernel_rotate_rows(plan->tuning.query_parts) / plan->info.query_head_count;
    if (capacity > plan->info.query_capacity) capacity = plan->info.query_capacity;
    /* what the largest call needs: its tiles, one more for each sequence, and the splits; less when it does not fit */
    uint64_t tokens = capacity;
    uint64_t partials = tokens * plan->group / rows + 2u * token_tiles * plan->info.sequence_capacity;
    if (plan->own.segment_count > 0u) partials *= 2u; /* of cached and of own tokens */
    partials += splits;
    if (tokens * token_bytes + partials * partial_bytes > bytes) {
        uint64_t share = bytes > splits * partial_bytes + least ? bytes - splits * partial_bytes : bytes;
        tokens = share / (token_bytes + (token_tiles + 1u) * partial_bytes);
        uint64_t most = token_bytes > 0u ? 1u + (bytes - least) / token_bytes : tokens;
        if (tokens > most) tokens = most;
        if (tokens == 0u) tokens = 1u;
        if (tokens > capacity) tokens = capacity;
        partials = (bytes - tokens * token_bytes) / partial_bytes;
    }
    if (partials * partial_bytes < least - token_bytes) partials = (least - token_bytes) / partial_bytes;
    plan->slice_tokens = (uint32_t)tokens;
    uint64_t arrival_words = partials * layout->kv_heads;
    octavo_status status = create_scratch(plan, tokens * token_bytes / 4u, partials, arrival_words);
    return status == OCTAVO_SUCCESS && plan->tuning.fused ? clear_arrivals(plan, arrival_words) : status;
}
