/* Builds a tokenizer from a file's metadata. */
#include "tokenizer_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_TOKENS (1u << 22)

static bool read_token_number(const octavo_tokenizer *tokenizer, const octavo_gguf *gguf, const char *key,
                              uint32_t *token, octavo_generate_error *error) {
    uint32_t absent = *token;
    if (!octavo_gguf_read_uint32(gguf, key, false, token, error)) return false;
    if (!octavo_gguf_has_key(gguf, key)) {
        *token = absent < tokenizer->token_count ? absent : OCTAVO_NO_TOKEN;
        return true;
    }
    if (*token == OCTAVO_NO_TOKEN) /* some files write -1 as unsigned for "none" */
        return true;
    if (*token >= tokenizer->token_count)
        return octavo_generate_fail(error, "tokenizer: key %s is %u, the vocabulary has %u tokens", key, *token,
                                    tokenizer->token_count);
    return true;
}

static bool read_options(octavo_tokenizer *tokenizer, const octavo_gguf *gguf, octavo_generate_error *error) {
    bool spm = !tokenizer->byte_level;
    tokenizer->begin_token = spm ? 1 : OCTAVO_NO_TOKEN;
    tokenizer->end_token = spm ? 2 : OCTAVO_NO_TOKEN;
    tokenizer->unknown_token = spm ? 0 : OCTAVO_NO_TOKEN;
    tokenizer->end_of_turn_token = OCTAVO_NO_TOKEN;
    tokenizer->add_begin = spm || tokenizer->pretokenizer == OCTAVO_PRETOKENIZER_LLAMA3;
    tokenizer->add_space_prefix = spm;
    return read_token_number(tokenizer, gguf, "tokenizer.ggml.bos_token_id", &tokenizer->begin_token, error) &&
           read_token_number(tokenizer, gguf, "tokenizer.ggml.eos_token_id", &tokenizer->end_token, error) &&
           read_token_number(tokenizer, gguf, "tokenizer.ggml.eot_token_id", &tokenizer->end_of_turn_token, error) &&
           read_token_number(tokenizer, gguf, "tokenizer.ggml.unknown_token_id", &tokenizer->unknown_token, error) &&
           octavo_gguf_read_bool(gguf, "tokenizer.ggml.add_bos_token", false, &tokenizer->add_begin, error) &&
           octavo_gguf_read_bool(gguf, "tokenizer.ggml.add_space_prefix", false, &tokenizer->add_space_prefix, error);
}

static bool read_model(octavo_tokenizer *tokenizer, const octavo_gguf *gguf, octavo_generate_error *error) {
    octavo_gguf_string model, pre = {"default", 7};
    if (!octavo_gguf_read_string(gguf, "tokenizer.ggml.model", true, &model, error)) return false;
    tokenizer->byte_level = octavo_gguf_string_equals(model, "gpt2");
    if (!tokenizer->byte_level && !octavo_gguf_string_equals(model, "llama"))
        return octavo_generate_fail(error,
                                    "tokenizer: model \"%.*s\" is not supported, only \"llama\" (SentencePiece) and "
                                    "\"gpt2\" (byte-level BPE) are",
                                    (int)(model.length < 64 ? model.length : 64), model.bytes);
    if (!tokenizer->byte_level) return true;
    if (!octavo_gguf_read_string(gguf, "tokenizer.ggml.pre", false, &pre, error)) return false;
    if (!octavo_pretokenizer_of_name(pre, &tokenizer->pretokenizer))
        return octavo_generate_fail(error,
                                    "tokenizer: the splitting rule \"%.*s\" (tokenizer.ggml.pre) is not supported, "
                                    "only gpt-2, default, llama-bpe, qwen2 and smollm are",
                                    (int)(pre.length < 64 ? pre.length : 64), pre.bytes);
    tokenizer->whole_words_first = tokenizer->pretokenizer == OCTAVO_PRETOKENIZER_LLAMA3;
    return true;
}

typedef struct vocabulary_arrays {
    octavo_gguf_array texts;
    octavo_gguf_array scores; /* count 0: none */
    octavo_gguf_array kinds;  /* count 0: none */
    octavo_gguf_array merges; /* count 0: none */
} vocabulary_arrays;

