/* The four charts of a report. Each adds a <section> with its heading, what it shows and why it may be empty. */
#ifndef OCTAVO_REPORT_CHARTS_H
#define OCTAVO_REPORT_CHARTS_H

#include "report_set.h"

/* Operations per second against operations per byte, a panel with the ceilings of each file. */
void octavo_report_add_roofline(octavo_report_text *text, const octavo_report_set *set);
/* Time against tokens, a line for each device, number of query heads and bits; a panel for each family of cases. */
void octavo_report_add_time_lines(octavo_report_text *text, const octavo_report_set *set);
/* How many times as fast each file is as the first, case by case. */
void octavo_report_add_comparison(octavo_report_text *text, const octavo_report_set *set);
/* Relative error against bytes of a token, codec and kernels apart. */
void octavo_report_add_error_chart(octavo_report_text *text, const octavo_report_set *set);

#endif
