/* Queries that bring their own keys and values: a problem for each thing that they touch, against the oracle; what is
 * not finite in them; recordings of several chunks; and malformed calls. Layouts and variants are shared out
 * (test_device.h). The matrix walks' poison is in test_matrix_poison.c, barriers are in test_cache_order.c. */
#include "attention/attention_plan.h"
#include "attention/cache_object.h"
#include "attention_check.h"
#include "compare.h"
#include "gpu_fixture.h"
#include "random_numbers.h"
#include "random_problem.h"
#include "run_tests.h"
#include "variant_forms.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAUSAL                                                                                                         \
    { VK_TRUE, 0, 0, 0 }

static bool is_for_prefill(const char *variant) {
    return strncmp(variant, "prefill", 7) == 0;
}

/* Of the forms that test_poison.c has too, for a driver's cache to keep; prefill's tiles at 3 bits are the library's
 * own. */
static const char *tuning_of(const octavo_device *device, const char *variant, uint32_t key_bits, unsigned form) {
    if (is_for_prefill(variant) && key_bits == 3) return NULL;
    return variant_tuning(device, variant, variant_has_form(variant, form) ? form : 0);
}

static bool has_form(const char *variant, unsigned form, uint32_t key_bits) {
    return form == 0 || (key_bits == 3 && variant_has_form(variant, 1));
}

/* --- against the oracle ----------------------------------------------------------------------------------------------
 */

typedef struct own_case {
    const char *name;
    uint32_t lengths[4], query_counts[4]; /* the sequences end at the first length 0 */
    uint32_t query_heads, kv_heads, key_dim, value_dim, key_bits, value_bits;
    uint32_t first_tokens, recent_tokens, chunk_tokens, workgroup_target;
    octavo_mask mask;
    bool mean, sink_logits, f16_tensors;
    float softcap;
    VkDeviceSize segment_bytes, scratch_bytes;
    uint64_t slice_work;
} own_case;

/* Four layouts: compiling takes most of the time, and the random problems have all sizes. */
static const own_case cases[] = {
    {"an encoder: nothing is in the cache", {200, 64, 1}, {200, 64, 1}, 4, 2, 64, 64, 3, 3, 4, .mask = {0, 0, 0, 0}},
    {"chunks behind windows", {330, 200, 3}, {170, 150, 3}, 4, 2, 64, 64, 3, 3, 4, 32, 70, .mask = CAUSAL},
    {"one token each", {700, 129, 1, 258}, {1, 1, 1, 1}, 8, 2, 64, 64, 3, 3, 4, .mask = CAUSAL, .sink_logits = true},
    {"a mean, a tile's end", {256, 255}, {128, 16}, 5, 1, 64, 64, 3, 3, 0, 0, 0, .mask = CAUSAL, .mean = true},
    {"segments and slices",
     {180, 90},
     {150, 60},
     8,
     4,
     64,
     64,
     3,
     3,
     4,
     .mask = CAUSAL,
     .segment_bytes = 3u << 15,
     .scratch_bytes = 32768,
     .slice_work = 65536},
    {"f16", {300, 12}, {40, 9}, 6, 2, 64, 64, 16, 16, .chunk_tokens = 16, .mask = CAUSAL, .f16_tensors = true},
    {"f16 V", {210}, {33}, 4, 2, 64, 64, 4, 16, 4, 16, .workgroup_target = 4, .mask = {VK_TRUE, 100, 4, 0}},
    {"f16 K", {210}, {33}, 4, 2, 64, 96, 16, 3, 4, .mask = {VK_FALSE, 20, 0, 150}, .softcap = 20},
};
#define CASE_COUNT (sizeof cases / sizeof cases[0])

