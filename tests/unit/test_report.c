/* Reports drawn from benchmark files: hostile and odd files are refused with a line or drawn, what they say is escaped,
 * and each page is well formed. */
#include "expect.h"
#include "report_page.h"
#include "rng.h"
#include "run_tests.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "{\"schema\":\"octavo-bench-1\","
#define DEVICE "\"device\":{\"name\":\"Test\"},"
#define CEILINGS "\"ceilings\":{\"read_bytes_per_s\":4e12,\"f32_flops\":6e13,\"int8_dot_ops_per_s\":null},"

static bool parse(const char *json, octavo_report_file *file, octavo_error_line *error) {
    return octavo_report_file_parse("a.json", (const uint8_t *)json, strlen(json), 0, file, error);
}

/* The name that starts at text, into name; returns what follows. */
static const char *take_name(const char *text, char name[32]) {
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!");
    expect_msg(length < 32, "a name of %zu letters", length);
    memcpy(name, text, length);
    name[length] = '\0';
    return text + length;
}

/* Elements nest and end, attributes are quoted, and text holds no bare '&': enough to see an escape that is missing. */
static void check_balance(const char *page) {
    static char open[64][32];
    size_t depth = 0;
    for (const char *at = page; *at != '\0'; at++) {
        if (*at == '&') {
            size_t name = strspn(at + 1, "#abcdefghijklmnopqrstuvwxyz0123456789");
            expect_msg(name > 0 && at[1 + name] == ';', "bare ampersand at '%.40s'", at);
        }
        expect_msg(*at != '>', "bare bracket at '%.40s'", at);
        if (*at != '<') continue;
        bool closes = at[1] == '/';
        char name[32];
        const char *start = at;
        at = take_name(at + 1 + closes, name);
        expect_msg(name[0] != '\0', "element without a name at '%.40s'", start);
        for (bool quoted = false; *at != '\0' && (quoted || *at != '>'); at++) {
            expect_msg(*at != '<', "bracket inside the element '%.40s'", start);
            if (*at == '"') quoted = !quoted;
        }
        expect_msg(*at == '>', "element without end at '%.40s'", start);
        expect_msg(strcmp(name, "script") != 0, "a script at '%.40s'", start);
        if (closes) {
            expect_msg(depth > 0 && strcmp(open[depth - 1], name) == 0, "'%.40s' ends <%s>", start,
                       depth > 0 ? open[depth - 1] : "nothing");
            depth--;
        } else if (at[-1] != '/' && name[0] != '!' && strcmp(name, "meta") != 0 && strcmp(name, "br") != 0) {
            expect_msg(depth < 64, "64 elements are open at '%.40s'", start);
            memcpy(open[depth++], name, sizeof name);
        }
    }
    expect_msg(depth == 0, "<%s> does not end", depth > 0 ? open[depth - 1] : "");
}

/* Both forms of a report of these files, which are released. The texts are the caller's. */
static void draw(octavo_report_file *files, size_t count, octavo_report_text *page, octavo_report_text *markdown) {
    octavo_report_set set;
    memset(page, 0, sizeof *page);
    memset(markdown, 0, sizeof *markdown);
    ck_assert(octavo_report_set_create(files, count, &set));
    octavo_report_write_page(page, &set);
    octavo_report_write_markdown(markdown, &set);
    ck_assert(!page->failed && !markdown->failed);
    ck_assert_uint_eq(strlen(page->bytes), page->length);
    check_balance(page->bytes);
    ck_assert_ptr_null(strstr(page->bytes, "nan\""));
    ck_assert_ptr_null(strstr(page->bytes, "inf\""));
    octavo_report_set_release(&set);
    for (size_t i = 0; i < count; i++) octavo_report_file_release(&files[i]);
}

static void draw_text(const char *json, octavo_report_text *page, octavo_report_text *markdown) {
    octavo_report_file file;
    octavo_error_line error = {""};
    ck_assert_msg(parse(json, &file, &error), "%s: %s", json, error.text);
    draw(&file, 1, page, markdown);
}

