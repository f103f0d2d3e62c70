#include "report_charts.h"

#include "report_legend.h"
#include "report_plot.h"

#include <stdint.h>

#define PANEL_LIMIT 24
#define LINE_LIMIT 12 /* of a panel; a family with more is split by query heads, then by bits too */

/* What one panel holds apart. */
typedef enum split { SPLIT_NONE, SPLIT_GQA, SPLIT_GQA_KV } split;

typedef struct panel {
    size_t begin, end; /* of the sorted rows */
    split split;
} panel;

static bool is_drawn(const octavo_report_row *row) {
    octavo_report_range sane = OCTAVO_REPORT_RANGE_EMPTY;
    return octavo_report_row_is_drawn(row) && octavo_report_range_include(&sane, row->tokens) &&
           octavo_report_range_include(&sane, octavo_report_row_time(row, NULL));
}

static bool same_panel(const octavo_report_row *a, const octavo_report_row *b, split by) {
    return octavo_report_compare_family(a, b) == 0 && (by < SPLIT_GQA || octavo_report_compare_gqa(a, b) == 0) &&
           (by < SPLIT_GQA_KV || octavo_report_compare_kv(a, b) == 0);
}

static bool same_line(const octavo_report_row *a, const octavo_report_row *b) {
    return a->file == b->file && same_panel(a, b, SPLIT_GQA_KV);
}

static size_t end_of(const octavo_report_set *set, size_t begin, split by) {
    size_t end = begin + 1;
    while (end < set->row_count && same_panel(set->rows[begin], set->rows[end], by)) end++;
    return end;
}

/* Lines of the rows that are drawn, and whether one of them has two lengths. */
static size_t count_lines(const octavo_report_set *set, size_t begin, size_t end, bool *has_length) {
    const octavo_report_row *last = NULL;
    size_t count = 0;
    *has_length = false;
    for (size_t i = begin; i < end; i++) {
        const octavo_report_row *row = set->rows[i];
        if (!is_drawn(row)) continue;
        if (last == NULL || !same_line(last, row))
            count++;
        else if (row->tokens > last->tokens)
            *has_length = true;
        last = row;
    }
    return count;
}

static panel next_panel(const octavo_report_set *set, size_t begin) {
    panel next = {begin, begin, SPLIT_NONE};
    size_t most = 0;
    bool has_length;
    size_t family_begin = begin, family_end = end_of(set, begin, SPLIT_NONE);
    while (family_begin > 0 && same_panel(set->rows[family_begin - 1], set->rows[begin], SPLIT_NONE)) family_begin--;
    if (count_lines(set, family_begin, family_end, &has_length) > LINE_LIMIT) next.split = SPLIT_GQA;
    for (size_t i = family_begin; next.split == SPLIT_GQA && i < family_end; i = end_of(set, i, SPLIT_GQA)) {
        size_t count = count_lines(set, i, end_of(set, i, SPLIT_GQA), &has_length);
        if (count > most) most = count;
    }
    if (most > LINE_LIMIT) next.split = SPLIT_GQA_KV;
    next.end = end_of(set, begin, next.split);
    return next;
}

/* With one device colours tell bits apart, else devices, and dashes the bits. */
static size_t colour_of(const octavo_report_set *set, const octavo_report_row *row) {
    return set->file_count > 1 ? row->file : octavo_report_set_kv_index(set, row);
}

static size_t dash_of(const octavo_report_set *set, const octavo_report_row *row) {
    return set->file_count > 1 ? octavo_report_set_kv_index(set, row) : 0;
}

/* The rows of [begin, end) that make points: of several with the same tokens the first, which is the fastest. */
static bool is_point(const octavo_report_set *set, size_t begin, size_t index) {
    if (!is_drawn(set->rows[index])) return false;
    for (size_t i = index; i-- > begin && same_line(set->rows[i], set->rows[index]);) {
        if (!is_drawn(set->rows[i])) continue;
        return set->rows[i]->tokens < set->rows[index]->tokens;
    }
    return true;
}

