#include "format/codec_reference.h"

#include "base/half.h"
#include "format/group_codes.h"
#include "format/quantiser.h"
#include "format/rotation.h"
#include "octavo_abi.h"

#define GROUP 32u
#define ROW_WORDS_MAX (OCTAVO_FORMAT_DIM_MAX / GROUP * 16u)

static uint32_t pad(uint32_t dim) {
    return (dim + GROUP - 1u) / GROUP * GROUP;
}

void octavo_format_to_basis(const octavo_format_basis *basis, uint32_t dim, uint32_t bits, const float *row,
                            float *rotated) {
    uint32_t dim_padded = pad(dim);
    float centred[OCTAVO_FORMAT_DIM_MAX];
    for (uint32_t i = 0; i < dim_padded; ++i) {
        centred[i] = i >= dim ? 0.0f : basis->mean == NULL || bits == 16u ? row[i] : row[i] - basis->mean[i];
    }
    if (bits != 16u && basis->transform != NULL) {
        octavo_format_transform(dim_padded, basis->transform, centred, rotated);
        return;
    }
    for (uint32_t i = 0; i < dim_padded; ++i) rotated[i] = centred[i];
    if (bits != 16u) octavo_format_rotate(dim_padded, basis->seed, rotated);
}

void octavo_format_from_basis(const octavo_format_basis *basis, uint32_t dim, uint32_t bits, const float *rotated,
                              float *row) {
    uint32_t dim_padded = pad(dim);
    float centred[OCTAVO_FORMAT_DIM_MAX];
    if (bits != 16u && basis->transform != NULL) {
        octavo_format_transform(dim_padded, basis->inverse, rotated, centred);
    } else {
        for (uint32_t i = 0; i < dim_padded; ++i) centred[i] = rotated[i];
        if (bits != 16u) octavo_format_rotate_inverse(dim_padded, basis->seed, centred);
    }
    for (uint32_t i = 0; i < dim; ++i) {
        row[i] = basis->mean == NULL || bits == 16u ? centred[i] : centred[i] + basis->mean[i];
    }
}

/* Codes of a row, or f16 bits. Returns the f16 scale; 0 for 16 bits. */
static uint32_t encode_row(octavo_format_scale_rule rule, uint32_t bits, uint32_t dim_padded, const float *rotated,
                           uint16_t *codes) {
    if (bits == 16u) {
        for (uint32_t i = 0; i < dim_padded; ++i) codes[i] = octavo_base_float_to_half(rotated[i]);
        return 0u;
    }
    octavo_format_row_scale row_scale = octavo_format_find_scale(rule, bits, dim_padded, rotated);
    for (uint32_t i = 0; i < dim_padded; ++i) codes[i] = (uint16_t)octavo_format_code(&row_scale, bits, rotated[i]);
    return row_scale.scale;
}

static float decode(uint32_t bits, uint32_t code, uint32_t scale) {
    return bits == 16u ? octavo_base_half_to_float((uint16_t)code)
                       : octavo_format_dequantise(bits, code, (uint16_t)scale);
}

/* The group of 32 tokens with `token`, in the V row of `channel`; index of the code: token % 32. */
static void load_value_group(const octavo_packed_layout *layout, const uint32_t *page, uint32_t head, uint32_t channel,
                             uint32_t token, uint32_t group[16]) {
    uint32_t bits = layout->value_bits;
    for (uint32_t w = 0; w < bits; ++w) {
        group[w] = page[octavo_packed_layout_value_word(layout, head, channel, token / GROUP * bits + w)];
    }
}

static void load_key_row(const octavo_packed_layout *layout, const uint32_t *page, uint32_t head, uint32_t token,
                         uint32_t *words) {
    for (uint32_t w = 0; w < layout->key_row_words; ++w) {
        words[w] = page[octavo_packed_layout_key_word(layout, head, token, w)];
    }
}

static uint32_t pack_value_codes(const octavo_packed_layout *layout, uint32_t *page, uint32_t head, uint32_t token,
                                 const float *rotated_value) {
    uint16_t codes[OCTAVO_FORMAT_DIM_MAX];
    uint32_t bits = layout->value_bits;
    uint32_t scale =
        encode_row(OCTAVO_FORMAT_SCALE_LEAST_SQUARES, bits, layout->value_dim_padded, rotated_value, codes);
    for (uint32_t channel = 0; channel < layout->value_dim_padded; ++channel) {
        uint32_t group[16];
        load_value_group(layout, page, head, channel, token, group);
        octavo_format_group_set(group, bits, token % GROUP, codes[channel]);
        for (uint32_t w = 0; w < bits; ++w) {
            page[octavo_packed_layout_value_word(layout, head, channel, token / GROUP * bits + w)] = group[w];
        }
    }
    return scale;
}

