/* The walk variants of the build: which device can run which, in order of preference. Pure. */
#ifndef OCTAVO_KERNEL_VARIANTS_H
#define OCTAVO_KERNEL_VARIANTS_H

#include "gpu/device_snapshot.h"
#include <octavo/attention.h>

#include <stdbool.h>

typedef struct octavo_kernel_variant {
    const char *name;
    uint32_t module;   /* OCTAVO_SHADER_ */
    bool int_dot;      /* scores and values of packed codes are integer dots */
    bool one_subgroup; /* the workgroup is exactly one subgroup */
} octavo_kernel_variant;

#define OCTAVO_KERNEL_VARIANT_COUNT 4u
extern const octavo_kernel_variant octavo_kernel_variants[OCTAVO_KERNEL_VARIANT_COUNT];

/* NULL: it can run; else why not. */
const char *octavo_kernel_variant_refusal(const octavo_kernel_variant *variant, uint32_t capabilities);

/* Indices of the variants to try, best first; refused ones are left out. Returns their number. */
uint32_t octavo_kernel_variant_order(const octavo_device_snapshot *snapshot, uint32_t capabilities, uint32_t key_bits,
                                     uint32_t value_bits, uint32_t order[OCTAVO_KERNEL_VARIANT_COUNT]);

#endif
