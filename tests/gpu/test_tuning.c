/* Plans with tuning rows on whatever device there is: which row is used, what is said of the others, and that a plan's
 * own row brings its numbers back. A plan is proven when it is made, so each used row computes rightly. */
#include "gpu_fixture.h"
#include "run_tests.h"

#include <stdio.h>
#include <string.h>

typedef struct setup {
    gpu_fixture gpu;
    octavo_cache *cache;
    octavo_device_description description;
} setup;

static setup with;

static void open_cache(void) {
    gpu_fixture_open(&with.gpu);
    octavo_device_describe(with.gpu.device, &with.description);
    octavo_cache_info info = OCTAVO_CACHE_INFO_INIT;
    info.kv_head_count = 2;
    info.key_dim = info.value_dim = 32;
    info.key_bits = 3;
    info.value_bits = 4;
    info.token_capacity = 512;
    info.sequence_capacity = 2;
    gpu_fixture_check(&with.gpu, octavo_cache_create(with.gpu.device, &info, &with.cache), "octavo_cache_create");
}

static void close_cache(void) {
    octavo_cache_destroy(with.cache);
    gpu_fixture_close(&with.gpu);
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
    with.gpu.log.lines[OCTAVO_LOG_WARNING] = 0;
    use(&info, used);
    ck_assert_msg(strstr(used, part) != NULL, "'%s' gives '%s', which lacks '%s'", tuning, used, part);
    ck_assert_msg(with.gpu.log.lines[OCTAVO_LOG_WARNING] == warnings, "'%s': %u warnings: %s", tuning,
                  with.gpu.log.lines[OCTAVO_LOG_WARNING], with.gpu.log.last[OCTAVO_LOG_WARNING]);
}

static void row_in_use_names_place_and_numbers(void) {
    octavo_attention_info info = plan_info(NULL);
    char used[1024], again[1024];
    use(&info, used);
    ck_assert_msg(strncmp(used, "device=\"", 8) == 0 && strstr(used, with.description.name) != NULL, "%s", used);
    ck_assert_msg(strstr(used, "\" variant=f32_shared key=32 value=32 kv=3/4 group=4 tokens=2 rows=") != NULL, "%s",
                  used);
    ck_assert_msg(strstr(used, " unpack=") != NULL && strstr(used, " workgroups=") != NULL &&
                      strstr(used, " slice_work=") != NULL && strchr(used, '\n') == NULL,
                  "%s", used);
    info.tuning = used;
    use(&info, again);
    ck_assert_str_eq(used, again);
}

static void settings_are_used(void) {
    static const char *const rows[] = {"1", "2", "4", "8"}, *const unpack[] = {"1", "2", "4"};
    for (int i = 0; i < 12; i++) {
        char tuning[128];
        if (!test_device_takes(with.gpu.device, (unsigned)(i % 4 + i / 4))) continue;
        (void)snprintf(tuning, sizeof tuning, "rows=%s unpack=%s dispatches=%d workgroups=%d slice_work=%d",
                       rows[i % 4], unpack[i / 4], i % 2 == 0 ? 1 : 3, 3 + i, 1000000 + i);
        expect(tuning, tuning, 0);
    }
}

static void first_row_that_fits_is_used(void) {
    expect("variant=matrix workgroups=5\n# no\ntokens=2 workgroups=6\nworkgroups=7", " workgroups=6 ", 0);
    expect("tokens=1 workgroups=5\ngroup=4 kv=3/4 value=32 workgroups=6", " workgroups=6 ", 0);
    expect("rows=3 workgroups=5\nlanes=64\nworkgroups=2000000\nunpack=9\nworkgroups=6", " workgroups=6 ", 4);
    ck_assert_ptr_nonnull(strstr(with.gpu.log.last[OCTAVO_LOG_WARNING], "line 4"));
    expect("rows=3 workgroups=5", " variant=f32_shared ", 1);
    expect("\n# nothing\n", " variant=f32_shared ", 0);
}

static void arguments_go_before_rows(void) {
    octavo_attention_info info = plan_info("workgroups=5 slice_work=123456");
    char used[1024];
    info.workgroup_target = 9;
    info.slice_work = 654321;
    use(&info, used);
    ck_assert_msg(strstr(used, " workgroups=9 slice_work=654321") != NULL, "%s", used);
}

static void mistakes_are_one_line(void) {
    octavo_attention_info info = plan_info("workgroups=5\nworkgroup=6");
    octavo_attention *plan = NULL;
    unsigned errors = with.gpu.log.lines[OCTAVO_LOG_ERROR];
    ck_assert_int_eq(octavo_attention_create(&info, &plan), OCTAVO_INVALID_ARGUMENT);
    ck_assert_ptr_null(plan);
    ck_assert_uint_eq(with.gpu.log.lines[OCTAVO_LOG_ERROR], errors + 1);
    ck_assert_str_eq(with.gpu.log.last[OCTAVO_LOG_ERROR], "tuning: line 2: 'workgroup=6': no such selector or setting");
}

/* On one device, whose fixture keeps the pipelines. */
START_TEST(tuning) {
    open_cache();
    row_in_use_names_place_and_numbers();
    settings_are_used();
    first_row_that_fits_is_used();
    arguments_go_before_rows();
    mistakes_are_one_line();
    close_cache();
}
END_TEST

int main(void) {
    const TTest *const tests[] = {tuning};
    return run_tests("tuning", tests, 1, 300);
}
