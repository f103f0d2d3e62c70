// Part of walk_matrix.comp: the tokens that are read from the f16 window, eight at a time; token n of a chunk is column n of
// the product of scores.
#ifndef OCTAVO_WALK_MATRIX_WINDOW_GLSL
#define OCTAVO_WALK_MATRIX_WINDOW_GLSL

// A pair of halves of the query times the power of two that it was divided by.
uint restored(uint pair, float power) {
    return packHalf2x16(unpackHalf2x16(pair) * power);
}

// Scores of the token whose K row lies at `word`, for column g.
fragment_c score_window(uint word) {
    fragment_c scores = fragment_c(0.0);
    [[dont_unroll]] for (uint first = 0u; first < KEY_STEPS; first += 4u) {
        uvec2 keys[4];
        UNROLL for (uint j = 0u; j < 4u; ++j) { // loads first, so that they overlap
            const uint at = word + min(16u * (4u * (first >> 3) + t) + 2u * ((first + j) & 7u), WINDOW_KEY_WORDS - 2u);
            keys[j] = uvec2(pool[at], pool[at + 1u]);
        }
        UNROLL for (uint j = 0u; j < 4u; ++j) {
            const uint step = first + j;
            const float power = float(1u << halves_shift(KEY_BITS, step & 7u));
            const uvec2 low = shared_query[step * 32u + lane_in_subgroup()];
            const uvec2 high = HALVES > 1u ? shared_query[(KEY_STEPS + step) * 32u + lane_in_subgroup()] : uvec2(0u);
            const fragment_a a = make_a(restored(low.x, power), restored(low.y, power), restored(high.x, power), restored(high.y, power));
            // channels paired as those of the query
            const fragment_b b = RAW_KEYS ? make_b(keys[j].x, keys[j].y) : make_b((keys[j].x & 0xffffu) | (keys[j].y << 16), (keys[j].x >> 16) | (keys[j].y & 0xffff0000u));
            scores = multiply_add(a, b, scores);
        }
    }
    return scores;
}

// Adds the weighted values of token n of the chunk, whose V row lies at `word`, in f32.
void add_window(uint n, uint word) {
    UNROLL for (uint s = 0u; s < CHANNEL_SETS; ++s) {
        const vec2 low = unpackHalf2x16(pool[word + 16u * s + 2u * g]), high = unpackHalf2x16(pool[word + 16u * s + 2u * g + 1u]);
        UNROLL for (uint h = 0u; h < HALVES; ++h) {
            UNROLL for (uint j = 0u; j < 2u; ++j) {
                const float p = window_weights[((team * HALVES + h) * 8u + 2u * t + j) * 8u + n] * VALUE_UNIT;
                const uint at = (h * CHANNEL_SETS + s) * 2u;
                // select: a token that the row does not see may hold NaN
                result[at][j] += p > 0.0 ? p * low.x : 0.0;
                result[at][2u + j] += p > 0.0 ? p * low.y : 0.0;
                result[at + 1u][j] += p > 0.0 ? p * high.x : 0.0;
                result[at + 1u][2u + j] += p > 0.0 ? p * high.y : 0.0;
            }
        }
    }
}

// Tokens first .. first + count - 1, at most eight.
void walk_window_chunk(octavo_tile_range window, uint first, uint count) {
    uint token; // of column g
    const uint word = window_word(sequence, window, head, first + min(g, count - 1u), token);
    // a row of V that is not finite is NaN in all channels
    const bool finite = (pool[word + WINDOW_KEY_WORDS] & 0x7c00u) != 0x7c00u;
    const fragment_c scores = score_window(word);
    float x[HALVES][8], largest[2];
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        UNROLL for (uint j = 0u; j < 8u; ++j) {
            x[h][j] = UNSEEN;
        }
        UNROLL for (uint j = 0u; j < 2u; ++j) {
            // of column 2 t + j
            const uint column = 4u * (2u * t + j), column_token = floatBitsToUint(shuffled(uintBitsToFloat(token), column));
            const bool column_finite = shuffled(finite ? 1.0 : 0.0, column) > 0.0;
            const float logit = finish_logit(h, scores[2u * h + j] * (logit_scale[h] * KEY_UNIT) + logit_mean[h]);
            const bool seen = 2u * t + j < count && row_sees(h, column_token);
            x[h][j] = seen ? (column_finite ? logit : uintBitsToFloat(0x7fc00000u)) : UNSEEN;
        }
        largest[h] = largest_of(x[h]);
    }
    raise(largest, 0.0);
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        weigh(h, x[h], true);
        UNROLL for (uint j = 0u; j < 2u; ++j) {
            window_weights[((team * HALVES + h) * 8u + g) * 8u + 2u * t + j] = x[h][j];
        }
    }
    team_sync();
    [[dont_unroll]] for (uint n = 0u; n < count; ++n) {
        add_window(n, floatBitsToUint(shuffled(uintBitsToFloat(word), 4u * n)) + WINDOW_KEY_WORDS);
    }
    team_sync();
}

// Teams take chunks in turn.
void walk_window(octavo_tile_range window) {
    [[dont_unroll]] for (uint first = 8u * team; first < window.count; first += 8u * TEAMS) {
        walk_window_chunk(window, window.first + first, min(8u, window.count - first));
    }
}
#endif
