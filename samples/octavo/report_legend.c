#include "report_legend.h"

#include "report_plot.h"

#include <stdint.h>

#define NO_COLOUR 6u /* what is told by shape or dash alone */

void octavo_report_add_legend(octavo_report_text *text, const octavo_report_set *set, bool lines) {
    bool files = lines && set->file_count > 1;
    octavo_report_text_add(text, "<ul class=\"legend\">");
    for (size_t i = 0; files && i < set->file_count; i++) {
        octavo_report_text_add(text, "<li>");
        octavo_report_plot_legend_key(text, SIZE_MAX, 0, i, false);
        octavo_report_add_device(text, set, i);
        octavo_report_text_add(text, "</li>");
    }
    for (size_t i = 0; i < set->kv_count; i++) {
        octavo_report_text_add(text, "<li>");
        octavo_report_plot_legend_key(text, lines ? SIZE_MAX : 0,
                                      !lines  ? SIZE_MAX
                                      : files ? i
                                              : 0,
                                      files ? NO_COLOUR : i, false);
        octavo_report_text_add(text, "K/V ");
        octavo_report_text_escape_short(text, set->kvs[i], 12);
        octavo_report_text_add(text, "</li>");
    }
    for (size_t i = 0; i < set->gqa_count; i++) {
        octavo_report_text_add(text, "<li>");
        octavo_report_plot_legend_key(text, i, SIZE_MAX, NO_COLOUR, false);
        octavo_report_text_format(text, "GQA %s</li>", octavo_report_number_integer(set->gqas[i]).text);
    }
    octavo_report_text_add(text, "</ul>\n");
}
