/* The shaders' soft-cap, read as C, against tanh in double. */
#include "base/half.h"
#include "run_tests.h"

#include <math.h>

float soft_capped(float cap, float x);

#define floatBitsToUint octavo_base_float_bits
#define uintBitsToFloat octavo_base_bits_float
#define abs fabsf
#define exp2 exp2f
#include "lib/softcap.glsl"
#undef abs
#undef exp2

#define ERROR_MAX 3e-7 /* 2.3e-7 measured */

static void is_near_tanh(float cap, float x) {
    double expected = (double)cap * tanh((double)x), error = fabs((double)soft_capped(cap, x) - expected);
    if (!(error <= ERROR_MAX * fabs(expected)))
        ck_abort_msg("cap %g, x %.9g: %.9g, not %.9g", (double)cap, (double)x, (double)soft_capped(cap, x), expected);
}

/* Every 97th float of 1e-30 .. 100. */
START_TEST(keeps_the_digits_of_every_logit) {
    static const float caps[4] = {1e-9f, 1.44269504f, 30000.0f, 1e9f};
    uint32_t end = octavo_base_float_bits(100.0f);
    for (unsigned c = 0; c < 4; ++c) {
        for (uint32_t bits = octavo_base_float_bits(c == 0 ? 1e-28f : 1e-30f); bits < end; bits += 97u) {
            is_near_tanh(caps[c], octavo_base_bits_float(bits));
            is_near_tanh(caps[c], -octavo_base_bits_float(bits));
        }
    }
}
END_TEST

START_TEST(limits_are_those_of_tanh) {
    static const float large[3] = {100.0f, 3.4e38f, INFINITY};
    for (unsigned i = 0; i < 3; ++i) {
        ck_assert(soft_capped(50.0f, large[i]) == 50.0f);
        ck_assert(soft_capped(50.0f, -large[i]) == -50.0f);
    }
    ck_assert(isnan(soft_capped(50.0f, NAN)));
    ck_assert(soft_capped(50.0f, 0.0f) == 0.0f);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("softcap");
    TCase *tests = tcase_create("softcap");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, keeps_the_digits_of_every_logit);
    tcase_add_test(tests, limits_are_those_of_tanh);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
