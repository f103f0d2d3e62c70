#include "format/quantiser.h"

#include "base/half.h"
#include "format/rotation.h"
#include "octavo_abi.h"

#include <math.h>

#define GRID_STEP 0x1000u /* of inverse_rms: the low 12 bits of the mantissa are 0, so its square is exact */

static const float inverse_steps[3][OCTAVO_STEP_COUNT] = {
    {OCTAVO_INVERSE_STEPS_2}, {OCTAVO_INVERSE_STEPS_3}, {OCTAVO_INVERSE_STEPS_4}};

static const uint32_t step_widths[3][OCTAVO_STEP_COUNT] = {
    {OCTAVO_STEP_WIDTHS_2}, {OCTAVO_STEP_WIDTHS_3}, {OCTAVO_STEP_WIDTHS_4}};

static const uint32_t edge_shifts[3] = {OCTAVO_EDGE_SHIFT_2, OCTAVO_EDGE_SHIFT_3, OCTAVO_EDGE_SHIFT_4};

/* <a, b>, as partial sums. */
static float sum_of_products(uint32_t dim_padded, const float *a, const float *b) {
    float sums[OCTAVO_SQUARE_CHAINS];
    for (uint32_t c = 0; c < OCTAVO_SQUARE_CHAINS; ++c) {
        sums[c] = 0.0f;
        for (uint32_t i = c; i < dim_padded; i += OCTAVO_SQUARE_CHAINS) {
            float product = a[i] * b[i];
            sums[c] = sums[c] + product;
        }
    }
    for (uint32_t h = 1; h < OCTAVO_SQUARE_CHAINS; h *= 2u) {
        for (uint32_t c = 0; c < OCTAVO_SQUARE_CHAINS; c += 2u * h) sums[c] = sums[c] + sums[c + h];
    }
    return sums[0];
}

static float find_inverse_rms(float squares, uint32_t dim_padded) {
    float dim = (float)dim_padded;
    uint32_t bits = octavo_base_float_bits(1.0f / sqrtf(squares * (1.0f / dim))) & ~(GRID_STEP - 1u);
    bits -= GRID_STEP;
    for (int i = 0; i < 2; ++i) {
        float next = octavo_base_bits_float(bits + GRID_STEP);
        float square = next * next;
        float product = square * squares;
        bits += product <= dim ? GRID_STEP : 0u;
    }
    return octavo_base_bits_float(bits);
}

static uint32_t magnitude_of(float y) {
    float shifted = fabsf(y) + 8388608.0f; /* 2^23: no room for a fraction */
    return octavo_base_float_bits(shifted) & 0x7fffffu;
}

/* y: a value times 4096 inverse_rms. */
static uint32_t code_of(float y, float inverse_step, uint32_t bits) {
    float middle = (float)(1u << (bits - 1u)) - 0.5f;
    float position = y * (inverse_step * (1.0f / OCTAVO_MAGNITUDE_ONE));
    position = position + middle;
    float shifted = position + 8388608.0f;
    if (shifted <= 8388608.0f) return 0u;
    uint32_t code = octavo_base_float_bits(shifted) & 0x7fffffu, largest = (1u << bits) - 1u;
    return code > largest ? largest : code;
}

/* Whole numbers below 2^24. */
typedef struct candidate {
    float inner;  /* A: sum of magnitude * |twice the level| */
    float levels; /* C: sum of twice the level, squared */
} candidate;

/* How many edges of 2^shift are below y, a value times 4096 inverse_rms. */
static uint32_t place_of(float y, uint32_t shift) {
    float place = fabsf(y) * (1.0f / (float)(1u << shift)) + 8388607.5f; /* the product is exact */
    return place <= 8388608.0f ? 0u : octavo_base_float_bits(place) & 0x7fffffu;
}

static candidate try_step(const uint32_t *magnitudes, const uint32_t *places, uint32_t dim_padded, uint32_t bits,
                          uint32_t width) {
    uint32_t inner = 0u, levels = 0u, shift = edge_shifts[bits - 2u];
    for (uint32_t i = 0; i < dim_padded; ++i) {
        uint32_t level = 1u; /* twice */
        for (uint32_t t = 1u; t < 1u << (bits - 1u); ++t) {
            uint32_t edge = (t * width + (1u << (shift - 1u))) >> shift;
            level += places[i] >= edge ? 2u : 0u;
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

/* y: the row, times 4096 inverse_rms. */
static uint32_t choose_step(const float *y, uint32_t dim_padded, uint32_t bits) {
    uint32_t magnitudes[OCTAVO_FORMAT_DIM_MAX], places[OCTAVO_FORMAT_DIM_MAX], best = 0u;
    for (uint32_t i = 0; i < dim_padded; ++i) {
        magnitudes[i] = magnitude_of(y[i]);
        places[i] = place_of(y[i], edge_shifts[bits - 2u]);
    }
    for (uint32_t j = 0; j < OCTAVO_STEP_COUNT; ++j) {
        uint32_t key = step_key(try_step(magnitudes, places, dim_padded, bits, step_widths[bits - 2u][j]), j);
        best = key > best ? key : best;
    }
    return 15u - (best & 15u);
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
    k = (k < 1u ? 1u : k) - 1u;
    for (int i = 0; i < 2; ++i) {
        float product = denominator * half_midpoint(k);
        k += k < OCTAVO_SCALE_MAX && numerator >= product ? 1u : 0u;
    }
    return (uint16_t)k;
}

octavo_format_row_scale octavo_format_find_scale(octavo_format_scale_rule rule, uint32_t bits, uint32_t dim_padded,
                                                 const float *row) {
    octavo_format_row_scale result = {0.0f, 0.0f, 0u, 0u};
    float squares = sum_of_products(dim_padded, row, row);
    if ((octavo_base_float_bits(squares) & 0x7f800000u) == 0x7f800000u) {
        result.scale = (uint16_t)OCTAVO_SCALE_NAN;
        return result;
    }
    if (squares < OCTAVO_SQUARES_MIN) return result;

    result.inverse_rms = find_inverse_rms(squares, dim_padded);
    float y[OCTAVO_FORMAT_DIM_MAX], levels[OCTAVO_FORMAT_DIM_MAX];
    for (uint32_t i = 0; i < dim_padded; ++i) y[i] = row[i] * (result.inverse_rms * OCTAVO_MAGNITUDE_ONE);
    result.step = choose_step(y, dim_padded, bits);
    result.inverse_step = inverse_steps[bits - 2u][result.step];
    for (uint32_t i = 0; i < dim_padded; ++i) {
        levels[i] = (float)code_of(y[i], result.inverse_step, bits) - 0.5f * (float)((1u << bits) - 1u);
    }
    float inner = sum_of_products(dim_padded, y, levels) * (1.0f / OCTAVO_MAGNITUDE_ONE);
    if (rule == OCTAVO_FORMAT_SCALE_UNBIASED) {
        result.scale = half_quotient(squares * result.inverse_rms, inner);
    } else {
        result.scale = half_quotient(inner, result.inverse_rms * sum_of_products(dim_padded, levels, levels));
    }
    return result;
}

uint32_t octavo_format_code(const octavo_format_row_scale *row_scale, uint32_t bits, float value) {
    if (row_scale->inverse_rms == 0.0f) return 1u << (bits - 1u);
    float y = value * (row_scale->inverse_rms * OCTAVO_MAGNITUDE_ONE);
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
