#include "attention/tile_list.h"

bool octavo_walks_all_tokens(const octavo_attention *plan) {
    return plan->variant->source == OCTAVO_KERNEL_PREFILL_MATRIX;
}

static void add_run(octavo_tile_list *list, octavo_run_source source, octavo_mask_run run) {
    list->runs[list->count++] = (octavo_list_run){source, run};
}

/* Own tokens of tiles with one that a row sees. */
static void add_own_runs(const octavo_attention *plan, const octavo_slice_part *part, int64_t p_first, int64_t p_last,
                         octavo_tile_list *list) {
    octavo_mask_run runs[OCTAVO_TILE_RUNS_MAX];
    uint32_t first_own = part->view.length, end = part->length;
    uint32_t count = octavo_mask_tile_runs(&plan->rule, plan->info.empty_row != OCTAVO_EMPTY_ROW_ZERO, p_first, p_last,
                                           end, first_own, end, runs);
    for (uint32_t i = 0; i < count; ++i) {
        uint64_t run_begin = (uint64_t)runs[i].first * OCTAVO_TILE_TOKENS;
        uint64_t run_end = run_begin + (uint64_t)runs[i].count * OCTAVO_TILE_TOKENS;
        uint32_t begin = run_begin > first_own ? (uint32_t)run_begin - first_own : 0u;
        uint32_t last = (run_end < end ? (uint32_t)run_end : end) - first_own;
        add_run(list, OCTAVO_FROM_OWN, (octavo_mask_run){begin, last - begin, OCTAVO_MASK_TILE_EDGE});
    }
}

octavo_tile_list octavo_tile_list_of(const octavo_attention *plan, const octavo_slice_part *part, uint32_t row_first,
                                     uint32_t row_count) {
    const octavo_cache_view *view = &part->view;
    int64_t base = (int64_t)part->length - (int64_t)part->query_count;
    int64_t p_first = base + row_first / plan->group;
    int64_t p_last = base + (row_first + row_count - 1u) / plan->group;
    bool all = octavo_walks_all_tokens(plan);
    octavo_mask_run runs[OCTAVO_TILE_RUNS_MAX];
    uint32_t begin = all ? 0u : view->packed_begin, end = all ? part->length : view->packed_end;
    uint32_t count = octavo_mask_tile_runs(&plan->rule, plan->info.empty_row != OCTAVO_EMPTY_ROW_ZERO, p_first, p_last,
                                           part->length, begin, end, runs);
    octavo_tile_list list;
    list.count = 0u;
    for (uint32_t i = 0; i < count; ++i) add_run(&list, OCTAVO_FROM_PAGES, runs[i]);
    if (all) return list;
    uint32_t window_tokens = begin + (view->length - end);
    if (window_tokens > 0u)
        add_run(&list, OCTAVO_FROM_WINDOWS, (octavo_mask_run){0u, window_tokens, OCTAVO_MASK_TILE_EDGE});
    if (part->own_count > 0u) add_own_runs(plan, part, p_first, p_last, &list);
    return list;
}

#define DECODE_OWN_TOKENS 32u

uint32_t octavo_own_work_tokens(const octavo_attention *plan) {
    return octavo_kernel_is_for_prefill(plan->variant) ? OCTAVO_TILE_TOKENS : DECODE_OWN_TOKENS;
}

uint32_t octavo_own_work(const octavo_attention *plan, uint32_t tokens) {
    uint32_t tile = octavo_own_work_tokens(plan);
    return (tokens + tile - 1u) / tile;
}

uint32_t octavo_tile_list_work(const octavo_attention *plan, const octavo_tile_list *list) {
    uint32_t tiles = 0u, own = 0u;
    bool has_window = false;
    for (uint32_t i = 0; i < list->count; ++i) {
        const octavo_list_run *of = &list->runs[i];
        if (of->source == OCTAVO_FROM_PAGES) tiles += of->run.count;
        if (of->source == OCTAVO_FROM_OWN) own += octavo_own_work(plan, of->run.count);
        has_window = has_window || of->source == OCTAVO_FROM_WINDOWS;
    }
    return tiles + own + (has_window && (tiles == 0u || !plan->tuning.free_windows) ? 1u : 0u);
}
