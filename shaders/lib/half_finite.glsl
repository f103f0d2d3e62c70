// Pairs of f16 whose halves may be infinite or NaN.
#ifndef OCTAVO_HALF_FINITE_GLSL
#define OCTAVO_HALF_FINITE_GLSL

bool has_infinite_half(uint pair) {
    return (pair & 0x7c00u) == 0x7c00u || (pair & 0x7c000000u) == 0x7c000000u;
}

// Bits 0 and 1: the low and the high half are not finite.
uint infinite_halves(uint pair) {
    return ((pair & 0x7c00u) == 0x7c00u ? 1u : 0u) | ((pair & 0x7c000000u) == 0x7c000000u ? 2u : 0u);
}

// The others, and 0.
uint finite_halves(uint pair) {
    return ((pair & 0x7c00u) == 0x7c00u ? 0u : pair & 0xffffu) | ((pair & 0x7c000000u) == 0x7c000000u ? 0u : pair & 0xffff0000u);
}
#endif
