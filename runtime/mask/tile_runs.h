/* A mask as runs of tiles: what the kernels walk. */
#ifndef OCTAVO_MASK_TILE_RUNS_H
#define OCTAVO_MASK_TILE_RUNS_H

#include "mask/visibility.h"

#define OCTAVO_MASK_TILE_TOKENS 128
#define OCTAVO_TILE_RUNS_MAX 8

typedef enum octavo_mask_kind {
    OCTAVO_MASK_TILE_FULL = 0, /* no test: every row sees all 128 keys, all of them in range */
    OCTAVO_MASK_TILE_EDGE = 1  /* test each key by the rule and the range */
} octavo_mask_kind;

/* Tiles first .. first + count - 1; tile t holds keys 128 t .. 128 t + 127. */
typedef struct octavo_mask_run {
    uint32_t first, count;
    octavo_mask_kind kind;
} octavo_mask_run;

/* The tiles with a key of [packed_begin, packed_end) below `length` that a row of positions p_first .. p_last (p_first
 * <= p_last) sees: ascending, disjoint, neighbours of one kind merged. With attend_empty_rows, if one of the rows sees
 * no key of [0, length): all tiles of the range, as one edge run. Constant time. Returns how many runs were written. */
uint32_t octavo_mask_tile_runs(const octavo_mask_rule *rule, bool attend_empty_rows, int64_t p_first, int64_t p_last,
                               uint32_t length, uint32_t packed_begin, uint32_t packed_end,
                               octavo_mask_run runs[OCTAVO_TILE_RUNS_MAX]);

#endif
