// Part of walk_matrix.comp: the tokens that are read from the f16 window, 32 at a time; lane t has token 8 t + 4 e + i of
// them in column 2 t + e of product i.
#ifndef OCTAVO_WALK_MATRIX_WINDOW_GLSL
#define OCTAVO_WALK_MATRIX_WINDOW_GLSL

// The channels of word pair u, as pairs (0, 2) and (1, 3).
uvec2 crossed(uvec2 u) {
    return uvec2((u.x & 0xffffu) | (u.y << 16), (u.x >> 16) | (u.y & 0xffff0000u));
}

void score_window(octavo_tile_range window, uint first, uint count, out fragment_c scores[4]) {
    float factor[2] = float[2](0.0, 0.0);
    [[unroll]] for (uint h = 0u; h < HALVES; ++h) {
        factor[h] = query_factor(h);
    }
    uint words[4];
    [[unroll]] for (uint i = 0u; i < 4u; ++i) {
        uint token;
        words[i] = window_word(sequence, window, head, first + min(4u * g + i, count - 1u), token);
        scores[i] = fragment_c(0.0);
    }
    [[dont_unroll]] for (uint k = 0u; k < KEY_GROUPS * 8u; ++k) {
        const uint group = 4u * (k >> 3) + t, c = k & 7u, at = min(16u * group + 2u * c, WINDOW_KEY_WORDS - 2u);
        uvec2 pairs[2] = uvec2[2](uvec2(0u), uvec2(0u));
        [[unroll]] for (uint h = 0u; h < HALVES; ++h) {
            pairs[h] = query_halves(h, group, c, factor[h]);
        }
        const fragment_a a = make_a(pairs[0].x, pairs[0].y, pairs[1].x, pairs[1].y);
        [[unroll]] for (uint i = 0u; i < 4u; ++i) {
            const uvec2 key = crossed(uvec2(pool[words[i] + at], pool[words[i] + at + 1u]));
            scores[i] = multiply_add(a, make_b(key.x, key.y), scores[i]);
        }
    }
}

// Adds the weighted values in f32.
void add_window(octavo_tile_range window, uint first, uint count) {
    const float inverse = 1.0 / value_reference;
    for (uint n = 0u; n < count; ++n) {
        uint token;
        const uint at = window_word(sequence, window, head, first + n, token) + WINDOW_KEY_WORDS + 2u * g;
        [[unroll]] for (uint s = 0u; s < CHANNEL_SETS; ++s) {
            const vec2 low = unpackHalf2x16(pool[at + 16u * s]), high = unpackHalf2x16(pool[at + 16u * s + 1u]);
            [[unroll]] for (uint h = 0u; h < HALVES; ++h) {
                [[unroll]] for (uint j = 0u; j < 2u; ++j) {
                    const float p = window_weights[(2u * t + j + 8u * h) * 32u + n] * inverse;
                    const uint at_result = (h * CHANNEL_SETS + s) * 2u;
                    // select: a token that the row does not see may hold NaN
                    result[at_result][j] += p > 0.0 ? p * low.x : 0.0;
                    result[at_result][2u + j] += p > 0.0 ? p * low.y : 0.0;
                    result[at_result + 1u][j] += p > 0.0 ? p * high.x : 0.0;
                    result[at_result + 1u][2u + j] += p > 0.0 ? p * high.y : 0.0;
                }
            }
        }
    }
}

void walk_window(octavo_tile_range window) {
    if (value_reference == 0.0) {
        value_reference = 1.0;
        value_inverse = 1.0;
    }
    for (uint chunk = 0u; chunk < window.count; chunk += 32u) {
        const uint first = window.first + chunk, count = min(32u, window.count - chunk);
        fragment_c scores[4];
        score_window(window, first, count, scores);
        float factor[2] = float[2](1.0, 1.0);
        [[unroll]] for (uint h = 0u; h < HALVES; ++h) {
            float x[8];
            [[unroll]] for (uint e = 0u; e < 2u; ++e) {
                [[unroll]] for (uint i = 0u; i < 4u; ++i) {
                    const uint n = 8u * t + 4u * e + i;
                    uint token;
                    const uint word = window_word(sequence, window, head, first + min(n, count - 1u), token);
                    const float logit = finish_logit(h, scores[i][2u * h + e] * logit_scale[h] + logit_mean[h]);
                    // a row of V that is not finite is NaN in all channels
                    const bool finite = (pool[word + WINDOW_KEY_WORDS] & 0x7c00u) != 0x7c00u;
                    const bool seen = n < count && row_sees(h, token);
                    x[4u * e + i] = seen ? (finite ? logit : uintBitsToFloat(0x7fc00000u)) : UNSEEN;
                }
            }
            factor[h] = weigh(h, x, true);
            [[unroll]] for (uint j = 0u; j < 8u; ++j) {
                window_weights[(g + 8u * h) * 32u + 8u * t + j] = x[j];
            }
        }
        scale_results(factor);
        team_sync();
        add_window(window, first, count);
        team_sync();
    }
}
#endif