static void draw_line(const octavo_report_plot *plot, const octavo_report_set *set, size_t begin, size_t end) {
    octavo_report_text_format(plot->text, "<path class=\"c%zu line d%zu\" d=\"",
                              colour_of(set, set->rows[begin]) % OCTAVO_REPORT_COLOURS,
                              dash_of(set, set->rows[begin]) % OCTAVO_REPORT_DASHES);
    const char *letter = "M";
    for (size_t i = begin; i < end; i++) {
        if (!is_point(set, begin, i)) continue;
        octavo_report_text_format(plot->text, "%s%.1f %.1f", letter, octavo_report_plot_x(plot, set->rows[i]->tokens),
                                  octavo_report_plot_y(plot, octavo_report_row_time(set->rows[i], NULL)));
        letter = "L";
    }
    octavo_report_text_add(plot->text, letter[0] == 'L' ? "\"/>\n" : "M0 0\"/>\n");
    for (size_t i = begin; i < end; i++) {
        const octavo_report_row *row = set->rows[i];
        if (!is_point(set, begin, i)) continue;
        octavo_report_plot_marker_begin(plot->text, octavo_report_plot_x(plot, row->tokens),
                                        octavo_report_plot_y(plot, octavo_report_row_time(row, NULL)),
                                        octavo_report_set_gqa_index(set, row), colour_of(set, row), false);
        octavo_report_add_tooltip(plot->text, set, row);
        octavo_report_plot_marker_end(plot->text);
    }
}

static void draw_panel(octavo_report_text *text, const octavo_report_set *set, panel shown) {
    octavo_report_range tokens = OCTAVO_REPORT_RANGE_EMPTY, times = OCTAVO_REPORT_RANGE_EMPTY;
    const octavo_report_row *first = set->rows[shown.begin];
    for (size_t i = shown.begin; i < shown.end; i++) {
        if (!is_drawn(set->rows[i])) continue;
        (void)octavo_report_range_include(&tokens, set->rows[i]->tokens);
        (void)octavo_report_range_include(&times, octavo_report_row_time(set->rows[i], NULL));
    }
    octavo_report_text_add(text, "<figure><figcaption>");
    octavo_report_add_family(text, first);
    if (shown.split >= SPLIT_GQA) octavo_report_add_gqa(text, first);
    if (shown.split >= SPLIT_GQA_KV) octavo_report_add_kv(text, first);
    octavo_report_text_add(text, "</figcaption>\n");
    octavo_report_plot plot = octavo_report_plot_init(
        text, octavo_report_axis_around(tokens, OCTAVO_REPORT_UNIT_BINARY, "tokens of a sequence"),
        octavo_report_axis_around(times, OCTAVO_REPORT_UNIT_PLAIN, "time of a step of one layer, \xc2\xb5s"));
    octavo_report_plot_begin(&plot, "Time of a step against tokens");
    for (size_t i = shown.begin; i < shown.end;) {
        size_t end = i + 1;
        while (end < shown.end && same_line(set->rows[i], set->rows[end])) end++;
        draw_line(&plot, set, i, end);
        i = end;
    }
    octavo_report_plot_end(&plot);
    octavo_report_text_add(text, "</figure>\n");
}

/* Draws the panels that have lines with several lengths (or, with lengths false, the others); returns what it left out
 * beyond the limit. */
static size_t draw_panels(octavo_report_text *text, const octavo_report_set *set, bool lengths, size_t *drawn,
                          size_t *single) {
    size_t left_out = 0;
    for (size_t i = 0; i < set->row_count;) {
        panel next = next_panel(set, i);
        bool has_length;
        size_t lines = count_lines(set, next.begin, next.end, &has_length);
        i = next.end;
        if (lines == 0) continue;
        if (has_length != lengths)
            *single += 1;
        else if (*drawn == PANEL_LIMIT)
            left_out++;
        else {
            draw_panel(text, set, next);
            *drawn += 1;
        }
    }
    return left_out;
}

void octavo_report_add_time_lines(octavo_report_text *text, const octavo_report_set *set) {
    size_t drawn = 0, single = 0;
    octavo_report_text_add(text,
                           "<section id=\"time\"><h2>Time against tokens</h2>\n"
                           "<p>Median time of one step of one layer. Of several rows of one case the fastest is "
                           "drawn.</p>\n");
    octavo_report_add_legend(text, set, true);
    octavo_report_text_add(text, "<div class=\"panels\">\n");
    size_t left_out = draw_panels(text, set, true, &drawn, &single);
    if (drawn == 0) {
        single = 0;
        left_out = draw_panels(text, set, false, &drawn, &single);
    }
    octavo_report_text_add(text, "</div>\n");
    if (drawn == 0) octavo_report_text_add(text, "<p class=\"empty\">No row has a time and a number of tokens.</p>\n");
    if (single > 0)
        octavo_report_text_format(
            text, "<p class=\"empty\">Groups of cases with one length only, in the tables: %zu.</p>\n", single);
    if (left_out > 0)
        octavo_report_text_format(text, "<p class=\"empty\">Groups of cases beyond %d, in the tables only: %zu.</p>\n",
                                  PANEL_LIMIT, left_out);
    octavo_report_text_add(text, "</section>\n");
}
