/* Tuning rows: what parses, what a mistake is called, what matches, what a written row reads as; and whether settings
 * fit a device. Pure. */
#include "attention/kernel_tuning.h"
#include "fabricated_devices.h"
#include "rng.h"
#include "run_tests.h"
#include "variant_named.h"

#include <stdio.h>
#include <string.h>

static const octavo_tuning_place h200 = {"NVIDIA H200", "matrix", 128, 128, 3, 3, 4, 1};

static octavo_tuning_reader reader_of(const char *text) {
    octavo_tuning_reader reader = {text, 0, ""};
    return reader;
}

static octavo_tuning_row only_row(const char *text) {
    octavo_tuning_reader reader = reader_of(text);
    octavo_tuning_row row, more;
    octavo_tuning_found found = octavo_tuning_text_next(&reader, &row);
    ck_assert_msg(found == OCTAVO_TUNING_ROW, "'%s': %s", text, found == OCTAVO_TUNING_END ? "no row" : reader.error);
    ck_assert_int_eq(octavo_tuning_text_next(&reader, &more), OCTAVO_TUNING_END);
    return row;
}

static bool holds(const char *text) {
    octavo_tuning_row row = only_row(text);
    return octavo_tuning_text_matches(&row, &h200);
}

START_TEST(every_word_is_read) {
    octavo_tuning_row row = only_row(
        "device=\"NVIDIA H200\" variant=matrix key=128 value=64 kv=3/f16 group=4 tokens=2 "
        "lanes=384 rows=8 unpack=1 dispatches=3 query_bits=15 workgroups=4294967295 "
        "slice_work=18446744073709551615");
    ck_assert_uint_eq(row.device.size, 11u);
    ck_assert(memcmp(row.device.bytes, "NVIDIA H200", 11u) == 0);
    ck_assert_uint_eq(row.variant.size, 6u);
    ck_assert_uint_eq(row.key_dim, 128u);
    ck_assert_uint_eq(row.value_dim, 64u);
    ck_assert_uint_eq(row.key_bits, 3u);
    ck_assert_uint_eq(row.value_bits, 16u);
    ck_assert_uint_eq(row.group, 4u);
    ck_assert_uint_eq(row.query_tokens, 2u);
    ck_assert_uint_eq(row.lanes, 384u);
    ck_assert_uint_eq(row.rows, 8u);
    ck_assert_uint_eq(row.unpack, 1u);
    ck_assert_uint_eq(row.dispatches, 3u);
    ck_assert_uint_eq(row.query_bits, 15u);
    ck_assert_uint_eq(row.workgroups, UINT32_MAX);
    ck_assert_uint_eq(row.slice_work, UINT64_MAX);
}
END_TEST

START_TEST(lines_are_counted_and_comments_passed_over) {
    octavo_tuning_reader reader =
        reader_of("# a comment with rows=0 in it\n\n \t\r\nrows=1 # 12 us\r\n#\n\trows=2\t lanes=32 #x\nrows=4");
    static const uint32_t rows[] = {1, 2, 4}, lines[] = {4, 6, 7};
    octavo_tuning_row row;
    for (uint32_t i = 0; i < 3u; ++i) {
        ck_assert_int_eq(octavo_tuning_text_next(&reader, &row), OCTAVO_TUNING_ROW);
        ck_assert_uint_eq(row.rows, rows[i]);
        ck_assert_uint_eq(row.lanes, i == 1u ? 32u : 0u); /* nothing is left of the line before */
        ck_assert_uint_eq(row.line, lines[i]);
    }
    ck_assert_int_eq(octavo_tuning_text_next(&reader, &row), OCTAVO_TUNING_END);
    ck_assert_int_eq(octavo_tuning_text_next(&reader, &row), OCTAVO_TUNING_END);
}
END_TEST

