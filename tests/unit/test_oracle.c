/* The oracle itself against cases with known answers, and against the words of the header on masks, one key at a time;
 * then the parsers and the random problems that the self test stands on. */
#include "attention_check.h"
#include "mask_spec.h"
#include "random_numbers.h"
#include "random_problem.h"
#include "run_tests.h"
#include "tensor_layout.h"
#include "tensor_type.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The definition without ranges, shifts or order: exponentials of all visible logits. */
static double plain_row(const octavo_oracle_info *info, uint32_t query, uint32_t head, double *output) {
    uint32_t kv_head = head / (info->query_head_count / info->kv_head_count);
    double scale = info->scale == 0 ? 1 / sqrt(info->key_dim) : info->scale, sum = 0;
    for (uint32_t c = 0; c < info->value_dim; c++) output[c] = 0;
    for (uint32_t j = 0; j < info->key_count; j++) {
        if (!octavo_oracle_sees(&info->mask, info->query_count, info->key_count, query, j)) continue;
        double logit = 0;
        for (uint32_t c = 0; c < info->key_dim; c++)
            logit += (double)info->queries[((size_t)query * info->query_head_count + head) * info->key_dim + c] *
                     (double)info->keys[((size_t)j * info->kv_head_count + kv_head) * info->key_dim + c];
        logit *= scale;
        if (info->softcap > 0) logit = info->softcap * tanh(logit / info->softcap);
        sum += exp(logit);
        for (uint32_t c = 0; c < info->value_dim; c++)
            output[c] +=
                exp(logit) * (double)info->values[((size_t)j * info->kv_head_count + kv_head) * info->value_dim + c];
    }
    double denominator = sum + (info->sink_logits != NULL ? exp((double)info->sink_logits[head]) : 0);
    for (uint32_t c = 0; c < info->value_dim && sum > 0; c++) output[c] /= denominator;
    return log(sum);
}

START_TEST(equals_the_definition) {
    octavo_random random = octavo_random_seed((uint64_t)_i);
    float queries[6 * 4 * 8], keys[16 * 2 * 8], values[16 * 2 * 5], sinks[4];
    double output[6 * 4 * 5], lse[6 * 4], expected[5];
    octavo_random_normal(&random, 1, queries, 6 * 4 * 8);
    octavo_random_normal(&random, 1, keys, 16 * 2 * 8);
    octavo_random_normal(&random, 1, values, 16 * 2 * 5);
    octavo_random_normal(&random, 2, sinks, 4);
    octavo_oracle_info info = {.query_count = octavo_random_between(&random, 1, 6),
                               .key_count = octavo_random_between(&random, 0, 16),
                               .query_head_count = 4,
                               .kv_head_count = octavo_random_once_in(&random, 2) ? 2 : 1,
                               .key_dim = 8,
                               .value_dim = 5,
                               .queries = queries,
                               .keys = keys,
                               .values = values};
    info.mask.causal = octavo_random_once_in(&random, 2);
    if (octavo_random_once_in(&random, 2)) info.mask.window = octavo_random_between(&random, 1, 10);
    if (octavo_random_once_in(&random, 2)) info.mask.sink = octavo_random_between(&random, 1, 10);
    if (octavo_random_once_in(&random, 3)) info.mask.prefix = octavo_random_between(&random, 1, 20);
    if (octavo_random_once_in(&random, 2)) info.softcap = 1.5;
    if (octavo_random_once_in(&random, 2)) info.scale = 0.7;
    if (octavo_random_once_in(&random, 2)) info.sink_logits = sinks;
    ck_assert(octavo_oracle_attend(&info, output, lse, NULL));
    for (uint32_t i = 0; i < info.query_count; i++) {
        for (uint32_t h = 0; h < 4; h++) {
            double expected_lse = plain_row(&info, i, h, expected);
            for (uint32_t c = 0; c < 5; c++)
                ck_assert_msg(fabs(output[(i * 4 + h) * 5 + c] - expected[c]) < 1e-12, "seed %d row %u head %u", _i, i,
                              h);
            bool both_empty = isinf(expected_lse) && isinf(lse[i * 4 + h]) && lse[i * 4 + h] < 0;
            ck_assert_msg(both_empty || fabs(lse[i * 4 + h] - expected_lse) < 1e-12, "seed %d row %u head %u", _i, i,
                          h);
        }
    }
}
END_TEST

