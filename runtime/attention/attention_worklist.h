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
/* A model calls layer after layer with the same sequences. Makes lists that were written ready to be renewed: words[] has
 * room for list->page_count more, which are kept with them. False: lists of expanded and of own tokens are not renewed. */
bool octavo_worklist_keep(const octavo_attention *plan, const octavo_attention_run *run,
                          const octavo_attention_slice *slice, const octavo_worklist *list, uint32_t *words);
/* Makes kept lists those of a slice that repeats theirs but for its layer. Nothing has to be measured then, and plan->cuts
 * is as it was written. False: it is another slice, or pages lie in other segments; words[] are of use no more. */
bool octavo_worklist_renew(const octavo_attention *plan, const octavo_attention_run *run,
                           const octavo_attention_slice *slice, const octavo_worklist *list, uint32_t *words);

#endif