static const struct {
    const char *text, *error;
} bad[] = {
    {"rows", "line 1: 'rows': not name=value"},
    {"\n\nrows=2 rowz=3", "line 3: 'rowz=3': no such selector or setting"},
    {"rows=", "line 1: 'rows=': no value"},
    {"=2", "line 1: '=2': no such selector or setting"},
    {"rows=0", "line 1: 'rows=0': not a number from 1 to 4294967295"},
    {"rows=-1", "line 1: 'rows=-1': not a number from 1 to 4294967295"},
    {"rows=+1", "line 1: 'rows=+1': not a number from 1 to 4294967295"},
    {"rows=1.5", "line 1: 'rows=1.5': not a number from 1 to 4294967295"},
    {"rows=4#", "line 1: 'rows=4#': not a number from 1 to 4294967295"},
    {"lanes=4294967296", "line 1: 'lanes=4294967296': not a number from 1 to 4294967295"},
    {"lanes=99999999999999999999999999",
     "line 1: 'lanes=99999999999999999999999999': not a number from 1 to 4294967295"},
    {"slice_work=18446744073709551616", "line 1: 'slice_work=18446744073709551616': not a number from 1 to 2^64 - 1"},
    {"rows=2 rows=2", "line 1: 'rows=2': given twice"},
    {"kv=3/3 kv=3/3", "line 1: 'kv=3/3': given twice"},
    {"device=a device=b", "line 1: 'device=b': given twice"},
    {"slice_work=1 slice_work=1", "line 1: 'slice_work=1': given twice"},
    {"kv=3", "line 1: 'kv=3': not two of 2, 3, 4, f16 with a slash between"},
    {"kv=3/", "line 1: 'kv=3/': not two of 2, 3, 4, f16 with a slash between"},
    {"kv=3/5", "line 1: 'kv=3/5': not two of 2, 3, 4, f16 with a slash between"},
    {"kv=3/3/3", "line 1: 'kv=3/3/3': not two of 2, 3, 4, f16 with a slash between"},
    {"device=\"NVIDIA", "line 1: 'device=\"NVIDIA': the quote does not end"},
    {"device=\"a\\", "line 1: 'device=\"a\\': the quote does not end"},
    {"device=\"a\\\nb\"", "line 1: 'device=\"a\\': the quote does not end"},
    {"device=\"a\"rows=2", "line 1: 'device=\"a\"': something follows the quote"},
    {"device=\"\"", "line 1: 'device=\"\"': no value"},
    {"variant=\"matrix\"", "line 1: 'variant=\"matrix\"': only a device is quoted"},
    {"\x01\xff=\x7f", "line 1: '?\?=?': no such selector or setting"},
};

START_TEST(mistakes_name_line_and_word) {
    octavo_tuning_reader reader = reader_of(bad[_i].text);
    octavo_tuning_row row;
    octavo_tuning_found found;
    do found = octavo_tuning_text_next(&reader, &row);
    while (found == OCTAVO_TUNING_ROW);
    ck_assert_msg(found == OCTAVO_TUNING_ERROR, "'%s' is read", bad[_i].text);
    ck_assert_str_eq(reader.error, bad[_i].error);
}
END_TEST

START_TEST(long_words_are_cut_in_the_message) {
    static char text[100000];
    memset(text, 'x', sizeof text - 1u);
    octavo_tuning_reader reader = reader_of(text);
    octavo_tuning_row row;
    ck_assert_int_eq(octavo_tuning_text_next(&reader, &row), OCTAVO_TUNING_ERROR);
    ck_assert_uint_lt(strlen(reader.error), 120u);
}
END_TEST

/* Any bytes: each call ends, within the text, with a row or a line of printable text. */
START_TEST(any_bytes_are_survived) {
    static const char *const pieces[] = {"rows=", "4", "\n", " ", "device=\"", "\"", "\\", "kv=", "3/3", "#", "f16/2"};
    rng generator;
    rng_seed(&generator, (uint64_t)_i + 1u);
    char text[256] = "";
    size_t size = 0;
    while (size + 12u < sizeof text) {
        uint32_t draw = rng_below(&generator, 16u);
        if (draw < sizeof pieces / sizeof pieces[0])
            size += (size_t)snprintf(text + size, sizeof text - size, "%s", pieces[draw]);
        else
            text[size++] = (char)(1u + rng_below(&generator, 255u));
        text[size] = '\0';
    }
    octavo_tuning_reader reader = reader_of(text);
    octavo_tuning_row row;
    uint32_t calls = 0;
    octavo_tuning_found found = OCTAVO_TUNING_ROW;
    for (; found == OCTAVO_TUNING_ROW; ++calls) {
        found = octavo_tuning_text_next(&reader, &row);
        ck_assert_msg(calls <= size && reader.at >= text && reader.at <= text + size, "seed %d", _i + 1);
        if (found == OCTAVO_TUNING_ROW) (void)octavo_tuning_text_matches(&row, &h200);
    }
    for (const char *c = reader.error; *c != '\0'; ++c)
        ck_assert_msg(*c >= ' ' && *c <= '~', "seed %d: byte %d in the message", _i + 1, *c);
    ck_assert_msg((found == OCTAVO_TUNING_ERROR) == (reader.error[0] != '\0'), "seed %d", _i + 1);
}
END_TEST

