/* A kernel variant by its name. */
#ifndef OCTAVO_TEST_VARIANT_NAMED_H
#define OCTAVO_TEST_VARIANT_NAMED_H

#include "attention/kernel_variants.h"

#include <check.h>

/* Fails the test where there is none. */
static inline const octavo_kernel_variant *variant_named(const char *name) {
    const octavo_kernel_variant *variant = octavo_kernel_variant_named(name);
    ck_assert_msg(variant != NULL, "no variant %s", name);
    return variant;
}

#endif
