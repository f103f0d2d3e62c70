// f32 to f16 bits, rounded to nearest even, as runtime/base/half.h: packHalf2x16 may round either way.
#ifndef OCTAVO_HALF_BITS_GLSL
#define OCTAVO_HALF_BITS_GLSL

uint half_bits(float value) {
    const uint bits = floatBitsToUint(value), sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) {
        return sign | 0x7e00u;
    }
    if (magnitude >= 0x477ff000u) { // rounds to 65536 or more
        return sign | 0x7c00u;
    }
    if (magnitude >= 0x38800000u) { // normal in f16
        return sign | ((magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13);
    }
    const uint shift = 126u - (magnitude >> 23); // mantissa to units of 2^-24
    if (shift > 24u) {
        return sign;
    }
    const uint mantissa = (magnitude & 0x7fffffu) | 0x800000u;
    const uint down = mantissa >> shift, rest = mantissa & ((1u << shift) - 1u), middle = 1u << (shift - 1u);
    return sign | (down + (rest > middle || (rest == middle && (down & 1u) == 1u) ? 1u : 0u));
}
#endif
