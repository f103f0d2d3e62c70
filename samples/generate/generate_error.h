/* One line of text that says why a model file, a prompt or a run was refused. */
#ifndef OCTAVO_GENERATE_ERROR_H
#define OCTAVO_GENERATE_ERROR_H

#include <stdbool.h>

#define OCTAVO_GENERATE_ERROR_LENGTH 256

/* Text is a single line of printable ASCII without a newline, empty while nothing failed. */
typedef struct octavo_generate_error {
    char text[OCTAVO_GENERATE_ERROR_LENGTH];
} octavo_generate_error;

/*
 * Writes the message (printf's format) and returns false, so that a check can end in `return octavo_generate_fail(..)`.
 * Bytes outside printable ASCII become '?': names in messages come from files that may be hostile. `error` may be NULL.
 */
bool octavo_generate_fail(octavo_generate_error *error, const char *format, ...);

#endif
