/* Attention in double precision over a cache whose tokens repeat: the distinct rows are kept once, and each counts as
 * often as a query sees it, so that a row over a million tokens takes a millisecond. */
#ifndef OCTAVO_BENCH_ORACLE_H
#define OCTAVO_BENCH_ORACLE_H

#include "bench_case.h"

/* Token t < first is row t; token t >= first is the row i in [first, first + period) with i = t mod period. Row i lies
 * in the arrays at i mod array_rows. */
typedef struct octavo_bench_contents {
    const float *keys, *values; /* [array_rows][kv_heads][key_dim or value_dim] */
    uint32_t array_rows;
    uint32_t first, period;
    uint32_t kv_heads, key_dim, value_dim;
    /* NULL, or rows [period] that tokens from own_begin on are instead, i mod period */
    const float *own_keys, *own_values;
    uint32_t own_begin;
} octavo_bench_contents;

/* How many tokens of [begin, end) are row i. */
uint32_t octavo_bench_row_count(const octavo_bench_contents *contents, uint32_t row, uint32_t begin, uint32_t end);

/* One query of one head over what it sees, with the scale 1 / sqrt(key_dim). sink_logit: NULL for none. output:
 * [value_dim]; zeros when it sees nothing. deviation: of the logits. False: no memory. */
bool octavo_bench_oracle_row(const octavo_bench_contents *contents, const float *query, uint32_t kv_head,
                             octavo_bench_visible seen, const float *sink_logit, double *output, double *deviation);

#endif
