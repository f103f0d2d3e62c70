/* The lists of an append: which tokens go to which page. The pages are those of a cache, or those of a plan that hold
 * the tokens that a call of attention brings (own_rows.h): rows of f16 alone, of tokens behind those of the sequences.
 */
#ifndef OCTAVO_APPEND_ENTRIES_H
#define OCTAVO_APPEND_ENTRIES_H

#include "attention/cache_object.h"

/* Codec records that are bound at once: [first, first + count). */
typedef struct octavo_append_records {
    uint32_t first, count;
} octavo_append_records;

/* The records from `first` on, as many as a device binds, which is all of them but in a large cache with transforms.
 * count 0: there are no more. */
octavo_append_records octavo_append_next_records(const octavo_cache *cache, uint32_t first);
/* From the layer's block of the first record to the layer's block of the last one. */
octavo_gpu_range octavo_append_records_range(const octavo_cache *cache, const octavo_append_records *records,
                                             uint32_t layer);

typedef struct octavo_append_pages {
    octavo_cache *cache;            /* of the sequences */
    octavo_buffer *const *segments; /* [segment_count] */
    uint32_t *entries;              /* [segment_count], of the call that is being recorded */
    uint32_t segment_count, pages_per_segment;
    bool own; /* not of the cache */
} octavo_append_pages;

octavo_append_pages octavo_append_cache_pages(octavo_cache *cache);

/* Most entries of one dispatch. */
#define OCTAVO_APPEND_DISPATCH_ENTRIES 65528u
/* The entries of a segment begin at a multiple of this: 256 bytes, so that each dispatch binds its own. */
#define OCTAVO_APPEND_ENTRY_ALIGNMENT 8u

/* Most frame memory and dispatches that the call takes; before the commit. Two sets a dispatch where the cache has no
 * pipeline for K and V together. */
typedef struct octavo_append_needs {
    VkDeviceSize bytes;
    uint32_t dispatches;
} octavo_append_needs;
octavo_append_needs octavo_append_needs_of(const octavo_append_pages *pages, const octavo_append_info *info,
                                           uint32_t tokens);

/* After the commit. Counts the entries of each segment into pages->entries, of sequences whose record is among
 * `records`. Returns what octavo_append_fill_entries writes: their sum, each count but the last one aligned. */
uint32_t octavo_append_count_entries(const octavo_append_pages *pages, const octavo_append_info *info,
                                     const octavo_append_records *records);
/* Writes them, segment after segment. entries: [sum]; what is between the segments stays as it was. */
void octavo_append_fill_entries(const octavo_append_pages *pages, const octavo_append_info *info,
                                const octavo_append_records *records, octavo_append_entry *entries);
/* From the first entry of a segment to the first one of the next. */
uint32_t octavo_append_align_entries(uint32_t count);

#endif
