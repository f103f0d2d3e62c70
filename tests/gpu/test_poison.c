/* NaN where nothing may be read: a token with a NaN or Inf reaches exactly the rows that see it, on every kernel; and a
 * cache whose pages, windows and scratch are full of NaN from before serves new sequences as a fresh one does. */
#include "attention/cache_object.h"
#include "attention_oracle.h"
#include "compare.h"
#include "gpu_fixture.h"
#include "random_numbers.h"
#include "run_tests.h"
#include "variant_forms.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KV_HEADS = 2, QUERY_HEADS = 4, DIM = 64, TOKENS = 300, QUERIES = 40, CHANNEL = 17 };

typedef struct poison_data {
    float keys[TOKENS][KV_HEADS][DIM], values[TOKENS][KV_HEADS][DIM], queries[QUERIES][QUERY_HEADS][DIM];
} poison_data;

static poison_data *make_data(uint64_t seed) {
    poison_data *data = malloc(sizeof *data);
    octavo_random random = octavo_random_seed(seed);
    ck_assert_ptr_nonnull(data);
    octavo_random_normal(&random, 1, &data->keys[0][0][0], (size_t)TOKENS * KV_HEADS * DIM);
    octavo_random_normal(&random, 1, &data->values[0][0][0], (size_t)TOKENS * KV_HEADS * DIM);
    octavo_random_normal(&random, 1, &data->queries[0][0][0], (size_t)QUERIES * QUERY_HEADS * DIM);
    return data;
}

static octavo_cache *make_cache(gpu_fixture *fixture, uint32_t bits, uint32_t recent, uint64_t capacity) {
    octavo_cache_info info = OCTAVO_CACHE_INFO_INIT;
    octavo_cache *cache = NULL;
    info.kv_head_count = KV_HEADS;
    info.key_dim = info.value_dim = DIM;
    info.key_bits = info.value_bits = bits;
    info.recent_tokens = recent;
    info.token_capacity = capacity;
    info.sequence_capacity = 4;
    gpu_fixture_check(fixture, octavo_cache_create(fixture->device, &info, &cache), "octavo_cache_create");
    return cache;
}

static octavo_tensor dense(const octavo_buffer *buffer, uint32_t tokens, uint32_t heads) {
    return (octavo_tensor){
        octavo_buffer_handle(buffer), 0, (VkDeviceSize)tokens * heads * DIM * 4, OCTAVO_F32, heads * DIM, DIM};
}

static octavo_status append(gpu_fixture *fixture, octavo_cache *cache, octavo_sequence sequence, uint32_t tokens,
                            const float *keys, const float *values) {
    size_t size = (size_t)tokens * KV_HEADS * DIM * sizeof(float);
    octavo_buffer *key_buffer = gpu_fixture_buffer(fixture, size, keys);
    octavo_buffer *value_buffer = gpu_fixture_buffer(fixture, size, values);
    octavo_append_info info = OCTAVO_APPEND_INFO_INIT;
    info.sequence_count = 1;
    info.sequences = &sequence;
    info.token_counts = &tokens;
    info.keys = dense(key_buffer, tokens, KV_HEADS);
    info.values = dense(value_buffer, tokens, KV_HEADS);
    gpu_fixture_begin(fixture);
    octavo_status status = octavo_cache_record_append(cache, fixture->frame, fixture->command_buffer, &info);
    gpu_fixture_submit(fixture);
    octavo_buffer_destroy(key_buffer);
    octavo_buffer_destroy(value_buffer);
    return status;
}

/* Runs the plan; output [QUERIES][QUERY_HEADS][DIM] and lse start as NaN. */
static void attend(gpu_fixture *fixture, octavo_attention *plan, octavo_sequence sequence, uint32_t queries,
                   const float *query_rows, float *output, float *lse) {
    size_t output_size = (size_t)queries * QUERY_HEADS * DIM * sizeof(float),
           lse_size = (size_t)queries * QUERY_HEADS * sizeof(float);
    memset(output, 0xff, output_size);
    memset(lse, 0xff, lse_size);
    octavo_buffer *query_buffer = gpu_fixture_buffer(fixture, output_size, query_rows);
    octavo_buffer *output_buffer = gpu_fixture_buffer(fixture, output_size, output);
    octavo_buffer *lse_buffer = gpu_fixture_buffer(fixture, lse_size, lse);
    octavo_attention_run run = OCTAVO_ATTENTION_RUN_INIT;
    run.sequence_count = 1;
    run.sequences = &sequence;
    run.query_counts = &queries;
    run.queries = dense(query_buffer, queries, QUERY_HEADS);
    run.output = dense(output_buffer, queries, QUERY_HEADS);
    run.lse_buffer = octavo_buffer_handle(lse_buffer);
    run.lse_size = lse_size;
    gpu_fixture_begin(fixture);
    gpu_fixture_check(fixture, octavo_attention_record(plan, fixture->frame, fixture->command_buffer, &run),
                      "octavo_attention_record");
    gpu_fixture_submit(fixture);
    gpu_fixture_check(fixture, octavo_buffer_read(output_buffer, 0, output_size, output), "octavo_buffer_read");
    gpu_fixture_check(fixture, octavo_buffer_read(lse_buffer, 0, lse_size, lse), "octavo_buffer_read");
    octavo_buffer_destroy(query_buffer);
    octavo_buffer_destroy(output_buffer);
    octavo_buffer_destroy(lse_buffer);
}

