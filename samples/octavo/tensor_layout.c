#include "tensor_layout.h"

#include "tensor_type.h"

#include <string.h>

octavo_tensor_layout octavo_tensor_layout_make(octavo_type type, uint32_t tokens, uint32_t heads, uint32_t channels,
                                               uint32_t padding, bool head_major) {
    octavo_tensor_layout layout = {type, tokens, heads, channels, 0, 0, 0, 0};
    uint32_t row = octavo_tensor_row_stride(type, channels + padding);
    layout.token_stride = head_major ? row : row * heads;
    layout.head_stride = head_major ? row * tokens : row;
    layout.row_bytes = (size_t)row * tokens * heads * octavo_tensor_type_size(type);
    layout.block_bytes = layout.row_bytes + 2 * OCTAVO_TENSOR_GUARD;
    return layout;
}

octavo_tensor octavo_tensor_layout_bind(const octavo_tensor_layout *layout, VkBuffer buffer) {
    return (octavo_tensor){buffer,       OCTAVO_TENSOR_GUARD,  layout->row_bytes,
                           layout->type, layout->token_stride, layout->head_stride};
}

static size_t row_offset(const octavo_tensor_layout *layout, uint32_t token, uint32_t head) {
    size_t element = (size_t)token * layout->token_stride + (size_t)head * layout->head_stride;
    return OCTAVO_TENSOR_GUARD + element * octavo_tensor_type_size(layout->type);
}

void octavo_tensor_layout_pack(const octavo_tensor_layout *layout, const float *rows, uint8_t *block) {
    memset(block, 0xff, layout->block_bytes);
    for (uint32_t token = 0; token < layout->tokens; token++) {
        for (uint32_t head = 0; head < layout->heads; head++) {
            octavo_tensor_store(layout->type, rows, layout->channels, block + row_offset(layout, token, head));
            rows += layout->channels;
        }
    }
}

static bool all_ones(const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != 0xff) return false;
    return true;
}

bool octavo_tensor_layout_unpack(const octavo_tensor_layout *layout, const uint8_t *block, float *rows) {
    size_t width = (size_t)layout->channels * octavo_tensor_type_size(layout->type);
    uint32_t row = layout->token_stride < layout->head_stride ? layout->token_stride : layout->head_stride;
    size_t padding = (size_t)row * octavo_tensor_type_size(layout->type) - width;
    bool intact = all_ones(block, OCTAVO_TENSOR_GUARD) &&
                  all_ones(block + OCTAVO_TENSOR_GUARD + layout->row_bytes, OCTAVO_TENSOR_GUARD);
    for (uint32_t token = 0; token < layout->tokens; token++) {
        for (uint32_t head = 0; head < layout->heads; head++) {
            const uint8_t *bytes = block + row_offset(layout, token, head);
            intact = intact && all_ones(bytes + width, padding);
            octavo_tensor_load(layout->type, bytes, layout->channels, rows);
            rows += layout->channels;
        }
    }
    return intact;
}
