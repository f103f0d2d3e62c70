/* Walks with products of f16 on any device, on a problem for each thing that they do, against the oracle: the
 * emulations of the matrix walks, forced, prefill_tiles where the device has matrix units, and those in f16 arithmetic.
 * The bound is that of f16 queries and weights, of the matrix walks far below that of the self test.
 * test_matrix_poison.c has what is not finite. */
#include "attention_check.h"
#include "gpu_fixture.h"
#include "random_numbers.h"
#include "random_problem.h"
#include "run_tests.h"
#include "variant_forms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB ((VkDeviceSize)1 << 20)
#define REL_L2_MAX 2e-3
#define LSE_MAX 4e-3 /* times the deviation of the logits, if above 1 */

typedef enum codec_parts { NO_CODEC = 0, MEAN = 1, TRANSFORM = 2 } codec_parts;

typedef struct matrix_case {
    const char *name;
    uint32_t lengths[4], query_counts[4]; /* the sequences end at the first length 0 with 0 queries */
    uint32_t query_heads, kv_heads, key_dim, value_dim, key_bits, value_bits;
    uint32_t first_tokens, recent_tokens;
    octavo_mask mask;
    octavo_empty_row empty_row;
    unsigned codec;
    float softcap, query_deviation; /* 0: 1 */
    float outlier;                  /* factor of V of token 0, the other tokens are small then; 0: 1 */
    bool sink_logits, f16_tensors;
    uint32_t workgroup_target, layers, chunk_tokens;
    VkDeviceSize segment_bytes, scratch_bytes;
    uint64_t slice_work;
} matrix_case;

#define CAUSAL                                                                                                         \
    { VK_TRUE, 0, 0, 0 }

static const matrix_case cases[] = {
    {"dims-32", {300}, {1}, 2, 2, 32, 32, 3, 3, 4, 0, CAUSAL, .codec = NO_CODEC},
    {"ragged-2-bits",
     {1, 127, 129, 513},
     {1, 1, 2, 3},
     8,
     2,
     64,
     64,
     2,
     2,
     4,
     0,
     CAUSAL,
     .sink_logits = true,
     .workgroup_target = 1},
    {"dims-80-windows", {330}, {5}, 6, 2, 80, 80, 4, 4, 4, 32, {VK_TRUE, 100, 4, 0}, .chunk_tokens = 70},
    {"dims-96-mean", {260}, {2}, 5, 1, 96, 96, 3, 2, 4, 0, CAUSAL, .codec = MEAN, .softcap = 3},
    {"dims-128", {700}, {1}, 8, 1, 128, 128, 3, 3, 4, 0, CAUSAL, .f16_tensors = true},
    {"dims-128-f16", {300}, {3}, 8, 2, 128, 128, 16, 16, 0, 0, CAUSAL, .sink_logits = true},
    {"dims-160-group-16", {200}, {1}, 16, 1, 160, 160, 3, 3, 4, 0, CAUSAL, .codec = NO_CODEC},
    {"dims-256", {200}, {3}, 4, 2, 256, 256, 4, 4, 4, 8, CAUSAL, .f16_tensors = true},
    {"transform-rows-uniform",
     {10, 140},
     {13, 3},
     4,
     2,
     64,
     128,
     4,
     2,
     4,
     0,
     CAUSAL,
     .empty_row = OCTAVO_EMPTY_ROW_UNIFORM,
     .codec = MEAN | TRANSFORM,
     .sink_logits = true},
    {"keys-f16-windows", {210}, {2}, 6, 2, 128, 32, 16, 3, 4, 16, CAUSAL, .softcap = 20},
    {"values-f16-rows-all",
     {10, 150},
     {14, 1},
     7,
     1,
     40,
     33,
     2,
     16,
     2,
     5,
     CAUSAL,
     .empty_row = OCTAVO_EMPTY_ROW_ATTEND_ALL,
     .sink_logits = true},
    {"prefix-both-sides", {300}, {16}, 1, 1, 32, 32, 3, 3, 0, 0, {VK_FALSE, 20, 0, 150}, .codec = NO_CODEC},
    {"rows-zero-window-behind", {20}, {40}, 4, 2, 96, 64, 3, 4, 0, 0, {VK_TRUE, 6, 0, 0}, .codec = NO_CODEC},
    {"prefill-transform", {140}, {40}, 4, 2, 64, 64, 3, 3, 4, 0, CAUSAL, .codec = TRANSFORM},
    {"many-partial-results", {5300}, {1}, 2, 1, 32, 32, 3, 3, 0, 0, CAUSAL, .workgroup_target = 500},
    {"one-workgroup-small-slices",
     {260, 0, 140, 3},
     {9, 2, 7, 5},
     12,
     4,
     64,
     64,
     3,
     3,
     4,
     0,
     {VK_TRUE, 70, 3, 0},
     .workgroup_target = 1,
     .scratch_bytes = 65536,
     .slice_work = 16384},
    {"segments-f16", {700}, {2}, 8, 4, 256, 256, 16, 16, 0, 0, CAUSAL, .segment_bytes = MIB, .workgroup_target = 8},
    {"segments-windows", {520}, {2}, 8, 8, 256, 128, 4, 3, 4, 8, CAUSAL, .layers = 3, .segment_bytes = 2 * MIB},
    {"wide-logits", {900}, {1}, 4, 2, 64, 64, 3, 3, 4, 0, CAUSAL, .query_deviation = 12},
    {"unseen-outlier", {400}, {2}, 4, 2, 64, 64, 3, 3, 0, 0, {VK_TRUE, 390, 0, 0}, .outlier = 3e6f},
    {"softcap-far", {260}, {3}, 5, 1, 96, 96, 3, 2, 4, 16, CAUSAL, .softcap = 1e6f},
};

