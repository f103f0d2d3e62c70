/* The quantiser against its contract, against double precision, and its error on known distributions. */
#include "base/half.h"
#include "format/quantiser.h"
#include "format/rotation.h"
#include "octavo_abi.h"
#include "rng.h"
#include "run_tests.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

static const float steps[3][OCTAVO_STEP_COUNT] = {
    {OCTAVO_INVERSE_STEPS_2}, {OCTAVO_INVERSE_STEPS_3}, {OCTAVO_INVERSE_STEPS_4}};

static const uint32_t widths[3][OCTAVO_STEP_COUNT] = {
    {OCTAVO_STEP_WIDTHS_2}, {OCTAVO_STEP_WIDTHS_3}, {OCTAVO_STEP_WIDTHS_4}};

static double level(uint32_t bits, uint32_t code) {
    return (double)code - 0.5 * (double)((1u << bits) - 1u);
}

typedef struct errors {
    double mean_squared; /* of a unit-variance value */
    double slope;        /* of <query, dequantised> over <query, row>, least squares over N(0,1) queries */
} errors;

static errors measure(octavo_format_scale_rule rule, uint32_t bits, uint32_t dim, uint32_t rows, uint64_t seed) {
    rng generator;
    rng_seed(&generator, seed);
    double error = 0.0, cross = 0.0, own = 0.0;
    for (uint32_t r = 0; r < rows; ++r) {
        float row[256], query[256];
        uint8_t codes[256];
        for (uint32_t i = 0; i < dim; ++i) row[i] = (float)rng_normal(&generator);
        for (uint32_t i = 0; i < dim; ++i) query[i] = (float)rng_normal(&generator);
        uint16_t scale = octavo_format_quantise(rule, bits, dim, row, codes).scale;
        double exact = 0.0, packed = 0.0;
        for (uint32_t i = 0; i < dim; ++i) {
            double value = (double)octavo_format_dequantise(bits, codes[i], scale);
            error += (value - (double)row[i]) * (value - (double)row[i]);
            exact += (double)query[i] * (double)row[i];
            packed += (double)query[i] * value;
        }
        cross += exact * packed;
        own += exact * exact;
    }
    return (errors){error / rows / dim, cross / own};
}

START_TEST(three_bits_reach_the_bar) {
    uint64_t seed = rng_test_seed(1u);
    errors key = measure(OCTAVO_FORMAT_SCALE_UNBIASED, 3u, 128u, 40000u, seed);
    errors value = measure(OCTAVO_FORMAT_SCALE_LEAST_SQUARES, 3u, 128u, 20000u, seed + 1u);
    printf("3 bits, d=128: K slope %.4f, K error %.5f, V error %.5f\n", key.slope, key.mean_squared,
           value.mean_squared);
    ck_assert_msg(fabs(key.slope - 1.0) <= 0.005, "seed %llu: K slope %.5f", (unsigned long long)seed, key.slope);
    ck_assert_msg(key.mean_squared <= 0.0375, "seed %llu: K error %.5f", (unsigned long long)seed, key.mean_squared);
    ck_assert_msg(value.mean_squared <= 0.0360, "seed %llu: V error %.5f", (unsigned long long)seed,
                  value.mean_squared);
}
END_TEST

START_TEST(widths_are_of_the_steps) {
    for (uint32_t bits = 2u; bits <= 4u; ++bits) {
        for (uint32_t j = 0; j < OCTAVO_STEP_COUNT; ++j) {
            ck_assert_double_le(fabs(4096.0 / (double)steps[bits - 2u][j] - widths[bits - 2u][j]), 0.51);
            if (j > 0) ck_assert_uint_gt(widths[bits - 2u][j], widths[bits - 2u][j - 1u]);
        }
    }
}
END_TEST

/* a^2 / c of a step, in double, with its own levels: the squared error is |y|^2 less it. */
static double captured(uint32_t bits, uint32_t step, uint32_t dim, const float *row, float inverse_rms) {
    double a = 0.0, c = 0.0;
    for (uint32_t i = 0; i < dim; ++i) {
        double y = (double)row[i] * (double)inverse_rms, half = (double)(1u << (bits - 1u));
        double code = floor(y * (double)steps[bits - 2u][step] + half);
        code = code < 0.0 ? 0.0 : code > 2.0 * half - 1.0 ? 2.0 * half - 1.0 : code;
        a += y * level(bits, (uint32_t)code);
        c += level(bits, (uint32_t)code) * level(bits, (uint32_t)code);
    }
    return a * a / c;
}

