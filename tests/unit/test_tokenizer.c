/* Tokenizers: against encodings worked out by hand from the rules, round trips, and vocabularies that are refused. */
#include "tokenizer.h"

#include "gguf_builder.h"
#include "pretokenizer.h"
#include "run_tests.h"
#include "unicode_classes.h"
#include "utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* NULL with a message, or a tokenizer that needs nothing of the builder any more. */
static octavo_tokenizer *create(gguf_builder *builder, octavo_generate_error *error) {
    size_t size;
    unsigned char *bytes = gguf_finish(builder, &size);
    *error = (octavo_generate_error){{0}};
    octavo_gguf *gguf = octavo_gguf_parse(bytes, size, error);
    ck_assert_msg(gguf != NULL, "%s", error->text);
    octavo_tokenizer *tokenizer = octavo_tokenizer_create(gguf, error);
    octavo_gguf_destroy(gguf);
    memset(bytes, 0xee, size);
    free(bytes);
    gguf_builder_release(builder);
    return tokenizer;
}

static octavo_tokenizer *create_byte_level(void) {
    gguf_builder builder = GGUF_BUILDER_INIT;
    octavo_generate_error error;
    gguf_add_byte_level_tokenizer(&builder);
    octavo_tokenizer *tokenizer = create(&builder, &error);
    ck_assert_msg(tokenizer != NULL, "%s", error.text);
    return tokenizer;
}

static octavo_tokenizer *create_spm(bool with_bytes) {
    gguf_builder builder = GGUF_BUILDER_INIT;
    octavo_generate_error error;
    gguf_add_spm_tokenizer(&builder, with_bytes);
    octavo_tokenizer *tokenizer = create(&builder, &error);
    ck_assert_msg(tokenizer != NULL, "%s", error.text);
    return tokenizer;
}

#define END_OF_LIST UINT32_MAX

static void assert_tokens(const octavo_tokenizer *tokenizer, const char *text, bool begin, bool special,
                          const uint32_t *expected) {
    octavo_token_list list = {0};
    octavo_generate_error error = {{0}};
    octavo_tokenizer_encode_options options = {.begin = begin, .parse_special = special};
    ck_assert_msg(octavo_tokenizer_encode(tokenizer, text, strlen(text), options, &list, &error), "%s", error.text);
    size_t i = 0;
    for (; expected[i] != END_OF_LIST; i++)
        ck_assert_msg(i < list.count && list.tokens[i] == expected[i], "\"%s\": token %zu of %zu is %u, expected %u",
                      text, i, list.count, i < list.count ? list.tokens[i] : 0, expected[i]);
    ck_assert_msg(i == list.count, "\"%s\": %zu tokens, expected %zu", text, list.count, i);
    octavo_token_list_release(&list);
}

#define ASSERT_TOKENS(tokenizer, text, begin, special, ...)                                                            \
    assert_tokens(tokenizer, text, begin, special, (const uint32_t[]){__VA_ARGS__, END_OF_LIST})

START_TEST(test_byte_level_encoding) {
    octavo_tokenizer *tokenizer = create_byte_level();
    ck_assert_uint_eq(octavo_tokenizer_vocabulary_size(tokenizer), GGUF_TINY_VOCABULARY);
    ck_assert_uint_eq(octavo_tokenizer_begin_token(tokenizer), 264);
    ASSERT_TOKENS(tokenizer, "hello world", false, false, 259, 262, 263);
    ASSERT_TOKENS(tokenizer, "hello world", true, false, 264, 259, 262, 263);
    /* Merges do not cross pieces: "hell" "'ll" "o". */
    ASSERT_TOKENS(tokenizer, "hell'llo", false, false, 258, '\'', 257, 'o');
    /* The lowest rank first, then the leftmost: "lll" is "ll" "l". */
    ASSERT_TOKENS(tokenizer, "lll", false, false, 257, 'l');
    ASSERT_TOKENS(tokenizer, "\xc3\xa9\n", false, false, 0xc3, 0xa9, '\n');
    ASSERT_TOKENS(tokenizer, "", false, false, END_OF_LIST);
    octavo_tokenizer_destroy(tokenizer);
}
END_TEST

