// Four rows in the registers of a subgroup of 32 lanes, eight lanes each: lane c of a row (row_lane) has the channels
// 16 k + 2 c and the next as x[2 k], x[2 k + 1]. R = (C_m x H_2^k) diag(signs) of queries and outputs, as in rotation.glsl.
#ifndef OCTAVO_ROW_PAIRS_GLSL
#define OCTAVO_ROW_PAIRS_GLSL

const uint ROW_PAIRS_MAX = 32u; // of 256 channels

uint row_lane() {
    return lane_in_subgroup() & 7u;
}

// Bit i: diag(signs) turns x[i].
uint pair_signs(const uint channels, uint seed) {
    uint signs = 0u;
    [[dont_unroll]] for (uint i = 0u; i < channels / 8u; ++i) {
        const float sign = flip_sign(1.0, seed, 16u * (i >> 1) + 2u * row_lane() + (i & 1u));
        signs |= (floatBitsToUint(sign) >> 31) << i;
    }
    return signs;
}

void flip_pairs(const uint channels, uint signs, inout float x[ROW_PAIRS_MAX]) {
    UNROLL for (uint i = 0u; i < channels / 8u; ++i) {
        x[i] = uintBitsToFloat(floatBitsToUint(x[i]) ^ ((signs >> i) << 31));
    }
}

// Sums and differences of pairs at a distance of `h`, a literal number: then all indices are constants.
#define MIX_DISTANCE(h)                                                                                                \
    if (h < stride) {                                                                                                  \
        UNROLL for (uint i = 0u; i < ROW_PAIRS_MAX / 2u; ++i) {                                                        \
            const uint at = i / h * 2u * h + i % h;                                                                    \
            const float low = x[at], high = x[at + h];                                                                 \
            x[at] = low + high;                                                                                        \
            x[at + h] = low - high;                                                                                    \
        }                                                                                                              \
    }

// C_m where d' = 8 m s, both literal numbers.
#define MIX_HARTLEY(m, s, entries)                                                                                     \
    if (hartley == m && stride == s) {                                                                                 \
        UNROLL for (uint j = 0u; j < s; ++j) {                                                                         \
            float y[m];                                                                                                \
            UNROLL for (uint b = 0u; b < m; ++b) {                                                                     \
                y[b] = 0.0;                                                                                            \
                UNROLL for (uint a = 0u; a < m; ++a) {                                                                 \
                    y[b] += entries[b * m + a] * x[a * s + j];                                                         \
                }                                                                                                      \
            }                                                                                                          \
            UNROLL for (uint b = 0u; b < m; ++b) {                                                                     \
                x[b * s + j] = y[b];                                                                                   \
            }                                                                                                          \
        }                                                                                                              \
    }

// C_m x H
void mix_pairs(const uint channels, inout float x[ROW_PAIRS_MAX]) {
    const uint hadamard = hadamard_size(channels), hartley = channels / hadamard, stride = hadamard / 8u;
    const float scale = 1.0 / sqrt(float(hadamard));
    UNROLL for (uint distance = 1u; distance < 8u; distance *= 2u) {
        const float side = (row_lane() & distance) == 0u ? 1.0 : -1.0;
        UNROLL for (uint i = 0u; i < channels / 8u; ++i) {
            x[i] = x[i] * side + shuffled(x[i], lane_in_subgroup() ^ distance);
        }
    }
    MIX_DISTANCE(1u)
    MIX_DISTANCE(2u)
    MIX_DISTANCE(4u)
    MIX_DISTANCE(8u)
    MIX_DISTANCE(16u)
    MIX_HARTLEY(3u, 4u, HARTLEY_3)
    MIX_HARTLEY(3u, 8u, HARTLEY_3)
    MIX_HARTLEY(5u, 4u, HARTLEY_5)
    MIX_HARTLEY(7u, 4u, HARTLEY_7)
    UNROLL for (uint i = 0u; i < channels / 8u; ++i) {
        x[i] *= scale;
    }
}

float row_pairs_max(float x) {
    UNROLL for (uint distance = 1u; distance < 8u; distance *= 2u) {
        x = max(x, shuffled(x, lane_in_subgroup() ^ distance));
    }
    return x;
}

float row_pairs_sum(float x) {
    UNROLL for (uint distance = 1u; distance < 8u; distance *= 2u) {
        x += shuffled(x, lane_in_subgroup() ^ distance);
    }
    return x;
}
#endif
