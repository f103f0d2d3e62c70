/* What is not finite, in the matrix walks on any device (their emulations, forced; and prefill_tiles where the device
 * has matrix units): a NaN or Inf in one token of K or V reaches the rows that see it and one in a query its own row;
 * what lies in pages and scratch memory from before reaches none. */
#include "attention/attention_plan.h"
#include "attention/cache_object.h"
#include "attention_oracle.h"
#include "compare.h"
#include "gpu_fixture.h"
#include "random_numbers.h"
#include "run_tests.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { KV_HEADS = 2, GROUP = 3, QUERY_HEADS = 6, TOKENS = 300, QUERIES = 6, CHANNEL = 17 };
#define DIM_MAX 128u
#define CHANGE_MAX 1e-3 /* of other rows: the largest V scale, to which weights are rounded, may be another */

typedef struct poison_case {
    test_share share; /* the device that takes it */
    uint32_t key_bits, value_bits, key_dim, value_dim, first_tokens, recent_tokens;
    octavo_mask mask;
    uint32_t workgroups;
    bool own; /* the queries bring their tokens, the last ones */
} poison_case;

/* 3 bits and f16 are where test_matrix_emulated.c has the same pipelines: a driver's cache compiles them once.
 * SwiftShader, which takes longest to run them, has one alone. */
static const poison_case cases[] = {
    /* token 1 is a sink, 2 in no window, 97 in some */
    {TEST_LAVAPIPE_128, 3, 3, 64, 64, 3, 0, {VK_TRUE, 200, 2, 0}, 0, false},
    /* recent tokens from 280 on, or some more */
    {TEST_LAVAPIPE_128, 2, 4, 40, 90, 0, 20, {VK_TRUE, 0, 0, 0}, 1, false},
    /* f16 pages */
    {TEST_LAVAPIPE_256, 16, 16, 128, 128, 0, 0, {VK_TRUE, 200, 0, 0}, 16, false},
    {TEST_LAVAPIPE_512, 16, 3, 64, 64, 4, 16, {VK_FALSE, 3, 0, 120}, 4, false},
    {TEST_LAVAPIPE_128, 3, 3, 64, 64, 3, 0, {VK_TRUE, 200, 2, 0}, 0, true},
    {TEST_LAVAPIPE_256, 16, 16, 128, 128, 0, 0, {VK_TRUE, 200, 0, 0}, 16, true},
    /* f16 rows of V as they came */
    {TEST_SWIFTSHADER, 4, 16, 64, 96, 4, 20, {VK_FALSE, 0, 0, 0}, 4, true},
};
static const uint32_t tokens[] = {1, 2, 97, 127, 128, 255, 256, 293, 294, 296, 299};

static const struct {
    const char *name;
    octavo_phase phase;
} variants[] = {{"matrix_emulated", OCTAVO_PHASE_AUTO},
                {"prefill_emulated", OCTAVO_PHASE_PREFILL},
                {"prefill_tiles_emulated", OCTAVO_PHASE_PREFILL},
                {"prefill_tiles", OCTAVO_PHASE_PREFILL}};
#define VARIANT_COUNT (sizeof variants / sizeof variants[0])
#define CASE_COUNT ((int)(sizeof cases / sizeof cases[0]))

typedef struct poison_run {
    const poison_case *test;
    const char *variant;
    gpu_fixture *fixture;
    octavo_cache *cache;
    octavo_attention *plan;
    float *keys, *values, *queries;
    float output[QUERIES * QUERY_HEADS * DIM_MAX], lse[QUERIES * QUERY_HEADS];
    float clean[QUERIES * QUERY_HEADS * DIM_MAX], clean_lse[QUERIES * QUERY_HEADS];
} poison_run;

static float *make_rows(octavo_random *random, size_t count) {
    float *rows = malloc(count * sizeof *rows);
    ck_assert_ptr_nonnull(rows);
    octavo_random_normal(random, 1.0f, rows, count);
    return rows;
}

static bool can_run(const octavo_device *device, size_t variant) {
    const char *name;
    for (uint32_t i = 0; (name = octavo_attention_variant_name(i)) != NULL; i++)
        if (strcmp(name, variants[variant].name) == 0)
            return octavo_attention_variant_refusal(device, i, variants[variant].phase) == NULL;
    ck_abort_msg("there is no %s", variants[variant].name);
    return false;
}

