/* The sequences of a cache: which slots hold their tokens and windows, how many tokens each layer has. Pure
 * bookkeeping.
 *
 * Token j of a sequence lies in slot slots[j / 128], in the page of its layer. All layers share the list; a layer may
 * have fewer tokens than others, so an append to one layer may find its slot there already. A slot that is held by more
 * than one sequence is copied (all layers) before it is written.
 *
 * Windows: row r of f16 lies in window slot r / rows_per_page. Token j < F (first_tokens) is row j; token j >= F is row
 * F + j mod (R + slack) when R (recent_tokens) > 0. A layer's ring holds the tokens [max(valid_begin, F), length).
 * Window slots are taken when a row of theirs is first written and kept until all layers are empty.
 *
 * Every function that can fail logs one line and then has changed nothing. */
#ifndef OCTAVO_CACHE_SEQUENCE_TABLE_H
#define OCTAVO_CACHE_SEQUENCE_TABLE_H

#include "cache/page_pool.h"

typedef struct octavo_cache_table octavo_cache_table;

typedef struct octavo_cache_table_info {
    uint32_t layer_count;
    uint32_t sequence_capacity; /* 1 .. 65536 */
    uint32_t record_count;
    uint32_t slot_count;
    uint32_t first_tokens, recent_tokens, slack_tokens;
    uint32_t window_rows_per_page; /* 0: no windows (first_tokens and recent_tokens are taken as 0) */
} octavo_cache_table_info;

/* Window slots of a sequence with full windows. */
uint32_t octavo_cache_window_slots(const octavo_cache_table_info *info);

/* host outlives the table. */
octavo_status octavo_cache_table_create(const octavo_base_host *host, const octavo_cache_table_info *info,
                                        octavo_cache_table **table);
void octavo_cache_table_destroy(octavo_cache_table *table);

/* Sequences are named by 32-bit numbers with a generation inside: never 0, and not those of destroyed sequences. */
octavo_status octavo_cache_table_sequence_create(octavo_cache_table *table, uint32_t record, uint32_t *sequence);
octavo_status octavo_cache_table_sequence_destroy(octavo_cache_table *table, uint32_t sequence);
octavo_status octavo_cache_table_fork(octavo_cache_table *table, uint32_t source, uint32_t *sequence);
octavo_status octavo_cache_table_truncate(octavo_cache_table *table, uint32_t sequence, uint32_t length);

/* What a sequence holds. The pointers are good until the next change of the sequence. */
typedef struct octavo_cache_view {
    uint32_t record;
    uint32_t length;       /* tokens in the layer */
    uint32_t valid_begin;  /* see above; at most length */
    uint32_t packed_begin; /* tokens below come from the first window: min(F, length) */
    uint32_t packed_end;   /* tokens from here on come from the recent window; [packed_begin, packed_end) packed */
    uint32_t slot_count;   /* of all layers: at least length / 128, rounded up */
    const uint32_t *slots; /* [slot_count] */
    const uint32_t *window_slots; /* [octavo_cache_window_slots], OCTAVO_CACHE_NO_SLOT where none is taken */
} octavo_cache_view;
octavo_status octavo_cache_table_view(const octavo_cache_table *table, uint32_t sequence, uint32_t layer,
                                      octavo_cache_view *view);

/* Copy a slot, all layers, before the append writes. No destination is a source of the same append. */
typedef struct octavo_cache_copy {
    uint32_t source, destination;
} octavo_cache_copy;

/* Checks an append and makes room in host memory; changes nothing that can be seen. OCTAVO_INVALID_ARGUMENT: layer, an
 * unknown sequence, one named twice, more than 2^31 - 1 tokens. OCTAVO_OUT_OF_PAGES: not enough free slots for all.
 * *copy_count (may be NULL): the copies that the commit will ask for. */
octavo_status octavo_cache_table_plan_append(octavo_cache_table *table, uint32_t layer, uint32_t sequence_count,
                                             const uint32_t *sequences, const uint32_t *token_counts,
                                             uint32_t *copy_count);
/* Performs what was planned by the call just before, with the same arguments: cannot fail. Returns the copies, good
 * until the next plan. */
const octavo_cache_copy *octavo_cache_table_commit_append(octavo_cache_table *table, uint32_t layer,
                                                          uint32_t sequence_count, const uint32_t *sequences,
                                                          const uint32_t *token_counts, uint32_t *copy_count);

/* The first token, of count appended to a layer of old_length, whose row is written to the recent ring: the append
 * writes rows for [this, old_length + count). Without a recent window: old_length + count. (Tokens below F always write
 * theirs.) */
uint32_t octavo_cache_recent_write_begin(const octavo_cache_table *table, uint32_t old_length, uint32_t count);

/* Sequences with tokens that use a record. */
uint32_t octavo_cache_table_record_use(const octavo_cache_table *table, uint32_t record);

typedef struct octavo_cache_table_statistics {
    uint32_t slot_count, free_slots, packed_slots, window_slots; /* a shared slot counts once */
    uint32_t sequence_count;
} octavo_cache_table_statistics;
octavo_cache_table_statistics octavo_cache_table_get_statistics(const octavo_cache_table *table);

/* References of a slot, for tests. */
uint32_t octavo_cache_table_slot_references(const octavo_cache_table *table, uint32_t slot);

#endif
