/* Recording the dispatches that write rows of K and V to pages. */
#ifndef OCTAVO_APPEND_RECORD_H
#define OCTAVO_APPEND_RECORD_H

#include "attention/append_entries.h"

/* Frame memory and descriptor sets for octavo_append_needs are there; barriers are the caller's. */
octavo_status octavo_append_rows_record(const octavo_append_pages *pages, octavo_frame *frame,
                                        VkCommandBuffer command_buffer, const octavo_append_info *info);
/* Descriptor sets of so many dispatches. */
uint32_t octavo_append_sets(const octavo_cache *cache, const octavo_append_needs *needs);

#endif
