#include "attention/attention_worklist.h"

#include "attention/expanded_tiles.h"
#include "attention/share_cuts.h"
#include "attention/slice_parts.h"
#include "attention/tile_list.h"

#include <string.h>

static uint32_t part_tiles(const octavo_attention *plan, const octavo_slice_part *part) {
    uint64_t rows = (uint64_t)part->count * plan->group;
    return (uint32_t)((rows + plan->tuning.rows - 1u) / plan->tuning.rows);
}

static uint32_t window_page_count(const octavo_attention *plan) {
    octavo_cache_table_info info = {0};
    info.first_tokens = plan->cache->info.first_tokens;
    info.recent_tokens = plan->cache->info.recent_tokens;
    info.slack_tokens = plan->cache->info.slack_tokens;
    info.window_rows_per_page = plan->cache->layout.window_rows_per_page;
    return octavo_cache_window_slots(&info);
}

/* Words of a sequence in the lists that are pages: of its tiles, of its windows, of its own rows. */
static uint32_t listed_pages(const octavo_attention *plan, const octavo_slice_part *part) {
    if (plan->expanded_capacity > 0u) return octavo_part_tiles(part);
    return octavo_view_pages(&part->view) + window_page_count(plan) + octavo_own_pages(plan->cache, part->own_count);
}

/* --- measuring ------------------------------------------------------------------------------------------------------
 */

typedef struct slice_totals {
    uint32_t sequences, tiles, pages, partials, ranges, shares, groups;
    uint64_t work;        /* KV tiles */
    uint32_t longest;     /* list, in KV tiles */
    uint32_t whole_tiles; /* KV tiles of all sequences, seen or not */
} slice_totals;

/* A walk of expanded tiles finishes the tiles that have one share. */
static uint32_t kept_partials(const octavo_attention *plan, uint32_t shares) {
    return plan->variant->source == OCTAVO_KERNEL_PREFILL_MATRIX && shares == 1u ? 0u : shares;
}

/* chunk 0: lists are not cut; then there are no partial results, ranges, shares and groups. */
static octavo_status count_slice(const octavo_attention *plan, const octavo_attention_run *run,
                                 const octavo_attention_slice *slice, uint32_t chunk, slice_totals *totals) {
    octavo_list_builder builder = {.plan = plan, .run = run, .chunk = chunk};
    octavo_status status = OCTAVO_SUCCESS;
    octavo_slice_iterator it = {0};
    octavo_slice_part part;
    *totals = (slice_totals){0};
    for (uint32_t i = 0; i < plan->cut_count; ++i) plan->cuts[i] = (octavo_segment_cut){0u, 0u, 0u};
    while (octavo_slice_next(plan, run, slice, &it, &part, &status)) {
        uint32_t tiles = part_tiles(plan, &part), rows_first = part.first * plan->group;
        uint32_t rows = part.count * plan->group;
        uint32_t tile_end = builder.tile_base + octavo_part_tiles(&part);
        if (plan->expanded_capacity > 0u && tile_end > (uint64_t)plan->cut_count * plan->expanded_capacity)
            return OCTAVO_OUT_OF_DEVICE_MEMORY;
        for (uint32_t t = 0; t < tiles; ++t) {
            uint32_t row = t * plan->tuning.rows;
            uint32_t count = rows - row < plan->tuning.rows ? rows - row : plan->tuning.rows;
            octavo_tile_list list = octavo_tile_list_of(plan, &part, rows_first + row, count);
            uint32_t work = octavo_tile_list_work(plan, &list);
            totals->work += work;
            if (work > totals->longest) totals->longest = work;
            if (chunk == 0u) continue;
            totals->partials += kept_partials(plan, octavo_cut_list(&builder, &part, &list, 0u, 0u));
        }
        builder.tile_base = tile_end;
        totals->sequences += 1u;
        totals->tiles += tiles;
        totals->pages += listed_pages(plan, &part);
    }
    totals->whole_tiles = builder.tile_base;
    totals->ranges = builder.ranges;
    totals->shares = builder.shares;
    totals->groups = builder.groups;
    return status;
}

