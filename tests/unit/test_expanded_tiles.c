/* What expand.comp is told to make, and that the lists of a walk of expanded tiles read just that: in each window,
 * every tile of a list is the page of its sequence, with the f16 rows of the sequence's windows written over it. */
#include "attention/expanded_tiles.h"
#include "attention/slice_parts.h"
#include "cache_without_device.h"
#include "expect.h"
#include "run_tests.h"

#include <stdlib.h>
#include <string.h>

#define CUTS 4096u
#define CAPACITY_MAX 64u
#define KINDS 2u

typedef struct problem {
    uint64_t seed;
    lived_in_cache lived;
    octavo_attention plan;
    octavo_attention_run run;
    octavo_segment_cut cuts[CUTS];
    uint32_t counts[CACHE_WITHOUT_DEVICE_SEQUENCES];
    octavo_worklist list;
    octavo_attention_slice slice;
    uint32_t *words;
    uint64_t walked, rows; /* tiles of lists, tokens of f16 rows: what the rounds reached */
    uint32_t windows_most;
} problem;

static problem x;
static const octavo_kernel_variant walk_of_operands = {.name = "test", .source = OCTAVO_KERNEL_PREFILL_MATRIX};

#define EXPECT(condition) expect_msg((condition), "seed %llu: %s", (unsigned long long)x.seed, #condition)

static void make_plan(uint32_t group, uint32_t rows, uint32_t capacity) {
    octavo_attention *plan = &x.plan;
    memset(plan, 0, sizeof *plan);
    plan->cache = x.lived.cache;
    plan->variant = &walk_of_operands;
    plan->group = group;
    plan->info.query_head_count = group * plan->cache->layout.kv_heads;
    plan->rule.causal = true;
    plan->tuning.rows = rows;
    plan->tuning.workgroups = 1u;
    plan->tuning.slice_work = UINT64_MAX;
    plan->tuning.whole_lists = plan->tuning.one_share = true;
    plan->cuts = x.cuts;
    plan->cut_count = CUTS;
    plan->expanded_capacity = capacity;
    plan->partial_capacity = plan->share_capacity = plan->slice_tokens = UINT32_MAX;
}

static void make_lists(uint32_t tokens) {
    x.slice = (octavo_attention_slice){0u, tokens};
    ck_assert_int_eq(octavo_worklist_measure(&x.plan, &x.run, &x.slice, &x.list), OCTAVO_SUCCESS);
    x.words = malloc(x.list.word_count * sizeof *x.words);
    ck_assert_ptr_nonnull(x.words);
    octavo_worklist_write(&x.plan, &x.run, &x.slice, &x.list, x.words);
}

/* A tile of operands as far as entries tell: the page it is made of, and where the rows of its tokens come from. */
#define OF_CODES UINT32_MAX
#define OF_NOBODY (UINT32_MAX - 1u)
typedef struct made_tile {
    octavo_page_place page;
    bool made;
    octavo_page_place row_page[OCTAVO_PAGE_TOKENS];
    uint32_t row[OCTAVO_PAGE_TOKENS]; /* or OF_CODES, OF_NOBODY */
} made_tile;
static made_tile tiles[CAPACITY_MAX];

