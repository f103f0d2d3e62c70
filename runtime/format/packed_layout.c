#include "format/packed_layout.h"

octavo_packed_layout octavo_packed_layout_make(uint32_t layer_count, uint32_t kv_heads, uint32_t key_dim,
                                               uint32_t value_dim, uint32_t key_bits, uint32_t value_bits) {
    octavo_packed_layout layout = {0};
    layout.layer_count = layer_count;
    layout.kv_heads = kv_heads;
    layout.key_dim = key_dim;
    layout.value_dim = value_dim;
    layout.key_dim_padded = (key_dim + 31u) / 32u * 32u;
    layout.value_dim_padded = (value_dim + 31u) / 32u * 32u;
    layout.key_bits = key_bits;
    layout.value_bits = value_bits;
    layout.key_row_words = layout.key_dim_padded / 32u * key_bits;
    layout.value_row_words = OCTAVO_FORMAT_TILE_TOKENS / 32u * value_bits;
    layout.key_tile_words = OCTAVO_FORMAT_TILE_TOKENS * layout.key_row_words;
    layout.value_tile_words = layout.value_dim_padded * layout.value_row_words;
    layout.head_words = layout.key_tile_words + layout.value_tile_words + OCTAVO_FORMAT_TILE_TOKENS;
    layout.page_words = kv_heads * layout.head_words;
    layout.token_words = layout.key_row_words + layout.value_dim_padded / 32u * value_bits + 1u;
    layout.window_row_words = kv_heads * ((layout.key_dim_padded + layout.value_dim_padded) / 2u);
    layout.window_rows_per_page = layout.page_words / layout.window_row_words;
    return layout;
}

/* Word w of row `row` in a tile of `rows` rows. */
static uint32_t tile_word(uint32_t rows, uint32_t row, uint32_t w) {
    return w * rows + row;
}

uint32_t octavo_packed_layout_key_word(const octavo_packed_layout *layout, uint32_t head, uint32_t token, uint32_t w) {
    return head * layout->head_words + tile_word(OCTAVO_FORMAT_TILE_TOKENS, token, w);
}

uint32_t octavo_packed_layout_value_word(const octavo_packed_layout *layout, uint32_t head, uint32_t channel,
                                         uint32_t w) {
    return head * layout->head_words + layout->key_tile_words + tile_word(layout->value_dim_padded, channel, w);
}

uint32_t octavo_packed_layout_scale_word(const octavo_packed_layout *layout, uint32_t head, uint32_t token) {
    return head * layout->head_words + layout->key_tile_words + layout->value_tile_words + token;
}

uint32_t octavo_packed_layout_window_word(const octavo_packed_layout *layout, uint32_t row, uint32_t head) {
    return row * layout->window_row_words + head * ((layout->key_dim_padded + layout->value_dim_padded) / 2u);
}