START_TEST(test_control_tokens_only_when_asked) {
    octavo_tokenizer *tokenizer = create_byte_level();
    ASSERT_TOKENS(tokenizer, "<|end|>", false, false, '<', '|', 'e', 'n', 'd', '|', '>');
    ASSERT_TOKENS(tokenizer, "he<|end|>he<|end", false, true, 256, 265, 256, '<', '|', 'e', 'n', 'd');
    /* A begin token in the text is not doubled. */
    ASSERT_TOKENS(tokenizer, "<|begin|>he", true, true, 264, 256);
    ASSERT_TOKENS(tokenizer, "<|begin|><|begin|>", true, true, 264, 264);
    ck_assert(octavo_tokenizer_ends_text(tokenizer, 265));
    ck_assert(!octavo_tokenizer_ends_text(tokenizer, 264));
    ck_assert(!octavo_tokenizer_ends_text(tokenizer, UINT32_MAX));
    octavo_tokenizer_destroy(tokenizer);
}
END_TEST

START_TEST(test_spm_encoding) {
    octavo_tokenizer *tokenizer = create_spm(true);
    /* By score: he, ll, hell, _hell; then o. */
    ASSERT_TOKENS(tokenizer, "hello", true, false, 1, 268, 263);
    ASSERT_TOKENS(tokenizer, "hello hello", false, false, 268, 263, 268, 263);
    ASSERT_TOKENS(tokenizer, "\xc3\xa9", false, false, 259, 272);
    ASSERT_TOKENS(tokenizer, "\xe4\xb8\xad", false, false, 259, 3 + 0xe4, 3 + 0xb8, 3 + 0xad);
    ASSERT_TOKENS(tokenizer, "\xff", false, false, 259, 3 + 0xff);
    /* "/s>" merges, but text never merges into the control token </s>. */
    ASSERT_TOKENS(tokenizer, "</s>", false, false, 259, 274, 273);
    ASSERT_TOKENS(tokenizer, "</s>", false, true, 2);
    /* User-defined tokens are always whole; what follows a special token gets its space again. */
    ASSERT_TOKENS(tokenizer, "a<t>b", false, false, 259, 3 + 'a', 271, 259, 3 + 'b');
    ck_assert(octavo_tokenizer_ends_text(tokenizer, 2));
    octavo_tokenizer_destroy(tokenizer);
    tokenizer = create_spm(false);
    ASSERT_TOKENS(tokenizer, "h\xe4\xb8\xadh", false, false, 270, 0, 260);
    octavo_tokenizer_destroy(tokenizer);
}
END_TEST

/* Any bytes: the tokens' pieces give them back. */
START_TEST(test_random_bytes_round_trip) {
    octavo_tokenizer *tokenizer = _i % 2 == 0 ? create_byte_level() : create_spm(true);
    static const char *const PARTS[] = {"hello",    " world",       " ",    "\n",  "'s", "9",
                                        "\xc3\xa9", "\xe4\xb8\xad", "\xff", "\x80"};
    uint64_t random = (uint64_t)_i + 1;
    for (int round = 0; round < 50; round++) {
        octavo_text text = {0}, back = {0};
        octavo_token_list list = {0};
        octavo_generate_error error = {{0}};
        for (int i = 0; i < 200; i++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
            char byte = (char)(random >> 56);
            const char *part = PARTS[(random >> 40) % (sizeof PARTS / sizeof PARTS[0])];
            ck_assert((random >> 33) % 4 == 0 ? octavo_text_append(&text, &byte, 1)
                                              : octavo_text_append(&text, part, strlen(part)));
        }
        ck_assert_msg(octavo_tokenizer_encode(tokenizer, text.bytes, text.length, (octavo_tokenizer_encode_options){0},
                                              &list, &error),
                      "%s", error.text);
        for (size_t i = 0; i < list.count; i++)
            ck_assert(octavo_tokenizer_append_piece(tokenizer, list.tokens[i], false, &back));
        size_t prefix = _i % 2 == 0 ? 0 : 1; /* SentencePiece's space */
        ck_assert_msg(back.length == text.length + prefix && memcmp(back.bytes + prefix, text.bytes, text.length) == 0,
                      "seed %d, round %d", _i, round);
        octavo_token_list_release(&list);
        octavo_text_release(&text);
        octavo_text_release(&back);
    }
    octavo_tokenizer_destroy(tokenizer);
}
END_TEST

