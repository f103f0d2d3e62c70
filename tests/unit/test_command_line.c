/* The command `octavo` from outside: exit codes, one line on errors, JSON on stdout, files. What needs a device is left
 * out where there is none. */
#define _POSIX_C_SOURCE 200809L

#include "npy.h"
#include "random_numbers.h"
#include "run_tests.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define COMMAND OCTAVO_BINARY_DIR "/octavo"

typedef struct outcome {
    int code;
    char text[65536];
} outcome;

/* Runs octavo with arguments as the shell reads them; the text is stdout, or with `2>&1 >/dev/null` stderr. */
static void run_in(const char *environment, const char *arguments, outcome *result) {
    char line[4096];
    (void)snprintf(line, sizeof line, "%s '%s' %s", environment, COMMAND, arguments);
    FILE *stream = popen(line, "r");
    ck_assert_ptr_nonnull(stream);
    size_t length = fread(result->text, 1, sizeof result->text - 1, stream);
    result->text[length] = '\0';
    int status = pclose(stream);
    result->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void run(const char *arguments, outcome *result) {
    run_in("", arguments, result);
}

/* Drivers leak, and are unloaded before LeakSanitizer looks, so that no suppression can name them. */
static void run_on_device(const char *arguments, outcome *result) {
    run_in("ASAN_OPTIONS=detect_leaks=0", arguments, result);
}

static const char *const good[] = {"--help",          "--version",       "devices --help", "attend --help",
                                   "generate --help", "selftest --help", "bench --help",   "report --help"};

START_TEST(help_goes_to_stdout) {
    outcome result;
    run(good[_i], &result);
    ck_assert_int_eq(result.code, 0);
    ck_assert_uint_gt(strlen(result.text), 5);
}
END_TEST

static const struct {
    const char *arguments, *names;
} bad[] = {
    {"", "usage"},
    {"dance", "'dance' is no command"},
    {"devices extra", "--help"},
    {"devices --colour", "colour"},
    {"attend", "--q FILE.npy is missing"},
    {"attend --q a.npy --k a.npy", "--v FILE.npy is missing"},
    {"attend --q no-such.npy --k a.npy --v a.npy", "no-such.npy"},
    {"attend --kv 5", "--kv: '5'"},
    {"attend --kv 3/9", "--kv: '3/9'"},
    {"attend --mask window=0", "window"},
    {"attend --mask none,causal", "'none' stands alone"},
    {"attend --mask causal,causal", "twice"},
    {"attend --scale nan", "--scale"},
    {"attend --scale 0", "--scale"},
    {"attend --softcap -3", "--softcap"},
    {"attend --phase sideways", "--phase"},
    {"attend --empty-row maybe", "--empty-row"},
    {"attend --first 129", "--first"},
    {"attend --recent -1", "--recent"},
    {"attend --chunk 0", "--chunk"},
    {"attend --dtype int8", "--dtype"},
    {"attend --variant fastest", "--variant"},
    {"attend --q", "requires an argument"},
    {"attend --q a.npy --k a.npy --v a.npy --out o.npy --lse o.npy", "--lse: 'o.npy' is the file of --out"},
    {"attend stray", "'stray' is not an option"},
    {"selftest --random many", "--random"},
    {"selftest --seed -1", "--seed"},
    {"selftest --limit 99", "--limit"},
    {"selftest --only nothing", "--only"},
    {"generate --tokens x", "--tokens"},
    {"generate --temperature hot", "--temperature"},
    {"generate --kv 1", "--kv"},
    {"generate --top-p 0", "--top-p"},
    {"generate --reference --tokens 5000", "exceed the model's context"},
    {"generate --prompt a --prompt-file b", "exclude"},
    {"generate --model no-such.gguf", "no-such.gguf"},
    {"generate --model /dev/null", "/dev/null"},
    {"generate --prompt-file no-such.txt", "no-such.txt"},
    {"bench --phase nap", "--phase: 'nap'"},
    {"bench --d 31", "--d"},
    {"bench --d 64,257", "--d"},
    {"bench --gqa 0", "--gqa"},
    {"bench --tokens 9..3", "--tokens"},
    {"bench --tokens", "requires an argument"},
    {"bench --kv 5", "--kv: '5'"},
    {"bench --mask window=0", "window"},
    {"bench --variant fastest", "--variant: 'fastest'"},
    {"bench --preset llama-9", "--preset: 'llama-9'"},
    {"bench --preset llama-3-8b --d 64", "--preset"},
    {"bench --rounds 2", "--rounds"},
    {"bench --format xml", "--format: 'xml'"},
    {"bench --out result.xml", "--out: 'xml'"},
    {"bench --out no/such/result.json", "no/such/result.json: cannot be written"}, /* before it measures */
    {"bench --format md --out .", ".: cannot be written"},
    {"bench --out ./no/such/result", "cannot be written"},
    {"bench --compare one.json", "two files, here are 1"},
    {"bench --compare no-such.json no-such-either.json", "no-such.json"},
    {"bench stray", "'stray' is not an option"},
    {"report", "no file is named"},
    {"report --out", "requires an argument"},
    {"report --colour a.json", "colour"},
    {"report --markdown", "no file is named"},
    {"report no-such.json", "no-such.json"},
    {"report /dev/null", "/dev/null"},
    {"report 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34", "34 files"},
};

START_TEST(usage_errors) {
    outcome result;
    char line[512];
    (void)snprintf(line, sizeof line, "%s 2>&1 >/dev/null", bad[_i].arguments);
    run(line, &result);
    ck_assert_msg(result.code == 2, "octavo %s: exit code %d: %s", bad[_i].arguments, result.code, result.text);
    ck_assert_msg(strstr(result.text, bad[_i].names) != NULL, "octavo %s: %s", bad[_i].arguments, result.text);
}
END_TEST

/* --- with a device ---------------------------------------------------------------------------------------------------
 */

static bool has_device(void) {
    outcome result;
    run_on_device("devices --json 2>/dev/null", &result);
    return result.code == 0;
}

static cJSON *parse(const outcome *result) {
    cJSON *object = cJSON_Parse(result->text);
    ck_assert_msg(object != NULL, "not JSON: %s", result->text);
    return object;
}

static double number(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    ck_assert_msg(cJSON_IsNumber(item), "no number %s", name);
    return item->valuedouble;
}

static const char *string(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    ck_assert_msg(cJSON_IsString(item), "no string %s", name);
    return item->valuestring;
}

START_TEST(no_device) {
    outcome result;
    run_on_device("devices 2>&1", &result);
    ck_assert(result.code == 0 || result.code == 3);
    if (result.code != 0) return;
    run_on_device("selftest --device 4711 2>&1", &result);
    ck_assert_int_eq(result.code, 3);
    ck_assert_ptr_nonnull(strstr(result.text, "'4711'"));
    run_on_device("selftest --device 'Voodoo 2' 2>&1", &result);
    ck_assert_int_eq(result.code, 3);
    ck_assert_ptr_nonnull(strstr(result.text, "Voodoo 2"));
}
END_TEST

START_TEST(devices_as_json) {
    outcome result;
    if (!has_device()) return;
    run_on_device("devices --json 2>/dev/null", &result);
    cJSON *object = parse(&result);
    const cJSON *devices = cJSON_GetObjectItemCaseSensitive(object, "devices");
    ck_assert(cJSON_IsArray(devices) && cJSON_GetArraySize(devices) > 0);
    const cJSON *device = cJSON_GetArrayItem(devices, 0);
    static const char *const names[] = {"name", "driver", "api", "type", "reason"};
    for (int i = 0; i < 5; i++) (void)string(device, names[i]);
    ck_assert(cJSON_IsBool(cJSON_GetObjectItemCaseSensitive(device, "usable")));
    const cJSON *variants = cJSON_GetObjectItemCaseSensitive(device, "variants");
    ck_assert(cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(variants, "prefill")));
    ck_assert(cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(variants, "decode")));
    cJSON_Delete(object);
}
END_TEST

