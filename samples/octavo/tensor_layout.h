/* Rows of floats in GPU buffers: element types, strides, and the bytes between and around the rows, which are all ones
 * (a NaN in each type) before a call, so that a kernel that reads or writes them is seen. */
#ifndef OCTAVO_TENSOR_LAYOUT_H
#define OCTAVO_TENSOR_LAYOUT_H

#include <octavo/cache.h>

#include <stdbool.h>

#define OCTAVO_TENSOR_GUARD 256u /* bytes before and after the rows in a block */

typedef struct octavo_tensor_layout {
    octavo_type type;
    uint32_t tokens, heads, channels;
    uint32_t token_stride, head_stride; /* elements */
    size_t row_bytes;                   /* of all rows with their padding */
    size_t block_bytes;                 /* the same with both guards */
} octavo_tensor_layout;

octavo_tensor_layout octavo_tensor_layout_make(octavo_type type, uint32_t tokens, uint32_t heads, uint32_t channels,
                                               uint32_t padding, bool head_major);
/* What the library is told: the rows lie in buffer behind the first guard. */
octavo_tensor octavo_tensor_layout_bind(const octavo_tensor_layout *layout, VkBuffer buffer);
/* rows: [tokens][heads][channels]; block: [block_bytes], everything but the rows becomes ones. */
void octavo_tensor_layout_pack(const octavo_tensor_layout *layout, const float *rows, uint8_t *block);
/* Returns whether everything but the rows still is ones. */
bool octavo_tensor_layout_unpack(const octavo_tensor_layout *layout, const uint8_t *block, float *rows);

#endif
