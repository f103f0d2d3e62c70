/* The forms in which tests run a kernel variant: the walks without matrices in one dispatch, of several subgroups where
 * they have them, and in three; the others in the one that they have. On a processor with tiles of few rows: lavapipe,
 * which unrolls what goes over rows, compiles the prefill kernels in a fifth of the time then, the walks in two thirds. */
#ifndef OCTAVO_TEST_VARIANT_FORMS_H
#define OCTAVO_TEST_VARIANT_FORMS_H

#include <octavo/device.h>

#include <stdbool.h>

#define VARIANT_FORMS 2u

bool variant_has_form(const char *variant, unsigned form);
/* For octavo_attention_info; NULL: the library's own numbers. */
const char *variant_tuning(const octavo_device *device, const char *variant, unsigned form);

#endif
