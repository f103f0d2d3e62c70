#include "compare.h"

#include <math.h>

/* actual - expected; 0 for equal specials, Inf for unequal ones. */
static double difference(double actual, double expected) {
    if (isnan(expected)) return isnan(actual) ? 0.0 : INFINITY;
    if (isinf(expected)) return actual == expected ? 0.0 : INFINITY;
    return isfinite(actual) ? actual - expected : INFINITY;
}

static double relative(double error, double norm) {
    return norm > 0.0 ? sqrt(error / norm) : sqrt(error);
}

double compare_relative_l2(const float *actual, const double *expected, size_t count) {
    double error = 0.0, norm = 0.0;
    for (size_t i = 0; i < count; ++i) {
        double d = difference((double)actual[i], expected[i]);
        error += d * d;
        if (isfinite(expected[i])) norm += expected[i] * expected[i];
    }
    return relative(error, norm);
}

double compare_relative_l2_float(const float *actual, const float *expected, size_t count) {
    double error = 0.0, norm = 0.0;
    for (size_t i = 0; i < count; ++i) {
        double value = (double)expected[i];
        double d = difference((double)actual[i], value);
        error += d * d;
        if (isfinite(value)) norm += value * value;
    }
    return relative(error, norm);
}

double compare_max_abs(const float *actual, const double *expected, size_t count) {
    double largest = 0.0;
    for (size_t i = 0; i < count; ++i) {
        double d = fabs(difference((double)actual[i], expected[i]));
        if (d > largest) largest = d;
    }
    return largest;
}

double compare_cosine(const float *actual, const double *expected, size_t count) {
    double product = 0.0, a = 0.0, b = 0.0;
    for (size_t i = 0; i < count; ++i) {
        product += (double)actual[i] * expected[i];
        a += (double)actual[i] * (double)actual[i];
        b += expected[i] * expected[i];
    }
    return a == 0.0 && b == 0.0 ? 1.0 : product / sqrt(a * b);
}

size_t compare_words(const uint32_t *actual, const uint32_t *expected, size_t count) {
    for (size_t i = 0; i < count; ++i) {
        if (actual[i] != expected[i]) return i;
    }
    return count;
}

size_t compare_count_nan(const float *values, size_t count) {
    size_t nans = 0;
    for (size_t i = 0; i < count; ++i) nans += isnan(values[i]) ? 1u : 0u;
    return nans;
}