/* Does what the entries of a window say; no two have the same token. */
static void make_tiles(uint32_t window) {
    uint32_t segments = x.plan.cache->segment_count;
    for (uint32_t i = 0; i < CAPACITY_MAX; ++i) tiles[i].made = false;
    for (uint32_t kind = 0; kind < KINDS; ++kind) {
        for (uint32_t segment = 0; segment < segments; ++segment) {
            uint32_t group = (window * KINDS + kind) * segments + segment;
            const uint32_t *starts = x.words + x.list.expand_group_offset;
            EXPECT(starts[group] <= starts[group + 1u] && starts[group + 1u] <= x.list.expand_count);
            for (uint32_t n = starts[group]; n < starts[group + 1u]; ++n) {
                const uint32_t *at = x.words + x.list.expand_offset + OCTAVO_EXPAND_ENTRY_WORDS * n;
                EXPECT(at[1] < x.plan.expanded_capacity && (at[2] == 0u) == (kind == 0u));
                made_tile *tile = &tiles[at[1]];
                EXPECT(tile->made == (kind == 1u));
                octavo_page_place place = {segment, at[0]};
                if (kind == 0u) {
                    tile->made = true;
                    tile->page = place;
                    for (uint32_t i = 0; i < OCTAVO_PAGE_TOKENS; ++i)
                        tile->row[i] = (i >= at[5] && i < at[6]) || i >= at[7] ? OF_CODES : OF_NOBODY;
                }
                EXPECT(at[3] + at[2] <= OCTAVO_PAGE_TOKENS);
                for (uint32_t i = 0; i < at[2]; ++i) {
                    EXPECT(tile->row[at[3] + i] == OF_NOBODY);
                    tile->row_page[at[3] + i] = place;
                    tile->row[at[3] + i] = at[4] + i;
                    x.rows += 1u;
                }
            }
        }
    }
}

static bool same_place(octavo_page_place a, octavo_page_place b) {
    return a.segment == b.segment && a.page == b.page;
}

static void check_tile(const octavo_cache_view *view, uint32_t t, const made_tile *tile) {
    const octavo_cache *cache = x.plan.cache;
    const octavo_cache_info *info = &cache->info;
    EXPECT(tile->made && same_place(tile->page, octavo_cache_page_place(cache, view->slots[t], x.run.layer)));
    for (uint32_t i = 0; i < OCTAVO_PAGE_TOKENS; ++i) {
        uint32_t token = t * OCTAVO_PAGE_TOKENS + i;
        bool in_window = token < view->packed_begin || (token >= view->packed_end && token < view->length);
        EXPECT(tile->row[i] != OF_NOBODY && in_window == (tile->row[i] != OF_CODES));
        if (!in_window) continue;
        uint32_t ring = info->recent_tokens + info->slack_tokens;
        uint32_t row = token < view->packed_begin ? token : info->first_tokens + token % ring;
        uint32_t slot = view->window_slots[row / cache->layout.window_rows_per_page];
        EXPECT(tile->row[i] == row % cache->layout.window_rows_per_page);
        EXPECT(same_place(tile->row_page[i], octavo_cache_page_place(cache, slot, x.run.layer)));
    }
}

/* The sequence of which a query tile is. */
static octavo_cache_view view_of(uint32_t record) {
    octavo_slice_iterator it = {0};
    octavo_slice_part part;
    octavo_status status = OCTAVO_SUCCESS;
    for (uint32_t i = 0; octavo_slice_next(&x.plan, &x.run, &x.slice, &it, &part, &status); ++i) {
        if (i == record) return part.view;
    }
    ck_abort_msg("no sequence %u", record);
}

static void check_shares(uint32_t first, uint32_t end) {
    for (uint32_t s = first; s < end; ++s) {
        octavo_share share;
        memcpy(&share, x.words + x.list.share_offset + OCTAVO_SHARE_WORDS * s, sizeof share);
        octavo_cache_view view = view_of(share.tile.sequence);
        EXPECT(share.sequence.packed_begin == 0u && share.sequence.packed_end == view.length);
        for (uint32_t r = share.range_first; r < share.range_first + share.range_count; ++r) {
            octavo_tile_range range;
            memcpy(&range, x.words + x.list.range_offset + 4u * r, sizeof range);
            EXPECT(range.kind != OCTAVO_RUN_WINDOW);
            for (uint32_t i = 0; i < range.count; ++i) {
                EXPECT(x.words[range.pages + i] < x.plan.expanded_capacity);
                check_tile(&view, range.first + i, &tiles[x.words[range.pages + i]]);
                x.walked += 1u;
            }
        }
    }
}

