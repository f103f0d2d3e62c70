// R = (C_m x H_2^k) diag(signs) on rows whose lane `own` of 16 has the channels own, own + 16, .. in x[], in the order of
// operations of runtime/format/rotation.c, bit for bit. The butterflies of 1, 2, 4, 8 channels are between lanes: by
// shuffles, or with one exchange through shared memory. Includer defines CHANNELS, OWN = CHANNELS / 16, LANES, ROWS,
// ROW_STRIDE, uint lane, row, own, shared uint rows[], float x[16], and has_token(r): whether
// row r is there.
#ifndef OCTAVO_APPEND_ROTATION_GLSL
#define OCTAVO_APPEND_ROTATION_GLSL

shared uint signs[16]; // bit i: of channel lane + 16 i

// Barriers inside.
void find_signs(uint seed) {
    if (lane < 16u) {
        signs[lane] = 0u;
    }
    barrier();
    for (uint channel = lane; channel < CHANNELS; channel += LANES) {
        const uint sign = floatBitsToUint(flip_sign(0.0, seed, channel)) >> 31;
        atomicOr(signs[channel % 16u], sign << (channel / 16u));
    }
    barrier();
}

void flip_row() {
    const uint flips = signs[own];
    [[unroll]] for (uint i = 0u; i < OWN; ++i) {
        x[i] = uintBitsToFloat(floatBitsToUint(x[i]) ^ ((flips << (31u - i)) & 0x80000000u));
    }
}

#ifdef OCTAVO_SUBGROUP
// Makes x[] of all lanes of a row readable by row_value().
void publish_row() {
}

// x[i] of lane l of this row; all its lanes call it together.
float row_value(uint i, uint l) {
    float value = x[0];
    [[unroll]] for (uint n = 1u; n < OWN; ++n) { // an index would take x[] out of the registers
        value = n == i ? x[n] : value;
    }
    return subgroupShuffle(value, (gl_SubgroupInvocationID & ~15u) | l);
}

void mix_lanes() {
    [[unroll]] for (uint h = 1u; h < 16u; h *= 2u) {
        const float side = (own & h) == 0u ? 1.0 : -1.0;
        [[unroll]] for (uint i = 0u; i < OWN; ++i) {
            precise float mixed = fma(x[i], side, subgroupShuffleXor(x[i], h)); // the product is exact
            x[i] = mixed;
        }
    }
}
#else
// A word more after each 16: neighbours by 16 channels lie in different banks.
uint row_place(uint i, uint l) {
    return row * ROW_STRIDE + 17u * i + l;
}

void publish_row() {
    if (row_is_there) {
        [[unroll]] for (uint i = 0u; i < OWN; ++i) {
            rows[row_place(i, own)] = floatBitsToUint(x[i]);
        }
    }
    barrier();
}

float row_value(uint i, uint l) {
    return uintBitsToFloat(rows[row_place(i, l)]);
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
            x[i] = row_value(i, own);
        }
    }
}
#endif

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

void mix_own() {
    const uint hadamard = hadamard_size(CHANNELS), hartley = CHANNELS / hadamard;
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
        mix_hartley(hartley, hadamard / 16u);
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
        mix_own();
    }
}
#endif