/* The step that whole numbers choose costs little beside the best of all. */
START_TEST(search_is_close_to_the_best_step) {
    static const struct {
        uint32_t bits, dim;
        double more; /* error */
    } cases[] = {{3u, 128u, 0.0015}, {3u, 64u, 0.002}, {4u, 128u, 0.0015}, {2u, 128u, 0.0006}, {3u, 256u, 0.0015}};
    uint64_t seed = rng_test_seed(7u);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
        rng generator;
        rng_seed(&generator, seed + i);
        double chosen = 0.0, least = 0.0;
        for (uint32_t round = 0; round < 4000u; ++round) {
            float row[256];
            for (uint32_t c = 0; c < cases[i].dim; ++c) row[c] = (float)rng_normal(&generator);
            octavo_format_row_scale found =
                octavo_format_find_scale(OCTAVO_FORMAT_SCALE_UNBIASED, cases[i].bits, cases[i].dim, row);
            double best = 0.0;
            for (uint32_t j = 0; j < OCTAVO_STEP_COUNT; ++j) {
                double here = captured(cases[i].bits, j, cases[i].dim, row, found.inverse_rms);
                if (here > best) best = here;
                if (j == found.step) chosen += (double)cases[i].dim - here;
            }
            least += (double)cases[i].dim - best;
        }
        printf("%u bits, d=%u: %.4f %% more error than the best step\n", cases[i].bits, cases[i].dim,
               100.0 * (chosen / least - 1.0));
        ck_assert_msg(chosen <= least * (1.0 + cases[i].more), "seed %llu: %u bits, d=%u: error %g times the least",
                      (unsigned long long)seed, cases[i].bits, cases[i].dim, chosen / least);
    }
}
END_TEST

/* Least squared errors of V found by trying 91 steps, in double: the 16 come within 1 %. */
START_TEST(other_bits_and_dimensions) {
    static const struct {
        uint32_t bits, dim;
        double bar;
    } cases[] = {{2u, 64u, 0.1150},  {2u, 128u, 0.1175}, {3u, 64u, 0.0333},
                 {3u, 256u, 0.0368}, {4u, 64u, 0.0091},  {4u, 128u, 0.0100}};
    uint64_t seed = rng_test_seed(2u);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
        errors value = measure(OCTAVO_FORMAT_SCALE_LEAST_SQUARES, cases[i].bits, cases[i].dim, 4000u, seed + i);
        errors key = measure(OCTAVO_FORMAT_SCALE_UNBIASED, cases[i].bits, cases[i].dim, 4000u, seed + i);
        printf("%u bits, d=%u: V error %.5f, K error %.5f, slope %.4f\n", cases[i].bits, cases[i].dim,
               value.mean_squared, key.mean_squared, key.slope);
        ck_assert_msg(value.mean_squared <= cases[i].bar, "seed %llu: %u bits, d=%u: V error %.5f",
                      (unsigned long long)seed, cases[i].bits, cases[i].dim, value.mean_squared);
        ck_assert_msg(key.mean_squared <= 1.15 * value.mean_squared && fabs(key.slope - 1.0) <= 0.015,
                      "seed %llu: %u bits, d=%u: K error %.5f slope %.5f", (unsigned long long)seed, cases[i].bits,
                      cases[i].dim, key.mean_squared, key.slope);
    }
}
END_TEST

/* Rows of the kinds that attention meets, at any scale that f16 holds. */
static uint32_t draw_row(rng *generator, float *row) {
    uint32_t dim = 32u * rng_between(generator, 1u, 8u);
    uint32_t kind = rng_below(generator, 5u);
    double scale = exp2(rng_uniform(generator) * 34.0 - 22.0);
    for (uint32_t i = 0; i < dim; ++i) {
        double x = rng_normal(generator);
        if (kind == 1u) x /= 0.05 + rng_uniform(generator);
        if (kind == 2u) x = x > 0.0 ? 1.0 : -1.0;
        if (kind == 3u) x = i == dim / 2u ? 1.0 : 1e-3 * x;
        row[i] = (float)(x * scale);
    }
    if (kind == 4u) octavo_format_rotate(dim, 5u, row);
    return dim;
}

static uint32_t edge_of(uint32_t bits, uint32_t step, uint32_t t, uint32_t grid) {
    return (t * widths[bits - 2u][step] + grid / 2u) / grid;
}

