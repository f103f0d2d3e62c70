#include "bench_rows.h"

#include "tensor_type.h"

#include <stdlib.h>

static uint32_t stride_of(const octavo_bench_rows *rows) {
    return octavo_tensor_row_stride(rows->type, rows->channels);
}

static size_t row_bytes(const octavo_bench_rows *rows) {
    return stride_of(rows) * octavo_tensor_type_size(rows->type);
}

octavo_status octavo_bench_rows_create(octavo_device *device, octavo_type type, uint64_t tokens, uint32_t heads,
                                       uint32_t channels, octavo_bench_rows *rows) {
    *rows = (octavo_bench_rows){NULL, type, heads, channels};
    return octavo_buffer_create(device, tokens * heads * row_bytes(rows), OCTAVO_BUFFER_DEVICE, &rows->buffer);
}

void octavo_bench_rows_release(octavo_bench_rows *rows) {
    octavo_buffer_destroy(rows->buffer);
    rows->buffer = NULL;
}

octavo_status octavo_bench_rows_write(const octavo_bench_rows *rows, uint64_t first, uint64_t count,
                                      const float *values) {
    size_t size = row_bytes(rows);
    uint8_t *bytes = calloc(count > 0 ? (size_t)count : 1, size);
    if (bytes == NULL) return OCTAVO_OUT_OF_HOST_MEMORY;
    for (uint64_t i = 0; i < count; i++)
        octavo_tensor_store(rows->type, values + i * rows->channels, rows->channels, bytes + i * size);
    octavo_status status = octavo_buffer_write(rows->buffer, first * size, count * size, bytes);
    free(bytes);
    return status;
}

octavo_status octavo_bench_rows_read(const octavo_bench_rows *rows, uint64_t row, float *values) {
    size_t size = row_bytes(rows);
    uint8_t *bytes = malloc(size);
    if (bytes == NULL) return OCTAVO_OUT_OF_HOST_MEMORY;
    octavo_status status = octavo_buffer_read(rows->buffer, row * size, size, bytes);
    if (status == OCTAVO_SUCCESS) octavo_tensor_load(rows->type, bytes, rows->channels, values);
    free(bytes);
    return status;
}

octavo_tensor octavo_bench_rows_tensor(const octavo_bench_rows *rows, uint32_t first_token) {
    uint64_t offset = (uint64_t)first_token * rows->heads * row_bytes(rows);
    return (octavo_tensor){
        octavo_buffer_handle(rows->buffer), offset,         octavo_buffer_size(rows->buffer) - offset, rows->type,
        rows->heads * stride_of(rows),      stride_of(rows)};
}
