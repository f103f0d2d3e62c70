/* One plot as inline SVG: axes with grid and units, markers, lines. Colours are classes c0 .. c7 of the page's style
 * sheet, which knows light and dark; shapes and dashes repeat what colours say. */
#ifndef OCTAVO_REPORT_PLOT_H
#define OCTAVO_REPORT_PLOT_H

#include "report_text.h"

#define OCTAVO_REPORT_COLOURS 8u
#define OCTAVO_REPORT_SHAPES 6u
#define OCTAVO_REPORT_DASHES 5u

typedef enum octavo_report_unit {
    OCTAVO_REPORT_UNIT_PLAIN,
    OCTAVO_REPORT_UNIT_SI,     /* 10 G */
    OCTAVO_REPORT_UNIT_BINARY, /* 64 Ki; the grid is at powers of two */
    OCTAVO_REPORT_UNIT_POWER,  /* 10 with a raised exponent */
    OCTAVO_REPORT_UNIT_TIMES   /* 2 and a multiplication sign */
} octavo_report_unit;

/* Empty while low > high. Only numbers from 1e-30 to 1e30 are taken in: all axes are logarithmic. */
typedef struct octavo_report_range {
    double low, high;
} octavo_report_range;
#define OCTAVO_REPORT_RANGE_EMPTY                                                                                      \
    { 1, 0 }

bool octavo_report_range_include(octavo_report_range *range, double value);

typedef struct octavo_report_axis {
    octavo_report_range range;
    octavo_report_unit unit;
    const char *title; /* markup; NULL: no axis is drawn */
} octavo_report_axis;

/* A range with some room around it, at least a factor of 4 wide. */
octavo_report_axis octavo_report_axis_around(octavo_report_range range, octavo_report_unit unit, const char *title);

/* Lengths are units of the SVG's own, about a pixel; y grows downwards. */
typedef struct octavo_report_plot {
    octavo_report_text *text;
    double width, height, left, right, top, bottom; /* the last four: edges of the area of data */
    octavo_report_axis x, y;
} octavo_report_plot;

/* 480 units wide, with margins for ticks and titles. */
octavo_report_plot octavo_report_plot_init(octavo_report_text *text, octavo_report_axis x, octavo_report_axis y);
/* label says to those who hear the page what is drawn; it is markup. */
void octavo_report_plot_begin(const octavo_report_plot *plot, const char *label);
void octavo_report_plot_end(const octavo_report_plot *plot);
double octavo_report_plot_x(const octavo_report_plot *plot, double value);
double octavo_report_plot_y(const octavo_report_plot *plot, double value);
/* A marker at a place of the SVG, left open for its tooltip: add escaped text, then call .._marker_end. */
void octavo_report_plot_marker_begin(octavo_report_text *text, double x, double y, size_t shape, size_t colour,
                                     bool hollow);
void octavo_report_plot_marker_end(octavo_report_text *text);
/* A sample of a line and a marker for a legend; shape or dash SIZE_MAX: none. */
void octavo_report_plot_legend_key(octavo_report_text *text, size_t shape, size_t dash, size_t colour, bool hollow);

#endif
