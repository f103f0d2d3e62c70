#include "bench_tuning_row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *octavo_bench_number_name(octavo_bench_number number) {
    static const char *const names[OCTAVO_BENCH_NUMBER_COUNT] = {"lanes", "rows", "unpack", "workgroups"};
    return names[number];
}

/* Behind a word, of which a quoted part may hold blanks. */
static const char *word_end(const char *text) {
    bool quoted = false;
    for (; *text != '\0' && (quoted || *text != ' '); text++) {
        if (*text == '"') quoted = !quoted;
        if (quoted && *text == '\\' && text[1] != '\0') text++;
    }
    return text;
}

/* The number that a word name=value sets, or OCTAVO_BENCH_NUMBER_COUNT. */
static octavo_bench_number number_of(const char *word, uint32_t *value) {
    for (int i = 0; i < OCTAVO_BENCH_NUMBER_COUNT; i++) {
        const char *name = octavo_bench_number_name((octavo_bench_number)i);
        size_t length = strlen(name);
        if (strncmp(word, name, length) != 0 || word[length] != '=') continue;
        *value = (uint32_t)strtoul(word + length + 1, NULL, 10);
        return (octavo_bench_number)i;
    }
    return OCTAVO_BENCH_NUMBER_COUNT;
}

void octavo_bench_tuning_read(const char *text, char selectors[OCTAVO_BENCH_TUNING_LENGTH],
                              octavo_bench_numbers *numbers) {
    size_t selected = 0;
    bool settings = false;
    memset(numbers, 0, sizeof *numbers);
    for (const char *word = text; *word != '\0';) {
        const char *end = word_end(word);
        uint32_t value = 0;
        octavo_bench_number number = number_of(word, &value);
        if (number != OCTAVO_BENCH_NUMBER_COUNT) {
            numbers->values[number] = value;
            settings = true;
        } else if (!settings && (size_t)(end - text) < OCTAVO_BENCH_TUNING_LENGTH) {
            selected = (size_t)(end - text);
        }
        word = *end == ' ' ? end + 1 : end;
    }
    memcpy(selectors, text, selected);
    selectors[selected] = '\0';
}

void octavo_bench_tuning_write(const char *selectors, const octavo_bench_numbers *numbers,
                               char text[OCTAVO_BENCH_TUNING_LENGTH]) {
    size_t size = (size_t)snprintf(text, OCTAVO_BENCH_TUNING_LENGTH, "%s", selectors);
    for (int i = 0; i < OCTAVO_BENCH_NUMBER_COUNT && size < OCTAVO_BENCH_TUNING_LENGTH; i++) {
        if (numbers->values[i] > 0)
            size += (size_t)snprintf(text + size, OCTAVO_BENCH_TUNING_LENGTH - size, " %s=%u",
                                     octavo_bench_number_name((octavo_bench_number)i), (unsigned)numbers->values[i]);
    }
}

bool octavo_bench_numbers_taken(const octavo_bench_numbers *asked, const octavo_bench_numbers *used) {
    for (int i = 0; i < OCTAVO_BENCH_NUMBER_COUNT; i++)
        if (asked->values[i] != 0 && asked->values[i] != used->values[i]) return false;
    return true;
}

size_t octavo_bench_number_choices(octavo_bench_number number, uint32_t in_use,
                                   uint32_t choices[OCTAVO_BENCH_CHOICE_LIMIT]) {
    static const uint32_t lanes[] = {128, 192, 256, 384, 512}, rows[] = {1, 2, 4, 8}, unpack[] = {1, 2, 4};
    const uint32_t workgroups[] = {in_use / 2, in_use * 2, in_use * 3, in_use * 4};
    const uint32_t *const values[OCTAVO_BENCH_NUMBER_COUNT] = {lanes, rows, unpack, workgroups};
    static const size_t counts[OCTAVO_BENCH_NUMBER_COUNT] = {5, 4, 3, 4};
    size_t count = 0;
    if (in_use == 0) return 0;
    for (size_t i = 0; i < counts[number]; i++)
        if (values[number][i] != in_use && values[number][i] != 0) choices[count++] = values[number][i];
    return count;
}
