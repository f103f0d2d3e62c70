/* The rows that octavo bench --tune changes: read from a plan's, written again, and what is tried. */
#include "bench_tuning_row.h"
#include "run_tests.h"

#include <string.h>

static const char *const of_matrix =
    "device=\"a rows=9 \\\" lanes=8\" variant=matrix key=128 value=128 kv=3/3 group=4 tokens=1";

START_TEST(selectors_and_numbers_are_told_apart) {
    char text[OCTAVO_BENCH_TUNING_LENGTH], selectors[OCTAVO_BENCH_TUNING_LENGTH];
    octavo_bench_numbers numbers;
    strcpy(text, of_matrix);
    strcat(text, " lanes=384 rows=4 workgroups=132 slice_work=17179869184");
    octavo_bench_tuning_read(text, selectors, &numbers);
    ck_assert_str_eq(selectors, of_matrix);
    ck_assert_uint_eq(numbers.values[OCTAVO_BENCH_LANES], 384);
    ck_assert_uint_eq(numbers.values[OCTAVO_BENCH_ROWS], 4);
    ck_assert_uint_eq(numbers.values[OCTAVO_BENCH_UNPACK], 0);
    ck_assert_uint_eq(numbers.values[OCTAVO_BENCH_WORKGROUPS], 132);
    octavo_bench_tuning_read("", selectors, &numbers);
    ck_assert_str_eq(selectors, "");
    ck_assert_uint_eq(numbers.values[OCTAVO_BENCH_ROWS], 0);
}
END_TEST

START_TEST(numbers_that_are_not_set_are_left_out) {
    char text[OCTAVO_BENCH_TUNING_LENGTH];
    octavo_bench_numbers numbers = {{0, 8, 0, 66}};
    octavo_bench_tuning_write("variant=matrix", &numbers, text);
    ck_assert_str_eq(text, "variant=matrix rows=8 workgroups=66");
}
END_TEST

START_TEST(numbers_are_taken_or_not) {
    const octavo_bench_numbers asked = {{0, 8, 0, 66}}, used = {{384, 8, 0, 66}}, ignored = {{384, 4, 0, 66}};
    ck_assert(octavo_bench_numbers_taken(&asked, &used));
    ck_assert(!octavo_bench_numbers_taken(&asked, &ignored));
}
END_TEST

/* Each choice differs from what is in use, none is zero. */
START_TEST(choices_differ_from_what_is_in_use) {
    static const size_t most[OCTAVO_BENCH_NUMBER_COUNT] = {5, 4, 3, 4};
    for (int n = 0; n < OCTAVO_BENCH_NUMBER_COUNT; n++) {
        uint32_t choices[OCTAVO_BENCH_CHOICE_LIMIT];
        for (uint32_t in_use = 1; in_use <= 512; in_use++) {
            size_t count = octavo_bench_number_choices((octavo_bench_number)n, in_use, choices);
            ck_assert_msg(count >= most[n] - 1 && count <= most[n], "%s in use %u: %zu choices",
                          octavo_bench_number_name((octavo_bench_number)n), in_use, count);
            for (size_t i = 0; i < count; i++) ck_assert(choices[i] != 0 && choices[i] != in_use);
        }
        ck_assert_uint_eq(octavo_bench_number_choices((octavo_bench_number)n, 0, choices), 0);
    }
}
END_TEST

int main(void) {
    const TTest *const tests[] = {selectors_and_numbers_are_told_apart, numbers_that_are_not_set_are_left_out,
                                  numbers_are_taken_or_not, choices_differ_from_what_is_in_use};
    return run_tests("bench_tuning", tests, sizeof tests / sizeof tests[0], 10);
}
