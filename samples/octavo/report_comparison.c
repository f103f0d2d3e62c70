#include "report_charts.h"

#include "report_plot.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CASE_LIMIT 100
#define CASE_HEIGHT 17.0
#define FAMILY_HEIGHT 26.0

/* The fastest right row of each file for one case. */
typedef struct compared_case {
    const octavo_report_row *rows[OCTAVO_REPORT_FILE_LIMIT];
} compared_case;

static int compare_cases(const octavo_report_row *a, const octavo_report_row *b) {
    int order = octavo_report_compare_family(a, b);
    if (order == 0) order = octavo_report_compare_gqa(a, b);
    if (order == 0) order = octavo_report_compare_kv(a, b);
    return order == 0 ? octavo_report_compare_tokens(a, b) : order;
}

static int compare_by_case(const void *left, const void *right) {
    const octavo_report_row *a = *(const octavo_report_row *const *)left;
    const octavo_report_row *b = *(const octavo_report_row *const *)right;
    int order = compare_cases(a, b);
    if (order == 0) order = (a->file > b->file) - (a->file < b->file);
    return order == 0 ? (a > b) - (a < b) : order;
}

/* Times of the first clock that both have, never of two different ones. */
static bool speed_ratio(const octavo_report_row *reference, const octavo_report_row *row, double *ratio) {
    octavo_report_range sane = OCTAVO_REPORT_RANGE_EMPTY;
    if (reference == NULL || row == NULL) return false;
    for (int i = 0; i < OCTAVO_REPORT_CLOCK_COUNT; i++) {
        if (!reference->times[i].known || !row->times[i].known) continue;
        *ratio = reference->times[i].median / row->times[i].median;
        return octavo_report_range_include(&sane, *ratio);
    }
    return false;
}

/* Cases that the first file shares with another. rows: all rows, which are put in order here. */
static size_t find_cases(const octavo_report_set *set, const octavo_report_row **rows, compared_case *cases) {
    size_t count = 0;
    qsort(rows, set->row_count, sizeof *rows, compare_by_case);
    for (size_t begin = 0, end; begin < set->row_count; begin = end) {
        compared_case *found = &cases[count];
        memset(found, 0, sizeof *found);
        for (end = begin; end < set->row_count && compare_cases(rows[begin], rows[end]) == 0; end++) {
            const octavo_report_row **best = &found->rows[rows[end]->file];
            if (!octavo_report_row_is_drawn(rows[end])) continue;
            if (*best == NULL || octavo_report_row_time(rows[end], NULL) < octavo_report_row_time(*best, NULL))
                *best = rows[end];
        }
        double ratio;
        bool shared = false;
        for (size_t i = 1; i < set->file_count; i++)
            shared = shared || speed_ratio(found->rows[0], found->rows[i], &ratio);
        count += shared;
    }
    return count;
}

static void draw_case(const octavo_report_plot *plot, const octavo_report_set *set, const compared_case *shown,
                      double y) {
    const octavo_report_row *reference = shown->rows[0];
    octavo_report_text *text = plot->text;
    octavo_report_text_format(text,
                              "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>"
                              "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">",
                              plot->left, y, plot->right, y, plot->left - 8, y + 4);
    octavo_report_text_format(text, "%s%s", reference->gqa >= 0 ? "GQA " : "",
                              octavo_report_number_integer(reference->gqa).text);
    octavo_report_add_kv(text, reference);
    if (reference->tokens_text[0] == '\0')
        octavo_report_text_format(text, ", %s", octavo_report_number_binary(reference->tokens).text);
    octavo_report_text_add(text, "</text>\n");
    for (size_t i = 1; i < set->file_count; i++) {
        double ratio;
        if (!speed_ratio(reference, shown->rows[i], &ratio)) continue;
        octavo_report_plot_marker_begin(text, octavo_report_plot_x(plot, ratio), y, i, i, false);
        octavo_report_add_tooltip(text, set, shown->rows[i]);
        octavo_report_text_format(text, "\n%s times as fast as ", octavo_report_number_plain(ratio).text);
        octavo_report_add_device(text, set, 0);
        octavo_report_plot_marker_end(text);
    }
}

