// Part of walk_matrix.comp: the products of a step, of codes and of f16.
#ifndef OCTAVO_WALK_MATRIX_PRODUCTS_GLSL
#define OCTAVO_WALK_MATRIX_PRODUCTS_GLSL

// Codes 4 c .. 4 c + 3 of a lane's group of the token j of set u, as pairs (0, 2) and (1, 3).
uvec2 key_pairs(uint l, uint c, uint u, uint j) {
    const uint at = u * KEY_WORDS + l * KEY_BITS;
    const uint w0 = key_quads[at % KEY_QUADS][j], w1 = key_quads[(at + 1u) % KEY_QUADS][j];
    const uint w2 = KEY_BITS > 2u ? key_quads[(at + 2u) % KEY_QUADS][j] : 0u;
    const uint w3 = KEY_BITS > 3u ? key_quads[(at + 3u) % KEY_QUADS][j] : 0u;
    return uvec2(code_halves(KEY_BITS, c, w0, w1, w2, w3), code_halves(KEY_BITS, c, w0 >> 8, w1 >> 8, w2 >> 8, w3 >> 8));
}

void score_codes(inout fragment_c scores[SCORES]) {
    UNROLL for (uint l = 0u; l < KEY_GROUPS; ++l) {
        UNROLL for (uint c = 0u; c < 8u; ++c) {
            fragment_b query[HALVES];
            UNROLL for (uint h = 0u; h < HALVES; ++h) {
                query[h] = query_fragment(h, l * 8u + c);
            }
            UNROLL for (uint u = 0u; u < SETS; ++u) {
                UNROLL for (uint i = 0u; i < 2u; ++i) {
                    const uvec2 low = key_pairs(l, c, u, token_of(i, 0u)), high = key_pairs(l, c, u, token_of(i, 1u));
                    const fragment_a tokens = make_a(low.x, low.y, high.x, high.y);
                    UNROLL for (uint h = 0u; h < HALVES; ++h) {
                        const uint n = 2u * (u * HALVES + h) + i;
                        scores[n] = multiply_add(tokens, query[h], scores[n]);
                    }
                }
            }
        }
    }
}

// f16 keys of four tokens; key_at: of the quad of word 0.
void score_raw(uint key_at, inout fragment_c scores[SCORES]) {
    UNROLL for (uint l = 0u; l < KEY_GROUPS; ++l) {
        const uint group_at = key_at + min(4u * l + t, KEY_PAD / 32u - 1u) * (16u * OCTAVO_TILE_TOKENS / 4u);
        UNROLL for (uint c = 0u; c < 8u; ++c) {
            const uvec4 low = pool4[group_at + (2u * c) * (OCTAVO_TILE_TOKENS / 4u)];
            const uvec4 high = pool4[group_at + (2u * c + 1u) * (OCTAVO_TILE_TOKENS / 4u)];
            UNROLL for (uint h = 0u; h < HALVES; ++h) {
                const fragment_b query = query_fragment(h, l * 8u + c);
                UNROLL for (uint i = 0u; i < 2u; ++i) {
                    const uint j = token_of(i, 0u), k = token_of(i, 1u);
                    scores[2u * h + i] = multiply_add(make_a(low[j], high[j], low[k], high[k]), query, scores[2u * h + i]);
                }
            }
        }
    }
}

// O^T of channels `n` of each half by the tokens of fragment x of the pair of codes u.
void add_values(uint n, uint u, uint x, fragment_a channels, uvec4 weights[PARTS]) {
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        const uint at = h * CHANNEL_SETS * 2u + n, part = u * HALVES + h;
        result[at] = multiply_add(channels, make_b(weights[part][x], weights[part][2u + x]), result[at]);
    }
}

// The tokens of a lane in a word: code 0 at bit 0 of each byte (low pairs), code 1 at bit VALUE_BITS (high pairs).
uint value_pairs(uint word, uint code) {
    return word & (VALUE_MASK << (code * (VALUE_BITS & 15u)));
}

