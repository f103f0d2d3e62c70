/* The numbers a variant runs with on a device, for a shape. Pure: a row of the table, checked against the limits. */
#ifndef OCTAVO_KERNEL_TUNING_H
#define OCTAVO_KERNEL_TUNING_H

#include "attention/kernel_variants.h"
#include "attention/tuning_text.h"

/* Of prefill_tiles.comp; 0 in other walks. */
typedef struct octavo_tile_numbers {
    uint32_t m, n, k;                 /* the product of matrices: M x K by K x N */
    uint32_t subgroup;                /* lanes */
    uint32_t row_teams, column_teams; /* of the subgroups of a workgroup */
    uint32_t block;                   /* tokens that are expanded at once */
    uint32_t hold_query;              /* 1: in registers */
    uint32_t steps;                   /* of a product that are unrolled where the query is not held */
} octavo_tile_numbers;

typedef struct octavo_kernel_tuning {
    bool fused;             /* one dispatch prepares the queries, walks and finishes the rows */
    uint32_t lanes;         /* of a workgroup: a power of two, or whole subgroups */
    uint32_t teams;         /* parts of a workgroup that walk tiles of their own; 1 but in fused walks of subgroups */
    uint32_t subgroup_size; /* required; 0: none */
    uint32_t rows;          /* of a query tile */
    uint32_t query_parts;   /* int8 parts of a query value; 0: the query is f32 */
    bool query_half;        /* the query is f16 */
    uint32_t tokens;        /* and channels, that a lane of walk.comp unpacks at once: 1, 2 or 4; others 0 */
    uint32_t shared_bytes;  /* of a walk workgroup */
    uint32_t workgroups;    /* that fill the device */
    uint64_t slice_work;    /* query rows times tokens in one dispatch */
    uint32_t tiles_max;     /* KV tiles of a workgroup; 0: no limit */
    uint32_t share_cost;    /* of a share beside its tiles, in KV tiles */
    bool free_windows;      /* a window is part of that; else it counts as a tile */
    bool one_share;         /* a workgroup does not walk on into the next list */
    bool whole_lists;       /* a list is cut only where there are too few of them to fill the device */
    uint32_t merge_lanes;
    uint32_t logits; /* OCTAVO_LOGITS_ */
    octavo_tile_numbers tiles;
} octavo_kernel_tuning;

/* rung 0 is the choice for the device; each further one asks for fewer registers, for compilers that spill at the one
 * before. False: there is no such rung, or it does not fit the device's limits. */
bool octavo_kernel_tune(const octavo_device_snapshot *snapshot, const octavo_kernel_variant *variant,
                        const octavo_kernel_shape *shape, uint32_t rung, octavo_kernel_tuning *tuning);

/* Puts the settings of a row in place of the numbers of *tuning, which octavo_kernel_tune chose for the same arguments;
 * what depends on them follows. NULL: done; else why the row does not fit, and *tuning is as it was. */
const char *octavo_kernel_override(const octavo_device_snapshot *snapshot, const octavo_kernel_variant *variant,
                                   const octavo_kernel_shape *shape, const octavo_tuning_row *row,
                                   octavo_kernel_tuning *tuning);

/* The numbers in use, as settings of a row: those that the variant has. */
octavo_tuning_row octavo_kernel_settings(const octavo_kernel_variant *variant, const octavo_kernel_tuning *tuning);

/* Whether a number that a driver tells of a pipeline says that registers went to memory. */
bool octavo_kernel_is_spill(const char *statistic_name, double value);

/* Whether the query goes to the walk as int8 parts, or as f16 in the order of the codes. */
bool octavo_kernel_int_query(const octavo_kernel_variant *variant, const octavo_packed_layout *layout);
bool octavo_kernel_half_query(const octavo_kernel_variant *variant, const octavo_packed_layout *layout);

#endif