/* Two sequences, 6 queries, 150 keys, 4 and 2 heads, 64 channels. */
static void write_arrays(const char *prefix) {
    static float values[2 * 150 * 2 * 64];
    const uint64_t query_shape[4] = {2, 6, 4, 64}, key_shape[4] = {2, 150, 2, 64};
    octavo_random random = octavo_random_seed(9);
    octavo_error_line error = {""};
    static const char *const names[3] = {"q", "k", "v"};
    for (int i = 0; i < 3; i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s_%s.npy", prefix, names[i]);
        octavo_random_normal(&random, 1, values, sizeof values / sizeof values[0]);
        ck_assert_msg(octavo_npy_write(path, 4, i == 0 ? query_shape : key_shape, values, &error), "%s", error.text);
    }
}

static void remove_arrays(const char *prefix) {
    static const char *const names[5] = {"q", "k", "v", "o", "l"};
    for (int i = 0; i < 5; i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s_%s.npy", prefix, names[i]);
        (void)remove(path);
    }
}

START_TEST(attend_own_tokens) {
    outcome result;
    if (!has_device()) return;
    write_arrays("command_d");
#define ATTEND_D                                                                                                       \
    "attend --q command_d_q.npy --k command_d_k.npy --v command_d_v.npy --mask causal --own --check --json "
    run_on_device(ATTEND_D "--lengths 150,17 --chunk 4 2>&1", &result);
    ck_assert_msg(result.code == 0, "%d: %s", result.code, result.text);
    cJSON *object = parse(&result);
    ck_assert_double_gt(number(object, "codec_rel_l2"), 0.01); /* what is in the cache is not exact */
    cJSON_Delete(object);
    run_on_device(ATTEND_D "--lengths 6,6 2>&1", &result);
    ck_assert_msg(result.code == 0, "%d: %s", result.code, result.text);
    object = parse(&result);
    ck_assert_double_le(number(object, "codec_rel_l2"), number(object, "kernel_rel_l2_bound") + 2e-3);
    cJSON_Delete(object);
    run_on_device(ATTEND_D "--lengths 150,5 2>&1", &result);
    ck_assert_msg(result.code == 2 && strstr(result.text, "--own") != NULL, "%d: %s", result.code, result.text);
    remove_arrays("command_d");
}
END_TEST

