/* Elements of octavo_type on the host: names, sizes and conversions, which round to nearest even. */
#ifndef OCTAVO_TENSOR_TYPE_H
#define OCTAVO_TENSOR_TYPE_H

#include <octavo/cache.h>

#include <stdbool.h>
#include <stddef.h>

#define OCTAVO_TENSOR_TYPE_COUNT 3u

/* "f32", "f16", "bf16" */
const char *octavo_tensor_type_name(octavo_type type);
/* False: no type has this name. */
bool octavo_tensor_type_named(const char *name, octavo_type *type);
size_t octavo_tensor_type_size(octavo_type type);
/* Elements from row to row, at least: rows start on multiples of 4 bytes. */
uint32_t octavo_tensor_row_stride(octavo_type type, uint32_t channels);

/* bytes: `count` elements, at any place. */
void octavo_tensor_store(octavo_type type, const float *values, size_t count, uint8_t *bytes);
void octavo_tensor_load(octavo_type type, const uint8_t *bytes, size_t count, float *values);
/* The value as the type holds it. */
float octavo_tensor_round(octavo_type type, float value);

#endif
