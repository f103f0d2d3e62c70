/* The tokens that queries bring: their rows are written where the lists of a walk, and the entries of expand.comp, look
 * for them, each token that a query tile may see once. Both are performed on plain arrays. */
#include "attention/append_entries.h"
#include "attention/attention_worklist.h"
#include "attention/expanded_tiles.h"
#include "cache_without_device.h"
#include "expect.h"
#include "run_tests.h"
#include "seen_tiles.h"

#include <stdlib.h>
#include <string.h>

#define SEQUENCES CACHE_WITHOUT_DEVICE_SEQUENCES
#define QUERIES_MAX 400u
#define PAGES_MAX 1024u
#define ROWS_MAX 256u
#define CUTS 4096u
#define UNSET UINT32_MAX
#define KINDS 2u

typedef struct problem {
    uint64_t seed;
    lived_in_cache lived;
    octavo_attention plan;
    octavo_attention_run run;
    octavo_segment_cut cuts[CUTS];
    uint32_t counts[SEQUENCES], cached[SEQUENCES], tokens;
    uint32_t entries[PAGES_MAX];        /* counts, of segments */
    uint32_t rows[PAGES_MAX][ROWS_MAX]; /* [page of all own segments][row]: token of the call */
    octavo_attention_slice slice;
    octavo_worklist list;
    uint32_t *words;
    uint64_t own_tokens, own_shares, joined, segments; /* what the rounds reached */
} problem;

static problem x;
static const octavo_kernel_variant walk_of_pages = {.name = "test"};
static const octavo_kernel_variant walk_of_operands = {.name = "test", .source = OCTAVO_KERNEL_PREFILL_MATRIX};

#define EXPECT(condition) expect_msg((condition), "seed %llu: %s", (unsigned long long)x.seed, #condition)

static uint32_t sometimes(rng *generator, uint32_t high) {
    return rng_below(generator, 2u) != 0u ? 0u : rng_log_between(generator, 1u, high);
}

/* --- drawing ---------------------------------------------------------------------------------------------------------
 */

static void draw_cache(rng *generator) {
    static const uint32_t bits[] = {2, 3, 4, 16};
    cache_without_device_info info = {0};
    info.layer_count = 1u;
    info.kv_heads = rng_between(generator, 1u, 3u);
    info.key_dim = info.value_dim = 64u;
    info.key_bits = bits[rng_below(generator, 4u)];
    info.value_bits = bits[rng_below(generator, 4u)];
    info.sequence_capacity = rng_between(generator, 1u, SEQUENCES);
    info.first_tokens = sometimes(generator, 128u);
    info.recent_tokens = sometimes(generator, 200u);
    info.slack_tokens = info.recent_tokens > 0u ? rng_below(generator, 50u) : 0u;
    info.slot_count = 400u;
    if (rng_below(generator, 2u) == 0u) info.pages_per_segment = rng_between(generator, 20u, 200u);
    lived_in_cache_make(&x.lived, &info, rng_below(generator, 4u) == 0u ? 1u : 700u, generator);
}

/* As octavo_own_rows_create, without buffers. */
static void draw_own(rng *generator) {
    octavo_own_rows *own = &x.plan.own;
    uint32_t pages = 0u;
    x.tokens = 0u;
    for (uint32_t i = 0; i < x.lived.count; ++i) {
        octavo_cache_view view;
        ck_assert_int_eq(octavo_cache_table_view(x.lived.cache->table, x.lived.sequences[i], 0u, &view),
                         OCTAVO_SUCCESS);
        x.cached[i] = view.length;
        x.counts[i] = rng_below(generator, 4u) == 0u ? 0u : rng_log_between(generator, 1u, QUERIES_MAX);
        x.tokens += x.counts[i];
        pages += octavo_own_pages(x.lived.cache, x.counts[i]);
    }
    EXPECT(pages <= PAGES_MAX && x.lived.cache->layout.window_rows_per_page <= ROWS_MAX);
    own->pages_per_segment = pages == 0u                      ? 1u
                             : rng_below(generator, 2u) == 0u ? pages
                                                              : rng_between(generator, 1u, pages);
    own->segment_count = pages == 0u ? 1u : (pages + own->pages_per_segment - 1u) / own->pages_per_segment;
    own->entries = x.entries;
    if (own->segment_count > x.segments) x.segments = own->segment_count;
}

