/* 16-bit floats: IEEE binary16 and bfloat16, rounded to nearest, ties to even, subnormals, Inf and NaN kept. */
#ifndef OCTAVO_BASE_HALF_H
#define OCTAVO_BASE_HALF_H

#include <stdint.h>

/* NaN becomes a quiet NaN of the same sign; beyond 65504 + half a step: Inf. */
uint16_t octavo_base_float_to_half(float value);
float octavo_base_half_to_float(uint16_t half);
uint16_t octavo_base_float_to_bfloat(float value);
float octavo_base_bfloat_to_float(uint16_t bfloat);

/* The 32 bits of a float and back. */
uint32_t octavo_base_float_bits(float value);
float octavo_base_bits_float(uint32_t bits);

#endif
