/* The sequences of a slice of query tokens. */
#ifndef OCTAVO_SLICE_PARTS_H
#define OCTAVO_SLICE_PARTS_H

#include "attention/attention_worklist.h"

/* The tokens of one sequence that lie in the slice. */
typedef struct octavo_slice_part {
    octavo_cache_view view;
    uint32_t call_token;   /* of the sequence's query token 0 in the call */
    uint32_t query_count;  /* of the sequence in the call */
    uint32_t first, count; /* query tokens of the sequence in the slice */
    uint32_t own_count;    /* tokens behind those of the view that the call brings: query_count or 0 */
    uint32_t own_page;     /* of the call, where their rows begin */
    uint32_t length;       /* with them */
} octavo_slice_part;

typedef struct octavo_slice_iterator {
    uint32_t index, call_token, own_page;
} octavo_slice_iterator;

/* Next sequence with tokens in the slice; false at the end or on an error (status). */
bool octavo_slice_next(const octavo_attention *plan, const octavo_attention_run *run,
                       const octavo_attention_slice *slice, octavo_slice_iterator *it, octavo_slice_part *part,
                       octavo_status *status);

/* Tiles of all its tokens. */
uint32_t octavo_part_tiles(const octavo_slice_part *part);
/* Pages of its tokens in the cache. */
uint32_t octavo_view_pages(const octavo_cache_view *view);

#endif