static bool read_arrays(const octavo_tokenizer *tokenizer, const octavo_gguf *gguf, vocabulary_arrays *arrays,
                        octavo_generate_error *error) {
    *arrays = (vocabulary_arrays){0};
    if (!octavo_gguf_read_array(gguf, "tokenizer.ggml.tokens", OCTAVO_GGUF_STRING, true, &arrays->texts, error) ||
        !octavo_gguf_read_array(gguf, "tokenizer.ggml.token_type", OCTAVO_GGUF_INT32, false, &arrays->kinds, error) ||
        !octavo_gguf_read_array(gguf, "tokenizer.ggml.scores", OCTAVO_GGUF_FLOAT32, !tokenizer->byte_level,
                                &arrays->scores, error) ||
        !octavo_gguf_read_array(gguf, "tokenizer.ggml.merges", OCTAVO_GGUF_STRING, tokenizer->byte_level,
                                &arrays->merges, error))
        return false;
    uint64_t count = arrays->texts.count;
    if (count == 0 || count > MOST_TOKENS)
        return octavo_generate_fail(error, "tokenizer: tokenizer.ggml.tokens has %llu entries, allowed are 1..%u",
                                    (unsigned long long)count, MOST_TOKENS);
    if (arrays->kinds.count != 0 && arrays->kinds.count != count)
        return octavo_generate_fail(error, "tokenizer: tokenizer.ggml.token_type has %llu entries for %llu tokens",
                                    (unsigned long long)arrays->kinds.count, (unsigned long long)count);
    if (!tokenizer->byte_level && arrays->scores.count != count)
        return octavo_generate_fail(error, "tokenizer: tokenizer.ggml.scores has %llu entries for %llu tokens",
                                    (unsigned long long)arrays->scores.count, (unsigned long long)count);
    if (tokenizer->byte_level && arrays->merges.count > MOST_TOKENS)
        return octavo_generate_fail(error, "tokenizer: tokenizer.ggml.merges has %llu entries, allowed are 0..%u",
                                    (unsigned long long)arrays->merges.count, MOST_TOKENS);
    if (!tokenizer->byte_level) arrays->merges = (octavo_gguf_array){0};
    return true;
}

static size_t total_length(octavo_gguf_array strings) {
    const unsigned char *cursor = strings.bytes;
    size_t total = 0;
    for (uint64_t i = 0; i < strings.count; i++) total += octavo_gguf_next_string(&cursor).length;
    return total;
}

static octavo_gguf_string keep_string(char **end, octavo_gguf_string string) {
    octavo_gguf_string kept = {*end, string.length};
    memcpy(*end, string.bytes, string.length);
    *end += string.length;
    return kept;
}

static bool read_token(octavo_tokenizer *tokenizer, const vocabulary_arrays *arrays, uint32_t index,
                       octavo_gguf_string text, octavo_generate_error *error) {
    uint32_t kind = arrays->kinds.count != 0 ? octavo_gguf_array_uint32(arrays->kinds, index) : OCTAVO_TOKEN_NORMAL;
    float score = tokenizer->byte_level ? 0.0f : octavo_gguf_array_float(arrays->scores, index);
    if (kind > OCTAVO_TOKEN_BYTE)
        return octavo_generate_fail(error, "tokenizer: token %u has type %u, allowed are 0..6", index, kind);
    if (!isfinite(score))
        return octavo_generate_fail(error, "tokenizer: the score of token %u is not a finite number", index);
    tokenizer->tokens[index] = (octavo_token){text.bytes, text.length, score, (octavo_token_kind)kind};
    if (kind == OCTAVO_TOKEN_BYTE) {
        unsigned char byte;
        if (!octavo_parse_byte_token(text.bytes, text.length, &byte))
            return octavo_generate_fail(error, "tokenizer: byte token %u is \"%.*s\", not like \"<0x0A>\"", index,
                                        (int)(text.length < 64 ? text.length : 64), text.bytes);
        if (tokenizer->byte_tokens[byte] == OCTAVO_NO_TOKEN) tokenizer->byte_tokens[byte] = index;
        return true;
    }
    if (text.length == 0) return true; /* a placeholder that no text can become */
    if (kind == OCTAVO_TOKEN_CONTROL || kind == OCTAVO_TOKEN_USER_DEFINED) {
        if (text.length > OCTAVO_LONGEST_SPECIAL_TOKEN)
            return octavo_generate_fail(error, "tokenizer: special token %u has %zu bytes, at most %u are allowed",
                                        index, text.length, OCTAVO_LONGEST_SPECIAL_TOKEN);
        octavo_string_table_insert(&tokenizer->special, text.bytes, text.length, index);
        tokenizer->special_starts[(unsigned char)text.bytes[0]] = true;
        tokenizer->special_lengths[text.length] = true;
    }
    /* Control tokens are left out: text that only looks like one must not become one. */
    if (kind == OCTAVO_TOKEN_NORMAL || kind == OCTAVO_TOKEN_UNDEFINED || kind == OCTAVO_TOKEN_USER_DEFINED)
        octavo_string_table_insert(&tokenizer->ordinary, text.bytes, text.length, index);
    return true;
}

