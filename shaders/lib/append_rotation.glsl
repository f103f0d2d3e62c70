// R = (C_m x H_2^k) diag(signs) on rows whose lane `own` has the channels own_channel(i) in x[], runs of RUN neighbours that
// are BLOCK = RUN ROW_LANES apart, in the order of operations of runtime/format/rotation.c, bit for bit. The butterflies of
// RUN .. BLOCK / 2 channels are between lanes: by shuffles, or (of 16 lanes, with RUN 1) with one exchange through shared
// memory. Includer defines those, CHANNELS, OWN = CHANNELS / ROW_LANES, LANES, ROWS, ROW_STRIDE, uint lane, row, own, shared
// uint rows[], float x[16], own_channel(i), its inverse channel_lane(), channel_index(), and has_token(r): whether row r is
// there.
#ifndef OCTAVO_APPEND_ROTATION_GLSL
#define OCTAVO_APPEND_ROTATION_GLSL

shared float signs[CHANNELS]; // of each channel, times the scale of the Hadamard matrix

// Barriers inside.
void find_signs(uint seed) {
    for (uint channel = lane; channel < CHANNELS; channel += LANES) {
        signs[channel] = signed_scale(CHANNELS, seed, channel);
    }
    barrier();
}

void flip_row() {
    [[unroll]] for (uint i = 0u; i < OWN; ++i) {
        precise float flipped = x[i] * signs[own_channel(i)];
        x[i] = flipped;
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
    const uint i = channel_index(channel);
    float value = x[0];
    [[unroll]] for (uint n = 1u; n < OWN; ++n) { // an index would take x[] out of the registers
        value = n == i ? x[n] : value;
    }
    return subgroupShuffle(value, (gl_SubgroupInvocationID & ~(ROW_LANES - 1u)) | channel_lane(channel));
}

void mix_lanes() {
    [[unroll]] for (uint h = 1u; h < RUN; h *= 2u) {
        mix_own(h);
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
    [[unroll]] for (uint n = 0u; n < 4u; ++n) { // a bound by `hadamard` is no constant to compilers: x[] would be indexed
        if ((RUN << n) < hadamard / ROW_LANES) {
            mix_own(RUN << n);
        }
    }
    if (hartley > 1u) {
        mix_hartley(hartley, hadamard / ROW_LANES);
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
