// The quantiser of runtime/format/quantiser.h, bit for bit: that comment is the contract, its numbers mark the steps here.
// Needs KEY_BITS named BITS, ROW_CHANNELS and the shared rows of rotation.glsl.
#ifndef OCTAVO_QUANTISER_GLSL
#define OCTAVO_QUANTISER_GLSL

const float INVERSE_STEPS_2[OCTAVO_STEP_COUNT] = float[OCTAVO_STEP_COUNT](OCTAVO_INVERSE_STEPS_2);
const float INVERSE_STEPS_3[OCTAVO_STEP_COUNT] = float[OCTAVO_STEP_COUNT](OCTAVO_INVERSE_STEPS_3);
const float INVERSE_STEPS_4[OCTAVO_STEP_COUNT] = float[OCTAVO_STEP_COUNT](OCTAVO_INVERSE_STEPS_4);
const uint GRID_STEP = 0x1000u;

float inverse_step(uint j) {
    return BITS == 2u ? INVERSE_STEPS_2[j] : BITS == 3u ? INVERSE_STEPS_3[j] : INVERSE_STEPS_4[j];
}

// 1.
float sum_of_squares(uint row_at) {
    precise float sum = 0.0;
    for (uint i = 0u; i < ROW_CHANNELS; ++i) {
        precise float square = rows[row_at + i] * rows[row_at + i];
        sum = sum + square;
    }
    return sum;
}

// 3.
float find_inverse_rms(float squares) {
    const float dim = float(ROW_CHANNELS);
    uint bits = floatBitsToUint(inversesqrt(squares * (1.0 / dim))) & ~(GRID_STEP - 1u);
    bits -= 2u * GRID_STEP;
    for (uint i = 0u; i < 4u; ++i) {
        const float next = uintBitsToFloat(bits + GRID_STEP);
        precise float square = next * next;
        precise float product = square * squares;
        bits += product <= dim ? GRID_STEP : 0u;
    }
    return uintBitsToFloat(bits);
}

// 5. for one step: (a, c)
vec2 try_step(uint row_at, float inverse_rms, float step) {
    const float half_count = float(1u << (BITS - 1u)), largest = 2.0 * half_count - 1.0;
    const float middle = 0.5 * largest;
    precise float a = 0.0, c = 0.0;
    for (uint i = 0u; i < ROW_CHANNELS; ++i) {
        precise float y = rows[row_at + i] * inverse_rms;
        precise float position = y * step;
        position = position + half_count;
        precise float level = clamp(floor(position), 0.0, largest) - middle;
        precise float product = y * level;
        precise float square = level * level;
        a = a + product;
        c = c + square;
    }
    return vec2(a, c);
}

bool step_is_better(vec2 x, vec2 best) {
    precise float left = x.x * x.x;
    precise float right = best.x * best.x;
    left = left * best.y;
    right = right * x.y;
    return left > right;
}

// 7.
float half_midpoint(uint k) {
    return k < 0x400u ? float(2u * k + 1u) * 2.98023223876953125e-8 : uintBitsToFloat((k << 13) + 0x38001000u);
}

uint half_quotient(float numerator, float denominator) {
    const float quotient = numerator / denominator;
    uint k = quotient < 6.103515625e-5 ? uint(quotient * 16777216.0)
                                       : min((floatBitsToUint(quotient) - 0x38000000u) >> 13, OCTAVO_SCALE_MAX);
    k = max(k, 2u) - 2u;
    for (uint i = 0u; i < 4u; ++i) {
        precise float product = denominator * half_midpoint(k);
        k += k < OCTAVO_SCALE_MAX && numerator >= product ? 1u : 0u;
    }
    return k;
}
#endif