/* A file, then what the message must say. */
static const char *const refused[][2] = {
    {"", "not one JSON object"},
    {"{", "not one JSON object"},
    {"{\"1\":1,", "not one JSON object"},
    {"[]", "not a JSON object"},
    {"3", "not a JSON object"},
    {"{}", "schema is ''"},
    {"{\"schema\":7}", "'schema' is not a text"},
    {"{\"schema\":\"octavo-bench-2\"}", "schema is 'octavo-bench-2'"},
    {HEAD "\"rows\":[]} x", "not one JSON object"},
    {HEAD "\"rows\":[]}{}", "not one JSON object"},
    {HEAD "\"date\":1,\"rows\":[]}", "'date' is not a text"},
    {HEAD "\"complete\":1,\"rows\":[]}", "neither true nor false"},
    {HEAD "\"octavo\":\"0\"}", "lacks 'rows'"},
    {HEAD "\"rows\":{}}", "'rows' is not a list"},
    {HEAD "\"rows\":[3]}", "rows[0]: is not an object"},
    {HEAD "\"rows\":[{}]}", "lacks 'name' or 'phase'"},
    {HEAD "\"rows\":[{\"name\":\"a\",\"phase\":\"decode\"},{\"name\":1}]}", "rows[1]: 'name' is not a text"},
    {HEAD "\"rows\":[{\"name\":\"a\",\"phase\":\"decode\",\"tokens\":\"4\"}]}", "'tokens' is not a number"},
    {HEAD "\"rows\":[{\"name\":\"a\",\"phase\":\"decode\",\"tokens\":1e999}]}", "'tokens' is inf"},
    {HEAD "\"rows\":[{\"name\":\"a\",\"phase\":\"decode\",\"bytes\":2e18}]}", "up to 1e+18"},
    {HEAD "\"rows\":[{\"name\":\"a\",\"phase\":\"decode\",\"ok\":\"yes\"}]}", "neither true nor false"},
    {HEAD "\"rows\":[{\"name\":\"a\",\"phase\":\"decode\",\"gpu_us\":5}]}", "gpu_us: is not an object"},
    {HEAD "\"rows\":[{\"name\":\"a\",\"phase\":\"decode\",\"gpu_us\":{\"median\":[]}}]}", "'median' is not a number"},
    {HEAD "\"rows\":[{\"name\":\"a\",\"phase\":\"decode\",\"gpu_us\":{\"samples\":1}}]}", "'samples' is not a list"},
    {HEAD "\"rows\":[{\"name\":\"a\",\"phase\":\"decode\",\"gpu_us\":{\"samples\":[1,\"2\"]}}]}", "sample 1 is not"},
    {HEAD "\"device\":3,\"rows\":[]}", "device: is not an object"},
    {HEAD "\"device\":{\"name\":4},\"rows\":[]}", "'name' is not a text"},
    {HEAD "\"device\":{\"name\":\"a\",\"more\":{}},\"rows\":[]}", "'more' is neither text nor number"},
    {HEAD "\"ceilings\":{\"read_bytes_per_s\":\"fast\"},\"rows\":[]}", "'read_bytes_per_s' is not a number"},
    {HEAD "\"ceilings\":{\"other\":-1e999},\"rows\":[]}", "'other' is not a finite number"},
    {HEAD "\"rows\":[],\"skipped\":[1]}", "skipped[0]: is not an object"},
    {HEAD "\"rows\":[],\"skipped\":{}}", "'skipped' is not a list"},
    {HEAD "\"rows\":[],\"skipped\":[{\"name\":\"a\",\"reason\":2}]}", "'reason' is not a text"},
};

START_TEST(refuses_bad_files) {
    octavo_report_file file;
    octavo_error_line error = {""};
    ck_assert_msg(!parse(refused[_i][0], &file, &error), "%s was read", refused[_i][0]);
    ck_assert_msg(strstr(error.text, refused[_i][1]) != NULL, "%s: '%s' instead of '%s'", refused[_i][0], error.text,
                  refused[_i][1]);
    ck_assert_ptr_nonnull(strstr(error.text, "a.json"));
}
END_TEST

START_TEST(refuses_what_is_too_much) {
    octavo_report_file file;
    octavo_error_line error = {""};
    octavo_report_text json = {0};
    octavo_report_text_add(&json, HEAD "\"rows\":[");
    for (unsigned i = 0; i <= OCTAVO_REPORT_ROW_LIMIT; i++) octavo_report_text_add(&json, i == 0 ? "{}" : ",{}");
    octavo_report_text_add(&json, "]}");
    ck_assert(!parse(json.bytes, &file, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "'rows' has 4097 entries, more than 4096"));
    json.length = 0;
    octavo_report_text_add(&json, HEAD "\"date\":\"");
    for (int i = 0; i < 1025; i++) octavo_report_text_add(&json, "d");
    octavo_report_text_add(&json, "\",\"rows\":[]}");
    ck_assert(!parse(json.bytes, &file, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "'date' has 1025 bytes, more than 1024"));
    json.length = 0;
    for (int i = 0; i < 100000; i++) octavo_report_text_add(&json, "[");
    ck_assert(!parse(json.bytes, &file, &error)); /* deep nesting ends in a message, not in the stack */
    ck_assert(!octavo_report_file_parse("a.json", (const uint8_t *)HEAD "\0", sizeof HEAD, 0, &file, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "zero byte"));
    ck_assert(!octavo_report_file_read("no/such/file.json", 0, &file, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "no/such/file.json"));
    octavo_report_text_release(&json);
}
END_TEST