/* NULL: the device cannot run it. */
static poison_run *open_run(gpu_fixture *fixture, const poison_case *test, size_t variant) {
    if (!can_run(fixture->device, variant)) return NULL;
    poison_run *run = calloc(1, sizeof *run);
    octavo_random random = octavo_random_seed(900u + test->key_bits);
    ck_assert_ptr_nonnull(run);
    run->test = test;
    run->variant = variants[variant].name;
    run->fixture = fixture;
    run->keys = make_rows(&random, (size_t)TOKENS * KV_HEADS * test->key_dim);
    run->values = make_rows(&random, (size_t)TOKENS * KV_HEADS * test->value_dim);
    run->queries = make_rows(&random, (size_t)QUERIES * QUERY_HEADS * test->key_dim);
    octavo_cache_info cache = OCTAVO_CACHE_INFO_INIT;
    cache.kv_head_count = KV_HEADS;
    cache.key_dim = test->key_dim;
    cache.value_dim = test->value_dim;
    cache.key_bits = test->key_bits;
    cache.value_bits = test->value_bits;
    cache.first_tokens = test->first_tokens;
    cache.recent_tokens = test->recent_tokens;
    cache.token_capacity = 1024;
    gpu_fixture_check(run->fixture, octavo_cache_create(run->fixture->device, &cache, &run->cache),
                      "octavo_cache_create");
    octavo_attention_info info = OCTAVO_ATTENTION_INFO_INIT;
    info.cache = run->cache;
    info.query_head_count = QUERY_HEADS;
    info.query_capacity = QUERIES;
    info.mask = test->mask;
    info.variant = variants[variant].name;
    info.phase = variants[variant].phase;
    info.workgroup_target = test->workgroups;
    info.own_tokens = test->own ? VK_TRUE : VK_FALSE;
    gpu_fixture_check(run->fixture, octavo_attention_create(&info, &run->plan), "octavo_attention_create");
    return run;
}

static void close_run(poison_run *run) {
    octavo_attention_destroy(run->plan);
    octavo_cache_destroy(run->cache);
    free(run->keys);
    free(run->values);
    free(run->queries);
    free(run);
}

static octavo_tensor dense(const octavo_buffer *buffer, uint32_t rows, uint32_t heads, uint32_t dim) {
    return (octavo_tensor){
        octavo_buffer_handle(buffer), 0, (VkDeviceSize)rows * heads * dim * 4, OCTAVO_F32, heads * dim, dim};
}

/* Those of the queries' tokens. */
static octavo_buffer *last_rows(gpu_fixture *fixture, const float *rows, uint32_t dim) {
    size_t row = (size_t)KV_HEADS * dim;
    return gpu_fixture_buffer(fixture, QUERIES * row * sizeof *rows, rows + (TOKENS - QUERIES) * row);
}