START_TEST(selectors_that_are_left_out_match) {
    ck_assert(holds("rows=4"));
    ck_assert(holds("device=\"NVIDIA H200\" variant=matrix key=128 value=128 kv=3/3 group=4 tokens=1 rows=4"));
    ck_assert(holds("device=\"NVIDIA\\ H\\200\""));
    static const char *const others[] = {"device=\"NVIDIA H20\"",
                                         "device=\"NVIDIA H2000\"",
                                         "device=NVIDIA",
                                         "variant=matri",
                                         "variant=matrix_emulated",
                                         "key=64",
                                         "value=64",
                                         "kv=3/4",
                                         "kv=f16/3",
                                         "group=1",
                                         "tokens=2",
                                         "variant=#"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; ++i)
        ck_assert_msg(!holds(others[i]), "'%s' matches", others[i]);
}
END_TEST

/* A written row matches its place and has its settings, whatever the device is called. */
START_TEST(what_is_written_is_read) {
    char longest[256];
    memset(longest, '"', sizeof longest - 1u);
    longest[255] = '\0';
    const char *const names[] = {"NVIDIA H200", "a \"b\" \\c\\", "\\", " ", "#", "\xc3\xa9\x01\r\t", longest};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
        octavo_tuning_place place = {names[i], "int8_subgroup", UINT32_MAX, UINT32_MAX, 16, 2, UINT32_MAX, UINT32_MAX};
        octavo_tuning_row settings = {0};
        settings.dispatches = settings.query_bits = UINT32_MAX;
        settings.rows = settings.unpack = settings.workgroups = settings.lanes = UINT32_MAX;
        settings.slice_work = UINT64_MAX;
        char text[OCTAVO_TUNING_TEXT_BYTES];
        octavo_tuning_text_write(&place, &settings, text);
        octavo_tuning_row row = only_row(text);
        ck_assert_msg(octavo_tuning_text_matches(&row, &place), "'%s' does not match its place", text);
        ck_assert_msg(row.device.bytes != NULL && row.variant.bytes != NULL && row.lanes == UINT32_MAX &&
                          row.rows == UINT32_MAX && row.unpack == UINT32_MAX && row.workgroups == UINT32_MAX &&
                          row.dispatches == UINT32_MAX && row.query_bits == UINT32_MAX &&
                          row.slice_work == UINT64_MAX && row.query_tokens == UINT32_MAX,
                      "'%s' lacks something", text);
        place.device = "other";
        ck_assert_msg(!octavo_tuning_text_matches(&row, &place), "'%s' matches another device", text);
    }
    octavo_tuning_row none = {0};
    char text[OCTAVO_TUNING_TEXT_BYTES];
    octavo_tuning_text_write(&h200, &none, text);
    ck_assert_str_eq(text, "device=\"NVIDIA H200\" variant=matrix key=128 value=128 kv=3/3 group=4 tokens=1");
    octavo_tuning_place broken = h200;
    broken.device = "two\nlines"; /* no row can name it */
    octavo_tuning_text_write(&broken, &none, text);
    ck_assert_str_eq(text, "variant=matrix key=128 value=128 kv=3/3 group=4 tokens=1");
}
END_TEST

/* --- settings against limits ----------------------------------------------------------------------------------------
 */

