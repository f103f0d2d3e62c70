/* The lists that the walk reads, against what the mask, the bookkeeping of the cache and the contract of
 * octavo_records.h say, key by key, for random batches. */
#include "attention/attention_worklist.h"
#include "cache_without_device.h"
#include "run_tests.h"
#include "seen_tiles.h"

#include <string.h>

#define TILES_MAX SEEN_TILES_MAX
#define LENGTH_MAX SEEN_TOKENS_MAX
#define GUARD_WORDS 8u
#define GUARD 0xdeadbeefu
#define UNSET UINT32_MAX
#define CUTS_MAX 64u /* segments, and guards after them */
#define CUT_GUARD 0xa5a5a5a5u

typedef struct problem {
    uint64_t seed;
    uint32_t round;
    lived_in_cache lived;
    octavo_attention plan;
    octavo_attention_run run;
    octavo_sequence sequences[CACHE_WITHOUT_DEVICE_SEQUENCES];
    uint32_t query_counts[CACHE_WITHOUT_DEVICE_SEQUENCES];
    float sinks[1024];
    uint32_t tokens;
    octavo_segment_cut cuts[CUTS_MAX];
    /* what the rounds reached */
    uint32_t slices, shares, groups, multiple_shares, window_shares, full_tiles, empty_tiles;
    uint32_t joined_groups, crossing_groups; /* of several lists, of several sequences */
} problem;

static problem the_problem;

#define EXPECT(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition)) fail_at(x, __LINE__, #condition);                                                            \
    } while (0)

static void fail_at(const problem *x, int line, const char *condition) {
    const octavo_attention *plan = &x->plan;
    ck_abort_msg(
        "seed %llu round %u line %d: %s\n  group %u rows %u workgroups %u slice_work %llu capacity %u "
        "segments %u heads %u window %u/%u/%u causal %d window %u sink %u prefix %u empty %d",
        (unsigned long long)x->seed, x->round, line, condition, plan->group, plan->tuning.rows, plan->tuning.workgroups,
        (unsigned long long)plan->tuning.slice_work, plan->partial_capacity, plan->cache->segment_count,
        plan->cache->layout.kv_heads, plan->cache->info.first_tokens, plan->cache->info.recent_tokens,
        plan->cache->info.slack_tokens, (int)plan->rule.causal, plan->rule.window, plan->rule.sink, plan->rule.prefix,
        (int)plan->info.empty_row);
}

/* --- drawing ---------------------------------------------------------------------------------------------------------
 */

static uint32_t pick(rng *generator, const uint32_t *values, uint32_t count) {
    return values[rng_below(generator, count)];
}

static uint32_t sometimes(rng *generator, uint32_t high) {
    return rng_below(generator, 2u) != 0u ? 0u : rng_log_between(generator, 1u, high);
}

static void draw_cache(problem *x, rng *generator) {
    static const uint32_t heads[] = {1, 2, 3, 4, 8}, dims[] = {32, 64, 80, 128, 256}, bits[] = {2, 3, 3, 4, 16};
    cache_without_device_info info = {0};
    info.layer_count = rng_between(generator, 1u, 3u);
    info.kv_heads = pick(generator, heads, 5u);
    info.key_dim = pick(generator, dims, 5u);
    info.value_dim = pick(generator, dims, 5u);
    info.key_bits = pick(generator, bits, 5u);
    info.value_bits = pick(generator, bits, 5u);
    info.sequence_capacity = rng_between(generator, 1u, CACHE_WITHOUT_DEVICE_SEQUENCES);
    info.first_tokens = sometimes(generator, 128u);
    info.recent_tokens = sometimes(generator, 300u);
    info.slack_tokens = sometimes(generator, 100u);
    info.slot_count = rng_below(generator, 4u) == 0u ? 60u : 800u;
    uint32_t pages = info.slot_count * info.layer_count;
    if (rng_below(generator, 2u) == 0u) info.pages_per_segment = pages / rng_between(generator, 2u, 25u);
    lived_in_cache_make(&x->lived, &info, rng_below(generator, 2u) == 0u ? LENGTH_MAX : 600u, generator);
    for (uint32_t layer = 0; layer < info.layer_count; ++layer) {
        octavo_layer_codec *codec = octavo_cache_codec(x->lived.cache, 0u, layer);
        if (rng_below(generator, 2u) == 0u) codec->mean = x->sinks; /* only whether there is one counts */
        if (rng_below(generator, 2u) == 0u) codec->transform = x->sinks;
    }
}

