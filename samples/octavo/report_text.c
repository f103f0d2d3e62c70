#include "report_text.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(octavo_report_text *text, size_t more) {
    if (text->failed) return false;
    if (more < text->capacity - text->length) return true; /* one byte stays for the zero */
    size_t capacity = text->capacity == 0 ? 65536 : text->capacity;
    while (capacity <= SIZE_MAX / 2 && capacity - text->length <= more) capacity *= 2;
    char *bytes = capacity - text->length <= more ? NULL : realloc(text->bytes, capacity);
    if (bytes == NULL) {
        text->failed = true;
        return false;
    }
    text->bytes = bytes;
    text->capacity = capacity;
    return true;
}

static void add_bytes(octavo_report_text *text, const char *bytes, size_t length) {
    if (!reserve(text, length)) return;
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
}

void octavo_report_text_add(octavo_report_text *text, const char *markup) {
    add_bytes(text, markup, strlen(markup));
}

void octavo_report_text_format(octavo_report_text *text, const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) text->failed = true;
    if (length > 0 && reserve(text, (size_t)length)) {
        (void)vsnprintf(text->bytes + text->length, (size_t)length + 1, format, again);
        text->length += (size_t)length;
    }
    va_end(again);
}

/* The character at *at, which moves behind it; 0xfffd for what is no UTF-8 (then by one byte). */
static uint32_t next_character(const char **at) {
    const uint8_t *bytes = (const uint8_t *)*at;
    uint32_t first = bytes[0], extra = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
    static const uint32_t smallest[4] = {0, 0x80, 0x800, 0x10000};
    *at += 1;
    if (first < 0x80) return first;
    if (extra == 0 || first >= 0xf8) return 0xfffd;
    uint32_t character = first & (0x3fu >> extra);
    for (uint32_t i = 1; i <= extra; i++) {
        if ((bytes[i] & 0xc0) != 0x80) return 0xfffd; /* the zero byte at the end stops here too */
        character = character << 6 | (bytes[i] & 0x3fu);
    }
    if (character < smallest[extra] || character > 0x10ffff || (character >= 0xd800 && character < 0xe000))
        return 0xfffd;
    *at += extra;
    return character;
}

static bool is_printable(uint32_t character) {
    if (character < 0x20 || (character >= 0x7f && character < 0xa0)) return false;
    if (character == 0x200e || character == 0x200f || (character >= 0x202a && character <= 0x202e)) return false;
    return !(character >= 0x2066 && character <= 0x2069) && (character & 0xfffe) != 0xfffe && character != 0x2028 &&
           character != 0x2029;
}

