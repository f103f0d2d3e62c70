/* From the list of a query tile to shares, what a workgroup walks at a time. The same code counts and writes. */
#ifndef OCTAVO_SHARE_CUTS_H
#define OCTAVO_SHARE_CUTS_H

#include "attention/attention_worklist.h"
#include "attention/slice_parts.h"
#include "attention/tile_list.h"

/* Where things of one pass go. words NULL: only counted. */
typedef struct octavo_list_builder {
    const octavo_attention *plan;
    const octavo_attention_run *run;
    const octavo_worklist *list;
    uint32_t *words;
    uint32_t chunk;                            /* KV tiles of a workgroup, and the cost of its shares */
    uint32_t ranges, shares, groups;           /* so far */
    uint32_t page_base, window_base, own_base; /* words in the lists: pages of this part's sequence */
    uint32_t tile_base;                        /* expanded tiles of the parts before this one */
} octavo_list_builder;

/* Cuts the list of query tile `tile`, segment by segment, where the room of workgroups ends (stream-K: a workgroup
 * walks on into the next list). A list without anything has an empty share, so that its rows are written. Returns how
 * many shares. */
uint32_t octavo_cut_list(octavo_list_builder *builder, const octavo_slice_part *part, const octavo_tile_list *list,
                         uint32_t tile, uint32_t partial_first);

#endif