static void make_problem(const own_case *test, uint64_t seed, octavo_problem *problem) {
    octavo_error_line error = {""};
    uint32_t sequences = 1;
    while (sequences < 4 && test->lengths[sequences] > 0) sequences++;
    octavo_problem_init(problem);
    ck_assert_msg(octavo_problem_allocate_sequences(problem, sequences, &error), "%s", error.text);
    memcpy(problem->lengths, test->lengths, sequences * sizeof *test->lengths);
    memcpy(problem->query_counts, test->query_counts, sequences * sizeof *test->query_counts);
    problem->own_tokens = true;
    problem->query_head_count = test->query_heads;
    problem->kv_head_count = test->kv_heads;
    problem->key_dim = test->key_dim;
    problem->value_dim = test->value_dim;
    problem->key_bits = test->key_bits;
    problem->value_bits = test->value_bits;
    problem->first_tokens = test->first_tokens;
    problem->recent_tokens = test->recent_tokens;
    problem->chunk_tokens = test->chunk_tokens;
    problem->workgroup_target = test->workgroup_target;
    problem->mask = test->mask;
    problem->softcap = test->softcap;
    problem->segment_bytes = test->segment_bytes;
    problem->scratch_bytes = test->scratch_bytes;
    problem->slice_work = test->slice_work;
    if (test->f16_tensors) {
        problem->query_type = problem->value_type = OCTAVO_F16;
        problem->key_type = OCTAVO_BF16;
        problem->stride_padding = 6;
        problem->head_major = true;
    }
    ck_assert_msg(octavo_problem_allocate_data(problem, &error), "%s", error.text);
    octavo_random_problem_fill(problem, seed, 1.0f);
    octavo_random random = octavo_random_seed(seed + 1);
    size_t row = (size_t)test->kv_heads * test->key_dim;
    if (test->mean) {
        problem->key_mean = calloc(row, sizeof(float));
        ck_assert_ptr_nonnull(problem->key_mean);
        octavo_random_normal(&random, 2.0f, problem->key_mean, row);
        for (uint64_t i = 0; i < octavo_problem_token_count(problem) * row; i++)
            problem->keys[i] += problem->key_mean[i % row];
    }
    if (test->sink_logits) {
        problem->sink_logits = calloc(test->query_heads, sizeof(float));
        ck_assert_ptr_nonnull(problem->sink_logits);
        octavo_random_normal(&random, 2.0f, problem->sink_logits, test->query_heads);
    }
}

static void agrees_with_the_oracle(gpu_fixture *fixture, size_t index, const char *variant, unsigned form) {
    uint64_t seed = 700u + index;
    octavo_problem problem;
    octavo_session_result result;
    octavo_error_line error = {""};
    char text[1024];
    make_problem(&cases[index], seed, &problem);
    octavo_random_problem_force(&problem, variant);
    problem.tuning = tuning_of(fixture->device, variant, cases[index].key_bits, form);
    problem.skip_proof = true; /* a plan would leave a row aside that is wrong */
    octavo_problem_describe(&problem, text, sizeof text);
    bool ran = octavo_session_run(fixture->device, &problem, true, &result, &error);
    ck_assert_msg(ran, "%s: %s: %s: %s", cases[index].name, text, error.text, fixture->log.last[OCTAVO_LOG_ERROR]);
    ck_assert_str_eq(result.variant, variant);
    octavo_check check = octavo_check_result(&problem, &result);
    if (getenv("OCTAVO_TEST_PRINT") != NULL)
        (void)fprintf(stderr, "%s, %s, form %u: %.2g of %.2g, log-sum-exp %.2g\n", cases[index].name, variant, form,
                      check.kernel_rel_l2, check.rel_l2_bound, check.lse_max_abs);
    ck_assert_msg(check.passed, "%s, seed %llu: %s: relative L2 %g (bound %g), log-sum-exp %g (bound %g), guards %s",
                  cases[index].name, (unsigned long long)seed, text, check.kernel_rel_l2, check.rel_l2_bound,
                  check.lse_max_abs, check.lse_bound, check.guards_intact ? "intact" : "WRITTEN");
    octavo_session_release(&result);
    octavo_problem_release(&problem);
}

static void cases_agree_with_the_oracle(gpu_fixture *fixture, uint32_t key_bits, uint32_t value_bits, unsigned layout) {
    const char *variant;
    for (uint32_t v = 0; (variant = octavo_attention_variant_name(v)) != NULL; v++) {
        octavo_phase phase = is_for_prefill(variant) ? OCTAVO_PHASE_PREFILL : OCTAVO_PHASE_AUTO;
        if (!test_device_takes(fixture->device, v + layout)) continue;
        if (octavo_attention_variant_refusal(fixture->device, v, phase) != NULL) continue;
        for (size_t i = 0; i < CASE_COUNT; i++) {
            if (cases[i].key_bits != key_bits || cases[i].value_bits != value_bits) continue;
            for (unsigned form = 0; form < VARIANT_FORMS; form++)
                if (has_form(variant, form, key_bits)) agrees_with_the_oracle(fixture, i, variant, form);
        }
    }
}

