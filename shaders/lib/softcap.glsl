/* cap * tanh(x). Of a small x, a logit far below the cap, 1 - 2 / (e^2x + 1) has few digits left: there an odd polynomial
 * stands in, x + x^3 P(x^2), 4e-8 from tanh. Relative error of any logit below 3e-7, with an exp2 that is right to an ulp.
 * Read as C by the test of this function, hence the f of the constants. */
#ifndef OCTAVO_SOFTCAP_GLSL
#define OCTAVO_SOFTCAP_GLSL

float soft_capped(float cap, float x) {
    const float a = abs(x), z = a * a;
    const float p = -0.333329466f + z * (0.13320725f + z * (-0.0526718133f + z * 0.0164375806f));
    const float small_tanh = a + a * z * p;
    const float e = exp2(a * (-2.0f * 1.44269504f)); // at most 1: nothing overflows
    const float large_tanh = 1.0f - 2.0f * e / (1.0f + e);
    const float t = a < 0.55f ? small_tanh : large_tanh;
    return cap * uintBitsToFloat(floatBitsToUint(t) | (floatBitsToUint(x) & 0x80000000u)); // of the sign of x
}
#endif