/* One row in double: each step of the contract's conclusions. NULL when all hold, else what does not. */
static const char *check_row(octavo_format_scale_rule rule, uint32_t bits, uint32_t dim, const float *row) {
    uint8_t codes[256];
    octavo_format_row_scale found = octavo_format_quantise(rule, bits, dim, row, codes);
    float sums[32] = {0.0f};
    for (uint32_t i = 0; i < dim; ++i) sums[i % 32u] += row[i] * row[i];
    for (uint32_t count = 32u; count > 1u; count /= 2u) {
        for (uint32_t i = 0; i < count / 2u; ++i) sums[i] = sums[2u * i] + sums[2u * i + 1u];
    }
    float squares = sums[0];

    uint32_t r_bits = octavo_base_float_bits(found.inverse_rms);
    float next = octavo_base_bits_float(r_bits + 0x1000u);
    if ((r_bits & 0xfffu) != 0u) return "inverse_rms is off its grid";
    if (!(found.inverse_rms * found.inverse_rms * squares <= (float)dim)) return "inverse_rms is too large";
    if (next * next * squares <= (float)dim) return "inverse_rms is too small";

    double best = 0.0, won = 0.0, inner = 0.0, levels = 0.0, largest = (double)((1u << bits) - 1u);
    uint32_t grid = bits == 3u ? 256u : 128u;
    for (uint32_t j = 0; j < OCTAVO_STEP_COUNT; ++j) {
        uint64_t a = 0u, c = 0u; /* of twice the levels */
        for (uint32_t i = 0; i < dim; ++i) {
            float y = row[i] * found.inverse_rms;
            uint64_t magnitude = (uint64_t)nearbyint(fabs((double)y) * 4096.0), twice = 1u;
            for (uint32_t t = 1u; t < 1u << (bits - 1u); ++t) {
                twice += nearbyint(fabs((double)y) * 4096.0 / grid - 0.5) >= edge_of(bits, j, t, grid) ? 2u : 0u;
            }
            a += magnitude * twice;
            c += twice * twice;
            if (j != found.step) continue;
            double code = nearbyint((double)(y * steps[bits - 2u][j] + (float)(0.5 * largest)));
            code = code < 0.0 ? 0.0 : code > largest ? largest : code;
            inner += (double)y * level(bits, (uint32_t)code);
            levels += level(bits, (uint32_t)code) * level(bits, (uint32_t)code);
            if (codes[i] != (uint8_t)code) return "a code is not that of the step";
        }
        if (a >= UINT64_C(1) << 24) return "a sum of magnitudes is not exact in f32";
        double score = (double)a * (double)a / (double)c;
        if (score > best) best = score;
        if (j == found.step) won = score;
    }
    if (found.inverse_step != steps[bits - 2u][found.step]) return "inverse_step is not in the table";
    if (won < best * (1.0 - 3e-6)) return "a step with a smaller error was there";

    double exact = (double)squares * (double)found.inverse_rms / inner;
    if (rule == OCTAVO_FORMAT_SCALE_LEAST_SQUARES) exact = inner / levels / (double)found.inverse_rms;
    double stored = (double)octavo_base_half_to_float(found.scale);
    if (exact >= 65520.0) return stored == 65504.0 ? NULL : "a large scale is not clamped";
    double unit = exact < 0x1p-14 ? 0x1p-24 : exp2(floor(log2(exact)) - 10.0);
    return fabs(stored - exact) <= unit * 0.5 + exact * 2e-4 ? NULL : "the scale is not the nearest f16";
}

START_TEST(rows_follow_the_contract) {
    uint64_t seed = rng_test_seed(3u);
    rng generator;
    rng_seed(&generator, seed);
    for (uint32_t round = 0; round < 30000u; ++round) {
        float row[256];
        uint32_t dim = draw_row(&generator, row);
        uint32_t bits = rng_between(&generator, 2u, 4u);
        octavo_format_scale_rule rule =
            rng_below(&generator, 2u) ? OCTAVO_FORMAT_SCALE_UNBIASED : OCTAVO_FORMAT_SCALE_LEAST_SQUARES;
        const char *wrong = check_row(rule, bits, dim, row);
        if (wrong != NULL) {
            ck_abort_msg("seed %llu round %u: %u bits, d'=%u: %s", (unsigned long long)seed, round, bits, dim, wrong);
        }
    }
}
END_TEST

/* Powers of two change the scale only. */
START_TEST(codes_do_not_depend_on_the_scale) {
    rng generator;
    rng_seed(&generator, 4u);
    for (uint32_t round = 0; round < 2000u; ++round) {
        float row[128], larger[128];
        uint8_t codes[128], larger_codes[128];
        for (uint32_t i = 0; i < 128u; ++i) {
            row[i] = rng_exact_normal(&generator);
            larger[i] = row[i] * 64.0f;
        }
        octavo_format_row_scale a = octavo_format_quantise(OCTAVO_FORMAT_SCALE_UNBIASED, 3u, 128u, row, codes);
        octavo_format_row_scale b =
            octavo_format_quantise(OCTAVO_FORMAT_SCALE_UNBIASED, 3u, 128u, larger, larger_codes);
        bool equal =
            a.step == b.step && octavo_base_half_to_float(a.scale) * 64.0f == octavo_base_half_to_float(b.scale);
        for (uint32_t i = 0; i < 128u; ++i) equal = equal && codes[i] == larger_codes[i];
        if (!equal) ck_abort_msg("round %u", round);
    }
}
END_TEST

