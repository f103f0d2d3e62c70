/* An assertion for loops. Check's own tells the runner of each one that holds, by a write to a file, and a test that
 * makes millions of them spends its time there; this one says something only when it fails. */
#ifndef OCTAVO_TEST_EXPECT_H
#define OCTAVO_TEST_EXPECT_H

#include <check.h>

/* expect_msg(condition, format, ...) */
#define expect_msg(condition, ...)                                                                                     \
    do {                                                                                                               \
        if (!(condition)) ck_abort_msg(__VA_ARGS__);                                                                   \
    } while (0)

#endif
