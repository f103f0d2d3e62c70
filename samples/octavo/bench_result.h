/* What a run found, and its texts: JSON (schema "octavo-bench-1"), CSV, Markdown. */
#ifndef OCTAVO_BENCH_RESULT_H
#define OCTAVO_BENCH_RESULT_H

#include "bench_case.h"
#include "bench_ceilings.h"
#include "bench_statistics.h"
#include "error_line.h"

#define OCTAVO_BENCH_TUNING_LENGTH 1024 /* of the text of octavo_attention_tuning */

/* Samples of one clock in microseconds of one step of one layer. */
typedef struct octavo_bench_times {
    double *samples; /* NULL: the device has no such clock */
    size_t count;
    octavo_bench_summary summary;
} octavo_bench_times;

typedef struct octavo_bench_row {
    octavo_bench_case bench;
    char name[OCTAVO_BENCH_NAME_LENGTH];
    char variant[64], tuning[OCTAVO_BENCH_TUNING_LENGTH];
    uint64_t total_tokens;
    uint32_t steps_per_sample;
    double bytes, ops;    /* of a step: what it must read of the cache (append: read of K, V and write), multiply-adds
                             times 2 */
    double rotated_bytes; /* of all layers that take turns, as far as steps touch them */
    bool warm;            /* they fit into a cache: asked for, or there is no more to take turns */
    octavo_bench_times gpu, host, host_minus_empty;
    double record_us; /* median of the host's recording of a step */
    double bytes_per_s, fraction_of_read, roofline_fraction;
    double fraction_of_copy; /* of an append, else 0 */
    bool has_kernel_error;   /* an append has none */
    double kernel_rel_l2, codec_rel_l2, bound;
    uint32_t checked_rows;
    bool ok;
} octavo_bench_row;

typedef struct octavo_bench_skip {
    char name[OCTAVO_BENCH_NAME_LENGTH];
    char reason[512];
} octavo_bench_skip;

typedef struct octavo_bench_result {
    octavo_device_description device;
    char driver_version_text[256];
    uint32_t core_count; /* 0: not told */
    octavo_bench_ceilings ceilings;
    char date[32]; /* UTC, ISO 8601 */
    char *command; /* argv joined */
    bool complete;
    octavo_bench_row *rows; /* [row_count] */
    octavo_bench_skip *skips;
    size_t row_count, skip_count;
} octavo_bench_result;

void octavo_bench_row_release(octavo_bench_row *row);
void octavo_bench_result_release(octavo_bench_result *result);

/* Ratios to the ceilings, from the times. */
void octavo_bench_row_relate(octavo_bench_row *row, const octavo_bench_ceilings *ceilings);
/* The best clock there is. */
double octavo_bench_row_us(const octavo_bench_row *row);

/* A text allocated with malloc, or NULL without memory. */
char *octavo_bench_result_json(const octavo_bench_result *result);
char *octavo_bench_result_csv(const octavo_bench_result *result);
char *octavo_bench_result_markdown(const octavo_bench_result *result);

/* The medians of the cases that two result files have, as Markdown on stdout. */
bool octavo_bench_compare(const char *first, const char *second, octavo_error_line *error);

#endif
