/* The numbers of octavo bench: its oracle against the plain one, statistics, data, and the texts of a result. */
#include "attention_oracle.h"
#include "bench_oracle.h"
#include "bench_result.h"
#include "bench_values.h"
#include "random_numbers.h"
#include "report_bench.h"
#include "run_tests.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADS = 2, KEY_DIM = 8, VALUE_DIM = 5, ROWS = 12, TOKENS = 60 };

/* Which row a token is, by the words of bench_oracle.h. */
static uint32_t row_of_token(const octavo_bench_contents *contents, uint32_t token) {
    uint32_t row = token;
    while (row >= contents->first + contents->period) row -= contents->period;
    return row;
}

START_TEST(oracle_equals_the_plain_one) {
    octavo_random random = octavo_random_seed((uint64_t)_i);
    float rows[ROWS * HEADS * (KEY_DIM + VALUE_DIM)], query[KEY_DIM], sink = (float)octavo_random_unit(&random);
    float keys[TOKENS * HEADS * KEY_DIM], values[TOKENS * HEADS * VALUE_DIM];
    octavo_random_normal(&random, 1, rows, sizeof rows / sizeof rows[0]);
    octavo_random_normal(&random, 1, query, KEY_DIM);
    octavo_bench_contents contents = {.keys = rows,
                                      .values = rows + ROWS * HEADS * KEY_DIM,
                                      .array_rows = ROWS,
                                      .first = octavo_random_between(&random, 0, 4),
                                      .kv_heads = HEADS,
                                      .key_dim = KEY_DIM,
                                      .value_dim = VALUE_DIM};
    contents.period = ROWS - contents.first;
    uint32_t length = octavo_random_between(&random, 1, TOKENS), queries = octavo_random_between(&random, 1, 5);
    float own_rows[ROWS * HEADS * (KEY_DIM + VALUE_DIM)];
    octavo_random_normal(&random, 1, own_rows, sizeof own_rows / sizeof own_rows[0]);
    if (octavo_random_once_in(&random, 2)) {
        contents.own_keys = own_rows;
        contents.own_values = own_rows + ROWS * HEADS * KEY_DIM;
        contents.own_begin = octavo_random_between(&random, 0, length);
    }
    for (uint32_t t = 0; t < length; t++) {
        uint32_t row = row_of_token(&contents, t);
        bool own = contents.own_keys != NULL && t >= contents.own_begin;
        if (own) row %= contents.period;
        memcpy(keys + t * HEADS * KEY_DIM, (own ? contents.own_keys : contents.keys) + row * HEADS * KEY_DIM,
               sizeof(float) * HEADS * KEY_DIM);
        memcpy(values + t * HEADS * VALUE_DIM, (own ? contents.own_values : contents.values) + row * HEADS * VALUE_DIM,
               sizeof(float) * HEADS * VALUE_DIM);
    }
    octavo_mask mask = {octavo_random_once_in(&random, 2), 0, 0, 0};
    if (octavo_random_once_in(&random, 2)) mask.window = octavo_random_between(&random, 1, 30);
    if (octavo_random_once_in(&random, 2)) mask.sink = octavo_random_between(&random, 1, 9);
    const float *sink_logit = octavo_random_once_in(&random, 2) ? &sink : NULL;
    float all_queries[5 * HEADS * KEY_DIM], all_sinks[HEADS] = {sink, sink};
    for (int i = 0; i < 5 * HEADS; i++) memcpy(all_queries + i * KEY_DIM, query, sizeof query);
    octavo_oracle_info info = {.query_count = queries,
                               .key_count = length,
                               .query_head_count = HEADS,
                               .kv_head_count = HEADS,
                               .key_dim = KEY_DIM,
                               .value_dim = VALUE_DIM,
                               .queries = all_queries,
                               .keys = keys,
                               .values = values,
                               .sink_logits = sink_logit != NULL ? all_sinks : NULL,
                               .mask = mask};
    double expected[5 * HEADS * VALUE_DIM], output[VALUE_DIM], deviation = 0;
    ck_assert(octavo_oracle_attend(&info, expected, NULL, NULL));
    for (uint32_t i = 0; i < queries * HEADS; i++) {
        octavo_bench_visible seen = octavo_bench_find_visible(&mask, queries, length, i / HEADS);
        ck_assert(octavo_bench_oracle_row(&contents, query, i % HEADS, seen, sink_logit, output, &deviation));
        for (int c = 0; c < VALUE_DIM; c++)
            ck_assert_msg(fabs(output[c] - expected[i * VALUE_DIM + (uint32_t)c]) < 1e-12, "seed %d row %u: %g, not %g",
                          _i, i, output[c], expected[i * VALUE_DIM + (uint32_t)c]);
    }
}
END_TEST

