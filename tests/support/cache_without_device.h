/* An octavo_cache without Vulkan: bookkeeping, layout and the cut of the pool into segments, so that the lists of
 * attention and append can be made and read. Nothing can be recorded with it. */
#ifndef OCTAVO_CACHE_WITHOUT_DEVICE_H
#define OCTAVO_CACHE_WITHOUT_DEVICE_H

#include "attention/cache_object.h"
#include "rng.h"

typedef struct cache_without_device_info {
    uint32_t layer_count, kv_heads, key_dim, value_dim, key_bits, value_bits;
    uint32_t sequence_capacity, slot_count;
    uint32_t first_tokens, recent_tokens, slack_tokens;
    uint32_t pages_per_segment; /* 0: all pages in one segment */
    uint32_t record_count;      /* 0: 1 */
    uint32_t bound_records;     /* codec records that the device binds at once; 0: 1 */
} cache_without_device_info;

/* Aborts the test without memory. The seed of record r and layer l is r * layer_count + l + 1. */
octavo_cache *cache_without_device_create(const cache_without_device_info *info);
void cache_without_device_destroy(octavo_cache *cache);

/* Plans and commits an append; the copies that the commit asks for go to *copies. */
octavo_status cache_without_device_append(octavo_cache *cache, uint32_t layer, uint32_t sequence_count,
                                          const uint32_t *sequences, const uint32_t *counts,
                                          const octavo_cache_copy **copies, uint32_t *copy_count);

/* Sequences that have lived: appended, forked, truncated and destroyed at random, so that their slots lie anywhere. */
#define CACHE_WITHOUT_DEVICE_SEQUENCES 8u
typedef struct lived_in_cache {
    octavo_cache *cache;
    uint32_t count;
    octavo_sequence sequences[CACHE_WITHOUT_DEVICE_SEQUENCES];
} lived_in_cache;
/* As many sequences as sequence_capacity (at most the above) with up to length_max tokens in each layer. */
void lived_in_cache_make(lived_in_cache *lived, const cache_without_device_info *info, uint32_t length_max,
                         rng *generator);

#endif
