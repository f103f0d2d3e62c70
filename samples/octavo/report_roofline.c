#include "report_charts.h"

#include "report_legend.h"
#include "report_plot.h"

#include <math.h>
#include <stdint.h>

#define ROOF_COUNT 5
#define NAME_HEIGHT 14.0
#define NAME_WIDTH 122 /* of the margin that the roofs' names stand in */

typedef struct roof {
    const char *name, *unit;
    double rate;
    double y; /* of its name */
} roof;

/* The roofs that the file knows, lowest first. */
static size_t find_roofs(const octavo_report_file *file, roof roofs[ROOF_COUNT]) {
    const roof all[ROOF_COUNT] = {{"f32", "flop/s", file->f32_flops, 0},
                                  {"f16", "flop/s", file->f16_flops, 0},
                                  {"f16 matrix", "flop/s", file->f16_matrix_flops, 0},
                                  {"int8 dot", "op/s", file->int8_dot_ops_per_s, 0},
                                  {"int8 matrix", "op/s", file->int8_matrix_ops_per_s, 0}};
    size_t count = 0;
    for (size_t i = 0; i < ROOF_COUNT; i++) {
        octavo_report_range sane = OCTAVO_REPORT_RANGE_EMPTY;
        if (!octavo_report_range_include(&sane, all[i].rate)) continue;
        size_t place = count++;
        for (; place > 0 && roofs[place - 1].rate > all[i].rate; place--) roofs[place] = roofs[place - 1];
        roofs[place] = all[i];
    }
    return count;
}

/* Operations per byte and per second; false: the row says too little. */
static bool point_of(const octavo_report_row *row, double *intensity, double *rate) {
    if (!octavo_report_row_is_drawn(row) || row->ops <= 0 || row->bytes <= 0) return false;
    octavo_report_range sane = OCTAVO_REPORT_RANGE_EMPTY;
    *intensity = row->ops / row->bytes;
    *rate = row->ops / octavo_report_row_time(row, NULL) * 1e6;
    return octavo_report_range_include(&sane, *intensity) && octavo_report_range_include(&sane, *rate);
}

/* All panels share their axes, so that devices can be compared. False: there is no point. */
static bool find_axes(const octavo_report_set *set, octavo_report_axis *x, octavo_report_axis *y) {
    octavo_report_range intensities = OCTAVO_REPORT_RANGE_EMPTY, rates = OCTAVO_REPORT_RANGE_EMPTY;
    double intensity, rate;
    for (size_t i = 0; i < set->row_count; i++) {
        if (!point_of(set->rows[i], &intensity, &rate)) continue;
        (void)octavo_report_range_include(&intensities, intensity);
        (void)octavo_report_range_include(&rates, rate);
    }
    if (intensities.low > intensities.high) return false;
    for (size_t i = 0; i < set->file_count; i++) {
        roof roofs[ROOF_COUNT];
        size_t count = find_roofs(&set->files[i], roofs);
        for (size_t k = 0; k < count; k++) {
            double ridge = roofs[k].rate / set->files[i].read_bytes_per_s;
            if (ridge > 0 && ridge < 1e4) (void)octavo_report_range_include(&intensities, ridge);
            (void)octavo_report_range_include(&rates, roofs[k].rate);
        }
    }
    *x = octavo_report_axis_around(intensities, OCTAVO_REPORT_UNIT_PLAIN, "operations per byte of cache");
    *y = octavo_report_axis_around(rates, OCTAVO_REPORT_UNIT_SI, "operations per second");
    return true;
}

/* The memory's ceiling: rate = bandwidth x intensity, up to the highest roof. */
static void draw_slope(const octavo_report_plot *plot, double bandwidth, double highest) {
    octavo_report_range sane = OCTAVO_REPORT_RANGE_EMPTY;
    if (!octavo_report_range_include(&sane, bandwidth)) return;
    double low = fmax(plot->x.range.low, plot->y.range.low / bandwidth);
    double high = fmin(plot->x.range.high, fmin(highest, plot->y.range.high) / bandwidth);
    if (!(low < high)) return;
    double x1 = octavo_report_plot_x(plot, low), y1 = octavo_report_plot_y(plot, low * bandwidth);
    double x2 = octavo_report_plot_x(plot, high), y2 = octavo_report_plot_y(plot, high * bandwidth);
    octavo_report_text_format(plot->text, "<line class=\"roof\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
                              x1, y1, x2, y2);
    if (hypot(x2 - x1, y2 - y1) < 120) return; /* too short for its name, which the heading of the file repeats */
    double at = 0.5, degrees = atan2(y2 - y1, x2 - x1) * 57.29578;
    octavo_report_text_format(plot->text,
                              "<text class=\"halo\" transform=\"translate(%.1f %.1f) rotate(%.1f)\" dy=\"-6\" "
                              "text-anchor=\"middle\">read %s</text>\n",
                              x1 + (x2 - x1) * at, y1 + (y2 - y1) * at, degrees,
                              octavo_report_number_si(bandwidth, "B/s").text);
}

