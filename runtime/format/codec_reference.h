/* Rows to pages and back, on the CPU: what the append shaders do, and what reading back needs. Pages are images in host
 * memory, layout->page_words words each. */
#ifndef OCTAVO_FORMAT_CODEC_REFERENCE_H
#define OCTAVO_FORMAT_CODEC_REFERENCE_H

#include "format/packed_layout.h"

#include <stdint.h>

/* The basis of the rows of one head. */
typedef struct octavo_format_basis {
    uint32_t seed;
    const float *mean;      /* [dim] or NULL for zeros */
    const float *transform; /* [d'][d'] or NULL for the rotation */
    const float *inverse;   /* of transform */
} octavo_format_basis;

/* row[dim] to the quantiser's basis, rotated[d']: subtract the mean, pad with zeros, transform or rotate. Values pass a
 * basis without mean and transform. For 16 bits: a copy, padded. */
void octavo_format_to_basis(const octavo_format_basis *basis, uint32_t dim, uint32_t bits, const float *row,
                            float *rotated);
/* Back: inverse transform or rotation, add the mean, drop the padding. */
void octavo_format_from_basis(const octavo_format_basis *basis, uint32_t dim, uint32_t bits, const float *rotated,
                              float *row);

/* Quantises and writes one token (its index in the page, 0 .. 127) of one head from rotated rows: K row words, its code
 * in each V row, its scale word. Nothing else of the page changes. */
void octavo_format_pack_token(const octavo_packed_layout *layout, uint32_t *page, uint32_t head, uint32_t token,
                              const float *rotated_key, const float *rotated_value);

/* Reads one token of one head as rotated rows; either may be NULL. NaN throughout where the scale is NaN. */
void octavo_format_unpack_token(const octavo_packed_layout *layout, const uint32_t *page, uint32_t head, uint32_t token,
                                float *rotated_key, float *rotated_value);

/* Reads one token of one head in the order of octavo_cache_read_packed: words[token_words]. */
void octavo_format_gather_token(const octavo_packed_layout *layout, const uint32_t *page, uint32_t head, uint32_t token,
                                uint32_t *words);

/* Window rows: f16, rounded to nearest even, of rotated rows. A row with a value that is not finite is NaN in all
 * channels, as its packed codes are. Row index within the page. */
void octavo_format_pack_window_row(const octavo_packed_layout *layout, uint32_t *page, uint32_t head, uint32_t row,
                                   const float *rotated_key, const float *rotated_value);
void octavo_format_unpack_window_row(const octavo_packed_layout *layout, const uint32_t *page, uint32_t head,
                                     uint32_t row, float *rotated_key, float *rotated_value);

#endif