START_TEST(test_streaming_holds_back_incomplete_characters) {
    octavo_tokenizer *tokenizer = create_byte_level();
    octavo_detokenizer detokenizer = {.tokenizer = tokenizer};
    octavo_text text = {0};
    static const struct {
        uint32_t token;
        const char *so_far;
    } STEPS[] = {
        {'a', "a"},
        {0xc3, "a"},
        {0xa9, "a\xc3\xa9"},
        {0xf0, "a\xc3\xa9"},
        {0x9f, "a\xc3\xa9"},
        {0x99, "a\xc3\xa9"},
        {0x82, "a\xc3\xa9\xf0\x9f\x99\x82"},
        {265, "a\xc3\xa9\xf0\x9f\x99\x82"}, /* a control token shows nothing */
        {0xff, "a\xc3\xa9\xf0\x9f\x99\x82\xef\xbf\xbd"},
        {0xe4, "a\xc3\xa9\xf0\x9f\x99\x82\xef\xbf\xbd"},
        {'b',
         "a\xc3\xa9\xf0\x9f\x99\x82\xef\xbf\xbd\xef\xbf\xbd"
         "b"},
        {0xc3,
         "a\xc3\xa9\xf0\x9f\x99\x82\xef\xbf\xbd\xef\xbf\xbd"
         "b"},
    };
    for (size_t i = 0; i < sizeof STEPS / sizeof STEPS[0]; i++) {
        ck_assert(octavo_detokenizer_push(&detokenizer, STEPS[i].token, &text));
        ck_assert_msg(text.length == strlen(STEPS[i].so_far) && memcmp(text.bytes, STEPS[i].so_far, text.length) == 0,
                      "step %zu: %.*s", i, (int)text.length, text.bytes);
    }
    size_t before = text.length;
    ck_assert(octavo_detokenizer_finish(&detokenizer, &text));
    ck_assert_uint_eq(text.length, before + 3);
    ck_assert_mem_eq(text.bytes + before, "\xef\xbf\xbd", 3);

    detokenizer = (octavo_detokenizer){.tokenizer = tokenizer, .show_special = true};
    before = text.length;
    ck_assert(octavo_detokenizer_push(&detokenizer, 265, &text));
    ck_assert(octavo_detokenizer_finish(&detokenizer, &text));
    ck_assert_uint_eq(text.length, before + 7);
    ck_assert_mem_eq(text.bytes + before, "<|end|>", 7);
    octavo_text_release(&text);
    octavo_tokenizer_destroy(tokenizer);
}
END_TEST

/* Pieces are what the expressions in pretokenizer.h match, worked out by hand; '|' separates them. */
static const struct {
    const char *rule;
    const char *pieces;
} PIECES[] = {
    {"gpt-2", "Hello| world|!!|  | a| \n"},
    {"gpt-2", "I|'m| can|'t|'|LL| we|'ve"},
    {"gpt-2", "x|12345| 678|y| (|z|)"},
    {"gpt-2", "a|\n\n\n| b|   "},
    {"gpt-2", "\xc3\xa9t\xc3\xa9| \xe4\xb8\xad\xe6\x96\x87|\xc2\xbd|\xff\xfe"},
    {"gpt-2", "a|\xc2\xa0|b|\xe3\x80\x80|c"},
    {"llama-bpe", "Hello| world|!!\n\n|  | a| \n|\t|\xc2\xbd"},
    {"llama-bpe", "I|'M| can|'T|'ll|(z|)| |123|45"},
    {"llama-bpe", "a|  \n \n|  | b"},
    {"qwen2", "a|1|2|3| |4| b"},
    {"smollm", "a|1|2| |3| b| |4"},
};

