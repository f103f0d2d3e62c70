/* binary16 and bfloat16 against rounding in double. */
#include "base/checked_math.h"
#include "base/half.h"
#include "rng.h"
#include "run_tests.h"

#include <math.h>
#include <stdbool.h>

/* value rounded to `mantissa_bits` stored bits, exponents from least (below: subnormals), ties to even; Inf from limit
 * on. */
static double round_to(double value, int mantissa_bits, int least_exponent, double limit) {
    if (isnan(value) || isinf(value) || value == 0.0) return value;
    int exponent;
    frexp(value, &exponent);
    exponent = exponent - 1 < least_exponent ? least_exponent : exponent - 1;
    double unit = ldexp(1.0, exponent - mantissa_bits);
    double rounded = nearbyint(value / unit) * unit;
    return fabs(rounded) >= limit ? copysign(INFINITY, value) : rounded;
}

static bool same(double a, double b) {
    return isnan(a) ? isnan(b) != 0 : a == b && signbit(a) == signbit(b);
}

static bool both_are_right(float value) {
    double half = (double)octavo_base_half_to_float(octavo_base_float_to_half(value));
    double bfloat = (double)octavo_base_bfloat_to_float(octavo_base_float_to_bfloat(value));
    return same(half, round_to((double)value, 10, -14, 65536.0)) &&
           same(bfloat, round_to((double)value, 7, -126, 0x1p128));
}

START_TEST(every_half_comes_back) {
    for (uint32_t bits = 0; bits < 65536u; ++bits) {
        float value = octavo_base_half_to_float((uint16_t)bits);
        double exponent = (double)((bits >> 10) & 31u), mantissa = (double)(bits & 1023u);
        double expected = exponent == 0.0 ? mantissa * 0x1p-24 : (1.0 + mantissa / 1024.0) * exp2(exponent - 15.0);
        if (exponent == 31.0) expected = mantissa == 0.0 ? INFINITY : NAN;
        expected = bits >= 0x8000u ? -expected : expected;
        bool ok = same((double)value, expected);
        ok = ok && (isnan(value) || octavo_base_float_to_half(value) == bits);
        float bfloat = octavo_base_bfloat_to_float((uint16_t)bits);
        ok = ok && (isnan(bfloat) || octavo_base_float_to_bfloat(bfloat) == bits);
        if (!ok) ck_abort_msg("bits 0x%04x", bits);
    }
}
END_TEST

START_TEST(floats_round_to_nearest_even) {
    uint64_t seed = rng_test_seed(11u);
    rng generator;
    rng_seed(&generator, seed);
    for (uint32_t round = 0; round < 3000000u; ++round) {
        uint32_t bits = (uint32_t)rng_next(&generator);
        if (round % 3u == 0u) bits = (bits & 0x8fffffffu) | 0x30000000u; /* about the range of f16 */
        if (round % 5u == 0u) bits &= 0xfffff000u;                       /* ties */
        if (!both_are_right(octavo_base_bits_float(bits))) {
            ck_abort_msg("seed %llu: bits 0x%08x", (unsigned long long)seed, bits);
        }
    }
    static const float edges[] = {65504.0f,        65519.99f,  65520.0f,     65536.0f,     0x1p-24f, 0x1p-25f,
                                  0x1.000002p-25f, 0x1.8p-24f, 0x1.ffcp-15f, 0x1.ffep-15f, 0x1p-14f, 0.0f,
                                  -0.0f,           0x1p-149f,  3.4e38f,      INFINITY,     NAN};
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; ++i) {
        ck_assert_msg(both_are_right(edges[i]) && both_are_right(-edges[i]), "edge %zu: %a", i, (double)edges[i]);
    }
    ck_assert_uint_eq(octavo_base_float_to_half(-NAN) & 0x7e00u, 0x7e00u);
}
END_TEST

START_TEST(overflow_is_seen) {
    uint64_t u = 1;
    size_t s = 1;
    ck_assert(octavo_base_add_u64(UINT64_MAX - 1u, 1u, &u) && u == UINT64_MAX);
    ck_assert(!octavo_base_add_u64(UINT64_MAX, 1u, &u) && u == UINT64_MAX);
    ck_assert(octavo_base_multiply_u64(UINT64_C(1) << 32, (UINT64_C(1) << 32) - 1u, &u));
    ck_assert(!octavo_base_multiply_u64(UINT64_C(1) << 32, UINT64_C(1) << 32, &u));
    ck_assert(octavo_base_multiply_u64(UINT64_MAX, 0u, &u) && u == 0u);
    ck_assert(octavo_base_add_size(SIZE_MAX, 0u, &s) && s == SIZE_MAX);
    ck_assert(!octavo_base_add_size(SIZE_MAX, 1u, &s) && !octavo_base_multiply_size(SIZE_MAX / 2u, 3u, &s));
    ck_assert(octavo_base_multiply_size(SIZE_MAX / 2u, 2u, &s) && s == SIZE_MAX - 1u);
}
END_TEST

int main(void) {
    const TTest *tests[] = {every_half_comes_back, floats_round_to_nearest_even, overflow_is_seen};
    return run_tests("format_half", tests, sizeof tests / sizeof tests[0], 300.0);
}
