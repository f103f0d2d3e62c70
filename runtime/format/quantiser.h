/* The quantiser: one row of d' rotated f32 values (one token, one head) to codes and one f16 scale. This comment is the
 * contract that the shaders follow; CPU and GPU give the same bits, whatever the precision of their division and square
 * root. Only IEEE f32 +, -, *, comparison and whole numbers decide; no fma, but of exact products; no early exit.
 *
 * 1. s[c] = sum of x[i] * x[i] over i = c, c + 32, c + 64, .., from 0 upwards, for c = 0 .. 31; ss = their sum, each with
 *    its neighbour, then pairs with pairs: ((s[0] + s[1]) + (s[2] + s[3])) + ..
 * 2. If the exponent bits of ss are all ones (Inf, NaN): the row is special, scale = OCTAVO_SCALE_NAN. Else if
 *    ss < OCTAVO_SQUARES_MIN: special, scale = 0. A special row has r = 0, inverse_step = 0 and each code 2^(bits-1).
 *    (A finite row with a sum of squares beyond f32, an rms above 1e18, counts as not finite.)
 * 3. r = the largest float with its low 12 mantissa bits zero such that (r * r) * ss <= d'. (r * r is exact.) Found by:
 *      u = bits(inversesqrt(ss * (1 / d'))) & 0xfffff000;  u -= 0x1000;
 *      twice: { n = u + 0x1000; if ((f(n) * f(n)) * ss <= d') u = n; }       f: bits to float
 * 4. y[i] = x[i] * (4096 r); m[i] = the whole number nearest to |y[i]|, the even one in the middle: the low 23 bits of
 *    |y[i]| + 2^23. (Their sum is at most 4096 d', about.)
 * 5. The step: with s = OCTAVO_EDGE_SHIFT_<bits>, p[i] = the whole number nearest to |y[i]| 2^-s - 1/2, the even one in the
 *    middle, as the low bits of |y[i]| 2^-s + (2^23 - 1/2). For each j = 0 .. 15, with w = OCTAVO_STEP_WIDTHS_<bits>[j],
 *    edges e(t) = (t w + 2^(s-1)) >> s and n[i] the number of t in 1 .. 2^(bits-1) - 1 with p[i] >= e(t):
 *      A = sum of m[i] (2 n[i] + 1);  C = sum of (2 n[i] + 1)^2        whole numbers below 2^24, exact as f32
 *    The best step has the largest key = (bits((A * A) * q) & ~15) | (15 - j) with q = 1 / C, found by:
 *      q = f(0x7ef311c3 - bits(C));  three times: q = q * (2 - C * q)
 *    (That maximises <y, level>^2 / |level|^2, which minimises the squared error for both scales below, with edges
 *    rounded to 1/32 of the rms, to 1/16 for 3 bits: at d' = 128 0.03, 0.11 and 0.11 % more error than that of the best step
 *    of 2, 3 and 4 bits. Whole numbers have one sum in any order: a kernel counts magnitudes between edges, for all steps
 *    at once.)
 * 6. With inv = OCTAVO_INVERSE_STEPS_<bits>[j] of that step:
 *      code[i] = the whole number nearest to y[i] * (inv / 4096) + (2^(bits-1) - 1/2), the even one in the middle, in
 *      0 .. 2^bits - 1: the low bits of the sum + 2^23;  level[i] = code[i] - (2^bits - 1) / 2
 *      a = sum of y[i] * level[i], in the order of 1., over 4096;  c = sum of level[i] * level[i]     (exact)
 *    scale = half(numerator, denominator),
 *      K, unbiased |x|^2 / <x, level>:             numerator = ss * r, denominator = a
 *      V, least squares <x, level> / <level, level>: numerator = a,    denominator = r * c
 * 7. half(n, d): the f16 nearest to n / d, the larger one on ties, at most 65504 (OCTAVO_SCALE_MAX), subnormals and 0
 *    included: the number of midpoints mid(0), mid(1), .. mid(0x7bfe) with n >= d * mid(k), where mid(k) is halfway
 *    between the f16 values with bits k and k + 1 (exact in f32). Found by:
 *      q = n / d;  k = q < 2^-14 ? uint(q * 2^24) : min((bits(q) - 0x38000000) >> 13, 0x7bff);  k = max(k, 1) - 1;
 *      twice: { if (k < 0x7bff && n >= d * mid(k)) k += 1; }
 *      mid(k) = k < 0x400 ? float(2 k + 1) * 2^-25 : f((k << 13) + 0x38001000)
 *
 * The value of a code is level * scale (exact in f32). */
#ifndef OCTAVO_FORMAT_QUANTISER_H
#define OCTAVO_FORMAT_QUANTISER_H

#include <stdint.h>

typedef enum octavo_format_scale_rule {
    OCTAVO_FORMAT_SCALE_UNBIASED = 0,     /* keys */
    OCTAVO_FORMAT_SCALE_LEAST_SQUARES = 1 /* values */
} octavo_format_scale_rule;

/* All that packing a row needs besides the row. */
typedef struct octavo_format_row_scale {
    float inverse_rms;  /* r; 0: special row, all codes 2^(bits-1) */
    float inverse_step; /* of the step that won; 0: special row */
    uint32_t step;      /* its index */
    uint16_t scale;     /* f16 */
} octavo_format_row_scale;

/* bits: 2, 3 or 4. row[dim_padded]. */
octavo_format_row_scale octavo_format_find_scale(octavo_format_scale_rule rule, uint32_t bits, uint32_t dim_padded,
                                                 const float *row);
/* Code of one value of the row. */
uint32_t octavo_format_code(const octavo_format_row_scale *row_scale, uint32_t bits, float value);
/* find_scale, then the codes of all values; codes[dim_padded]. */
octavo_format_row_scale octavo_format_quantise(octavo_format_scale_rule rule, uint32_t bits, uint32_t dim_padded,
                                               const float *row, uint8_t *codes);
/* level * scale; NaN for a NaN scale. */
float octavo_format_dequantise(uint32_t bits, uint32_t code, uint16_t scale);

#endif
