#include "string_table.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a: public domain, http://www.isthe.com/chongo/tech/comp/fnv/ */
#define HASH_START UINT64_C(0xcbf29ce484222325)
#define HASH_PRIME UINT64_C(0x100000001b3)

static uint64_t extend_hash(uint64_t hash, const char *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)bytes[i]) * HASH_PRIME;
    return hash;
}

static size_t first_slot(const octavo_string_table *table, uint64_t hash) {
    return (size_t)(hash ^ (hash >> 32)) & (table->slot_count - 1);
}

bool octavo_string_table_create(octavo_string_table *table, size_t key_count) {
    size_t slot_count = 16;
    *table = (octavo_string_table){0};
    while (slot_count / 2 < key_count) { /* at most half full: probes stay short and always meet an empty slot */
        if (slot_count > SIZE_MAX / 2 / sizeof *table->slots) return false;
        slot_count *= 2;
    }
    table->slots = calloc(slot_count, sizeof *table->slots);
    table->slot_count = table->slots != NULL ? slot_count : 0;
    return table->slots != NULL;
}

void octavo_string_table_destroy(octavo_string_table *table) {
    free(table->slots);
    *table = (octavo_string_table){0};
}

bool octavo_string_table_insert(octavo_string_table *table, const char *bytes, size_t length, uint32_t value) {
    size_t index = first_slot(table, extend_hash(HASH_START, bytes, length));
    for (;; index = (index + 1) & (table->slot_count - 1)) {
        octavo_string_slot *slot = &table->slots[index];
        if (slot->bytes == NULL) {
            *slot = (octavo_string_slot){bytes, length, value};
            return true;
        }
        if (slot->length == length && memcmp(slot->bytes, bytes, length) == 0) return false;
    }
}

bool octavo_string_table_find(const octavo_string_table *table, const char *bytes, size_t length, uint32_t *value) {
    if (table->slot_count == 0) return false;
    size_t index = first_slot(table, extend_hash(HASH_START, bytes, length));
    for (;; index = (index + 1) & (table->slot_count - 1)) {
        const octavo_string_slot *slot = &table->slots[index];
        if (slot->bytes == NULL) return false;
        if (slot->length == length && memcmp(slot->bytes, bytes, length) == 0) {
            *value = slot->value;
            return true;
        }
    }
}

bool octavo_string_table_find_pair(const octavo_string_table *table, const char *first, size_t first_length,
                                   const char *second, size_t second_length, uint32_t *value) {
    if (table->slot_count == 0) return false;
    uint64_t hash = extend_hash(HASH_START, first, first_length);
    hash = extend_hash(extend_hash(hash, " ", 1), second, second_length);
    size_t index = first_slot(table, hash);
    for (;; index = (index + 1) & (table->slot_count - 1)) {
        const octavo_string_slot *slot = &table->slots[index];
        if (slot->bytes == NULL) return false;
        if (slot->length == first_length + 1 + second_length && memcmp(slot->bytes, first, first_length) == 0 &&
            slot->bytes[first_length] == ' ' && memcmp(slot->bytes + first_length + 1, second, second_length) == 0) {
            *value = slot->value;
            return true;
        }
    }
}
