// Part of walk_matrix.comp: the tokens that are read from the f16 window, sixteen at a time; token n of a chunk is row n of
// the product of scores.
#ifndef OCTAVO_WALK_MATRIX_WINDOW_GLSL
#define OCTAVO_WALK_MATRIX_WINDOW_GLSL

// Four f16 keys as the query's channels are paired, divided by the power of two that the query was divided by.
uvec2 window_pairs(uvec2 keys) {
    return RAW_KEYS ? keys : uvec2((keys.x & 0xffffu) | (keys.y << 16), (keys.x >> 16) | (keys.y & 0xffff0000u));
}

// A pair of halves of the query times the power of two that it was divided by.
uint restored(uint pair, float power) {
    return packHalf2x16(unpackHalf2x16(pair) * power);
}

// Scores of the tokens whose K rows lie at the words[0] (row g) and words[1] (row g + 8).
void score_window(uint words[2], out fragment_c scores[HALVES]) {
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        scores[h] = fragment_c(0.0);
    }
    [[dont_unroll]] for (uint first = 0u; first < KEY_STEPS; first += 4u) {
        uvec2 keys[8];
        UNROLL for (uint j = 0u; j < 8u; ++j) { // loads first, so that they overlap
            const uint at = words[j & 1u] + min(16u * (4u * (first >> 3) + t) + 2u * ((first + (j >> 1)) & 7u), WINDOW_KEY_WORDS - 2u);
            keys[j] = window_pairs(uvec2(pool[at], pool[at + 1u]));
        }
        UNROLL for (uint j = 0u; j < 4u; ++j) {
            const uint step = first + j;
            const float power = float(1u << halves_shift(KEY_BITS, step & 7u));
            const fragment_a a = make_a(keys[2u * j].x, keys[2u * j].y, keys[2u * j + 1u].x, keys[2u * j + 1u].y);
            UNROLL for (uint h = 0u; h < HALVES; ++h) {
                const uvec2 query = area[(h * KEY_STEPS + step) * 32u + lane_in_subgroup()];
                scores[h] = multiply_add(a, make_b(restored(query.x, power), restored(query.y, power)), scores[h]);
            }
        }
    }
}

// Adds the values of the chunk, weighted relative to 2^running_max; the V rows lie at words[i], tokens t, t + 8, t + 4, t + 12.
void add_window(uint words[4], uvec2 weights[HALVES]) {
    UNROLL for (uint s = 0u; s < CHANNEL_SETS; ++s) {
        UNROLL for (uint a = 0u; a < 2u; ++a) {
            uint pairs[4]; // a pair of channels
            UNROLL for (uint i = 0u; i < 4u; ++i) {
                const uint pair = pool[words[i] + 16u * s + 2u * g + a];
                // a row that is not finite makes NaN of the rows that see it by their logits
                pairs[i] = (pair & 0x7c00u) == 0x7c00u ? 0u : pair;
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

// Tokens first .. first + count - 1, at most sixteen.
void walk_window_chunk(octavo_tile_range window, uint first, uint count) {
    uint tokens[2], words[2]; // of the rows g and g + 8
    bool finite[2];
    UNROLL for (uint b = 0u; b < 2u; ++b) {
        words[b] = window_word(share.sequence, window, head, first + min(g + 8u * b, count - 1u), tokens[b]);
        // a row of V that is not finite is NaN in all channels
        finite[b] = (pool[words[b] + WINDOW_KEY_WORDS] & 0x7c00u) != 0x7c00u;
    }
    fragment_c scores[HALVES];
    score_window(words, scores);
    vec2 x[HALVES * 2u], largest[HALVES]; // [half][token]
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        UNROLL for (uint b = 0u; b < 2u; ++b) {
            const vec2 sum = vec2(scores[h][2u * b], scores[h][2u * b + 1u]);
            vec2 logit = finish_logits(h, sum * (logit_scale[h] * KEY_UNIT) + logit_mean[h]);
            UNROLL for (uint odd = 0u; odd < 2u; ++odd) {
                const uint row = lane_row(h, odd);
                const bool sees = row_is_empty(row) ? mask_empty_mode(push.mask) != 0u : mask_sees(push.mask, row_position(share.sequence, row), tokens[b]);
                logit[odd] = g + 8u * b >= count || !sees ? UNSEEN : finite[b] ? logit[odd] : uintBitsToFloat(0x7fc00000u);
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
        weights[h] = uvec2(take_weights(h, 0u, t).x, take_weights(h, 0u, t + 4u).x);
    }
    team_sync();
    uint value_words[4];
    UNROLL for (uint i = 0u; i < 4u; ++i) {
        value_words[i] = floatBitsToUint(shuffled(uintBitsToFloat(words[i & 1u]), 4u * (t + 4u * (i >> 1)))) + WINDOW_KEY_WORDS;
    }
    add_window(value_words, weights);
}

// Teams take chunks in turn, from the last team on: the first ones have the steps of a short share.
void walk_window(octavo_tile_range window) {
    [[dont_unroll]] for (uint first = 16u * (TEAMS - 1u - team); first < window.count; first += 16u * TEAMS) {
        walk_window_chunk(window, window.first + first, min(16u, window.count - first));
    }
}
#endif
