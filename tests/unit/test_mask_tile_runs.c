/* Visibility against the rule as the header prints it, tile runs against key by key counting. */
#include "mask/tile_runs.h"
#include "rng.h"
#include "run_tests.h"

#define LENGTH_MAX 1500u
#define TILES_MAX (LENGTH_MAX / 128u + 1u)

static bool visible_by_the_rule(const octavo_mask_rule *rule, int64_t p, int64_t j) {
    int64_t distance = p > j ? p - j : j - p;
    int64_t window = rule->window;
    if (j < (int64_t)rule->prefix) return true;
    if (rule->causal && j > p) return false;
    return window == 0 || j < (int64_t)rule->sink || (rule->causal ? j > p - window : distance < window);
}

typedef struct problem {
    octavo_mask_rule rule;
    bool attend_empty;
    int64_t p_first, p_last;
    uint32_t length, begin, end;
} problem;

static uint32_t sometimes(rng *generator, uint32_t high) {
    return rng_below(generator, 2u) ? 0u : rng_log_between(generator, 1u, high);
}

static problem draw(rng *generator) {
    problem x;
    x.length = rng_below(generator, 50u) == 0u ? 0u : rng_log_between(generator, 1u, LENGTH_MAX);
    x.rule.causal = rng_below(generator, 3u) != 0u;
    x.rule.window = sometimes(generator, 900u);
    x.rule.sink = sometimes(generator, 400u);
    x.rule.prefix = sometimes(generator, 600u);
    x.attend_empty = rng_below(generator, 4u) == 0u;
    uint32_t rows =
        rng_below(generator, 8u) == 0u ? rng_log_between(generator, 1u, 600u) : rng_log_between(generator, 1u, 20u);
    x.p_last = (int64_t)rng_below(generator, x.length + 60u) - 30;
    if (rng_below(generator, 2u)) x.p_last = (int64_t)x.length - 1;
    x.p_first = x.p_last - (int64_t)rows + 1;
    x.begin = rng_below(generator, 2u) ? 0u : rng_below(generator, x.length + 1u);
    x.end = rng_below(generator, 2u) ? x.length : rng_below(generator, x.length + 200u);
    return x;
}

/* seen[t]: -1 not touched, else the kind. */
static bool count_keys(const problem *x, int seen[TILES_MAX]) {
    uint32_t end = x->end < x->length ? x->end : x->length;
    bool any_empty = false;
    static uint32_t pairs[TILES_MAX];
    for (uint32_t t = 0; t < TILES_MAX; ++t) pairs[t] = 0u;
    for (int64_t p = x->p_first; p <= x->p_last; ++p) {
        uint32_t row_keys = 0u;
        for (uint32_t j = 0; j < x->length; ++j) {
            if (!visible_by_the_rule(&x->rule, p, j)) continue;
            row_keys += 1u;
            if (j >= x->begin && j < end) pairs[j / 128u] += 1u;
        }
        any_empty = any_empty || row_keys == 0u;
    }
    uint32_t rows = (uint32_t)(x->p_last - x->p_first + 1);
    for (uint32_t t = 0; t < TILES_MAX; ++t) {
        seen[t] = pairs[t] == 0u ? -1 : pairs[t] == 128u * rows ? OCTAVO_MASK_TILE_FULL : OCTAVO_MASK_TILE_EDGE;
        if (!x->attend_empty || !any_empty) continue;
        bool in_range = x->begin < end && (t + 1u) * 128u > x->begin && t * 128u < end;
        seen[t] = in_range ? OCTAVO_MASK_TILE_EDGE : -1;
    }
    return any_empty;
}