#define CASE_COUNT (sizeof cases / sizeof cases[0])

static void add_mean(octavo_problem *problem, octavo_random *random) {
    size_t row = (size_t)problem->kv_head_count * problem->key_dim;
    problem->key_mean = calloc(row, sizeof(float));
    ck_assert_ptr_nonnull(problem->key_mean);
    octavo_random_normal(random, 2.0f, problem->key_mean, row);
    for (uint64_t token = 0; token < octavo_problem_token_count(problem); token++)
        for (size_t i = 0; i < row; i++) problem->keys[token * row + i] += problem->key_mean[i];
}

/* Near the identity, so that it is invertible; not symmetric. */
static void add_transform(octavo_problem *problem, octavo_random *random) {
    uint32_t size = (problem->key_dim + 31) / 32 * 32;
    size_t entries = (size_t)size * size;
    problem->key_transform = calloc(entries * problem->kv_head_count, sizeof(float));
    ck_assert_ptr_nonnull(problem->key_transform);
    octavo_random_normal(random, 0.3f / (float)size, problem->key_transform, entries * problem->kv_head_count);
    for (uint32_t head = 0; head < problem->kv_head_count; head++)
        for (uint32_t i = 0; i < size; i++)
            problem->key_transform[entries * head + (size_t)i * size + i] += 0.8f + 0.01f * (float)i;
}

static void add_sink_logits(octavo_problem *problem) {
    problem->sink_logits = calloc(problem->query_head_count, sizeof(float));
    ck_assert_ptr_nonnull(problem->sink_logits);
    for (uint32_t head = 0; head < problem->query_head_count; head++) problem->sink_logits[head] = 2.5f - (float)head;
}

static void set_settings(const matrix_case *test, octavo_problem *problem) {
    problem->query_head_count = test->query_heads;
    problem->kv_head_count = test->kv_heads;
    problem->key_dim = test->key_dim;
    problem->value_dim = test->value_dim;
    problem->key_bits = test->key_bits;
    problem->value_bits = test->value_bits;
    problem->first_tokens = test->first_tokens;
    problem->recent_tokens = test->recent_tokens;
    problem->mask = test->mask;
    problem->empty_row = test->empty_row;
    problem->softcap = test->softcap;
    problem->workgroup_target = test->workgroup_target;
    problem->chunk_tokens = test->chunk_tokens;
    problem->segment_bytes = test->segment_bytes;
    problem->scratch_bytes = test->scratch_bytes;
    problem->slice_work = test->slice_work;
    if (test->layers > 0) {
        problem->layer_count = test->layers;
        problem->layer = test->layers - 1;
    }
    if (test->f16_tensors) {
        problem->query_type = OCTAVO_F16;
        problem->key_type = OCTAVO_BF16;
        problem->output_type = OCTAVO_F16;
        problem->stride_padding = 6;
        problem->head_major = true;
    }
}

/* The variants of the test: each takes all cases. */
static const struct {
    const char *name;
    octavo_phase phase;
} variants[] = {{"matrix_emulated", OCTAVO_PHASE_AUTO},
                {"prefill_emulated", OCTAVO_PHASE_PREFILL},
                {"prefill_tiles_emulated", OCTAVO_PHASE_AUTO},
                {"prefill_tiles", OCTAVO_PHASE_AUTO},
                {"f16_subgroup", OCTAVO_PHASE_AUTO},
                {"f16_shared", OCTAVO_PHASE_AUTO},
                {"prefill_f16", OCTAVO_PHASE_AUTO}};
#define VARIANT_COUNT (sizeof variants / sizeof variants[0])

static bool can_run(const octavo_device *device, const char *variant, octavo_phase phase) {
    const char *name;
    for (uint32_t i = 0; (name = octavo_attention_variant_name(i)) != NULL; i++)
        if (strcmp(name, variant) == 0) return octavo_attention_variant_refusal(device, i, phase) == NULL;
    ck_abort_msg("there is no %s", variant);
    return false;
}