static const struct {
    const char *variant, *text, *problem; /* a part of it; NULL: it fits */
} fits[] = {
    {"matrix", "lanes=128 rows=4 workgroups=7 slice_work=9", NULL},
    {"matrix", "lanes=1024 rows=1", NULL},
    {"matrix", "lanes=256 rows=16", NULL},
    {"matrix", "lanes=512 rows=16", "more shared memory"},
    {"matrix", "lanes=48", "lanes: not a multiple"},
    {"matrix", "lanes=1056", "lanes: not a multiple"},
    {"matrix", "lanes=4294967264", "lanes: not a multiple"},
    {"matrix", "rows=3", "rows: none of"},
    {"matrix", "rows=32", "rows: none of"},
    {"matrix", "unpack=1", "unpack: the matrix"},
    {"matrix", "workgroups=1048576", NULL},
    {"matrix", "workgroups=1048577", "workgroups: more"},
    {"matrix_emulated", "rows=8", NULL},
    {"matrix_emulated", "lanes=64", "lanes: only"},
    {"int8_subgroup", "rows=1 unpack=4", NULL},
    {"int8_subgroup", "rows=8 unpack=1 workgroups=1", NULL},
    {"int8_subgroup", "rows=16", "rows: none of"},
    {"int8_subgroup", "unpack=3", "unpack: none of"},
    {"int8_subgroup", "unpack=8", "unpack: none of"},
    {"int8_subgroup", "lanes=96", NULL},
    {"int8_subgroup", "lanes=48", "lanes: not whole"},
    {"int8_subgroup", "lanes=64 dispatches=3", "lanes: only"},
    {"int8_subgroup", "dispatches=3", NULL},
    {"int8_subgroup", "dispatches=1 query_bits=8", NULL},
    {"int8_subgroup", "dispatches=2", "dispatches: neither"},
    {"int8_subgroup", "query_bits=15", NULL},
    {"int8_subgroup", "query_bits=16", "query_bits: neither"},
    {"f32_subgroup", "query_bits=8", "query_bits: the query"},
    {"matrix", "dispatches=1", NULL},
    {"matrix", "dispatches=3", "dispatches: the matrix"},
    {"matrix", "query_bits=8", "query_bits: the query"},
    {"prefill_tiles", "workgroups=7 slice_work=9 dispatches=3", NULL},
    {"prefill_tiles", "rows=128", NULL},
    {"prefill_tiles", "rows=32", "rows: not a power of two"},
    {"prefill_tiles", "rows=512", "rows: not a power of two"},
    {"prefill_tiles", "lanes=256", "lanes: only"},
    {"prefill_tiles", "unpack=1", "unpack: the matrix"},
    {"prefill_tiles", "dispatches=1", "dispatches: this variant"},
    {"f16_subgroup", "lanes=64 rows=8 unpack=4 dispatches=1", NULL},
    {"f16_subgroup", "query_bits=8", "query_bits: the query"},
    {"f32_shared", "lanes=32", "lanes: only"},
    {"f32_shared", "dispatches=3 rows=2", NULL},
    {"prefill_int8", "lanes=64 rows=16 query_bits=8 dispatches=3", NULL},
    {"prefill_f32", "lanes=128 rows=64 workgroups=7", NULL},
    {"prefill_f16", "lanes=64 rows=16 dispatches=3", NULL},
    {"prefill_f32", "lanes=48", "lanes: not a power"},
    {"prefill_f32", "lanes=4", "lanes: not a power"},
    {"prefill_f32", "rows=8", "rows: no power"},
    {"prefill_f32", "rows=128", "rows: no power"},
    {"prefill_f32", "lanes=1024", "lanes: more than eight"},
    {"prefill_f32", "unpack=1", "unpack: the prefill"},
    {"prefill_f32", "dispatches=1", "dispatches: the prefill"},
};

START_TEST(settings_are_checked) {
    usable_device device;
    ck_assert(fabricate_usable_device(FABRICATED_HOPPER, &device));
    octavo_packed_layout layout = octavo_packed_layout_make(1u, 8u, 128u, 128u, 3u, 3u);
    octavo_kernel_shape shape = {&layout, 4u, 1u, 0u, OCTAVO_PHASE_DECODE, 0u, 0u, false};
    const octavo_kernel_variant *variant = variant_named(fits[_i].variant);
    if (octavo_kernel_is_for_prefill(variant)) {
        shape.phase = OCTAVO_PHASE_PREFILL;
        shape.query_tokens = 512u;
    }
    octavo_kernel_tuning before, after;
    ck_assert(octavo_kernel_tune(&device.snapshot, variant, &shape, 0u, &before));
    after = before;
    octavo_tuning_row row = only_row(fits[_i].text);
    const char *problem = octavo_kernel_override(&device.snapshot, variant, &shape, &row, &after);
    if (fits[_i].problem != NULL) {
        ck_assert_msg(problem != NULL && strstr(problem, fits[_i].problem) != NULL, "%s: %s", fits[_i].text,
                      problem != NULL ? problem : "it fits");
        ck_assert(memcmp(&before, &after, sizeof before) == 0);
        return;
    }
    ck_assert_msg(problem == NULL, "%s: %s", fits[_i].text, problem != NULL ? problem : "");
    octavo_tuning_row used = octavo_kernel_settings(variant, &after);
    ck_assert(row.lanes == 0u || used.lanes == row.lanes);
    ck_assert(row.rows == 0u ? used.rows == before.rows : used.rows == row.rows);
    ck_assert(row.unpack == 0u || used.unpack == row.unpack);
    ck_assert(row.workgroups == 0u ? used.workgroups > 0u : used.workgroups == row.workgroups);
    ck_assert(row.slice_work == 0u ? used.slice_work == before.slice_work : used.slice_work == row.slice_work);
    ck_assert(after.shared_bytes <= device.snapshot.max_compute_shared_memory_size);
    ck_assert((used.lanes == 0u) ==
              (variant->source == OCTAVO_KERNEL_PREFILL_TILES ||
               (!octavo_kernel_is_for_prefill(variant) && (after.subgroup_size == 0u || !after.fused))));
    ck_assert(row.dispatches == 0u || after.fused == (row.dispatches == 1u));
    ck_assert(row.query_bits == 0u || after.query_parts == (row.query_bits == 8u ? 1u : 2u));
    ck_assert(octavo_kernel_has_one_dispatch(variant) ? used.dispatches == 0u
                                                      : used.dispatches == (after.fused ? 1u : 3u));
    ck_assert((used.unpack == 0u) ==
              (octavo_kernel_has_one_dispatch(variant) || octavo_kernel_is_for_prefill(variant)));
}
END_TEST

