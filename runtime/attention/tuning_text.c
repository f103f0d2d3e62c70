#include "attention/tuning_text.h"

#include <stdio.h>
#include <string.h>

#define BITS_F16 16u

/* A field of a row that is one number of 32 bits. */
typedef struct number_field {
    const char *name;
    size_t offset;
} number_field;

/* In the order in which they are written. */
static const number_field selectors[] = {{"key", offsetof(octavo_tuning_row, key_dim)},
                                         {"value", offsetof(octavo_tuning_row, value_dim)},
                                         {"group", offsetof(octavo_tuning_row, group)},
                                         {"tokens", offsetof(octavo_tuning_row, query_tokens)}};
static const number_field settings[] = {{"lanes", offsetof(octavo_tuning_row, lanes)},
                                        {"rows", offsetof(octavo_tuning_row, rows)},
                                        {"unpack", offsetof(octavo_tuning_row, unpack)},
                                        {"dispatches", offsetof(octavo_tuning_row, dispatches)},
                                        {"query_bits", offsetof(octavo_tuning_row, query_bits)},
                                        {"workgroups", offsetof(octavo_tuning_row, workgroups)}};
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static bool word_is(octavo_tuning_word word, const char *text) {
    return word.size == strlen(text) && memcmp(word.bytes, text, word.size) == 0;
}

/* --- reading --------------------------------------------------------------------------------------------------------
 */

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

static bool ends_line(char c) {
    return c == '\0' || c == '\n';
}

/* Says what is wrong with a word, of which 64 bytes are shown. */
static bool fail(octavo_tuning_reader *reader, octavo_tuning_word word, const char *problem) {
    char shown[65];
    size_t size = word.size < sizeof shown - 1u ? word.size : sizeof shown - 1u;
    for (size_t i = 0; i < size; ++i) shown[i] = word.bytes[i] >= ' ' && word.bytes[i] <= '~' ? word.bytes[i] : '?';
    shown[size] = '\0';
    (void)snprintf(reader->error, sizeof reader->error, "line %llu: '%s': %s", (unsigned long long)reader->line, shown,
                   problem);
    return false;
}

static bool parse_number(octavo_tuning_word word, uint64_t limit, uint64_t *number) {
    uint64_t value = 0;
    for (size_t i = 0; i < word.size; ++i) {
        if (word.bytes[i] < '0' || word.bytes[i] > '9') return false;
        uint64_t digit = (uint64_t)(word.bytes[i] - '0');
        if (value > (limit - digit) / 10u) return false;
        value = value * 10u + digit;
    }
    *number = value;
    return value > 0u;
}

static bool parse_bits(octavo_tuning_word word, uint32_t *bits) {
    *bits = word_is(word, "2")     ? 2u
            : word_is(word, "3")   ? 3u
            : word_is(word, "4")   ? 4u
            : word_is(word, "f16") ? BITS_F16
                                   : 0u;
    return *bits != 0u;
}

/* K's bits, a slash, V's. */
static bool parse_kv(octavo_tuning_word value, octavo_tuning_row *row) {
    const char *slash = memchr(value.bytes, '/', value.size);
    if (slash == NULL) return false;
    octavo_tuning_word key_bits = {value.bytes, (size_t)(slash - value.bytes)};
    octavo_tuning_word value_bits = {slash + 1, value.size - key_bits.size - 1u};
    return parse_bits(key_bits, &row->key_bits) && parse_bits(value_bits, &row->value_bits);
}

static uint32_t *find_number(const number_field *fields, size_t count, octavo_tuning_word name,
                             octavo_tuning_row *row) {
    for (size_t i = 0; i < count; ++i)
        if (word_is(name, fields[i].name)) return (uint32_t *)(void *)((char *)row + fields[i].offset);
    return NULL;
}

static const char *take_number(uint32_t *place, octavo_tuning_word value) {
    uint64_t number = 0;
    if (*place != 0u) return "given twice";
    if (!parse_number(value, UINT32_MAX, &number)) return "not a number from 1 to 4294967295";
    *place = (uint32_t)number;
    return NULL;
}

static const char *take_word(octavo_tuning_word *place, octavo_tuning_word value) {
    if (place->bytes != NULL) return "given twice";
    *place = value;
    return NULL;
}

/* NULL: taken; else what is wrong. */
static const char *take(octavo_tuning_row *row, octavo_tuning_word name, octavo_tuning_word value, bool quoted) {
    if (word_is(name, "device")) return take_word(&row->device, value);
    if (quoted) return "only a device is quoted";
    if (word_is(name, "variant")) return take_word(&row->variant, value);
    if (word_is(name, "kv")) {
        if (row->key_bits != 0u) return "given twice";
        return parse_kv(value, row) ? NULL : "not two of 2, 3, 4, f16 with a slash between";
    }
    if (word_is(name, "slice_work")) {
        if (row->slice_work != 0u) return "given twice";
        return parse_number(value, UINT64_MAX, &row->slice_work) ? NULL : "not a number from 1 to 2^64 - 1";
    }
    uint32_t *number = find_number(selectors, COUNT(selectors), name, row);
    if (number == NULL) number = find_number(settings, COUNT(settings), name, row);
    return number != NULL ? take_number(number, value) : "no such selector or setting";
}

