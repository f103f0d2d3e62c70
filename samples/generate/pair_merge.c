#include "pair_merge.h"

#include "utf8.h"

#include <stdlib.h>

typedef struct octavo_pair_candidate {
    double rank;
    size_t length; /* of both together: tells whether one of them has grown since */
    uint32_t left;
    uint32_t right;
} octavo_pair_candidate;

static bool goes_before(const octavo_pair_candidate *a, const octavo_pair_candidate *b) {
    return a->rank < b->rank || (a->rank == b->rank && a->left < b->left);
}

static bool push(octavo_pair_merger *merger, octavo_pair_candidate candidate) {
    if (merger->heap_count == merger->heap_capacity) {
        size_t capacity = merger->heap_capacity < 64 ? 64 : merger->heap_capacity * 2;
        if (capacity > SIZE_MAX / sizeof *merger->heap) return false;
        octavo_pair_candidate *heap = realloc(merger->heap, capacity * sizeof *heap);
        if (heap == NULL) return false;
        merger->heap = heap;
        merger->heap_capacity = capacity;
    }
    size_t place = merger->heap_count++;
    while (place > 0 && goes_before(&candidate, &merger->heap[(place - 1) / 2])) {
        merger->heap[place] = merger->heap[(place - 1) / 2];
        place = (place - 1) / 2;
    }
    merger->heap[place] = candidate;
    return true;
}

static octavo_pair_candidate pop(octavo_pair_merger *merger) {
    octavo_pair_candidate first = merger->heap[0];
    octavo_pair_candidate last = merger->heap[--merger->heap_count];
    size_t place = 0;
    for (;;) {
        size_t child = 2 * place + 1;
        if (child >= merger->heap_count) break;
        if (child + 1 < merger->heap_count && goes_before(&merger->heap[child + 1], &merger->heap[child])) child++;
        if (!goes_before(&merger->heap[child], &last)) break;
        merger->heap[place] = merger->heap[child];
        place = child;
    }
    merger->heap[place] = last;
    return first;
}

/* Remembers the pair when it can be merged. False: no memory. */
static bool consider(octavo_pair_merger *merger, uint32_t left, uint32_t right, octavo_pair_rank rank_of,
                     const void *context) {
    if (left == OCTAVO_NO_SYMBOL || right == OCTAVO_NO_SYMBOL) return true;
    const octavo_symbol *first = &merger->symbols[left], *second = &merger->symbols[right];
    octavo_pair_candidate candidate = {0, first->length + second->length, left, right};
    if (!rank_of(context, first->bytes, first->length, second->bytes, second->length, &candidate.rank)) return true;
    return push(merger, candidate);
}

static bool split_characters(octavo_pair_merger *merger, const char *text, size_t length, uint32_t *count) {
    if (merger->symbol_capacity < length) {
        if (length > SIZE_MAX / sizeof *merger->symbols) return false;
        octavo_symbol *symbols = realloc(merger->symbols, length * sizeof *symbols);
        if (symbols == NULL) return false;
        merger->symbols = symbols;
        merger->symbol_capacity = length;
    }
    uint32_t index = 0;
    for (size_t position = 0; position < length; index++) {
        uint32_t code_point;
        size_t byte_count;
        octavo_utf8_decode(text + position, length - position, &code_point, &byte_count);
        merger->symbols[index] = (octavo_symbol){text + position, byte_count, index - 1, index + 1};
        position += byte_count;
    }
    merger->symbols[0].previous = OCTAVO_NO_SYMBOL;
    merger->symbols[index - 1].next = OCTAVO_NO_SYMBOL;
    *count = index;
    return true;
}

bool octavo_pair_merge(octavo_pair_merger *merger, const char *text, size_t length, octavo_pair_rank rank_of,
                       const void *context) {
    uint32_t count;
    merger->heap_count = 0;
    if (!split_characters(merger, text, length, &count)) return false;
    for (uint32_t i = 1; i < count; i++) {
        if (!consider(merger, i - 1, i, rank_of, context)) return false;
    }
    while (merger->heap_count > 0) {
        octavo_pair_candidate best = pop(merger);
        octavo_symbol *left = &merger->symbols[best.left], *right = &merger->symbols[best.right];
        if (left->length == 0 || right->length == 0 || left->length + right->length != best.length) continue;
        left->length += right->length;
        right->length = 0;
        left->next = right->next;
        if (left->next != OCTAVO_NO_SYMBOL) merger->symbols[left->next].previous = best.left;
        if (!consider(merger, left->previous, best.left, rank_of, context) ||
            !consider(merger, best.left, left->next, rank_of, context))
            return false;
    }
    return true;
}

void octavo_pair_merger_release(octavo_pair_merger *merger) {
    free(merger->symbols);
    free(merger->heap);
    *merger = (octavo_pair_merger){0};
}