/* The numbers in use, given back as a row, change nothing: on every device, for every variant and rung. */
START_TEST(own_numbers_fit) {
    usable_device device;
    if (!fabricate_usable_device((fabricated_device)_i, &device)) return;
    octavo_packed_layout layout = octavo_packed_layout_make(1u, 8u, 256u, 128u, 4u, 3u);
    octavo_kernel_shape shape = {&layout, 8u, 1u, 0u, OCTAVO_PHASE_DECODE, 0u, 0u, false};
    for (uint32_t v = 0; v < OCTAVO_KERNEL_VARIANT_COUNT; ++v) {
        const octavo_kernel_variant *variant = &octavo_kernel_variants[v];
        shape.phase = octavo_kernel_is_for_prefill(variant) ? OCTAVO_PHASE_PREFILL : OCTAVO_PHASE_DECODE;
        if (octavo_kernel_variant_refusal(variant, &device.snapshot, device.capabilities, shape.phase) != NULL)
            continue;
        octavo_kernel_tuning before, after;
        for (uint32_t rung = 0; octavo_kernel_tune(&device.snapshot, variant, &shape, rung, &before); ++rung) {
            octavo_tuning_row row = octavo_kernel_settings(variant, &before), nothing = {0};
            after = before;
            const char *problem = octavo_kernel_override(&device.snapshot, variant, &shape, &row, &after);
            ck_assert_msg(problem == NULL && memcmp(&before, &after, sizeof before) == 0, "%s, %s, rung %u: %s",
                          device.snapshot.name, variant->name, rung, problem != NULL ? problem : "it changes");
            problem = octavo_kernel_override(&device.snapshot, variant, &shape, &nothing, &after);
            ck_assert_msg(problem == NULL && memcmp(&before, &after, sizeof before) == 0, "%s, %s, rung %u: %s",
                          device.snapshot.name, variant->name, rung, problem != NULL ? problem : "nothing changes it");
        }
    }
}
END_TEST

START_TEST(shared_memory_is_a_limit) {
    usable_device device;
    ck_assert(fabricate_usable_device(FABRICATED_ANDROID_2021, &device));
    octavo_packed_layout layout = octavo_packed_layout_make(1u, 8u, 256u, 256u, 16u, 16u);
    octavo_kernel_shape shape = {&layout, 8u, 1u, 0u, OCTAVO_PHASE_DECODE, 0u, 0u, false};
    const octavo_kernel_variant *variant = variant_named("f32_shared");
    octavo_kernel_tuning tuning;
    ck_assert(octavo_kernel_tune(&device.snapshot, variant, &shape, 0u, &tuning));
    octavo_tuning_row row = only_row("rows=8");
    const char *problem = octavo_kernel_override(&device.snapshot, variant, &shape, &row, &tuning);
    ck_assert_msg(problem != NULL && strstr(problem, "shared memory") != NULL, "%s",
                  problem != NULL ? problem : "fits");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("tuning_text");
    TCase *test_case = tcase_create("tuning_text");
    tcase_add_test(test_case, every_word_is_read);
    tcase_add_test(test_case, lines_are_counted_and_comments_passed_over);
    tcase_add_loop_test(test_case, mistakes_name_line_and_word, 0, (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(test_case, long_words_are_cut_in_the_message);
    tcase_add_loop_test(test_case, any_bytes_are_survived, 0, 500);
    tcase_add_test(test_case, selectors_that_are_left_out_match);
    tcase_add_test(test_case, what_is_written_is_read);
    tcase_add_loop_test(test_case, settings_are_checked, 0, (int)(sizeof fits / sizeof fits[0]));
    tcase_add_loop_test(test_case, own_numbers_fit, 0, FABRICATED_DEVICE_COUNT);
    tcase_add_test(test_case, shared_memory_is_a_limit);
    suite_add_tcase(suite, test_case);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