/* Files that say little or strange things, all of them drawn. */
static const char *const odd[] = {
    HEAD "\"rows\":[]}",
    HEAD "\"rows\":[],\"device\":null,\"ceilings\":null,\"skipped\":null,\"date\":null}\r\n ",
    HEAD DEVICE CEILINGS "\"rows\":[{\"name\":\"a\",\"phase\":\"decode\"}]}",
    HEAD DEVICE CEILINGS
    "\"complete\":false,\"rows\":[{\"name\":\"a\",\"phase\":\"nap\",\"tokens\":0,\"ops\":0,\"bytes\":0,"
    "\"gpu_us\":{\"median\":0}}]}",
    HEAD DEVICE CEILINGS
    "\"rows\":[{\"name\":\"a\",\"phase\":\"decode\",\"tokens\":-3,\"gqa\":-1e300,\"bytes\":1e-300,"
    "\"ops\":1e18,\"gpu_us\":{\"median\":1e-300},\"host_us\":{\"median\":1e-6,\"min\":-1}}]}",
    HEAD
    "\"device\":{\"name\":\"\",\"vendor_id\":-1,\"heap_bytes\":1e300,\"api\":true,\"x\":null},"
    "\"ceilings\":{\"read_bytes_per_s\":1e-18,\"f32_flops\":1e18,\"f16_flops\":1e-9,\"set_bytes\":-7},"
    "\"rows\":[{\"name\":\"a\",\"phase\":\"decode\",\"tokens\":1e18,\"bytes\":1e18,\"ops\":1e-9,\"kv_heads\":1e-9,"
    "\"batch\":1e18,\"kernel_rel_l2\":1e18,\"codec_rel_l2\":1e-25,\"gpu_us\":{\"median\":1e18}},"
    "{\"name\":\"b\",\"phase\":\"decode\",\"tokens\":1e-18,\"bytes\":1e-18,\"ops\":1e-9,\"kv_heads\":1,"
    "\"kernel_rel_l2\":1e-25,\"gpu_us\":{\"median\":2e-6}}]}",
};

START_TEST(draws_odd_files) {
    octavo_report_text page, markdown;
    draw_text(odd[_i], &page, &markdown);
    octavo_report_text_release(&page);
    octavo_report_text_release(&markdown);
}
END_TEST

#define EVIL "</title><script>alert(1)</script>&amp;\\\"'|*[x](y)`\\u202e\\n\xff\xc0\xaf"

START_TEST(escapes_every_text) {
    octavo_report_text page, markdown;
    draw_text(HEAD
              "\"date\":\"" EVIL "\",\"octavo\":\"" EVIL "\",\"command\":\"" EVIL "\",\"device\":{\"name\":\"" EVIL
              "\",\"driver\":\"" EVIL "\",\"" EVIL "\":\"" EVIL "\"}," CEILINGS "\"rows\":[{\"name\":\"" EVIL
              "\",\"phase\":\"" EVIL "\",\"kv\":\"" EVIL "\",\"mask\":\"" EVIL "\",\"dtype\":\"" EVIL
              "\",\"variant\":\"" EVIL "\",\"tuning\":\"" EVIL "\",\"tokens_text\":\"" EVIL
              "\",\"tokens_total\":5000,\"batch\":2,\"kv_heads\":8,\"bytes\":4e6,\"ops\":1e8,\"kernel_rel_l2\":0.1,"
              "\"gpu_us\":{\"median\":7}},{\"name\":\"<b>\",\"phase\":\"decode\",\"kv\":\"<i>\",\"variant\":\"<u>\","
              "\"tokens\":64,\"kv_heads\":8,\"bytes\":4e6,\"codec_rel_l2\":0.2,\"kernel_rel_l2\":0.1,\"gpu_us\":"
              "{\"median\":7}}],\"skipped\":[{\"name\":\"" EVIL "\",\"reason\":\"" EVIL "\"}]}",
              &page, &markdown);
    static const char *const forbidden[] = {"<script", "</title><s", "<b>",      "<i>",
                                            "<u>",     "\xff",       "\xc0\xaf", "\xe2\x80\xae"};
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++) {
        ck_assert_msg(strstr(page.bytes, forbidden[i]) == NULL, "the page holds '%s'", forbidden[i]);
        ck_assert_msg(strstr(markdown.bytes, forbidden[i]) == NULL, "Markdown holds '%s'", forbidden[i]);
    }
    ck_assert_ptr_nonnull(strstr(page.bytes, "&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;&quot;&#39;|"));
    ck_assert_ptr_nonnull(strstr(markdown.bytes, "\\|\\*\\[x\\](y)\\`"));
    octavo_report_text_release(&page);
    octavo_report_text_release(&markdown);
}
END_TEST

