/*
 * Byte-level BPE: A. Radford et al., "Language Models are Unsupervised Multitask Learners", 2019. Every byte is written
 * as one printable character: itself where it is printable in Latin-1, else the next free one from U+0100 on.
 */
#include "tokenizer_internal.h"

#include "utf8.h"

static bool is_printable(uint32_t byte) {
    return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
}

static uint32_t code_point_of_byte(unsigned char byte) {
    if (is_printable(byte)) return byte;
    /* Free characters are given in order: 0x00-0x20, 0x7f-0xa0, 0xad. */
    return byte <= 0x20 ? 0x100u + byte : byte <= 0xa0 ? 0x121u + (byte - 0x7fu) : 0x143u;
}

bool octavo_byte_level_byte(uint32_t code_point, unsigned char *byte) {
    if (code_point < 0x100) {
        *byte = (unsigned char)code_point;
        return is_printable(code_point);
    }
    if (code_point > 0x143) return false;
    *byte = (unsigned char)(code_point <= 0x120   ? code_point - 0x100
                            : code_point <= 0x142 ? code_point - 0x121 + 0x7f
                                                  : 0xad);
    return true;
}

static bool rank_of_pair(const void *context, const char *first, size_t first_length, const char *second,
                         size_t second_length, double *rank) {
    const octavo_tokenizer *tokenizer = context;
    uint32_t position;
    if (!octavo_string_table_find_pair(&tokenizer->merges, first, first_length, second, second_length, &position))
        return false;
    *rank = (double)position;
    return true;
}

static bool push_token(octavo_encoder *encoder, uint32_t token) {
    return octavo_token_list_push(encoder->list, token) ||
           octavo_generate_fail(encoder->error, "tokenizer: no memory for the tokens");
}

/* A symbol that is no token, since merges and tokens of the file do not agree: its characters one by one. */
static bool push_characters(octavo_encoder *encoder, const octavo_symbol *symbol) {
    const octavo_tokenizer *tokenizer = encoder->tokenizer;
    for (size_t position = 0; position < symbol->length;) {
        uint32_t code_point, token;
        size_t byte_count;
        octavo_utf8_decode(symbol->bytes + position, symbol->length - position, &code_point, &byte_count);
        if (!octavo_string_table_find(&tokenizer->ordinary, symbol->bytes + position, byte_count, &token)) {
            unsigned char byte = 0;
            token = tokenizer->unknown_token;
            octavo_byte_level_byte(code_point, &byte);
            if (token == OCTAVO_NO_TOKEN)
                return octavo_generate_fail(
                    encoder->error, "tokenizer: the text holds byte 0x%02x, for which the vocabulary has no token",
                    byte);
        }
        if (!push_token(encoder, token)) return false;
        position += byte_count;
    }
    return true;
}

static bool encode_piece(octavo_encoder *encoder, const char *text, size_t length) {
    const octavo_tokenizer *tokenizer = encoder->tokenizer;
    octavo_text *buffer = &encoder->buffer;
    uint32_t token;
    buffer->length = 0;
    for (size_t i = 0; i < length; i++) {
        char encoded[4];
        size_t count = octavo_utf8_encode(code_point_of_byte((unsigned char)text[i]), encoded);
        if (!octavo_text_append(buffer, encoded, count))
            return octavo_generate_fail(encoder->error, "tokenizer: no memory for a piece of %zu bytes", length);
    }
    if (tokenizer->whole_words_first &&
        octavo_string_table_find(&tokenizer->ordinary, buffer->bytes, buffer->length, &token))
        return push_token(encoder, token);
    if (!octavo_pair_merge(&encoder->merger, buffer->bytes, buffer->length, rank_of_pair, tokenizer))
        return octavo_generate_fail(encoder->error, "tokenizer: no memory for a piece of %zu bytes", length);
    for (uint32_t i = 0; i != OCTAVO_NO_SYMBOL; i = encoder->merger.symbols[i].next) {
        const octavo_symbol *symbol = &encoder->merger.symbols[i];
        bool is_token = octavo_string_table_find(&tokenizer->ordinary, symbol->bytes, symbol->length, &token);
        if (!(is_token ? push_token(encoder, token) : push_characters(encoder, symbol))) return false;
    }
    return true;
}

bool octavo_tokenizer_encode_byte_level(octavo_encoder *encoder, const char *text, size_t length) {
    for (size_t position = 0; position < length;) {
        size_t piece = octavo_pretokenizer_next(encoder->tokenizer->pretokenizer, text + position, length - position);
        if (!encode_piece(encoder, text + position, piece)) return false;
        position += piece;
    }
    return true;
}
