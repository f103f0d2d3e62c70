/* All rows of a report in the order in which they are drawn, and what the cases are called. */
#ifndef OCTAVO_REPORT_SET_H
#define OCTAVO_REPORT_SET_H

#include "report_bench.h"
#include "report_text.h"

/* Rows are sorted by family (phase, shape of the heads, mask, type, batch, queries), query heads for each KV head, bits
 * of the cache, file, tokens and time. */
typedef struct octavo_report_set {
    octavo_report_file *files; /* the caller's */
    size_t file_count;
    const octavo_report_row **rows;
    size_t row_count, failed_count; /* failed: the file says that the result is wrong; drawn in no chart */
    const char **kvs;               /* each bits text once */
    double *gqas;                   /* each number of query heads once */
    size_t kv_count, gqa_count;
} octavo_report_set;

/* False: no memory, and nothing to release. */
bool octavo_report_set_create(octavo_report_file *files, size_t file_count, octavo_report_set *set);
void octavo_report_set_release(octavo_report_set *set);
size_t octavo_report_set_kv_index(const octavo_report_set *set, const octavo_report_row *row);
size_t octavo_report_set_gqa_index(const octavo_report_set *set, const octavo_report_row *row);

/* Negative, 0, positive, as qsort wants it. */
int octavo_report_compare_family(const octavo_report_row *a, const octavo_report_row *b);
int octavo_report_compare_gqa(const octavo_report_row *a, const octavo_report_row *b);
int octavo_report_compare_kv(const octavo_report_row *a, const octavo_report_row *b);
int octavo_report_compare_tokens(const octavo_report_row *a, const octavo_report_row *b);

/* Microseconds by the best clock that the row has: the GPU's, the host's less an empty dispatch, the host's. 0: none.
 */
double octavo_report_row_time(const octavo_report_row *row, octavo_report_clock *clock);
const char *octavo_report_clock_name(octavo_report_clock clock);
/* Right, as far as the file says, and timed. */
bool octavo_report_row_is_drawn(const octavo_report_row *row);

/* Escaped texts. The device's name, with the file's number where two files are of one device. */
void octavo_report_add_device(octavo_report_text *text, const octavo_report_set *set, size_t file);
/* As "Decode, d 128, 8 KV heads, 4 sequences": what is usual is left out. */
void octavo_report_add_family(octavo_report_text *text, const octavo_report_row *row);
/* As "4 queries a KV head", "3/3", "64 Ki tokens", behind a comma. */
void octavo_report_add_gqa(octavo_report_text *text, const octavo_report_row *row);
void octavo_report_add_kv(octavo_report_text *text, const octavo_report_row *row);
void octavo_report_add_tokens(octavo_report_text *text, const octavo_report_row *row);
/* Lines of a tooltip: device, case, time, rates, errors. */
void octavo_report_add_tooltip(octavo_report_text *text, const octavo_report_set *set, const octavo_report_row *row);

#endif
