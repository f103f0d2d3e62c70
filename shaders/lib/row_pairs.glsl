// Four rows in the registers of a subgroup of 32 lanes, eight lanes each: lane c of a row (row_lane) has the channels
// 16 k + 2 c and the next as x[2 k], x[2 k + 1]. R = (C_m x H_2^k) diag(signs) as in rotation.glsl, but not in its order of
// operations: for queries and outputs, which need no agreement to the bit.
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

// C_m x H
void mix_pairs(const uint channels, inout float x[ROW_PAIRS_MAX]) {
    const uint hadamard = hadamard_size(channels), hartley = channels / hadamard, stride = hadamard / 8u;
    const float scale = 1.0 / sqrt(float(hadamard));
    [[dont_unroll]] for (uint distance = 1u; distance < 8u; distance *= 2u) {
        const float side = (row_lane() & distance) == 0u ? 1.0 : -1.0;
        UNROLL for (uint i = 0u; i < channels / 8u; ++i) {
            x[i] = x[i] * side + shuffled(x[i], lane_in_subgroup() ^ distance);
        }
    }
    UNROLL for (uint h = 1u; h < stride; h *= 2u) {
        UNROLL for (uint i = 0u; i < channels / 8u; ++i) {
            if ((i & h) == 0u) {
                const float low = x[i], high = x[i + h];
                x[i] = low + high;
                x[i + h] = low - high;
            }
        }
    }
    if (hartley > 1u) {
        UNROLL for (uint j = 0u; j < stride; ++j) {
            float y[7];
            UNROLL for (uint b = 0u; b < hartley; ++b) {
                y[b] = 0.0;
                UNROLL for (uint a = 0u; a < hartley; ++a) {
                    y[b] += hartley_entry(hartley, b, a) * x[a * stride + j];
                }
            }
            UNROLL for (uint b = 0u; b < hartley; ++b) {
                x[b * stride + j] = y[b];
            }
        }
    }
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