/* Shares of a list in a window, at most: more of them prepare the query more often than they fill the device (H100,
 * 65536 tokens, 64 rows of each of 8 heads: 16 shares 358 us, 32 shares 408). */
#define EVEN_SHARES_MAX 16u

/* Where lists are cut only for want of lists: each into as many shares of one length as fill `wanted` workgroups, in
 * each window of expanded tiles, since windows are walked one after the other. */
static uint64_t even_chunk(const octavo_attention *plan, const slice_totals *totals, uint64_t wanted) {
    if (totals->tiles >= wanted || totals->work == 0u) return totals->longest;
    uint64_t capacity = plan->expanded_capacity, windows = 1u;
    if (capacity > 0u && totals->whole_tiles > capacity) windows = (totals->whole_tiles + capacity - 1u) / capacity;
    uint64_t shares = wanted * totals->longest / totals->work;
    if (shares > EVEN_SHARES_MAX) shares = EVEN_SHARES_MAX;
    return (totals->longest + windows * shares - 1u) / (windows * shares);
}

octavo_status octavo_worklist_measure(const octavo_attention *plan, const octavo_attention_run *run,
                                      const octavo_attention_slice *slice, octavo_worklist *list) {
    slice_totals totals;
    octavo_status status = count_slice(plan, run, slice, 0u, &totals);
    if (status != OCTAVO_SUCCESS) return status;
    uint64_t heads = plan->cache->layout.kv_heads;
    /* no more workgroups than run at once */
    uint64_t wanted = plan->tuning.workgroups > heads ? plan->tuning.workgroups / heads : 1u;
    /* each workgroup but one ends inside a list, which has a share more then */
    uint64_t work = totals.work + plan->tuning.share_cost * (totals.tiles + wanted - 1u);
    uint64_t chunk = (work + wanted - 1u) / wanted;
    if (plan->tuning.whole_lists) chunk = even_chunk(plan, &totals, wanted);
    if (chunk == 0u) chunk = 1u;
    /* No share may outlast a dispatch's budget by itself; rather than that a smaller slice, while there is one. */
    uint64_t budget = plan->tuning.slice_work / ((uint64_t)plan->tuning.rows * OCTAVO_TILE_TOKENS * heads);
    if (plan->tuning.tiles_max != 0u && budget > plan->tuning.tiles_max) budget = plan->tuning.tiles_max;
    if (budget == 0u) budget = 1u;
    if (budget > UINT32_MAX) budget = UINT32_MAX;
    if (chunk > budget) chunk = budget;
    uint64_t most = slice->token_count > 1u ? budget : UINT32_MAX;
    for (;;) {
        list->chunk = (uint32_t)chunk;
        status = count_slice(plan, run, slice, list->chunk, &totals);
        if (status != OCTAVO_SUCCESS) return status;
        if (totals.partials <= plan->partial_capacity && totals.shares <= plan->share_capacity) break;
        if (chunk >= most) return OCTAVO_OUT_OF_DEVICE_MEMORY; /* the recorder tries a smaller slice */
        chunk = 2u * chunk < most ? 2u * chunk : most;
    }
    list->uneven = 2u * (uint64_t)totals.longest * totals.tiles >= 3u * totals.work;
    list->sequence_count = totals.sequences;
    list->tile_count = totals.tiles;
    list->range_count = totals.ranges;
    list->share_count = totals.shares;
    list->group_count = totals.groups;
    list->page_count = totals.pages;
    list->partial_count = totals.partials;
    uint32_t at = 4u;        /* word 0 stays unused: an offset of 0 means none */
    list->share_offset = at; /* first, and of 16 bytes alignment */
    at += totals.shares * OCTAVO_SHARE_WORDS;
    list->sequence_offset = at;
    at += totals.sequences * (uint32_t)(sizeof(octavo_sequence_record) / 4u);
    list->tile_offset = at;
    at += totals.tiles * OCTAVO_QUERY_TILE_WORDS;
    list->range_offset = at;
    at += totals.ranges * (uint32_t)(sizeof(octavo_tile_range) / 4u);
    list->group_offset = at;
    at += totals.groups + 1u;
    list->page_offset = at;
    at += totals.pages;
    list->window_count = list->expand_count = 0u;
    if (plan->expanded_capacity > 0u) {
        octavo_expanded_tiles tiles = octavo_expanded_tiles_of(plan, run, slice, list, NULL);
        list->window_count = tiles.window_count;
        list->expand_count = tiles.entry_count;
        list->expand_group_offset = at;
        at += tiles.group_count + 1u;
        list->expand_offset = at;
        at += tiles.entry_count * OCTAVO_EXPAND_ENTRY_WORDS;
    }
    list->sink_offset = run->sink_logits != NULL ? at : 0u;
    if (run->sink_logits != NULL) at += plan->info.query_head_count;
    list->word_count = at;
    return OCTAVO_SUCCESS;
}

