#include "format/quantiser.h"

#include "base/half.h"
#include "format/rotation.h"
#include "octavo_abi.h"

#include <math.h>

#define LANES 16u         /* whose channels are summed first */
#define GRID_STEP 0x1000u /* of inverse_rms: the low 12 bits of the mantissa are 0, so its square is exact */

static const float inverse_steps[3][OCTAVO_STEP_COUNT] = {
    {OCTAVO_INVERSE_STEPS_2}, {OCTAVO_INVERSE_STEPS_3}, {OCTAVO_INVERSE_STEPS_4}};

static const uint32_t step_widths[3][OCTAVO_STEP_COUNT] = {
    {OCTAVO_STEP_WIDTHS_2}, {OCTAVO_STEP_WIDTHS_3}, {OCTAVO_STEP_WIDTHS_4}};

static float sum_of_squares(uint32_t dim_padded, const float *row) {
    float sums[LANES];
    for (uint32_t c = 0; c < LANES; ++c) {
        sums[c] = 0.0f;
        for (uint32_t i = c; i < dim_padded; i += LANES) {
            float square = row[i] * row[i];
            sums[c] = sums[c] + square;
        }
    }
    for (uint32_t h = 1; h < LANES; h *= 2u) {
        for (uint32_t c = 0; c < LANES; c += 2u * h) sums[c] = sums[c] + sums[c + h];
    }
    return sums[0];
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

/* y: not negative. */
static uint32_t magnitude_of(float y) {
    float shifted = y * OCTAVO_MAGNITUDE_ONE;
    shifted = shifted + 8388608.0f; /* 2^23: no room for a fraction */
    return octavo_base_float_bits(shifted) & 0x7fffffu;
}

/* y: a value times inverse_rms. */
static uint32_t code_of(float y, float inverse_step, uint32_t bits) {
    float half = (float)(1u << (bits - 1u));
    float product = y * inverse_step;
    float code = floorf(product + half);
    float largest = 2.0f * half - 1.0f;
    code = code < 0.0f ? 0.0f : code;
    return (uint32_t)(code > largest ? largest : code);
}

/* Whole numbers below 2^24. */
typedef struct candidate {
    float inner;  /* A: sum of magnitude * |twice the level| */
    float levels; /* C: sum of twice the level, squared */
} candidate;

static candidate try_step(const uint32_t *magnitudes, uint32_t dim_padded, uint32_t bits, uint32_t width) {
    uint32_t inner = 0u, levels = 0u;
    for (uint32_t i = 0; i < dim_padded; ++i) {
        uint32_t level = 1u; /* twice */
        for (uint32_t t = 1u; t < 1u << (bits - 1u); ++t) {
            uint32_t edge = (t * width + (1u << (OCTAVO_EDGE_SHIFT - 1u))) >> OCTAVO_EDGE_SHIFT;
            level += magnitudes[i] >> OCTAVO_EDGE_SHIFT >= edge ? 2u : 0u;
        }
        inner += magnitudes[i] * level;
        levels += level * level;
    }
    return (candidate){(float)inner, (float)levels};
}

/* A^2 / C in its upper bits, by operations that are the same everywhere; below, the first step is the largest. */
static uint32_t step_key(candidate tried, uint32_t step) {
    float reciprocal = octavo_base_bits_float(0x7ef311c3u - octavo_base_float_bits(tried.levels));
    for (int i = 0; i < 3; ++i) {
        float product = tried.levels * reciprocal;
        float rest = 2.0f - product;
        reciprocal = reciprocal * rest;
    }
    float square = tried.inner * tried.inner;
    float score = square * reciprocal;
    return (octavo_base_float_bits(score) & ~15u) | (15u - step);
}

static uint32_t choose_step(const float *row, uint32_t dim_padded, uint32_t bits, float inverse_rms) {
    uint32_t magnitudes[OCTAVO_FORMAT_DIM_MAX], best = 0u;
    for (uint32_t i = 0; i < dim_padded; ++i) magnitudes[i] = magnitude_of(fabsf(row[i] * inverse_rms));
    for (uint32_t j = 0; j < OCTAVO_STEP_COUNT; ++j) {
        uint32_t key = step_key(try_step(magnitudes, dim_padded, bits, step_widths[bits - 2u][j]), j);
        best = key > best ? key : best;
    }
    return 15u - (best & 15u);
}

/* a and c of the codes. */
static candidate measure_codes(const float *row, uint32_t dim_padded, uint32_t bits, float inverse_rms,
                               float inverse_step) {
    int32_t inner = 0, levels = 0;
    for (uint32_t i = 0; i < dim_padded; ++i) {
        float y = row[i] * inverse_rms;
        int32_t level = 2 * (int32_t)code_of(y, inverse_step, bits) + 1 - (1 << bits);
        int32_t magnitude = (int32_t)magnitude_of(fabsf(y));
        inner += (y < 0.0f ? -magnitude : magnitude) * level;
        levels += level * level;
    }
    return (candidate){(float)inner * (0.5f / OCTAVO_MAGNITUDE_ONE), (float)levels * 0.25f};
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

    result.inverse_rms = find_inverse_rms(squares, dim_padded);
    result.step = choose_step(row, dim_padded, bits, result.inverse_rms);
    result.inverse_step = inverse_steps[bits - 2u][result.step];
    candidate found = measure_codes(row, dim_padded, bits, result.inverse_rms, result.inverse_step);
    if (rule == OCTAVO_FORMAT_SCALE_UNBIASED) {
        result.scale = half_quotient(squares * result.inverse_rms, found.inner);
    } else {
        result.scale = half_quotient(found.inner, result.inverse_rms * found.levels);
    }
    return result;
}

uint32_t octavo_format_code(const octavo_format_row_scale *row_scale, uint32_t bits, float value) {
    if (row_scale->inverse_rms == 0.0f) return 1u << (bits - 1u);
    float y = value * row_scale->inverse_rms;
    return code_of(y, row_scale->inverse_step, bits);
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
