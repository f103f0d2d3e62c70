// Part of walk.comp: dots of the keys of a quad of tokens with the rows of a lane group, into scores[].
#ifndef OCTAVO_WALK_SCORES_GLSL
#define OCTAVO_WALK_SCORES_GLSL

uint load_word(uint tile, const uint W, const uint rows, uint row, uint w) {
    return pool[tile + tile_word(W, rows, row, w)];
}

// Words 4 n .. 4 n + 3 of a row; those at or beyond W are 0.
uvec4 load_part(uint tile, const uint W, const uint rows, uint row, const uint n) {
    const uint parts = W / 4u;
    if (n < parts) {
        return pool4[(tile >> 2) + n * rows + row];
    }
    const uint at = tile + parts * rows * 4u + row * (W & 3u), tail = W - 4u * parts;
    return uvec4(tail > 0u ? pool[at] : 0u, tail > 1u ? pool[at + 1u] : 0u, tail > 2u ? pool[at + 2u] : 0u, 0u);
}

#ifdef OCTAVO_INT_DOT
// Dots of twice the levels of the keys of tokens row_first .. + TOKENS of the tile with the query integers.
void score_int(uint tile, uint row_first) {
    int sums[TOKENS * LANE_ROWS * PARTS];
    [[unroll]] for (uint i = 0u; i < TOKENS * LANE_ROWS * PARTS; ++i) {
        sums[i] = 0;
    }
    // four groups (128 channels) are KEY_BITS whole parts; the last chunk may have fewer groups
    [[dont_unroll]] for (uint chunk = 0u; chunk < (KEY_PAD + 127u) / 128u; ++chunk) {
        uint words[TOKENS * 16u];
        [[unroll]] for (uint t = 0u; t < TOKENS; ++t) {
            [[unroll]] for (uint n = 0u; n < 4u; ++n) {
                if (n < KEY_BITS && chunk * KEY_BITS + n < (KEY_ROW_WORDS + 3u) / 4u) {
                    const uvec4 part = load_part(tile, KEY_ROW_WORDS, OCTAVO_TILE_TOKENS, row_first + t, chunk * KEY_BITS + n);
                    words[t * 16u + n * 4u] = part.x;
                    words[t * 16u + n * 4u + 1u] = part.y;
                    words[t * 16u + n * 4u + 2u] = part.z;
                    words[t * 16u + n * 4u + 3u] = part.w;
                }
            }
        }
        [[unroll]] for (uint g = 0u; g < 4u; ++g) {
            if (4u * chunk + g < KEY_PAD / 32u) {
                [[unroll]] for (uint half_group = 0u; half_group < 2u; ++half_group) {
                    uint codes[TOKENS * 4u];
                    [[unroll]] for (uint t = 0u; t < TOKENS; ++t) {
                        const uint at = t * 16u + g * KEY_BITS;
                        [[unroll]] for (uint c = 0u; c < 4u; ++c) {
                            codes[t * 4u + c] =
                                codes_of(KEY_BITS, half_group * 4u + c, words[at], words[at + 1u],
                                         KEY_BITS > 2u ? words[at + 2u] : 0u, KEY_BITS > 3u ? words[at + 3u] : 0u);
                        }
                    }
                    [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
                        [[unroll]] for (uint part = 0u; part < PARTS; ++part) {
                            const uvec4 q = shared_query[(row_of(k) * QUERY_WORDS + part * (KEY_PAD / 4u)) / 4u +
                                                         (4u * chunk + g) * 2u + half_group];
                            [[unroll]] for (uint t = 0u; t < TOKENS; ++t) {
                                int sum = sums[(t * LANE_ROWS + k) * PARTS + part];
                                [[unroll]] for (uint c = 0u; c < 4u; ++c) {
                                    sum = dot_s8(codes[t * 4u + c], q[c], sum);
                                }
                                sums[(t * LANE_ROWS + k) * PARTS + part] = sum;
                            }
                        }
                    }
                }
            }
        }
    }
    [[unroll]] for (uint t = 0u; t < TOKENS; ++t) {
        [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
            const uint i = (t * LANE_ROWS + k) * PARTS;
            const int sum = PARTS == 1u ? sums[i] : 128 * sums[i] + sums[i + PARTS - 1u];
            scores[t * LANE_ROWS + k] = float(2 * sum - row_offset[k]);
        }
    }
}
#endif

// The same in f32: dots of levels (or f16 values) with the query.
void score_float(uint tile, uint row_first) {
    const float zero = float((1u << (KEY_BITS & 15u)) - 1u) * 0.5;
    [[unroll]] for (uint i = 0u; i < TOKENS * LANE_ROWS; ++i) {
        scores[i] = 0.0;
    }
    [[dont_unroll]] for (uint g = 0u; g < KEY_PAD / 32u; ++g) {
        [[unroll]] for (uint t = 0u; t < TOKENS; ++t) {
            const uint row = row_first + t;
            uint words[4];
            if (KEY_BITS < 16u) {
                [[unroll]] for (uint n = 0u; n < 4u; ++n) {
                    words[n] = n < KEY_BITS ? load_word(tile, KEY_ROW_WORDS, OCTAVO_TILE_TOKENS, row, g * KEY_BITS + n) : 0u;
                }
            }
            [[unroll]] for (uint c = 0u; c < 8u; ++c) {
                vec4 key;
                if (KEY_BITS < 16u) {
                    const uint codes = codes_of(KEY_BITS, c, words[0], words[1], words[2], words[3]);
                    key = vec4(float(codes & 0xffu), float((codes >> 8) & 0xffu), float((codes >> 16) & 0xffu), float(codes >> 24)) - zero;
                } else {
                    key = vec4(unpackHalf2x16(load_word(tile, KEY_ROW_WORDS, OCTAVO_TILE_TOKENS, row, g * 16u + 2u * c)),
                               unpackHalf2x16(load_word(tile, KEY_ROW_WORDS, OCTAVO_TILE_TOKENS, row, g * 16u + 2u * c + 1u)));
                }
                [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
                    const vec4 q = uintBitsToFloat(shared_query[(row_of(k) * KEY_PAD) / 4u + g * 8u + c]);
                    scores[t * LANE_ROWS + k] += dot(key, q);
                }
            }
        }
    }
}
#endif
