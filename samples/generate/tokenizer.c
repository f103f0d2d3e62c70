/* What both kinds of tokenizer share: lists, special tokens in the text, dispatch. */
#include "tokenizer_internal.h"

#include <stdlib.h>
#include <string.h>

#define LONGEST_TEXT (64u << 20)

bool octavo_token_list_push(octavo_token_list *list, uint32_t token) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity < 64 ? 64 : list->capacity * 2;
        if (capacity > SIZE_MAX / sizeof *list->tokens) return false;
        uint32_t *tokens = realloc(list->tokens, capacity * sizeof *tokens);
        if (tokens == NULL) return false;
        list->tokens = tokens;
        list->capacity = capacity;
    }
    list->tokens[list->count++] = token;
    return true;
}

void octavo_token_list_release(octavo_token_list *list) {
    free(list->tokens);
    *list = (octavo_token_list){0};
}

bool octavo_text_append(octavo_text *text, const char *bytes, size_t length) {
    if (length > text->capacity - text->length) {
        if (length > SIZE_MAX / 2 - text->length) return false;
        size_t capacity = (text->length + length) * 2;
        char *grown = realloc(text->bytes, capacity);
        if (grown == NULL) return false;
        text->bytes = grown;
        text->capacity = capacity;
    }
    if (length > 0) memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    return true;
}

void octavo_text_release(octavo_text *text) {
    free(text->bytes);
    *text = (octavo_text){0};
}

uint32_t octavo_tokenizer_vocabulary_size(const octavo_tokenizer *tokenizer) {
    return tokenizer->token_count;
}

uint32_t octavo_tokenizer_begin_token(const octavo_tokenizer *tokenizer) {
    return tokenizer->begin_token;
}

bool octavo_tokenizer_ends_text(const octavo_tokenizer *tokenizer, uint32_t token) {
    /* Files often name only one of the tokens that end a turn; these are the others' usual names. */
    static const char *const NAMES[] = {"</s>",    "<|endoftext|>", "<|im_end|>", "<|eot_id|>", "<|end_of_text|>",
                                        "<|end|>", "<end_of_turn>", "<|eom_id|>"};
    if (token >= tokenizer->token_count) return false;
    if (token == tokenizer->end_token || token == tokenizer->end_of_turn_token) return true;
    const octavo_token *entry = &tokenizer->tokens[token];
    for (size_t i = 0; entry->kind == OCTAVO_TOKEN_CONTROL && i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (octavo_gguf_string_equals((octavo_gguf_string){entry->bytes, entry->length}, NAMES[i])) return true;
    }
    return false;
}

/* The longest special token at the start of text; false: none. */
static bool match_special(const octavo_tokenizer *tokenizer, const char *text, size_t length, bool parse_special,
                          uint32_t *token) {
    if (!tokenizer->special_starts[(unsigned char)text[0]]) return false;
    size_t longest = length < OCTAVO_LONGEST_SPECIAL_TOKEN ? length : OCTAVO_LONGEST_SPECIAL_TOKEN;
    for (size_t size = longest; size > 0; size--) {
        if (tokenizer->special_lengths[size] && octavo_string_table_find(&tokenizer->special, text, size, token) &&
            (parse_special || tokenizer->tokens[*token].kind == OCTAVO_TOKEN_USER_DEFINED))
            return true;
    }
    return false;
}

static bool encode_ordinary(octavo_encoder *encoder, const char *text, size_t length, bool space_prefix) {
    if (length == 0) return true;
    if (encoder->tokenizer->byte_level) return octavo_tokenizer_encode_byte_level(encoder, text, length);
    return octavo_tokenizer_encode_spm(encoder, text, length, space_prefix);
}

static bool encode_text(octavo_encoder *encoder, const char *text, size_t length, bool parse_special) {
    const octavo_tokenizer *tokenizer = encoder->tokenizer;
    bool space_prefix = tokenizer->add_space_prefix; /* at the start, and after each special token */
    size_t start = 0;
    for (size_t position = 0; position < length;) {
        uint32_t token;
        if (!match_special(tokenizer, text + position, length - position, parse_special, &token)) {
            position++;
            continue;
        }
        if (!encode_ordinary(encoder, text + start, position - start, space_prefix)) return false;
        if (!octavo_token_list_push(encoder->list, token))
            return octavo_generate_fail(encoder->error, "tokenizer: no memory for the tokens");
        position += tokenizer->tokens[token].length;
        start = position;
    }
    return encode_ordinary(encoder, text + start, length - start, space_prefix);
}

bool octavo_tokenizer_encode(const octavo_tokenizer *tokenizer, const char *text, size_t length,
                             octavo_tokenizer_encode_options options, octavo_token_list *list,
                             octavo_generate_error *error) {
    if (length > LONGEST_TEXT)
        return octavo_generate_fail(error, "tokenizer: the text has %zu bytes, at most %u are allowed", length,
                                    LONGEST_TEXT);
    size_t first = list->count;
    octavo_encoder encoder = {.tokenizer = tokenizer, .list = list, .error = error};
    bool begin = options.begin && tokenizer->add_begin && tokenizer->begin_token != OCTAVO_NO_TOKEN;
    bool done = true;
    if (begin) {
        done = octavo_token_list_push(list, tokenizer->begin_token);
        if (!done) octavo_generate_fail(error, "tokenizer: no memory for the tokens");
    }
    done = done && encode_text(&encoder, text, length, options.parse_special);
    octavo_pair_merger_release(&encoder.merger);
    octavo_text_release(&encoder.buffer);
    if (!done) {
        list->count = first;
        return false;
    }
    /* The text brought its own begin token: keep one. */
    if (begin && list->count - first >= 2 && list->tokens[first + 1] == tokenizer->begin_token) {
        memmove(&list->tokens[first], &list->tokens[first + 1], (list->count - first - 1) * sizeof *list->tokens);
        list->count--;
    }
    return true;
}
