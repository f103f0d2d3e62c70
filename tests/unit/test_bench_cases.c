/* The cases of octavo bench: options, products, lengths, and what a step has to read, against the oracle's mask. */
#include "attention_oracle.h"
#include "bench_options.h"
#include "random_numbers.h"
#include "run_tests.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define ARGUMENT_LIMIT 32

/* line: words between single blanks; split in place. */
static int parse(char *line, octavo_bench_options *options, octavo_error_line *error) {
    char *argv[ARGUMENT_LIMIT + 1] = {NULL};
    int argc = 0;
    for (char *word = strtok(line, " "); word != NULL && argc < ARGUMENT_LIMIT; word = strtok(NULL, " "))
        argv[argc++] = word;
    optind = 1;
    return octavo_bench_options_parse(argc, argv, options, error);
}

static size_t make_cases(const char *text, octavo_bench_options *options, octavo_bench_case **cases) {
    char *line = malloc(strlen(text) + 1);
    octavo_error_line error = {""};
    size_t count = 0;
    ck_assert_ptr_nonnull(line);
    memcpy(line, text, strlen(text) + 1);
    ck_assert_msg(parse(line, options, &error) == 0, "%s: %s", text, error.text);
    ck_assert(octavo_bench_options_cases(options, cases, &count, &error));
    free(line);
    return count;
}

START_TEST(product_of_lists) {
    octavo_bench_options options;
    octavo_bench_case *cases = NULL;
    size_t count = make_cases(
        "bench --phase decode,append --d 64,128 --kv-heads 8 --gqa 1,4,8 --tokens 4096,65536 "
        "--batch 1,8 --queries 1,4,16 --kv 3,4/3,f16 --mask causal --mask causal,window=100",
        &options, &cases);
    ck_assert_uint_eq(count,
                      2 * 2 * 2 * 3 * (3 * 3 * 2 + 3)); /* an append has new tokens, no query heads and no mask */
    for (size_t i = 0; i < count; i++) cases[i].layers = cases[i].mask.window > 0 ? 2 : 1;
    size_t changes = 0;
    for (size_t i = 1; i < count; i++) changes += !octavo_bench_case_same_cache(&cases[i - 1], &cases[i]);
    ck_assert_uint_eq(changes + 1, 2 * 2 * 2 * 3 * (2 + 3)); /* each cache once; appends have sources of their own */
    for (size_t i = 0; i < count; i++) {
        char name[OCTAVO_BENCH_NAME_LENGTH], other[OCTAVO_BENCH_NAME_LENGTH];
        octavo_bench_case_name(&cases[i], name);
        for (size_t j = 0; j < i; j++) {
            octavo_bench_case_name(&cases[j], other);
            ck_assert_str_ne(name, other);
        }
    }
    free(cases);
}
END_TEST

START_TEST(defaults) {
    octavo_bench_options options;
    octavo_bench_case *cases = NULL;
    char name[OCTAVO_BENCH_NAME_LENGTH];
    ck_assert_uint_eq(make_cases("bench --phase decode,prefill", &options, &cases), 2);
    octavo_bench_case_name(&cases[0], name);
    ck_assert_str_eq(name, "decode d 128 heads 8x4 tokens 4096 batch 1 queries 1 kv 3 causal");
    octavo_bench_case_name(&cases[1], name);
    ck_assert_str_eq(name, "prefill d 128 heads 8x4 tokens 4096 batch 1 queries all kv 3 causal");
    ck_assert_uint_eq(octavo_bench_case_queries(&cases[1], 77), 77);
    free(cases);
}
END_TEST

/* Both ways over one cache, which other phases do not share: steps change it. */
START_TEST(chunks) {
    octavo_bench_options options;
    octavo_bench_case *cases = NULL;
    char name[OCTAVO_BENCH_NAME_LENGTH];
    ck_assert_uint_eq(make_cases("bench --phase prefill,append --queries 16 --chunk packed,own", &options, &cases), 3);
    octavo_bench_case_name(&cases[1], name);
    ck_assert_str_eq(name, "prefill d 128 heads 8x4 tokens 4096 batch 1 queries 16 chunk own kv 3 causal");
    ck_assert(octavo_bench_case_appends(&cases[0]) && octavo_bench_case_appends(&cases[2]));
    ck_assert(octavo_bench_case_same_cache(&cases[0], &cases[1]));
    ck_assert(!octavo_bench_case_same_cache(&cases[1], &cases[2]));
    cases[1].queries = 17;
    ck_assert(!octavo_bench_case_same_cache(&cases[0], &cases[1]));
    cases[1].chunk = OCTAVO_BENCH_CHUNK_NONE;
    ck_assert(!octavo_bench_case_appends(&cases[1]) && !octavo_bench_case_same_cache(&cases[0], &cases[1]));
    free(cases);
}
END_TEST