static bool read_merge(octavo_tokenizer *tokenizer, uint32_t rank, octavo_gguf_string merge,
                       octavo_generate_error *error) {
    /* Neither part holds a space (it is U+0120 there), so one that is not at an end is the separator. */
    const char *space = merge.length > 2 ? memchr(merge.bytes + 1, ' ', merge.length - 2) : NULL;
    if (space == NULL)
        return octavo_generate_fail(error, "tokenizer: merge %u is \"%.*s\", not two parts with a space between", rank,
                                    (int)(merge.length < 64 ? merge.length : 64), merge.bytes);
    octavo_string_table_insert(&tokenizer->merges, merge.bytes, merge.length, rank);
    return true;
}

static bool read_vocabulary(octavo_tokenizer *tokenizer, const octavo_gguf *gguf, octavo_generate_error *error) {
    vocabulary_arrays arrays;
    if (!read_arrays(tokenizer, gguf, &arrays, error)) return false;
    tokenizer->token_count = (uint32_t)arrays.texts.count;
    tokenizer->strings = malloc(total_length(arrays.texts) + total_length(arrays.merges) + 1);
    tokenizer->tokens = calloc(tokenizer->token_count, sizeof *tokenizer->tokens);
    if (tokenizer->strings == NULL || tokenizer->tokens == NULL ||
        !octavo_string_table_create(&tokenizer->ordinary, tokenizer->token_count) ||
        !octavo_string_table_create(&tokenizer->special, tokenizer->token_count) ||
        !octavo_string_table_create(&tokenizer->merges, (size_t)arrays.merges.count))
        return octavo_generate_fail(error, "tokenizer: no memory for %u tokens", tokenizer->token_count);
    char *end = tokenizer->strings;
    const unsigned char *cursor = arrays.texts.bytes;
    for (uint32_t i = 0; i < tokenizer->token_count; i++) {
        octavo_gguf_string text = keep_string(&end, octavo_gguf_next_string(&cursor));
        if (!read_token(tokenizer, &arrays, i, text, error)) return false;
    }
    cursor = arrays.merges.bytes;
    for (uint32_t i = 0; i < arrays.merges.count; i++) {
        octavo_gguf_string merge = keep_string(&end, octavo_gguf_next_string(&cursor));
        if (!read_merge(tokenizer, i, merge, error)) return false;
    }
    return true;
}

octavo_tokenizer *octavo_tokenizer_create(const octavo_gguf *gguf, octavo_generate_error *error) {
    octavo_tokenizer *tokenizer = calloc(1, sizeof *tokenizer);
    if (tokenizer == NULL) {
        octavo_generate_fail(error, "tokenizer: no memory");
        return NULL;
    }
    for (unsigned i = 0; i < 256; i++) tokenizer->byte_tokens[i] = OCTAVO_NO_TOKEN;
    if (read_model(tokenizer, gguf, error) && read_vocabulary(tokenizer, gguf, error) &&
        read_options(tokenizer, gguf, error))
        return tokenizer;
    octavo_tokenizer_destroy(tokenizer);
    return NULL;
}

void octavo_tokenizer_destroy(octavo_tokenizer *tokenizer) {
    if (tokenizer == NULL) return;
    octavo_string_table_destroy(&tokenizer->ordinary);
    octavo_string_table_destroy(&tokenizer->special);
    octavo_string_table_destroy(&tokenizer->merges);
    free(tokenizer->tokens);
    free(tokenizer->strings);
    free(tokenizer);
}