START_TEST(test_pieces_follow_the_expressions) {
    octavo_pretokenizer rule;
    const char *name = PIECES[_i].rule, *pieces = PIECES[_i].pieces;
    ck_assert(octavo_pretokenizer_of_name((octavo_gguf_string){name, strlen(name)}, &rule));
    char text[128];
    size_t length = 0;
    for (const char *c = pieces; *c != '\0'; c++) {
        if (*c != '|') text[length++] = *c;
    }
    size_t position = 0;
    for (const char *start = pieces; start != NULL;) {
        const char *end = strchr(start, '|');
        size_t expected = end != NULL ? (size_t)(end - start) : strlen(start);
        ck_assert_uint_lt(position, length);
        size_t piece = octavo_pretokenizer_next(rule, text + position, length - position);
        ck_assert_msg(piece == expected, "%s: at %zu of \"%.*s\" a piece of %zu, expected %zu", name, position,
                      (int)length, text, piece, expected);
        position += piece;
        start = end != NULL ? end + 1 : NULL;
    }
    ck_assert_uint_eq(position, length);
}
END_TEST

START_TEST(test_unicode_classes_at_their_borders) {
    static const struct {
        uint32_t code_point;
        octavo_unicode_class kind;
    } CASES[] = {
        {'A', OCTAVO_UNICODE_LETTER},     {'@', OCTAVO_UNICODE_OTHER},      {'0', OCTAVO_UNICODE_NUMBER},
        {'/', OCTAVO_UNICODE_OTHER},      {' ', OCTAVO_UNICODE_WHITESPACE}, {0x85, OCTAVO_UNICODE_WHITESPACE},
        {0xaa, OCTAVO_UNICODE_LETTER},    {0xb2, OCTAVO_UNICODE_NUMBER},    {0xd7, OCTAVO_UNICODE_OTHER},
        {0x301, OCTAVO_UNICODE_OTHER},    {0x663, OCTAVO_UNICODE_NUMBER},   {0x200b, OCTAVO_UNICODE_OTHER},
        {0x4e00, OCTAVO_UNICODE_LETTER},  {0x9fff, OCTAVO_UNICODE_LETTER},  {0x3007, OCTAVO_UNICODE_NUMBER},
        {0x1f642, OCTAVO_UNICODE_OTHER},  {0x1d400, OCTAVO_UNICODE_LETTER}, {0x1d7ff, OCTAVO_UNICODE_NUMBER},
        {0x10ffff, OCTAVO_UNICODE_OTHER},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        ck_assert_msg(octavo_unicode_class_of(CASES[i].code_point) == CASES[i].kind, "U+%04X", CASES[i].code_point);
}
END_TEST

START_TEST(test_utf8_every_code_point_and_bad_forms) {
    for (uint32_t code_point = 0; code_point <= 0x10ffff; code_point++) {
        char bytes[4];
        uint32_t decoded;
        size_t count;
        if (code_point >= 0xd800 && code_point < 0xe000) continue;
        size_t length = octavo_utf8_encode(code_point, bytes);
        if (octavo_utf8_decode(bytes, length, &decoded, &count) != OCTAVO_UTF8_VALID || decoded != code_point ||
            count != length)
            ck_abort_msg("U+%04X", code_point);
        for (size_t i = 1; i < length; i++) {
            if (octavo_utf8_decode(bytes, i, &decoded, &count) != OCTAVO_UTF8_INCOMPLETE)
                ck_abort_msg("the first %zu bytes of U+%04X", i, code_point);
        }
    }
    static const char *const BAD[] = {"\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xc3(",
                                      "\xff"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        uint32_t decoded;
        size_t count;
        ck_assert_int_eq((int)octavo_utf8_decode(BAD[i], strlen(BAD[i]), &decoded, &count), (int)OCTAVO_UTF8_INVALID);
        ck_assert_uint_eq(decoded, 0xfffd);
        ck_assert_uint_eq(count, 1);
    }
}
END_TEST

/* Vocabularies that cannot be used: `key` is left out of a good file and what `add` writes takes its place. */
static void add_model_bert(gguf_builder *builder) {
    gguf_add_string(builder, "tokenizer.ggml.model", "bert\n\x1b[31m");
}
static void add_model_number(gguf_builder *builder) {
    gguf_add_uint32(builder, "tokenizer.ggml.model", 1);
}
static void add_pre_unknown(gguf_builder *builder) {
    gguf_add_string(builder, "tokenizer.ggml.pre", "deepseek-coder");
}
static void add_no_tokens(gguf_builder *builder) {
    gguf_add_strings(builder, "tokenizer.ggml.tokens", NULL, 0);
}
static void add_tokens_as_numbers(gguf_builder *builder) {
    gguf_add_int32s(builder, "tokenizer.ggml.tokens", (const int32_t[]){1, 2}, 2);
}
static void add_two_tokens(gguf_builder *builder) {
    const char *const tokens[] = {"a", "b"};
    gguf_add_strings(builder, "tokenizer.ggml.tokens", tokens, 2);
}
static void add_one_score(gguf_builder *builder) {
    gguf_add_floats(builder, "tokenizer.ggml.scores", (const float[]){1.0f}, 1);
}
static void add_nan_scores(gguf_builder *builder) {
    float scores[279];
    for (int i = 0; i < 279; i++) scores[i] = NAN;
    gguf_add_floats(builder, "tokenizer.ggml.scores", scores, 279);
}
static void add_kinds_of_9(gguf_builder *builder) {
    int32_t kinds[GGUF_TINY_VOCABULARY];
    for (unsigned i = 0; i < GGUF_TINY_VOCABULARY; i++) kinds[i] = 9;
    gguf_add_int32s(builder, "tokenizer.ggml.token_type", kinds, GGUF_TINY_VOCABULARY);
}
static void add_kinds_of_bytes(gguf_builder *builder) {
    int32_t kinds[GGUF_TINY_VOCABULARY];
    for (unsigned i = 0; i < GGUF_TINY_VOCABULARY; i++) kinds[i] = 6;
    gguf_add_int32s(builder, "tokenizer.ggml.token_type", kinds, GGUF_TINY_VOCABULARY);
}
static void add_merge_without_space(gguf_builder *builder) {
    const char *const merges[] = {"h e", "ll"};
    gguf_add_strings(builder, "tokenizer.ggml.merges", merges, 2);
}
static void add_merge_of_one_part(gguf_builder *builder) {
    const char *const merges[] = {"ab "};
    gguf_add_strings(builder, "tokenizer.ggml.merges", merges, 1);
}
static void add_begin_beyond(gguf_builder *builder) {
    gguf_add_uint32(builder, "tokenizer.ggml.bos_token_id", GGUF_TINY_VOCABULARY);
}
static void add_end_as_text(gguf_builder *builder) {
    gguf_add_string(builder, "tokenizer.ggml.eos_token_id", "265");
}
static void add_option_as_number(gguf_builder *builder) {
    gguf_add_uint32(builder, "tokenizer.ggml.add_bos_token", 1);
}
static void add_nothing(gguf_builder *builder) {
    (void)builder;
}

static const struct {
    bool spm;
    const char *key;
    void (*add)(gguf_builder *builder);
    const char *message; /* a part of it */
} REFUSED[] = {
    {false, "tokenizer.ggml.model", add_nothing, "tokenizer.ggml.model is missing"},
    {false, "tokenizer.ggml.model", add_model_bert, "\"bert??[31m\" is not supported"},
    {false, "tokenizer.ggml.model", add_model_number, "a string is needed"},
    {false, "tokenizer.ggml.pre", add_pre_unknown, "\"deepseek-coder\""},
    {false, "tokenizer.ggml.tokens", add_nothing, "tokenizer.ggml.tokens is missing"},
    {false, "tokenizer.ggml.tokens", add_no_tokens, "0 entries"},
    {false, "tokenizer.ggml.tokens", add_tokens_as_numbers, "array of type 5"},
    {false, "tokenizer.ggml.tokens", add_two_tokens, "266 entries for 2 tokens"},
    {true, "tokenizer.ggml.scores", add_nothing, "tokenizer.ggml.scores is missing"},
    {true, "tokenizer.ggml.scores", add_one_score, "1 entries for 279 tokens"},
    {true, "tokenizer.ggml.scores", add_nan_scores, "score of token 0"},
    {false, "tokenizer.ggml.token_type", add_kinds_of_9, "type 9"},
    {false, "tokenizer.ggml.token_type", add_kinds_of_bytes, "byte token 0"},
    {false, "tokenizer.ggml.merges", add_nothing, "tokenizer.ggml.merges is missing"},
    {false, "tokenizer.ggml.merges", add_merge_without_space, "merge 1"},
    {false, "tokenizer.ggml.merges", add_merge_of_one_part, "merge 0"},
    {false, "tokenizer.ggml.bos_token_id", add_begin_beyond, "is 266"},
    {false, "tokenizer.ggml.eos_token_id", add_end_as_text, "an integer is needed"},
    {false, "tokenizer.ggml.add_bos_token", add_option_as_number, "a bool is needed"},
};

START_TEST(test_unusable_vocabulary_is_refused) {
    gguf_builder builder = GGUF_BUILDER_INIT;
    octavo_generate_error error;
    builder.omit = REFUSED[_i].key;
    if (REFUSED[_i].spm)
        gguf_add_spm_tokenizer(&builder, true);
    else
        gguf_add_byte_level_tokenizer(&builder);
    builder.omit = NULL;
    REFUSED[_i].add(&builder);
    octavo_tokenizer *tokenizer = create(&builder, &error);
    ck_assert_msg(tokenizer == NULL, "%s: case %d was accepted", REFUSED[_i].key, _i);
    ck_assert_msg(strstr(error.text, REFUSED[_i].message) != NULL, "%s: \"%s\"", REFUSED[_i].message, error.text);
}
END_TEST

START_TEST(test_text_the_vocabulary_cannot_say) {
    gguf_builder builder = GGUF_BUILDER_INIT;
    octavo_generate_error error;
    const char *const tokens[] = {"a", "b"}, *const merges[] = {"a b"};
    gguf_add_string(&builder, "tokenizer.ggml.model", "gpt2");
    gguf_add_strings(&builder, "tokenizer.ggml.tokens", tokens, 2);
    gguf_add_strings(&builder, "tokenizer.ggml.merges", merges, 1);
    octavo_tokenizer *tokenizer = create(&builder, &error);
    ck_assert_msg(tokenizer != NULL, "%s", error.text);
    /* "ab" merges into what is no token: its characters are. */
    ASSERT_TOKENS(tokenizer, "ab", false, false, 0, 1);
    octavo_token_list list = {0};
    ck_assert(!octavo_tokenizer_encode(tokenizer, "abc", 3, (octavo_tokenizer_encode_options){0}, &list, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "0x63"));
    ck_assert_uint_eq(list.count, 0);
    octavo_token_list_release(&list);
    octavo_tokenizer_destroy(tokenizer);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("tokenizer");
    TCase *tests = tcase_create("tokenizer");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, test_byte_level_encoding);
    tcase_add_test(tests, test_control_tokens_only_when_asked);
    tcase_add_test(tests, test_spm_encoding);
    tcase_add_loop_test(tests, test_random_bytes_round_trip, 0, 4);
    tcase_add_test(tests, test_streaming_holds_back_incomplete_characters);
    tcase_add_loop_test(tests, test_pieces_follow_the_expressions, 0, sizeof PIECES / sizeof PIECES[0]);
    tcase_add_test(tests, test_unicode_classes_at_their_borders);
    tcase_add_test(tests, test_utf8_every_code_point_and_bad_forms);
    tcase_add_loop_test(tests, test_unusable_vocabulary_is_refused, 0, sizeof REFUSED / sizeof REFUSED[0]);
    tcase_add_test(tests, test_text_the_vocabulary_cannot_say);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
