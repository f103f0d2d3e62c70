/* Sizes and places of the lists of a slice of a call. */
#ifndef OCTAVO_SLICE_LISTS_H
#define OCTAVO_SLICE_LISTS_H

#include <stdbool.h>
#include <stdint.h>

/* Query tokens [token_first, token_first + token_count) of the call. */
typedef struct octavo_attention_slice {
    uint32_t token_first, token_count;
} octavo_attention_slice;

typedef struct octavo_worklist {
    /* counts */
    uint32_t sequence_count, tile_count, range_count, share_count, group_count, page_count, partial_count;
    uint32_t chunk;                      /* KV tiles of a workgroup, at most */
    bool uneven;                         /* the longest list is half as long again as the mean, or more */
    uint32_t window_count, expand_count; /* of expanded tiles: windows, and entries of expand.comp */
    /* words in the lists */
    uint32_t sequence_offset, tile_offset, range_offset, share_offset, group_offset, page_offset, sink_offset;
    uint32_t expand_offset;       /* of 16 bytes alignment */
    uint32_t expand_group_offset; /* see expanded_tiles.h */
    uint32_t word_count;
} octavo_worklist;

#endif