START_TEST(attend_with_check) {
    outcome result;
    octavo_npy_array array;
    octavo_error_line error = {""};
    if (!has_device()) return;
    write_arrays("command_a");
    run_on_device(
        "attend --q command_a_q.npy --k command_a_k.npy --v command_a_v.npy --out command_a_o.npy --lse "
        "command_a_l.npy "
        "--mask causal --lengths 150,17 --chunk 40 --check --json 2>&1",
        &result);
    ck_assert_msg(result.code == 0, "%d: %s", result.code, result.text);
    cJSON *object = parse(&result);
    ck_assert_double_eq_tol(number(object, "cache_bytes"), 167 * 2 * 52, 0.5);
    ck_assert_double_eq_tol(number(object, "f16_bytes"), 167 * 2 * 128 * 2, 0.5);
    ck_assert_double_le(number(object, "kernel_rel_l2"), number(object, "kernel_rel_l2_bound"));
    ck_assert_double_gt(number(object, "codec_cosine"), 0.9);
    ck_assert_double_gt(number(object, "codec_rel_l2"), 0.01); /* 3 bits are not exact */
    ck_assert_double_ge(number(object, "cache_allocated_bytes"), number(object, "cache_bytes"));
    (void)number(object, "window_bytes");
    (void)number(object, "kernel_max_abs");
    ck_assert_uint_gt(strlen(string(object, "device")) + strlen(string(object, "driver")), 0);
    ck_assert_uint_gt(strlen(string(object, "variant")), 0);
    ck_assert(cJSON_HasObjectItem(object, "gpu_us"));
    cJSON_Delete(object);
    ck_assert_msg(octavo_npy_read("command_a_o.npy", &array, &error), "%s", error.text);
    ck_assert(array.rank == 4 && array.shape[0] == 2 && array.shape[1] == 6 && array.shape[2] == 4 &&
              array.shape[3] == 64);
    octavo_npy_release(&array);
    ck_assert_msg(octavo_npy_read("command_a_l.npy", &array, &error), "%s", error.text);
    ck_assert(array.rank == 3 && array.shape[2] == 4 && array.count == 48);
    for (uint64_t i = 0; i < array.count; i++) ck_assert(isfinite(array.values[i]));
    octavo_npy_release(&array);
    remove_arrays("command_a");
}
END_TEST

