/* Any bytes as tuning rows: rows with numbers that are not 0 where they are given, and words within the text, or one
 * line that says why not. What is read can be written and read again. */
#include "attention/tuning_text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const octavo_tuning_place place = {"NVIDIA H200", "matrix", 128, 128, 3, 3, 4, 1};

/* Its settings, written for a place, come back as they are and match it. */
static void write_again(const octavo_tuning_row *row) {
    char text[OCTAVO_TUNING_TEXT_BYTES];
    octavo_tuning_text_write(&place, row, text);
    octavo_tuning_reader reader = {text, 0, ""};
    octavo_tuning_row again;
    if (octavo_tuning_text_next(&reader, &again) != OCTAVO_TUNING_ROW) abort();
    if (!octavo_tuning_text_matches(&again, &place) || again.lanes != row->lanes || again.rows != row->rows ||
        again.unpack != row->unpack || again.dispatches != row->dispatches || again.query_bits != row->query_bits ||
        again.workgroups != row->workgroups || again.slice_work != row->slice_work)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    if (text == NULL) return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    octavo_tuning_reader reader = {text, 0, ""};
    octavo_tuning_row row;
    octavo_tuning_found found = OCTAVO_TUNING_ROW;
    while (found == OCTAVO_TUNING_ROW) {
        found = octavo_tuning_text_next(&reader, &row);
        if (found != OCTAVO_TUNING_ROW) break;
        if (row.device.bytes != NULL && (row.device.bytes < text || row.device.bytes + row.device.size > text + size))
            abort();
        (void)octavo_tuning_text_matches(&row, &place);
        write_again(&row);
    }
    if ((found == OCTAVO_TUNING_ERROR) != (reader.error[0] != '\0') || strchr(reader.error, '\n') != NULL) abort();
    free(text);
    return 0;
}