START_TEST(rows_that_see_nothing) {
    /* Three queries, two keys: under the causal mask the first query sees nothing. Equal keys: attend-all is the mean.
     */
    float queries[3] = {1, 1, 1}, keys[2] = {2, 2}, values[2] = {1, 3}, sink[1] = {2};
    double output[3], lse[3];
    octavo_oracle_info info = {.query_count = 3,
                               .key_count = 2,
                               .query_head_count = 1,
                               .kv_head_count = 1,
                               .key_dim = 1,
                               .value_dim = 1,
                               .queries = queries,
                               .keys = keys,
                               .values = values,
                               .mask = {VK_TRUE, 0, 0, 0}};
    static const double expected[3] = {0, 2, 2};
    for (int empty = 0; empty < 3; empty++) {
        info.empty_row = (octavo_empty_row)empty;
        ck_assert(octavo_oracle_attend(&info, output, lse, NULL));
        ck_assert_double_eq_tol(output[0], expected[empty], 1e-15);
        ck_assert(isinf(lse[0]) && lse[0] < 0);
        ck_assert_double_eq_tol(output[1], 1, 1e-15);
        ck_assert_double_eq_tol(lse[1], 2, 1e-15);
        ck_assert_double_eq_tol(output[2], 2, 1e-15);
        ck_assert_double_eq_tol(lse[2], 2 + log(2), 1e-15);
    }
    info.sink_logits = sink; /* as large as the logits: one more in the denominator, none in the log-sum-exp */
    ck_assert(octavo_oracle_attend(&info, output, lse, NULL));
    ck_assert_double_eq_tol(output[1], 0.5, 1e-15);
    ck_assert_double_eq_tol(lse[1], 2, 1e-15);
    sink[0] = 5000; /* the weights underflow, the log-sum-exp does not */
    ck_assert(octavo_oracle_attend(&info, output, lse, NULL));
    ck_assert_double_eq_tol(output[2], 0, 1e-15);
    ck_assert_double_eq_tol(lse[2], 2 + log(2), 1e-15);
    info.key_count = 0;
    for (int empty = 0; empty < 3; empty++) {
        info.empty_row = (octavo_empty_row)empty;
        ck_assert(octavo_oracle_attend(&info, output, lse, NULL));
        ck_assert_double_eq_tol(output[2], 0, 1e-30);
    }
}
END_TEST

START_TEST(nan_reaches_the_rows_that_see_it) {
    float queries[3] = {1, 1, 1}, keys[3] = {0.5f, NAN, 0.25f}, values[3] = {1, 2, 3};
    double output[3], lse[3];
    octavo_oracle_info info = {.query_count = 3,
                               .key_count = 3,
                               .query_head_count = 1,
                               .kv_head_count = 1,
                               .key_dim = 1,
                               .value_dim = 1,
                               .queries = queries,
                               .keys = keys,
                               .values = values,
                               .mask = {VK_TRUE, 1, 0, 0}};
    ck_assert(octavo_oracle_attend(&info, output, lse, NULL));
    ck_assert_double_eq_tol(output[0], 1, 1e-30);
    ck_assert(isnan(output[1]) && isnan(lse[1]));
    ck_assert_double_eq_tol(output[2], 3, 1e-30);
}
END_TEST

