// THE one GLSL file that knows the bit layout of a group of 32 values (see runtime/format/group_codes.h). A group of b
// bits is b words, seen as four byte lanes; word c of codes_of holds values 4 c .. 4 c + 3, one in each byte, as integers.
#ifndef OCTAVO_GROUP_CODES_GLSL
#define OCTAVO_GROUP_CODES_GLSL

uint codes_of(const uint bits, const uint c, const uint w0, const uint w1, const uint w2, const uint w3) {
    if (bits == 2u) {
        return ((c < 4u ? w0 : w1) >> (2u * (c & 3u))) & 0x03030303u;
    }
    if (bits == 4u) {
        const uint w = c < 2u ? w0 : c < 4u ? w1 : c < 6u ? w2 : w3;
        return (w >> (4u * (c & 1u))) & 0x0f0f0f0fu;
    }
    if (c < 6u) {
        return ((c < 2u ? w0 : c < 4u ? w1 : w2) >> (3u * (c & 1u))) & 0x07070707u;
    }
    return c == 6u ? ((w0 >> 6) & 0x03030303u) | ((w1 >> 4) & 0x04040404u)
                   : ((w2 >> 6) & 0x03030303u) | ((w1 >> 5) & 0x04040404u);
}

// Values 4 c and 4 c + 2 as a pair of f16, as they lie there: 2^(halves_shift - 24) * code, subnormal and exact; 4 c + 1
// and 4 c + 3 from the words shifted right by 8. One or three operations and no conversion.
uint code_halves(const uint bits, const uint c, uint w0, uint w1, uint w2, uint w3) {
    if (bits == 2u) {
        return (c < 4u ? w0 : w1) & (0x00030003u << (2u * (c & 3u)));
    }
    if (bits == 4u) {
        const uint w = c < 2u ? w0 : c < 4u ? w1 : c < 6u ? w2 : w3;
        return w & (0x000f000fu << (4u * (c & 1u)));
    }
    if (c < 6u) {
        return (c < 2u ? w0 : c < 4u ? w1 : w2) & (0x00070007u << (3u * (c & 1u)));
    }
    return c == 6u ? ((w1 << 2) & 0x01000100u) | (w0 & 0x00c000c0u) : ((w1 << 1) & 0x01000100u) | (w2 & 0x00c000c0u);
}

uint halves_shift(const uint bits, const uint c) {
    return bits == 16u ? 0u : bits == 2u ? 2u * (c & 3u) : bits == 4u ? 4u * (c & 1u) : c < 6u ? 3u * (c & 1u) : 6u;
}

// Codes 6 and 7 of 3 bits, which lie in all three words, as the codes 0 and 1 of a word.
uint gather_spread(uint w0, uint w1, uint w2) {
    return ((w0 >> 6) & 0x03030303u) | ((w1 >> 4) & 0x04040404u) | ((w2 >> 3) & 0x18181818u) | ((w1 >> 2) & 0x20202020u);
}

// The four values of a word of codes_of, less `zero`.
vec4 levels_of(uint codes, float zero) {
    return vec4(float(codes & 0xffu), float((codes >> 8) & 0xffu), float((codes >> 16) & 0xffu), float(codes >> 24)) - zero;
}

// The words of a group from its codes in the form of codes_of.
void words_of_codes(const uint bits, uint codes[8], out uint w[4]) {
    w[2] = w[3] = 0u;
    if (bits == 2u) {
        w[0] = codes[0] | (codes[1] << 2) | (codes[2] << 4) | (codes[3] << 6);
        w[1] = codes[4] | (codes[5] << 2) | (codes[6] << 4) | (codes[7] << 6);
    } else if (bits == 4u) {
        [[unroll]] for (uint n = 0u; n < 4u; ++n) {
            w[n] = codes[2u * n] | (codes[2u * n + 1u] << 4);
        }
    } else {
        w[0] = codes[0] | (codes[1] << 3) | ((codes[6] & 0x03030303u) << 6);
        w[1] = codes[2] | (codes[3] << 3) | ((codes[6] & 0x04040404u) << 4) | ((codes[7] & 0x04040404u) << 5);
        w[2] = codes[4] | (codes[5] << 3) | ((codes[7] & 0x03030303u) << 6);
    }
}
#endif