/* One file of many shapes; speed multiplies its times. */
static void add_file(octavo_report_text *json, double speed, bool gpu) {
    octavo_report_text_add(json, HEAD DEVICE CEILINGS "\"rows\":[");
    for (unsigned i = 0; i < 200; i++) {
        double tokens = ldexp(1024, (int)(i % 6) * 2), gqa = ldexp(1, (int)(i / 6 % 3)), heads = 8 * (1 + i / 72);
        octavo_report_text_format(
            json,
            "%s{\"name\":\"case %u\",\"phase\":\"decode\",\"key_dim\":128,\"value_dim\":128,"
            "\"kv_heads\":%.0f,\"gqa\":%.0f,\"tokens\":%.0f,\"batch\":1,\"queries\":1,\"kv\":\"%s\","
            "\"dtype\":\"f32\",\"mask\":\"causal\",\"variant\":\"int8\",\"bytes\":%.0f,\"ops\":%.0f,"
            "\"%s\":{\"median\":%.6f},\"kernel_rel_l2\":0.004,\"codec_rel_l2\":0.19,\"ok\":%s}",
            i == 0 ? "" : ",", i, heads, gqa, tokens, i / 18 % 2 == 0 ? "3/3" : "f16/f16", tokens * 100 * heads,
            tokens * heads * gqa * 512, gpu ? "gpu_us" : "host_us", speed * (5 + tokens / 1000),
            i == 7 ? "false" : "true");
    }
    octavo_report_text_add(json, "],\"skipped\":[{\"name\":\"large\",\"reason\":\"no memory\"}]}");
}

static size_t count_of(const char *text, const char *part) {
    size_t count = 0;
    for (; (text = strstr(text, part)) != NULL; text++) count++;
    return count;
}

START_TEST(draws_five_files_of_200_rows) {
    octavo_report_file files[5];
    octavo_report_text page, markdown;
    octavo_error_line error = {""};
    for (size_t i = 0; i < 5; i++) {
        octavo_report_text json = {0};
        add_file(&json, (double)(1 + i), i < 4);
        ck_assert_msg(
            octavo_report_file_parse("a.json", (const uint8_t *)json.bytes, json.length, i, &files[i], &error), "%s",
            error.text);
        ck_assert_uint_eq(files[i].row_count, 200);
        octavo_report_text_release(&json);
    }
    draw(files, 5, &page, &markdown);
    ck_assert_uint_eq(count_of(page.bytes, "<td class=\"case\">case "), 1000);
    ck_assert_uint_eq(count_of(page.bytes, "<td class=\"bad\">failed</td>"), 5);
    ck_assert_uint_eq(count_of(page.bytes, "\n0.50 times as fast as Test (file 1)"), 100); /* the limit of cases */
    ck_assert_uint_eq(count_of(page.bytes, "\n0.20 times as fast as "), 0); /* file 5 has another clock */
    ck_assert_ptr_nonnull(strstr(page.bytes, "5 of them failed the check"));
    ck_assert_uint_eq(count_of(markdown.bytes, "failed its check"), 5);
    ck_assert_uint_eq(count_of(markdown.bytes, "**Test**"), 5);
    octavo_report_text_release(&page);
    octavo_report_text_release(&markdown);
}
END_TEST

