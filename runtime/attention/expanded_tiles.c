#include "attention/expanded_tiles.h"

#include "attention/slice_parts.h"

#define CODES 0u
#define ROWS 1u
#define KINDS 2u

/* words NULL: entries are counted. `place`: where the next entry of each group goes; NULL: entries of groups are
 * counted in counts[group + 1]. */
typedef struct entry_sink {
    const octavo_attention *plan;
    uint32_t layer, tile_base, entry_count;
    uint32_t *counts, *place, *entries;
} entry_sink;

static void emit(entry_sink *sink, uint32_t kind, octavo_page_place place, uint32_t tile, octavo_expand_entry entry) {
    const octavo_attention *plan = sink->plan;
    uint32_t at = sink->tile_base + tile, capacity = plan->expanded_capacity;
    uint32_t group = (at / capacity * KINDS + kind) * octavo_attention_segments(plan) + place.segment;
    sink->entry_count += 1u;
    if (sink->counts != NULL) sink->counts[group + 1u] += 1u;
    if (sink->place == NULL) return;
    uint32_t *words = sink->entries + (size_t)OCTAVO_EXPAND_ENTRY_WORDS * sink->place[group]++;
    words[0] = place.page;
    words[1] = at % capacity;
    words[2] = entry.count;
    words[3] = entry.first;
    words[4] = entry.row;
    words[5] = entry.begin;
    words[6] = entry.end;
    words[7] = entry.resume;
}

