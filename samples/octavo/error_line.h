/* One line of text that says why a file, an option or a run was refused: names the thing, its value and the limit. */
#ifndef OCTAVO_ERROR_LINE_H
#define OCTAVO_ERROR_LINE_H

#include <stdbool.h>

typedef struct octavo_error_line {
    char text[512]; /* printable ASCII without a newline; empty while nothing failed */
} octavo_error_line;

/* Writes the message (printf's format) and returns false, so that a check can end in `return
 * octavo_error_line_set(..)`. Bytes outside printable ASCII become '?': names come from files and arguments. error may
 * be NULL. */
bool octavo_error_line_set(octavo_error_line *error, const char *format, ...);

#endif