START_TEST(attend_refuses_shapes) {
    static const struct {
        const char *arguments, *names;
    } wrong[] = {
        {"--q command_b_q.npy --k command_b_k.npy --v command_b_q.npy", "--v: number of tokens is 6"},
        {"--q command_b_q.npy --k command_b_q.npy --v command_b_k.npy", "--v: number of tokens is 150"},
        {"--q command_b_q.npy --k command_b_k.npy --v command_b_v.npy --lengths 3", "--lengths: has 1 entries"},
        {"--q command_b_q.npy --k command_b_k.npy --v command_b_v.npy --lengths 3,151", "--lengths"},
        {"--q command_b_q.npy --k command_b_k.npy --v command_b_v.npy --sink-logit command_b_q.npy", "--sink-logit"},
    };
    outcome result;
    write_arrays("command_b");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char line[512];
        (void)snprintf(line, sizeof line, "attend %s 2>&1", wrong[i].arguments);
        run_on_device(line, &result);
        ck_assert_msg(result.code == 2 && strstr(result.text, wrong[i].names) != NULL, "%s: %d: %s", wrong[i].arguments,
                      result.code, result.text);
    }
    remove_arrays("command_b");
}
END_TEST

START_TEST(selftest_as_json) {
    outcome result;
    if (!has_device()) return;
    run_on_device("selftest --only decode-ragged --random 1 --limit 18 --json 2>/dev/null", &result);
    ck_assert_msg(result.code == 0, "%d: %s", result.code, result.text);
    cJSON *object = parse(&result);
    ck_assert_double_eq_tol(number(object, "tests"), 1, 0.1);
    ck_assert_double_eq_tol(number(object, "passed"), 1, 0.1);
    ck_assert_double_eq_tol(number(object, "failed"), 0, 0.1);
    (void)number(object, "worst");
    cJSON_Delete(object);
    run_on_device("selftest --no-fixed 2>&1", &result); /* a pass of nothing is none */
    ck_assert_int_eq(result.code, 1);
    ck_assert_ptr_nonnull(strstr(result.text, "nothing was tested"));
}
END_TEST

START_TEST(generates_text) {
    outcome result;
    if (!has_device()) return;
    run_on_device("generate --prompt 'The whale' --tokens 12 --json 2>&1", &result);
    if (result.code == 2 && strstr(result.text, "ships no model") != NULL) return;
    ck_assert_msg(result.code == 0, "%d: %s", result.code, result.text);
    cJSON *object = parse(&result);
    ck_assert_uint_gt(strlen(string(object, "text")), 0);
    ck_assert_double_le(number(object, "tokens"), 12);
    ck_assert_double_gt(number(object, "tokens_per_s"), 0);
    ck_assert_double_lt(number(object, "cache_bytes"), number(object, "f16_bytes") / 4);
    cJSON_Delete(object);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("command_line");
    TCase *tests = tcase_create("command_line");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, help_goes_to_stdout, 0, (int)(sizeof good / sizeof good[0]));
    tcase_add_loop_test(tests, usage_errors, 0, (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(tests, no_device);
    tcase_add_test(tests, devices_as_json);
    tcase_add_test(tests, attend_own_tokens);
    tcase_add_test(tests, attend_with_check);
    tcase_add_test(tests, attend_refuses_shapes);
    tcase_add_test(tests, selftest_as_json);
    tcase_add_test(tests, generates_text);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