/* Caches are filled from tensors of the type; f32 is not named, as ever. */
START_TEST(tensor_types) {
    octavo_bench_options options;
    octavo_bench_case *cases = NULL;
    char name[OCTAVO_BENCH_NAME_LENGTH], line[] = "bench --dtype f16,half";
    octavo_error_line error = {""};
    ck_assert_uint_eq(make_cases("bench --phase prefill,append --dtype f32,bf16", &options, &cases), 4);
    octavo_bench_case_name(&cases[1], name);
    ck_assert_str_eq(name, "prefill d 128 heads 8x4 tokens 4096 batch 1 queries all kv 3 dtype bf16 causal");
    ck_assert(!octavo_bench_case_same_cache(&cases[0], &cases[1]));
    ck_assert_uint_eq(octavo_bench_case_input_bytes(&cases[2]), 8 * 256 * 4);
    ck_assert_uint_eq(octavo_bench_case_input_bytes(&cases[3]), 8 * 256 * 2);
    free(cases);
    ck_assert_int_eq(parse(line, &options, &error), 1);
    ck_assert_str_eq(error.text, "--dtype: 'half' is none of f32, f16, bf16");
}
END_TEST

START_TEST(presets) {
    octavo_bench_options options;
    octavo_bench_case *cases = NULL;
    const octavo_bench_preset *preset;
    ck_assert_uint_eq(make_cases("bench --preset gpt-oss-20b,llama-3-8b --tokens 1000 --kv 3,f16", &options, &cases),
                      6);
    ck_assert_str_eq(cases[0].model, "gpt-oss-20b");
    ck_assert_uint_eq(cases[0].key_dim, 64);
    ck_assert_uint_eq(cases[0].gqa, 8);
    ck_assert(cases[0].sink_logits);
    ck_assert_uint_eq(cases[1].mask.window, 128);
    free(cases);
    for (uint32_t i = 0; (preset = octavo_bench_preset_at(i)) != NULL; i++) {
        ck_assert_ptr_nonnull(strstr(octavo_bench_help, preset->name));
        ck_assert_uint_ge(preset->mask_count, 1);
    }
}
END_TEST

START_TEST(equal_lengths_have_the_same_total) {
    octavo_bench_options options;
    octavo_bench_case *cases = NULL;
    uint32_t lengths[64];
    ck_assert_uint_eq(make_cases("bench --tokens 1..32768 --batch 64 --equal-total --seed 9", &options, &cases), 2);
    uint64_t total = octavo_bench_case_lengths(&cases[0], lengths), sum = 0;
    uint32_t least = UINT32_MAX, most = 0;
    for (int i = 0; i < 64; i++) {
        ck_assert(lengths[i] >= 1 && lengths[i] <= 32768);
        sum += lengths[i];
        if (lengths[i] < least) least = lengths[i];
        if (lengths[i] > most) most = lengths[i];
    }
    ck_assert_uint_eq(sum, total);
    ck_assert(least < 100 && most > 3000);
    ck_assert_uint_eq(octavo_bench_case_lengths(&cases[1], lengths), total);
    sum = 0;
    for (int i = 0; i < 64; i++) {
        ck_assert(lengths[i] == total / 64 || lengths[i] == total / 64 + 1);
        sum += lengths[i];
    }
    ck_assert_uint_eq(sum, total);
    free(cases);
}
END_TEST

static const struct {
    const char *arguments, *names;
} bad[] = {
    {"--d 16", "--d"},
    {"--d 64,,128", "--d"},
    {"--gqa 65", "--gqa"},
    {"--tokens 0", "--tokens"},
    {"--tokens 9..3", "--tokens"},
    {"--tokens 1..", "--tokens"},
    {"--tokens 99999999999999999999", "--tokens"},
    {"--tokens 11111111111111111111111111111111111111111111111111111111111111111111", "too long"},
    {"--batch 5000", "--batch"},
    {"--queries none", "--queries"},
    {"--chunk none", "--chunk"},
    {"--kv 5", "--kv"},
    {"--mask sideways", "--mask"},
    {"--phase decode,encode", "--phase"},
    {"--preset llama-99", "--preset"},
    {"--preset phi-4 --d 64", "excludes"},
    {"--rounds 2", "--rounds"},
    {"--variant fastest", "--variant"},
    {"--format xml", "--format"},
    {"--out result.xml", "--out"},
    {"--first 129", "--first"},
    {"--compare a.json", "two files"},
    {"--tune --tuning a.rows", "--tune"},
    {"--tune --workgroups 5", "--tune"},
    {"--tune --format md", "--tune"},
    {"stray", "'stray'"},
    {"--d 32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59,60,61,62,63,64",
     "more than 32"},
};

START_TEST(bad_options) {
    char line[512] = "bench ";
    octavo_bench_options options;
    octavo_error_line error = {""};
    strncat(line, bad[_i].arguments, sizeof line - 7);
    ck_assert_int_eq(parse(line, &options, &error), 1);
    ck_assert_msg(strstr(error.text, bad[_i].names) != NULL, "%s: %s", bad[_i].arguments, error.text);
}
END_TEST

