/*
 * Hash table from byte strings to 32-bit numbers, open addressing, filled once and then only read. Keys are not copied:
 * their bytes must outlive the table. Room for all keys is made at creation.
 */
#ifndef OCTAVO_STRING_TABLE_H
#define OCTAVO_STRING_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct octavo_string_slot {
    const char *bytes; /* NULL: empty */
    size_t length;
    uint32_t value;
} octavo_string_slot;

typedef struct octavo_string_table {
    octavo_string_slot *slots;
    size_t slot_count; /* a power of two */
} octavo_string_table;

/* False when there is no memory. `key_count` bounds the number of later insertions. */
bool octavo_string_table_create(octavo_string_table *table, size_t key_count);
void octavo_string_table_destroy(octavo_string_table *table);

/* Of two equal keys the first keeps its value; the second insertion returns false. */
bool octavo_string_table_insert(octavo_string_table *table, const char *bytes, size_t length, uint32_t value);

/* False when the key is not there; *value is then unchanged. */
bool octavo_string_table_find(const octavo_string_table *table, const char *bytes, size_t length, uint32_t *value);

/* Finds the key made of `first`, a space, and `second`, without building it: how BPE merges are written. */
bool octavo_string_table_find_pair(const octavo_string_table *table, const char *first, size_t first_length,
                                   const char *second, size_t second_length, uint32_t *value);

#endif