/* Appends and attends in one submission, on a sequence of its own. */
static void attend(poison_run *run) {
    const poison_case *test = run->test;
    gpu_fixture *fixture = run->fixture;
    uint32_t appended = test->own ? TOKENS - QUERIES : TOKENS, queries = QUERIES;
    size_t output_size = (size_t)QUERIES * QUERY_HEADS * test->value_dim * sizeof(float);
    memset(run->output, 0xff, output_size);
    memset(run->lse, 0xff, sizeof run->lse);
    octavo_buffer *buffers[7] = {
        gpu_fixture_buffer(fixture, (size_t)TOKENS * KV_HEADS * test->key_dim * 4, run->keys),
        gpu_fixture_buffer(fixture, (size_t)TOKENS * KV_HEADS * test->value_dim * 4, run->values),
        gpu_fixture_buffer(fixture, (size_t)QUERIES * QUERY_HEADS * test->key_dim * 4, run->queries),
        gpu_fixture_buffer(fixture, output_size, run->output),
        gpu_fixture_buffer(fixture, sizeof run->lse, run->lse),
        last_rows(fixture, run->keys, test->key_dim),
        last_rows(fixture, run->values, test->value_dim)};
    octavo_sequence sequence;
    gpu_fixture_check(fixture, octavo_sequence_create(run->cache, 0, &sequence), "octavo_sequence_create");
    octavo_append_info append = OCTAVO_APPEND_INFO_INIT;
    append.sequence_count = 1;
    append.sequences = &sequence;
    append.token_counts = &appended;
    append.keys = dense(buffers[0], TOKENS, KV_HEADS, test->key_dim);
    append.values = dense(buffers[1], TOKENS, KV_HEADS, test->value_dim);
    octavo_attention_run info = OCTAVO_ATTENTION_RUN_INIT;
    info.sequence_count = 1;
    info.sequences = &sequence;
    info.query_counts = &queries;
    info.queries = dense(buffers[2], QUERIES, QUERY_HEADS, test->key_dim);
    info.output = dense(buffers[3], QUERIES, QUERY_HEADS, test->value_dim);
    info.lse_buffer = octavo_buffer_handle(buffers[4]);
    info.lse_size = sizeof run->lse;
    if (test->own) {
        info.own_keys = dense(buffers[5], QUERIES, KV_HEADS, test->key_dim);
        info.own_values = dense(buffers[6], QUERIES, KV_HEADS, test->value_dim);
    }
    gpu_fixture_begin(fixture);
    gpu_fixture_check(fixture, octavo_cache_record_append(run->cache, fixture->frame, fixture->command_buffer, &append),
                      "octavo_cache_record_append");
    gpu_fixture_check(fixture, octavo_attention_record(run->plan, fixture->frame, fixture->command_buffer, &info),
                      "octavo_attention_record");
    gpu_fixture_submit(fixture);
    gpu_fixture_check(fixture, octavo_buffer_read(buffers[3], 0, output_size, run->output), "octavo_buffer_read");
    gpu_fixture_check(fixture, octavo_buffer_read(buffers[4], 0, sizeof run->lse, run->lse), "octavo_buffer_read");
    gpu_fixture_check(fixture, octavo_sequence_destroy(run->cache, sequence), "octavo_sequence_destroy");
    for (int i = 0; i < 7; i++) octavo_buffer_destroy(buffers[i]);
}

static void attend_clean(poison_run *run) {
    attend(run);
    memcpy(run->clean, run->output, sizeof run->clean);
    memcpy(run->clean_lse, run->lse, sizeof run->clean_lse);
    size_t count = (size_t)QUERIES * QUERY_HEADS * run->test->value_dim;
    ck_assert_uint_eq(compare_count_nan(run->clean, count), 0);
}

/* A row that is to be NaN is NaN in all channels, and so is its log-sum-exp unless V alone is; another is as it was. */
static void check_row(const poison_run *run, uint32_t query, uint32_t head, bool is_poisoned, const char *what,
                      uint32_t token, double value) {
    uint32_t dim = run->test->value_dim, row = query * QUERY_HEADS + head;
    const float *output = run->output + (size_t)row * dim, *clean = run->clean + (size_t)row * dim;
    size_t nans = compare_count_nan(output, dim);
    double change = is_poisoned ? 0.0 : compare_relative_l2_float(output, clean, dim);
    double lse = (double)run->lse[row], lse_change = fabs(lse - (double)run->clean_lse[row]);
    bool lse_is_nan = is_poisoned && (what[0] != 'V' || isnan(lse));
    bool is_right = nans == (is_poisoned ? dim : 0u) && change <= CHANGE_MAX &&
                    (lse_is_nan ? isnan(lse) : lse_change <= CHANGE_MAX);
    ck_assert_msg(is_right,
                  "%s, bits %u/%u, %g in %s %u: row %u of head %u: %zu NaN of %u, changed by %g, lse %g (was %g)",
                  run->variant, run->test->key_bits, run->test->value_bits, value, what, token, query, head, nans, dim,
                  change, lse, (double)run->clean_lse[row]);
}

static void poison_token(poison_run *run, uint32_t token, bool in_value, float value) {
    const poison_case *test = run->test;
    float *place = in_value ? run->values + (size_t)token * KV_HEADS * test->value_dim
                            : run->keys + (size_t)token * KV_HEADS * test->key_dim; /* of KV head 0 */
    float was = place[CHANNEL];
    place[CHANNEL] = value;
    attend(run);
    place[CHANNEL] = was;
    for (uint32_t i = 0; i < QUERIES; i++)
        for (uint32_t head = 0; head < QUERY_HEADS; head++)
            check_row(run, i, head, head < GROUP && octavo_oracle_sees(&test->mask, QUERIES, TOKENS, i, token),
                      in_value ? "V of token" : "K of token", token, (double)value);
}

