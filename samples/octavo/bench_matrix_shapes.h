/* The products of small matrices that a device's matrix units make (VK_KHR_cooperative_matrix). */
#ifndef OCTAVO_BENCH_MATRIX_SHAPES_H
#define OCTAVO_BENCH_MATRIX_SHAPES_H

#include "bench_compute.h"

/* RATE of bench_matrix_rate.comp. */
typedef enum octavo_bench_matrix_kind {
    OCTAVO_BENCH_MATRIX_F16_F32, /* f16 times f16 into f32 */
    OCTAVO_BENCH_MATRIX_F16,     /* into f16 */
    OCTAVO_BENCH_MATRIX_INT8,    /* signed 8 bits times signed 8 bits into 32 bits */
    OCTAVO_BENCH_MATRIX_KINDS
} octavo_bench_matrix_kind;

#define OCTAVO_BENCH_MATRIX_SHAPES 8

/* M x K times K x N, by a subgroup. */
typedef struct octavo_bench_matrix_shape {
    uint32_t m, n, k;
} octavo_bench_matrix_shape;

/* Those of a kind, in the driver's order. 0: none, or the device was made without OCTAVO_CAPABILITY_COOPERATIVE_MATRIX.
 */
uint32_t octavo_bench_matrix_shapes(const octavo_bench_compute *compute, octavo_bench_matrix_kind kind,
                                    octavo_bench_matrix_shape shapes[OCTAVO_BENCH_MATRIX_SHAPES]);

#endif
