#include "pretokenizer.h"

#include "unicode_classes.h"
#include "utf8.h"

bool octavo_pretokenizer_of_name(octavo_gguf_string name, octavo_pretokenizer *pretokenizer) {
    static const struct {
        const char *name;
        octavo_pretokenizer pretokenizer;
    } NAMES[] = {
        /* "default" is what converters write that do not know the model: the byte-level tokenizers' own default. */
        {"gpt-2", OCTAVO_PRETOKENIZER_GPT2},    {"default", OCTAVO_PRETOKENIZER_GPT2},
        {"phi-2", OCTAVO_PRETOKENIZER_GPT2},    {"llama-bpe", OCTAVO_PRETOKENIZER_LLAMA3},
        {"llama3", OCTAVO_PRETOKENIZER_LLAMA3}, {"llama-v3", OCTAVO_PRETOKENIZER_LLAMA3},
        {"qwen2", OCTAVO_PRETOKENIZER_QWEN2},   {"deepseek-r1-qwen", OCTAVO_PRETOKENIZER_QWEN2},
        {"smollm", OCTAVO_PRETOKENIZER_SMOLLM},
    };
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (octavo_gguf_string_equals(name, NAMES[i].name)) {
            *pretokenizer = NAMES[i].pretokenizer;
            return true;
        }
    }
    return false;
}

/* The character at a position; `end` is the position behind it. At the text's end: kind END, and end = position. */
typedef struct character {
    enum { LETTER, NUMBER, WHITESPACE, OTHER, END } kind;
    uint32_t code_point;
    size_t end;
} character;

static character character_at(const char *text, size_t length, size_t position) {
    character result = {END, 0, position};
    if (position >= length) return result;
    size_t byte_count;
    octavo_utf8_decode(text + position, length - position, &result.code_point, &byte_count);
    result.end = position + byte_count;
    switch (octavo_unicode_class_of(result.code_point)) {
    case OCTAVO_UNICODE_LETTER:
        result.kind = LETTER;
        break;
    case OCTAVO_UNICODE_NUMBER:
        result.kind = NUMBER;
        break;
    case OCTAVO_UNICODE_WHITESPACE:
        result.kind = WHITESPACE;
        break;
    case OCTAVO_UNICODE_OTHER:
        result.kind = OTHER;
        break;
    }
    return result;
}

/* The position behind the longest run, at most `limit` long, of the first character's kind. */
static size_t end_of_run(const char *text, size_t length, character first, size_t limit) {
    size_t end = first.end;
    for (size_t count = 1; count < limit; count++) {
        character next = character_at(text, length, end);
        if (next.kind != first.kind) break;
        end = next.end;
    }
    return end;
}

static bool is_line_break(character at) {
    return at.code_point == '\r' || at.code_point == '\n';
}

/* 's 't 're 've 'm 'll 'd at the text's start: their length, or 0. */
static size_t contraction(const char *text, size_t length, bool any_case) {
    if (length < 2 || text[0] != '\'') return 0;
    char first = text[1], second = length > 2 ? text[2] : '\0';
    if (any_case) {
        first = (char)(first >= 'A' && first <= 'Z' ? first + ('a' - 'A') : first);
        second = (char)(second >= 'A' && second <= 'Z' ? second + ('a' - 'A') : second);
    }
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
    if (((first == 'r' || first == 'v') && second == 'e') || (first == 'l' && second == 'l')) return 3;
    return 0;
}

/*
 * \s+(?!\S)|\s+ on a run of spaces: all but the last, which belongs to what follows, unless that is nothing.
 * `number_ends`: the text ends before a number.
 */
static size_t spaces(const char *text, size_t length, character first, bool number_ends) {
    size_t before_last = 0, end = first.end;
    for (;;) {
        character next = character_at(text, length, end);
        if (next.kind == END || (number_ends && next.kind == NUMBER)) return end;
        if (next.kind != WHITESPACE) return before_last > 0 ? before_last : end;
        before_last = end;
        end = next.end;
    }
}

static size_t next_gpt2(const char *text, size_t length, bool number_ends) {
    size_t apostrophe = contraction(text, length, false);
    if (apostrophe > 0) return apostrophe;
    character first = character_at(text, length, 0);
    character body = first.code_point == ' ' ? character_at(text, length, first.end) : first;
    bool ends = body.kind == END || (number_ends && body.kind == NUMBER);
    if (body.kind != WHITESPACE && !ends) return end_of_run(text, length, body, SIZE_MAX);
    return spaces(text, length, first, number_ends);
}

static size_t next_smollm(const char *text, size_t length) {
    character first = character_at(text, length, 0);
    if (first.kind == NUMBER) return first.end;
    return next_gpt2(text, length, true);
}

static size_t next_llama3(const char *text, size_t length, size_t most_digits) {
    size_t apostrophe = contraction(text, length, true);
    if (apostrophe > 0) return apostrophe;
    character first = character_at(text, length, 0);
    character second = character_at(text, length, first.end);
    if (first.kind == LETTER) return end_of_run(text, length, first, SIZE_MAX);
    if (first.kind != NUMBER && !is_line_break(first) && second.kind == LETTER)
        return end_of_run(text, length, second, SIZE_MAX);
    if (first.kind == NUMBER) return end_of_run(text, length, first, most_digits);
    character body = first.code_point == ' ' ? second : first;
    if (body.kind == OTHER) {
        size_t end = end_of_run(text, length, body, SIZE_MAX);
        while (end < length && (text[end] == '\r' || text[end] == '\n')) end++;
        return end;
    }
    /* \s*[\r\n]+ reaches to the last line break of the run of spaces. */
    size_t last_break = 0;
    for (character next = first; next.kind == WHITESPACE; next = character_at(text, length, next.end)) {
        if (is_line_break(next)) last_break = next.end;
    }
    return last_break > 0 ? last_break : spaces(text, length, first, false);
}

size_t octavo_pretokenizer_next(octavo_pretokenizer pretokenizer, const char *text, size_t length) {
    switch (pretokenizer) {
    case OCTAVO_PRETOKENIZER_LLAMA3:
        return next_llama3(text, length, 3);
    case OCTAVO_PRETOKENIZER_QWEN2:
        return next_llama3(text, length, 1);
    case OCTAVO_PRETOKENIZER_SMOLLM:
        return next_smollm(text, length);
    case OCTAVO_PRETOKENIZER_GPT2:
        break;
    }
    return next_gpt2(text, length, false);
}
