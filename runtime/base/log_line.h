/* One line of text to the caller's log. */
#ifndef OCTAVO_LOG_LINE_H
#define OCTAVO_LOG_LINE_H

#include "base/compiler.h"
#include "base/host_memory.h"

#include <stdarg.h>

/* Longer lines are cut. Line breaks inside become spaces. */
#define OCTAVO_LOG_LINE_BYTES 2048

void octavo_base_log(const octavo_base_host *host, octavo_log_level level, const char *format, ...) OCTAVO_PRINTF(3, 4);
void octavo_base_log_list(const octavo_base_host *host, octavo_log_level level, const char *format, va_list values)
    OCTAVO_PRINTF(3, 0);
/* Logs an error and returns status. */
octavo_status octavo_base_fail(const octavo_base_host *host, octavo_status status, const char *format, ...)
    OCTAVO_PRINTF(3, 4);

#endif