static void draw(rng *generator) {
    static const uint32_t bits[] = {2, 3, 4, 16}, groups[] = {1, 3, 4, 8}, rows[] = {16, 32, 128};
    cache_without_device_info info = {0};
    info.layer_count = rng_between(generator, 1u, 2u);
    info.kv_heads = rng_between(generator, 1u, 3u);
    info.key_dim = info.value_dim = 64u;
    info.key_bits = bits[rng_below(generator, 3u)]; /* f16 alone has no windows */
    info.value_bits = bits[rng_below(generator, 4u)];
    info.sequence_capacity = rng_between(generator, 1u, CACHE_WITHOUT_DEVICE_SEQUENCES);
    info.first_tokens = rng_below(generator, 2u) * rng_between(generator, 1u, 128u);
    info.recent_tokens = rng_below(generator, 2u) * rng_between(generator, 1u, 300u);
    info.slack_tokens = info.recent_tokens > 0u ? rng_below(generator, 50u) : 0u;
    info.slot_count = 400u;
    if (rng_below(generator, 2u) == 0u) info.pages_per_segment = rng_between(generator, 20u, 200u);
    lived_in_cache_make(&x.lived, &info, 1500u, generator);
    make_plan(groups[rng_below(generator, 4u)], rows[rng_below(generator, 3u)],
              rng_log_between(generator, 1u, CAPACITY_MAX));
    memset(&x.run, 0, sizeof x.run);
    x.run.struct_size = sizeof x.run;
    x.run.layer = rng_below(generator, info.layer_count);
    x.run.sequence_count = x.lived.count;
    x.run.sequences = x.lived.sequences;
    x.run.query_counts = x.counts;
}

START_TEST(lists_read_what_was_expanded) {
    rng generator;
    rng_seed(&generator, rng_test_seed(31));
    for (uint32_t round = 0; round < 200u; ++round) {
        x.seed = rng_next(&generator);
        rng own;
        rng_seed(&own, x.seed);
        uint32_t tokens = 0u;
        draw(&own);
        for (uint32_t i = 0; i < x.lived.count; ++i) tokens += x.counts[i] = rng_below(&own, 200u);
        if (tokens > 0u) {
            make_lists(tokens);
            uint32_t share = 0u;
            for (uint32_t window = 0; window < x.list.window_count; ++window) {
                make_tiles(window);
                uint32_t end = x.plan.cuts[window].shares;
                check_shares(share, end);
                share = end;
            }
            EXPECT(share == x.list.share_count);
            if (x.list.window_count > x.windows_most) x.windows_most = x.list.window_count;
            free(x.words);
        }
        cache_without_device_destroy(x.lived.cache);
    }
    ck_assert_uint_gt(x.walked, 10000u);
    ck_assert_uint_gt(x.rows, 10000u);
    ck_assert_uint_gt(x.windows_most, 10u);
}
END_TEST

/* A cache of one sequence of `tokens`, whose last `queries` are asked; a plan for it comes before the lists. */
static void open_sequence(octavo_sequence *sequence, const uint32_t *tokens, const uint32_t *queries) {
    cache_without_device_info info = {.layer_count = 1u,
                                      .kv_heads = 2u,
                                      .key_dim = 64u,
                                      .value_dim = 64u,
                                      .key_bits = 3u,
                                      .value_bits = 3u,
                                      .sequence_capacity = 1u,
                                      .slot_count = 64u};
    x.lived.cache = cache_without_device_create(&info);
    ck_assert_int_eq(octavo_cache_table_sequence_create(x.lived.cache->table, 0u, sequence), OCTAVO_SUCCESS);
    ck_assert_int_eq(cache_without_device_append(x.lived.cache, 0u, 1u, sequence, tokens, NULL, NULL), OCTAVO_SUCCESS);
    memset(&x.run, 0, sizeof x.run);
    x.run.sequence_count = 1u;
    x.run.sequences = sequence;
    x.run.query_counts = queries;
}

