/* What the device can do at most, measured in the same run as the cases: bandwidth over buffers larger than any cache,
 * and rates of arithmetic that touches no memory. */
#ifndef OCTAVO_BENCH_CEILINGS_H
#define OCTAVO_BENCH_CEILINGS_H

#include "error_line.h"

#include <octavo/device.h>

typedef struct octavo_bench_ceilings {
    double copy_bytes_per_s; /* read and written bytes together */
    double read_bytes_per_s;
    double int8_dot_ops_per_s, f16_flops, f32_flops; /* multiply-adds times 2; 0: not on this device */
    double int8_matrix_ops_per_s, f16_matrix_flops;  /* of matrix units: a subgroup's products, in f32 where it can */
    double empty_dispatch_us;                        /* host: from the submission to the fence */
    double set_bytes;                                /* the caches that take turns are together at least so large */
    uint64_t buffer_bytes;                           /* of each buffer that was read */
} octavo_bench_ceilings;

/* Fills all but set_bytes. */
bool octavo_bench_ceilings_measure(octavo_device *device, octavo_bench_ceilings *ceilings, octavo_error_line *error);

#endif
