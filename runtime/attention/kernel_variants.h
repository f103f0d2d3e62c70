/* The walk variants of the build: which device can run which, in order of preference. Pure. */
#ifndef OCTAVO_KERNEL_VARIANTS_H
#define OCTAVO_KERNEL_VARIANTS_H

#include "gpu/device_snapshot.h"
#include <octavo/attention.h>

#include <stdbool.h>

typedef enum octavo_kernel_arithmetic {
    OCTAVO_KERNEL_FLOAT,           /* f32 */
    OCTAVO_KERNEL_INT_DOT,         /* scores and values of packed codes are integer dots */
    OCTAVO_KERNEL_MATRIX,          /* f16 products of cooperative matrices, fragments set in registers */
    OCTAVO_KERNEL_EMULATED_MATRIX, /* the same without matrix units: to show that the kernel is right */
} octavo_kernel_arithmetic;

typedef struct octavo_kernel_variant {
    const char *name;
    uint32_t module;       /* OCTAVO_SHADER_ of the walk between rotate and merge */
    uint32_t fused_module; /* of the walk that prepares the queries and finishes the rows itself: one dispatch */
    octavo_kernel_arithmetic arithmetic;
    bool one_subgroup; /* the workgroup is exactly one subgroup */
    bool fused;        /* has only that form; else decoding takes it where the device binds so many buffers */
    bool prefill_only; /* its tiles have so many rows that decoding is left to others */
    bool expands;      /* walks tiles of f16: packed pages are expanded before, once for all query tiles */
} octavo_kernel_variant;

#define OCTAVO_KERNEL_VARIANT_COUNT 12u
extern const octavo_kernel_variant octavo_kernel_variants[OCTAVO_KERNEL_VARIANT_COUNT];

/* Whether it is prefill_tiles.comp: operands in shared memory, products of any layout (see tile_tuning.h). */
bool octavo_kernel_walks_tiles(const octavo_kernel_variant *variant);

/* Whether the device binds the buffers of a walk in one dispatch. */
bool octavo_kernel_binds_fused(const octavo_device_snapshot *snapshot);

/* NULL: it can run in this phase (AUTO: in some); else why not. */
const char *octavo_kernel_variant_refusal(const octavo_kernel_variant *variant, const octavo_device_snapshot *snapshot,
                                          uint32_t capabilities, octavo_phase phase);

/* Indices of the variants to try for a phase, best first; refused ones are left out, and those that
 * only show that a kernel is right. Returns their number. */
uint32_t octavo_kernel_variant_order(const octavo_device_snapshot *snapshot, uint32_t capabilities, octavo_phase phase,
                                     uint32_t key_bits, uint32_t value_bits,
                                     uint32_t order[OCTAVO_KERNEL_VARIANT_COUNT]);

#endif