/* --- calls by hand ---------------------------------------------------------------------------------------------------
 */

enum { KV_HEADS = 2, QUERY_HEADS = 4, DIM = 64, CONTEXT = 150, QUERIES = 40, TOKENS = CONTEXT + QUERIES, CHANNEL = 17 };
enum { ROW = KV_HEADS * DIM, QUERY_ROW = QUERY_HEADS * DIM };

typedef struct hand {
    gpu_fixture gpu;
    octavo_cache *cache;
    octavo_attention *plan;
    float keys[TOKENS * ROW], values[TOKENS * ROW], queries[QUERIES * QUERY_ROW];
    octavo_buffer *key_buffer, *value_buffer, *query_buffer, *output_buffer;
    float output[QUERIES * QUERY_ROW];
} hand;

static hand x;

static octavo_tensor rows(const octavo_buffer *buffer, uint32_t heads, uint32_t first) {
    VkDeviceSize offset = (VkDeviceSize)first * heads * DIM * 4;
    return (octavo_tensor){
        octavo_buffer_handle(buffer), offset, octavo_buffer_size(buffer) - offset, OCTAVO_F32, heads * DIM, DIM};
}

static void open_cache(uint32_t key_bits, uint32_t value_bits) {
    octavo_cache_info info = OCTAVO_CACHE_INFO_INIT;
    info.kv_head_count = KV_HEADS;
    info.key_dim = info.value_dim = DIM;
    info.key_bits = key_bits;
    info.value_bits = value_bits;
    info.token_capacity = 1024;
    info.sequence_capacity = 4;
    gpu_fixture_check(&x.gpu, octavo_cache_create(x.gpu.device, &info, &x.cache), "octavo_cache_create");
    octavo_random random = octavo_random_seed(31);
    octavo_random_normal(&random, 1, x.keys, TOKENS * ROW);
    octavo_random_normal(&random, 1, x.values, TOKENS * ROW);
    octavo_random_normal(&random, 1, x.queries, QUERIES * QUERY_ROW);
    x.key_buffer = gpu_fixture_buffer(&x.gpu, sizeof x.keys, x.keys);
    x.value_buffer = gpu_fixture_buffer(&x.gpu, sizeof x.values, x.values);
    x.query_buffer = gpu_fixture_buffer(&x.gpu, sizeof x.queries, x.queries);
    x.output_buffer = gpu_fixture_buffer(&x.gpu, sizeof x.output, NULL);
}

static void close_cache(void) {
    octavo_cache_destroy(x.cache);
    octavo_buffer_destroy(x.key_buffer);
    octavo_buffer_destroy(x.value_buffer);
    octavo_buffer_destroy(x.query_buffer);
    octavo_buffer_destroy(x.output_buffer);
}

/* False: the device cannot run it. */
static bool open_plan(const char *variant, octavo_mask mask) {
    octavo_attention_info info = OCTAVO_ATTENTION_INFO_INIT;
    info.cache = x.cache;
    info.query_head_count = QUERY_HEADS;
    info.query_capacity = QUERIES;
    info.sequence_capacity = 4;
    info.phase = variant != NULL && is_for_prefill(variant) ? OCTAVO_PHASE_PREFILL : OCTAVO_PHASE_AUTO;
    info.mask = mask;
    info.variant = variant;
    info.own_tokens = VK_TRUE;
    if (variant != NULL) info.tuning = tuning_of(x.gpu.device, variant, x.cache->layout.key_bits, 1);
    info.skip_proof = variant != NULL; /* a plan would refuse what is wrong, as what cannot run */
    octavo_status status = octavo_attention_create(&info, &x.plan);
    if (status == OCTAVO_UNSUPPORTED) return false;
    gpu_fixture_check(&x.gpu, status, "octavo_attention_create");
    return true;
}

/* Tokens [first, first + sum of counts) of the arrays. */
static void record_append(const octavo_sequence *sequences, const uint32_t *counts, uint32_t count, uint32_t first) {
    octavo_append_info info = OCTAVO_APPEND_INFO_INIT;
    info.sequence_count = count;
    info.sequences = sequences;
    info.token_counts = counts;
    info.keys = rows(x.key_buffer, KV_HEADS, first);
    info.values = rows(x.value_buffer, KV_HEADS, first);
    gpu_fixture_check(&x.gpu, octavo_cache_record_append(x.cache, x.gpu.frame, x.gpu.command_buffer, &info),
                      "octavo_cache_record_append");
}