static void make_problem(const matrix_case *test, uint64_t seed, octavo_problem *problem) {
    octavo_error_line error = {""};
    octavo_random random = octavo_random_seed(seed + 1);
    uint32_t sequences = 1;
    while (sequences < 4 && (test->lengths[sequences] > 0 || test->query_counts[sequences] > 0)) sequences++;
    octavo_problem_init(problem);
    ck_assert_msg(octavo_problem_allocate_sequences(problem, sequences, &error), "%s", error.text);
    for (uint32_t i = 0; i < sequences; i++) {
        problem->lengths[i] = test->lengths[i];
        problem->query_counts[i] = test->query_counts[i];
    }
    set_settings(test, problem);
    ck_assert_msg(octavo_problem_allocate_data(problem, &error), "%s", error.text);
    octavo_random_problem_fill(problem, seed, test->query_deviation > 0 ? test->query_deviation : 1.0f);
    if (test->outlier > 0) {
        size_t row = (size_t)test->kv_heads * test->value_dim;
        for (size_t i = 0; i < row * octavo_problem_token_count(problem); i++)
            problem->values[i] *= i < row ? 0.01f * test->outlier : 0.01f;
    }
    if ((test->codec & MEAN) != 0) add_mean(problem, &random);
    if ((test->codec & TRANSFORM) != 0) add_transform(problem, &random);
    if (test->sink_logits) add_sink_logits(problem);
}

static void agrees_with_the_oracle(gpu_fixture *fixture, size_t index, const char *variant, octavo_phase phase) {
    const matrix_case *test = &cases[index];
    uint64_t seed = 500u + index;
    octavo_problem problem;
    octavo_session_result result;
    octavo_error_line error = {""};
    char text[1024];
    make_problem(test, seed, &problem);
    problem.variant = variant;
    problem.tuning = variant_tuning(fixture->device, variant, variant_has_form(variant, 1) ? index % VARIANT_FORMS : 0);
    problem.phase = phase;
    octavo_problem_describe(&problem, text, sizeof text);
    ck_assert_msg(octavo_session_run(fixture->device, &problem, true, &result, &error), "%s: %s: %s: %s", test->name,
                  text, error.text, fixture->log.last[OCTAVO_LOG_ERROR]);
    ck_assert_str_eq(result.variant, variant);
    octavo_check check = octavo_check_result(&problem, &result);
    double spread = check.logit_deviation > 1 ? check.logit_deviation : 1;
    if (getenv("OCTAVO_TEST_PRINT") != NULL)
        (void)fprintf(stderr, "%s, %s: %.2g, log-sum-exp %.2g, logits %.3g\n", test->name, variant, check.kernel_rel_l2,
                      check.lse_max_abs, check.logit_deviation);
    ck_assert_msg(check.kernel_rel_l2 <= REL_L2_MAX && check.lse_max_abs <= LSE_MAX * spread && check.guards_intact,
                  "%s, %s, seed %llu: %s: relative L2 %g, log-sum-exp %g, logits deviate by %g, guards %s", test->name,
                  variant, (unsigned long long)seed, text, check.kernel_rel_l2, check.lse_max_abs,
                  check.logit_deviation, check.guards_intact ? "intact" : "WRITTEN");
    octavo_session_release(&result);
    octavo_problem_release(&problem);
}

static bool same_layout(const matrix_case *a, const matrix_case *b) {
    return a->key_dim == b->key_dim && a->value_dim == b->value_dim && a->key_bits == b->key_bits &&
           a->value_bits == b->value_bits;
}

static bool is_first_of_layout(int index) {
    for (int i = 0; i < index; i++)
        if (same_layout(&cases[i], &cases[index])) return false;
    return true;
}

/* Where a layout runs, in the order of the first cases. The emulations have 32 lanes at each width: of 512 bits, which
 * take twice as long to compile, there are two layouts; SwiftShader compiles one in half the time of lavapipe. */
static const test_share shares[] = {
    TEST_LAVAPIPE_256, TEST_SWIFTSHADER,  TEST_SWIFTSHADER,  TEST_SWIFTSHADER,  TEST_LAVAPIPE_512,
    TEST_LAVAPIPE_256, TEST_SWIFTSHADER,  TEST_LAVAPIPE_256, TEST_LAVAPIPE_128, TEST_SWIFTSHADER,
    TEST_LAVAPIPE_512, TEST_LAVAPIPE_128, TEST_LAVAPIPE_128, TEST_SWIFTSHADER,  TEST_SWIFTSHADER,
};

/* The cases of one layout, on all variants, run on one device, so that what they have in common is compiled once: with
 * the first case of the layout. Layouts are shared out. */
START_TEST(variants_agree_with_the_oracle) {
    gpu_fixture fixture;
    if (!is_first_of_layout(_i)) return;
    unsigned layout = 0;
    for (int i = 0; i < _i; i++) layout += is_first_of_layout(i);
    ck_assert_uint_lt(layout, sizeof shares / sizeof shares[0]);
    gpu_fixture_open(&fixture);
    bool takes = test_device_takes(fixture.device, shares[layout]);
    for (size_t i = (size_t)_i; i < CASE_COUNT && takes; i++)
        for (size_t v = 0; v < VARIANT_COUNT && same_layout(&cases[i], &cases[_i]); v++)
            if (can_run(fixture.device, variants[v].name, variants[v].phase))
                agrees_with_the_oracle(&fixture, i, variants[v].name, variants[v].phase);
    gpu_fixture_close(&fixture);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("matrix_emulated");
    TCase *tests = tcase_create("matrix_emulated");
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, variants_agree_with_the_oracle, 0, (int)CASE_COUNT);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
