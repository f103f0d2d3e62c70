/* The rotation against its matrix in double, dense transforms and their inverses. */
#include "base/half.h"
#include "compare.h"
#include "format/rotation.h"
#include "octavo_abi.h"
#include "rng.h"
#include "run_tests.h"

#include <math.h>
#include <string.h>

/* R[i][j] by the definition. */
static double rotation_element(uint32_t dim, uint32_t seed, uint32_t i, uint32_t j) {
    uint32_t size = dim & (0u - dim), m = dim / size;
    double angle = 6.283185307179586 * (double)((i / size) * (j / size) % m) / m;
    double element = (cos(angle) + sin(angle)) / sqrt((double)dim);
    uint32_t common = (i % size) & (j % size);
    for (; common != 0u; common &= common - 1u) element = -element;
    return octavo_format_sign(seed, j) ? -element : element;
}

START_TEST(rotation_is_its_matrix) {
    uint64_t seed = rng_test_seed(31u);
    rng generator;
    rng_seed(&generator, seed);
    for (uint32_t dim = 32u; dim <= 256u; dim += 32u) {
        uint32_t signs = (uint32_t)rng_next(&generator);
        for (uint32_t round = 0; round < 4u; ++round) {
            float row[256], rotated[256];
            double expected[256], original[256];
            for (uint32_t i = 0; i < dim; ++i) row[i] = rotated[i] = (float)rng_normal(&generator);
            for (uint32_t i = 0; i < dim; ++i) {
                original[i] = (double)row[i];
                expected[i] = 0.0;
                for (uint32_t j = 0; j < dim; ++j) expected[i] += rotation_element(dim, signs, i, j) * (double)row[j];
            }
            octavo_format_rotate(dim, signs, rotated);
            double there = compare_relative_l2(rotated, expected, dim);
            octavo_format_rotate_inverse(dim, signs, rotated);
            double back = compare_relative_l2(rotated, original, dim);
            ck_assert_msg(there < 5e-7 && back < 5e-7, "seed %llu d'=%u signs %u: %g there, %g back",
                          (unsigned long long)seed, dim, signs, there, back);
        }
    }
}
END_TEST

START_TEST(constants_are_the_definition) {
    static const float hartley[3][49] = {{OCTAVO_HARTLEY_3}, {OCTAVO_HARTLEY_5}, {OCTAVO_HARTLEY_7}};
    for (uint32_t m = 3u; m <= 7u; m += 2u) {
        for (uint32_t i = 0; i < m * m; ++i) {
            double angle = 6.283185307179586 * (double)(i / m * (i % m) % m) / m;
            float expected = (float)((cos(angle) + sin(angle)) / sqrt((double)m));
            ck_assert(fabsf(hartley[m / 2u - 1u][i] - expected) <= 6e-8f);
        }
    }
    static const float scales[] = {OCTAVO_HADAMARD_SCALE_5, OCTAVO_HADAMARD_SCALE_6, OCTAVO_HADAMARD_SCALE_7,
                                   OCTAVO_HADAMARD_SCALE_8};
    static const float inverse_steps[3][OCTAVO_STEP_COUNT] = {
        {OCTAVO_INVERSE_STEPS_2}, {OCTAVO_INVERSE_STEPS_3}, {OCTAVO_INVERSE_STEPS_4}};
    static const double bases[3] = {0.9957, 1.0 / 48.0, 0.3352};
    static const double factors[OCTAVO_STEP_COUNT] = {0.79, 0.86,  0.89, 0.925, 0.95, 0.985, 1.02, 1.065,
                                                      1.11, 1.155, 1.2,  1.3,   1.41, 1.62,  1.94, 2.46};
    static const double wholes[OCTAVO_STEP_COUNT] = {22, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 36, 39, 45, 54, 69};
    for (int k = 5; k <= 8; ++k) ck_assert(scales[k - 5] == (float)exp2(-0.5 * k));
    for (int bits = 0; bits < 3; ++bits) {
        for (int j = 0; j < OCTAVO_STEP_COUNT; ++j) {
            double factor = bits == 1 ? wholes[j] : factors[j];
            ck_assert_msg(inverse_steps[bits][j] == (float)(1.0 / (bases[bits] * factor)), "%d bits, step %d", bits + 2,
                          j);
        }
    }
    ck_assert(OCTAVO_SQUARES_MIN == 0x1p-60f);
}
END_TEST

