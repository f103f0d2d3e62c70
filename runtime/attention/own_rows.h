/* The tokens that a call of attention brings with it: rows of f16 in the quantiser's basis, as windows have them, in
 * pages that the plan owns. To the walks they are one more ring of a sequence: own token number n, token cached + n of
 * it, is row (cached + n) % (its own tokens) of its pages. The pages of a call's sequences follow each other, and their
 * segments those of the pool: lists are cut where the segment changes, so no page of the cache is bound with one of
 * these. */
#ifndef OCTAVO_OWN_ROWS_H
#define OCTAVO_OWN_ROWS_H

#include "attention/cache_object.h"
#include <octavo/attention.h>

typedef struct octavo_own_rows {
    octavo_buffer **segments; /* [segment_count]; none where calls bring no tokens */
    uint32_t *entries;        /* [segment_count], of the call that is being recorded */
    uint32_t segment_count, pages_per_segment;
} octavo_own_rows;

/* Room for the tokens of the largest call. */
octavo_status octavo_own_rows_create(const octavo_attention_info *info, octavo_own_rows *own);
void octavo_own_rows_destroy(octavo_device *device, octavo_own_rows *own);

/* Pages that so many tokens of a sequence take. */
uint32_t octavo_own_pages(const octavo_cache *cache, uint32_t tokens);
/* Of page number `page` of a call. segment: of those of own. */
octavo_page_place octavo_own_place(const octavo_own_rows *own, uint32_t page);

bool octavo_own_rows_given(const octavo_attention_run *run);
/* Most frame memory and descriptor sets that the rows of a call take. */
void octavo_own_rows_needs(octavo_cache *cache, const octavo_own_rows *own, const octavo_attention_run *run,
                           uint32_t tokens, VkDeviceSize *bytes, uint32_t *sets);
/* Writes the rows. Barriers are the caller's: behind what read those of the call before, before what reads these. */
octavo_status octavo_own_rows_record(octavo_cache *cache, const octavo_own_rows *own, octavo_frame *frame,
                                     VkCommandBuffer command_buffer, const octavo_attention_run *run);

#endif
