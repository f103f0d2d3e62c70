// Part of walk.comp: adds a tile's weighted values of one channel of this lane to the running output.
#ifndef OCTAVO_WALK_VALUES_GLSL
#define OCTAVO_WALK_VALUES_GLSL

#ifdef OCTAVO_INT_DOT
void add_channel_int(uint tile, const uint i, uint parity) {
        const uint channel = lane + LANES * i;
        float sums[ROWS];
        [[unroll]] for (uint r = 0u; r < ROWS; ++r) {
            sums[r] = 0.0;
        }
        uint words[16];
        [[unroll]] for (uint n = 0u; n < VALUE_BITS; ++n) {
            const uvec4 part = pool4[(tile >> 2) + n * VALUE_PAD + channel];
            words[4u * n] = part.x;
            words[4u * n + 1u] = part.y;
            words[4u * n + 2u] = part.z;
            words[4u * n + 3u] = part.w;
        }
        [[unroll]] for (uint g = 0u; g < 4u; ++g) {
            uint codes[8];
            const uint at = g * VALUE_BITS;
            [[unroll]] for (uint c = 0u; c < 8u; ++c) {
                codes[c] = codes_of(VALUE_BITS, c, words[at], words[at + 1u], VALUE_BITS > 2u ? words[at + 2u] : 0u,
                                    VALUE_BITS > 3u ? words[at + 3u] : 0u);
            }
            [[unroll]] for (uint r = 0u; r < ROWS; ++r) {
                const uvec4 w0 = shared_weights[r * 8u + 2u * g], w1 = shared_weights[r * 8u + 2u * g + 1u];
                uint sum = 0u;
                [[unroll]] for (uint c = 0u; c < 4u; ++c) {
                    sum = dot_u8(codes[c], w0[c], sum);
                    sum = dot_u8(codes[4u + c], w1[c], sum);
                }
                const int level = 2 * int(sum) - int(shared_weight_sum[(parity * ROWS + r) * 4u + g]);
                sums[r] += float(level) * shared_weight_scale[r * 4u + g];
            }
        }
        [[unroll]] for (uint r = 0u; r < ROWS; ++r) {
            update_result(i, r, shared_correction[r], sums[r]);
        }
}
#endif

void add_channel_float(uint tile, const uint i) {
    const float zero = float((1u << (VALUE_BITS & 15u)) - 1u) * 0.5;
        const uint channel = lane + LANES * i;
        float sums[ROWS];
        [[unroll]] for (uint r = 0u; r < ROWS; ++r) {
            sums[r] = 0.0;
        }
        [[dont_unroll]] for (uint g = 0u; g < 4u; ++g) {
            uint words[4];
            if (VALUE_BITS < 16u) {
                [[unroll]] for (uint n = 0u; n < 4u; ++n) {
                    words[n] = n < VALUE_BITS ? load_word(tile, VALUE_ROW_WORDS, VALUE_PAD, channel, g * VALUE_BITS + n) : 0u;
                }
            }
            [[unroll]] for (uint c = 0u; c < 8u; ++c) {
                vec4 value;
                if (VALUE_BITS < 16u) {
                    const uint codes = codes_of(VALUE_BITS, c, words[0], words[1], words[2], words[3]);
                    value = vec4(float(codes & 0xffu), float((codes >> 8) & 0xffu), float((codes >> 16) & 0xffu), float(codes >> 24)) - zero;
                } else {
                    value = vec4(unpackHalf2x16(load_word(tile, VALUE_ROW_WORDS, VALUE_PAD, channel, g * 16u + 2u * c)),
                                 unpackHalf2x16(load_word(tile, VALUE_ROW_WORDS, VALUE_PAD, channel, g * 16u + 2u * c + 1u)));
                }
                [[unroll]] for (uint r = 0u; r < ROWS; ++r) {
                    const vec4 w = uintBitsToFloat(shared_weights[r * 32u + g * 8u + c]);
                    // select: an unused slot of an f16 page may hold NaN
                    sums[r] += dot(w, mix(vec4(0.0), value, notEqual(w, vec4(0.0))));
                }
            }
        }
        [[unroll]] for (uint r = 0u; r < ROWS; ++r) {
            update_result(i, r, shared_correction[r], sums[r]);
        }
}
#endif
