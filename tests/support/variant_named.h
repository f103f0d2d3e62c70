/* A kernel variant by its name. */
#ifndef OCTAVO_TEST_VARIANT_NAMED_H
#define OCTAVO_TEST_VARIANT_NAMED_H

#include "attention/kernel_variants.h"

#include <check.h>
#include <string.h>

/* Fails the test where there is none. */
static inline const octavo_kernel_variant *variant_named(const char *name) {
    for (uint32_t i = 0; i < OCTAVO_KERNEL_VARIANT_COUNT; ++i)
        if (strcmp(octavo_kernel_variants[i].name, name) == 0) return &octavo_kernel_variants[i];
    ck_abort_msg("no variant %s", name);
    return NULL;
}

#endif
