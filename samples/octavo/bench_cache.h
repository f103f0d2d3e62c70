/* A cache filled for a case: `layers` layers of `batch` sequences, all from the same rows, which repeat. */
#ifndef OCTAVO_BENCH_CACHE_H
#define OCTAVO_BENCH_CACHE_H

#include "bench_case.h"
#include "bench_oracle.h"
#include "bench_rows.h"
#include "error_line.h"

typedef struct octavo_bench_cache {
    octavo_bench_case bench; /* the one it was made for */
    octavo_device *device;
    octavo_commands *commands;
    octavo_frame *frame;
    octavo_cache *cache; /* NULL: there is none */
    octavo_cache_statistics statistics;
    octavo_sequence *sequences; /* [batch] */
    uint32_t *lengths;          /* [batch] */
    uint64_t total_tokens;
    uint32_t source_tokens;                 /* token t of a sequence is source row t mod source_tokens */
    octavo_bench_rows key_rows, value_rows; /* [source_tokens] */
    float *source_keys, *source_values;     /* the same on the host, as the type holds them */
    float *cached_keys, *cached_values;     /* what attention sees of them; NULL until octavo_bench_cache_read */
    uint32_t cached_rows;
} octavo_bench_cache;

/* commands and frame serve the work here and are the caller's. The cache in *filled is kept when it serves the case.
 * False: error says which call failed; *status is why. */
bool octavo_bench_cache_prepare(octavo_bench_cache *filled, const octavo_bench_case *bench, octavo_status *status,
                                octavo_error_line *error);
void octavo_bench_cache_release(octavo_bench_cache *filled);

/* The distinct rows as they came, and as the cache holds them (read once). */
octavo_bench_contents octavo_bench_cache_original(const octavo_bench_cache *filled);
octavo_status octavo_bench_cache_read(octavo_bench_cache *filled, octavo_bench_contents *contents);

#endif
