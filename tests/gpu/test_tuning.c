/* Plans with tuning rows on whatever device there is: which row is used, what is said of the others, and that a plan's
 * own row brings its numbers back. A plan is proven when it is made, so each used row computes rightly. */
#include "run_tests.h"
#include "test_device.h"

#include <octavo/attention.h>

#include <stdio.h>
#include <string.h>

typedef struct setup {
    test_log log;
    octavo_device *device;
    octavo_cache *cache;
    octavo_device_description description;
} setup;

static setup with;

static void open_cache(void) {
    test_log_init(&with.log);
    ck_assert_int_eq(test_device_open(0, VK_FALSE, &with.log, &with.device), OCTAVO_SUCCESS);
    octavo_device_describe(with.device, &with.description);
    octavo_cache_info info = OCTAVO_CACHE_INFO_INIT;
    info.kv_head_count = 2;
    info.key_dim = info.value_dim = 64;
    info.key_bits = 3;
    info.value_bits = 4;
    info.token_capacity = 512;
    info.sequence_capacity = 2;
    ck_assert_int_eq(octavo_cache_create(with.device, &info, &with.cache), OCTAVO_SUCCESS);
    memset(with.log.lines, 0, sizeof with.log.lines);
}

static void close_cache(void) {
    octavo_cache_destroy(with.cache);
    octavo_device_destroy(with.device);
    test_log_finish(&with.log);
}

/* For 8 query heads and 2 query tokens of each of 2 sequences, without an integer or matrix unit. */
static octavo_attention_info plan_info(const char *tuning) {
    octavo_attention_info info = OCTAVO_ATTENTION_INFO_INIT;
    info.cache = with.cache;
    info.query_head_count = 8;
    info.sequence_capacity = 2;
    info.query_capacity = 4;
    info.variant = "f32_shared";
    info.tuning = tuning;
    return info;
}

/* The row of a plan that is made with one. */
static void use(const octavo_attention_info *info, char used[1024]) {
    octavo_attention *plan = NULL;
    octavo_status status = octavo_attention_create(info, &plan);
    ck_assert_msg(status == OCTAVO_SUCCESS, "%s with '%s'", octavo_status_string(status),
                  info->tuning != NULL ? info->tuning : "");
    (void)snprintf(used, 1024, "%s", octavo_attention_tuning(plan));
    octavo_attention_destroy(plan);
}

static void expect(const char *tuning, const char *part, unsigned warnings) {
    octavo_attention_info info = plan_info(tuning);
    char used[1024];
    with.log.lines[OCTAVO_LOG_WARNING] = 0;
    use(&info, used);
    ck_assert_msg(strstr(used, part) != NULL, "'%s' gives '%s', which lacks '%s'", tuning, used, part);
    ck_assert_msg(with.log.lines[OCTAVO_LOG_WARNING] == warnings, "'%s': %u warnings: %s", tuning,
                  with.log.lines[OCTAVO_LOG_WARNING], with.log.last[OCTAVO_LOG_WARNING]);
}

START_TEST(row_in_use_names_place_and_numbers) {
    octavo_attention_info info = plan_info(NULL);
    char used[1024], again[1024];
    use(&info, used);
    ck_assert_msg(strncmp(used, "device=\"", 8) == 0 && strstr(used, with.description.name) != NULL, "%s", used);
    ck_assert_msg(strstr(used, "\" variant=f32_shared key=64 value=64 kv=3/4 group=4 tokens=2 rows=") != NULL, "%s",
                  used);
    ck_assert_msg(strstr(used, " unpack=") != NULL && strstr(used, " workgroups=") != NULL &&
                      strstr(used, " slice_work=") != NULL && strchr(used, '\n') == NULL,
                  "%s", used);
    info.tuning = used;
    use(&info, again);
    ck_assert_str_eq(used, again);
}
END_TEST

START_TEST(settings_are_used) {
    static const char *const rows[] = {"1", "2", "4", "8"}, *const unpack[] = {"1", "2", "4"};
    for (int i = 0; i < 12; i++) {
        char tuning[128];
        if (!test_device_takes(with.device, (unsigned)i)) continue;
        (void)snprintf(tuning, sizeof tuning, "rows=%s unpack=%s dispatches=%d workgroups=%d slice_work=%d",
                       rows[i % 4], unpack[i / 4], i % 2 == 0 ? 1 : 3, 3 + i, 1000000 + i);
        expect(tuning, tuning, 0);
    }
}
END_TEST

START_TEST(first_row_that_fits_is_used) {
    expect("variant=matrix workgroups=5\n# no\ntokens=2 workgroups=6\nworkgroups=7", " workgroups=6 ", 0);
    expect("tokens=1 workgroups=5\ngroup=4 kv=3/4 value=64 workgroups=6", " workgroups=6 ", 0);
    expect("rows=3 workgroups=5\nlanes=64\nworkgroups=2000000\nunpack=9\nworkgroups=6", " workgroups=6 ", 4);
    ck_assert_ptr_nonnull(strstr(with.log.last[OCTAVO_LOG_WARNING], "line 4"));
    expect("rows=3 workgroups=5", " variant=f32_shared ", 1);
    expect("\n# nothing\n", " variant=f32_shared ", 0);
}
END_TEST

START_TEST(arguments_go_before_rows) {
    octavo_attention_info info = plan_info("workgroups=5 slice_work=123456");
    char used[1024];
    info.workgroup_target = 9;
    info.slice_work = 654321;
    use(&info, used);
    ck_assert_msg(strstr(used, " workgroups=9 slice_work=654321") != NULL, "%s", used);
}
END_TEST

START_TEST(mistakes_are_one_line) {
    octavo_attention_info info = plan_info("workgroups=5\nworkgroup=6");
    octavo_attention *plan = NULL;
    ck_assert_int_eq(octavo_attention_create(&info, &plan), OCTAVO_INVALID_ARGUMENT);
    ck_assert_ptr_null(plan);
    ck_assert_uint_eq(with.log.lines[OCTAVO_LOG_ERROR], 1);
    ck_assert_str_eq(with.log.last[OCTAVO_LOG_ERROR], "tuning: line 2: 'workgroup=6': no such selector or setting");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("tuning");
    TCase *test_case = tcase_create("tuning");
    tcase_set_timeout(test_case, 300);
    tcase_add_checked_fixture(test_case, open_cache, close_cache);
    tcase_add_test(test_case, row_in_use_names_place_and_numbers);
    tcase_add_test(test_case, settings_are_used);
    tcase_add_test(test_case, first_row_that_fits_is_used);
    tcase_add_test(test_case, arguments_go_before_rows);
    tcase_add_test(test_case, mistakes_are_one_line);
    suite_add_tcase(suite, test_case);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