/* --- writing ---------------------------------------------------------------------------------------------------------
 */

static octavo_sequence_record sequence_record(const octavo_attention *plan, const octavo_attention_run *run,
                                              const octavo_attention_slice *slice, const octavo_slice_part *part) {
    const octavo_cache *cache = plan->cache;
    const octavo_cache_view *view = &part->view;
    octavo_sequence_record record = {0};
    record.key_count = part->length;
    record.position = (int32_t)((int64_t)part->length - (int64_t)part->query_count);
    record.row_base = (part->call_token - slice->token_first) * plan->group;
    record.token_base = part->call_token;
    record.packed_begin = octavo_walks_all_tokens(plan) ? 0u : view->packed_begin;
    record.packed_end = octavo_walks_all_tokens(plan) ? part->length : view->packed_end;
    record.window_first = view->packed_begin;
    record.window_ring = cache->info.recent_tokens + cache->info.slack_tokens;
    if (record.window_ring == 0u) record.window_ring = 1u;
    record.window_base = cache->info.first_tokens;
    const octavo_layer_codec *codec = octavo_cache_codec(cache, view->record, run->layer);
    record.seed = codec->seed;
    record.record = (uint32_t)(octavo_cache_record_range(cache, view->record, run->layer).offset / 4u);
    record.record_flags = octavo_cache_key_flags(cache, codec);
    return record;
}

/* Of page number i of a sequence in the cache: of `pages` of its tiles, then of its windows. */
static octavo_page_place listed_page(const octavo_attention *plan, const octavo_attention_run *run,
                                     const octavo_cache_view *view, uint32_t pages, uint32_t i) {
    uint32_t slot = i < pages ? view->slots[i] : view->window_slots[i - pages];
    if (slot == OCTAVO_CACHE_NO_SLOT) return (octavo_page_place){0u, 0u};
    return octavo_cache_page_place(plan->cache, slot, run->layer);
}

static void write_pages(const octavo_attention *plan, const octavo_attention_run *run, const octavo_slice_part *part,
                        uint32_t tile_base, uint32_t *at) {
    const octavo_cache_view *view = &part->view;
    uint32_t pages = octavo_view_pages(view), windows = window_page_count(plan), capacity = plan->expanded_capacity;
    uint32_t tiles = octavo_part_tiles(part), own = octavo_own_pages(plan->cache, part->own_count);
    for (uint32_t i = 0; i < tiles && capacity > 0u; ++i) at[i] = (tile_base + i) % capacity;
    if (capacity > 0u) return;
    for (uint32_t i = 0; i < pages + windows; ++i) at[i] = listed_page(plan, run, view, pages, i).page;
    for (uint32_t i = 0; i < own; ++i) at[pages + windows + i] = octavo_own_place(&plan->own, part->own_page + i).page;
}

static void write_tile(uint32_t *at, uint32_t sequence, uint32_t row_first, uint32_t row_count, uint32_t partial_first,
                       uint32_t partial_count) {
    at[0] = sequence;
    at[1] = row_first;
    at[2] = row_count;
    at[3] = partial_first;
    at[4] = partial_count;
}