/* Queries [first, first + sum of counts), which bring the tokens CONTEXT further on. */
static octavo_attention_run run_of(const octavo_sequence *sequences, const uint32_t *counts, uint32_t count,
                                   uint32_t first) {
    octavo_attention_run run = OCTAVO_ATTENTION_RUN_INIT;
    run.sequence_count = count;
    run.sequences = sequences;
    run.query_counts = counts;
    run.queries = rows(x.query_buffer, QUERY_HEADS, first);
    run.output = rows(x.output_buffer, QUERY_HEADS, first);
    run.own_keys = rows(x.key_buffer, KV_HEADS, CONTEXT + first);
    run.own_values = rows(x.value_buffer, KV_HEADS, CONTEXT + first);
    return run;
}

static void record_attention(const octavo_sequence *sequences, const uint32_t *counts, uint32_t count, uint32_t first) {
    octavo_attention_run run = run_of(sequences, counts, count, first);
    gpu_fixture_check(&x.gpu, octavo_attention_record(x.plan, x.gpu.frame, x.gpu.command_buffer, &run),
                      "octavo_attention_record");
}

static octavo_sequence new_sequence(void) {
    octavo_sequence sequence;
    gpu_fixture_check(&x.gpu, octavo_sequence_create(x.cache, 0, &sequence), "octavo_sequence_create");
    return sequence;
}

static void destroy(octavo_sequence sequence) {
    gpu_fixture_check(&x.gpu, octavo_sequence_destroy(x.cache, sequence), "octavo_sequence_destroy");
}

static void read_output(void) {
    gpu_fixture_check(&x.gpu, octavo_buffer_read(x.output_buffer, 0, sizeof x.output, x.output), "octavo_buffer_read");
}

/* CONTEXT tokens in the cache and QUERIES at once behind them, into x.output. */
static void attend(void) {
    const uint32_t context = CONTEXT, queries = QUERIES;
    octavo_sequence sequence = new_sequence();
    memset(x.output, 0xff, sizeof x.output);
    gpu_fixture_check(&x.gpu, octavo_buffer_write(x.output_buffer, 0, sizeof x.output, x.output),
                      "octavo_buffer_write");
    gpu_fixture_begin(&x.gpu);
    record_append(&sequence, &context, 1, 0);
    record_attention(&sequence, &queries, 1, 0);
    gpu_fixture_submit(&x.gpu);
    read_output();
    destroy(sequence);
}

/* --- what is not finite ----------------------------------------------------------------------------------------------
 */

static void poison(octavo_buffer *buffer, float *values, uint32_t token, float value) {
    values[token * ROW + CHANNEL] = value;
    gpu_fixture_check(&x.gpu, octavo_buffer_write(buffer, 0, TOKENS * ROW * sizeof *values, values),
                      "octavo_buffer_write");
}

/* Rows of KV head 0 that see the token are NaN, the others as they were, but for the weights' rounding, which V's
 * largest scale decides in some variants. */
static void check_rows(const float *clean, const char *variant, octavo_mask mask, uint32_t token, const char *what) {
    for (uint32_t i = 0; i < QUERIES * QUERY_HEADS; i++) {
        bool expect_nan = i % QUERY_HEADS < QUERY_HEADS / KV_HEADS &&
                          octavo_oracle_sees(&mask, QUERIES, TOKENS, i / QUERY_HEADS, token);
        const float *row = x.output + (size_t)i * DIM;
        size_t nans = compare_count_nan(row, DIM);
        double change = expect_nan ? 0 : compare_relative_l2_float(row, clean + (size_t)i * DIM, DIM);
        ck_assert_msg(nans == (expect_nan ? DIM : 0) && change <= 1e-3,
                      "%s, %s of token %u: row %u of head %u: %zu NaN, changed by %g", variant, what, token,
                      i / QUERY_HEADS, i % QUERY_HEADS, nans, change);
    }
}

