/* The text that a report grows in, the escaping of what came from files, and how figures are written. */
#ifndef OCTAVO_REPORT_TEXT_H
#define OCTAVO_REPORT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Starts as {0}. When memory runs out, failed is set and nothing more is added: the writer checks once, at the end. */
typedef struct octavo_report_text {
    char *bytes; /* malloc, ends with a zero byte; NULL while empty */
    size_t length, capacity;
    bool failed;
} octavo_report_text;

void octavo_report_text_add(octavo_report_text *text, const char *markup);
/* printf's format; no %s of anything that came from a file. */
void octavo_report_text_format(octavo_report_text *text, const char *format, ...);
/* As content or attribute of HTML or SVG. Bytes that are not UTF-8, control characters and those that turn the
 * direction of writing become U+FFFD. */
void octavo_report_text_escape(octavo_report_text *text, const char *content);
/* The same, cut after limit characters with an ellipsis. */
void octavo_report_text_escape_short(octavo_report_text *text, const char *content, size_t limit);
/* As one cell or line of Markdown. */
void octavo_report_text_escape_markdown(octavo_report_text *text, const char *content);
void octavo_report_text_release(octavo_report_text *text);

/* A figure as a short text, UTF-8. */
typedef struct octavo_report_number {
    char text[64];
} octavo_report_number;

/* All of them write "" for what is negative or not finite. */
octavo_report_number octavo_report_number_plain(double value);                /* 2.41, 58.3, 1049 */
octavo_report_number octavo_report_number_integer(double value);              /* 65536 */
octavo_report_number octavo_report_number_si(double value, const char *unit); /* 4.31 TB/s */
octavo_report_number octavo_report_number_binary(double value);               /* 64 Ki; 1000 where it is no whole Ki */
octavo_report_number octavo_report_number_percent(double fraction);           /* 87.5 % */
octavo_report_number octavo_report_number_error(double value);                /* 0.0365, 1.2e-05 */
octavo_report_number octavo_report_number_power(double value); /* 10 with the exponent raised, for axes */

#endif
