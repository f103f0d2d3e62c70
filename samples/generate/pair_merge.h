/*
 * The merge loop of byte-pair tokenizers: text becomes a list of one-character symbols, and as long as two neighbours
 * can be merged, the pair of lowest rank is, the leftmost of equals. O(n log n) in the number of characters.
 */
#ifndef OCTAVO_PAIR_MERGE_H
#define OCTAVO_PAIR_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OCTAVO_NO_SYMBOL UINT32_MAX

typedef struct octavo_symbol {
    const char *bytes;
    size_t length; /* 0: merged into its left neighbour */
    uint32_t previous;
    uint32_t next;
} octavo_symbol;

struct octavo_pair_candidate;

/* Working memory, kept from one call to the next. Starts as zeros. */
typedef struct octavo_pair_merger {
    octavo_symbol *symbols;
    size_t symbol_capacity;
    struct octavo_pair_candidate *heap;
    size_t heap_count;
    size_t heap_capacity;
} octavo_pair_merger;

/* True, with the pair's rank (not NaN), when the two may be merged. `second` begins where `first` ends. */
typedef bool (*octavo_pair_rank)(const void *context, const char *first, size_t first_length, const char *second,
                                 size_t second_length, double *rank);

/*
 * The symbols that stay are merger->symbols[0] and its successors by `next`; they point into `text`, whose length is in
 * 1..2^31. False: no memory.
 */
bool octavo_pair_merge(octavo_pair_merger *merger, const char *text, size_t length, octavo_pair_rank rank_of,
                       const void *context);

void octavo_pair_merger_release(octavo_pair_merger *merger);

#endif