START_TEST(rows_are_counted) {
    octavo_bench_contents contents = {.first = 3, .period = 7};
    for (uint32_t begin = 0; begin < 40; begin++) {
        for (uint32_t end = 0; end < 40; end++) {
            uint32_t counts[10] = {0};
            for (uint32_t t = begin; t < end; t++) counts[row_of_token(&contents, t)]++;
            for (uint32_t row = 0; row < 10; row++)
                ck_assert_uint_eq(octavo_bench_row_count(&contents, row, begin, end), counts[row]);
        }
    }
}
END_TEST

START_TEST(quantiles) {
    double samples[11] = {10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0};
    octavo_bench_summary summary = octavo_bench_summarise(samples, 11);
    ck_assert_double_eq(summary.median, 5);
    ck_assert_double_eq(summary.minimum, 0);
    ck_assert_double_eq(summary.maximum, 10);
    ck_assert_double_eq_tol(summary.p10, 1, 1e-12);
    ck_assert_double_eq_tol(summary.p90, 9, 1e-12);
    ck_assert_double_eq(samples[0], 10);
    summary = octavo_bench_summarise(samples, 2);
    ck_assert_double_eq(summary.median, 9.5);
    summary = octavo_bench_summarise(samples, 1);
    ck_assert(summary.median == 10 && summary.p10 == 10 && summary.p90 == 10);
    summary = octavo_bench_summarise(NULL, 0);
    ck_assert_double_eq(summary.median, 0);
}
END_TEST

START_TEST(values_are_nearly_normal) {
    const int count = 200000;
    double sum = 0, squares = 0, products = 0;
    for (int i = 0; i < count; i++) {
        double key = (double)octavo_bench_value(5, OCTAVO_BENCH_KEYS, (uint64_t)i);
        sum += key;
        squares += key * key;
        products += key * (double)octavo_bench_value(5, OCTAVO_BENCH_VALUES, (uint64_t)i);
    }
    ck_assert_double_le(fabs(sum / count), 0.01);
    ck_assert_double_le(fabs(squares / count - 1), 0.01);
    ck_assert_double_le(fabs(products / count), 0.01);
    float filled[3];
    octavo_bench_fill_values(5, OCTAVO_BENCH_QUERIES, OCTAVO_F32, 7, filled, 3);
    ck_assert(filled[2] == octavo_bench_value(5, OCTAVO_BENCH_QUERIES, 9));
    ck_assert(filled[0] != octavo_bench_value(6, OCTAVO_BENCH_QUERIES, 7));
}
END_TEST

/* --- texts ----------------------------------------------------------------------------------------------------------
 */

static double samples[3] = {12, 10, 11};

static octavo_bench_row make_row(bool gpu) {
    octavo_bench_row row = {.bench = {.phase = OCTAVO_BENCH_DECODE,
                                      .key_dim = 128,
                                      .value_dim = 64,
                                      .kv_heads = 8,
                                      .gqa = 4,
                                      .tokens = {1, 100, false},
                                      .batch = 2,
                                      .queries = 1,
                                      .key_bits = 4,
                                      .value_bits = 16,
                                      .layers = 3,
                                      .mask = {VK_TRUE, 64, 4, 0}},
                            .variant = "int8_subgroup",
                            .total_tokens = 90,
                            .steps_per_sample = 5,
                            .bytes = 1e6,
                            .ops = 4e6,
                            .has_kernel_error = true,
                            .kernel_rel_l2 = 0.003,
                            .codec_rel_l2 = 0.2,
                            .bound = 0.012,
                            .checked_rows = 16,
                            .ok = true};
    octavo_bench_times times = {samples, 3, octavo_bench_summarise(samples, 3)};
    octavo_bench_case_name(&row.bench, row.name);
    if (gpu) row.gpu = times;
    row.host = row.host_minus_empty = times;
    return row;
}