START_TEST(markdown_leaves_out_what_is_the_same) {
    octavo_report_text page, markdown;
    draw_text(
        HEAD DEVICE CEILINGS
        "\"date\":\"2026-11-24\",\"rows\":["
        "{\"name\":\"b\",\"phase\":\"decode\",\"key_dim\":128,\"kv_heads\":8,\"gqa\":4,\"tokens\":4096,\"kv\":\"3/3\","
        "\"mask\":\"causal\",\"bytes\":4e6,\"gpu_us\":{\"median\":2}},"
        "{\"name\":\"a\",\"phase\":\"decode\",\"key_dim\":128,\"kv_heads\":8,\"gqa\":4,\"tokens\":1024,\"kv\":\"3/3\","
        "\"mask\":\"causal\",\"bytes\":1e6,\"gpu_us\":{\"median\":1}}]}",
        &page, &markdown);
    ck_assert_str_eq(markdown.bytes,
                     "**Test**, 2026-11-24; read bandwidth 4.00\xc2\xa0TB/s\n"
                     "\nDecode, d 128, 8 KV heads; query heads a KV head: 4; K/V bits: 3/3; clock: GPU\n\n"
                     "| tokens | \xc2\xb5s | GB/s | of read |\n|---:|---:|---:|---:|\n"
                     "| 1024 | 1.00 | 1000 | 25\xc2\xa0% |\n| 4096 | 2.00 | 2000 | 50\xc2\xa0% |\n");
    octavo_report_text_release(&page);
    octavo_report_text_release(&markdown);
}
END_TEST

/* A good file with bytes changed at random is refused with a line or drawn well. */
START_TEST(survives_changed_bytes) {
    octavo_report_text json = {0};
    uint64_t seed = 20261124u + (uint64_t)_i;
    rng random;
    rng_seed(&random, seed);
    octavo_report_text_add(&json, odd[sizeof odd / sizeof odd[0] - 1]);
    for (int i = 0; i < 200; i++) {
        char *copy = malloc(json.length + 1);
        ck_assert_ptr_nonnull(copy);
        memcpy(copy, json.bytes, json.length + 1);
        for (uint32_t k = 0; k <= rng_below(&random, 3); k++)
            copy[rng_below(&random, (uint32_t)json.length)] = (char)(1 + rng_below(&random, 255));
        octavo_report_file file;
        octavo_error_line error = {""};
        if (parse(copy, &file, &error)) {
            octavo_report_text page, markdown;
            draw(&file, 1, &page, &markdown);
            octavo_report_text_release(&page);
            octavo_report_text_release(&markdown);
        } else
            ck_assert_msg(error.text[0] != '\0', "seed %llu: refused without a word: %s", (unsigned long long)seed,
                          copy);
        free(copy);
    }
    octavo_report_text_release(&json);
}
END_TEST

START_TEST(writes_figures) {
    ck_assert_str_eq(octavo_report_number_plain(2.412).text, "2.41");
    ck_assert_str_eq(octavo_report_number_plain(581.63).text, "581.6");
    ck_assert_str_eq(octavo_report_number_plain(9.996).text, "10.0");
    ck_assert_str_eq(octavo_report_number_plain(-1).text, "");
    ck_assert_str_eq(octavo_report_number_integer(1048576).text, "1048576");
    ck_assert_str_eq(octavo_report_number_si(4.31e12, "B/s").text, "4.31\xc2\xa0TB/s");
    ck_assert_str_eq(octavo_report_number_si(999.6e9, "B/s").text, "1.00\xc2\xa0TB/s");
    ck_assert_str_eq(octavo_report_number_round(2e10).text, "20\xc2\xa0G");
    ck_assert_str_eq(octavo_report_number_binary(65536).text, "64\xc2\xa0Ki");
    ck_assert_str_eq(octavo_report_number_binary(1000).text, "1000");
    ck_assert_str_eq(octavo_report_number_percent(0.875).text, "88\xc2\xa0%");
    ck_assert_str_eq(octavo_report_number_error(0.03645).text, "0.0365");
    ck_assert_str_eq(octavo_report_number_power(1e-5).text, "10\xe2\x81\xbb\xe2\x81\xb5");
    ck_assert_str_eq(octavo_report_number_power(NAN).text, "");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("report");
    TCase *tests = tcase_create("files");
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, refuses_bad_files, 0, (int)(sizeof refused / sizeof refused[0]));
    tcase_add_test(tests, refuses_what_is_too_much);
    tcase_add_loop_test(tests, draws_odd_files, 0, (int)(sizeof odd / sizeof odd[0]));
    tcase_add_test(tests, escapes_every_text);
    tcase_add_test(tests, draws_five_files_of_200_rows);
    tcase_add_test(tests, markdown_leaves_out_what_is_the_same);
    tcase_add_loop_test(tests, survives_changed_bytes, 0, 8);
    tcase_add_test(tests, writes_figures);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