START_TEST(runs_equal_counting) {
    uint64_t seed = rng_test_seed(20251u);
    rng generator;
    rng_seed(&generator, seed);
    uint32_t most_runs = 0u;
    for (uint32_t round = 0; round < 250000u; ++round) {
        problem x = draw(&generator);
        int expected[TILES_MAX], actual[TILES_MAX];
        octavo_mask_run runs[OCTAVO_TILE_RUNS_MAX];
        count_keys(&x, expected);
        uint32_t count =
            octavo_mask_tile_runs(&x.rule, x.attend_empty, x.p_first, x.p_last, x.length, x.begin, x.end, runs);
        bool ok = count <= OCTAVO_TILE_RUNS_MAX;
        for (uint32_t t = 0; t < TILES_MAX; ++t) actual[t] = -1;
        for (uint32_t r = 0; r < count && ok; ++r) {
            const octavo_mask_run *before = r == 0u ? NULL : &runs[r - 1u];
            ok = runs[r].count > 0u && runs[r].first + runs[r].count <= TILES_MAX;
            if (before != NULL) {
                uint32_t end = before->first + before->count;
                ok = ok && (runs[r].first > end || (runs[r].first == end && runs[r].kind != before->kind));
            }
            for (uint32_t t = 0; t < runs[r].count && ok; ++t) actual[runs[r].first + t] = (int)runs[r].kind;
        }
        for (uint32_t t = 0; t < TILES_MAX; ++t) ok = ok && actual[t] == expected[t];
        if (count > most_runs) most_runs = count;
        ck_assert_msg(
            ok,
            "seed %llu round %u: causal %d window %u sink %u prefix %u attend_empty %d p %lld..%lld length %u "
            "range %u..%u: %u runs",
            (unsigned long long)seed, round, (int)x.rule.causal, x.rule.window, x.rule.sink, x.rule.prefix,
            (int)x.attend_empty, (long long)x.p_first, (long long)x.p_last, x.length, x.begin, x.end, count);
    }
    ck_assert_uint_ge(most_runs, 4u); /* the draw reaches sinks, gaps and windows */
}
END_TEST

START_TEST(visibility_equals_the_rule) {
    uint64_t seed = rng_test_seed(7u);
    rng generator;
    rng_seed(&generator, seed);
    for (uint32_t round = 0; round < 20000u; ++round) {
        problem x = draw(&generator);
        bool any = false;
        for (uint32_t j = 0; j < x.length; ++j) {
            bool expected = visible_by_the_rule(&x.rule, x.p_first, j);
            any = any || expected;
            if (octavo_mask_visible(&x.rule, x.p_first, j) != expected)
                ck_abort_msg("seed %llu round %u key %u", (unsigned long long)seed, round, j);
        }
        if (octavo_mask_row_is_empty(&x.rule, x.p_first, x.length) == any)
            ck_abort_msg("seed %llu round %u", (unsigned long long)seed, round);
    }
}
END_TEST

START_TEST(largest_numbers) {
    octavo_mask_rule rule = {true, UINT32_MAX, UINT32_MAX, 0u};
    octavo_mask_run runs[OCTAVO_TILE_RUNS_MAX];
    uint32_t length = (uint32_t)INT32_MAX;
    uint32_t count =
        octavo_mask_tile_runs(&rule, false, (int64_t)length - 1, (int64_t)length - 1, length, 0u, UINT32_MAX, runs);
    ck_assert_uint_eq(count, 2u);
    ck_assert_uint_eq(runs[0].count, 16777215u); /* 2^31 - 1 is 127 keys more than so many tiles */
    ck_assert_uint_eq((uint32_t)runs[0].kind, (uint32_t)OCTAVO_MASK_TILE_FULL);
    ck_assert_uint_eq(runs[1].first, 16777215u);
    ck_assert_uint_eq(runs[1].count, 1u);
    rule = (octavo_mask_rule){false, 0u, 0u, UINT32_MAX};
    count = octavo_mask_tile_runs(&rule, true, -(int64_t)UINT32_MAX, 0, 256u, 0u, 256u, runs);
    ck_assert_uint_eq(count, 1u);
    ck_assert_uint_eq(runs[0].count, 2u);
    ck_assert_uint_eq((uint32_t)runs[0].kind, (uint32_t)OCTAVO_MASK_TILE_FULL);
}
END_TEST

int main(void) {
    const TTest *tests[] = {runs_equal_counting, visibility_equals_the_rule, largest_numbers};
    return run_tests("mask_tile_runs", tests, sizeof tests / sizeof tests[0], 300.0);
}