// Step m. Weights of odd codes are divided by the power of two that their values have.
void add_codes(uint m, uvec4 weights[PARTS]) {
    vec2 zero[HALVES];
    const fragment_a levels = make_a(VALUE_MASK, value_pairs(VALUE_MASK << (VALUE_BITS & 15u), 1u), VALUE_MASK,
                                     value_pairs(VALUE_MASK << (VALUE_BITS & 15u), 1u));
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        fragment_c sums = fragment_c(0.0);
        UNROLL for (uint u = 0u; u < SETS; ++u) {
            UNROLL for (uint x = 0u; x < 2u; ++x) {
                const uint part = u * HALVES + h;
                weights[part][2u + x] = halves_multiply(weights[part][2u + x], 1.0 / float(1u << (VALUE_BITS & 15u)));
                sums = multiply_add(levels, make_b(weights[part][x], weights[part][2u + x]), sums);
            }
        }
        zero[h] = vec2(sums[0], sums[1]) * 0.5;
    }
    rescale_results(zero);
    const uint last = SETS - 1u;
    if (is_spread(SETS * m + last)) {
        UNROLL for (uint s = 0u; s < CHANNEL_SETS; ++s) {
            const uint at = last * CHANNEL_SETS + s;
            const uvec4 w1 = spread_quads[s], w2 = SETS == 1u ? spread_quads[CHANNEL_SETS + s] : value_quads[s];
            UNROLL for (uint j = 0u; j < 4u; ++j) {
                value_quads[at][j] = gather_spread(value_quads[at][j], w1[j], w2[j]);
            }
        }
    }
    UNROLL for (uint u = 0u; u < SETS; ++u) {
        const uint shift = VALUE_BITS != 2u ? 0u : SETS == 1u ? 4u * (m & 1u) : 4u * u;
        UNROLL for (uint s = 0u; s < CHANNEL_SETS; ++s) {
            UNROLL for (uint x = 0u; x < 2u; ++x) {
                const uvec4 words = value_quads[u * CHANNEL_SETS + s] >> (8u * x + shift);
                UNROLL for (uint a = 0u; a < 2u; ++a) {
                    const uint low = words[2u * a], high = words[2u * a + 1u];
                    add_values(2u * s + a, u, x,
                               make_a(value_pairs(low, 0u), value_pairs(low, 1u), value_pairs(high, 0u), value_pairs(high, 1u)), weights);
                }
            }
        }
    }
}

#include "half_finite.glsl"

// f16 values. Those that are not finite are left out of the products, where they would reach rows that do not see their
// token; returns the tokens that have some: bits 8 t .. of all lanes' tokens 32 t + 8 m .. of the tile.
uint add_raw(uvec4 values[RAW_VALUE_QUADS], uvec4 weights[PARTS]) {
    uint bad = 0u;
    UNROLL for (uint s = 0u; s < CHANNEL_SETS; ++s) {
        UNROLL for (uint x = 0u; x < 2u; ++x) {
            uvec4 low = values[(4u * s + x) % RAW_VALUE_QUADS], high = values[(4u * s + 2u + x) % RAW_VALUE_QUADS];
            bool any_bad = false;
            UNROLL for (uint j = 0u; j < 4u; ++j) {
                any_bad = any_bad || has_infinite_half(low[j]) || has_infinite_half(high[j]);
            }
            if (any_bad) {
                [[dont_unroll]] for (uint j = 0u; j < 4u; ++j) {
                    bad |= infinite_halves(low[j]) << (2u * x) | infinite_halves(high[j]) << (4u + 2u * x);
                    low[j] = finite_halves(low[j]);
                    high[j] = finite_halves(high[j]);
                }
            }
            UNROLL for (uint a = 0u; a < 2u; ++a) {
                add_values(2u * s + a, 0u, x, make_a(low[2u * a], high[2u * a], low[2u * a + 1u], high[2u * a + 1u]), weights);
            }
        }
    }
    return bad << (8u * t);
}

// Rows that see a token whose V is not finite: `bad` as of add_raw.
void poison_raw(uint bad, uint token_first) {
    bad = subgroup_or(bad) >> (8u * (g & 3u) + 4u * (g >> 2)) & 15u;
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        mask_span spans[2];
        load_spans(h, spans);
        poison_rows(h, seen_tokens(spans, token_first), bad);
    }
}
#endif
