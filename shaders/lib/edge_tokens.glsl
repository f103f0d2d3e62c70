// Four neighbour tokens at the ends of what a share reads: which of them are read from packed pages, which of them a row
// sees, and their scales. Includer defines octavo_share share(), row_places.glsl and mask.glsl.
#ifndef OCTAVO_EDGE_TOKENS_GLSL
#define OCTAVO_EDGE_TOKENS_GLSL

bool row_is_empty(uint row) {
    return mask_row_is_empty(push.mask, row_position(share().sequence, row), share().sequence.key_count);
}

// Which of four tokens are read from packed pages.
uint packed_tokens(uint token_first) {
    return mask_below(int(share().sequence.packed_end), token_first) & ~mask_below(int(share().sequence.packed_begin), token_first);
}

mask_span row_span(uint row) {
    return mask_span_of(push.mask, row_position(share().sequence, row), share().sequence.key_count, 0u);
}

// The largest V scale of those that are finite; scales are not negative, and V has the high halves.
float largest_scale(uvec4 scales) {
    scales = mix(uvec4(0u), scales, lessThan(scales, uvec4(0x7c000000u)));
    return unpackHalf2x16(max(max(scales.x, scales.y), max(scales.z, scales.w))).y;
}

// At the end of a list: scales beside the packed tokens may be anything, and those of tokens that some rows do not see.
// Returns the tokens whose V is not finite.
uint clear_scales(uint token_first, inout uvec4 scales) {
    const uint packed = packed_tokens(token_first);
    uint bad = 0u;
    UNROLL for (uint j = 0u; j < 4u; ++j) {
        const bool inside = (packed & (1u << j)) != 0u;
        bad |= inside && scales[j] >= 0x7c000000u ? 1u << j : 0u;
        scales[j] = !inside ? 0u : scales[j] >= 0x7c000000u ? scales[j] & 0xffffu : scales[j];
    }
    return bad;
}
#endif