static void write_parts(octavo_list_builder *builder, const octavo_attention_slice *slice) {
    const octavo_attention *plan = builder->plan;
    const octavo_worklist *list = builder->list;
    octavo_status status = OCTAVO_SUCCESS;
    octavo_slice_iterator it = {0};
    octavo_slice_part part;
    uint32_t sequence = 0, tile = 0, page_at = list->page_offset, partial = 0;
    while (octavo_slice_next(plan, builder->run, slice, &it, &part, &status)) {
        builder->page_base = page_at;
        builder->window_base = page_at + octavo_view_pages(&part.view);
        builder->own_base = builder->window_base + window_page_count(plan);
        octavo_sequence_record record = sequence_record(plan, builder->run, slice, &part);
        memcpy(builder->words + list->sequence_offset + sequence * (sizeof record / 4u), &record, sizeof record);
        write_pages(plan, builder->run, &part, builder->tile_base, builder->words + page_at);
        page_at += listed_pages(plan, &part);
        uint32_t rows_first = part.first * plan->group, rows = part.count * plan->group;
        uint32_t tiles = part_tiles(plan, &part);
        for (uint32_t t = 0; t < tiles; ++t, ++tile) {
            /* heaviest first: under a causal mask the last rows see most */
            uint32_t row = (plan->tuning.whole_lists ? tiles - 1u - t : t) * plan->tuning.rows;
            uint32_t count = rows - row < plan->tuning.rows ? rows - row : plan->tuning.rows;
            octavo_tile_list runs = octavo_tile_list_of(plan, &part, rows_first + row, count);
            uint32_t partials = octavo_cut_list(builder, &part, &runs, tile, partial);
            write_tile(builder->words + list->tile_offset + tile * OCTAVO_QUERY_TILE_WORDS, sequence, rows_first + row,
                       count, partial, partials);
            partial += kept_partials(plan, partials);
        }
        builder->tile_base += octavo_part_tiles(&part);
        ++sequence;
    }
}

/* The record of a sequence for shares of its own tokens, which are those from `position` on: a ring of just so many
 * rows, behind no others. */
static void see_own_tokens(octavo_sequence_record *record) {
    record->packed_begin = record->packed_end = (uint32_t)record->position;
    record->window_first = record->window_base = 0u;
    record->window_ring = record->key_count - (uint32_t)record->position;
}

/* Copies to each share, whose first four words are there, what it names; those from first_own on are of own tokens. */
static void complete_shares(const octavo_worklist *list, uint32_t first_own, uint32_t *words) {
    _Static_assert(sizeof(octavo_share) == 4u * OCTAVO_SHARE_WORDS, "a share is 32 words");
    _Static_assert(sizeof(octavo_query_tile) == 4u * OCTAVO_QUERY_TILE_WORDS, "a query tile is 5 words");
    for (uint32_t i = 0; i < list->share_count; ++i) {
        uint32_t *at = words + list->share_offset + OCTAVO_SHARE_WORDS * i;
        octavo_share share = {.tile_index = at[0], .partial = at[1], .range_first = at[2], .range_count = at[3]};
        memcpy(&share.tile, words + list->tile_offset + share.tile_index * OCTAVO_QUERY_TILE_WORDS, sizeof share.tile);
        memcpy(&share.sequence,
               words + list->sequence_offset + share.tile.sequence * (sizeof share.sequence / sizeof *words),
               sizeof share.sequence);
        if (i >= first_own) see_own_tokens(&share.sequence);
        for (uint32_t r = share.range_count; r > 0u; --r) {
            octavo_tile_range range;
            memcpy(&range, words + list->range_offset + (share.range_first + r - 1u) * (sizeof range / sizeof *words),
                   sizeof range);
            if (range.kind == OCTAVO_RUN_WINDOW) {
                share.window_first = range.first;
                share.window_count = range.count;
                share.window_pages = range.pages;
                share.window_ranges += 1u;
            } else {
                share.range = range;
                share.page = words[range.pages];
                share.tile_count += range.count;
            }
        }
        memcpy(at, &share, sizeof share);
    }
}

static void write_sinks(const octavo_attention *plan, const octavo_attention_run *run, const octavo_worklist *list,
                        uint32_t *words) {
    for (uint32_t h = 0; run->sink_logits != NULL && h < plan->info.query_head_count; ++h) {
        union {
            float value;
            uint32_t bits;
        } sink = {run->sink_logits[h]};
        words[list->sink_offset + h] = sink.bits;
    }
}