static void check_special(const float *row, uint16_t scale) {
    for (uint32_t bits = 2u; bits <= 4u; ++bits) {
        for (int rule = 0; rule < 2; ++rule) {
            uint8_t codes[64];
            octavo_format_row_scale found =
                octavo_format_quantise((octavo_format_scale_rule)rule, bits, 64u, row, codes);
            ck_assert_uint_eq(found.scale, scale);
            ck_assert(found.inverse_rms == 0.0f && found.inverse_step == 0.0f);
            for (uint32_t i = 0; i < 64u; ++i) ck_assert_uint_eq(codes[i], 1u << (bits - 1u));
        }
    }
}

START_TEST(special_rows) {
    float row[64] = {0};
    uint8_t codes[64];
    check_special(row, 0u);
    for (uint32_t i = 0; i < 64u; ++i) row[i] = 1e-12f;
    check_special(row, 0u);
    for (uint32_t i = 0; i < 64u; ++i) row[i] = 1.0f;
    row[63] = NAN;
    check_special(row, OCTAVO_SCALE_NAN);
    row[63] = -INFINITY;
    check_special(row, OCTAVO_SCALE_NAN);
    row[63] = 3e38f; /* its square is beyond f32 */
    check_special(row, OCTAVO_SCALE_NAN);
    for (uint32_t i = 0; i < 64u; ++i) row[i] = i % 2u ? 1e15f : -1e15f;
    octavo_format_row_scale found = octavo_format_quantise(OCTAVO_FORMAT_SCALE_UNBIASED, 3u, 64u, row, codes);
    ck_assert_uint_eq(found.scale, OCTAVO_SCALE_MAX);
    for (uint32_t i = 0; i < 64u; ++i) row[i] = i % 2u ? 1e-8f : -1e-8f;
    found = octavo_format_quantise(OCTAVO_FORMAT_SCALE_UNBIASED, 3u, 64u, row, codes);
    ck_assert_uint_lt(found.scale, 2u); /* below half the least f16, with codes all the same */
    ck_assert(found.inverse_rms > 0.0f);
    ck_assert(isnan(octavo_format_dequantise(3u, 5u, OCTAVO_SCALE_NAN)));
    ck_assert(octavo_format_dequantise(3u, 7u, octavo_base_float_to_half(2.0f)) == 7.0f);
    ck_assert(octavo_format_dequantise(2u, 0u, octavo_base_float_to_half(1.0f)) == -1.5f);
}
END_TEST

/* The same bits under every compiler: a checksum (FNV-1a) of codes, steps and scales, rows rotated first. */
START_TEST(checksum) {
    rng generator;
    rng_seed(&generator, 6u);
    uint32_t sum = 2166136261u;
    for (uint32_t round = 0; round < 4000u; ++round) {
        float row[256];
        uint8_t codes[256];
        uint32_t dim = 32u * (1u + round % 8u), bits = 2u + round / 8u % 3u;
        for (uint32_t i = 0; i < dim; ++i) row[i] = rng_exact_normal(&generator) * (i % 7u == 0u ? 4.0f : 1.0f);
        octavo_format_rotate(dim, round, row);
        octavo_format_row_scale found =
            octavo_format_quantise((octavo_format_scale_rule)(round / 24u % 2u), bits, dim, row, codes);
        for (uint32_t i = 0; i < dim; ++i) sum = (sum ^ codes[i]) * 16777619u;
        sum = (sum ^ found.step) * 16777619u;
        sum = (sum ^ found.scale) * 16777619u;
        sum = (sum ^ octavo_base_float_bits(found.inverse_rms)) * 16777619u;
    }
    ck_assert_msg(sum == 0x6bbdce9fu, "checksum 0x%08x", sum);
}
END_TEST

int main(void) {
    const TTest *tests[] = {widths_are_of_the_steps,
                            search_is_close_to_the_best_step,
                            three_bits_reach_the_bar,
                            other_bits_and_dimensions,
                            rows_follow_the_contract,
                            codes_do_not_depend_on_the_scale,
                            special_rows,
                            checksum};
    return run_tests("format_quantiser", tests, sizeof tests / sizeof tests[0], 300.0);
}