static const octavo_kernel_variant walk_of_packed_pages = {.name = "test"};

/* The words of cuts that no list may touch keep their guards; what the others hold before a call says nothing. */
static void set_cuts(problem *x) {
    ck_assert_uint_lt(x->plan.cache->segment_count, CUTS_MAX);
    memset(x->cuts, (int)(CUT_GUARD & 0xffu), sizeof x->cuts);
    x->plan.cuts = x->cuts;
    x->plan.cut_count = x->plan.cache->segment_count;
    x->plan.share_capacity = UINT32_MAX;
    x->plan.variant = &walk_of_packed_pages;
}

static void draw_plan(problem *x, rng *generator) {
    static const uint32_t groups[] = {1, 1, 2, 3, 4, 5, 7, 8, 12, 64}, rows[] = {1, 2, 4, 8, 16};
    octavo_attention *plan = &x->plan;
    octavo_cache *cache = x->lived.cache;
    memset(plan, 0, sizeof *plan);
    plan->cache = cache;
    plan->group = pick(generator, groups, 10u);
    plan->info.query_head_count = plan->group * cache->layout.kv_heads;
    plan->info.empty_row = (octavo_empty_row)rng_below(generator, 3u);
    plan->rule.causal = rng_below(generator, 3u) != 0u;
    plan->rule.window = sometimes(generator, 2000u);
    plan->rule.sink = sometimes(generator, 400u);
    plan->rule.prefix = sometimes(generator, 600u);
    plan->tuning.rows = pick(generator, rows, 5u);
    plan->tuning.workgroups = rng_log_between(generator, 1u, 2000u);
    plan->tuning.slice_work = UINT64_C(1) << rng_between(generator, 8u, 33u);
    plan->tuning.tiles_max = sometimes(generator, 40u);
    plan->tuning.one_share = rng_below(generator, 16u) == 0u;
    plan->tuning.share_cost = sometimes(generator, 20u);
    plan->tuning.free_windows = rng_below(generator, 2u) == 0u;
    /* What a plan has at least: see create_scratch of attention_plan.c. */
    set_cuts(x);
    uint32_t token_tiles = (plan->group + plan->tuning.rows - 1u) / plan->tuning.rows;
    uint32_t least = token_tiles * (2u * cache->segment_count + 1u);
    plan->partial_capacity = rng_below(generator, 2u) == 0u ? UINT32_MAX : least + sometimes(generator, 4000u);
    plan->slice_tokens = rng_below(generator, 2u) == 0u ? UINT32_MAX : rng_log_between(generator, 1u, 400u);
}

/* Sequences in another order than in the cache, some of them left out. */
static void draw_run(problem *x, rng *generator) {
    octavo_attention_run *run = &x->run;
    memset(run, 0, sizeof *run);
    run->struct_size = sizeof *run;
    run->layer = rng_below(generator, x->lived.cache->info.layer_count);
    run->sequences = x->sequences;
    run->query_counts = x->query_counts;
    run->sink_logits = rng_below(generator, 3u) == 0u ? x->sinks : NULL;
    for (uint32_t h = 0; h < x->plan.info.query_head_count; ++h) x->sinks[h] = (float)h - 3.25f;
    uint32_t turn = rng_below(generator, x->lived.count), work = 0u;
    x->tokens = 0u;
    for (uint32_t i = 0; i < x->lived.count; ++i) {
        if (rng_below(generator, 6u) == 0u) continue;
        octavo_sequence sequence = x->lived.sequences[(i + turn) % x->lived.count];
        octavo_cache_view view;
        ck_assert_uint_eq(octavo_cache_table_view(x->lived.cache->table, sequence, run->layer, &view), OCTAVO_SUCCESS);
        uint32_t most = rng_below(generator, 2u) == 0u ? 16u : 300u;
        uint32_t count = rng_below(generator, 8u) == 0u ? 0u : rng_log_between(generator, 1u, most);
        /* (position, key) pairs that are looked at */
        while (count > 1u && (work + count * (view.length + 100u) > 400000u || count * x->plan.group > 3000u)) {
            count /= 2u;
        }
        work += count * view.length;
        x->sequences[run->sequence_count] = sequence;
        x->query_counts[run->sequence_count++] = count;
        x->tokens += count;
    }
}

/* --- a slice ---------------------------------------------------------------------------------------------------------
 */

