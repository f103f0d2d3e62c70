// R = (C_m x H_2^k) diag(signs) on rows in shared memory, in the order of operations of runtime/format/rotation.c, bit for
// bit, with one exchange: a lane has 16 neighbour channels first, then every 16th channel of a row. Includer defines uint
// lane, row (whose 16 lanes these are), own (which of them), CHANNELS, OWN = CHANNELS / 16, LANES, ROWS, ROW_STRIDE, shared uint
// rows[] (bits of floats), shared uint signs[] (a bit a channel) and float x[16].
#ifndef OCTAVO_APPEND_ROTATION_GLSL
#define OCTAVO_APPEND_ROTATION_GLSL

// A word more after each 16: the lanes of both steps read different banks.
uint row_place(uint r, uint channel) {
    return r * ROW_STRIDE + channel + channel / 16u;
}

// signs[] is 0 before.
void find_signs(uint seed) {
    for (uint channel = lane; channel < CHANNELS; channel += LANES) {
        const uint sign = floatBitsToUint(flip_sign(0.0, seed, channel)) >> 31;
        atomicOr(signs[channel / 32u], sign << (channel % 32u));
    }
}

// Signs and the butterflies of 1, 2, 4, 8 channels; barriers before and after are the caller's.
void mix_neighbours() {
    if (lane < ROWS * OWN) {
        const uint block = lane % OWN, at = lane / OWN * ROW_STRIDE + 17u * block;
        const uint flips = signs[block / 2u] >> (16u * (block & 1u));
        float y[16];
        [[unroll]] for (uint i = 0u; i < 16u; ++i) {
            y[i] = uintBitsToFloat(rows[at + i] ^ ((flips << (31u - i)) & 0x80000000u));
        }
        [[unroll]] for (uint h = 1u; h < 16u; h *= 2u) {
            [[unroll]] for (uint i = 0u; i < 16u; ++i) {
                if ((i & h) == 0u) {
                    precise float low = y[i], high = y[i + h];
                    precise float sum = low + high;
                    precise float difference = low - high;
                    y[i] = sum;
                    y[i + h] = difference;
                }
            }
        }
        [[unroll]] for (uint i = 0u; i < 16u; ++i) {
            rows[at + i] = floatBitsToUint(y[i]);
        }
    }
}

void mix_distant(const uint h) {
    [[unroll]] for (uint i = 0u; i < OWN; ++i) {
        if ((i & h) == 0u) {
            precise float low = x[i], high = x[i + h];
            precise float sum = low + high;
            precise float difference = low - high;
            x[i] = sum;
            x[i + h] = difference;
        }
    }
}

// The rest: x[i] becomes channel own + 16 i of the rotated row.
void mix_rest() {
    const uint hadamard = hadamard_size(CHANNELS), hartley = CHANNELS / hadamard, block = hadamard / 16u;
    [[unroll]] for (uint i = 0u; i < OWN; ++i) {
        x[i] = uintBitsToFloat(rows[row_place(row, own + 16u * i)]);
    }
    mix_distant(1u);
    if (hadamard > 32u) {
        mix_distant(2u);
    }
    if (hadamard > 64u) {
        mix_distant(4u);
    }
    if (hadamard > 128u) {
        mix_distant(8u);
    }
    if (hartley > 1u) {
        [[unroll]] for (uint i = 0u; i < block; ++i) {
            float y[7];
            [[unroll]] for (uint b = 0u; b < hartley; ++b) {
                precise float sum = hartley_entry(hartley, b, 0u) * x[i];
                [[unroll]] for (uint a = 1u; a < hartley; ++a) {
                    precise float product = hartley_entry(hartley, b, a) * x[a * block + i];
                    sum = sum + product;
                }
                y[b] = sum;
            }
            [[unroll]] for (uint b = 0u; b < hartley; ++b) {
                x[b * block + i] = y[b];
            }
        }
    }
    const float scale = hadamard == 256u   ? OCTAVO_HADAMARD_SCALE_8
                        : hadamard == 128u ? OCTAVO_HADAMARD_SCALE_7
                        : hadamard == 64u  ? OCTAVO_HADAMARD_SCALE_6
                                           : OCTAVO_HADAMARD_SCALE_5;
    [[unroll]] for (uint i = 0u; i < OWN; ++i) {
        precise float scaled = x[i] * scale;
        x[i] = scaled;
    }
}
#endif
