#include "attention/share_cuts.h"

/* The share that is being filled. */
typedef struct open_share {
    uint32_t segment, tile, partial;
    uint32_t range_first;
    bool is_open;
} open_share;

/* A share goes to the workgroup that still has room for one tile and what a share costs beside tiles, else to a new
 * one. */
static void start_share(octavo_list_builder *builder, open_share *open) {
    octavo_segment_cut *cut = &builder->plan->cuts[open->segment];
    uint32_t cost = builder->plan->tuning.share_cost;
    if (cut->room <= cost) {
        if (builder->words != NULL) builder->words[builder->list->group_offset + cut->groups] = cut->shares;
        cut->groups += 1u;
        cut->room = builder->chunk;
        builder->groups += 1u;
    }
    cut->room = cut->room > cost ? cut->room - cost : 1u;
    open->range_first = builder->ranges;
    open->is_open = true;
}

static void put_range(octavo_list_builder *builder, octavo_tile_range range) {
    if (builder->words != NULL) {
        uint32_t *at = builder->words + builder->list->range_offset + 4u * builder->ranges;
        at[0] = range.first;
        at[1] = range.count;
        at[2] = range.kind;
        at[3] = range.pages;
    }
    builder->ranges += 1u;
}

static void close_share(octavo_list_builder *builder, open_share *open) {
    uint32_t share = builder->plan->cuts[open->segment].shares++;
    if (builder->words != NULL) {
        uint32_t *at = builder->words + builder->list->share_offset + OCTAVO_SHARE_WORDS * share;
        at[0] = open->tile;
        at[1] = open->partial;
        at[2] = open->range_first;
        at[3] = builder->ranges - open->range_first;
    }
    builder->shares += 1u;
    open->partial += 1u;
    open->is_open = false;
    if (builder->plan->tuning.one_share) builder->plan->cuts[open->segment].room = 0u;
}

/* Room of the workgroup of the open share, one that has some. */
static uint32_t *share_room(octavo_list_builder *builder, open_share *open) {
    octavo_segment_cut *cut = &builder->plan->cuts[open->segment];
    if (open->is_open && cut->room == 0u) close_share(builder, open);
    if (!open->is_open) start_share(builder, open);
    return &cut->room;
}

/* A stretch of a run that lies in one segment. */
typedef struct run_piece {
    uint32_t segment, first, count;
} run_piece;

static uint32_t tile_segment(const octavo_list_builder *builder, const octavo_slice_part *part, uint32_t tile) {
    return octavo_cache_page_place(builder->plan->cache, part->view.slots[tile], builder->run->layer).segment;
}

/* Window token number n: see octavo_tile_range. */
static uint32_t window_segment(const octavo_list_builder *builder, const octavo_slice_part *part, uint32_t n) {
    const octavo_cache *cache = builder->plan->cache;
    const octavo_cache_view *view = &part->view;
    uint32_t ring = cache->info.recent_tokens + cache->info.slack_tokens;
    uint32_t token = n < view->packed_begin ? n : view->packed_end + n - view->packed_begin;
    uint32_t row = token < cache->info.first_tokens ? token : cache->info.first_tokens + token % ring;
    uint32_t slot = view->window_slots[row / cache->layout.window_rows_per_page];
    return octavo_cache_page_place(cache, slot, builder->run->layer).segment;
}

/* Own tokens from number n on: rows that follow each other, or all of them where they lie in one segment. */
static run_piece own_piece(const octavo_attention *plan, const octavo_slice_part *part, uint32_t n, uint32_t left) {
    const octavo_own_rows *own = &plan->own;
    run_piece piece = {plan->cache->segment_count, n, left};
    if (own->segment_count == 1u) return piece;
    uint32_t rows_per_page = plan->cache->layout.window_rows_per_page;
    uint32_t row = (part->view.length + n) % part->own_count, page = part->own_page + row / rows_per_page;
    uint32_t segment = octavo_own_place(own, page).segment;
    uint64_t end = ((uint64_t)(segment + 1u) * own->pages_per_segment - part->own_page) * rows_per_page;
    piece.segment += segment;
    if (end > part->own_count) end = part->own_count;
    if (left > end - row) piece.count = (uint32_t)(end - row);
    return piece;
}

