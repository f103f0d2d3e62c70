#include "report_plot.h"

#include <math.h>
#include <stdint.h>

#define TICK_LIMIT 16

bool octavo_report_range_include(octavo_report_range *range, double value) {
    if (!(value >= 1e-30 && value <= 1e30)) return false;
    bool empty = range->low > range->high;
    if (empty || value < range->low) range->low = value;
    if (empty || value > range->high) range->high = value;
    return true;
}

octavo_report_axis octavo_report_axis_around(octavo_report_range range, octavo_report_unit unit, const char *title) {
    octavo_report_axis axis = {range, unit, title};
    if (range.low > range.high) axis.range = (octavo_report_range){1, 10};
    double room = pow(axis.range.high / axis.range.low, 0.05);
    if (axis.range.high / axis.range.low * room * room < 4) room = sqrt(4 / (axis.range.high / axis.range.low));
    axis.range.low /= room;
    axis.range.high *= room;
    return axis;
}

octavo_report_plot octavo_report_plot_init(octavo_report_text *text, octavo_report_axis x, octavo_report_axis y) {
    return (octavo_report_plot){text, 480, 340, 60, 468, 10, 292, x, y};
}

static double share(const octavo_report_axis *axis, double value) {
    return log(value / axis->range.low) / log(axis->range.high / axis->range.low);
}

double octavo_report_plot_x(const octavo_report_plot *plot, double value) {
    return plot->left + (plot->right - plot->left) * share(&plot->x, value);
}

double octavo_report_plot_y(const octavo_report_plot *plot, double value) {
    return plot->bottom - (plot->bottom - plot->top) * share(&plot->y, value);
}

static int add_tick(const octavo_report_axis *axis, double value, double *ticks, int count) {
    if (count == TICK_LIMIT || value < axis->range.low || value > axis->range.high) return count;
    ticks[count] = value;
    return count + 1;
}

/* Powers of base, every step of them so that few enough remain; with 2 and 5 between where the decades are few. */
static int find_ticks(const octavo_report_axis *axis, double *ticks) {
    double base = axis->unit == OCTAVO_REPORT_UNIT_BINARY ? 2 : 10;
    double low = floor(log(axis->range.low) / log(base)), high = ceil(log(axis->range.high) / log(base));
    double step = 1, span = high - low;
    bool between = base > 2 && axis->range.high / axis->range.low < 150;
    int count = 0;
    while (span / step > 8) step += step < 2 ? 1 : 2;
    for (double exponent = ceil(low / step) * step - step; exponent <= high; exponent += step) {
        double power = pow(base, exponent);
        count = add_tick(axis, power, ticks, count);
        if (between) count = add_tick(axis, power * 2, ticks, count);
        if (between) count = add_tick(axis, power * 5, ticks, count);
    }
    return count;
}

static octavo_report_number tick_text(octavo_report_unit unit, double value) {
    switch (unit) {
    case OCTAVO_REPORT_UNIT_SI:
        return value >= 1 ? octavo_report_number_si(value, "") : octavo_report_number_power(value);
    case OCTAVO_REPORT_UNIT_BINARY:
        return octavo_report_number_binary(value);
    default:
        return octavo_report_number_power(value);
    }
}

static void draw_x_axis(const octavo_report_plot *plot) {
    double ticks[TICK_LIMIT];
    int count = find_ticks(&plot->x, ticks);
    for (int i = 0; i < count; i++) {
        double x = octavo_report_plot_x(plot, ticks[i]);
        octavo_report_text_format(plot->text,
                                  "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>"
                                  "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s%s</text>\n",
                                  x, plot->top, x, plot->bottom, x, plot->bottom + 16,
                                  tick_text(plot->x.unit, ticks[i]).text,
                                  plot->x.unit == OCTAVO_REPORT_UNIT_TIMES ? "\xc3\x97" : "");
    }
    octavo_report_text_format(plot->text,
                              "<text class=\"title\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>\n",
                              (plot->left + plot->right) / 2, plot->bottom + 36, plot->x.title);
}

static void draw_y_axis(const octavo_report_plot *plot) {
    double ticks[TICK_LIMIT];
    int count = find_ticks(&plot->y, ticks);
    for (int i = 0; i < count; i++) {
        double y = octavo_report_plot_y(plot, ticks[i]);
        octavo_report_text_format(plot->text,
                                  "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>"
                                  "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
                                  plot->left, y, plot->right, y, plot->left - 6, y + 4,
                                  tick_text(plot->y.unit, ticks[i]).text);
    }
    double middle = (plot->top + plot->bottom) / 2;
    octavo_report_text_format(plot->text,
                              "<text class=\"title\" transform=\"translate(13 %.1f) rotate(-90)\" "
                              "text-anchor=\"middle\">%s</text>\n",
                              middle, plot->y.title);
}

void octavo_report_plot_begin(const octavo_report_plot *plot, const char *label) {
    octavo_report_text_format(plot->text, "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"%s\">\n",
                              plot->width, plot->height, label);
    if (plot->x.title != NULL) draw_x_axis(plot);
    if (plot->y.title != NULL) draw_y_axis(plot);
    octavo_report_text_format(plot->text,
                              "<rect class=\"frame\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
                              plot->left, plot->top, plot->right - plot->left, plot->bottom - plot->top);
}

void octavo_report_plot_end(const octavo_report_plot *plot) {
    octavo_report_text_add(plot->text, "</svg>\n");
}

/* Shapes of about the same area around 0, 0. */
static const char *const shapes[OCTAVO_REPORT_SHAPES] = {"M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
                                                         "M-3.6-3.6h7.2v7.2h-7.2z",
                                                         "M0-4.9L4.7 3.4H-4.7z",
                                                         "M0-5.2L5.2 0L0 5.2L-5.2 0z",
                                                         "M0 4.9L4.7-3.4H-4.7z",
                                                         "M-4.6-1.7h2.9v-2.9h3.4v2.9h2.9v3.4h-2.9v2.9h-3.4v-2.9h-2.9z"};

void octavo_report_plot_marker_begin(octavo_report_text *text, double x, double y, size_t shape, size_t colour,
                                     bool hollow) {
    octavo_report_text_format(text, "<path class=\"c%zu %s\" transform=\"translate(%.1f %.1f)\" d=\"%s\"><title>",
                              colour % OCTAVO_REPORT_COLOURS, hollow ? "hollow" : "marker", x, y,
                              shapes[shape % OCTAVO_REPORT_SHAPES]);
}

void octavo_report_plot_marker_end(octavo_report_text *text) {
    octavo_report_text_add(text, "</title></path>\n");
}

void octavo_report_plot_legend_key(octavo_report_text *text, size_t shape, size_t dash, size_t colour, bool hollow) {
    octavo_report_text_add(text, "<svg class=\"key\" viewBox=\"0 0 30 14\" aria-hidden=\"true\">");
    if (dash != SIZE_MAX)
        octavo_report_text_format(text, "<path class=\"c%zu line d%zu\" d=\"M1 7H29\"/>",
                                  colour % OCTAVO_REPORT_COLOURS, dash % OCTAVO_REPORT_DASHES);
    if (shape != SIZE_MAX)
        octavo_report_text_format(text, "<path class=\"c%zu %s\" transform=\"translate(15 7)\" d=\"%s\"/>",
                                  colour % OCTAVO_REPORT_COLOURS, hollow ? "hollow" : "marker",
                                  shapes[shape % OCTAVO_REPORT_SHAPES]);
    octavo_report_text_add(text, "</svg>");
}