static uint32_t least(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

/* A token of the sequence in tile `tile`; before and behind it, the tile's ends. */
static uint32_t in_tile(uint32_t token, uint32_t tile) {
    uint32_t first = tile * OCTAVO_PAGE_TOKENS;
    return token <= first ? 0u : least(token - first, OCTAVO_PAGE_TOKENS);
}

/* Of page number n of the windows, or of the own rows, of a sequence. */
static octavo_page_place rows_place(const entry_sink *sink, const octavo_slice_part *part, bool own, uint32_t n) {
    const octavo_attention *plan = sink->plan;
    if (!own) return octavo_cache_page_place(plan->cache, part->view.window_slots[n], sink->layer);
    octavo_page_place place = octavo_own_place(&plan->own, part->own_page + n);
    place.segment += plan->cache->segment_count;
    return place;
}

/* Tokens [first, end), of which token j is row row_base + j % modulus. */
static void emit_rows(entry_sink *sink, const octavo_slice_part *part, bool own, uint32_t first, uint32_t end,
                      uint32_t row_base, uint32_t modulus) {
    uint32_t rows_per_page = sink->plan->cache->layout.window_rows_per_page;
    for (uint32_t token = first; token < end;) {
        uint32_t row = row_base + token % modulus, tile = token / OCTAVO_PAGE_TOKENS;
        uint32_t count = least(end - token, rows_per_page - row % rows_per_page);
        count = least(count, modulus - token % modulus);
        count = least(count, OCTAVO_PAGE_TOKENS - token % OCTAVO_PAGE_TOKENS);
        octavo_expand_entry entry = {0};
        entry.count = count;
        entry.first = token % OCTAVO_PAGE_TOKENS;
        entry.row = row % rows_per_page;
        emit(sink, ROWS, rows_place(sink, part, own, row / rows_per_page), tile, entry);
        token += count;
    }
}

/* The codes of a page, and something finite for what is behind the sequence. */
static void emit_codes(entry_sink *sink, const octavo_slice_part *part, uint32_t tile, octavo_page_place place) {
    octavo_expand_entry codes = {0};
    codes.begin = in_tile(part->view.packed_begin, tile);
    codes.end = in_tile(part->view.packed_end, tile);
    codes.resume = in_tile(part->length, tile);
    emit(sink, CODES, place, tile, codes);
}

/* The tiles of a sequence. */
static void emit_part(entry_sink *sink, const octavo_slice_part *part) {
    const octavo_cache *cache = sink->plan->cache;
    const octavo_cache_info *info = &cache->info;
    const octavo_cache_view *view = &part->view;
    const uint32_t pages = octavo_view_pages(view), tiles = octavo_part_tiles(part);
    for (uint32_t i = 0; i < pages; ++i)
        emit_codes(sink, part, i, octavo_cache_page_place(cache, view->slots[i], sink->layer));
    /* any page will do for the end of a last tile that has none */
    if (tiles > pages && part->length % OCTAVO_PAGE_TOKENS != 0u)
        emit_codes(sink, part, tiles - 1u, (octavo_page_place){0u, 0u});
    emit_rows(sink, part, false, 0u, view->packed_begin, 0u, UINT32_MAX);
    emit_rows(sink, part, false, view->packed_end, view->length, info->first_tokens,
              info->recent_tokens + info->slack_tokens);
    emit_rows(sink, part, true, view->length, part->length, 0u, part->own_count);
    sink->tile_base += tiles;
}

static void emit_all(entry_sink *sink, const octavo_attention_run *run, const octavo_attention_slice *slice) {
    octavo_status status = OCTAVO_SUCCESS;
    octavo_slice_iterator it = {0};
    octavo_slice_part part;
    sink->tile_base = sink->entry_count = 0u;
    while (octavo_slice_next(sink->plan, run, slice, &it, &part, &status)) emit_part(sink, &part);
}

octavo_expanded_tiles octavo_expanded_tiles_of(const octavo_attention *plan, const octavo_attention_run *run,
                                               const octavo_attention_slice *slice, const octavo_worklist *list,
                                               uint32_t *words) {
    entry_sink sink = {plan, run->layer, 0u, 0u, NULL, NULL, NULL};
    octavo_expanded_tiles tiles = {0};
    if (words != NULL) {
        uint32_t *starts = words + list->expand_group_offset;
        tiles.group_count = list->window_count * KINDS * octavo_attention_segments(plan);
        for (uint32_t i = 0; i <= tiles.group_count; ++i) starts[i] = 0u;
        sink.counts = starts;
        emit_all(&sink, run, slice);
        for (uint32_t i = 0; i < tiles.group_count; ++i) starts[i + 1u] += starts[i];
        sink.counts = NULL;
        sink.place = starts;
        sink.entries = words + list->expand_offset;
    }
    emit_all(&sink, run, slice);
    /* each group's place is now where the next one starts */
    for (uint32_t i = tiles.group_count; words != NULL && i > 0u; --i) sink.place[i] = sink.place[i - 1u];
    if (words != NULL) sink.place[0] = 0u;
    tiles.window_count = (sink.tile_base + plan->expanded_capacity - 1u) / plan->expanded_capacity;
    if (tiles.window_count == 0u) tiles.window_count = 1u; /* rows without keys are written all the same */
    tiles.group_count = tiles.window_count * KINDS * octavo_attention_segments(plan);
    tiles.entry_count = sink.entry_count;
    return tiles;
}

uint32_t octavo_expanded_bad_offset(const octavo_attention *plan) {
    return plan->expanded_capacity * octavo_kernel_operand_tile_words(&plan->cache->layout);
}

octavo_gpu_range octavo_expanded_range(const octavo_attention *plan) {
    return octavo_gpu_buffer_range(plan->expanded);
}

octavo_status octavo_expanded_tiles_record(const octavo_attention *plan, octavo_frame *frame,
                                           VkCommandBuffer command_buffer, const octavo_worklist *list,
                                           octavo_gpu_range lists, uint32_t window) {
    const octavo_cache *cache = plan->cache;
    const uint32_t *starts = plan->words + list->expand_group_offset;
    octavo_expand_push push = {cache->layout.kv_heads, 0u, octavo_expanded_bad_offset(plan)};
    octavo_gpu_range ranges[OCTAVO_EXPAND_TILES + 1u] = {0};
    ranges[OCTAVO_EXPAND_LISTS] = lists;
    ranges[OCTAVO_EXPAND_TILES] = octavo_expanded_range(plan);
    const uint32_t segments = octavo_attention_segments(plan);
    octavo_status status = OCTAVO_SUCCESS;
    for (uint32_t kind = CODES; kind < KINDS; ++kind) {
        for (uint32_t segment = 0; segment < segments && status == OCTAVO_SUCCESS; ++segment) {
            uint32_t group = (window * KINDS + kind) * segments + segment;
            uint32_t first = starts[group], count = starts[group + 1u] - first;
            if (count == 0u) continue;
            push.entry_offset = list->expand_offset + first * OCTAVO_EXPAND_ENTRY_WORDS;
            ranges[OCTAVO_EXPAND_POOL] = octavo_attention_segment_range(plan, segment);
            status = octavo_gpu_dispatch(frame, command_buffer, plan->pipelines.expand, ranges, &push, count,
                                         cache->layout.kv_heads, OCTAVO_OPERAND_STEPS);
        }
    }
    octavo_gpu_dispatch_barrier(cache->device, command_buffer);
    return status;
}

uint32_t octavo_expanded_tiles_dispatches(const octavo_attention *plan, const octavo_worklist *list) {
    return least(list->expand_count, list->window_count * KINDS * octavo_attention_segments(plan));
}
