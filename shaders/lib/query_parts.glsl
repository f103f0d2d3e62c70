// A query value as an integer of PARTS int8 parts: 8 bits in one, 15 bits in two of which the high one counts 128 times.
// The rule of rotate.comp and of the fused walk alike. Includer defines PARTS.
#ifndef OCTAVO_QUERY_PARTS_GLSL
#define OCTAVO_QUERY_PARTS_GLSL

// What the largest magnitude of a row becomes.
const float QUERY_STEPS = PARTS == 1u ? 127.0 : 16256.0; // 127 * 128

// Four neighbour values, times the steps per unit, as a word of high and a word of low parts. Returns their sum.
int query_parts_of(vec4 x, out uint high_word, out uint low_word) {
    int sum = 0;
    high_word = low_word = 0u;
    [[unroll]] for (uint b = 0u; b < 4u; ++b) {
        const int y = int(round(x[b])), high = PARTS == 1u ? y : (y + 64) >> 7;
        sum += y;
        high_word |= (uint(high) & 0xffu) << (8u * b);
        low_word |= (uint(y - 128 * high) & 0xffu) << (8u * b);
    }
    return sum;
}

// Logit of a unit of the dots, which are of twice the levels: half of it.
float query_row_scale(float logit_scale, float largest) {
    return 0.5 * logit_scale * (largest / QUERY_STEPS);
}
#endif
