/* The walk variants of the build: which device can run which, in order of preference. Pure. */
#ifndef OCTAVO_KERNEL_VARIANTS_H
#define OCTAVO_KERNEL_VARIANTS_H

#include "format/packed_layout.h"
#include "gpu/device_snapshot.h"
#include <octavo/attention.h>

#include <stdbool.h>

typedef enum octavo_kernel_arithmetic {
    OCTAVO_KERNEL_FLOAT,           /* f32 */
    OCTAVO_KERNEL_HALF,            /* scores and values of packed codes are products of f16, two at a time */
    OCTAVO_KERNEL_INT_DOT,         /* scores and values of packed codes are integer dots */
    OCTAVO_KERNEL_MATRIX,          /* f16 products of cooperative matrices, fragments set in registers */
    OCTAVO_KERNEL_EMULATED_MATRIX, /* the same without matrix units: to show that the kernel is right */
} octavo_kernel_arithmetic;

/* The shader that walks the lists, by which tuning and recording go. */
typedef enum octavo_kernel_source {
    OCTAVO_KERNEL_WALK,        /* walk.comp, between rotate and merge or, for decoding, in one dispatch */
    OCTAVO_KERNEL_WALK_MATRIX, /* walk_matrix.comp: one dispatch */
    OCTAVO_KERNEL_PREFILL,     /* prefill.comp: blocks of rows without matrix units. From here on for prefill */
    OCTAVO_KERNEL_PREFILL_TILES,  /* prefill_tiles.comp: products of any layout, operands in shared memory */
    OCTAVO_KERNEL_PREFILL_MATRIX, /* prefill_matrix.comp: operands that expand.comp made, once for all query tiles */
} octavo_kernel_source;

/* What a plan is for. */
typedef struct octavo_kernel_shape {
    const octavo_packed_layout *layout;
    uint32_t group;        /* query heads for each KV head */
    uint32_t query_tokens; /* of a sequence in one call, about */
    uint32_t query_total;  /* of all sequences in one call; 0: many */
    octavo_phase phase;
    uint32_t logits;        /* OCTAVO_LOGITS_ */
    uint64_t cached_tokens; /* of all sequences together, as expected or at most; 0: few */
    bool own_tokens;        /* calls may bring keys and values of their own */
} octavo_kernel_shape;

typedef struct octavo_kernel_variant {
    const char *name;
    octavo_kernel_source source;
    octavo_kernel_arithmetic arithmetic;
    uint32_t module;       /* OCTAVO_SHADER_ of the walk between rotate and merge */
    uint32_t fused_module; /* of the walk that prepares the queries and finishes the rows itself: one dispatch */
    bool one_subgroup;     /* the workgroup is exactly one subgroup */
} octavo_kernel_variant;

#define OCTAVO_KERNEL_VARIANT_COUNT 15u
extern const octavo_kernel_variant octavo_kernel_variants[OCTAVO_KERNEL_VARIANT_COUNT];

/* NULL: there is none of this name. */
const octavo_kernel_variant *octavo_kernel_variant_named(const char *name);

/* Its query tiles have so many rows that decoding is left to others, but for steps of many rows. */
bool octavo_kernel_is_for_prefill(const octavo_kernel_variant *variant);
/* The walk has only the form that prepares the queries and finishes the rows itself. */
bool octavo_kernel_has_one_dispatch(const octavo_kernel_variant *variant);

/* Query rows of a KV head, sequence and call: query heads times tokens. */
uint32_t octavo_kernel_rows(const octavo_kernel_shape *shape);

/* Sequences of a call, about; 0: many. */
uint64_t octavo_kernel_sequences(const octavo_kernel_shape *shape);

/* Cached tokens of a sequence, about; 0: few. */
uint64_t octavo_kernel_sequence_tokens(const octavo_kernel_shape *shape);

/* Whether the device binds the buffers of a walk in one dispatch. */
bool octavo_kernel_binds_fused(const octavo_device_snapshot *snapshot);

/* NULL: it can run in this phase (AUTO: in some); else why not. */
const char *octavo_kernel_variant_refusal(const octavo_kernel_variant *variant, const octavo_device_snapshot *snapshot,
                                          uint32_t capabilities, octavo_phase phase);

/* Indices of the variants to try for a shape, best first; refused ones are left out, and those that
 * only show that a kernel is right. Returns their number. */
uint32_t octavo_kernel_variant_order(const octavo_device_snapshot *snapshot, uint32_t capabilities,
                                     const octavo_kernel_shape *shape, uint32_t order[OCTAVO_KERNEL_VARIANT_COUNT]);

#endif