/* The walks unpack in both forms alike, and each form takes seconds to compile: 3 bits and f16 run in both, 2 bits in
 * one dispatch, 4 bits in three. What has one form runs at each width. */
static bool has_form(uint32_t bits, const char *variant, unsigned form) {
    if (!variant_has_form(variant, 1)) return form == 0;
    return (bits != 2u || form == 0) && (bits != 4u || form == 1);
}

/* NULL when the variant cannot run here. */
static octavo_attention *make_plan(gpu_fixture *fixture, octavo_cache *cache, const char *variant, unsigned form,
                                   uint32_t queries, octavo_mask mask, float softcap) {
    octavo_attention_info info = OCTAVO_ATTENTION_INFO_INIT;
    octavo_attention *plan = NULL;
    info.cache = cache;
    info.query_head_count = QUERY_HEADS;
    info.query_capacity = queries;
    info.phase = queries > 16 ? OCTAVO_PHASE_PREFILL : OCTAVO_PHASE_DECODE;
    info.mask = mask;
    info.softcap = softcap;
    info.variant = variant;
    info.tuning = variant_tuning(fixture->device, variant, form);
    info.skip_proof = VK_TRUE; /* a plan would refuse what is wrong, as what cannot run */
    bool prefill_only = strncmp(variant, "prefill", 7) == 0; /* for decoding too: it has no fewer rows to give */
    if (prefill_only) info.phase = OCTAVO_PHASE_PREFILL;
    if (prefill_only && strstr(variant, "emulated") != NULL) return NULL; /* test_matrix_poison.c has them */
    if (!has_form(cache->layout.key_bits, variant, form)) return NULL;
    octavo_status status = octavo_attention_create(&info, &plan);
    if (status == OCTAVO_UNSUPPORTED) return NULL;
    gpu_fixture_check(fixture, status, "octavo_attention_create");
    return plan;
}

/* --- rows that see the token, and rows that do not -------------------------------------------------------------------
 */

typedef struct seen_case {
    uint32_t bits, recent, token, queries;
    octavo_mask mask;
    bool in_value, infinite;
    float softcap;
} seen_case;

static const seen_case seen_cases[] = {
    {3, 0, 280, QUERIES, {VK_TRUE, 0, 0, 0}, false, false, 0.0f}, /* the rows before it do not see it */
    {3, 0, 280, QUERIES, {VK_TRUE, 0, 0, 0}, true, false, 0.0f},  /* in V */
    {3, 0, 200, QUERIES, {VK_TRUE, 80, 0, 0}, false, true, 0.0f}, /* leaves the window of the later rows */
    {3, 0, 2, QUERIES, {VK_TRUE, 50, 2, 0}, true, true, 0.0f}, /* held in f16, just behind the sinks: nobody sees it */
    {3, 0, 1, QUERIES, {VK_TRUE, 50, 2, 0}, false, false, 0.0f},   /* a sink: all see it */
    {3, 32, 290, QUERIES, {VK_TRUE, 0, 0, 0}, true, false, 0.0f},  /* in the recent window */
    {16, 0, 280, QUERIES, {VK_TRUE, 0, 0, 0}, false, false, 0.0f}, /* f16 cache */
    {16, 0, 280, QUERIES, {VK_TRUE, 0, 0, 0}, true, true, 0.0f},
    {4, 0, 298, 4, {VK_TRUE, 0, 0, 0}, false, true, 0.0f},   /* decode */
    {2, 0, 150, 3, {VK_TRUE, 100, 4, 0}, true, false, 0.0f}, /* decode, in no window */
    {2, 0, 150, 3, {VK_TRUE, 0, 0, 0}, true, false, 5.0f},   /* a cap makes any logit a finite one */
    {4, 0, 298, 4, {VK_TRUE, 0, 0, 0}, false, true, 5.0f},
};

