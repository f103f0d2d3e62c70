/* What CPU and shaders share: valid C11 and GLSL. Bindings, specialisation ids, parameter records, the fixed numbers of
 * the packed format. A test reads the SPIR-V and compares. */
#ifndef OCTAVO_ABI_H
#define OCTAVO_ABI_H

#ifdef OCTAVO_GLSL
#define OCTAVO_STRUCT(name) struct name
#define OCTAVO_END(name)
#define OCTAVO_U32 uint
#define OCTAVO_I32 int
#define OCTAVO_F32T float
#else
#include <stdint.h>
#define OCTAVO_STRUCT(name) typedef struct name
#define OCTAVO_END(name) name
#define OCTAVO_U32 uint32_t
#define OCTAVO_I32 int32_t
#define OCTAVO_F32T float
#endif

/* --- the packed format ---------------------------------------------------------------------------------------- */
#define OCTAVO_GROUP 32u        /* values in a group */
#define OCTAVO_TILE_TOKENS 128u /* tokens in a tile and in a page */

/* The sign of channel i under a seed: bit 31 of a 32-bit mix (finaliser of MurmurHash3). 1 means minus. */
#define OCTAVO_SIGN_MULTIPLIER_INDEX 0x9e3779b9u
#define OCTAVO_SIGN_MULTIPLIER_1 0x85ebca6bu
#define OCTAVO_SIGN_MULTIPLIER_2 0xc2b2ae35u
/* h = (seed + 1) * 0x9e3779b9 ^ (i * 0x85ebca6b); h ^= h >> 16; h *= 0x85ebca6b; h ^= h >> 13; h *= 0xc2b2ae35; h >> 31
 * (all modulo 2^32) */

/* The rotation R = (C_m x H) diag(signs) of d' = m 2^k channels, m in {1, 3, 5, 7}, k in 5 .. 8: C_m[i][j] =
 * (cos(2 pi i j / m) + sin(2 pi i j / m)) / sqrt(m), row-major (symmetric), and 2^(-k / 2). Exact values of f32. */
#define OCTAVO_HARTLEY_3                                                                                               \
    0.577350259f, 0.577350259f, 0.577350259f,                                                                          \
    0.577350259f, 0.211324871f, -0.788675129f,                                                                         \
    0.577350259f, -0.788675129f, 0.211324871f
#define OCTAVO_HARTLEY_5                                                                                               \
    0.44721359f, 0.44721359f, 0.44721359f, 0.44721359f, 0.44721359f,                                                   \
    0.44721359f, 0.563521981f, -0.0989378393f, -0.624668956f, -0.287128806f,                                           \
    0.44721359f, -0.0989378393f, -0.287128806f, 0.563521981f, -0.624668956f,                                           \
    0.44721359f, -0.624668956f, 0.563521981f, -0.287128806f, -0.0989378393f,                                           \
    0.44721359f, -0.287128806f, -0.624668956f, -0.0989378393f, 0.563521981f
#define OCTAVO_HARTLEY_7                                                                                               \
    0.377964467f, 0.377964467f, 0.377964467f, 0.377964467f, 0.377964467f, 0.377964467f, 0.377964467f,                  \
    0.377964467f, 0.531161547f, 0.284383118f, -0.176541582f, -0.504526854f, -0.452593118f, -0.05984753f,               \
    0.377964467f, 0.284383118f, -0.504526854f, -0.05984753f, 0.531161547f, -0.176541582f, -0.452593118f,               \
    0.377964467f, -0.176541582f, -0.05984753f, 0.284383118f, -0.452593118f, 0.531161547f, -0.504526854f,               \
    0.377964467f, -0.504526854f, 0.531161547f, -0.452593118f, 0.284383118f, -0.05984753f, -0.176541582f,               \
    0.377964467f, -0.452593118f, -0.176541582f, 0.531161547f, -0.05984753f, -0.504526854f, 0.284383118f,               \
    0.377964467f, -0.05984753f, -0.452593118f, -0.504526854f, -0.176541582f, 0.284383118f, 0.531161547f