typedef struct slice_reader {
    const octavo_worklist *list;
    const uint32_t *words;
    uint32_t *share_segment; /* [share] */
    uint32_t
        *share_work; /* [share], of a workgroup's chunk: KV tiles; an empty list is one, and a window that joins none */
    uint32_t *share_of_partial;      /* [partial] */
    uint8_t *range_used;             /* [range] */
    uint32_t window_base, page_base; /* of the sequence */
    uint64_t work;                   /* of all lists, uncut: KV tiles and windows */
    uint32_t empty_lists;
} slice_reader;

static const uint32_t *share_at(const slice_reader *reader, uint32_t share) {
    return reader->words + reader->list->share_offset + OCTAVO_SHARE_WORDS * share;
}

static const uint32_t *tile_at(const slice_reader *reader, uint32_t tile) {
    return reader->words + reader->list->tile_offset + OCTAVO_QUERY_TILE_WORDS * tile;
}

static const uint32_t *record_at(const slice_reader *reader, uint32_t record) {
    return reader->words + reader->list->sequence_offset + 12u * record;
}

static octavo_tile_range range_at(const slice_reader *reader, uint32_t index) {
    const uint32_t *words = reader->words + reader->list->range_offset + 4u * index;
    return (octavo_tile_range){words[0], words[1], words[2], words[3]};
}

/* What a share carries is what it names. */
static void check_copies(const problem *x, const slice_reader *reader, uint32_t share) {
    const uint32_t *at = share_at(reader, share), *tile = tile_at(reader, at[0]);
    octavo_share copy;
    _Static_assert(sizeof copy == 4u * OCTAVO_SHARE_WORDS, "a share is 32 words");
    memcpy(&copy, at, sizeof copy);
    octavo_tile_range first = {0u, 0u, 0u, 0u}, window = {0u, 0u, OCTAVO_RUN_WINDOW, 0u};
    uint32_t tiles = 0u, windows = 0u;
    for (uint32_t r = 0; r < copy.range_count; ++r) {
        octavo_tile_range range = range_at(reader, copy.range_first + r);
        if (range.kind == OCTAVO_RUN_WINDOW) {
            if (windows++ == 0u) window = range;
            continue;
        }
        EXPECT(windows == 0u);
        if (tiles == 0u) first = range;
        tiles += range.count;
    }
    EXPECT(memcmp(&copy.tile, tile, sizeof copy.tile) == 0);
    EXPECT(memcmp(&copy.sequence, record_at(reader, tile[0]), sizeof copy.sequence) == 0);
    EXPECT(memcmp(&copy.range, &first, sizeof first) == 0);
    EXPECT(copy.tile_count == tiles && copy.page == (tiles > 0u ? reader->words[first.pages] : 0u));
    const octavo_tile_range copied = {copy.window_first, copy.window_count, OCTAVO_RUN_WINDOW, copy.window_pages};
    EXPECT(memcmp(&copied, &window, sizeof window) == 0);
    EXPECT(copy.window_ranges == windows && copy.reserved == 0u);
}

/* The token that window token n is, and its place: the twin of window_word in the walk. */
static octavo_page_place window_place(const octavo_cache *cache, const octavo_cache_view *view, uint32_t layer,
                                      uint32_t n, uint32_t *page_index) {
    const octavo_cache_info *info = &cache->info;
    uint32_t token = n < view->packed_begin ? n : view->packed_end + (n - view->packed_begin);
    uint32_t row =
        token < info->first_tokens ? token : info->first_tokens + token % (info->recent_tokens + info->slack_tokens);
    *page_index = row / cache->layout.window_rows_per_page;
    return octavo_cache_page_place(cache, view->window_slots[*page_index], layer);
}