static void check_rows(const seen_case *test, int index, const char *variant, const float *clean,
                       const float *clean_lse, const float *poisoned, const float *poisoned_lse) {
    for (uint32_t i = 0; i < test->queries; i++) {
        bool sees = octavo_oracle_sees(&test->mask, test->queries, TOKENS, i, test->token);
        for (uint32_t head = 0; head < QUERY_HEADS; head++) {
            /* Of two KV heads, the first has the NaN: query heads 0 and 1. */
            bool expect_nan = sees && head < QUERY_HEADS / KV_HEADS;
            size_t row = (size_t)i * QUERY_HEADS + head;
            size_t nans = compare_count_nan(poisoned + row * DIM, DIM);
            /* these take the whole row then */
            bool is_matrix = strncmp(variant, "matrix", 6) == 0 || strcmp(variant, "prefill_matrix") == 0;
            if (expect_nan && test->bits == 16 && test->in_value && !is_matrix) {
                /* f16 values are as they came: the channel is not finite, the others are as before. */
                ck_assert_msg(!isfinite(poisoned[row * DIM + CHANNEL]) && nans <= 1, "case %d %s row %u head %u: %g",
                              index, variant, i, head, (double)poisoned[row * DIM + CHANNEL]);
            } else if (expect_nan) {
                /* A NaN in V says nothing of the log-sum-exp. */
                ck_assert_msg(nans == DIM && (test->in_value || isnan(poisoned_lse[row])),
                              "case %d %s row %u head %u: %zu of %d are NaN, log-sum-exp %g", index, variant, i, head,
                              nans, DIM, (double)poisoned_lse[row]);
            } else {
                ck_assert_msg(memcmp(poisoned + row * DIM, clean + row * DIM, DIM * sizeof(float)) == 0 &&
                                  memcmp(&poisoned_lse[row], &clean_lse[row], sizeof(float)) == 0,
                              "case %d %s row %u head %u changed, %zu are NaN", index, variant, i, head, nans);
            }
        }
    }
}

static void nan_reaches_the_rows_that_see_it(gpu_fixture *fixture, int index, unsigned width) {
    const seen_case *test = &seen_cases[index];
    poison_data *data = make_data(11);
    octavo_cache *cache = make_cache(fixture, test->bits, test->recent, 2048);
    octavo_sequence clean, poisoned;
    gpu_fixture_check(fixture, octavo_sequence_create(cache, 0, &clean), "octavo_sequence_create");
    gpu_fixture_check(fixture, octavo_sequence_create(cache, 0, &poisoned), "octavo_sequence_create");
    gpu_fixture_check(fixture, append(fixture, cache, clean, TOKENS, &data->keys[0][0][0], &data->values[0][0][0]),
                      "append");
    float *target = test->in_value ? data->values[test->token][0] : data->keys[test->token][0];
    target[CHANNEL] = test->infinite ? -INFINITY : NAN;
    gpu_fixture_check(fixture, append(fixture, cache, poisoned, TOKENS, &data->keys[0][0][0], &data->values[0][0][0]),
                      "append");
    static float outputs[2][QUERIES * QUERY_HEADS * DIM], lses[2][QUERIES * QUERY_HEADS];
    const char *variant;
    for (uint32_t v = 0; (variant = octavo_attention_variant_name(v / VARIANT_FORMS)) != NULL; v++) {
        if (!test_device_takes(fixture->device, v / VARIANT_FORMS + width)) continue;
        octavo_attention *plan =
            make_plan(fixture, cache, variant, v % VARIANT_FORMS, test->queries, test->mask, test->softcap);
        if (plan == NULL) continue;
        attend(fixture, plan, clean, test->queries, &data->queries[0][0][0], outputs[0], lses[0]);
        attend(fixture, plan, poisoned, test->queries, &data->queries[0][0][0], outputs[1], lses[1]);
        ck_assert_uint_eq(compare_count_nan(outputs[0], (size_t)test->queries * QUERY_HEADS * DIM), 0);
        check_rows(test, index, variant, outputs[0], lses[0], outputs[1], lses[1]);
        octavo_attention_destroy(plan);
    }
    octavo_cache_destroy(cache);
    free(data);
}

/* --- what was there before -------------------------------------------------------------------------------------------
 */