void octavo_worklist_write(const octavo_attention *plan, const octavo_attention_run *run,
                           const octavo_attention_slice *slice, const octavo_worklist *list, uint32_t *words) {
    uint32_t segment_count = plan->cut_count, shares = 0u, groups = 0u;
    if (segment_count > 1u) {
        /* how many shares and workgroups each segment has tells where they start */
        slice_totals totals;
        count_slice(plan, run, slice, list->chunk, &totals);
    }
    for (uint32_t i = 0; i < segment_count; ++i) {
        octavo_segment_cut count = plan->cuts[i];
        plan->cuts[i] = (octavo_segment_cut){shares, groups, 0u};
        shares += count.shares;
        groups += count.groups;
    }
    uint32_t pool_segments = plan->cache->segment_count;
    uint32_t first_own = plan->own.segment_count > 0u && plan->expanded_capacity == 0u
                             ? plan->cuts[pool_segments].shares
                             : list->share_count;
    words[list->group_offset + list->group_count] = list->share_count;
    octavo_list_builder builder = {.plan = plan, .run = run, .list = list, .words = words, .chunk = list->chunk};
    for (uint32_t i = 0; i < list->share_offset; ++i) words[i] = 0u;
    write_parts(&builder, slice);
    complete_shares(list, first_own, words);
    if (plan->expanded_capacity > 0u) (void)octavo_expanded_tiles_of(plan, run, slice, list, words);
    write_sinks(plan, run, list, words);
}

/* --- renewing ------------------------------------------------------------------------------------------------------
 */

/* Whether they differ in nothing but what a codec says of the sequence's layer. */
static bool is_repeated(octavo_sequence_record record, octavo_sequence_record before) {
    before.seed = record.seed;
    before.record = record.record;
    before.record_flags = record.record_flags;
    return memcmp(&record, &before, sizeof record) == 0;
}

/* Behind the lists: the segment of each page, in their order. A pool of one has nothing to remember. */
bool octavo_worklist_keep(const octavo_attention *plan, const octavo_attention_run *run,
                          const octavo_attention_slice *slice, const octavo_worklist *list, uint32_t *words) {
    if (plan->expanded_capacity > 0u || plan->own.segment_count > 0u) return false;
    octavo_status status = OCTAVO_SUCCESS;
    octavo_slice_iterator it = {0};
    octavo_slice_part part;
    uint32_t *segments = words + list->word_count;
    while (plan->cut_count > 1u && octavo_slice_next(plan, run, slice, &it, &part, &status)) {
        const uint32_t pages = octavo_view_pages(&part.view), count = listed_pages(plan, &part);
        for (uint32_t i = 0; i < count; ++i) *segments++ = listed_page(plan, run, &part.view, pages, i).segment;
    }
    return status == OCTAVO_SUCCESS;
}

bool octavo_worklist_renew(const octavo_attention *plan, const octavo_attention_run *run,
                           const octavo_attention_slice *slice, const octavo_worklist *list, uint32_t *words) {
    if ((run->sink_logits != NULL) != (list->sink_offset != 0u)) return false;
    octavo_status status = OCTAVO_SUCCESS;
    octavo_slice_iterator it = {0};
    octavo_slice_part part;
    uint32_t sequences = 0u, page_at = list->page_offset;
    const uint32_t *segments = words + list->word_count;
    while (octavo_slice_next(plan, run, slice, &it, &part, &status)) {
        if (sequences == list->sequence_count) return false;
        octavo_sequence_record record = sequence_record(plan, run, slice, &part), before;
        uint32_t *at = words + list->sequence_offset + sequences * (sizeof record / 4u);
        memcpy(&before, at, sizeof before);
        if (!is_repeated(record, before)) return false;
        memcpy(at, &record, sizeof record);
        const uint32_t pages = octavo_view_pages(&part.view), count = listed_pages(plan, &part);
        for (uint32_t i = 0; i < count; ++i, ++page_at) {
            octavo_page_place place = listed_page(plan, run, &part.view, pages, i);
            if (plan->cut_count > 1u && place.segment != *segments++) return false;
            words[page_at] = place.page;
        }
        ++sequences;
    }
    if (status != OCTAVO_SUCCESS || sequences != list->sequence_count) return false;
    complete_shares(list, list->share_count, words);
    write_sinks(plan, run, list, words);
    return true;
}
