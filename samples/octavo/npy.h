/* NumPy's .npy files, format versions 1.0 and 2.0: little-endian f16 and f32 arrays in C order. Every byte that is read
 * is taken as hostile. Format: numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
#ifndef OCTAVO_NPY_H
#define OCTAVO_NPY_H

#include "error_line.h"

#include <stddef.h>
#include <stdint.h>

#define OCTAVO_NPY_RANK_MAX 8

typedef enum octavo_npy_type { OCTAVO_NPY_F32 = 0, OCTAVO_NPY_F16 = 1 } octavo_npy_type;

typedef struct octavo_npy_array {
    octavo_npy_type type; /* as stored; values are f32 always */
    uint32_t rank;
    uint64_t shape[OCTAVO_NPY_RANK_MAX];
    uint64_t count; /* product of the shape, 1 for rank 0 */
    float *values;  /* [count], malloc; never NULL */
} octavo_npy_array;

bool octavo_npy_parse(const uint8_t *bytes, size_t size, octavo_npy_array *array, octavo_error_line *error);
bool octavo_npy_read(const char *path, octavo_npy_array *array, octavo_error_line *error);
/* Frees the values and zeroes the struct; fine on a zeroed one. */
void octavo_npy_release(octavo_npy_array *array);

/* An f32 array, version 1.0. rank is at most OCTAVO_NPY_RANK_MAX. */
bool octavo_npy_write(const char *path, uint32_t rank, const uint64_t *shape, const float *values,
                      octavo_error_line *error);

#endif
