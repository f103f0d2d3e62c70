/* The numbers of a benchmark: a function of a stream and a place, so that nobody has to keep them. */
#ifndef OCTAVO_BENCH_VALUES_H
#define OCTAVO_BENCH_VALUES_H

#include <octavo/cache.h>

typedef enum octavo_bench_stream {
    OCTAVO_BENCH_KEYS,
    OCTAVO_BENCH_VALUES,
    OCTAVO_BENCH_QUERIES,
    OCTAVO_BENCH_SINK_LOGITS
} octavo_bench_stream;

/* Mean 0, variance 1, nearly normal: the sum of four uniform numbers. */
float octavo_bench_value(uint64_t seed, octavo_bench_stream stream, uint64_t place);
/* values[i] is that of place first + i, as the type holds it. */
void octavo_bench_fill_values(uint64_t seed, octavo_bench_stream stream, octavo_type type, uint64_t first,
                              float *values, uint64_t count);

#endif
