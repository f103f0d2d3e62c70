#include "base/log_line.h"

#include <stdio.h>

/* Drops the start of a UTF-8 character that the cut has left without its end. */
static void trim_cut_character(char *line, size_t length) {
    size_t start = length;
    while (start > 0 && length - start < 3 && ((unsigned char)line[start - 1] & 0xc0u) == 0x80u) start--;
    if (start > 0 && ((unsigned char)line[start - 1] & 0xc0u) == 0xc0u) line[start - 1] = 0;
}

void octavo_base_log_list(const octavo_base_host *host, octavo_log_level level, const char *format, va_list values) {
    if (!host->log) return;
    char line[OCTAVO_LOG_LINE_BYTES];
    int length = vsnprintf(line, sizeof line, format, values);
    if (length < 0) return;
    if ((size_t)length >= sizeof line) trim_cut_character(line, sizeof line - 1);
    for (char *c = line; *c; c++) {
        if (*c == '\n' || *c == '\r') *c = ' ';
    }
    host->log(host->log_user, level, line);
}

void octavo_base_log(const octavo_base_host *host, octavo_log_level level, const char *format, ...) {
    va_list values;
    va_start(values, format);
    octavo_base_log_list(host, level, format, values);
    va_end(values);
}

octavo_status octavo_base_fail(const octavo_base_host *host, octavo_status status, const char *format, ...) {
    va_list values;
    va_start(values, format);
    octavo_base_log_list(host, OCTAVO_LOG_ERROR, format, values);
    va_end(values);
    return status;
}
