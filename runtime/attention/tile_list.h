/* What the rows of a query tile are to read: runs of KV tiles, of window tokens and of own tokens. */
#ifndef OCTAVO_TILE_LIST_H
#define OCTAVO_TILE_LIST_H

#include "attention/slice_parts.h"
#include "mask/tile_runs.h"

/* What a run names: tiles of the cache, numbers of window tokens, numbers of own tokens. */
typedef enum octavo_run_source { OCTAVO_FROM_PAGES, OCTAVO_FROM_WINDOWS, OCTAVO_FROM_OWN } octavo_run_source;

typedef struct octavo_list_run {
    octavo_run_source source;
    octavo_mask_run run;
} octavo_list_run;

/* Runs in the order in which they are walked in a segment: in those of the pool, the windows last. */
typedef struct octavo_tile_list {
    uint32_t count;
    octavo_list_run runs[2u * OCTAVO_TILE_RUNS_MAX + 1u];
} octavo_tile_list;

/* Of the rows [row_first, row_first + row_count) of a sequence. */
octavo_tile_list octavo_tile_list_of(const octavo_attention *plan, const octavo_slice_part *part, uint32_t row_first,
                                     uint32_t row_count);
/* In KV tiles; a window counts as one where it does not join other tiles. */
uint32_t octavo_tile_list_work(const octavo_attention *plan, const octavo_tile_list *list);

/* Expanded tiles hold what windows and own rows hold, too. */
bool octavo_walks_all_tokens(const octavo_attention *plan);

/* Own tokens that a workgroup takes as one KV tile of codes: as many, but where the kernel is made for few. */
uint32_t octavo_own_work_tokens(const octavo_attention *plan);
/* So many own tokens, in KV tiles. */
uint32_t octavo_own_work(const octavo_attention *plan, uint32_t tokens);

#endif
