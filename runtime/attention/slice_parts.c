#include "attention/slice_parts.h"

bool octavo_slice_next(const octavo_attention *plan, const octavo_attention_run *run,
                       const octavo_attention_slice *slice, octavo_slice_iterator *it, octavo_slice_part *part,
                       octavo_status *status) {
    uint32_t end = slice->token_first + slice->token_count;
    while (it->index < run->sequence_count && *status == OCTAVO_SUCCESS) {
        uint32_t s = it->index++, token = it->call_token, count = run->query_counts[s];
        it->call_token += count;
        uint32_t own_count = octavo_own_rows_given(run) ? count : 0u, own_page = it->own_page;
        it->own_page += octavo_own_pages(plan->cache, own_count);
        uint32_t first = token > slice->token_first ? token : slice->token_first;
        uint32_t last = token + count < end ? token + count : end;
        if (first >= last) continue;
        part->call_token = token;
        part->query_count = count;
        part->first = first - token;
        part->count = last - first;
        *status = octavo_cache_table_view(plan->cache->table, run->sequences[s], run->layer, &part->view);
        part->own_count = own_count;
        part->own_page = own_page;
        part->length = part->view.length + own_count;
        return *status == OCTAVO_SUCCESS;
    }
    return false;
}

static uint32_t whole_tiles(uint32_t tokens) {
    return (tokens + OCTAVO_PAGE_TOKENS - 1u) / OCTAVO_PAGE_TOKENS;
}

uint32_t octavo_part_tiles(const octavo_slice_part *part) {
    return whole_tiles(part->length);
}

uint32_t octavo_view_pages(const octavo_cache_view *view) {
    return whole_tiles(view->length);
}
