// One row in the registers of a subgroup of 32 lanes: lane l has the channels l, l + 32, .. R = (C_m x H_2^k) diag(signs) of
// queries and outputs, as in rotation.glsl.
#ifndef OCTAVO_ROW_REGISTERS_GLSL
#define OCTAVO_ROW_REGISTERS_GLSL

const uint ROW_REGISTERS_MAX = 8u;

void flip_registers(const uint channels, uint seed, inout float x[ROW_REGISTERS_MAX]) {
    UNROLL for (uint k = 0u; k < channels / 32u; ++k) {
        x[k] = flip_sign(x[k], seed, 32u * k + lane_in_subgroup());
    }
}

// C_m x H
void mix_registers(const uint channels, inout float x[ROW_REGISTERS_MAX]) {
    const uint hadamard = hadamard_size(channels), hartley = channels / hadamard, block = hadamard / 32u;
    const float scale = hadamard_scale(channels);
    UNROLL for (uint distance = 1u; distance < 32u; distance *= 2u) {
        const float side = (lane_in_subgroup() & distance) == 0u ? 1.0 : -1.0;
        UNROLL for (uint k = 0u; k < channels / 32u; ++k) {
            x[k] = x[k] * side + shuffled(x[k], lane_in_subgroup() ^ distance);
        }
    }
    UNROLL for (uint h = 1u; h < block; h *= 2u) {
        UNROLL for (uint k = 0u; k < channels / 32u; ++k) {
            if ((k & h) == 0u) {
                const float low = x[k], high = x[k + h];
                x[k] = low + high;
                x[k + h] = low - high;
            }
        }
    }
    if (hartley > 1u) {
        UNROLL for (uint j = 0u; j < block; ++j) {
            float y[7];
            UNROLL for (uint b = 0u; b < hartley; ++b) {
                y[b] = 0.0;
                UNROLL for (uint a = 0u; a < hartley; ++a) {
                    y[b] += hartley_entry(hartley, b, a) * x[a * block + j];
                }
            }
            UNROLL for (uint b = 0u; b < hartley; ++b) {
                x[b * block + j] = y[b];
            }
        }
    }
    UNROLL for (uint k = 0u; k < channels / 32u; ++k) {
        x[k] *= scale;
    }
}
#endif
