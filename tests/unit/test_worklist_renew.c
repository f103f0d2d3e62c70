/* Lists of one call made those of the next: as if they were measured and written anew, or refused. */
#include "attention/attention_worklist.h"
#include "cache_without_device.h"
#include "run_tests.h"

#include <stdlib.h>
#include <string.h>

enum { LAYERS = 3, SEQUENCES = 6, HEADS = 2, GROUP = 3, SEGMENTS_MAX = 32 };

typedef struct call {
    octavo_attention plan;
    octavo_attention_run run;
    octavo_sequence sequences[SEQUENCES];
    uint32_t query_counts[SEQUENCES];
    float sinks[HEADS * GROUP];
    octavo_segment_cut cuts[SEGMENTS_MAX];
} call;

static const octavo_kernel_variant walk_of_packed_pages = {.name = "test"};

static void append(octavo_cache *cache, octavo_sequence sequence, uint32_t count) {
    for (uint32_t layer = 0; layer < LAYERS; ++layer)
        ck_assert_uint_eq(cache_without_device_append(cache, layer, 1u, &sequence, &count, NULL, NULL), OCTAVO_SUCCESS);
}

/* The sequences have as many tokens in each layer, and their pages lie anywhere. */
static void draw_call(call *x, rng *generator) {
    cache_without_device_info info = {LAYERS, HEADS, 64u, 64u, 3u, 3u, SEQUENCES, 400u, 0u, 0u, 0u, 0u, 0u, 0u};
    info.first_tokens = rng_below(generator, 2u) * 4u;
    info.recent_tokens = info.slack_tokens = rng_below(generator, 2u) * 16u;
    static const uint32_t segments[] = {0u, 100u, 34u * LAYERS}; /* the last has all layers of a slot in one */
    info.pages_per_segment = segments[rng_below(generator, 3u)];
    memset(x, 0, sizeof *x);
    octavo_cache *cache = cache_without_device_create(&info);
    octavo_attention *plan = &x->plan;
    ck_assert_uint_le(cache->segment_count, (uint32_t)SEGMENTS_MAX);
    plan->cache = cache;
    plan->cuts = x->cuts;
    plan->cut_count = cache->segment_count;
    plan->variant = &walk_of_packed_pages;
    plan->group = GROUP;
    plan->info.query_head_count = HEADS * GROUP;
    plan->rule.causal = true;
    plan->rule.window = rng_below(generator, 2u) * 200u;
    plan->tuning.rows = 4u;
    plan->tuning.workgroups = rng_between(generator, 1u, 100u);
    plan->tuning.slice_work = UINT64_C(1) << 40;
    plan->tuning.share_cost = rng_below(generator, 12u);
    plan->tuning.free_windows = rng_below(generator, 2u) == 0u;
    plan->tuning.one_share = rng_below(generator, 4u) == 0u;
    plan->partial_capacity = plan->share_capacity = plan->slice_tokens = UINT32_MAX;
    x->run.sequences = x->sequences;
    x->run.query_counts = x->query_counts;
    x->run.sequence_count = rng_between(generator, 2u, (uint32_t)SEQUENCES);
    x->run.sink_logits = rng_below(generator, 2u) == 0u ? x->sinks : NULL;
    for (uint32_t i = 0; i < x->run.sequence_count; ++i) {
        ck_assert_uint_eq(octavo_cache_table_sequence_create(cache->table, 0u, &x->sequences[i]), OCTAVO_SUCCESS);
        x->query_counts[i] = rng_between(generator, 1u, 20u);
        append(cache, x->sequences[i], rng_between(generator, 20u, 900u));
    }
    for (uint32_t i = 0; i < x->run.sequence_count; ++i)
        append(cache, x->sequences[i], rng_between(generator, 1u, 900u));
}

static octavo_attention_slice whole_call(const call *x) {
    octavo_attention_slice slice = {0u, 0u};
    for (uint32_t i = 0; i < x->run.sequence_count; ++i) slice.token_count += x->query_counts[i];
    return slice;
}

/* Measured, written and kept; free it. */
static uint32_t *lists_of(const call *x, octavo_worklist *list) {
    octavo_attention_slice slice = whole_call(x);
    ck_assert_uint_eq(octavo_worklist_measure(&x->plan, &x->run, &slice, list), OCTAVO_SUCCESS);
    uint32_t *words = malloc((list->word_count + list->page_count) * sizeof *words);
    ck_assert_ptr_nonnull(words);
    octavo_worklist_write(&x->plan, &x->run, &slice, list, words);
    ck_assert(octavo_worklist_keep(&x->plan, &x->run, &slice, list, words));
    return words;
}

typedef enum change { LAYER, SINKS, HAS_SINKS, TOKEN, QUERIES, ORDER, FEWER, CHANGES } change;

static void make_change(call *x, change what, rng *generator) {
    uint32_t i = rng_below(generator, x->run.sequence_count);
    octavo_sequence first = x->sequences[0];
    x->run.layer = rng_below(generator, (uint32_t)LAYERS);
    if (what == SINKS)
        for (uint32_t h = 0; h < HEADS * GROUP; ++h) x->sinks[h] += (float)h + 0.5f;
    if (what == HAS_SINKS) x->run.sink_logits = x->run.sink_logits != NULL ? NULL : x->sinks;
    if (what == TOKEN) append(x->plan.cache, x->sequences[i], 1u);
    if (what == QUERIES) x->query_counts[i] += 1u;
    if (what == FEWER) x->run.sequence_count -= 1u;
    if (what != ORDER) return;
    x->sequences[0] = x->sequences[x->run.sequence_count - 1u];
    x->sequences[x->run.sequence_count - 1u] = first;
}

START_TEST(renewed_lists_are_those_written_anew) {
    rng generator;
    uint64_t seed = rng_test_seed(4711u);
    uint32_t renewed = 0u, refused = 0u;
    rng_seed(&generator, seed);
    for (uint32_t round = 0; round < 700u; ++round) {
        static call x;
        octavo_worklist list, fresh;
        const change what = (change)(round % CHANGES);
        draw_call(&x, &generator);
        uint32_t *words = lists_of(&x, &list);
        make_change(&x, what, &generator);
        octavo_attention_slice slice = whole_call(&x);
        bool renews = octavo_worklist_renew(&x.plan, &x.run, &slice, &list, words);
        bool may = what == LAYER || what == SINKS || what == ORDER;
        bool must = may && what != ORDER && (x.plan.cut_count == 1u || x.plan.cache->pages_per_segment % LAYERS == 0u);
        ck_assert_msg(renews ? may : !must, "seed %llu round %u, change %d: %s", (unsigned long long)seed, round,
                      (int)what, renews ? "renewed" : "refused");
        uint32_t *expected = lists_of(&x, &fresh);
        ck_assert_msg(!renews || (list.word_count == fresh.word_count &&
                                  memcmp(words, expected, list.word_count * sizeof *words) == 0),
                      "seed %llu round %u, change %d: other lists", (unsigned long long)seed, round, (int)what);
        renewed += renews;
        refused += !renews;
        free(words);
        free(expected);
        cache_without_device_destroy(x.plan.cache);
    }
    ck_assert(renewed > 100u && refused > 400u);
}
END_TEST

int main(void) {
    const TTest *tests[] = {renewed_lists_are_those_written_anew};
    return run_tests("worklist_renew", tests, sizeof tests / sizeof tests[0], 60.0);
}