static void reaches_the_rows_that_see_it(poison_run *run) {
    for (uint32_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        /* an Inf in f16 K is as it came: the weight may be 0 */
        poison_token(run, tokens[i], false, i % 2 == 0 || run->test->key_bits == 16 ? NAN : INFINITY);
        poison_token(run, tokens[i], true, i % 3 == 0 ? NAN : -INFINITY);
    }
    for (uint32_t row = 0; row < QUERIES * QUERY_HEADS; row += 7) {
        float *place = run->queries + (size_t)row * run->test->key_dim + CHANNEL, was = *place;
        *place = row % 2 == 0 ? NAN : INFINITY;
        attend(run);
        for (uint32_t other = 0; other < QUERIES * QUERY_HEADS; other++)
            check_row(run, other / QUERY_HEADS, other % QUERY_HEADS, other == row, "query row", row, (double)*place);
        *place = was;
    }
}

static void fill(poison_run *run, octavo_buffer *buffer, uint64_t words, uint32_t pattern) {
    uint32_t *block = malloc((size_t)words * sizeof *block);
    ck_assert_ptr_nonnull(block);
    for (uint64_t i = 0; i < words; i++) block[i] = pattern;
    gpu_fixture_check(run->fixture, octavo_buffer_write(buffer, 0, words * 4, block), "octavo_buffer_write");
    free(block);
}

/* NaN, the largest finite f16, Inf, f32 garbage that is finite; in pages, windows and partial results. */
static void old_contents_reach_none(poison_run *run) {
    static const uint32_t patterns[] = {0xffffffffu, 0x7bff7bffu, 0x7c007c00u, 0xfbfffbffu, 0x7e007bffu};
    size_t count = (size_t)QUERIES * QUERY_HEADS * run->test->value_dim;
    for (uint32_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        for (uint32_t s = 0; s < run->cache->segment_count; s++)
            fill(run, run->cache->segments[s], octavo_gpu_buffer_size(run->cache->segments[s]) / 4, patterns[i]);
        for (uint32_t s = 0; s < run->plan->own.segment_count; s++)
            fill(run, run->plan->own.segments[s], octavo_gpu_buffer_size(run->plan->own.segments[s]) / 4, patterns[i]);
        bool decodes = run->plan->expanded == NULL; /* and counts arrivals, which each call leaves at 0 */
        uint64_t words = octavo_gpu_buffer_size(run->plan->scratch) / 4;
        fill(run, run->plan->scratch, decodes ? run->plan->arrival_offset : words, patterns[i]);
        if (!decodes) fill(run, run->plan->expanded, octavo_gpu_buffer_size(run->plan->expanded) / 4, patterns[i]);
        attend(run);
        ck_assert_msg(memcmp(run->output, run->clean, count * sizeof(float)) == 0 &&
                          memcmp(run->lse, run->clean_lse, sizeof run->lse) == 0,
                      "%s, bits %u/%u: another result where there was %08x, %zu values are NaN, changed by %g",
                      run->variant, run->test->key_bits, run->test->value_bits, patterns[i],
                      compare_count_nan(run->output, count), compare_relative_l2_float(run->output, run->clean, count));
    }
}

/* All of a case on one device, so that its pipelines are compiled once. */
START_TEST(what_is_not_finite) {
    gpu_fixture fixture;
    gpu_fixture_open(&fixture);
    bool takes = test_device_takes(fixture.device, cases[_i].share);
    for (size_t variant = 0; variant < VARIANT_COUNT && takes; variant++) {
        poison_run *run = open_run(&fixture, &cases[_i], variant);
        if (run == NULL) continue;
        attend_clean(run);
        old_contents_reach_none(run);
        reaches_the_rows_that_see_it(run);
        close_run(run);
    }
    gpu_fixture_close(&fixture);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("matrix_poison");
    TCase *poison = tcase_create("matrix_poison");
    tcase_set_timeout(poison, 300);
    tcase_add_loop_test(poison, what_is_not_finite, 0, CASE_COUNT);
    suite_add_tcase(suite, poison);
    return run_suite(suite);
}
