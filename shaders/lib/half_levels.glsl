// Levels and sums in f16 arithmetic, two at a time. Subnormal f16 are not counted on: few devices promise to keep them.
//
// Codes get into f16 without a conversion: in the mantissa of 1024 code x makes 1024 + 2^shift x, and one fma, exact, its
// level. shift is at least 1: the mantissa has the half step of a level too.
//
// Every sum of f16 rounds to 11 bits. A logit has to be the more exact the further apart they are: its sums go on in f32
// after four products, those of values after eight. d 128, N(0, 1) data, 8192 tokens of 3 bits, 512 rows, by lavapipe,
// which also rounds before it adds:
//   deviation of the logits      0.3      1        2        4        8
//   four products, and eight     5.7e-4   6.9e-4   1.0e-3   1.2e-3   1.7e-3
//   eight products of both       5.8e-4   7.9e-4   1.4e-3   1.7e-3   2.3e-3
#ifndef OCTAVO_HALF_LEVELS_GLSL
#define OCTAVO_HALF_LEVELS_GLSL
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require

// Levels 4 c and 4 c + 2 of a group; 4 c + 1 and 4 c + 3 from its words shifted right by 8.
f16vec2 level_pair(const uint bits, const uint c, uint w0, uint w1, uint w2, uint w3) {
    const uint shift = halves_shift(bits, c), up = shift == 0u ? 1u : 0u;
    const uint halves = (code_halves(bits, c, w0, w1, w2, w3) << up) | 0x64006400u;
    const float unit = 1.0 / float(1u << (shift + up)), zero = float((1u << (bits & 15u)) - 1u) * 0.5;
    return fma(unpackFloat2x16(halves), f16vec2(float16_t(unit)), f16vec2(float16_t(-1024.0 * unit - zero)));
}

// Eight neighbours: 0 and 2, 1 and 3, 4 and 6, 5 and 7. Words are only what lies in memory: where a compiler takes pairs
// apart, packing them and back is not free (Adreno 740: 2.3 instructions of 15 for each cached value).
struct half_eight {
    f16vec2 pairs[4];
};

half_eight unpack_eight(uvec4 words) {
    half_eight x;
    [[unroll]] for (uint n = 0u; n < 4u; ++n) {
        x.pairs[n] = unpackFloat2x16(words[n]);
    }
    return x;
}

uvec4 pack_eight(half_eight x) {
    return uvec4(packFloat2x16(x.pairs[0]), packFloat2x16(x.pairs[1]), packFloat2x16(x.pairs[2]), packFloat2x16(x.pairs[3]));
}

// Levels 8 i .. 8 i + 7 of a group.
half_eight eight_levels(const uint bits, const uint i, const uint w[4]) {
    half_eight x;
    [[unroll]] for (uint n = 0u; n < 2u; ++n) {
        x.pairs[2u * n] = level_pair(bits, 2u * i + n, w[0], w[1], w[2], w[3]);
        x.pairs[2u * n + 1u] = level_pair(bits, 2u * i + n, w[0] >> 8, w[1] >> 8, w[2] >> 8, w[3] >> 8);
    }
    return x;
}

uint half_pair(vec2 x) {
    return packFloat2x16(f16vec2(x));
}

// Four neighbour values in the order of levels.
uvec2 half_quad(vec4 x) {
    return uvec2(half_pair(x.xz), half_pair(x.yw));
}

f16vec2 add_products(half_eight a, half_eight b, f16vec2 sum) {
    [[unroll]] for (uint n = 0u; n < 4u; ++n) {
        sum = fma(a.pairs[n], b.pairs[n], sum);
    }
    return sum;
}

float sum_of_pair(f16vec2 x) {
    const vec2 y = vec2(x);
    return y.x + y.y;
}

// The largest weight of a group of tokens: eight products with a level of 4 bits stay below 65504, and weights of 2^-22 of
// it are still normal.
const float LARGEST_WEIGHT = 256.0;
#endif
