/* The inside of a sequence table, shared by its two source files. */
#ifndef OCTAVO_CACHE_SEQUENCE_ENTRY_H
#define OCTAVO_CACHE_SEQUENCE_ENTRY_H

#include "cache/sequence_table.h"

#define OCTAVO_CACHE_TILE_TOKENS 128u

typedef struct octavo_cache_entry {
    uint32_t generation; /* of the current or the next sequence at this index; never 0 */
    uint32_t record;
    uint32_t length;     /* the longest layer's */
    uint32_t slot_count; /* ceil(length / 128) */
    uint32_t slot_capacity;
    uint64_t stamp; /* of the last append plan that named it */
    bool is_live;
    uint32_t *slots;        /* [slot_capacity], OCTAVO_CACHE_NO_SLOT from slot_count on */
    uint32_t *lengths;      /* [layer_count]; one allocation with the next two, kept for the next sequence */
    uint32_t *valid_begin;  /* [layer_count] */
    uint32_t *window_slots; /* [window_slots] */
} octavo_cache_entry;

struct octavo_cache_table {
    const octavo_base_host *host;
    octavo_cache_table_info info;
    uint32_t window_slots; /* of a sequence */
    uint32_t ring_tokens;  /* R + slack, or 0 */
    uint32_t index_bits;   /* of a sequence's number; the generation is above */
    uint32_t free_index_count;
    uint32_t *free_indices; /* [sequence_capacity], a stack */
    octavo_cache_entry *entries;
    uint32_t *record_use; /* [record_count] */
    uint32_t *leaving;    /* [slot_count], all 0 outside of a plan: references that the plan gives up */
    octavo_cache_copy *copies;
    uint32_t copy_count, copy_capacity;
    uint64_t planned_slots; /* that the current plan takes */
    uint64_t stamp;         /* of the last append plan */
    octavo_cache_pool pool;
};

/* NULL after a log line when there is no such sequence. */
octavo_cache_entry *octavo_cache_entry_find(const octavo_cache_table *table, uint32_t sequence);
/* Makes room for slot_count slots. */
octavo_status octavo_cache_entry_reserve(const octavo_cache_table *table, octavo_cache_entry *entry,
                                         uint32_t slot_count);
/* Sets the length of the longest layer and counts the use of the record. Does not touch slots. */
void octavo_cache_entry_set_length(octavo_cache_table *table, octavo_cache_entry *entry, uint32_t length);

#endif
