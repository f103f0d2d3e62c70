/* main() of a Check program. */
#ifndef OCTAVO_TEST_RUN_TESTS_H
#define OCTAVO_TEST_RUN_TESTS_H

#include <check.h>
#include <stdlib.h>

/* Runs a suite and frees it; returns main's result. CK_RUN_CASE that names no case of it is a failure. */
static inline int run_suite(Suite *suite) {
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner), run = srunner_ntests_run(runner);
    srunner_free(runner);
    return failed == 0 && run > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* The same for one case of tests, each with a limit in seconds against hanging. */
static inline int run_tests(const char *name, const TTest *const *tests, size_t count, double limit_s) {
    Suite *suite = suite_create(name);
    TCase *test_case = tcase_create(name);
    tcase_set_timeout(test_case, limit_s);
    for (size_t i = 0; i < count; ++i) tcase_add_test(test_case, tests[i]);
    suite_add_tcase(suite, test_case);
    return run_suite(suite);
}

#endif
