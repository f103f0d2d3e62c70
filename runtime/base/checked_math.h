/* Arithmetic that says when it would wrap. Each returns false and leaves *result as it is on overflow. */
#ifndef OCTAVO_BASE_CHECKED_MATH_H
#define OCTAVO_BASE_CHECKED_MATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool octavo_base_add_u64(uint64_t a, uint64_t b, uint64_t *result) {
    if (a > UINT64_MAX - b) return false;
    *result = a + b;
    return true;
}

static inline bool octavo_base_multiply_u64(uint64_t a, uint64_t b, uint64_t *result) {
    if (b != 0 && a > UINT64_MAX / b) return false;
    *result = a * b;
    return true;
}

static inline bool octavo_base_add_size(size_t a, size_t b, size_t *result) {
    if (a > SIZE_MAX - b) return false;
    *result = a + b;
    return true;
}

static inline bool octavo_base_multiply_size(size_t a, size_t b, size_t *result) {
    if (b != 0 && a > SIZE_MAX / b) return false;
    *result = a * b;
    return true;
}

#endif