/* Counts what a share covers, which is of one segment, and what that is to a workgroup. */
static void read_share(problem *x, slice_reader *reader, const octavo_cache_view *view, const seen_tiles *seen,
                       uint32_t share, uint8_t *tiles, uint8_t *windows) {
    const octavo_cache *cache = x->plan.cache;
    const octavo_worklist *list = reader->list;
    const uint32_t *at = share_at(reader, share);
    uint32_t segment = reader->share_segment[share], tile_count = 0u, window_count = 0u;
    uint32_t window_tokens = view->packed_begin + (view->length - view->packed_end);
    EXPECT(at[2] <= list->range_count && at[3] <= list->range_count - at[2]);
    for (uint32_t r = at[2]; r < at[2] + at[3]; ++r) {
        octavo_tile_range range = range_at(reader, r);
        EXPECT(range.count > 0u && reader->range_used[r] == 0u);
        reader->range_used[r] = 1u;
        if (range.kind == OCTAVO_RUN_WINDOW) {
            window_count += 1u;
            EXPECT(range.first + range.count <= window_tokens && range.pages == reader->window_base);
            for (uint32_t n = range.first; n < range.first + range.count; ++n) {
                uint32_t page_index;
                octavo_page_place place = window_place(cache, view, x->run.layer, n, &page_index);
                EXPECT(place.segment == segment && reader->words[range.pages + page_index] == place.page);
                EXPECT(windows[n]++ == 0u);
            }
            continue;
        }
        EXPECT(range.kind == OCTAVO_RUN_FULL || range.kind == OCTAVO_RUN_EDGE);
        EXPECT(range.first + range.count <= (view->length + 127u) / 128u);
        EXPECT(range.pages == reader->page_base + range.first);
        for (uint32_t t = range.first; t < range.first + range.count; ++t) {
            octavo_page_place place = octavo_cache_page_place(cache, view->slots[t], x->run.layer);
            EXPECT(place.segment == segment && reader->words[range.pages + t - range.first] == place.page);
            EXPECT(tiles[t]++ == 0u);
            if (range.kind == OCTAVO_RUN_FULL) EXPECT(seen->all[t]);
            if (range.kind == OCTAVO_RUN_FULL) x->full_tiles += 1u;
        }
        tile_count += range.count;
    }
    check_copies(x, reader, share);
    x->window_shares += tile_count == 0u && window_count > 0u ? 1u : 0u;
    bool joins = x->plan.tuning.free_windows; /* a window is part of what a share costs */
    reader->share_work[share] =
        at[3] == 0u || (joins && tile_count == 0u) ? 1u : tile_count + (joins ? 0u : window_count);
}

/* The shares of query tile `tile`; returns their number. */
static uint32_t check_tile(problem *x, slice_reader *reader, const octavo_cache_view *view, const seen_tiles *seen,
                           uint32_t tile) {
    static uint8_t tiles[TILES_MAX], windows[LENGTH_MAX + 1u];
    const uint32_t *at = tile_at(reader, tile);
    uint32_t window_tokens = view->packed_begin + (view->length - view->packed_end);
    uint32_t segment = 0u, empty_shares = 0u, work = 0u;
    memset(tiles, 0, sizeof tiles);
    memset(windows, 0, window_tokens);
    EXPECT(at[4] > 0u);
    for (uint32_t p = at[3]; p < at[3] + at[4]; ++p) {
        uint32_t share = reader->share_of_partial[p];
        EXPECT(share != UNSET && share_at(reader, share)[0] == tile);
        EXPECT(reader->share_segment[share] >= segment);
        segment = reader->share_segment[share];
        empty_shares += share_at(reader, share)[3] == 0u ? 1u : 0u;
        read_share(x, reader, view, seen, share, tiles, windows);
    }
    for (uint32_t t = 0; t < TILES_MAX; ++t) {
        EXPECT((tiles[t] != 0u) == seen->any[t]);
        work += seen->any[t] ? 1u : 0u;
    }
    if (window_tokens > 0u && (work == 0u || !x->plan.tuning.free_windows)) work += 1u;
    for (uint32_t n = 0; n < window_tokens; ++n) EXPECT(windows[n] == 1u);
    /* a list without anything has one share that says so, in the first segment; no other is empty */
    EXPECT(empty_shares == (work == 0u ? 1u : 0u));
    EXPECT(work > 0u || (at[4] == 1u && segment == 0u));
    reader->work += work;
    reader->empty_lists += empty_shares;
    x->multiple_shares += at[4] > 1u ? 1u : 0u;
    x->empty_tiles += empty_shares;
    return at[4];
}