void octavo_format_pack_token(const octavo_packed_layout *layout, uint32_t *page, uint32_t head, uint32_t token,
                              const float *rotated_key, const float *rotated_value) {
    uint16_t codes[OCTAVO_FORMAT_DIM_MAX];
    uint32_t words[ROW_WORDS_MAX];
    uint32_t bits = layout->key_bits;
    uint32_t key_scale = encode_row(OCTAVO_FORMAT_SCALE_UNBIASED, bits, layout->key_dim_padded, rotated_key, codes);
    for (uint32_t group = 0; group < layout->key_dim_padded / GROUP; ++group) {
        octavo_format_group_pack(codes + group * GROUP, bits, words + group * bits);
    }
    for (uint32_t w = 0; w < layout->key_row_words; ++w) {
        page[octavo_packed_layout_key_word(layout, head, token, w)] = words[w];
    }
    uint32_t value_scale = pack_value_codes(layout, page, head, token, rotated_value);
    page[octavo_packed_layout_scale_word(layout, head, token)] = key_scale | (value_scale << 16);
}

void octavo_format_unpack_token(const octavo_packed_layout *layout, const uint32_t *page, uint32_t head, uint32_t token,
                                float *rotated_key, float *rotated_value) {
    uint32_t scales = page[octavo_packed_layout_scale_word(layout, head, token)];
    if (rotated_key != NULL) {
        uint32_t words[ROW_WORDS_MAX];
        load_key_row(layout, page, head, token, words);
        for (uint32_t i = 0; i < layout->key_dim_padded; ++i) {
            const uint32_t *group = words + i / GROUP * layout->key_bits;
            uint32_t code = octavo_format_group_get(group, layout->key_bits, i % GROUP);
            rotated_key[i] = decode(layout->key_bits, code, scales & 0xffffu);
        }
    }
    if (rotated_value != NULL) {
        for (uint32_t i = 0; i < layout->value_dim_padded; ++i) {
            uint32_t group[16];
            load_value_group(layout, page, head, i, token, group);
            uint32_t code = octavo_format_group_get(group, layout->value_bits, token % GROUP);
            rotated_value[i] = decode(layout->value_bits, code, scales >> 16);
        }
    }
}

void octavo_format_gather_token(const octavo_packed_layout *layout, const uint32_t *page, uint32_t head, uint32_t token,
                                uint32_t *words) {
    uint32_t bits = layout->value_bits;
    load_key_row(layout, page, head, token, words);
    words += layout->key_row_words;
    for (uint32_t w = 0; w < layout->value_dim_padded / GROUP * bits; ++w) words[w] = 0u;
    for (uint32_t channel = 0; channel < layout->value_dim_padded; ++channel) {
        uint32_t group[16];
        uint32_t *gathered = words + channel / GROUP * bits;
        load_value_group(layout, page, head, channel, token, group);
        uint32_t code = octavo_format_group_get(group, bits, token % GROUP);
        octavo_format_group_set(gathered, bits, channel % GROUP, code);
    }
    words[layout->value_dim_padded / GROUP * bits] = page[octavo_packed_layout_scale_word(layout, head, token)];
}

/* Two values a word. */
static void pack_window_half(uint32_t *words, octavo_format_scale_rule rule, uint32_t bits, uint32_t dim_padded,
                             const float *rotated) {
    int is_nan = bits != 16u && octavo_format_find_scale(rule, bits, dim_padded, rotated).scale == OCTAVO_SCALE_NAN;
    for (uint32_t i = 0; i < dim_padded; i += 2u) {
        uint32_t low = is_nan ? OCTAVO_SCALE_NAN : octavo_base_float_to_half(rotated[i]);
        uint32_t high = is_nan ? OCTAVO_SCALE_NAN : octavo_base_float_to_half(rotated[i + 1u]);
        words[i / 2u] = low | (high << 16);
    }
}

static void unpack_window_half(const uint32_t *words, uint32_t dim_padded, float *rotated) {
    for (uint32_t i = 0; i < dim_padded; ++i) {
        rotated[i] = octavo_base_half_to_float((uint16_t)(words[i / 2u] >> (16u * (i & 1u))));
    }
}

void octavo_format_pack_window_row(const octavo_packed_layout *layout, uint32_t *page, uint32_t head, uint32_t row,
                                   const float *rotated_key, const float *rotated_value) {
    uint32_t *words = page + octavo_packed_layout_window_word(layout, row, head);
    pack_window_half(words, OCTAVO_FORMAT_SCALE_UNBIASED, layout->key_bits, layout->key_dim_padded, rotated_key);
    words += layout->key_dim_padded / 2u;
    pack_window_half(words, OCTAVO_FORMAT_SCALE_LEAST_SQUARES, layout->value_bits, layout->value_dim_padded,
                     rotated_value);
}

void octavo_format_unpack_window_row(const octavo_packed_layout *layout, const uint32_t *page, uint32_t head,
                                     uint32_t row, float *rotated_key, float *rotated_value) {
    const uint32_t *words = page + octavo_packed_layout_window_word(layout, row, head);
    if (rotated_key != NULL) unpack_window_half(words, layout->key_dim_padded, rotated_key);
    words += layout->key_dim_padded / 2u;
    if (rotated_value != NULL) unpack_window_half(words, layout->value_dim_padded, rotated_value);
}