static const char *html_entity(uint32_t character) {
    switch (character) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

static void add_character(octavo_report_text *text, const char *start, const char *end, uint32_t character) {
    if (character == '\t' || character == '\n' || character == '\r')
        add_bytes(text, " ", 1);
    else if (character == 0xfffd || !is_printable(character))
        octavo_report_text_add(text, "\xef\xbf\xbd");
    else
        add_bytes(text, start, (size_t)(end - start));
}

void octavo_report_text_escape_short(octavo_report_text *text, const char *content, size_t limit) {
    for (size_t count = 0; *content != '\0' && !text->failed; count++) {
        if (count == limit) {
            octavo_report_text_add(text, "\xe2\x80\xa6");
            return;
        }
        const char *start = content;
        uint32_t character = next_character(&content);
        const char *entity = html_entity(character);
        if (entity != NULL)
            octavo_report_text_add(text, entity);
        else
            add_character(text, start, content, character);
    }
}

void octavo_report_text_escape(octavo_report_text *text, const char *content) {
    octavo_report_text_escape_short(text, content, SIZE_MAX);
}

void octavo_report_text_escape_markdown(octavo_report_text *text, const char *content) {
    while (*content != '\0' && !text->failed) {
        const char *start = content;
        uint32_t character = next_character(&content);
        const char *entity = character == '"' || character == '\'' ? NULL : html_entity(character);
        if (entity != NULL) {
            octavo_report_text_add(text, entity);
            continue;
        }
        if (character < 0x80 && character != 0 && strchr("\\`*_[]|#~!", (int)character) != NULL)
            add_bytes(text, "\\", 1);
        add_character(text, start, content, character);
    }
}

void octavo_report_text_release(octavo_report_text *text) {
    free(text->bytes);
    memset(text, 0, sizeof *text);
}

static octavo_report_number formatted(const char *format, double value) {
    octavo_report_number number = {""};
    if (isfinite(value) && value >= 0) (void)snprintf(number.text, sizeof number.text, format, value);
    return number;
}

octavo_report_number octavo_report_number_plain(double value) {
    return formatted(value < 9.995 ? "%.2f" : value < 999.95 ? "%.1f" : "%.0f", value);
}

octavo_report_number octavo_report_number_integer(double value) {
    return formatted(value < 1e15 && value == floor(value) ? "%.0f" : "%.4g", value);
}

octavo_report_number octavo_report_number_si(double value, const char *unit) {
    static const char prefixes[][4] = {"", "k", "M", "G", "T", "P", "E"};
    octavo_report_number number = {""};
    if (!isfinite(value) || value < 0) return number;
    size_t prefix = 0;
    double scaled = value;
    for (; scaled >= 999.5 && prefix + 1 < sizeof prefixes / sizeof prefixes[0]; prefix++) scaled /= 1000;
    const char *space = prefixes[prefix][0] == '\0' && unit[0] == '\0' ? "" : "\xc2\xa0";
    int decimals = scaled >= 99.95 || (prefix == 0 && scaled == floor(scaled)) ? 0 : scaled >= 9.995 ? 1 : 2;
    (void)snprintf(number.text, sizeof number.text, "%.*f%s%s%.20s", decimals, scaled, space, prefixes[prefix], unit);
    return number;
}

octavo_report_number octavo_report_number_binary(double value) {
    static const char *const prefixes[] = {"", "Ki", "Mi", "Gi", "Ti"};
    octavo_report_number number = {""};
    if (!isfinite(value) || value < 0) return number;
    size_t prefix = 0;
    double scaled = value;
    for (; scaled >= 1024 && fmod(scaled, 1024) == 0 && prefix < 4; prefix++) scaled /= 1024;
    if (prefix == 0 || scaled >= 1e6) return octavo_report_number_integer(value);
    (void)snprintf(number.text, sizeof number.text, "%.0f\xc2\xa0%s", scaled, prefixes[prefix]);
    return number;
}

octavo_report_number octavo_report_number_percent(double fraction) {
    double percent = fraction * 100;
    return formatted(percent < 9.95 ? "%.1f\xc2\xa0%%" : "%.0f\xc2\xa0%%", percent);
}

octavo_report_number octavo_report_number_error(double value) {
    return formatted(value != 0 && value < 1e-3 ? "%.1e" : "%.3g", value);
}

octavo_report_number octavo_report_number_power(double value) {
    static const char *const digits[] = {"\xe2\x81\xb0", "\xc2\xb9",     "\xc2\xb2",     "\xc2\xb3",
                                         "\xe2\x81\xb4", "\xe2\x81\xb5", "\xe2\x81\xb6", "\xe2\x81\xb7",
                                         "\xe2\x81\xb8", "\xe2\x81\xb9"};
    octavo_report_number number = {""};
    if (!(value > 0) || !isfinite(value)) return number;
    if (value > 0.0099 && value < 10000) return formatted("%g", value);
    int exponent = (int)floor(log10(value) + 1e-9);
    double factor = value / pow(10, exponent);
    char exponent_text[8];
    (void)snprintf(exponent_text, sizeof exponent_text, "%d", abs(exponent) % 1000);
    size_t used = 0;
    if (factor > 1.01) used = (size_t)snprintf(number.text, 16, "%.0f\xc2\xb7", factor);
    used += (size_t)snprintf(number.text + used, sizeof number.text - used, "10%s", exponent < 0 ? "\xe2\x81\xbb" : "");
    for (const char *digit = exponent_text; *digit != '\0'; digit++)
        used += (size_t)snprintf(number.text + used, sizeof number.text - used, "%s", digits[*digit - '0']);
    return number;
}