static void check_record(problem *x, const uint32_t *at, const octavo_cache_view *view, uint32_t sequence,
                         uint32_t call_token, uint32_t slice_first) {
    octavo_sequence_record record;
    memcpy(&record, at, sizeof record);
    const octavo_cache_info *info = &x->plan.cache->info;
    EXPECT(record.key_count == view->length);
    EXPECT(record.position == (int32_t)view->length - (int32_t)x->query_counts[sequence]);
    EXPECT(record.row_base == (call_token - slice_first) * x->plan.group && record.token_base == call_token);
    EXPECT(record.packed_begin == view->packed_begin && record.packed_end == view->packed_end);
    EXPECT(record.window_first == view->packed_begin && record.window_base == info->first_tokens);
    EXPECT(record.window_ring == (info->recent_tokens != 0u ? info->recent_tokens + info->slack_tokens : 1u));
    EXPECT(record.seed == x->run.layer + 1u);
    const octavo_cache *cache = x->plan.cache;
    const octavo_layer_codec *codec = &cache->codecs[x->run.layer]; /* of record 0, the only one */
    EXPECT(record.record == x->run.layer * (uint32_t)(cache->record_bytes / 4u));
    uint32_t flags = (codec->mean != NULL ? OCTAVO_ROTATE_HAS_MEAN : 0u) |
                     (codec->transform != NULL ? OCTAVO_ROTATE_HAS_TRANSFORM : 0u);
    EXPECT(record.record_flags == (info->key_bits == 16u ? OCTAVO_ROTATE_RAW : flags));
}

static void check_slice(problem *x, const octavo_attention_slice *slice, slice_reader *reader) {
    const octavo_attention *plan = &x->plan;
    const octavo_worklist *list = reader->list;
    static seen_tiles seen;
    uint32_t record = 0u, tile = 0u, partial = 0u, page = list->page_offset, call_token = 0u;
    uint32_t end = slice->token_first + slice->token_count;
    for (uint32_t s = 0; s < x->run.sequence_count; call_token += x->query_counts[s++]) {
        uint32_t first = call_token > slice->token_first ? call_token : slice->token_first;
        uint32_t last = call_token + x->query_counts[s] < end ? call_token + x->query_counts[s] : end;
        if (first >= last) continue;
        octavo_cache_view view;
        EXPECT(octavo_cache_table_view(plan->cache->table, x->sequences[s], x->run.layer, &view) == OCTAVO_SUCCESS);
        check_record(x, record_at(reader, record), &view, s, call_token, slice->token_first);
        reader->page_base = page;
        reader->window_base = page + (view.length + 127u) / 128u;
        uint32_t row = (first - call_token) * plan->group, row_end = (last - call_token) * plan->group;
        seen.p_first = seen.p_last = INT64_MAX;
        for (; row < row_end; ++tile) {
            const uint32_t *at = tile_at(reader, tile);
            EXPECT(tile < list->tile_count && at[0] == record && at[1] == row && at[2] > 0u && at[3] == partial);
            EXPECT(at[2] <= plan->tuning.rows && row + at[2] <= row_end);
            EXPECT(at[2] == plan->tuning.rows || row + at[2] == row_end);
            int64_t p = (int64_t)view.length - (int64_t)x->query_counts[s];
            int64_t p_first = p + row / plan->group, p_last = p + (row + at[2] - 1u) / plan->group;
            if (p_first != seen.p_first || p_last != seen.p_last)
                seen_tiles_look(&plan->rule, plan->info.empty_row != OCTAVO_EMPTY_ROW_ZERO, &view, p_first, p_last,
                                &seen);
            EXPECT(at[3] + at[4] <= list->partial_count);
            partial += check_tile(x, reader, &view, &seen, tile);
            row += at[2];
        }
        octavo_cache_table_info table = {0};
        table.first_tokens = plan->cache->info.first_tokens;
        table.recent_tokens = plan->cache->info.recent_tokens;
        table.slack_tokens = plan->cache->info.slack_tokens;
        table.window_rows_per_page = plan->cache->layout.window_rows_per_page;
        page = reader->window_base + octavo_cache_window_slots(&table);
        record += 1u;
    }
    EXPECT(record == list->sequence_count && tile == list->tile_count && partial == list->partial_count);
    EXPECT(page == list->page_offset + list->page_count);
    for (uint32_t r = 0; r < list->range_count; ++r) EXPECT(reader->range_used[r] == 1u);
}

static void *some(uint32_t count, size_t size) {
    void *memory = calloc((size_t)count + 1u, size);
    ck_assert_ptr_nonnull(memory);
    return memory;
}

static void claim(const problem *x, const octavo_worklist *list, uint8_t *owners, uint32_t offset, uint32_t count) {
    EXPECT(offset > 0u && offset <= list->word_count && count <= list->word_count - offset);
    for (uint32_t i = offset; i < offset + count; ++i) EXPECT(owners[i]++ == 0u);
}