static octavo_share share_of_lists(uint32_t index) {
    octavo_share share;
    memcpy(&share, x.words + x.list.share_offset + OCTAVO_SHARE_WORDS * index, sizeof share);
    return share;
}

/* Causal, as many rows in a query tile as tokens in a KV tile: n (n + 1) / 2 tiles of n^2, the longest lists first. */
START_TEST(causal_tiles_are_a_triangle) {
    for (uint32_t n = 1u; n <= 40u; n += 13u) {
        octavo_sequence sequence;
        uint32_t tokens = 128u * n, tiles_walked = 0u, full = 0u, before = UINT32_MAX;
        open_sequence(&sequence, &tokens, &tokens);
        make_plan(1u, 128u, CAPACITY_MAX);
        make_lists(tokens);
        ck_assert_uint_eq(x.list.share_count, n);
        ck_assert_uint_eq(x.list.partial_count, 0u); /* each is finished where it is walked */
        for (uint32_t s = 0; s < n; ++s) {
            octavo_share share = share_of_lists(s);
            ck_assert_uint_lt(share.tile_count, before);
            before = share.tile_count;
            tiles_walked += share.tile_count;
            for (uint32_t r = share.range_first; r < share.range_first + share.range_count; ++r) {
                const uint32_t *range = x.words + x.list.range_offset + 4u * r;
                if (range[2] == OCTAVO_RUN_FULL) full += range[1];
            }
        }
        ck_assert_uint_eq(tiles_walked, n * (n + 1u) / 2u);
        ck_assert_uint_eq(full, n * (n - 1u) / 2u);
        free(x.words);
        cache_without_device_destroy(x.lived.cache);
    }
}
END_TEST

/* One list for each head: as many shares of one length as there are workgroups for, in each window. */
START_TEST(few_lists_are_cut_evenly) {
    static const struct {
        uint32_t tiles, capacity, workgroups; /* of two heads */
        uint32_t shares, share_tiles;
    } expected[] = {
        {64u, 64u, 2u, 1u, 64u},  {64u, 64u, 4u, 2u, 32u}, {64u, 64u, 7u, 3u, 22u}, {64u, 64u, 32u, 16u, 4u},
        {64u, 64u, 99u, 16u, 4u}, {64u, 32u, 2u, 2u, 32u}, {64u, 32u, 4u, 4u, 16u}, {64u, 16u, 8u, 16u, 4u},
        {64u, 8u, 99u, 64u, 1u},  {60u, 20u, 4u, 6u, 10u}, {3u, 64u, 4u, 2u, 2u},   {1u, 64u, 99u, 1u, 1u},
    };
    for (uint32_t i = 0; i < sizeof expected / sizeof *expected; ++i) {
        octavo_sequence sequence;
        uint32_t tokens = 128u * expected[i].tiles, queries = 1u;
        open_sequence(&sequence, &tokens, &queries);
        make_plan(1u, 64u, expected[i].capacity);
        x.plan.tuning.workgroups = expected[i].workgroups;
        make_lists(queries);
        ck_assert_msg(x.list.share_count == expected[i].shares, "row %u: %u shares", i, x.list.share_count);
        for (uint32_t s = 0; s < x.list.share_count; ++s) {
            octavo_share share = share_of_lists(s);
            uint32_t least = s + 1u < x.list.share_count ? expected[i].share_tiles : 1u; /* the last may be shorter */
            ck_assert_msg(share.tile_count >= least && share.tile_count <= expected[i].share_tiles, "row %u: %u tiles",
                          i, share.tile_count);
        }
        free(x.words);
        cache_without_device_destroy(x.lived.cache);
    }
}
END_TEST

int main(void) {
    const TTest *const tests[] = {lists_read_what_was_expanded, causal_tiles_are_a_triangle, few_lists_are_cut_evenly};
    return run_tests("expanded_tiles", tests, sizeof tests / sizeof tests[0], 120);
}
