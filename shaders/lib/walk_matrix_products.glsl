// Part of walk_matrix.comp: the products of a step, of codes and of f16.
#ifndef OCTAVO_WALK_MATRIX_PRODUCTS_GLSL
#define OCTAVO_WALK_MATRIX_PRODUCTS_GLSL

void score_codes(uvec4 keys[KEY_WORDS], inout fragment_c scores[4]) {
    UNROLL for (uint l = 0u; l < KEY_GROUPS; ++l) {
        UNROLL for (uint c = 0u; c < 8u; ++c) {
            const fragment_a query = query_fragment(l * 8u + c);
            const uint at = (l * KEY_BITS) % KEY_WORDS;
            UNROLL for (uint i = 0u; i < 4u; ++i) {
                const uint w0 = keys[at][i], w1 = keys[(at + 1u) % KEY_WORDS][i];
                const uint w2 = KEY_BITS > 2u ? keys[(at + 2u) % KEY_WORDS][i] : 0u;
                const uint w3 = KEY_BITS > 3u ? keys[(at + 3u) % KEY_WORDS][i] : 0u;
                scores[i] = multiply_add(query,
                                         make_b(code_halves(KEY_BITS, c, w0, w1, w2, w3),
                                                code_halves(KEY_BITS, c, w0 >> 8, w1 >> 8, w2 >> 8, w3 >> 8)),
                                         scores[i]);
            }
        }
    }
}

// f16 keys of four tokens; key_at: of the quad of word 0.
void score_raw(uint key_at, inout fragment_c scores[4]) {
    UNROLL for (uint l = 0u; l < KEY_GROUPS; ++l) {
        const uint group_at = key_at + min(4u * l + t, KEY_PAD / 32u - 1u) * (16u * OCTAVO_TILE_TOKENS / 4u);
        UNROLL for (uint c = 0u; c < 8u; ++c) {
            const uvec4 low = pool4[group_at + (2u * c) * (OCTAVO_TILE_TOKENS / 4u)];
            const uvec4 high = pool4[group_at + (2u * c + 1u) * (OCTAVO_TILE_TOKENS / 4u)];
            const fragment_a query = query_fragment(l * 8u + c);
            UNROLL for (uint i = 0u; i < 4u; ++i) {
                scores[i] = multiply_add(query, make_b(low[i], high[i]), scores[i]);
            }
        }
    }
}

void add_values(uint n, fragment_a channels, uvec2 weights) {
    result[n] = multiply_add(channels, make_b(weights.x, weights.y), result[n]);
}

void add_codes(uint page, uint m, uvec4 values[CHANNEL_SETS], uvec2 weights[STEP_WEIGHTS]) {
    UNROLL for (uint s = 0u; s < CHANNEL_SETS; ++s) {
        if (is_spread(m)) {
            const uint value_at = value_base(page) + 8u * s;
            const uvec4 w1 = pool4[value_at + VALUE_PAD / 4u], w2 = pool4[value_at + VALUE_PAD / 2u];
            UNROLL for (uint j = 0u; j < 4u; ++j) {
                values[s][j] = code_word_pair(VALUE_BITS, 3u, values[s][j], w1[j], w2[j], 0u);
            }
        } else if (VALUE_BITS == 2u) {
            values[s] >>= 4u * (m & 1u);
        }
        const uvec4 shifted = values[s] >> 8;
        UNROLL for (uint e = 0u; e < 2u; ++e) {
            const float unit = VALUE_UNIT / HALF_UNIT / float(1u << (e * (VALUE_BITS & 15u))), zero_term = -VALUE_ZERO * VALUE_UNIT;
            const uint mask = ((1u << (VALUE_BITS & 15u)) - 1u) * 0x00010001u << (e * (VALUE_BITS & 15u));
            uvec2 pairs[4];
            UNROLL for (uint j = 0u; j < 4u; ++j) {
                pairs[j] = uvec2(halves_multiply_add(values[s][j] & mask, unit, zero_term),
                                 halves_multiply_add(shifted[j] & mask, unit, zero_term));
            }
            UNROLL for (uint a = 0u; a < 2u; ++a) {
                const fragment_a channels = make_a(pairs[2u * a].x, pairs[2u * a].y, pairs[2u * a + 1u].x, pairs[2u * a + 1u].y);
                UNROLL for (uint h = 0u; h < HALVES; ++h) {
                    add_values((h * CHANNEL_SETS + s) * 2u + a, channels, weights[h * 2u + e]);
                }
            }
        }
    }
}

bool has_infinite_half(uint pair) {
    return (pair & 0x7c00u) == 0x7c00u || (pair & 0x7c000000u) == 0x7c000000u;
}

uint finite_halves(uint pair) {
    return ((pair & 0x7c00u) == 0x7c00u ? 0u : pair & 0xffffu) | ((pair & 0x7c000000u) == 0x7c000000u ? 0u : pair & 0xffff0000u);
}

// f16 values. Those that are not finite are left out of the products, where they would reach rows that do not see their
// token; returns the tokens (of this lane's eight) that have some.
uint add_raw(uvec4 values[RAW_VALUE_QUADS], uvec2 weights[STEP_WEIGHTS]) {
    uint bad = 0u;
    UNROLL for (uint s = 0u; s < CHANNEL_SETS; ++s) {
        UNROLL for (uint e = 0u; e < 2u; ++e) {
            uvec4 low = values[(4u * s + 2u * e) % RAW_VALUE_QUADS], high = values[(4u * s + 2u * e + 1u) % RAW_VALUE_QUADS];
            bool any_bad = false;
            UNROLL for (uint j = 0u; j < 4u; ++j) {
                any_bad = any_bad || has_infinite_half(low[j]) || has_infinite_half(high[j]);
            }
            if (any_bad) {
                [[dont_unroll]] for (uint j = 0u; j < 4u; ++j) {
                    bad |= ((low[j] & 0x7c00u) == 0x7c00u ? 1u : 0u) << (4u * e);
                    bad |= ((low[j] & 0x7c000000u) == 0x7c000000u ? 2u : 0u) << (4u * e);
                    bad |= ((high[j] & 0x7c00u) == 0x7c00u ? 4u : 0u) << (4u * e);
                    bad |= ((high[j] & 0x7c000000u) == 0x7c000000u ? 8u : 0u) << (4u * e);
                    low[j] = finite_halves(low[j]);
                    high[j] = finite_halves(high[j]);
                }
            }
            UNROLL for (uint a = 0u; a < 2u; ++a) {
                const fragment_a channels = make_a(low[2u * a], high[2u * a], low[2u * a + 1u], high[2u * a + 1u]);
                UNROLL for (uint h = 0u; h < HALVES; ++h) {
                    add_values((h * CHANNEL_SETS + s) * 2u + a, channels, weights[h * 2u + e]);
                }
            }
        }
    }
    return bad;
}

// Rows that see a token whose V is not finite.
void poison_rows(uint bad, float x[HALVES][8], bool may_hide) {
    [[dont_unroll]] for (uint j = 0u; j < 8u; ++j) {
        // of the eight lanes of this lane's tokens
        float found = (bad & (1u << j)) != 0u ? 1.0 : 0.0;
        [[dont_unroll]] for (uint distance = 4u; distance < 32u; distance *= 2u) {
            found = max(found, shuffled(found, lane_in_subgroup() ^ distance));
        }
        UNROLL for (uint h = 0u; h < HALVES; ++h) {
            running_sum[h] += found > 0.0 && !(may_hide && x[h][j] == 0.0) ? uintBitsToFloat(0x7fc00000u) : 0.0;
        }
    }
}
#endif
