/* Tuning rows as text, one a line: selectors that say where it holds, settings that take the place of the library's
 * numbers. Pure; every byte is hostile. The syntax is in octavo/attention.h. */
#ifndef OCTAVO_TUNING_TEXT_H
#define OCTAVO_TUNING_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A part of the text, not terminated. A device's name is between its quotes, with backslashes as they stand. */
typedef struct octavo_tuning_word {
    const char *bytes; /* NULL: not given */
    size_t size;
} octavo_tuning_word;

/* 0 or NULL: not given. */
typedef struct octavo_tuning_row {
    uint64_t line; /* of the text, from 1 */
    octavo_tuning_word device, variant;
    uint32_t key_dim, value_dim, key_bits, value_bits; /* 16: f16 */
    uint32_t group, query_tokens;
    uint32_t lanes, rows, unpack, dispatches, query_bits, workgroups;
    uint64_t slice_work;
} octavo_tuning_row;

/* What a plan is, for the selectors. */
typedef struct octavo_tuning_place {
    const char *device, *variant;
    uint32_t key_dim, value_dim, key_bits, value_bits;
    uint32_t group, query_tokens;
} octavo_tuning_place;

typedef enum octavo_tuning_found { OCTAVO_TUNING_END, OCTAVO_TUNING_ROW, OCTAVO_TUNING_ERROR } octavo_tuning_found;

typedef struct octavo_tuning_reader {
    const char *at;  /* the text before the first call */
    uint64_t line;   /* 0 before it */
    char error[192]; /* one line of printable ASCII after OCTAVO_TUNING_ERROR */
} octavo_tuning_reader;

/* The next row; lines without one are passed over. After an error nothing more can be read. */
octavo_tuning_found octavo_tuning_text_next(octavo_tuning_reader *reader, octavo_tuning_row *row);

bool octavo_tuning_text_matches(const octavo_tuning_row *row, const octavo_tuning_place *place);

/* A name of up to 255 bytes, each with a backslash, and all the numbers. */
#define OCTAVO_TUNING_TEXT_BYTES 1024u

/* The place and the settings as a line without its end. A device or variant that no line can name is left out; numbers
 * that are 0 too. */
void octavo_tuning_text_write(const octavo_tuning_place *place, const octavo_tuning_row *settings,
                              char text[OCTAVO_TUNING_TEXT_BYTES]);

#endif