/* Fills every page of the cache with NaN tokens, lets the plan compute with them, and frees them all. */
static void poison_everything(gpu_fixture *fixture, octavo_cache *cache, octavo_attention *plan,
                              const poison_data *data) {
    static float rows[TOKENS * KV_HEADS * DIM];
    static float output[QUERIES * QUERY_HEADS * DIM], lse[QUERIES * QUERY_HEADS];
    octavo_sequence sequences[4];
    octavo_cache_statistics statistics;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) rows[i] = NAN;
    for (int s = 0; s < 4; s++) {
        gpu_fixture_check(fixture, octavo_sequence_create(cache, 0, &sequences[s]), "octavo_sequence_create");
        octavo_status status;
        while ((status = append(fixture, cache, sequences[s], 100, rows, rows)) == OCTAVO_SUCCESS) {
        }
        ck_assert_int_eq(status, OCTAVO_OUT_OF_PAGES);
    }
    attend(fixture, plan, sequences[0], QUERIES, &data->queries[0][0][0], output, lse);
    ck_assert_uint_eq(compare_count_nan(output, QUERIES * QUERY_HEADS * DIM), QUERIES * QUERY_HEADS * DIM);
    for (int s = 0; s < 4; s++)
        gpu_fixture_check(fixture, octavo_sequence_destroy(cache, sequences[s]), "octavo_sequence_destroy");
    octavo_cache_get_statistics(cache, &statistics);
    ck_assert_uint_eq(statistics.free_page_count, statistics.page_count);
}

static void old_contents_are_not_read(gpu_fixture *fixture, uint32_t bits, unsigned width) {
    static float outputs[2][QUERIES * QUERY_HEADS * DIM], lses[2][QUERIES * QUERY_HEADS];
    const octavo_mask causal = {VK_TRUE, 0, 0, 0};
    poison_data *data = make_data(12);
    octavo_cache *cache = make_cache(fixture, bits, bits == 3 ? 40 : 0, 600);
    const char *variant;
    for (uint32_t v = 0; (variant = octavo_attention_variant_name(v / VARIANT_FORMS)) != NULL; v++) {
        if (!test_device_takes(fixture->device, v / VARIANT_FORMS + width)) continue;
        octavo_attention *plan = make_plan(fixture, cache, variant, v % VARIANT_FORMS, QUERIES, causal, 0.0f);
        if (plan == NULL) continue;
        for (int round = 0; round < 2; round++) {
            octavo_sequence sequence;
            /* The first variant's first round finds the memory as it was allocated. */
            if (round == 1) poison_everything(fixture, cache, plan, data);
            gpu_fixture_check(fixture, octavo_sequence_create(cache, 0, &sequence), "octavo_sequence_create");
            gpu_fixture_check(
                fixture, append(fixture, cache, sequence, 261, &data->keys[0][0][0], &data->values[0][0][0]), "append");
            attend(fixture, plan, sequence, QUERIES, &data->queries[0][0][0], outputs[round], lses[round]);
            gpu_fixture_check(fixture, octavo_sequence_destroy(cache, sequence), "octavo_sequence_destroy");
        }
        ck_assert_msg(compare_count_nan(outputs[0], QUERIES * QUERY_HEADS * DIM) == 0,
                      "bits %u %s: NaN from fresh memory", bits, variant);
        ck_assert_msg(memcmp(outputs[0], outputs[1], sizeof outputs[0]) == 0 &&
                          memcmp(lses[0], lses[1], sizeof lses[0]) == 0,
                      "bits %u %s: another result after NaN was there, %zu values are NaN", bits, variant,
                      compare_count_nan(outputs[1], QUERIES * QUERY_HEADS * DIM));
        octavo_attention_destroy(plan);
    }
    octavo_cache_destroy(cache);
    free(data);
}

/* --- all of it, for a width of codes --------------------------------------------------------------------------------
 */

/* Cases of one width run on one device, whose fixture keeps the pipelines: nearly all of the time went into compiling
 * the same ones for each case. Each width is a case of Check, so that CTest runs them beside each other. Widths and
 * variants are shared out. */
static const struct {
    const char *name;
    uint32_t bits;
    bool old_contents;
} widths[] = {{"3_bits", 3, true}, {"f16", 16, true}, {"2_bits", 2, true}, {"4_bits", 4, false}};
#define WIDTH_COUNT ((int)(sizeof widths / sizeof widths[0]))

START_TEST(nan_where_nothing_may_be_read) {
    gpu_fixture fixture;
    gpu_fixture_open(&fixture);
    if (widths[_i].old_contents) old_contents_are_not_read(&fixture, widths[_i].bits, (unsigned)_i);
    for (int i = 0; i < (int)(sizeof seen_cases / sizeof seen_cases[0]); i++)
        if (seen_cases[i].bits == widths[_i].bits) nan_reaches_the_rows_that_see_it(&fixture, i, (unsigned)_i);
    gpu_fixture_close(&fixture);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("poison");
    for (int i = 0; i < WIDTH_COUNT; i++) {
        TCase *tests = tcase_create(widths[i].name);
        tcase_set_timeout(tests, 600);
        tcase_add_loop_test(tests, nan_where_nothing_may_be_read, i, i + 1);
        suite_add_tcase(suite, tests);
    }
    return run_suite(suite);
}
