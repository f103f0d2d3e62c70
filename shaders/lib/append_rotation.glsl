// R = (C_m x H_2^k) diag(signs) on rows whose lane `own` has the channels own_channel(i) in x[], in the order of operations
// of runtime/format/rotation.c, bit for bit. The butterflies of 1, 2, 4, 8 channels are between lanes, but for the CHAINS
// neighbours that one has: by shuffles, or (of 16 lanes) with one exchange through shared memory. Includer defines CHANNELS,
// ROW_LANES, CHAINS = 16 / ROW_LANES, OWN = CHANNELS / ROW_LANES, LANES, ROWS, ROW_STRIDE, uint lane, row, own, shared uint
// rows[], float x[16], own_channel(i), and has_token(r): whether row r is there.
#ifndef OCTAVO_APPEND_ROTATION_GLSL
#define OCTAVO_APPEND_ROTATION_GLSL

shared uint signs[ROW_LANES]; // bit i: of x[i] of lane `own`

// Barriers inside.
void find_signs(uint seed) {
    if (lane < ROW_LANES) {
        signs[lane] = 0u;
    }
    barrier();
    for (uint channel = lane; channel < CHANNELS; channel += LANES) {
        const uint sign = floatBitsToUint(flip_sign(0.0, seed, channel)) >> 31;
        atomicOr(signs[channel % 16u / CHAINS], sign << (CHAINS * (channel / 16u) + channel % CHAINS));
    }
    barrier();
}

void flip_row() {
    const uint flips = signs[own];
    [[unroll]] for (uint i = 0u; i < OWN; ++i) {
        x[i] = uintBitsToFloat(floatBitsToUint(x[i]) ^ ((flips << (31u - i)) & 0x80000000u));
    }
}

// Of neighbours by h places in x[].
void mix_own(const uint h) {
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

#ifdef OCTAVO_SUBGROUP
// Makes x[] of all lanes of a row readable by row_value().
void publish_row() {
}

// Of this row; all its lanes call it together, for a channel that has the same place in x[] of each.
float row_value(uint channel) {
    const uint i = CHAINS * (channel / 16u) + channel % CHAINS;
    float value = x[0];
    [[unroll]] for (uint n = 1u; n < OWN; ++n) { // an index would take x[] out of the registers
        value = n == i ? x[n] : value;
    }
    return subgroupShuffle(value, (gl_SubgroupInvocationID & ~(ROW_LANES - 1u)) | (channel % 16u / CHAINS));
}

void mix_lanes() {
    if (CHAINS == 2u) {
        mix_own(1u);
    }
    [[unroll]] for (uint h = 1u; h < ROW_LANES; h *= 2u) {
        // 1 or, where own & h, -1; made of bits, or compilers select between x[i] and -x[i] for each i
        const float side = uintBitsToFloat(0x3f800000u | ((own * (0x80000000u / h)) & 0x80000000u));
        [[unroll]] for (uint i = 0u; i < OWN; ++i) {
            precise float mixed = fma(x[i], side, subgroupShuffleXor(x[i], h)); // the product is exact
            x[i] = mixed;
        }
    }
}
#else
// A word more after each 16: neighbours by 16 channels lie in different banks.
uint row_place(uint channel) {
    return row * ROW_STRIDE + 17u * (channel / 16u) + channel % 16u;
}

void publish_row() {
    if (row_is_there) {
        [[unroll]] for (uint i = 0u; i < OWN; ++i) {
            rows[row_place(own_channel(i))] = floatBitsToUint(x[i]);
        }
    }
    barrier();
}

float row_value(uint channel) {
    return uintBitsToFloat(rows[row_place(channel)]);
}

// Barriers inside.
void mix_lanes() {
    publish_row();
    if (lane < ROWS * OWN && has_token(lane / OWN)) {
        const uint at = lane / OWN * ROW_STRIDE + 17u * (lane % OWN);
        float y[16];
        [[unroll]] for (uint i = 0u; i < 16u; ++i) {
            y[i] = uintBitsToFloat(rows[at + i]);
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
    barrier();
    if (row_is_there) {
        [[unroll]] for (uint i = 0u; i < OWN; ++i) {
            x[i] = row_value(own_channel(i));
        }
    }
}
#endif

void mix_hartley(const uint hartley, const uint block) {
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

void mix_distant() {
    const uint hadamard = hadamard_size(CHANNELS), hartley = CHANNELS / hadamard;
    mix_own(CHAINS);
    if (hadamard > 32u) {
        mix_own(2u * CHAINS);
    }
    if (hadamard > 64u) {
        mix_own(4u * CHAINS);
    }
    if (hadamard > 128u) {
        mix_own(8u * CHAINS);
    }
    if (hartley > 1u) {
        mix_hartley(hartley, hadamard / ROW_LANES);
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

// Barriers inside.
void rotate_row() {
    if (row_works()) {
        flip_row();
    }
    mix_lanes();
    if (row_works()) {
        mix_distant();
    }
}
#endif
