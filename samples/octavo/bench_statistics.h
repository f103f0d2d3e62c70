/* Order statistics of samples. */
#ifndef OCTAVO_BENCH_STATISTICS_H
#define OCTAVO_BENCH_STATISTICS_H

#include <stddef.h>

typedef struct octavo_bench_summary {
    double median, minimum, maximum, p10, p90;
} octavo_bench_summary;

#define OCTAVO_BENCH_SAMPLE_LIMIT 10000u

/* count 1 .. OCTAVO_BENCH_SAMPLE_LIMIT; the samples keep their order. Quantiles between two samples are interpolated.
 * All zero without samples or memory. */
octavo_bench_summary octavo_bench_summarise(const double *samples, size_t count);

#endif
