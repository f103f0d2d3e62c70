/* What the kernels walk for one slice of a call: sequence records, query tiles, ranges of KV tiles, shares of work.
 * Built twice by the same code: once to count, once to write. */
#ifndef OCTAVO_ATTENTION_WORKLIST_H
#define OCTAVO_ATTENTION_WORKLIST_H

#include "attention/attention_plan.h"

/* The cut of a slice, and the sizes of its lists. OCTAVO_OUT_OF_DEVICE_MEMORY, without a log line: the slice has more
 * partial results than scratch memory holds (one of a single token never has). */
octavo_status octavo_worklist_measure(const octavo_attention *plan, const octavo_attention_run *run,
                                      const octavo_attention_slice *slice, octavo_worklist *list);
/* Writes words[list->word_count]. Then plan->cuts[segment].groups tells where the workgroups of each segment end; those
 * of one segment follow each other, in the order of segments. */
void octavo_worklist_write(const octavo_attention *plan, const octavo_attention_run *run,
                           const octavo_attention_slice *slice, const octavo_worklist *list, uint32_t *words);
/* Of the pages of the lists, in their order, for octavo_worklist_renew: segments[list->page_count]. */
void octavo_worklist_segments(const octavo_attention *plan, const octavo_attention_run *run,
                              const octavo_attention_slice *slice, uint32_t *segments);
/* A model calls layer after layer with the same sequences: where words[] are the lists of a slice that this one repeats
 * but for its layer, makes them this slice's. Nothing has to be measured then, and plan->cuts is as it was written.
 * segments NULL: the pool has one. False: it is another slice, pages lie in other segments, or it is a slice of expanded
 * or own tokens; words[] are of use no more. */
bool octavo_worklist_renew(const octavo_attention *plan, const octavo_attention_run *run,
                           const octavo_attention_slice *slice, const octavo_worklist *list, const uint32_t *segments,
                           uint32_t *words);

#endif
