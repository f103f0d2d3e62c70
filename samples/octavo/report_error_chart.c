#include "report_charts.h"

#include "report_plot.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_LIMIT 64
#define KERNEL_LIMIT 7 /* kernels with a sign of their own */

/* One choice of bits and head size; the row with most tokens stands for it, since rounding to pages counts least there.
 */
typedef struct choice {
    const octavo_report_row *row;
    double bytes; /* of a token and KV head, K and V */
} choice;

/* The largest error of a kernel over one choice. */
typedef struct kernel_error {
    size_t choice, kernel;
    const octavo_report_row *row;
} kernel_error;

typedef struct error_chart {
    const octavo_report_set *set;
    choice *choices;
    kernel_error *errors;
    const char *kernels[KERNEL_LIMIT];
    size_t choice_count, error_count, kernel_count;
} error_chart;

typedef struct label_box {
    double x, y, width; /* left, baseline */
} label_box;

/* Where the mask hides nothing, a decode step reads the whole cache. False: the bytes of a token are not known. */
static bool token_bytes(const octavo_report_row *row, double *bytes) {
    octavo_report_range sane = OCTAVO_REPORT_RANGE_EMPTY;
    if (strcmp(row->phase, "decode") != 0 || (row->mask[0] != '\0' && strcmp(row->mask, "causal") != 0)) return false;
    if (row->bytes <= 0 || row->tokens_total <= 0 || row->kv_heads <= 0) return false;
    *bytes = row->bytes / row->tokens_total / row->kv_heads;
    return octavo_report_range_include(&sane, *bytes);
}

static bool same_choice(const octavo_report_row *a, const octavo_report_row *b) {
    return strcmp(a->kv, b->kv) == 0 && !(a->key_dim < b->key_dim) && !(a->key_dim > b->key_dim) &&
           !(a->value_dim < b->value_dim) && !(a->value_dim > b->value_dim);
}

static size_t choice_of(error_chart *chart, const octavo_report_row *row, double bytes) {
    size_t i = 0;
    while (i < chart->choice_count && !same_choice(chart->choices[i].row, row)) i++;
    if (i == chart->choice_count)
        chart->choices[chart->choice_count++] = (choice){row, bytes};
    else if (row->tokens_total > chart->choices[i].row->tokens_total)
        chart->choices[i] = (choice){row, bytes};
    return i;
}

/* Kernels beyond the limit share the last sign. */
static size_t kernel_of(error_chart *chart, const char *name) {
    size_t i = 0;
    while (i < chart->kernel_count && strcmp(chart->kernels[i], name) != 0) i++;
    if (i < chart->kernel_count) return i;
    if (i == KERNEL_LIMIT) return KERNEL_LIMIT - 1;
    chart->kernels[i] = i + 1 == KERNEL_LIMIT ? "others" : name;
    chart->kernel_count++;
    return i;
}

static void collect(error_chart *chart) {
    for (size_t i = 0; i < chart->set->row_count; i++) {
        const octavo_report_row *row = chart->set->rows[i];
        double bytes;
        if (!row->ok || !token_bytes(row, &bytes)) continue;
        size_t choice_index = choice_of(chart, row, bytes);
        if (row->kernel_rel_l2 <= 0) continue;
        size_t kernel = kernel_of(chart, row->variant), k = 0;
        while (k < chart->error_count && (chart->errors[k].choice != choice_index || chart->errors[k].kernel != kernel))
            k++;
        if (k == chart->error_count)
            chart->errors[chart->error_count++] = (kernel_error){choice_index, kernel, row};
        else if (row->kernel_rel_l2 > chart->errors[k].row->kernel_rel_l2)
            chart->errors[k].row = row;
    }
}

static void draw_dot(const octavo_report_plot *plot, const octavo_report_set *set, const octavo_report_row *row,
                     double bytes, double error, size_t sign, const char *what) {
    octavo_report_range sane = OCTAVO_REPORT_RANGE_EMPTY;
    if (!octavo_report_range_include(&sane, error)) return;
    octavo_report_plot_marker_begin(plot->text, octavo_report_plot_x(plot, bytes), octavo_report_plot_y(plot, error),
                                    sign, sign, sign > 0);
    octavo_report_add_tooltip(plot->text, set, row);
    octavo_report_text_format(plot->text, "\n%s error %s at %s bytes a token and KV head", what,
                              octavo_report_number_error(error).text, octavo_report_number_plain(bytes).text);
    octavo_report_plot_marker_end(plot->text);
}

static bool is_free(const octavo_report_plot *plot, const label_box *boxes, size_t count, label_box box) {
    if (box.x < plot->left + 2 || box.x + box.width > plot->right - 2) return false;
    if (box.y < plot->top + 12 || box.y > plot->bottom - 3) return false;
    for (size_t i = 0; i < count; i++)
        if (fabs(box.y - boxes[i].y) < 13 && box.x < boxes[i].x + boxes[i].width && boxes[i].x < box.x + box.width)
            return false;
    return true;
}

