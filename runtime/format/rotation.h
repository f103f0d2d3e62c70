/* The basis that rows are quantised in. Everything here is in f32 with a fixed order of IEEE additions, subtractions
 * and multiplications (no fma): a GPU that follows the same order gets the same bits.
 *
 * Rotation R = (C_m x H) diag(signs) of d' = m 2^k channels; channel i = a 2^k + b, a < m, b < 2^k:
 *   1. x[i] *= 2^(-k/2) (of a table), or that negated where the sign of channel i under the seed is 1;
 *   2. for each a, for h = 1, 2, 4, .. 2^(k-1), for each b with (b & h) == 0:
 *        (x[b], x[b+h]) = (x[b] + x[b+h], x[b] - x[b+h]);
 *   3. if m > 1, for each b: y[i] = ((C[i][0] x[0] + C[i][1] x[1]) + C[i][2] x[2]) + ..., index a of x, ascending.
 * The inverse is steps 2 and 3, then step 1. */
#ifndef OCTAVO_FORMAT_ROTATION_H
#define OCTAVO_FORMAT_ROTATION_H

#include "base/host_memory.h"
#include <stdint.h>

#define OCTAVO_FORMAT_DIM_MAX 256

/* 1 when channel `index` is negated. */
uint32_t octavo_format_sign(uint32_t seed, uint32_t index);

/* d' = m 2^k of a padded dimension (a multiple of 32 up to 256): m in {1, 3, 5, 7}, k in 5 .. 8. */
void octavo_format_rotation_shape(uint32_t dim_padded, uint32_t *m, uint32_t *k);

/* In place; row[dim_padded]. */
void octavo_format_rotate(uint32_t dim_padded, uint32_t seed, float *row);
void octavo_format_rotate_inverse(uint32_t dim_padded, uint32_t seed, float *row);

/* output[i] = sum over j of matrix[i][j] input[j], j ascending from 0 with the sum starting at 0. Not in place. */
void octavo_format_transform(uint32_t dim_padded, const float *matrix, const float *input, float *output);

/* Row-major inverse transposed (queries) and inverse (reading back) of a row-major matrix, by Gauss-Jordan elimination
 * with partial pivoting in double; either output may be NULL. OCTAVO_INVALID_ARGUMENT: singular to working precision
 * (a pivot below 1e-10 of the largest element of its row at the start), or an element is not finite, of the matrix or
 * of its inverse. Outputs are written on success only. OCTAVO_OUT_OF_HOST_MEMORY. */
octavo_status octavo_format_invert(const octavo_base_host *host, uint32_t dim_padded, const float *matrix,
                                   float *inverse_transposed, float *inverse);

#endif