static void draw_plan(rng *generator, bool expanded) {
    static const uint32_t groups[] = {1, 3, 4, 8}, rows[] = {1, 4, 8, 16}, operand_rows[] = {16, 32, 128};
    octavo_attention *plan = &x.plan;
    memset(plan, 0, sizeof *plan);
    plan->cache = x.lived.cache;
    plan->variant = expanded ? &walk_of_operands : &walk_of_pages;
    plan->group = groups[rng_below(generator, 4u)];
    plan->info.query_head_count = plan->group * plan->cache->layout.kv_heads;
    plan->info.empty_row = (octavo_empty_row)rng_below(generator, 3u);
    plan->rule.causal = rng_below(generator, 3u) != 0u;
    plan->rule.window = sometimes(generator, 500u);
    plan->rule.sink = sometimes(generator, 300u);
    plan->rule.prefix = sometimes(generator, 900u);
    plan->tuning.rows = expanded ? operand_rows[rng_below(generator, 3u)] : rows[rng_below(generator, 4u)];
    plan->tuning.workgroups = rng_log_between(generator, 1u, 500u);
    plan->tuning.slice_work = UINT64_C(1) << rng_between(generator, 14u, 33u);
    plan->tuning.share_cost = expanded ? 0u : sometimes(generator, 20u);
    plan->tuning.free_windows = plan->tuning.share_cost > 0u;
    plan->tuning.whole_lists = plan->tuning.one_share = expanded;
    plan->partial_capacity = plan->share_capacity = plan->slice_tokens = UINT32_MAX;
    draw_own(generator);
    plan->cuts = x.cuts;
    plan->cut_count = expanded ? CUTS : octavo_attention_segments(plan);
    plan->expanded_capacity = expanded ? rng_log_between(generator, 1u, 64u) : 0u;
    memset(&x.run, 0, sizeof x.run);
    x.run.sequence_count = x.lived.count;
    x.run.sequences = x.lived.sequences;
    x.run.query_counts = x.counts;
    x.run.own_keys.buffer = x.run.own_values.buffer = (VkBuffer)(uintptr_t)1;
}

/* --- writing rows: what append.comp does -----------------------------------------------------------------------------
 */

static void write_rows(void) {
    octavo_append_pages pages = {x.plan.cache, NULL, x.entries, x.plan.own.segment_count, x.plan.own.pages_per_segment,
                                 true};
    octavo_append_info info = {
        .sequence_count = x.run.sequence_count, .sequences = x.run.sequences, .token_counts = x.run.query_counts};
    octavo_append_records records = octavo_append_next_records(x.plan.cache, 0u);
    uint32_t total = octavo_append_count_entries(&pages, &info, &records), written = 0u, dispatches = 0u, at = 0u;
    octavo_append_needs needs = octavo_append_needs_of(&pages, &info, x.tokens);
    octavo_append_entry *entries = calloc(total + 1u, sizeof *entries);
    ck_assert_ptr_nonnull(entries);
    memset(x.rows, 0xff, sizeof x.rows);
    octavo_append_fill_entries(&pages, &info, &records, entries);
    for (uint32_t segment = 0; segment < pages.segment_count; ++segment) {
        dispatches += x.entries[segment] > 0u ? 1u : 0u;
        for (uint32_t i = 0; i < x.entries[segment]; ++i) {
            const octavo_append_entry *entry = &entries[at + i];
            EXPECT((entry->source & OCTAVO_APPEND_WINDOW) != 0u && entry->page < pages.pages_per_segment);
            EXPECT(entry->first + entry->count <= x.plan.cache->layout.window_rows_per_page);
            for (uint32_t n = 0; n < entry->count; ++n) {
                uint32_t *row = &x.rows[segment * pages.pages_per_segment + entry->page][entry->first + n];
                EXPECT(*row == UNSET);
                *row = (entry->source & ~OCTAVO_APPEND_WINDOW) + n;
                written += 1u;
            }
        }
        at += octavo_append_align_entries(x.entries[segment]);
    }
    EXPECT(written == x.tokens && total * sizeof *entries <= needs.bytes && dispatches <= needs.dispatches);
    free(entries);
}

static void make_lists(void) {
    x.slice = (octavo_attention_slice){0u, x.tokens};
    ck_assert_int_eq(octavo_worklist_measure(&x.plan, &x.run, &x.slice, &x.list), OCTAVO_SUCCESS);
    x.words = malloc(x.list.word_count * sizeof *x.words);
    ck_assert_ptr_nonnull(x.words);
    octavo_worklist_write(&x.plan, &x.run, &x.slice, &x.list, x.words);
}

static uint32_t sequence_of_token(uint32_t call_token, uint32_t *first) {
    uint32_t s = 0u, token = 0u;
    while (token + x.counts[s] <= call_token) token += x.counts[s++];
    *first = token;
    return s;
}