static octavo_bench_result make_result(octavo_bench_row rows[2], octavo_bench_skip *skip) {
    static char command[] = "octavo bench --out \"a,b\"";
    octavo_bench_result result = {.device = {.name = "Test \"GPU\", <b>|x", .driver = "driver 1"},
                                  .ceilings = {.copy_bytes_per_s = 4e11,
                                               .read_bytes_per_s = 5e11,
                                               .int8_dot_ops_per_s = 1e12,
                                               .f16_matrix_flops = 7e13,
                                               .f32_flops = 2e12,
                                               .empty_dispatch_us = 3,
                                               .set_bytes = 1048576},
                                  .date = "2026-01-02T03:04:05Z",
                                  .command = command,
                                  .rows = rows,
                                  .skips = skip,
                                  .row_count = 2,
                                  .skip_count = 1};
    rows[0] = make_row(true);
    rows[1] = make_row(false);
    for (int i = 0; i < 2; i++) octavo_bench_row_relate(&rows[i], &result.ceilings);
    strcpy(skip->name, "a case");
    strcpy(skip->reason, "memory | 1 GiB");
    return result;
}

START_TEST(ratios_to_the_ceilings) {
    octavo_bench_row rows[2];
    octavo_bench_skip skip;
    (void)make_result(rows, &skip);
    ck_assert_double_eq_tol(rows[0].bytes_per_s, 1e6 / 11e-6, 1);
    ck_assert_double_eq_tol(rows[0].fraction_of_read, 1e6 / 11e-6 / 5e11, 1e-9);
    ck_assert_double_eq_tol(rows[0].roofline_fraction, 4e-6 / 11e-6, 1e-9); /* 4 us by operations, 2 us by bytes */
}
END_TEST

/* A kernel's roof is that of the units that it works with; one that was not measured counts no operations. */
START_TEST(roofs_of_variants) {
    static const struct {
        const char *variant;
        double us; /* by operations: 4e6 of them; 2 us by bytes */
    } variants[] = {{"matrix", 4e6 / 1e10 * 1e6},      {"matrix_emulated", 4e6 / 1e12 * 1e6},
                    {"matrix_int8", 4e6 / 2e10 * 1e6}, {"int8_subgroup", 4e6 / 5e11 * 1e6},
                    {"f16_shared", 4e6 / 8e11 * 1e6},  {"f32_subgroup", 4e6 / 1e12 * 1e6}};
    octavo_bench_ceilings ceilings = {.read_bytes_per_s = 5e11,
                                      .f16_matrix_flops = 1e10,
                                      .int8_matrix_ops_per_s = 2e10,
                                      .int8_dot_ops_per_s = 5e11,
                                      .f16_flops = 8e11,
                                      .f32_flops = 1e12};
    double samples[] = {1000};
    for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
        octavo_bench_row row = {.bytes = 1e6, .ops = 4e6, .gpu = {samples, 1, octavo_bench_summarise(samples, 1)}};
        (void)snprintf(row.variant, sizeof row.variant, "%s", variants[i].variant);
        octavo_bench_row_relate(&row, &ceilings);
        ck_assert_double_eq_tol(row.roofline_fraction, variants[i].us / 1000, 1e-9);
    }
    octavo_bench_row row = {
        .variant = "matrix", .bytes = 1e6, .ops = 4e6, .gpu = {samples, 1, octavo_bench_summarise(samples, 1)}};
    ceilings.f16_matrix_flops = 0;
    octavo_bench_row_relate(&row, &ceilings);
    ck_assert_double_eq_tol(row.roofline_fraction, 2e-3, 1e-9);
}
END_TEST