START_TEST(format_follows_the_file) {
    char json[] = "bench --out a.json", forced[] = "bench --format md --out a.json", none[] = "bench --out result";
    octavo_bench_options options;
    char rows[] = "bench --tune --out a.rows";
    ck_assert_int_eq(parse(rows, &options, NULL), 0);
    ck_assert(options.tune);
    ck_assert_int_eq(parse(json, &options, NULL), 0);
    ck_assert_int_eq(options.format, OCTAVO_BENCH_FORMAT_JSON);
    ck_assert_int_eq(parse(forced, &options, NULL), 0);
    ck_assert_int_eq(options.format, OCTAVO_BENCH_FORMAT_MD);
    ck_assert_int_eq(parse(none, &options, NULL), 0);
    ck_assert_int_eq(options.format, OCTAVO_BENCH_FORMAT_MD);
}
END_TEST

/* What one sequence needs, key by key. */
static octavo_bench_work count_work(const octavo_bench_case *bench, uint32_t length) {
    octavo_bench_work work = {0, 0};
    uint32_t queries = octavo_bench_case_queries(bench, length);
    for (uint32_t key = 0; key < length; key++) {
        bool seen = false;
        for (uint32_t query = 0; query < queries; query++) {
            if (!octavo_oracle_sees(&bench->mask, queries, length, query, key)) continue;
            seen = true;
            work.pairs++;
        }
        work.seen_tokens += seen;
    }
    return work;
}

START_TEST(work_is_what_the_mask_shows) {
    octavo_random random = octavo_random_seed((uint64_t)_i);
    octavo_bench_case bench = {.batch = 1};
    uint32_t length = octavo_random_between(&random, 1, 60);
    bench.queries =
        octavo_random_once_in(&random, 3) ? OCTAVO_BENCH_ALL_QUERIES : octavo_random_between(&random, 1, 70);
    bench.mask.causal = octavo_random_once_in(&random, 2);
    if (octavo_random_once_in(&random, 2)) bench.mask.window = octavo_random_between(&random, 1, 20);
    if (octavo_random_once_in(&random, 2)) bench.mask.sink = octavo_random_between(&random, 1, 10);
    if (octavo_random_once_in(&random, 3)) bench.mask.prefix = octavo_random_between(&random, 1, 80);
    octavo_bench_work work = octavo_bench_case_work(&bench, &length), expected = count_work(&bench, length);
    ck_assert_msg(work.pairs == expected.pairs, "seed %d: %g pairs, not %g", _i, work.pairs, expected.pairs);
    ck_assert_msg(work.seen_tokens == expected.seen_tokens, "seed %d: %g tokens, not %g", _i, work.seen_tokens,
                  expected.seen_tokens);
}
END_TEST

START_TEST(caches_take_turns) {
    octavo_bench_case bench = {.phase = OCTAVO_BENCH_DECODE,
                               .key_dim = 128,
                               .value_dim = 128,
                               .kv_heads = 8,
                               .gqa = 4,
                               .tokens = {1024, 1024, false},
                               .batch = 1,
                               .queries = 1,
                               .key_bits = 3,
                               .value_bits = 3,
                               .mask = {VK_TRUE, 0, 0, 0}};
    const uint64_t set = UINT64_C(256) << 20;
    ck_assert_uint_eq(octavo_bench_case_token_bytes(&bench), 800);
    uint32_t layers = octavo_bench_case_layers(&bench, set);
    ck_assert(layers * UINT64_C(819200) >= set && layers * UINT64_C(819200) < set + 2 * 819200);
    bench.mask.window = 128; /* reads an eighth of each cache: eight times as many */
    ck_assert_uint_gt(octavo_bench_case_layers(&bench, set), 3 * layers / 2);
    bench.tokens.low = bench.tokens.high = 1u << 20; /* 800 MiB each */
    bench.mask.window = 0;
    ck_assert_uint_eq(octavo_bench_case_layers(&bench, set), 2);
    bench.warm = true;
    ck_assert_uint_eq(octavo_bench_case_layers(&bench, set), 1);
    bench.phase = OCTAVO_BENCH_APPEND;
    ck_assert_uint_eq(octavo_bench_case_layers(&bench, set), OCTAVO_BENCH_APPEND_LAYERS);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("bench_cases");
    TCase *test_case = tcase_create("bench_cases");
    tcase_set_timeout(test_case, 60);
    tcase_add_test(test_case, product_of_lists);
    tcase_add_test(test_case, defaults);
    tcase_add_test(test_case, chunks);
    tcase_add_test(test_case, tensor_types);
    tcase_add_test(test_case, presets);
    tcase_add_test(test_case, equal_lengths_have_the_same_total);
    tcase_add_loop_test(test_case, bad_options, 0, (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(test_case, format_follows_the_file);
    tcase_add_loop_test(test_case, work_is_what_the_mask_shows, 0, 300);
    tcase_add_test(test_case, caches_take_turns);
    suite_add_tcase(suite, test_case);
    return run_suite(suite);
}
