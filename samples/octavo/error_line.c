#include "error_line.h"

#include <stdarg.h>
#include <stdio.h>

bool octavo_error_line_set(octavo_error_line *error, const char *format, ...) {
    if (error == NULL) return false;
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(error->text, sizeof error->text, format, arguments) < 0) error->text[0] = '\0';
    va_end(arguments);
    for (char *byte = error->text; *byte != '\0'; byte++) {
        if (*byte < 0x20 || *byte > 0x7e) *byte = '?';
    }
    return false;
}
