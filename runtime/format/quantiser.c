#include "format/quantiser.h"

#include "base/half.h"
#include "octavo_abi.h"

#include <math.h>

#define GRID_STEP 0x1000u /* of inverse_rms: the low 12 bits of the mantissa are 0, so its square is exact */

static const float inverse_steps[3][OCTAVO_STEP_COUNT] = {
    {OCTAVO_INVERSE_STEPS_2}, {OCTAVO_INVERSE_STEPS_3}, {OCTAVO_INVERSE_STEPS_4}};

static float sum_of_squares(uint32_t dim_padded, const float *row) {
    float sum = 0.0f;
    for (uint32_t i = 0; i < dim_padded; ++i) {
        float square = row[i] * row[i];
        sum = sum + square;
    }
    return sum;
}

static float find_inverse_rms(float squares, uint32_t dim_padded) {
    float dim = (float)dim_padded;
    uint32_t bits = octavo_base_float_bits(1.0f / sqrtf(squares * (1.0f / dim))) & ~(GRID_STEP - 1u);
    bits -= 2u * GRID_STEP;
    for (int i = 0; i < 4; ++i) {
        float next = octavo_base_bits_float(bits + GRID_STEP);
        float square = next * next;
        float product = square * squares;
        bits += product <= dim ? GRID_STEP : 0u;
    }
    return octavo_base_bits_float(bits);
}

/* y: a value times inverse_rms. As a float, a whole number. */
static float code_of(float y, float inverse_step, uint32_t bits) {
    float half = (float)(1u << (bits - 1u));
    float product = y * inverse_step;
    float code = floorf(product + half);
    float largest = 2.0f * half - 1.0f;
    code = code < 0.0f ? 0.0f : code;
    return code > largest ? largest : code;
}

typedef struct candidate {
    float inner;  /* a: sum of y * level */
    float levels; /* c: sum of level^2 */
} candidate;

static candidate try_step(const float *row, uint32_t dim_padded, uint32_t bits, float inverse_rms, float inverse_step) {
    float middle = 0.5f * (float)((1u << bits) - 1u);
    candidate result = {0.0f, 0.0f};
    for (uint32_t i = 0; i < dim_padded; ++i) {
        float y = row[i] * inverse_rms;
        float level = code_of(y, inverse_step, bits) - middle;
        float product = y * level;
        float square = level * level;
        result.inner = result.inner + product;
        result.levels = result.levels + square;
    }
    return result;
}

static int is_better(candidate a, candidate b) {
    float left = a.inner * a.inner;
    float right = b.inner * b.inner;
    left = left * b.levels;
    right = right * a.levels;
    return left > right;
}

/* Halfway between the f16 values with bits k and k + 1. */
static float half_midpoint(uint32_t k) {
    if (k < 0x400u) return (float)(2u * k + 1u) * 2.98023223876953125e-8f; /* 2^-25 */
    return octavo_base_bits_float((k << 13) + 0x38001000u);
}

static uint16_t half_quotient(float numerator, float denominator) {
    float quotient = numerator / denominator;
    uint32_t k;
    if (quotient < 6.103515625e-5f) { /* 2^-14, the least normal f16 */
        k = (uint32_t)(quotient * 16777216.0f);
    } else {
        k = (octavo_base_float_bits(quotient) - 0x38000000u) >> 13;
        k = k > OCTAVO_SCALE_MAX ? OCTAVO_SCALE_MAX : k;
    }
    k = (k < 2u ? 2u : k) - 2u;
    for (int i = 0; i < 4; ++i) {
        float product = denominator * half_midpoint(k);
        k += k < OCTAVO_SCALE_MAX && numerator >= product ? 1u : 0u;
    }
    return (uint16_t)k;
}

octavo_format_row_scale octavo_format_find_scale(octavo_format_scale_rule rule, uint32_t bits, uint32_t dim_padded,
                                                 const float *row) {
    octavo_format_row_scale result = {0.0f, 0.0f, 0u, 0u};
    float squares = sum_of_squares(dim_padded, row);
    if ((octavo_base_float_bits(squares) & 0x7f800000u) == 0x7f800000u) {
        result.scale = (uint16_t)OCTAVO_SCALE_NAN;
        return result;
    }
    if (squares < OCTAVO_SQUARES_MIN) return result;

    const float *steps = inverse_steps[bits - 2u];
    result.inverse_rms = find_inverse_rms(squares, dim_padded);
    candidate best = {0.0f, 0.0f};
    for (uint32_t j = 0; j < OCTAVO_STEP_COUNT; ++j) {
        candidate tried = try_step(row, dim_padded, bits, result.inverse_rms, steps[j]);
        int better = j == 0u || is_better(tried, best);
        best = better ? tried : best;
        result.step = better ? j : result.step;
    }
    result.inverse_step = steps[result.step];
    if (rule == OCTAVO_FORMAT_SCALE_UNBIASED) {
        result.scale = half_quotient(squares * result.inverse_rms, best.inner);
    } else {
        result.scale = half_quotient(best.inner, result.inverse_rms * best.levels);
    }
    return result;
}

uint32_t octavo_format_code(const octavo_format_row_scale *row_scale, uint32_t bits, float value) {
    if (row_scale->inverse_rms == 0.0f) return 1u << (bits - 1u);
    float y = value * row_scale->inverse_rms;
    return (uint32_t)code_of(y, row_scale->inverse_step, bits);
}

octavo_format_row_scale octavo_format_quantise(octavo_format_scale_rule rule, uint32_t bits, uint32_t dim_padded,
                                               const float *row, uint8_t *codes) {
    octavo_format_row_scale row_scale = octavo_format_find_scale(rule, bits, dim_padded, row);
    for (uint32_t i = 0; i < dim_padded; ++i) codes[i] = (uint8_t)octavo_format_code(&row_scale, bits, row[i]);
    return row_scale;
}

float octavo_format_dequantise(uint32_t bits, uint32_t code, uint16_t scale) {
    float level = (float)code - 0.5f * (float)((1u << bits) - 1u);
    return level * octavo_base_half_to_float(scale);
}
