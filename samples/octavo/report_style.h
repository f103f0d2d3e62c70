/* The style sheet of a report. The colours c0 .. c7 follow Okabe and Ito's set, which colour-blind readers tell apart,
 * darkened or lightened until each has a contrast of at least 3 : 1 with its ground. */
#ifndef OCTAVO_REPORT_STYLE_H
#define OCTAVO_REPORT_STYLE_H

extern const char octavo_report_style[];

#endif
