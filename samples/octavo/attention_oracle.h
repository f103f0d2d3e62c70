/* Attention in double precision over given K and V: what every kernel is measured against. The mask, soft-cap, sink
 * logits and empty rows are those of octavo/attention.h. */
#ifndef OCTAVO_ATTENTION_ORACLE_H
#define OCTAVO_ATTENTION_ORACLE_H

#include <octavo/attention.h>

#include <stdbool.h>

typedef struct octavo_oracle_info {
    uint32_t query_count, key_count; /* of one sequence; query i has position key_count - query_count + i */
    uint32_t query_head_count, kv_head_count;
    uint32_t key_dim, value_dim;
    const float *queries;     /* [query_count][query_head_count][key_dim] */
    const float *keys;        /* [key_count][kv_head_count][key_dim] */
    const float *values;      /* [key_count][kv_head_count][value_dim] */
    const float *sink_logits; /* NULL or [query_head_count] */
    octavo_mask mask;
    double scale; /* 0: 1 / sqrt(key_dim) */
    double softcap;
    octavo_empty_row empty_row;
} octavo_oracle_info;

/* The spread of the visible logits, before the soft-cap, around the mean of their row. Sums over rows add up. */
typedef struct octavo_oracle_spread {
    double squares; /* sum of squared deviations */
    double count;   /* logits less one a row */
} octavo_oracle_spread;

/* output: [query_count][query_head_count][value_dim]; lse: NULL or [query_count][query_head_count]; spread: NULL or
 * added to. False when there is no memory. */
bool octavo_oracle_attend(const octavo_oracle_info *info, double *output, double *lse, octavo_oracle_spread *spread);

/* Root of the mean squared deviation; 0 without logits. */
double octavo_oracle_deviation(const octavo_oracle_spread *spread);

/* Whether query i sees key j: the words of octavo/attention.h, one by one. */
bool octavo_oracle_sees(const octavo_mask *mask, uint32_t query_count, uint32_t key_count, uint32_t query,
                        uint32_t key);

#endif
