/* Attention problems through the public API against the oracle: every fixed one, some random ones and a far soft-cap
 * on every variant in one dispatch and in three, all shared out, and the same problem twice. `octavo selftest` runs the
 * same problems; a failure prints its arguments. */
#include "attention_check.h"
#include "gpu_fixture.h"
#include "random_problem.h"
#include "rng.h"
#include "run_tests.h"
#include "variant_forms.h"

#include <stdio.h>
#include <string.h>

#define RANDOM_PROBLEMS 2u
#define WORK_LIMIT_POWER 21

/* Runs one problem on one variant (NULL: the best); returns whether it passed. */
static bool run_problem(gpu_fixture *fixture, octavo_problem *problem, const char *variant, const char *tuning,
                        const char *replay) {
    octavo_session_result result;
    octavo_error_line error = {""};
    char description[1024];
    octavo_phase phase = problem->phase;
    octavo_random_problem_force(problem, variant);
    problem->tuning = tuning;
    problem->skip_proof = variant != NULL; /* a plan would refuse what is wrong, as what cannot run */
    octavo_problem_describe(problem, description, sizeof description);
    bool ran = octavo_session_run(fixture->device, problem, true, &result, &error);
    problem->phase = phase;
    if (!ran) {
        if (variant != NULL && result.status == OCTAVO_UNSUPPORTED) return true;
        (void)fprintf(stderr, "%s: %s\n    %s: %s\n", replay, description, error.text,
                      fixture->log.last[OCTAVO_LOG_ERROR]);
        return false;
    }
    octavo_check check = octavo_check_result(problem, &result);
    if (!check.passed)
        (void)fprintf(stderr, "%s: %s\n    %s: relative L2 %g (bound %g), log-sum-exp %g (bound %g), guards %s\n",
                      replay, description, result.variant, check.kernel_rel_l2, check.rel_l2_bound, check.lse_max_abs,
                      check.lse_bound, check.guards_intact ? "intact" : "WRITTEN");
    octavo_session_release(&result);
    return check.passed;
}

START_TEST(fixed_problems) {
    gpu_fixture fixture;
    gpu_fixture_open(&fixture);
    const char *name;
    unsigned failed = 0;
    for (uint32_t i = 0; (name = octavo_fixed_problem(i, NULL, NULL, NULL)) != NULL; i++) {
        octavo_problem problem;
        octavo_error_line error = {""};
        char replay[128];
        bool made = false;
        if (!test_device_takes(fixture.device, i)) continue;
        (void)octavo_fixed_problem(i, &problem, &error, &made);
        ck_assert_msg(made, "%s: %s", name, error.text);
        (void)snprintf(replay, sizeof replay, "octavo selftest --only %s", name);
        failed += !run_problem(&fixture, &problem, NULL, NULL, replay);
        octavo_problem_release(&problem);
    }
    ck_assert_uint_eq(failed, 0);
    gpu_fixture_close(&fixture);
}
END_TEST

/* shape: in the table of shapes and variants that devices share out. Returns how many failed. */
static unsigned run_on_every_variant(gpu_fixture *fixture, octavo_problem *problem, unsigned shape,
                                     const char *arguments) {
    const char *variant;
    unsigned failed = 0;
    for (uint32_t i = 0; (variant = octavo_attention_variant_name(i)) != NULL; i++) {
        if (!test_device_takes(fixture->device, i + shape)) continue;
        for (unsigned form = 0; form < VARIANT_FORMS; form++) {
            char replay[200];
            if (!variant_has_form(variant, form)) continue;
            const char *tuning = variant_tuning(fixture->device, variant, form);
            (void)snprintf(replay, sizeof replay, "octavo selftest %s --variant %s --tuning '%s'", arguments, variant,
                           tuning != NULL ? tuning : "");
            failed += !run_problem(fixture, problem, variant, tuning, replay);
        }
    }
    return failed;
}

/* Logits of about a billionth of the cap: nothing is left of them where a kernel's tanh is as exact as 1 is. */
START_TEST(a_far_softcap_on_every_variant) {
    static const char wanted[] = "decode-softcap-largest";
    gpu_fixture fixture;
    octavo_problem problem;
    octavo_error_line error = {""};
    const char *name;
    bool made = false;
    uint32_t index = 0;
    gpu_fixture_open(&fixture);
    while ((name = octavo_fixed_problem(index, NULL, NULL, NULL)) != NULL && strcmp(name, wanted) != 0) index++;
    ck_assert_ptr_nonnull(name);
    (void)octavo_fixed_problem(index, &problem, &error, &made);
    ck_assert_msg(made, "%s", error.text);
    ck_assert_uint_eq(run_on_every_variant(&fixture, &problem, RANDOM_PROBLEMS, "--only decode-softcap-largest"), 0);
    octavo_problem_release(&problem);
    gpu_fixture_close(&fixture);
}
END_TEST

START_TEST(random_problems_on_every_variant) {
    uint64_t first = rng_test_seed(2024);
    gpu_fixture fixture;
    gpu_fixture_open(&fixture);
    unsigned failed = 0;
    for (uint64_t seed = first; seed < first + RANDOM_PROBLEMS; seed++) {
        octavo_problem problem;
        octavo_error_line error = {""};
        char arguments[80];
        ck_assert_msg(octavo_random_problem_draw(seed, 1 << WORK_LIMIT_POWER, &problem, &error), "%s", error.text);
        (void)snprintf(arguments, sizeof arguments, "--no-fixed --random 1 --seed %llu --limit %d",
                       (unsigned long long)seed, WORK_LIMIT_POWER);
        failed += run_on_every_variant(&fixture, &problem, (unsigned)(seed - first), arguments);
        octavo_problem_release(&problem);
    }
    ck_assert_uint_eq(failed, 0);
    gpu_fixture_close(&fixture);
}
END_TEST

START_TEST(results_repeat) {
    gpu_fixture fixture;
    octavo_problem problem;
    octavo_error_line error = {""};
    octavo_session_result first, second;
    gpu_fixture_open(&fixture);
    uint64_t seed = rng_test_seed(77);
    ck_assert_msg(octavo_random_problem_draw(seed, 0x1p22, &problem, &error), "%s", error.text);
    ck_assert_msg(octavo_session_run(fixture.device, &problem, false, &first, &error), "%s", error.text);
    ck_assert_msg(octavo_session_run(fixture.device, &problem, false, &second, &error), "%s", error.text);
    size_t rows = (size_t)octavo_problem_query_count(&problem) * problem.query_head_count;
    ck_assert_msg(memcmp(first.output, second.output, rows * problem.value_dim * sizeof(float)) == 0 &&
                      memcmp(first.lse, second.lse, rows * sizeof(float)) == 0,
                  "seed %llu: two runs differ", (unsigned long long)seed);
    octavo_session_release(&first);
    octavo_session_release(&second);
    octavo_problem_release(&problem);
    gpu_fixture_close(&fixture);
}
END_TEST

/* Two cases of Check, which CTest runs beside each other. */
int main(void) {
    Suite *suite = suite_create("attention_random");
    TCase *fixed = tcase_create("fixed"), *random = tcase_create("random");
    tcase_set_timeout(fixed, 600);
    tcase_set_timeout(random, 600);
    tcase_add_test(fixed, fixed_problems);
    tcase_add_test(random, a_far_softcap_on_every_variant);
    tcase_add_test(random, random_problems_on_every_variant);
    tcase_add_test(random, results_repeat);
    suite_add_tcase(suite, fixed);
    suite_add_tcase(suite, random);
    return run_suite(suite);
}