static void nan_reaches_rows(const char *variant, octavo_mask mask) {
    static const uint32_t tokens[] = {CONTEXT, CONTEXT + 7, TOKENS - 1};
    static float clean[QUERIES * QUERY_ROW];
    attend();
    memcpy(clean, x.output, sizeof clean);
    ck_assert_uint_eq(compare_count_nan(clean, QUERIES * QUERY_ROW), 0);
    for (uint32_t i = 0; i < 3; i++) {
        float key = x.keys[tokens[i] * ROW + CHANNEL], value = x.values[tokens[i] * ROW + CHANNEL];
        poison(x.key_buffer, x.keys, tokens[i], NAN);
        attend();
        check_rows(clean, variant, mask, tokens[i], "K");
        poison(x.key_buffer, x.keys, tokens[i], key);
        poison(x.value_buffer, x.values, tokens[i], i == 1 ? -INFINITY : NAN);
        attend();
        check_rows(clean, variant, mask, tokens[i], "V");
        poison(x.value_buffer, x.values, tokens[i], value);
    }
    attend(); /* rows of own tokens that were NaN are there no more */
    ck_assert_msg(memcmp(x.output, clean, sizeof clean) == 0, "%s: another result after NaN", variant);
}

static void nan_reaches_the_rows_that_see_it(uint32_t key_bits, uint32_t value_bits, octavo_mask mask,
                                             unsigned layout) {
    const char *variant;
    open_cache(key_bits, value_bits);
    for (uint32_t v = 0; (variant = octavo_attention_variant_name(v)) != NULL; v++) {
        if (!test_device_takes(x.gpu.device, v + layout) || !open_plan(variant, mask)) continue;
        nan_reaches_rows(variant, mask);
        octavo_attention_destroy(x.plan);
    }
    close_cache();
}

/* --- several calls in a recording ------------------------------------------------------------------------------------
 */

/* Two chunks of two sequences, each attended, then appended; between them sequences without tokens. */
static void record_chunks(const octavo_sequence sequences[4], bool apart) {
    static const uint32_t context[4] = {0, 130, 0, 20}, chunks[2][4] = {{0, 9, 0, 13}, {0, 1, 0, 17}};
    gpu_fixture_begin(&x.gpu);
    record_append(sequences, context, 4, 0);
    for (uint32_t i = 0, first = 0; i < 2; first += 22, i++) {
        for (int step = 0; step < 2; step++) {
            if (apart) {
                gpu_fixture_submit(&x.gpu);
                gpu_fixture_begin(&x.gpu);
            }
            if (step == 0)
                record_attention(sequences, chunks[i], 4, first);
            else
                record_append(sequences, chunks[i], 4, CONTEXT + first);
        }
    }
    gpu_fixture_submit(&x.gpu);
}

static void run_chunks(bool apart, float *output, uint32_t *words, uint32_t token_words) {
    octavo_sequence sequences[4];
    for (int s = 0; s < 4; s++) sequences[s] = new_sequence();
    record_chunks(sequences, apart);
    read_output();
    memcpy(output, x.output, sizeof x.output);
    gpu_fixture_check(&x.gpu, octavo_cache_read_packed(x.cache, sequences[1], 0, 0, 140, words), "read");
    gpu_fixture_check(
        &x.gpu, octavo_cache_read_packed(x.cache, sequences[3], 0, 0, 50, words + (size_t)140 * token_words), "read");
    for (int s = 0; s < 4; s++) destroy(sequences[s]);
}

/* An append beside the attention that does not see it changes nothing of either. */
static void chunks_may_be_recorded_together(unsigned layout) {
    static float outputs[2][QUERIES * QUERY_ROW];
    const char *variant;
    open_cache(3, 3);
    uint32_t token_words = KV_HEADS * octavo_cache_packed_words(x.cache);
    size_t size = (size_t)190 * token_words * sizeof(uint32_t);
    uint32_t *words[2] = {malloc(size), malloc(size)};
    ck_assert(words[0] != NULL && words[1] != NULL);
    for (uint32_t v = 0; (variant = octavo_attention_variant_name(v)) != NULL; v++) {
        if (!test_device_takes(x.gpu.device, v + layout) || !open_plan(variant, (octavo_mask)CAUSAL)) continue;
        for (int i = 0; i < 2; i++) run_chunks(i == 1, outputs[i], words[i], token_words);
        ck_assert_uint_eq(compare_count_nan(outputs[0], QUERIES * QUERY_ROW), 0);
        ck_assert_msg(memcmp(outputs[0], outputs[1], sizeof outputs[0]) == 0, "%s: another output", variant);
        ck_assert_msg(memcmp(words[0], words[1], size) == 0, "%s: another cache", variant);
        octavo_attention_destroy(x.plan);
    }
    free(words[0]);
    free(words[1]);
    close_cache();
}

