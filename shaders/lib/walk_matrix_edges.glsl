// Part of walk_matrix.comp: what the ends of a list hide.
#ifndef OCTAVO_WALK_MATRIX_EDGES_GLSL
#define OCTAVO_WALK_MATRIX_EDGES_GLSL

// Of the rows of a half: which of four tokens they see.
uvec2 seen_tokens(mask_span spans[2], uint token_first) {
    return uvec2(span_four(spans[0], token_first), span_four(spans[1], token_first)) & packed_tokens(token_first);
}

void load_spans(uint h, out mask_span spans[2]) {
    UNROLL for (uint odd = 0u; odd < 2u; ++odd) {
        spans[odd] = row_span(lane_row(h, odd));
    }
}

// Bit j of bad: the V of token j is not finite.
void poison_rows(uint h, uvec2 seen, uint bad) {
    const float not_a_number = uintBitsToFloat(0x7fc00000u);
    running_sum[h] += vec2((bad & seen.x) != 0u ? not_a_number : 0.0, (bad & seen.y) != 0u ? not_a_number : 0.0);
}

// At the ends of a list; tile_first: the tile's first token, m: the step in the tile.
void hide_tokens(uint tile_first, uint m, inout uvec4 scales[SETS], inout vec2 x[QUAD_LOGITS]) {
    uint bad[SETS];
    UNROLL for (uint u = 0u; u < SETS; ++u) {
        bad[u] = clear_scales(tile_first + 4u * token_quad(m, u), scales[u]);
    }
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        mask_span spans[2];
        load_spans(h, spans);
        UNROLL for (uint u = 0u; u < SETS; ++u) {
            const uvec2 seen = seen_tokens(spans, tile_first + 4u * token_quad(m, u));
            UNROLL for (uint j = 0u; j < 4u; ++j) {
                const uint n = 4u * (u * HALVES + h) + j;
                x[n] = vec2((seen.x & (1u << j)) != 0u ? x[n].x : UNSEEN, (seen.y & (1u << j)) != 0u ? x[n].y : UNSEEN);
            }
            poison_rows(h, seen, bad[u]);
        }
    }
}
#endif
