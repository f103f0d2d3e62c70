// Part of walk_matrix.comp: the tokens that are read from the f16 window, sixteen at a time; token n of a chunk is row n of
// the product of scores.
#ifndef OCTAVO_WALK_MATRIX_WINDOW_GLSL
#define OCTAVO_WALK_MATRIX_WINDOW_GLSL

const uint WINDOW_KEYS = 8u * KEY_GROUPS, WINDOW_VALUES = 4u * CHANNEL_SETS; // quads of words, and pairs, of a lane

// Tokens of this lane in a chunk, the rows g and g + 8, and the words where their K parts lie.
struct window_rows {
    uint tokens[2], words[2];
};

// Tokens of the chunk that begins `first` tokens behind a window's begin.
uint chunk_tokens(octavo_tile_range window, uint first) {
    return min(16u, window.count - first);
}

window_rows place_window(octavo_tile_range window, uint first) {
    window_rows rows;
    UNROLL for (uint b = 0u; b < 2u; ++b) {
        const uint n = first + min(g + 8u * b, chunk_tokens(window, first) - 1u);
        rows.words[b] = window_word(share().sequence, window, head, window.first + n, rows.tokens[b]);
    }
    return rows;
}

// Of each group of 32 channels of this lane four quads of words of both rows.
void load_window_keys(window_rows rows, out uvec4 keys[WINDOW_KEYS]) {
    UNROLL for (uint n = 0u; n < WINDOW_KEYS; ++n) {
        const uint group_at = min(16u * (4u * (n >> 3) + t), WINDOW_KEY_WORDS - 16u);
        keys[n] = pool4[(rows.words[n & 1u] + group_at) / 4u + ((n & 7u) >> 1)];
    }
}

// Four channels of each set of the tokens t, t + 8, t + 4 and t + 12.
void load_window_values(window_rows rows, out uvec2 values[WINDOW_VALUES]) {
    UNROLL for (uint i = 0u; i < 4u; ++i) {
        const uint key_word = floatBitsToUint(shuffled(uintBitsToFloat(rows.words[i & 1u]), 4u * (t + 4u * (i >> 1))));
        UNROLL for (uint s = 0u; s < CHANNEL_SETS; ++s) {
            values[4u * s + i] = pool2[(key_word + WINDOW_KEY_WORDS) / 2u + 8u * s + g];
        }
    }
}

// Four f16 keys as the query's channels are paired.
uvec2 window_pairs(uvec2 keys) {
    return RAW_KEYS ? keys : uvec2((keys.x & 0xffffu) | (keys.y << 16), (keys.x >> 16) | (keys.y & 0xffff0000u));
}

void score_window(uvec4 keys[WINDOW_KEYS], out fragment_c scores[HALVES]) {
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        scores[h] = fragment_c(0.0);
    }
    UNROLL for (uint step = 0u; step < KEY_STEPS; ++step) {
        const uvec4 low = keys[step & ~1u], high = keys[step | 1u];
        const uvec2 low_pairs = window_pairs((step & 1u) == 0u ? low.xy : low.zw);
        const uvec2 high_pairs = window_pairs((step & 1u) == 0u ? high.xy : high.zw);
        const fragment_a tokens = make_a(low_pairs.x, low_pairs.y, high_pairs.x, high_pairs.y);
        const float power = float(1u << halves_shift(KEY_BITS, step & 7u)); // that the query was divided by
        UNROLL for (uint h = 0u; h < HALVES; ++h) {
            const uvec2 query = area[(h * KEY_STEPS + step) * 32u + lane_in_subgroup()];
            scores[h] = multiply_add(tokens, make_b(halves_multiply(query.x, power), halves_multiply(query.y, power)), scores[h]);
        }
    }
}

// Rows of V that are not finite are NaN in all channels; they make NaN of the rows that see them by their logits.
bool is_finite_row(uint word) {
    return (word & 0x7c00u) != 0x7c00u;
}

// Adds the values, weighted relative to 2^running_max.
void add_window(uvec2 values[WINDOW_VALUES], uvec2 weights[HALVES]) {
    uint mask[4];
    UNROLL for (uint i = 0u; i < 4u; ++i) {
        mask[i] = is_finite_row(values[i].x) ? 0xffffffffu : 0u;
    }
    UNROLL for (uint s = 0u; s < CHANNEL_SETS; ++s) {
        UNROLL for (uint a = 0u; a < 2u; ++a) {
            uint pairs[4]; // a pair of channels
            UNROLL for (uint i = 0u; i < 4u; ++i) {
                pairs[i] = values[4u * s + i][a] & mask[i];
            }
            const fragment_a channels = make_a((pairs[0] & 0xffffu) | (pairs[1] << 16), (pairs[2] & 0xffffu) | (pairs[3] << 16),
                                               (pairs[0] >> 16) | (pairs[1] & 0xffff0000u), (pairs[2] >> 16) | (pairs[3] & 0xffff0000u));
            UNROLL for (uint h = 0u; h < HALVES; ++h) {
                const fragment_c sums = multiply_add(channels, make_b(weights[h].x, weights[h].y), fragment_c(0.0));
                UNROLL for (uint j = 0u; j < 4u; ++j) {
                    result[h * CHANNEL_SETS * 2u + 2u * s + a][j] += sums[j] * (VALUE_UNIT / value_reference);
                }
            }
        }
    }
}

// A chunk of `count` tokens.
void walk_window(window_rows rows, uint count) {
    uvec4 keys[WINDOW_KEYS];
    uvec2 values[WINDOW_VALUES];
    bool finite[2];
    load_window_keys(rows, keys);
    UNROLL for (uint b = 0u; b < 2u; ++b) {
        finite[b] = is_finite_row(pool[rows.words[b] + WINDOW_KEY_WORDS]);
    }
    load_window_values(rows, values);
    fragment_c scores[HALVES];
    score_window(keys, scores);
    vec2 x[HALVES * 2u], largest[HALVES]; // [half][token]
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        mask_span spans[2];
        load_spans(h, spans);
        UNROLL for (uint b = 0u; b < 2u; ++b) {
            const vec2 sum = vec2(scores[h][2u * b], scores[h][2u * b + 1u]);
            vec2 logit = finish_logits(h, sum * (logit_scale[h] * KEY_UNIT) + logit_mean[h]);
            UNROLL for (uint odd = 0u; odd < 2u; ++odd) {
                logit[odd] = g + 8u * b >= count || !span_has(spans[odd], int(rows.tokens[b])) ? UNSEEN : finite[b] ? logit[odd] : uintBitsToFloat(0x7fc00000u);
            }
            x[2u * h + b] = logit;
        }
        largest[h] = max(x[2u * h], x[2u * h + 1u]);
    }
    raise(largest, 0.0);
    vec2 zero[HALVES];
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        zero[h] = vec2(0.0);
    }
    rescale_results(zero);
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        const vec2 low = exp2(x[2u * h] - exponent[h]), high = exp2(x[2u * h + 1u] - exponent[h]);
        running_sum[h] += low + high;
        leave_weights(h, 0u, uvec4(packHalf2x16(vec2(low.x, high.x) * value_reference), 0u, packHalf2x16(vec2(low.y, high.y) * value_reference), 0u));
    }
    team_sync();
    uvec2 weights[HALVES]; // tokens t and t + 8, then t + 4 and t + 12
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        weights[h] = uvec2(area[g + quad_at(h, 0u, t)].x, area[g + quad_at(h, 0u, t + 4u)].x);
    }
    team_sync();
    add_window(values, weights);
}
#endif