/* --- malformed calls -------------------------------------------------------------------------------------------------
 */

static void expect_refused(octavo_attention *plan, const octavo_attention_run *run, const char *names) {
    test_log *log = &x.gpu.log;
    unsigned before = log->lines[OCTAVO_LOG_ERROR];
    octavo_status status = octavo_attention_record(plan, x.gpu.frame, x.gpu.command_buffer, run);
    ck_assert_msg(status == OCTAVO_INVALID_ARGUMENT && log->lines[OCTAVO_LOG_ERROR] == before + 1 &&
                      strstr(log->last[OCTAVO_LOG_ERROR], names) != NULL,
                  "%s: status %d, line: %s", names, (int)status, log->last[OCTAVO_LOG_ERROR]);
}

static void malformed_calls_are_refused(void) {
    const uint32_t count = QUERIES;
    open_cache(3, 3);
    ck_assert(open_plan(NULL, (octavo_mask)CAUSAL));
    octavo_attention_info info = OCTAVO_ATTENTION_INFO_INIT;
    octavo_attention *without = NULL;
    info.cache = x.cache;
    info.query_head_count = QUERY_HEADS;
    info.query_capacity = QUERIES;
    gpu_fixture_check(&x.gpu, octavo_attention_create(&info, &without), "octavo_attention_create");
    octavo_sequence sequence = new_sequence();
    const octavo_attention_run good = run_of(&sequence, &count, 1, 0);
    gpu_fixture_begin(&x.gpu);
    expect_refused(without, &good, "own_tokens");
    octavo_attention_run run = good;
    run.own_values.buffer = VK_NULL_HANDLE;
    expect_refused(x.plan, &run, "own_values.buffer");
    run = good;
    run.own_keys.buffer = VK_NULL_HANDLE;
    expect_refused(x.plan, &run, "own_keys.buffer");
    run = good;
    run.own_keys.size = ROW * 4 * (QUERIES - 1);
    expect_refused(x.plan, &run, "own_keys.size");
    run = good;
    run.own_values.token_stride = DIM - 1;
    expect_refused(x.plan, &run, "own_values.token_stride");
    run = good;
    run.own_values.type = (octavo_type)3;
    expect_refused(x.plan, &run, "own_values.type");
    record_attention(&sequence, &count, 1, 0);
    gpu_fixture_submit(&x.gpu);
    octavo_attention_destroy(without);
    octavo_attention_destroy(x.plan);
    close_cache();
}

/* --- all of it, for a layout
 * ------------------------------------------------------------------------------------------
 */

/* On one device, whose fixture keeps the pipelines. */
static const struct {
    const char *name;
    uint32_t key_bits, value_bits;
    octavo_mask mask; /* of the tests with NaN */
} layouts[] = {{"3_bits", 3, 3, {VK_TRUE, 0, 0, 0}},
               {"f16", 16, 16, {VK_FALSE, 12, 3, 0}},
               {"f16_values", 4, 16, {VK_TRUE, 9, 0, 152}},
               {"f16_keys", 16, 3, {0}}};
#define LAYOUT_COUNT ((int)(sizeof layouts / sizeof layouts[0]))

START_TEST(own_tokens) {
    uint32_t key_bits = layouts[_i].key_bits, value_bits = layouts[_i].value_bits;
    unsigned layout = (unsigned)_i;
    gpu_fixture_open(&x.gpu);
    cases_agree_with_the_oracle(&x.gpu, key_bits, value_bits, layout);
    if (key_bits != 16 || value_bits == 16)
        nan_reaches_the_rows_that_see_it(key_bits, value_bits, layouts[_i].mask, layout);
    if (key_bits == 3) {
        chunks_may_be_recorded_together(layout);
        malformed_calls_are_refused();
    }
    gpu_fixture_close(&x.gpu);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("own_tokens");
    for (int i = 0; i < LAYOUT_COUNT; i++) {
        TCase *tests = tcase_create(layouts[i].name);
        tcase_set_timeout(tests, 600);
        tcase_add_loop_test(tests, own_tokens, i, i + 1);
        suite_add_tcase(suite, tests);
    }
    return run_suite(suite);
}