/* The lists lie beside each other, and nothing else is there but what keeps word 0 free and aligns the first. */
static void check_places(const problem *x, const octavo_worklist *list) {
    uint8_t *owners = some(list->word_count, 1u);
    uint32_t sinks = list->sink_offset != 0u ? x->plan.info.query_head_count : 0u, unused = 0u;
    claim(x, list, owners, list->share_offset, OCTAVO_SHARE_WORDS * list->share_count);
    claim(x, list, owners, list->sequence_offset, 12u * list->sequence_count);
    claim(x, list, owners, list->tile_offset, OCTAVO_QUERY_TILE_WORDS * list->tile_count);
    claim(x, list, owners, list->range_offset, 4u * list->range_count);
    claim(x, list, owners, list->group_offset, list->group_count + 1u);
    claim(x, list, owners, list->page_offset, list->page_count);
    if (sinks > 0u) claim(x, list, owners, list->sink_offset, sinks);
    for (uint32_t i = 0; i < list->word_count; ++i) unused += owners[i] == 0u ? 1u : 0u;
    EXPECT(unused <= 4u && owners[0] == 0u);
    EXPECT(list->share_offset % 4u == 0u); /* shares may be read as vectors of four words */
    free(owners);
}

/* Workgroups in the order of segments, each the shares first[i] .. first[i + 1] - 1; tells the segment of each share.
 */
static void read_groups(const problem *x, const slice_reader *reader) {
    const octavo_worklist *list = reader->list;
    const uint32_t *first = reader->words + list->group_offset;
    uint32_t group = 0u, share = 0u;
    EXPECT(list->group_count > 0u && first[0] == 0u);
    for (uint32_t segment = 0; segment < x->plan.cache->segment_count; ++segment) {
        uint32_t end = x->cuts[segment].groups;
        EXPECT(end >= group && end <= list->group_count);
        for (; group < end; ++group) {
            EXPECT(first[group] == share && first[group + 1u] > share && first[group + 1u] <= list->share_count);
            for (; share < first[group + 1u]; ++share) reader->share_segment[share] = segment;
        }
        EXPECT(x->cuts[segment].shares == share);
    }
    EXPECT(group == list->group_count && share == list->share_count && first[group] == share);
    for (const octavo_segment_cut *cut = x->cuts + x->plan.cache->segment_count; cut < x->cuts + CUTS_MAX; ++cut) {
        EXPECT(cut->shares == CUT_GUARD && cut->groups == CUT_GUARD && cut->room == CUT_GUARD);
    }
}

/* Each workgroup of a segment is full, as far as another share would fit, but the last, and takes the lists in their
 * order. */
static void check_groups(problem *x, const slice_reader *reader) {
    const octavo_worklist *list = reader->list;
    const uint32_t *first = reader->words + list->group_offset;
    for (uint32_t group = 0; group < list->group_count; ++group) {
        uint32_t segment = reader->share_segment[first[group]];
        bool is_last = group + 1u == list->group_count || reader->share_segment[first[group + 1u]] != segment,
             crosses = false;
        uint64_t work = 0u, cost = x->plan.tuning.share_cost;
        for (uint32_t share = first[group]; share < first[group + 1u]; ++share) {
            const uint32_t *at = share_at(reader, share);
            work += cost + reader->share_work[share];
            bool has_next = share + 1u < list->share_count && reader->share_segment[share + 1u] == segment;
            if (has_next) EXPECT(at[1] < share_at(reader, share + 1u)[1]); /* partial results: tile by tile */
            if (share == first[group]) continue;
            const uint32_t *before = share_at(reader, share - 1u);
            EXPECT(before[0] < at[0]); /* one share of a list in a workgroup */
            crosses = crosses || tile_at(reader, before[0])[0] != tile_at(reader, at[0])[0];
        }
        /* where tiles are bounded a workgroup walks one share */
        if (x->plan.tuning.one_share) EXPECT(first[group + 1u] - first[group] == 1u);
        uint64_t most = list->chunk > cost ? list->chunk : cost + 1u; /* one tile in any case */
        EXPECT(work <= most && (is_last || x->plan.tuning.one_share || work + cost >= most));
        x->joined_groups += first[group + 1u] - first[group] > 1u ? 1u : 0u;
        x->crossing_groups += crosses ? 1u : 0u;
    }
}