/* Names beside the dots of the codec, where there is room: above, below, right, left. */
static void draw_labels(const octavo_report_plot *plot, const error_chart *chart) {
    label_box boxes[LABEL_LIMIT];
    size_t count = 0;
    for (size_t i = 0; i < chart->choice_count && count + 2 < LABEL_LIMIT; i++) {
        const octavo_report_row *row = chart->choices[i].row;
        octavo_report_range sane = OCTAVO_REPORT_RANGE_EMPTY;
        if (!octavo_report_range_include(&sane, row->codec_rel_l2)) continue;
        double x = octavo_report_plot_x(plot, chart->choices[i].bytes),
               y = octavo_report_plot_y(plot, row->codec_rel_l2);
        double characters = (double)(strlen(row->kv) < 12 ? strlen(row->kv) : 13) + 5;
        double width = 6.2 * characters;
        const label_box places[4] = {{x - width / 2, y - 9, width},
                                     {x - width / 2, y + 18, width},
                                     {x + 9, y + 4, width},
                                     {x - 9 - width, y + 4, width}};
        boxes[count++] = (label_box){x - 6, y + 5, 12}; /* the dot itself */
        for (int place = 0; place < 4; place++) {
            if (!is_free(plot, boxes, count, places[place])) continue;
            boxes[count++] = places[place];
            octavo_report_text_format(plot->text, "<text class=\"halo\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">",
                                      places[place].x + width / 2, places[place].y);
            octavo_report_text_escape_short(plot->text, row->kv, 12);
            if (row->key_dim >= 0)
                octavo_report_text_format(plot->text, " d%s", octavo_report_number_integer(row->key_dim).text);
            octavo_report_text_add(plot->text, "</text>\n");
            break;
        }
    }
}

static void add_legend(octavo_report_text *text, const error_chart *chart) {
    octavo_report_text_add(text, "<ul class=\"legend\"><li>");
    octavo_report_plot_legend_key(text, 0, SIZE_MAX, 0, false);
    octavo_report_text_add(text, "codec: against attention over the original K and V</li>");
    for (size_t i = 0; i < chart->kernel_count; i++) {
        octavo_report_text_add(text, "<li>");
        octavo_report_plot_legend_key(text, i + 1, SIZE_MAX, i + 1, true);
        octavo_report_text_escape_short(text, chart->kernels[i][0] == '\0' ? "kernel" : chart->kernels[i], 32);
        octavo_report_text_add(text, ": against the cache as it is stored</li>");
    }
    octavo_report_text_add(text, "</ul>\n");
}

static void draw(octavo_report_text *text, const error_chart *chart) {
    octavo_report_range bytes = OCTAVO_REPORT_RANGE_EMPTY, errors = OCTAVO_REPORT_RANGE_EMPTY;
    for (size_t i = 0; i < chart->choice_count; i++) {
        (void)octavo_report_range_include(&bytes, chart->choices[i].bytes);
        (void)octavo_report_range_include(&errors, chart->choices[i].row->codec_rel_l2);
    }
    for (size_t i = 0; i < chart->error_count; i++)
        (void)octavo_report_range_include(&errors, chart->errors[i].row->kernel_rel_l2);
    if (errors.low > errors.high) {
        octavo_report_text_add(text, "<p class=\"empty\">No decode row has bytes, tokens and an error.</p>\n");
        return;
    }
    add_legend(text, chart);
    octavo_report_plot plot = octavo_report_plot_init(
        text, octavo_report_axis_around(bytes, OCTAVO_REPORT_UNIT_PLAIN, "bytes read for a token and KV head"),
        octavo_report_axis_around(errors, OCTAVO_REPORT_UNIT_POWER, "relative L2 error of the output"));
    octavo_report_text_add(text, "<div class=\"panels\"><figure class=\"wide\">\n");
    octavo_report_plot_begin(&plot, "Relative error against bytes of a token");
    for (size_t i = 0; i < chart->error_count; i++)
        draw_dot(&plot, chart->set, chart->errors[i].row, chart->choices[chart->errors[i].choice].bytes,
                 chart->errors[i].row->kernel_rel_l2, chart->errors[i].kernel + 1, "kernel");
    for (size_t i = 0; i < chart->choice_count; i++)
        draw_dot(&plot, chart->set, chart->choices[i].row, chart->choices[i].bytes, chart->choices[i].row->codec_rel_l2,
                 0, "codec");
    draw_labels(&plot, chart);
    octavo_report_plot_end(&plot);
    octavo_report_text_add(text, "</figure></div>\n");
}

void octavo_report_add_error_chart(octavo_report_text *text, const octavo_report_set *set) {
    error_chart chart = {0};
    octavo_report_text_add(text,
                           "<section id=\"error\"><h2>Error against bytes</h2>\n"
                           "<p>What the choice of bits costs. The codec's error is of the row with most tokens, a "
                           "kernel's the largest of its rows.</p>\n");
    chart.set = set;
    chart.choices = malloc((set->row_count + 1) * sizeof *chart.choices);
    chart.errors = malloc((set->row_count + 1) * sizeof *chart.errors);
    if (chart.choices == NULL || chart.errors == NULL)
        text->failed = true;
    else {
        collect(&chart);
        draw(text, &chart);
    }
    free(chart.choices);
    free(chart.errors);
    octavo_report_text_add(text, "</section>\n");
}