START_TEST(json_is_read_by_the_report) {
    octavo_bench_row rows[2];
    octavo_bench_skip skip;
    octavo_bench_result result = make_result(rows, &skip);
    char *text = octavo_bench_result_json(&result);
    octavo_report_file file;
    octavo_error_line error = {""};
    ck_assert_ptr_nonnull(text);
    ck_assert_msg(octavo_report_file_parse("a.json", (const uint8_t *)text, strlen(text), 0, &file, &error), "%s",
                  error.text);
    ck_assert(!file.complete);
    ck_assert_str_eq(file.device_name, result.device.name);
    ck_assert_str_eq(file.command, result.command);
    ck_assert_double_eq(file.read_bytes_per_s, 5e11);
    ck_assert_double_eq(file.f16_matrix_flops, 7e13);
    ck_assert(!(file.int8_matrix_ops_per_s > 0)); /* not measured */
    ck_assert_uint_eq(file.row_count, 2);
    ck_assert_uint_eq(file.skip_count, 1);
    ck_assert_str_eq(file.skips[0].reason, skip.reason);
    const octavo_report_row *row = &file.rows[0];
    ck_assert_str_eq(row->name, rows[0].name);
    ck_assert_str_eq(row->kv, "4/f16");
    ck_assert_str_eq(row->tokens_text, "1..100 log-uniform");
    ck_assert_double_eq(row->tokens_total, 90);
    ck_assert(row->times[OCTAVO_REPORT_CLOCK_GPU].known && row->ok);
    ck_assert_double_eq(row->times[OCTAVO_REPORT_CLOCK_GPU].median, 11);
    ck_assert(!file.rows[1].times[OCTAVO_REPORT_CLOCK_GPU].known);
    octavo_report_file_release(&file);
    free(text);
}
END_TEST

/* Fields of a line of CSV: commas outside of quotes. */
static size_t count_fields(const char *line) {
    size_t fields = 1;
    bool quoted = false;
    for (; *line != '\0' && (*line != '\n' || quoted); line++) {
        if (*line == '"') quoted = !quoted;
        fields += *line == ',' && !quoted;
    }
    return fields;
}

START_TEST(tables_are_whole) {
    octavo_bench_row rows[2];
    octavo_bench_skip skip;
    octavo_bench_result result = make_result(rows, &skip);
    char *csv = octavo_bench_result_csv(&result), *markdown = octavo_bench_result_markdown(&result);
    ck_assert(csv != NULL && markdown != NULL);
    size_t columns = count_fields(csv), lines = 0;
    for (const char *line = csv; *line != '\0'; line = strchr(line, '\n') + 1, lines++)
        ck_assert_uint_eq(count_fields(line), columns);
    ck_assert_uint_eq(lines, 3);
    ck_assert_ptr_nonnull(strstr(csv, "\"Test \"\"GPU\"\", <b>|x\""));
    ck_assert_ptr_nonnull(strstr(markdown, "broken off"));
    ck_assert_ptr_nonnull(strstr(markdown, "| a case | memory   1 GiB |"));
    size_t bars = 0;
    for (const char *line = strstr(markdown, "\n| case"); line != NULL; line = strstr(line + 1, "\n| decode")) {
        size_t count = 0;
        for (const char *byte = line + 1; *byte != '\n'; byte++) count += *byte == '|';
        ck_assert(bars == 0 || bars == count);
        bars = count;
    }
    free(csv);
    free(markdown);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("bench_numbers");
    TCase *test_case = tcase_create("bench_numbers");
    tcase_set_timeout(test_case, 60);
    tcase_add_loop_test(test_case, oracle_equals_the_plain_one, 0, 200);
    tcase_add_test(test_case, rows_are_counted);
    tcase_add_test(test_case, quantiles);
    tcase_add_test(test_case, values_are_nearly_normal);
    tcase_add_test(test_case, ratios_to_the_ceilings);
    tcase_add_test(test_case, roofs_of_variants);
    tcase_add_test(test_case, json_is_read_by_the_report);
    tcase_add_test(test_case, tables_are_whole);
    suite_add_tcase(suite, test_case);
    return run_suite(suite);
}