/* As many workgroups as run at once share the work, unless one would outlast a dispatch's budget. */
static void check_chunk(const problem *x, const octavo_attention_slice *slice, const slice_reader *reader) {
    const octavo_attention *plan = &x->plan;
    const octavo_worklist *list = reader->list;
    uint64_t heads = plan->cache->layout.kv_heads, tile_work = plan->tuning.rows * 128u * heads;
    uint64_t wanted = plan->tuning.workgroups / heads, budget = plan->tuning.slice_work / tile_work;
    if (wanted == 0u) wanted = 1u;
    if (plan->tuning.tiles_max != 0u && plan->tuning.tiles_max < budget) budget = plan->tuning.tiles_max;
    if (budget == 0u) budget = 1u; /* a KV tile cannot be cut */
    uint64_t costs = plan->tuning.share_cost * (list->tile_count + wanted - 1u);
    uint64_t fair = (reader->work + costs + wanted - 1u) / wanted;
    if (fair == 0u) fair = 1u;
    EXPECT(list->chunk >= (fair < budget ? fair : budget));
    /* scratch memory may hold no more partial results; then a single token has no smaller slice */
    bool is_limited = plan->partial_capacity != UINT32_MAX;
    EXPECT(is_limited || list->chunk == (fair < budget ? fair : budget));
    EXPECT(list->chunk <= budget || (is_limited && slice->token_count == 1u));
    bool is_simple = plan->cache->segment_count == 1u && reader->empty_lists == 0u && fair <= budget;
    EXPECT(!is_simple || plan->tuning.one_share || list->group_count <= wanted);
}

static void check_partials(const problem *x, const slice_reader *reader) {
    const octavo_worklist *list = reader->list;
    EXPECT(list->partial_count <= x->plan.partial_capacity && list->share_count == list->partial_count);
    for (uint32_t p = 0; p < list->partial_count; ++p) reader->share_of_partial[p] = UNSET;
    for (uint32_t share = 0; share < list->share_count; ++share) {
        const uint32_t *at = share_at(reader, share);
        EXPECT(at[0] < list->tile_count && at[1] < list->partial_count && reader->share_of_partial[at[1]] == UNSET);
        reader->share_of_partial[at[1]] = share;
    }
}

static void write_and_check(problem *x, const octavo_attention_slice *slice, const octavo_worklist *list) {
    uint32_t *words = some(list->word_count + 2u * GUARD_WORDS, sizeof *words);
    slice_reader reader = {.list = list, .words = words + GUARD_WORDS};
    reader.share_segment = some(list->share_count, sizeof *reader.share_segment);
    reader.share_work = some(list->share_count, sizeof *reader.share_work);
    reader.share_of_partial = some(list->partial_count, sizeof *reader.share_of_partial);
    reader.range_used = some(list->range_count, 1u);
    for (uint32_t i = 0; i < list->word_count + 2u * GUARD_WORDS; ++i) words[i] = GUARD;
    octavo_worklist_write(&x->plan, &x->run, slice, list, words + GUARD_WORDS);
    for (uint32_t i = 0; i < GUARD_WORDS; ++i) {
        EXPECT(words[i] == GUARD && words[GUARD_WORDS + list->word_count + i] == GUARD);
    }
    for (uint32_t i = 0; i < list->word_count; ++i) EXPECT(reader.words[i] != GUARD);
    EXPECT((list->sink_offset != 0u) == (x->run.sink_logits != NULL));
    check_places(x, list);
    for (uint32_t h = 0; list->sink_offset != 0u && h < x->plan.info.query_head_count; ++h) {
        EXPECT(memcmp(&reader.words[list->sink_offset + h], &x->sinks[h], 4u) == 0);
    }
    read_groups(x, &reader);
    check_partials(x, &reader);
    check_slice(x, slice, &reader);
    check_groups(x, &reader);
    check_chunk(x, slice, &reader);
    x->slices += 1u;
    x->shares += list->share_count;
    x->groups += list->group_count;
    free(words);
    free(reader.share_segment);
    free(reader.share_work);
    free(reader.share_of_partial);
    free(reader.range_used);
}