/* A word name=value or name="value" at reader->at, which goes behind it. */
static bool read_word(octavo_tuning_reader *reader, octavo_tuning_row *row) {
    const char *start = reader->at, *end = start;
    while (!ends_line(*end) && !is_space(*end) && *end != '=') ++end;
    octavo_tuning_word name = {start, (size_t)(end - start)}, value, whole;
    bool quoted = *end == '=' && end[1] == '"';
    if (*end != '=') return fail(reader, name, "not name=value");
    value.bytes = end += quoted ? 2 : 1;
    if (quoted) {
        while (!ends_line(*end) && *end != '"') end += *end == '\\' && !ends_line(end[1]) ? 2 : 1;
        value.size = (size_t)(end - value.bytes);
        whole = (octavo_tuning_word){start, (size_t)(end - start)};
        if (*end != '"') return fail(reader, whole, "the quote does not end");
        whole.size = (size_t)(++end - start);
        if (!ends_line(*end) && !is_space(*end)) return fail(reader, whole, "something follows the quote");
    } else {
        while (!ends_line(*end) && !is_space(*end)) ++end;
        value.size = (size_t)(end - value.bytes);
    }
    whole = (octavo_tuning_word){start, (size_t)(end - start)};
    reader->at = end;
    if (value.size == 0u) return fail(reader, whole, "no value");
    const char *problem = take(row, name, value, quoted);
    return problem == NULL || fail(reader, whole, problem);
}

octavo_tuning_found octavo_tuning_text_next(octavo_tuning_reader *reader, octavo_tuning_row *row) {
    while (*reader->at != '\0') {
        bool any = false;
        memset(row, 0, sizeof *row);
        row->line = ++reader->line;
        for (;;) {
            while (is_space(*reader->at)) ++reader->at;
            if (*reader->at == '#') {
                while (!ends_line(*reader->at)) ++reader->at;
            }
            if (ends_line(*reader->at)) break;
            if (!read_word(reader, row)) return OCTAVO_TUNING_ERROR;
            any = true;
        }
        if (*reader->at == '\n') ++reader->at;
        if (any) return OCTAVO_TUNING_ROW;
    }
    return OCTAVO_TUNING_END;
}

/* --- matching -------------------------------------------------------------------------------------------------------
 */

/* A backslash stands for the byte after it. */
static bool is_name(octavo_tuning_word word, const char *name) {
    size_t i = 0;
    for (; i < word.size && *name != '\0'; ++i, ++name) {
        if (word.bytes[i] == '\\' && i + 1u < word.size) ++i;
        if (word.bytes[i] != *name) return false;
    }
    return i == word.size && *name == '\0';
}

static bool admits(uint32_t selector, uint32_t value) {
    return selector == 0u || selector == value;
}

bool octavo_tuning_text_matches(const octavo_tuning_row *row, const octavo_tuning_place *place) {
    if (row->device.bytes != NULL && !is_name(row->device, place->device)) return false;
    if (row->variant.bytes != NULL && !word_is(row->variant, place->variant)) return false;
    return admits(row->key_dim, place->key_dim) && admits(row->value_dim, place->value_dim) &&
           admits(row->key_bits, place->key_bits) && admits(row->value_bits, place->value_bits) &&
           admits(row->group, place->group) && admits(row->query_tokens, place->query_tokens);
}

/* --- writing --------------------------------------------------------------------------------------------------------
 */

typedef struct text_end {
    char *text;
    size_t size;
} text_end;

/* A word that does not fit is left out. */
static void put(text_end *end, const char *word) {
    size_t length = strlen(word), room = OCTAVO_TUNING_TEXT_BYTES - end->size;
    bool first = end->size == 0u;
    if (length + (first ? 0u : 1u) >= room) return;
    if (!first) end->text[end->size++] = ' ';
    memcpy(end->text + end->size, word, length + 1u);
    end->size += length;
}

static void put_number(text_end *end, const char *name, uint64_t number) {
    char word[64];
    if (number == 0u) return;
    (void)snprintf(word, sizeof word, "%s=%llu", name, (unsigned long long)number);
    put(end, word);
}

static void put_device(text_end *end, const char *name) {
    char word[OCTAVO_TUNING_TEXT_BYTES / 2u + 32u];
    size_t size = (size_t)snprintf(word, sizeof word, "device=\"");
    if (*name == '\0') return;
    for (; *name != '\0'; ++name) {
        if (*name == '\n' || size + 4u > sizeof word) return;
        if (*name == '"' || *name == '\\') word[size++] = '\\';
        word[size++] = *name;
    }
    word[size++] = '"';
    word[size] = '\0';
    put(end, word);
}

static const char *bits_name(uint32_t bits) {
    return bits == BITS_F16 ? "f16" : bits == 2u ? "2" : bits == 3u ? "3" : "4";
}

static uint32_t number_at(const void *row, size_t offset) {
    uint32_t number;
    memcpy(&number, (const char *)row + offset, sizeof number);
    return number;
}

void octavo_tuning_text_write(const octavo_tuning_place *place, const octavo_tuning_row *row_settings,
                              char text[OCTAVO_TUNING_TEXT_BYTES]) {
    text_end end = {text, 0};
    char word[96];
    text[0] = '\0';
    put_device(&end, place->device);
    if (place->variant[0] != '\0' && strlen(place->variant) < 64u) {
        (void)snprintf(word, sizeof word, "variant=%.64s", place->variant);
        put(&end, word);
    }
    put_number(&end, "key", place->key_dim);
    put_number(&end, "value", place->value_dim);
    (void)snprintf(word, sizeof word, "kv=%s/%s", bits_name(place->key_bits), bits_name(place->value_bits));
    put(&end, word);
    put_number(&end, "group", place->group);
    put_number(&end, "tokens", place->query_tokens);
    for (size_t i = 0; i < COUNT(settings); ++i)
        put_number(&end, settings[i].name, number_at(row_settings, settings[i].offset));
    put_number(&end, "slice_work", row_settings->slice_work);
}
