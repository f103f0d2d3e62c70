/* The two forms of a report. Neither refers to anything outside itself. */
#ifndef OCTAVO_REPORT_PAGE_H
#define OCTAVO_REPORT_PAGE_H

#include "report_set.h"

/* One HTML page with the four charts and all rows. It holds no script, and its content policy forbids any. */
void octavo_report_write_page(octavo_report_text *text, const octavo_report_set *set);
/* Tables in Markdown: one for each file and family of cases. Columns that would say the same in each row are left out.
 */
void octavo_report_write_markdown(octavo_report_text *text, const octavo_report_set *set);

#endif
