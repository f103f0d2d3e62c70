/* Distances between arrays, in double. A NaN or Inf on one side only gives Inf. */
#ifndef OCTAVO_TEST_COMPARE_H
#define OCTAVO_TEST_COMPARE_H

#include <stddef.h>
#include <stdint.h>

/* |actual - expected| / |expected|; |actual - expected| when expected is all zeros. Equal NaNs and Infs count as equal.
 */
double compare_relative_l2(const float *actual, const double *expected, size_t count);
double compare_relative_l2_float(const float *actual, const float *expected, size_t count);
double compare_max_abs(const float *actual, const double *expected, size_t count);
double compare_cosine(const float *actual, const double *expected, size_t count);
/* The first index at which words differ, or count. */
size_t compare_words(const uint32_t *actual, const uint32_t *expected, size_t count);
/* How many values are NaN. */
size_t compare_count_nan(const float *values, size_t count);

#endif