/* --- walks that read rows --------------------------------------------------------------------------------------------
 */

/* The twin of window_word: page and row of window token n of a share's range; its position goes to token. */
static uint32_t row_at(const octavo_share *share, const octavo_tile_range *range, uint32_t segment, uint32_t n,
                       uint32_t *token) {
    const octavo_sequence_record *record = &share->sequence;
    uint32_t rows_per_page = x.plan.cache->layout.window_rows_per_page;
    *token = n < record->window_first ? n : record->packed_end + n - record->window_first;
    uint32_t row = *token < record->window_base ? *token : record->window_base + *token % record->window_ring;
    uint32_t page = x.words[range->pages + row / rows_per_page];
    EXPECT(page < x.plan.own.pages_per_segment);
    return x.rows[segment * x.plan.own.pages_per_segment + page][row % rows_per_page];
}

/* covered: [own tokens of its sequence] */
static void read_own_share(const octavo_share *share, uint32_t segment, uint8_t *covered) {
    uint32_t first, s = sequence_of_token(share->sequence.token_base, &first);
    EXPECT(first == share->sequence.token_base && share->tile_count == 0u && share->range_count > 0u);
    EXPECT(share->sequence.key_count == x.cached[s] + x.counts[s]);
    EXPECT(share->sequence.position == (int32_t)x.cached[s]);
    for (uint32_t r = share->range_first; r < share->range_first + share->range_count; ++r) {
        octavo_tile_range range;
        memcpy(&range, x.words + x.list.range_offset + 4u * r, sizeof range);
        EXPECT(range.kind == OCTAVO_RUN_WINDOW && range.count > 0u && range.first + range.count <= x.counts[s]);
        for (uint32_t n = range.first; n < range.first + range.count; ++n) {
            uint32_t token, call_token = row_at(share, &range, segment, n, &token);
            EXPECT(token == x.cached[s] + n && call_token == first + n && covered[n]++ == 0u);
            x.own_tokens += 1u;
        }
    }
    x.own_shares += 1u;
}

/* Own tokens of the tiles of 128 with one that a row of the query tile sees, and no others. */
static void check_covered(const octavo_share *share, const uint8_t *covered) {
    static seen_tiles seen;
    octavo_cache_view view = {0};
    uint32_t first, s = sequence_of_token(share->sequence.token_base, &first), length = x.cached[s] + x.counts[s];
    view.length = view.packed_end = length;
    view.packed_begin = x.cached[s];
    int64_t p = (int64_t)x.cached[s] + share->tile.row_first / x.plan.group;
    int64_t p_last = (int64_t)x.cached[s] + (share->tile.row_first + share->tile.row_count - 1u) / x.plan.group;
    seen_tiles_look(&x.plan.rule, x.plan.info.empty_row != OCTAVO_EMPTY_ROW_ZERO, &view, p, p_last, &seen);
    for (uint32_t n = 0; n < x.counts[s]; ++n) EXPECT((covered[n] != 0u) == seen.any[(x.cached[s] + n) / 128u]);
}

START_TEST(walks_find_each_row) {
    static uint8_t covered[QUERIES_MAX];
    rng generator;
    rng_seed(&generator, rng_test_seed(77u));
    for (uint32_t round = 0; round < 300u; ++round) {
        x.seed = rng_next(&generator);
        rng own;
        rng_seed(&own, x.seed);
        draw_cache(&own);
        draw_plan(&own, false);
        if (x.tokens > 0u) {
            write_rows();
            make_lists();
            const uint32_t pool = x.plan.cache->segment_count;
            EXPECT(x.cuts[x.plan.cut_count - 1u].shares == x.list.share_count);
            for (uint32_t tile = 0; tile < x.list.tile_count; ++tile) {
                octavo_share share = {0};
                uint32_t index = x.cuts[pool - 1u].shares;
                memset(covered, 0, sizeof covered);
                for (uint32_t segment = 0; segment < x.plan.own.segment_count; ++segment) {
                    for (; index < x.cuts[pool + segment].shares; ++index) {
                        octavo_share here;
                        memcpy(&here, x.words + x.list.share_offset + OCTAVO_SHARE_WORDS * index, sizeof here);
                        if (here.tile_index != tile) continue;
                        share = here;
                        read_own_share(&share, segment, covered);
                    }
                }
                memcpy(&share.tile, x.words + x.list.tile_offset + OCTAVO_QUERY_TILE_WORDS * tile, sizeof share.tile);
                memcpy(&share.sequence, x.words + x.list.sequence_offset + 12u * share.tile.sequence,
                       sizeof share.sequence);
                check_covered(&share, covered);
            }
            free(x.words);
        }
        cache_without_device_destroy(x.lived.cache);
    }
    ck_assert_uint_gt(x.own_tokens, 10000u);
    ck_assert_uint_gt(x.own_shares, 1000u);
    ck_assert_uint_gt(x.segments, 5u);
}
END_TEST

