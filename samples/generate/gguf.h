/*
 * Reader of GGUF model files (versions 2 and 3, little-endian), from memory.
 *
 * Every count, length, offset, type and product is checked against the bytes that are there before it is used, so a
 * parsed file can be read without further bounds checks. The reader's own memory is at most a small multiple of the
 * file's size, and so is the sum of all tensors: no two may share bytes. Nothing is copied: the file's bytes must
 * outlive the octavo_gguf and every string, array and tensor taken from it.
 *
 * A parsed file is immutable and may be read by several threads.
 * Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
#ifndef OCTAVO_GGUF_H
#define OCTAVO_GGUF_H

#include "generate_error.h"

#include <stddef.h>
#include <stdint.h>

#define OCTAVO_GGUF_MAX_DIMENSIONS 4

typedef enum octavo_gguf_value_type {
    OCTAVO_GGUF_UINT8 = 0,
    OCTAVO_GGUF_INT8 = 1,
    OCTAVO_GGUF_UINT16 = 2,
    OCTAVO_GGUF_INT16 = 3,
    OCTAVO_GGUF_UINT32 = 4,
    OCTAVO_GGUF_INT32 = 5,
    OCTAVO_GGUF_FLOAT32 = 6,
    OCTAVO_GGUF_BOOL = 7,
    OCTAVO_GGUF_STRING = 8,
    OCTAVO_GGUF_ARRAY = 9,
    OCTAVO_GGUF_UINT64 = 10,
    OCTAVO_GGUF_INT64 = 11,
    OCTAVO_GGUF_FLOAT64 = 12
} octavo_gguf_value_type;

/* The element types that can be read; a file with any other is refused by that type's name. */
typedef enum octavo_gguf_tensor_type {
    OCTAVO_GGUF_F32 = 0,
    OCTAVO_GGUF_F16 = 1,
    OCTAVO_GGUF_Q8_0 = 8 /* blocks of 32: an f16 scale, then 32 int8 */
} octavo_gguf_tensor_type;

/* Not terminated by a zero byte. */
typedef struct octavo_gguf_string {
    const char *bytes;
    size_t length;
} octavo_gguf_string;

/* An array of `count` elements; none is itself an array. */
typedef struct octavo_gguf_array {
    octavo_gguf_value_type element_type;
    uint64_t count;
    const unsigned char *bytes;
} octavo_gguf_array;

typedef struct octavo_gguf_tensor {
    octavo_gguf_string name;
    octavo_gguf_tensor_type type;
    uint32_t dimension_count;                        /* 1..4 */
    uint64_t dimensions[OCTAVO_GGUF_MAX_DIMENSIONS]; /* innermost first; 1 where there is none */
    uint64_t element_count;
    uint64_t byte_count;
    uint64_t offset; /* from the file's first byte */
    const unsigned char *bytes;
} octavo_gguf_tensor;

typedef struct octavo_gguf octavo_gguf;

/* Returns NULL, with the reason in `error`, for anything that is not a well-formed file. */
octavo_gguf *octavo_gguf_parse(const void *bytes, size_t size, octavo_generate_error *error);
void octavo_gguf_destroy(octavo_gguf *gguf);

/*
 * Readers of metadata. Absent and not required: true, and *value stays what it was. Absent and required, of another
 * kind, or out of range: false and a message that names the key. Integers are read from every integer type.
 */
bool octavo_gguf_read_uint32(const octavo_gguf *gguf, const char *key, bool required, uint32_t *value,
                             octavo_generate_error *error);
bool octavo_gguf_read_float(const octavo_gguf *gguf, const char *key, bool required, float *value,
                            octavo_generate_error *error);
bool octavo_gguf_read_bool(const octavo_gguf *gguf, const char *key, bool required, bool *value,
                           octavo_generate_error *error);
bool octavo_gguf_read_string(const octavo_gguf *gguf, const char *key, bool required, octavo_gguf_string *value,
                             octavo_generate_error *error);
bool octavo_gguf_read_array(const octavo_gguf *gguf, const char *key, octavo_gguf_value_type element_type,
                            bool required, octavo_gguf_array *value, octavo_generate_error *error);
bool octavo_gguf_has_key(const octavo_gguf *gguf, const char *key);

bool octavo_gguf_string_equals(octavo_gguf_string string, const char *text);

/* Reads the string at *cursor (start with array.bytes) of an array of strings and moves the cursor behind it. */
octavo_gguf_string octavo_gguf_next_string(const unsigned char **cursor);

/* Element `index` < count of an array of FLOAT32, or of INT32 or UINT32. */
float octavo_gguf_array_float(octavo_gguf_array array, uint64_t index);
uint32_t octavo_gguf_array_uint32(octavo_gguf_array array, uint64_t index);

uint64_t octavo_gguf_tensor_count(const octavo_gguf *gguf);
const octavo_gguf_tensor *octavo_gguf_tensor_at(const octavo_gguf *gguf, uint64_t index);
const octavo_gguf_tensor *octavo_gguf_find_tensor(const octavo_gguf *gguf, const char *name); /* NULL: not there */

/* "F32", "Q4_K", ...: of any type number that ggml has defined, "unknown" for others. */
const char *octavo_gguf_tensor_type_name(uint32_t type);

/* Writes all elements of the tensor as f32, dequantised: `values` holds element_count floats. */
void octavo_gguf_tensor_to_float(const octavo_gguf_tensor *tensor, float *values);

#endif