START_TEST(spread_of_normal_logits_is_one) {
    octavo_problem problem;
    octavo_error_line error = {""};
    octavo_problem_init(&problem);
    ck_assert(octavo_problem_allocate_sequences(&problem, 1, &error));
    problem.lengths[0] = 300;
    problem.query_counts[0] = 20;
    problem.query_head_count = 4;
    problem.kv_head_count = 2;
    problem.key_dim = problem.value_dim = 64;
    ck_assert(octavo_problem_allocate_data(&problem, &error));
    octavo_random_problem_fill(&problem, 7, 3.0f);
    octavo_oracle_spread spread = {0, 0};
    octavo_oracle_info info = {.query_count = 20,
                               .key_count = 300,
                               .query_head_count = 4,
                               .kv_head_count = 2,
                               .key_dim = 64,
                               .value_dim = 64,
                               .queries = problem.queries,
                               .keys = problem.keys,
                               .values = problem.values};
    double *output = malloc(20 * 4 * 64 * sizeof *output);
    ck_assert(octavo_oracle_attend(&info, output, NULL, &spread));
    ck_assert_double_eq_tol(octavo_oracle_deviation(&spread), 3.0, 0.1);
    free(output);
    octavo_problem_release(&problem);
}
END_TEST

START_TEST(mask_specs) {
    octavo_mask mask;
    octavo_error_line error = {""};
    char text[OCTAVO_MASK_SPEC_LENGTH];
    ck_assert(octavo_mask_spec_parse("none", &mask, &error));
    ck_assert(!mask.causal && mask.window == 0 && mask.sink == 0 && mask.prefix == 0);
    ck_assert(octavo_mask_spec_parse("sink=4,window=100,causal", &mask, &error));
    ck_assert(mask.causal && mask.window == 100 && mask.sink == 4 && mask.prefix == 0);
    octavo_mask_spec_format(&mask, text);
    ck_assert_str_eq(text, "causal,window=100,sink=4");
    ck_assert(octavo_mask_spec_parse("prefix=4294967295", &mask, &error));
    ck_assert_uint_eq(mask.prefix, UINT32_MAX);
    static const char *const bad[] = {"",
                                      "causal,",
                                      ",causal",
                                      "causal,none",
                                      "none,none",
                                      "causal,causal",
                                      "window",
                                      "window=",
                                      "window=0",
                                      "window=-1",
                                      "window=4294967296",
                                      "window=1x",
                                      "sink=1,sink=2",
                                      "Causal",
                                      "causal sink=3",
                                      "prefix=99999999999999999999999",
                                      "a-very-long-name-of-a-mask-that-is-none=1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        error.text[0] = '\0';
        ck_assert_msg(!octavo_mask_spec_parse(bad[i], &mask, &error), "'%s' was taken", bad[i]);
        ck_assert_msg(error.text[0] != '\0', "'%s' without a reason", bad[i]);
    }
}
END_TEST

START_TEST(cache_specs) {
    uint32_t key_bits = 0, value_bits = 0;
    octavo_error_line error = {""};
    char text[OCTAVO_CACHE_SPEC_LENGTH];
    ck_assert(octavo_cache_spec_parse("3", &key_bits, &value_bits, &error) && key_bits == 3 && value_bits == 3);
    ck_assert(octavo_cache_spec_parse("4/3", &key_bits, &value_bits, &error) && key_bits == 4 && value_bits == 3);
    octavo_cache_spec_format(key_bits, value_bits, text);
    ck_assert_str_eq(text, "4/3");
    ck_assert(octavo_cache_spec_parse("f16/2", &key_bits, &value_bits, &error) && key_bits == 16 && value_bits == 2);
    octavo_cache_spec_format(16, 16, text);
    ck_assert_str_eq(text, "f16");
    static const char *const bad[] = {"", "/", "3/", "/3", "5", "3/3/3", "f32", "33", "3 "};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(!octavo_cache_spec_parse(bad[i], &key_bits, &value_bits, &error), "'%s' was taken", bad[i]);
}
END_TEST

