#include "bench_statistics.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const double *sorted, size_t count, double fraction) {
    double position = fraction * (double)(count - 1);
    size_t below = (size_t)position;
    if (below + 1 >= count) return sorted[count - 1];
    return sorted[below] + (sorted[below + 1] - sorted[below]) * (position - (double)below);
}

octavo_bench_summary octavo_bench_summarise(const double *samples, size_t count) {
    octavo_bench_summary summary = {0, 0, 0, 0, 0};
    double *sorted = count > 0 && count <= OCTAVO_BENCH_SAMPLE_LIMIT ? malloc(count * sizeof *sorted) : NULL;
    if (sorted == NULL) return summary;
    memcpy(sorted, samples, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare);
    summary.median = quantile(sorted, count, 0.5);
    summary.minimum = sorted[0];
    summary.maximum = sorted[count - 1];
    summary.p10 = quantile(sorted, count, 0.1);
    summary.p90 = quantile(sorted, count, 0.9);
    free(sorted);
    return summary;
}
