/* octavo bench on whatever device there is, in a few small cases: every row is right, every file can be read. */
#define _POSIX_C_SOURCE 200809L

#include "commands.h"
#include "report_bench.h"
#include "run_tests.h"
#include "test_device.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char path[512]; /* of the result, one for each process */

/* Keeps the driver loaded to the end, so that LeakSanitizer can name what it leaks. */
static void keep_driver(void) {
    octavo_device *device = NULL;
    ck_assert_int_eq(test_device_open(0, VK_FALSE, NULL, &device), OCTAVO_SUCCESS);
    octavo_device_destroy(device);
}

static octavo_exit run(char *line) {
    char *argv[40] = {NULL};
    int argc = 0;
    (void)snprintf(path, sizeof path, "%s/test_bench_%ld.json", OCTAVO_BINARY_DIR, (long)getpid());
    for (char *word = strtok(line, " "); word != NULL && argc < 37; word = strtok(NULL, " ")) argv[argc++] = word;
    argv[argc++] = (char[]){"--out"};
    argv[argc++] = path;
    optind = 1;
    return octavo_bench_command(argc, argv);
}

static octavo_report_file read_result(void) {
    octavo_report_file file;
    octavo_error_line error = {""};
    ck_assert_msg(octavo_report_file_read(path, 0, &file, &error), "%s", error.text);
    (void)unlink(path);
    return file;
}

static void check_row(const octavo_report_row *row) {
    ck_assert_msg(row->checked && row->ok, "%s: kernel %g, codec %g, bound %g", row->name, row->kernel_rel_l2,
                  row->codec_rel_l2, row->bound);
    ck_assert_msg(row->times[OCTAVO_REPORT_CLOCK_HOST].known, "%s: no time", row->name);
    ck_assert_uint_ge(row->times[OCTAVO_REPORT_CLOCK_HOST].sample_count, 3);
    ck_assert_double_gt(row->bytes, 0);
}

static char *const runs[] = {
    "bench --tokens 5000 --kv-heads 2 --d 64 --gqa 3 --queries 1,4 --kv 3,f16 --mask causal --mask causal,window=50",
    "bench --tokens 1..700 --batch 5 --equal-total --kv-heads 1 --dv 40 --kv 4/2 --first 0 --warm --dtype f16,bf16",
    "bench --phase append,prefill --tokens 130 --batch 2 --kv-heads 2 --d 33 --mask none --dtype f16",
    "bench --preset gpt-oss-20b,esm-2-650m --tokens 200",
};
static const size_t row_counts[] = {8, 4, 2, 3};

START_TEST(rows_are_right) {
    char line[512];
    (void)snprintf(line, sizeof line, "%s --rounds 3 --min-ms 0 --max-ms 1 --set 1", runs[_i]);
    ck_assert_int_eq(run(line), OCTAVO_EXIT_SUCCESS);
    octavo_report_file file = read_result();
    ck_assert(file.complete);
    ck_assert_uint_eq(file.row_count, row_counts[_i]);
    ck_assert_uint_eq(file.skip_count, 0);
    ck_assert_double_gt(file.copy_bytes_per_s, 0);
    ck_assert_double_gt(file.read_bytes_per_s, 0);
    ck_assert_double_gt(file.f32_flops, 0);
    for (size_t i = 0; i < file.row_count; i++) check_row(&file.rows[i]);
    octavo_report_file_release(&file);
}
END_TEST

/* A run of nothing but such cases has failed. */
START_TEST(what_does_not_fit_is_skipped) {
    char line[] = "bench --tokens 67108864 --batch 4096 --kv f16 --d 256 --kv-heads 256";
    ck_assert_int_eq(run(line), OCTAVO_EXIT_FAILED);
    octavo_report_file file = read_result();
    ck_assert_uint_eq(file.row_count, 0);
    ck_assert_uint_eq(file.skip_count, 1);
    ck_assert_ptr_nonnull(strstr(file.skips[0].reason, "memory"));
    octavo_report_file_release(&file);
}
END_TEST

/* Rows of numbers are measured, written and used; a case that none is for runs as ever; rows that do not parse end the
 * run. */
START_TEST(tuned_rows_are_used) {
    char tune[] = "bench --tune --tokens 300 --kv-heads 1 --d 32 --gqa 2 --rounds 3 --min-ms 0 --max-ms 1 --set 1";
    char line[1024], rows[600];
    ck_assert_int_eq(run(tune), OCTAVO_EXIT_SUCCESS);
    (void)snprintf(rows, sizeof rows, "%s.rows", path);
    ck_assert_int_eq(rename(path, rows), 0);
    FILE *file = fopen(rows, "a");
    ck_assert_ptr_nonnull(file);
    ck_assert(fputs("group=4 workgroups=5 # known\n", file) >= 0);
    ck_assert_int_eq(fclose(file), 0);
    (void)snprintf(
        line, sizeof line,
        "bench --tuning %s --tokens 300 --kv-heads 1 --d 32 --gqa 2,4 --rounds 3 --min-ms 0 --max-ms 1 --set 1", rows);
    ck_assert_int_eq(run(line), OCTAVO_EXIT_SUCCESS);
    octavo_report_file result = read_result();
    ck_assert(result.complete);
    ck_assert_uint_eq(result.row_count, 2);
    for (size_t i = 0; i < result.row_count; i++) check_row(&result.rows[i]);
    ck_assert_ptr_nonnull(strstr(result.rows[0].tuning, " group=2 "));
    ck_assert_msg(strstr(result.rows[1].tuning, " workgroups=5 ") != NULL, "%s", result.rows[1].tuning);
    octavo_report_file_release(&result);

    file = fopen(rows, "a");
    ck_assert_ptr_nonnull(file);
    ck_assert(fputs("group=4 workgroups=five\n", file) >= 0);
    ck_assert_int_eq(fclose(file), 0);
    (void)snprintf(line, sizeof line, "bench --tuning %s --tokens 300 --kv-heads 1 --d 32 --gqa 2,4 --set 1", rows);
    ck_assert_int_eq(run(line), OCTAVO_EXIT_FAILED);
    result = read_result();
    ck_assert(!result.complete);
    ck_assert_uint_eq(result.row_count, 0);
    octavo_report_file_release(&result);
    (void)unlink(rows);
}
END_TEST

/* A test of CTest's own; see the list in CMakeLists.txt. */
static TCase *add_case(Suite *suite, const char *name) {
    TCase *test_case = tcase_create(name);
    tcase_set_timeout(test_case, 300);
    tcase_add_checked_fixture(test_case, keep_driver, NULL);
    suite_add_tcase(suite, test_case);
    return test_case;
}

int main(void) {
    Suite *suite = suite_create("bench");
    TCase *rows = add_case(suite, "rows");
    tcase_add_loop_test(rows, rows_are_right, 0, (int)(sizeof runs / sizeof runs[0]));
    tcase_add_test(rows, what_does_not_fit_is_skipped);
    tcase_add_test(add_case(suite, "tuned"), tuned_rows_are_used);
    return run_suite(suite);
}
