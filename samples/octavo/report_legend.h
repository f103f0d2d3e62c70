/* What shapes, dashes and colours of the roofline and of the lines of time mean. */
#ifndef OCTAVO_REPORT_LEGEND_H
#define OCTAVO_REPORT_LEGEND_H

#include "report_set.h"

/* Shapes are query heads. Colours are bits of the cache; with `lines` of several files colours are files, and dashes
 * bits. */
void octavo_report_add_legend(octavo_report_text *text, const octavo_report_set *set, bool lines);

#endif
