#include "base/half.h"

#include <string.h>

uint32_t octavo_base_float_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

float octavo_base_bits_float(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Drops the low `shift` bits of `value`, rounding to nearest, ties to even. shift is 1 .. 31. */
static uint32_t shift_to_nearest(uint32_t value, uint32_t shift) {
    uint32_t half = UINT32_C(1) << (shift - 1u);
    uint32_t rest = value & ((half << 1u) - 1u);
    uint32_t kept = value >> shift;
    return kept + (rest > half || (rest == half && (kept & 1u) != 0u) ? 1u : 0u);
}

uint16_t octavo_base_float_to_half(float value) {
    uint32_t bits = octavo_base_float_bits(value);
    uint32_t sign = (bits >> 16) & 0x8000u;
    uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return (uint16_t)(sign | 0x7e00u);
    if (magnitude >= 0x47800000u) return (uint16_t)(sign | 0x7c00u); /* 65536 and more */
    if (magnitude >= 0x38800000u) {                                  /* normal: a carry into the exponent is right */
        return (uint16_t)(sign | shift_to_nearest(magnitude - 0x38000000u, 13u));
    }
    if (magnitude < 0x33000000u) return (uint16_t)sign; /* below 2^-25 */
    uint32_t exponent = magnitude >> 23;                /* 102 .. 112 */
    uint32_t mantissa = (magnitude & 0x7fffffu) | 0x800000u;
    return (uint16_t)(sign | shift_to_nearest(mantissa, 126u - exponent));
}

float octavo_base_half_to_float(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t exponent = ((uint32_t)half >> 10) & 31u;
    uint32_t mantissa = (uint32_t)half & 0x3ffu;
    if (exponent == 31u) return octavo_base_bits_float(sign | 0x7f800000u | (mantissa << 13));
    if (exponent != 0u) return octavo_base_bits_float(sign | ((exponent + 112u) << 23) | (mantissa << 13));
    float magnitude = (float)mantissa * 5.9604644775390625e-8f; /* 2^-24 */
    return octavo_base_bits_float(sign | octavo_base_float_bits(magnitude));
}

uint16_t octavo_base_float_to_bfloat(float value) {
    uint32_t bits = octavo_base_float_bits(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)((bits >> 16) | 0x40u);
    return (uint16_t)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

float octavo_base_bfloat_to_float(uint16_t bfloat) {
    return octavo_base_bits_float((uint32_t)bfloat << 16);
}
