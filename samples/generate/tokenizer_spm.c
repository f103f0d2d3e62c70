/*
 * SentencePiece BPE: T. Kudo and J. Richardson, "SentencePiece", 2018. Characters merge as long as two neighbours form
 * a token, the token of the highest score first; a character that is no token becomes its bytes' tokens.
 */
#include "tokenizer_internal.h"

static const char SPACE_MARK[] = "\xe2\x96\x81"; /* U+2581 stands for a space */

static bool rank_of_pair(const void *context, const char *first, size_t first_length, const char *second,
                         size_t second_length, double *rank) {
    const octavo_tokenizer *tokenizer = context;
    uint32_t token;
    (void)second;
    if (!octavo_string_table_find(&tokenizer->ordinary, first, first_length + second_length, &token)) return false;
    *rank = -(double)tokenizer->tokens[token].score;
    return true;
}

static bool escape_spaces(octavo_text *buffer, const char *text, size_t length, bool space_prefix) {
    buffer->length = 0;
    bool done = !space_prefix || octavo_text_append(buffer, SPACE_MARK, 3);
    for (size_t start = 0; done && start < length;) {
        size_t end = start;
        while (end < length && text[end] != ' ') end++;
        done = octavo_text_append(buffer, text + start, end - start);
        if (done && end < length) {
            done = octavo_text_append(buffer, SPACE_MARK, 3);
            end++;
        }
        start = end;
    }
    return done;
}

/* A character that is no token: its bytes. */
static bool push_bytes(octavo_encoder *encoder, const octavo_symbol *symbol) {
    const octavo_tokenizer *tokenizer = encoder->tokenizer;
    for (size_t i = 0; i < symbol->length; i++) {
        unsigned char byte = (unsigned char)symbol->bytes[i];
        uint32_t token = tokenizer->byte_tokens[byte];
        if (token == OCTAVO_NO_TOKEN) token = tokenizer->unknown_token;
        if (token == OCTAVO_NO_TOKEN)
            return octavo_generate_fail(
                encoder->error, "tokenizer: the text holds byte 0x%02x, for which the vocabulary has no token", byte);
        if (!octavo_token_list_push(encoder->list, token))
            return octavo_generate_fail(encoder->error, "tokenizer: no memory for the tokens");
        if (token == tokenizer->unknown_token && tokenizer->byte_tokens[byte] != token)
            break; /* one unknown token a character */
    }
    return true;
}

bool octavo_tokenizer_encode_spm(octavo_encoder *encoder, const char *text, size_t length, bool space_prefix) {
    const octavo_tokenizer *tokenizer = encoder->tokenizer;
    if (!escape_spaces(&encoder->buffer, text, length, space_prefix) ||
        !octavo_pair_merge(&encoder->merger, encoder->buffer.bytes, encoder->buffer.length, rank_of_pair, tokenizer))
        return octavo_generate_fail(encoder->error, "tokenizer: no memory for a text of %zu bytes", length);
    for (uint32_t i = 0; i != OCTAVO_NO_SYMBOL; i = encoder->merger.symbols[i].next) {
        const octavo_symbol *symbol = &encoder->merger.symbols[i];
        uint32_t token;
        if (!octavo_string_table_find(&tokenizer->ordinary, symbol->bytes, symbol->length, &token)) {
            if (!push_bytes(encoder, symbol)) return false;
        } else if (!octavo_token_list_push(encoder->list, token)) {
            return octavo_generate_fail(encoder->error, "tokenizer: no memory for the tokens");
        }
    }
    return true;
}

bool octavo_parse_byte_token(const char *bytes, size_t length, unsigned char *byte) {
    unsigned value = 0;
    if (length != 6 || bytes[0] != '<' || bytes[1] != '0' || bytes[2] != 'x' || bytes[5] != '>') return false;
    for (size_t i = 3; i < 5; i++) {
        char digit = bytes[i];
        if (digit >= '0' && digit <= '9')
            value = value * 16 + (unsigned)(digit - '0');
        else if (digit >= 'A' && digit <= 'F')
            value = value * 16 + (unsigned)(digit - 'A') + 10;
        else if (digit >= 'a' && digit <= 'f')
            value = value * 16 + (unsigned)(digit - 'a') + 10;
        else
            return false;
    }
    *byte = (unsigned char)value;
    return true;
}