/* Names stand beside the plot, level with their lines but never on each other. */
static void place_names(const octavo_report_plot *plot, roof *roofs, size_t count) {
    double room = plot->bottom; /* names are placed upwards */
    for (size_t i = 0; i < count; i++) {
        roofs[i].y = fmin(octavo_report_plot_y(plot, roofs[i].rate) + NAME_HEIGHT / 2, room);
        room = roofs[i].y - NAME_HEIGHT;
    }
    room = plot->top + NAME_HEIGHT; /* and back down, where they would leave the plot */
    for (size_t i = count; i-- > 0;) {
        roofs[i].y = fmax(roofs[i].y, room);
        room = roofs[i].y + NAME_HEIGHT;
    }
}

static void draw_roofs(const octavo_report_plot *plot, const octavo_report_file *file) {
    roof roofs[ROOF_COUNT];
    size_t count = find_roofs(file, roofs);
    draw_slope(plot, file->read_bytes_per_s, count == 0 ? plot->y.range.high : roofs[count - 1].rate);
    place_names(plot, roofs, count);
    for (size_t i = 0; i < count; i++) {
        double y = octavo_report_plot_y(plot, roofs[i].rate), start = plot->left;
        if (file->read_bytes_per_s > 0) start = octavo_report_plot_x(plot, roofs[i].rate / file->read_bytes_per_s);
        start = isfinite(start) ? fmin(fmax(start, plot->left), plot->right) : plot->left;
        octavo_report_text_format(plot->text,
                                  "<path class=\"roof\" d=\"M%.1f %.1fH%.1fL%.1f %.1f\"/>"
                                  "<text class=\"name\" x=\"%.1f\" y=\"%.1f\">%s %s</text>\n",
                                  start, y, plot->right, plot->right + 8, roofs[i].y - NAME_HEIGHT / 2,
                                  plot->right + 10, roofs[i].y - 3, roofs[i].name,
                                  octavo_report_number_si(roofs[i].rate, roofs[i].unit).text);
    }
}

static void draw_panel(octavo_report_text *text, const octavo_report_set *set, size_t file, octavo_report_axis x,
                       octavo_report_axis y) {
    octavo_report_plot plot = octavo_report_plot_init(text, x, y);
    plot.right = plot.width - NAME_WIDTH - 10;
    octavo_report_text_add(text, "<figure><figcaption>");
    octavo_report_add_device(text, set, file);
    octavo_report_text_add(text, "</figcaption>\n");
    octavo_report_plot_begin(&plot, "Roofline: operations per second against operations per byte");
    draw_roofs(&plot, &set->files[file]);
    for (size_t i = 0; i < set->row_count; i++) {
        const octavo_report_row *row = set->rows[i];
        double intensity, rate;
        if (row->file != file || !point_of(row, &intensity, &rate)) continue;
        octavo_report_plot_marker_begin(text, octavo_report_plot_x(&plot, intensity), octavo_report_plot_y(&plot, rate),
                                        octavo_report_set_gqa_index(set, row), octavo_report_set_kv_index(set, row),
                                        false);
        octavo_report_add_tooltip(text, set, row);
        octavo_report_plot_marker_end(text);
    }
    octavo_report_plot_end(&plot);
    octavo_report_text_add(text, "</figure>\n");
}

void octavo_report_add_roofline(octavo_report_text *text, const octavo_report_set *set) {
    octavo_report_axis x, y;
    octavo_report_text_add(text, "<section id=\"roofline\"><h2>Roofline</h2>\n");
    if (find_axes(set, &x, &y)) {
        octavo_report_text_add(text,
                               "<p>What the kernels reach, below what the device does: the slope is the measured read "
                               "bandwidth, level lines are measured rates of arithmetic. All panels have the same "
                               "axes. GQA is the number of query heads for each KV head.</p>\n");
        octavo_report_add_legend(text, set, false);
        octavo_report_text_add(text, "<div class=\"panels\">\n");
        for (size_t i = 0; i < set->file_count; i++) draw_panel(text, set, i, x, y);
        octavo_report_text_add(text, "</div>\n");
    } else
        octavo_report_text_add(text, "<p class=\"empty\">No row has a time, bytes and operations.</p>\n");
    octavo_report_text_add(text, "</section>\n");
}