START_TEST(tensors_pack_and_unpack) {
    octavo_random random = octavo_random_seed(3);
    float rows[5 * 3 * 33], back[5 * 3 * 33];
    octavo_random_normal(&random, 1, rows, 5 * 3 * 33);
    for (int type = 0; type < 3; type++) {
        for (int head_major = 0; head_major < 2; head_major++) {
            octavo_tensor_layout layout = octavo_tensor_layout_make((octavo_type)type, 5, 3, 33, 4, head_major != 0);
            uint8_t *block = malloc(layout.block_bytes);
            octavo_tensor_layout_pack(&layout, rows, block);
            ck_assert(octavo_tensor_layout_unpack(&layout, block, back));
            for (size_t i = 0; i < 5 * 3 * 33; i++) {
                ck_assert(back[i] == octavo_tensor_round((octavo_type)type, rows[i]));
                ck_assert(fabsf(back[i] - rows[i]) <= fabsf(rows[i]) * (type == 0   ? 0.0f
                                                                        : type == 1 ? 0x1p-11f
                                                                                    : 0x1p-8f));
            }
            block[layout.block_bytes - 1] = 0;
            ck_assert(!octavo_tensor_layout_unpack(&layout, block, back));
            free(block);
        }
    }
    ck_assert(octavo_tensor_round(OCTAVO_BF16, 1.00390625f) == 1.0f);      /* halfway, to even */
    ck_assert(octavo_tensor_round(OCTAVO_BF16, 1.01171875f) == 1.015625f); /* halfway, to even */
}
END_TEST

START_TEST(random_problems_repeat) {
    octavo_error_line error = {""};
    for (uint64_t seed = 0; seed < 200; seed++) {
        octavo_problem first, second;
        char first_text[1024], second_text[1024];
        ck_assert(octavo_random_problem_draw(seed, 0x1p22, &first, &error));
        ck_assert(octavo_random_problem_draw(seed, 0x1p22, &second, &error));
        octavo_problem_describe(&first, first_text, sizeof first_text);
        octavo_problem_describe(&second, second_text, sizeof second_text);
        ck_assert_str_eq(first_text, second_text);
        ck_assert(octavo_problem_work(&first) <= 0x1p22);
        ck_assert_mem_eq(first.keys, second.keys,
                         (size_t)octavo_problem_token_count(&first) * first.kv_head_count * first.key_dim *
                             sizeof(float));
        ck_assert(first.key_dim >= 32 && first.key_dim <= 256 && first.query_head_count <= 32);
        octavo_problem_release(&first);
        octavo_problem_release(&second);
    }
}
END_TEST

START_TEST(fixed_problems_can_be_made) {
    uint32_t count = 0;
    for (;; count++) {
        octavo_problem problem;
        octavo_error_line error = {""};
        bool made = false;
        const char *name = octavo_fixed_problem(count, &problem, &error, &made);
        if (name == NULL) break;
        ck_assert_msg(made, "%s: %s", name, error.text);
        octavo_problem_release(&problem);
    }
    ck_assert_uint_ge(count, 20);
}
END_TEST

START_TEST(bounds_follow_the_path) {
    ck_assert_double_eq_tol(octavo_check_bound("decode-f32-shared", OCTAVO_F32, 1), 2e-5, 1e-30);
    ck_assert_double_eq_tol(octavo_check_bound("decode-f32-shared", OCTAVO_F16, 1), 2e-3, 1e-30);
    ck_assert_double_eq_tol(octavo_check_bound("f16_subgroup", OCTAVO_F32, 8), 2e-3, 1e-30);
    ck_assert_double_eq_tol(octavo_check_bound("prefill_f16", OCTAVO_F32, 16), 4e-3, 1e-30);
    ck_assert_double_eq_tol(octavo_check_bound("decode-int8-subgroup", OCTAVO_F32, 1), 1.2e-2, 1e-30);
    ck_assert_double_eq_tol(octavo_check_bound("decode-int8-subgroup", OCTAVO_F32, 3.5), 2e-2, 1e-30);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("oracle");
    TCase *tests = tcase_create("oracle");
    tcase_add_loop_test(tests, equals_the_definition, 0, 300);
    tcase_add_test(tests, rows_that_see_nothing);
    tcase_add_test(tests, nan_reaches_the_rows_that_see_it);
    tcase_add_test(tests, spread_of_normal_logits_is_one);
    tcase_add_test(tests, bounds_follow_the_path);
    tcase_add_test(tests, mask_specs);
    tcase_add_test(tests, cache_specs);
    tcase_add_test(tests, tensors_pack_and_unpack);
    tcase_add_test(tests, random_problems_repeat);
    tcase_add_test(tests, fixed_problems_can_be_made);
    tcase_set_timeout(tests, 120);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
