/* What the kernels walk for one slice of a call: sequence records, query tiles, ranges of KV tiles, shares of work.
 * Built twice by the same code: once to count, once to write. */
#ifndef OCTAVO_ATTENTION_WORKLIST_H
#define OCTAVO_ATTENTION_WORKLIST_H

#include "attention/attention_plan.h"

/* Query tokens [token_first, token_first + token_count) of the call. */
typedef struct octavo_attention_slice {
    uint32_t token_first, token_count;
} octavo_attention_slice;

typedef struct octavo_worklist {
    /* counts */
    uint32_t sequence_count, tile_count, range_count, share_count, group_count, page_count, partial_count;
    uint32_t chunk;                      /* KV tiles of a workgroup, at most */
    bool uneven;    /* the longest list is half as long again as the mean, or more */
    uint32_t window_count, expand_count; /* of expanded tiles: windows, and entries of expand.comp */
    /* words in the lists */
    uint32_t sequence_offset, tile_offset, range_offset, share_offset, group_offset, page_offset, sink_offset;
    uint32_t expand_offset;       /* of 16 bytes alignment */
    uint32_t expand_group_offset; /* see expanded_tiles.h */
    uint32_t word_count;
} octavo_worklist;

/* The cut of a slice, and the sizes of its lists. OCTAVO_OUT_OF_DEVICE_MEMORY, without a log line: the slice has more
 * partial results than scratch memory holds (one of a single token never has). */
octavo_status octavo_worklist_measure(const octavo_attention *plan, const octavo_attention_run *run,
                                      const octavo_attention_slice *slice, octavo_worklist *list);
/* Writes words[list->word_count]. Then plan->cuts[segment].groups tells where the workgroups of each segment end; those
 * of one segment follow each other, in the order of segments. */
void octavo_worklist_write(const octavo_attention *plan, const octavo_attention_run *run,
                           const octavo_attention_slice *slice, const octavo_worklist *list, uint32_t *words);

#endif