static octavo_report_axis ratio_axis(const octavo_report_set *set, const compared_case *cases, size_t count) {
    octavo_report_range ratios = {1, 1};
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 1; k < set->file_count; k++) {
            double ratio;
            if (speed_ratio(cases[i].rows[0], cases[i].rows[k], &ratio))
                (void)octavo_report_range_include(&ratios, ratio);
        }
    }
    return octavo_report_axis_around(ratios, OCTAVO_REPORT_UNIT_TIMES, "speed, times that of the first file");
}

static bool starts_family(const compared_case *cases, size_t index) {
    return index == 0 || octavo_report_compare_family(cases[index - 1].rows[0], cases[index].rows[0]) != 0;
}

static void draw_cases(octavo_report_text *text, const octavo_report_set *set, const compared_case *cases,
                       size_t count) {
    octavo_report_axis none = {{1, 10}, OCTAVO_REPORT_UNIT_PLAIN, NULL};
    octavo_report_plot plot = octavo_report_plot_init(text, ratio_axis(set, cases, count), none);
    double y = plot.top;
    plot.left = 150;
    for (size_t i = 0; i < count; i++) y += CASE_HEIGHT + (starts_family(cases, i) ? FAMILY_HEIGHT : 0);
    plot.bottom = y + 6;
    plot.height = plot.bottom + 48;
    octavo_report_text_add(text, "<div class=\"panels\"><figure class=\"wide\">\n");
    octavo_report_plot_begin(&plot, "Speed of each device relative to the first, case by case");
    double one = octavo_report_plot_x(&plot, 1);
    octavo_report_text_format(text, "<line class=\"roof\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", one,
                              plot.top, one, plot.bottom);
    y = plot.top - CASE_HEIGHT / 2 + 4;
    for (size_t i = 0; i < count; i++) {
        if (starts_family(cases, i)) {
            y += FAMILY_HEIGHT;
            octavo_report_text_format(text, "<text class=\"halo strong\" x=\"6\" y=\"%.1f\">", y);
            octavo_report_add_family(text, cases[i].rows[0]);
            octavo_report_text_add(text, "</text>\n");
        }
        y += CASE_HEIGHT;
        draw_case(&plot, set, &cases[i], y);
    }
    octavo_report_plot_end(&plot);
    octavo_report_text_add(text, "</figure></div>\n");
}

static void add_legend(octavo_report_text *text, const octavo_report_set *set) {
    octavo_report_text_add(text, "<p>To the right is faster than ");
    octavo_report_add_device(text, set, 0);
    octavo_report_text_add(text,
                           ", the first file. Cases that both measured, by the same clock.</p>\n<ul class=\"legend\">");
    for (size_t i = 1; i < set->file_count; i++) {
        octavo_report_text_add(text, "<li>");
        octavo_report_plot_legend_key(text, i, SIZE_MAX, i, false);
        octavo_report_add_device(text, set, i);
        octavo_report_text_add(text, "</li>");
    }
    octavo_report_text_add(text, "</ul>\n");
}

void octavo_report_add_comparison(octavo_report_text *text, const octavo_report_set *set) {
    octavo_report_text_add(text, "<section id=\"devices\"><h2>Device against device</h2>\n");
    const octavo_report_row **rows = malloc((set->row_count + 1) * sizeof *rows);
    compared_case *cases = malloc((set->row_count + 1) * sizeof *cases);
    if (rows == NULL || cases == NULL)
        text->failed = true;
    else {
        memcpy(rows, set->rows, set->row_count * sizeof *rows);
        size_t count = find_cases(set, rows, cases);
        if (count > 0) {
            add_legend(text, set);
            draw_cases(text, set, cases, count < CASE_LIMIT ? count : CASE_LIMIT);
        } else
            octavo_report_text_add(text, set->file_count < 2 ? "<p class=\"empty\">A second file is needed.</p>\n"
                                                             : "<p class=\"empty\">No other file has a case of the "
                                                               "first.</p>\n");
        if (count > CASE_LIMIT)
            octavo_report_text_format(text, "<p class=\"empty\">Cases beyond %d, in the tables only: %zu.</p>\n",
                                      CASE_LIMIT, count - CASE_LIMIT);
    }
    free(rows);
    free(cases);
    octavo_report_text_add(text, "</section>\n");
}
