/* Which barriers a cache's recordings need. Pages belong to a layer, so appends to different layers need none between
 * them: the cache remembers the layers whose pages were written or read since the last barrier that it recorded, and an
 * append records one only when its own layer is among them. That memory holds for one command buffer and frame, until
 * the frame is reset; the first operation after that records a barrier in any case. */
#ifndef OCTAVO_CACHE_ORDER_H
#define OCTAVO_CACHE_ORDER_H

#include "attention/cache_object.h"

/* Before the dispatches of an append to the layer; copies: of pages of any layer come first. */
void octavo_cache_order_append(octavo_cache *cache, octavo_frame *frame, VkCommandBuffer command_buffer, uint32_t layer,
                               bool copies);
/* Before dispatches that read the layer: records a barrier. */
void octavo_cache_order_read(octavo_cache *cache, octavo_frame *frame, VkCommandBuffer command_buffer, uint32_t layer);
/* A barrier between dispatches stands behind all that read the layer since: what follows may write its pages. */
void octavo_cache_order_read_over(octavo_cache *cache, octavo_frame *frame, VkCommandBuffer command_buffer,
                                  uint32_t layer);
/* Something was done to the cache's buffers outside of recordings. */
void octavo_cache_order_forget(octavo_cache *cache);

#endif
