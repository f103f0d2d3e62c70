/* Where everything lies in a page: 128 tokens of one layer, all KV heads, as 32-bit words.
 *
 *   page = [head][K tile | V tile | 128 scale words]
 *   K tile: a row of W = bits d'/32 words for each of 128 tokens; V tile: a row of W = 4 bits words for each channel of
 *   d_v' (4 groups of 32 tokens). A row is group-major. A tile is stored in word planes, [W][row]: neighbour lanes that
 *   own neighbour rows load neighbour words, and a lane that owns four rows loads one word of each at once.
 *   Scale word of a token: K's f16 in the low half, V's in the high half (unused halves of f16 caches are 0).
 *
 * Window pages, of the same size, hold rows of f16 in the quantiser's basis, window_rows_per_page each:
 *   row = [head][dk'/2 words of K' | dv'/2 words of V'], two values a word, the low half first. */
#ifndef OCTAVO_FORMAT_PACKED_LAYOUT_H
#define OCTAVO_FORMAT_PACKED_LAYOUT_H

#include <stdint.h>

#define OCTAVO_FORMAT_TILE_TOKENS 128u

typedef struct octavo_packed_layout {
    uint32_t layer_count, kv_heads;
    uint32_t key_dim, value_dim;               /* channels as given, 32 .. 256 */
    uint32_t key_dim_padded, value_dim_padded; /* rounded up to a multiple of 32 */
    uint32_t key_bits, value_bits;             /* 2, 3, 4 or 16 */
    uint32_t key_row_words, value_row_words;
    uint32_t key_tile_words, value_tile_words;
    uint32_t head_words;  /* K tile, V tile, scales */
    uint32_t page_words;  /* kv_heads * head_words */
    uint32_t token_words; /* of a token and head in the order of octavo_cache_read_packed: K row, V codes, scales */
    uint32_t window_row_words;     /* of a token: kv_heads * (dk' + dv') / 2 */
    uint32_t window_rows_per_page; /* page_words / window_row_words; may be 0 only when both are f16 */
} octavo_packed_layout;

/* The arguments are within the limits of octavo_cache_info: page_words stays below 2^24. */
octavo_packed_layout octavo_packed_layout_make(uint32_t layer_count, uint32_t kv_heads, uint32_t key_dim,
                                               uint32_t value_dim, uint32_t key_bits, uint32_t value_bits);

/* Word of a page. w < key_row_words. */
uint32_t octavo_packed_layout_key_word(const octavo_packed_layout *layout, uint32_t head, uint32_t token, uint32_t w);
/* channel < value_dim_padded, w < value_row_words: group w / value_bits of 32 tokens. */
uint32_t octavo_packed_layout_value_word(const octavo_packed_layout *layout, uint32_t head, uint32_t channel,
                                         uint32_t w);
uint32_t octavo_packed_layout_scale_word(const octavo_packed_layout *layout, uint32_t head, uint32_t token);
/* First word of K' (then V') of a head in window row `row` of a page; row < window_rows_per_page. */
uint32_t octavo_packed_layout_window_word(const octavo_packed_layout *layout, uint32_t row, uint32_t head);

#endif
