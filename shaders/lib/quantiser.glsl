// The quantiser of runtime/format/quantiser.h, bit for bit: that comment is the contract, its numbers mark the steps here.
// Needs BITS and CHANNELS of a row. What needs many lanes is in append.comp.
#ifndef OCTAVO_QUANTISER_GLSL
#define OCTAVO_QUANTISER_GLSL

const float INVERSE_STEPS_2[OCTAVO_STEP_COUNT] = float[OCTAVO_STEP_COUNT](OCTAVO_INVERSE_STEPS_2);
const float INVERSE_STEPS_3[OCTAVO_STEP_COUNT] = float[OCTAVO_STEP_COUNT](OCTAVO_INVERSE_STEPS_3);
const float INVERSE_STEPS_4[OCTAVO_STEP_COUNT] = float[OCTAVO_STEP_COUNT](OCTAVO_INVERSE_STEPS_4);
const uint STEP_WIDTHS_2[OCTAVO_STEP_COUNT] = uint[OCTAVO_STEP_COUNT](OCTAVO_STEP_WIDTHS_2);
const uint STEP_WIDTHS_3[OCTAVO_STEP_COUNT] = uint[OCTAVO_STEP_COUNT](OCTAVO_STEP_WIDTHS_3);
const uint STEP_WIDTHS_4[OCTAVO_STEP_COUNT] = uint[OCTAVO_STEP_COUNT](OCTAVO_STEP_WIDTHS_4);
const uint GRID_STEP = 0x1000u;

const uint STEP_EDGES = BITS == 2u ? 1u : BITS == 3u ? 3u : 7u; // where the level of one step changes
const uint EDGE_SHIFT = BITS == 2u ? OCTAVO_EDGE_SHIFT_2 : BITS == 3u ? OCTAVO_EDGE_SHIFT_3 : OCTAVO_EDGE_SHIFT_4;
const uint LAST_STEP = uint(OCTAVO_STEP_COUNT) - 1u;
const uint LEAST_WIDTH = BITS == 2u ? STEP_WIDTHS_2[0] : BITS == 3u ? STEP_WIDTHS_3[0] : STEP_WIDTHS_4[0];
const uint LARGEST_WIDTH = BITS == 2u   ? STEP_WIDTHS_2[LAST_STEP]
                           : BITS == 3u ? STEP_WIDTHS_3[LAST_STEP]
                                        : STEP_WIDTHS_4[LAST_STEP];
const uint HALF_EDGE = 1u << (EDGE_SHIFT - 1u);
const uint FIRST_EDGE = (LEAST_WIDTH + HALF_EDGE) >> EDGE_SHIFT;
const uint LAST_EDGE = (STEP_EDGES * LARGEST_WIDTH + HALF_EDGE) >> EDGE_SHIFT;

float inverse_step(uint j) {
    return BITS == 2u ? INVERSE_STEPS_2[j] : BITS == 3u ? INVERSE_STEPS_3[j] : INVERSE_STEPS_4[j];
}

uint step_width(uint j) {
    return BITS == 2u ? STEP_WIDTHS_2[j] : BITS == 3u ? STEP_WIDTHS_3[j] : STEP_WIDTHS_4[j];
}

// Edge t = 1 .. of a step.
uint edge_of(const uint t, uint width) {
    return (t * width + HALF_EDGE) >> EDGE_SHIFT;
}

bool is_not_finite(float squares) {
    return (floatBitsToUint(squares) & 0x7f800000u) == 0x7f800000u;
}

// 3.
float find_inverse_rms(float squares) {
    const float dim = float(CHANNELS);
    uint bits = floatBitsToUint(inversesqrt(squares * (1.0 / dim))) & ~(GRID_STEP - 1u);
    bits -= GRID_STEP;
    [[unroll]] for (uint i = 0u; i < 2u; ++i) {
        const float next = uintBitsToFloat(bits + GRID_STEP);
        precise float square = next * next;
        precise float product = square * squares;
        bits += product <= dim ? GRID_STEP : 0u;
    }
    return uintBitsToFloat(bits);
}

// 4. From here on a value is t = 4096 y, which is exact. Adding 2^23 leaves the whole number in the low bits.
const uint MAGNITUDE_BITS = 0x4b000000u;

uint magnitude_bits(float t) {
    precise float shifted = abs(t) + 8388608.0;
    return floatBitsToUint(shifted);
}

// 5. Which edges are below it: its place among them in the low bits, or, less than half an edge from 0, a smaller number. The
// product is exact.
int bin_bits(float t) {
    precise float place = fma(abs(t), 1.0 / float(1u << EDGE_SHIFT), 8388607.5);
    return int(floatBitsToUint(place));
}

// A whole number below 2^23 in the low bits.
uint whole_bits(float value) {
    precise float shifted = value + 8388608.0;
    return floatBitsToUint(shifted);
}

// 5. Larger for the better step; the first one of equals.
uint step_key(float inner, float levels, uint j) {
    float reciprocal = uintBitsToFloat(0x7ef311c3u - floatBitsToUint(levels));
    [[unroll]] for (uint i = 0u; i < 3u; ++i) {
        precise float product = levels * reciprocal;
        precise float rest = 2.0 - product;
        precise float better = reciprocal * rest;
        reciprocal = better;
    }
    precise float square = inner * inner;
    precise float score = square * reciprocal;
    return (floatBitsToUint(score) & ~15u) | (15u - j);
}

// 6. factor: of t. A whole number as f32: conversions are slow.
const uint MIDDLE_CODE = 1u << (BITS - 1u); // those of special rows
const uint LARGEST_CODE = 2u * MIDDLE_CODE - 1u;

float code_of(float t, float factor) {
    precise float position = t * factor;
    position = position + (float(MIDDLE_CODE) - 0.5);
    position = position + 8388608.0;
    const int code = clamp(int(floatBitsToUint(position)), int(MAGNITUDE_BITS), int(MAGNITUDE_BITS + LARGEST_CODE));
    return uintBitsToFloat(uint(code)) - 8388608.0;
}

// 7.
float half_midpoint(uint k) {
    return k < 0x400u ? float(2u * k + 1u) * 2.98023223876953125e-8 : uintBitsToFloat((k << 13) + 0x38001000u);
}

uint half_quotient(float numerator, float denominator) {
    const float quotient = numerator / denominator;
    uint k = quotient < 6.103515625e-5 ? uint(quotient * 16777216.0)
                                       : min((floatBitsToUint(quotient) - 0x38000000u) >> 13, OCTAVO_SCALE_MAX);
    k = max(k, 1u) - 1u;
    [[unroll]] for (uint i = 0u; i < 2u; ++i) {
        precise float product = denominator * half_midpoint(k);
        k += k < OCTAVO_SCALE_MAX && numerator >= product ? 1u : 0u;
    }
    return k;
}
#endif