START_TEST(signs_are_fixed_and_fair) {
    uint32_t minus = 0u, first = 0u, changes = 0u;
    for (uint32_t i = 0; i < 32u; ++i) first |= octavo_format_sign(0u, i) << i;
    ck_assert_msg(first == 0x3b6e7d17u, "signs of seed 0: 0x%08x", first);
    for (uint32_t seed = 0; seed < 256u; ++seed) {
        for (uint32_t i = 0; i < 256u; ++i) {
            minus += octavo_format_sign(seed, i);
            changes += octavo_format_sign(seed, i) ^ octavo_format_sign(seed + 1u, i);
        }
    }
    ck_assert_uint_ge(minus, 32768u - 640u); /* five deviations */
    ck_assert_uint_le(minus, 32768u + 640u);
    ck_assert_uint_ge(changes, 32768u - 640u);
    ck_assert_uint_le(changes, 32768u + 640u);
}
END_TEST

/* The same bits under every compiler. */
START_TEST(checksum) {
    rng generator;
    rng_seed(&generator, 32u);
    uint32_t sum = 2166136261u;
    for (uint32_t dim = 32u; dim <= 256u; dim += 32u) {
        float row[256], matrix[32 * 32], transformed[32];
        for (uint32_t i = 0; i < dim; ++i) row[i] = rng_exact_normal(&generator);
        for (uint32_t i = 0; i < 32u * 32u; ++i) matrix[i] = rng_exact_normal(&generator);
        octavo_format_transform(32u, matrix, row, transformed);
        octavo_format_rotate(dim, dim, row);
        for (uint32_t i = 0; i < dim; ++i) sum = (sum ^ octavo_base_float_bits(row[i])) * 16777619u;
        for (uint32_t i = 0; i < 32u; ++i) sum = (sum ^ octavo_base_float_bits(transformed[i])) * 16777619u;
    }
    ck_assert_msg(sum == 0x1c8c6f30u, "checksum 0x%08x", sum);
}
END_TEST

START_TEST(matrices_are_inverted) {
    static float matrix[256 * 256], inverse[256 * 256], transposed[256 * 256];
    octavo_base_host host;
    octavo_base_host_init(&host, NULL);
    rng generator;
    rng_seed(&generator, 33u);
    for (uint32_t dim = 32u; dim <= 256u; dim += 224u) {
        for (uint32_t i = 0; i < dim * dim; ++i) matrix[i] = (float)rng_normal(&generator);
        /* Zeros on the diagonal and rows of very different size: without pivoting this fails. */
        for (uint32_t i = 0; i < dim; ++i) matrix[i * dim + i] = 0.0f;
        for (uint32_t j = 0; j < dim; ++j) matrix[3u * dim + j] *= 1e-6f;
        ck_assert_int_eq(octavo_format_invert(&host, dim, matrix, transposed, inverse), OCTAVO_SUCCESS);
        float row[256], there[256], back[256];
        for (uint32_t i = 0; i < dim; ++i) row[i] = (float)rng_normal(&generator);
        octavo_format_transform(dim, matrix, row, there);
        octavo_format_transform(dim, inverse, there, back);
        double error = compare_relative_l2_float(back, row, dim);
        ck_assert_msg(error < 1e-3, "d'=%u: %g", dim, error);
        for (uint32_t i = 0; i < dim; ++i) {
            for (uint32_t j = 0; j < dim; ++j) {
                if (inverse[i * dim + j] != transposed[j * dim + i]) ck_abort_msg("not the transpose: %u %u", i, j);
            }
        }
    }
    /* q . k = (T^-T q) . (T k) */
    inverse[0] = 42.0f;
    for (uint32_t j = 0; j < 32u; ++j) matrix[5u * 32u + j] = matrix[6u * 32u + j] * 2.0f;
    ck_assert_int_eq(octavo_format_invert(&host, 32u, matrix, NULL, inverse), OCTAVO_INVALID_ARGUMENT);
    matrix[7] = NAN;
    ck_assert_int_eq(octavo_format_invert(&host, 32u, matrix, NULL, inverse), OCTAVO_INVALID_ARGUMENT);
    memset(matrix, 0, sizeof matrix);
    for (uint32_t i = 0; i < 32u; ++i) matrix[33u * i] = 1e-42f; /* 1e42 is no float */
    ck_assert_int_eq(octavo_format_invert(&host, 32u, matrix, NULL, inverse), OCTAVO_INVALID_ARGUMENT);
    memset(matrix, 0, sizeof matrix);
    ck_assert_int_eq(octavo_format_invert(&host, 32u, matrix, NULL, inverse), OCTAVO_INVALID_ARGUMENT);
    ck_assert(inverse[0] == 42.0f);
}
END_TEST

int main(void) {
    const TTest *tests[] = {rotation_is_its_matrix, constants_are_the_definition, signs_are_fixed_and_fair, checksum,
                            matrices_are_inverted};
    return run_tests("format_rotation", tests, sizeof tests / sizeof tests[0], 300.0);
}
