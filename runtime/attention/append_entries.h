/* The lists of an append: which rows of scratch go to which page. */
#ifndef OCTAVO_APPEND_ENTRIES_H
#define OCTAVO_APPEND_ENTRIES_H

#include "attention/cache_object.h"

/* Tokens [token_first, token_first + token_count) of the call; token_count <= cache->scratch_tokens. */
typedef struct octavo_append_slice {
    uint32_t token_first, token_count;
} octavo_append_slice;

/* Scratch words: V rows follow K rows. */
uint32_t octavo_append_value_offset(const octavo_cache *cache);

/* Most frame memory and descriptor sets that the call takes; before the commit. */
typedef struct octavo_append_needs {
    VkDeviceSize bytes;
    uint32_t sets;
} octavo_append_needs;
octavo_append_needs octavo_append_needs_of(const octavo_cache *cache, const octavo_append_info *info, uint32_t tokens);

/* After the commit. Counts the entries of each segment into cache->segment_entries; returns their sum. */
uint32_t octavo_append_count_entries(octavo_cache *cache, const octavo_append_info *info,
                                     const octavo_append_slice *slice);
/* Writes them, segment after segment. entries: [sum]. */
void octavo_append_fill_entries(const octavo_cache *cache, const octavo_append_info *info,
                                const octavo_append_slice *slice, octavo_pack_entry *entries);

#endif