/* All slices of a call, each the largest that fits, as the recorder takes them. */
static void check_call(problem *x) {
    octavo_attention_slice slice;
    for (uint32_t token = 0; token < x->tokens; token += slice.token_count) {
        octavo_worklist list;
        octavo_status status;
        uint32_t left = x->tokens - token;
        slice = (octavo_attention_slice){token, left < x->plan.slice_tokens ? left : x->plan.slice_tokens};
        while ((status = octavo_worklist_measure(&x->plan, &x->run, &slice, &list)) == OCTAVO_OUT_OF_DEVICE_MEMORY &&
               slice.token_count > 1u) {
            slice.token_count /= 2u;
        }
        EXPECT(status == OCTAVO_SUCCESS); /* a single token always fits */
        write_and_check(x, &slice, &list);
    }
}

START_TEST(lists_cover_every_visible_key_once) {
    problem *x = &the_problem;
    rng generator;
    x->seed = rng_test_seed(20260u);
    rng_seed(&generator, x->seed);
    for (x->round = 0u; x->round < 1500u; ++x->round) {
        draw_cache(x, &generator);
        draw_plan(x, &generator);
        draw_run(x, &generator);
        check_call(x);
        cache_without_device_destroy(x->lived.cache);
    }
    /* the draw reaches what it is for */
    EXPECT(x->slices > x->round && x->multiple_shares > 1000u && x->window_shares > 100u);
    EXPECT(x->full_tiles > 1000u && x->empty_tiles > 100u);
    EXPECT(x->joined_groups > 500u && x->crossing_groups > 500u && x->groups < x->shares);
}
END_TEST

/* A sequence whose pages lie in two segments by turns: a share for each segment, not for each page. */
START_TEST(pages_by_turns_in_two_segments) {
    enum { HALF = 19, TOKENS = 2 * HALF * 128 };
    problem *x = &the_problem;
    memset(x, 0, sizeof *x);
    cache_without_device_info info = {1u, 2u, 64u, 64u, 3u, 3u, 2u * HALF, 2u * HALF, 0u, 0u, 0u, HALF, 0u, 0u};
    octavo_cache *cache = cache_without_device_create(&info);
    octavo_sequence small[2 * HALF];
    uint32_t count = 1u;
    for (uint32_t i = 0; i < 2u * HALF; ++i) {
        EXPECT(octavo_cache_table_sequence_create(cache->table, 0u, &small[i]) == OCTAVO_SUCCESS);
        EXPECT(cache_without_device_append(cache, 0u, 1u, &small[i], &count, NULL, NULL) == OCTAVO_SUCCESS);
    }
    for (uint32_t i = 0; i < 2u * HALF; ++i) {
        octavo_cache_table_sequence_destroy(cache->table, small[i / 2u + (i % 2u) * HALF]);
    }
    x->lived.cache = cache;
    x->plan.cache = cache;
    set_cuts(x);
    x->plan.group = 1u;
    x->plan.info.query_head_count = 2u;
    x->plan.rule.causal = true;
    x->plan.tuning.rows = 1u;
    x->plan.tuning.workgroups = 1000u;
    x->plan.tuning.slice_work = UINT64_C(1) << 33;
    x->plan.partial_capacity = 2u * 2u + 1u; /* what create_scratch has at least, for one token */
    x->plan.slice_tokens = UINT32_MAX;
    EXPECT(octavo_cache_table_sequence_create(cache->table, 0u, &x->sequences[0]) == OCTAVO_SUCCESS);
    count = TOKENS;
    EXPECT(cache_without_device_append(cache, 0u, 1u, x->sequences, &count, NULL, NULL) == OCTAVO_SUCCESS);
    octavo_cache_view view;
    EXPECT(octavo_cache_table_view(cache->table, x->sequences[0], 0u, &view) == OCTAVO_SUCCESS);
    for (uint32_t i = 1; i < 2u * HALF; ++i) EXPECT(view.slots[i] / HALF != view.slots[i - 1u] / HALF);
    x->query_counts[0] = x->tokens = 3u;
    x->run.sequence_count = 1u;
    x->run.sequences = x->sequences;
    x->run.query_counts = x->query_counts;
    check_call(x);
    EXPECT(x->slices >= 1u && x->multiple_shares == 3u);
    x->plan.partial_capacity = UINT32_MAX;
    for (x->plan.tuning.workgroups = 1u; x->plan.tuning.workgroups < 300u; ++x->plan.tuning.workgroups) check_call(x);
    cache_without_device_destroy(cache);
}
END_TEST

int main(void) {
    const TTest *tests[] = {lists_cover_every_visible_key_once, pages_by_turns_in_two_segments};
    return run_tests("attention_worklist", tests, sizeof tests / sizeof tests[0], 600.0);
}
