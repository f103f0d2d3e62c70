/* Tokens -> text. */
#include "tokenizer_internal.h"

#include "utf8.h"

#include <string.h>

static const char REPLACEMENT[] = "\xef\xbf\xbd"; /* U+FFFD */

static bool append_byte_level(const octavo_token *token, octavo_text *text) {
    for (size_t position = 0; position < token->length;) {
        uint32_t code_point;
        size_t byte_count;
        unsigned char byte;
        octavo_utf8_decode(token->bytes + position, token->length - position, &code_point, &byte_count);
        bool done = octavo_byte_level_byte(code_point, &byte)
                        ? octavo_text_append(text, (const char *)&byte, 1)
                        : octavo_text_append(text, token->bytes + position, byte_count);
        if (!done) return false;
        position += byte_count;
    }
    return true;
}

static bool append_spm(const octavo_token *token, octavo_text *text) {
    for (size_t position = 0; position < token->length;) {
        bool is_space = token->length - position >= 3 && memcmp(token->bytes + position, "\xe2\x96\x81", 3) == 0;
        if (!octavo_text_append(text, is_space ? " " : token->bytes + position, 1)) return false;
        position += is_space ? 3 : 1;
    }
    return true;
}

bool octavo_tokenizer_append_piece(const octavo_tokenizer *tokenizer, uint32_t token, bool show_special,
                                   octavo_text *text) {
    if (token >= tokenizer->token_count) return true;
    const octavo_token *entry = &tokenizer->tokens[token];
    unsigned char byte;
    switch (entry->kind) {
    case OCTAVO_TOKEN_UNKNOWN:
    case OCTAVO_TOKEN_CONTROL:
    case OCTAVO_TOKEN_UNUSED:
        return !show_special || octavo_text_append(text, entry->bytes, entry->length);
    case OCTAVO_TOKEN_USER_DEFINED:
        return octavo_text_append(text, entry->bytes, entry->length);
    case OCTAVO_TOKEN_BYTE:
        if (octavo_parse_byte_token(entry->bytes, entry->length, &byte))
            return octavo_text_append(text, (const char *)&byte, 1);
        break;
    case OCTAVO_TOKEN_UNDEFINED:
    case OCTAVO_TOKEN_NORMAL:
        break;
    }
    return tokenizer->byte_level ? append_byte_level(entry, text) : append_spm(entry, text);
}

/* Moves the pending bytes to `text`: whole characters, and at the end of the stream also an unfinished one. */
static bool move_pending(octavo_text *pending, bool at_end, octavo_text *text) {
    size_t position = 0;
    while (position < pending->length) {
        uint32_t code_point;
        size_t byte_count;
        octavo_utf8_status status =
            octavo_utf8_decode(pending->bytes + position, pending->length - position, &code_point, &byte_count);
        if (status == OCTAVO_UTF8_INCOMPLETE && !at_end) break;
        if (status == OCTAVO_UTF8_INCOMPLETE) byte_count = pending->length - position;
        bool done = status == OCTAVO_UTF8_VALID ? octavo_text_append(text, pending->bytes + position, byte_count)
                                                : octavo_text_append(text, REPLACEMENT, 3);
        if (!done) return false;
        position += byte_count;
    }
    if (position > 0) memmove(pending->bytes, pending->bytes + position, pending->length - position);
    pending->length -= position;
    return true;
}

bool octavo_detokenizer_push(octavo_detokenizer *detokenizer, uint32_t token, octavo_text *text) {
    return octavo_tokenizer_append_piece(detokenizer->tokenizer, token, detokenizer->show_special,
                                         &detokenizer->pending) &&
           move_pending(&detokenizer->pending, false, text);
}

bool octavo_detokenizer_finish(octavo_detokenizer *detokenizer, octavo_text *text) {
    bool done = move_pending(&detokenizer->pending, true, text);
    octavo_text_release(&detokenizer->pending);
    return done;
}
