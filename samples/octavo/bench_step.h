/* One step of a case, recorded over the caches in turn: attention, or an append to each sequence, or both. */
#ifndef OCTAVO_BENCH_STEP_H
#define OCTAVO_BENCH_STEP_H

#include "bench_cache.h"

typedef struct octavo_bench_step {
    const octavo_bench_case *bench;
    octavo_bench_cache *filled;
    octavo_attention *plan; /* NULL: append */
    octavo_bench_rows queries, output;
    octavo_bench_rows chunk_keys, chunk_values; /* of the queries' tokens, where a step appends them; else none */
    uint32_t *counts;                           /* [batch], query tokens, or tokens to append */
    uint64_t query_total;
    float *sink_logits; /* NULL or [query heads] */
    uint32_t layer;     /* the next one */
} octavo_bench_step;

/* The cache was filled for the case. The step is released also after a failure. */
octavo_status octavo_bench_step_create(octavo_bench_cache *filled, const octavo_bench_case *bench,
                                       octavo_bench_step *step, octavo_error_line *error);
void octavo_bench_step_release(octavo_bench_step *step);
const char *octavo_bench_step_variant(const octavo_bench_step *step);
/* The numbers in use as a tuning row; empty for an append. */
const char *octavo_bench_step_tuning(const octavo_bench_step *step);

octavo_status octavo_bench_step_record(octavo_bench_step *step, octavo_frame *frame, VkCommandBuffer command_buffer);
/* After what was recorded has run: takes appended tokens back. */
octavo_status octavo_bench_step_rewind(octavo_bench_step *step);
/* The first source row that is appended to a layer. */
uint32_t octavo_bench_step_append_row(const octavo_bench_step *step, uint32_t layer);

#endif