#define OCTAVO_HADAMARD_SCALE_5 0.176776692f
#define OCTAVO_HADAMARD_SCALE_6 0.125f
#define OCTAVO_HADAMARD_SCALE_7 0.0883883461f
#define OCTAVO_HADAMARD_SCALE_8 0.0625f

/* The quantiser tries OCTAVO_STEP_COUNT steps: step j of a row = rms * base(bits) * f_j, base = 0.9957, 0.3352 for 2, 4 bits
 * (the best uniform steps for N(0,1)), f = 0.79 0.86 0.89 0.925 0.95 0.985 1.02 1.065 1.11 1.155 1.2 1.3 1.41 1.62 1.94
 * 2.46; for 3 bits rms * (22 24 25 26 27 28 29 30 31 32 33 36 39 45 54 69) / 48, whose third edges are on the grid below.
 * Here: rms / step. Use as float[16](OCTAVO_INVERSE_STEPS_3) or = {OCTAVO_INVERSE_STEPS_3}. */
#define OCTAVO_STEP_COUNT 16
#define OCTAVO_INVERSE_STEPS_2                                                                                         \
    1.27128935f, 1.16781235f, 1.12844789f, 1.08574986f, 1.05717742f, 1.01961279f, 0.984626055f, 0.943022132f,          \
    0.904791534f, 0.869539917f, 0.836932123f, 0.772552729f, 0.712282658f, 0.619949758f, 0.517690003f, 0.408259571f
#define OCTAVO_INVERSE_STEPS_3                                                                                         \
    2.18181825f, 2.0f, 1.91999996f, 1.84615386f, 1.77777779f, 1.71428573f, 1.65517247f, 1.60000002f,                   \
    1.54838705f, 1.5f, 1.4545455f, 1.33333337f, 1.23076928f, 1.06666672f, 0.888888896f, 0.695652187f
#define OCTAVO_INVERSE_STEPS_4                                                                                         \
    3.77632093f, 3.46894598f, 3.35201526f, 3.22518229f, 3.1403091f, 3.02872443f, 2.92479753f, 2.80121469f,             \
    2.68765187f, 2.58293819f, 2.48607802f, 2.29484129f, 2.11581111f, 1.84153926f, 1.53778017f, 1.21272099f

/* The search for a step counts in whole numbers: magnitudes in units of 2^-12 of the row's rms, and the steps with them,
 * round(4096 step / rms). A step's levels change at multiples t of it, t = 1 .. 2^(bits-1) - 1: edges in units of
 * 2^(shift-12) rms, (t * width + 2^(shift-1)) >> shift. */
#define OCTAVO_MAGNITUDE_ONE 4096.0f
#define OCTAVO_EDGE_SHIFT_2 7u
#define OCTAVO_EDGE_SHIFT_3 8u
#define OCTAVO_EDGE_SHIFT_4 7u
#define OCTAVO_STEP_WIDTHS_2                                                                                           \
    3222, 3507, 3630, 3773, 3874, 4017, 4160, 4343, 4527, 4711, 4894, 5302, 5751, 6607, 7912, 10033
#define OCTAVO_STEP_WIDTHS_3                                                                                           \
    1877, 2048, 2133, 2219, 2304, 2389, 2475, 2560, 2645, 2731, 2816, 3072, 3328, 3840, 4608, 5888
#define OCTAVO_STEP_WIDTHS_4                                                                                           \
    1085, 1181, 1222, 1270, 1304, 1352, 1400, 1462, 1524, 1586, 1648, 1785, 1936, 2224, 2664, 3378

/* Partial sums that make a row's sum of squares, and its product with the levels: channels this far apart. */
#define OCTAVO_SQUARE_CHAINS 32u

/* A row whose sum of squares is below this (2^-60) has scale 0 and the code 2^(bits-1) everywhere. */
#define OCTAVO_SQUARES_MIN 8.67361738e-19f
/* The f16 scale of a row with a sum of squares that is not finite, and the largest scale (larger ones are clamped). */
#define OCTAVO_SCALE_NAN 0x7e00u
#define OCTAVO_SCALE_MAX 0x7bffu

#include "octavo_records.h"
#endif