/* The longest from element `done` of a run on. */
static run_piece next_piece(const octavo_list_builder *builder, const octavo_slice_part *part,
                            const octavo_list_run *of, uint32_t done) {
    const octavo_mask_run *run = &of->run;
    uint32_t (*segment_of)(const octavo_list_builder *, const octavo_slice_part *, uint32_t) =
        of->source == OCTAVO_FROM_WINDOWS ? window_segment : tile_segment;
    uint32_t left = run->count - done;
    run_piece piece = {0u, run->first + done, left};
    if (of->source == OCTAVO_FROM_OWN) return own_piece(builder->plan, part, piece.first, left);
    if (builder->plan->expanded_capacity > 0u) {
        uint32_t tile = builder->tile_base + piece.first, capacity = builder->plan->expanded_capacity;
        piece.segment = tile / capacity;
        if (left > capacity - tile % capacity) piece.count = capacity - tile % capacity;
        return piece;
    }
    if (builder->plan->cache->segment_count > 1u) {
        piece.segment = segment_of(builder, part, piece.first);
        piece.count = 1u;
        while (piece.count < left && segment_of(builder, part, piece.first + piece.count) == piece.segment) {
            ++piece.count;
        }
    }
    return piece;
}

/* The first segment from `least` on that the list touches; the segment count when there is none. */
static uint32_t next_segment(const octavo_list_builder *builder, const octavo_slice_part *part,
                             const octavo_tile_list *list, uint32_t least) {
    uint32_t found = builder->plan->cut_count;
    if (least >= found) return found;
    for (uint32_t i = 0; i < list->count; ++i) {
        for (uint32_t done = 0; done < list->runs[i].run.count && found > least;) {
            run_piece piece = next_piece(builder, part, &list->runs[i], done);
            done += piece.count;
            if (piece.segment >= least && piece.segment < found) found = piece.segment;
        }
    }
    return found;
}

static void add_tiles(octavo_list_builder *builder, open_share *open, run_piece piece, uint32_t kind) {
    while (piece.count > 0u) {
        uint32_t *room = share_room(builder, open);
        uint32_t count = piece.count < *room ? piece.count : *room;
        octavo_tile_range range = {piece.first, count, kind, builder->page_base + piece.first};
        put_range(builder, range);
        *room -= count;
        piece.first += count;
        piece.count -= count;
    }
}

/* where a window is part of what a share costs, it opens none of its own */
static void add_window(octavo_list_builder *builder, open_share *open, run_piece piece) {
    bool joins = open->is_open && builder->plan->tuning.free_windows;
    uint32_t *room = joins ? NULL : share_room(builder, open);
    octavo_tile_range range = {piece.first, piece.count, OCTAVO_RUN_WINDOW, builder->window_base};
    put_range(builder, range);
    if (!joins) *room -= 1u;
}

/* To a walk they are window tokens of another sequence record: see complete_shares. */
static void add_own(octavo_list_builder *builder, open_share *open, run_piece piece) {
    while (piece.count > 0u) {
        uint32_t *room = share_room(builder, open);
        uint64_t most = (uint64_t)*room * octavo_own_work_tokens(builder->plan);
        uint32_t count = piece.count < most ? piece.count : (uint32_t)most;
        octavo_tile_range range = {piece.first, count, OCTAVO_RUN_WINDOW, builder->own_base};
        put_range(builder, range);
        *room -= octavo_own_work(builder->plan, count);
        piece.first += count;
        piece.count -= count;
    }
}

/* What the list has in one segment. */
static void cut_segment(octavo_list_builder *builder, const octavo_slice_part *part, const octavo_tile_list *list,
                        open_share *open) {
    for (uint32_t i = 0; i < list->count; ++i) {
        const octavo_list_run *of = &list->runs[i];
        for (uint32_t done = 0; done < of->run.count;) {
            run_piece piece = next_piece(builder, part, of, done);
            done += piece.count;
            if (piece.segment != open->segment) continue;
            if (of->source == OCTAVO_FROM_WINDOWS)
                add_window(builder, open, piece);
            else if (of->source == OCTAVO_FROM_OWN)
                add_own(builder, open, piece);
            else
                add_tiles(builder, open, piece,
                          of->run.kind == OCTAVO_MASK_TILE_FULL ? OCTAVO_RUN_FULL : OCTAVO_RUN_EDGE);
        }
    }
    if (open->is_open) close_share(builder, open);
}

uint32_t octavo_cut_list(octavo_list_builder *builder, const octavo_slice_part *part, const octavo_tile_list *list,
                         uint32_t tile, uint32_t partial_first) {
    open_share open = {0u, tile, partial_first, 0u, false};
    uint32_t segment_count = builder->plan->cut_count;
    open.segment = next_segment(builder, part, list, 0u);
    while (open.segment < segment_count) {
        cut_segment(builder, part, list, &open);
        open.segment = next_segment(builder, part, list, open.segment + 1u);
    }
    if (open.partial == partial_first) {
        open.segment = 0u;
        *share_room(builder, &open) -= 1u;
        close_share(builder, &open);
    }
    return open.partial - partial_first;
}
