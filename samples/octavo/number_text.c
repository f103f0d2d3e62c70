#include "number_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Digits of [text, end) as a number up to maximum. */
static bool parse_digits(const char *text, const char *end, uint64_t maximum, uint64_t *value) {
    uint64_t number = 0;
    if (text == end) return false;
    for (; text != end; text++) {
        if (*text < '0' || *text > '9') return false;
        uint64_t digit = (uint64_t)(*text - '0');
        if (number > (UINT64_MAX - digit) / 10) return false;
        number = number * 10 + digit;
    }
    *value = number;
    return number <= maximum;
}

bool octavo_number_parse(const char *name, const char *text, uint64_t minimum, uint64_t maximum, uint64_t *value,
                         octavo_error_line *error) {
    uint64_t number = 0;
    if (!parse_digits(text, text + strlen(text), maximum, &number) || number < minimum)
        return octavo_error_line_set(error, "%s: '%.64s' is not a number from %llu to %llu", name, text,
                                     (unsigned long long)minimum, (unsigned long long)maximum);
    *value = number;
    return true;
}

bool octavo_real_parse(const char *name, const char *text, double minimum, double maximum, double *value,
                       octavo_error_line *error) {
    char *end = NULL;
    double number = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(number) || number < minimum || number > maximum)
        return octavo_error_line_set(error, "%s: '%.64s' is not a number from %g to %g", name, text, minimum, maximum);
    *value = number;
    return true;
}

bool octavo_number_list_parse(const char *name, const char *text, uint64_t maximum, uint32_t **values, uint32_t *count,
                              octavo_error_line *error) {
    size_t entries = 1;
    for (const char *byte = text; *byte != '\0'; byte++) entries += *byte == ',';
    if (entries > 65536) return octavo_error_line_set(error, "%s: has %zu entries, more than 65536", name, entries);
    uint32_t *list = malloc(entries * sizeof *list);
    if (list == NULL) return octavo_error_line_set(error, "%s: no memory for %zu entries", name, entries);
    const char *start = text;
    for (size_t i = 0; i < entries; i++) {
        const char *end = start + strcspn(start, ",");
        uint64_t number = 0;
        if (maximum > UINT32_MAX) maximum = UINT32_MAX;
        if (!parse_digits(start, end, maximum, &number)) {
            free(list);
            return octavo_error_line_set(error, "%s: entry %zu of '%.64s' is not a number from 0 to %llu", name, i,
                                         text, (unsigned long long)maximum);
        }
        list[i] = (uint32_t)number;
        start = end + 1;
    }
    *values = list;
    *count = (uint32_t)entries;
    return true;
}
