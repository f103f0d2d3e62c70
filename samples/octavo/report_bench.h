/* What `octavo bench` wrote (schema "octavo-bench-1"), checked and ready to be drawn. Every byte of a file is taken as
 * hostile: types, ranges, lengths and counts are checked here, so that whoever draws may rely on them. Texts are bytes
 * of unknown encoding and belong to the tree of their file; escaping is the business of report_text.h. */
#ifndef OCTAVO_REPORT_BENCH_H
#define OCTAVO_REPORT_BENCH_H

#include "error_line.h"

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

#define OCTAVO_REPORT_FILE_LIMIT 32u                 /* files of one report */
#define OCTAVO_REPORT_ROW_LIMIT 4096u                /* rows of one file, and skipped cases of one file */
#define OCTAVO_REPORT_BYTE_LIMIT (UINT64_C(1) << 24) /* of one file; cJSON takes up to 32 times as much memory */

typedef enum octavo_report_clock {
    OCTAVO_REPORT_CLOCK_GPU,
    OCTAVO_REPORT_CLOCK_HOST_MINUS_EMPTY, /* the host's clock less that of an empty dispatch */
    OCTAVO_REPORT_CLOCK_HOST,
    OCTAVO_REPORT_CLOCK_COUNT
} octavo_report_clock;

/* Microseconds of one step of one layer. known: the median is at least a millionth. Others are negative where not
 * given. */
typedef struct octavo_report_times {
    bool known;
    double median, minimum, maximum, p10, p90;
    size_t sample_count;
} octavo_report_times;

/* Numbers are negative, texts empty where the file does not give them. */
typedef struct octavo_report_row {
    size_t file; /* index in the set */
    const char *name, *phase, *tokens_text, *kv, *dtype, *mask, *variant, *tuning;
    double key_dim, value_dim, kv_heads, gqa; /* gqa: query heads for each KV head */
    double tokens, tokens_total;              /* of one sequence; of all sequences (derived where not given) */
    double batch, queries, rotated_sets;
    double bytes, ops; /* of one step: cache bytes read, multiply-adds times 2 */
    double bytes_per_s, fraction_of_read, roofline_fraction;
    double kernel_rel_l2, codec_rel_l2, checked_rows, bound;
    octavo_report_times times[OCTAVO_REPORT_CLOCK_COUNT];
    bool warm, checked, ok; /* checked: the file says whether the row is right; ok: it is, or nothing is said */
} octavo_report_row;

typedef struct octavo_report_skip {
    const char *name, *reason;
} octavo_report_skip;

typedef struct octavo_report_file {
    const char *path; /* the caller's */
    cJSON *tree;
    const char *date, *version, *command, *device_name;
    const cJSON *device, *ceilings; /* objects of texts, numbers, booleans and nulls; may be NULL */
    double copy_bytes_per_s, read_bytes_per_s, int8_dot_ops_per_s, int8_matrix_ops_per_s;
    double f16_flops, f16_matrix_flops, f32_flops, empty_dispatch_us, set_bytes;
    bool complete;
    octavo_report_row *rows;
    size_t row_count;
    octavo_report_skip *skips;
    size_t skip_count;
} octavo_report_file;

/* Both fill *file, which octavo_report_file_release empties; after a failure there is nothing to release. The bytes are
 * copied where they are kept; path is not. index becomes the rows' file. */
bool octavo_report_file_read(const char *path, size_t index, octavo_report_file *file, octavo_error_line *error);
bool octavo_report_file_parse(const char *path, const uint8_t *bytes, size_t size, size_t index,
                              octavo_report_file *file, octavo_error_line *error);
void octavo_report_file_release(octavo_report_file *file);

#endif