/* --- walks of expanded tiles -----------------------------------------------------------------------------------------
 */

#define OF_CODES (UINT32_MAX - 1u)
static uint32_t made[64][OCTAVO_PAGE_TOKENS]; /* token of the call, OF_CODES (or rows of the cache's), UNSET */

static void make_tiles(uint32_t window) {
    uint32_t segments = octavo_attention_segments(&x.plan), pool = x.plan.cache->segment_count;
    const uint32_t *starts = x.words + x.list.expand_group_offset;
    memset(made, 0xff, sizeof made);
    for (uint32_t group = window * KINDS * segments; group < (window + 1u) * KINDS * segments; ++group) {
        uint32_t kind = group / segments % KINDS, segment = group % segments;
        EXPECT(kind == 1u || segment < pool || starts[group] == starts[group + 1u]);
        for (uint32_t n = starts[group]; n < starts[group + 1u]; ++n) {
            octavo_expand_entry entry;
            memcpy(&entry, x.words + x.list.expand_offset + OCTAVO_EXPAND_ENTRY_WORDS * n, sizeof entry);
            EXPECT(entry.tile < x.plan.expanded_capacity && (entry.count == 0u) == (kind == 0u));
            uint32_t *tile = made[entry.tile];
            for (uint32_t i = 0; i < OCTAVO_PAGE_TOKENS; ++i) {
                bool codes = kind == 0u && ((i >= entry.begin && i < entry.end) || i >= entry.resume);
                bool row = kind == 1u && i >= entry.first && i < entry.first + entry.count;
                if (!codes && !row) continue;
                EXPECT(tile[i] == UNSET);
                tile[i] = segment < pool ? OF_CODES
                                         : x.rows[(segment - pool) * x.plan.own.pages_per_segment + entry.page]
                                                 [entry.row + i - entry.first];
            }
        }
    }
}

static void check_expanded(uint32_t window, uint32_t begin, uint32_t end) {
    make_tiles(window);
    for (uint32_t index = begin; index < end; ++index) {
        octavo_share share;
        memcpy(&share, x.words + x.list.share_offset + OCTAVO_SHARE_WORDS * index, sizeof share);
        uint32_t first, s = sequence_of_token(share.sequence.token_base, &first), length = x.cached[s] + x.counts[s];
        EXPECT(share.sequence.packed_begin == 0u && share.sequence.packed_end == length);
        for (uint32_t r = share.range_first; r < share.range_first + share.range_count; ++r) {
            octavo_tile_range range;
            memcpy(&range, x.words + x.list.range_offset + 4u * r, sizeof range);
            for (uint32_t i = 0; i < range.count * OCTAVO_PAGE_TOKENS; ++i) {
                uint32_t token = range.first * OCTAVO_PAGE_TOKENS + i;
                uint32_t here = made[x.words[range.pages + i / OCTAVO_PAGE_TOKENS]][i % OCTAVO_PAGE_TOKENS];
                bool is_own = token >= x.cached[s] && token < length;
                EXPECT(here == (is_own ? first + token - x.cached[s] : OF_CODES));
                x.joined += is_own ? 1u : 0u;
            }
        }
    }
}

START_TEST(expanded_tiles_have_each_row) {
    rng generator;
    rng_seed(&generator, rng_test_seed(78u));
    for (uint32_t round = 0; round < 300u; ++round) {
        x.seed = rng_next(&generator);
        rng own;
        rng_seed(&own, x.seed);
        draw_cache(&own);
        draw_plan(&own, true);
        if (x.tokens > 0u) {
            write_rows();
            make_lists();
            uint32_t share = 0u;
            for (uint32_t window = 0; window < x.list.window_count; ++window) {
                check_expanded(window, share, x.cuts[window].shares);
                share = x.cuts[window].shares;
            }
            EXPECT(share == x.list.share_count);
            free(x.words);
        }
        cache_without_device_destroy(x.lived.cache);
    }
    ck_assert_uint_gt(x.joined, 10000u);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {walks_find_each_row, expanded_tiles_have_each_row};
    return run_tests("own_rows", tests, sizeof tests / sizeof tests[0], 120);
}
