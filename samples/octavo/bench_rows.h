/* Rows of heads of a caller's tensors in a GPU buffer, one behind the other: [token][head][channel]. */
#ifndef OCTAVO_BENCH_ROWS_H
#define OCTAVO_BENCH_ROWS_H

#include <octavo/octavo.h>

typedef struct octavo_bench_rows {
    octavo_buffer *buffer; /* NULL: there are none */
    octavo_type type;
    uint32_t heads, channels;
} octavo_bench_rows;

/* *rows is released by the caller, also after a failure. */
octavo_status octavo_bench_rows_create(octavo_device *device, octavo_type type, uint64_t tokens, uint32_t heads,
                                       uint32_t channels, octavo_bench_rows *rows);
void octavo_bench_rows_release(octavo_bench_rows *rows);

/* values: [count][channels] floats, of the rows first .., a row being one head of one token. */
octavo_status octavo_bench_rows_write(const octavo_bench_rows *rows, uint64_t first, uint64_t count,
                                      const float *values);
octavo_status octavo_bench_rows_read(const octavo_bench_rows *rows, uint64_t row, float *values);

/* The tokens from first_token on. */
octavo_tensor octavo_bench_rows_tensor(const octavo_bench_rows *rows, uint32_t first_token);

#endif
