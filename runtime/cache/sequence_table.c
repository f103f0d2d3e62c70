#include "cache/sequence_table.h"

#include "base/checked_math.h"
#include "base/log_line.h"
#include "cache/sequence_entry.h"

#include <string.h>

uint32_t octavo_cache_window_slots(const octavo_cache_table_info *info) {
    if (info->window_rows_per_page == 0u) return 0u;
    uint32_t ring = info->recent_tokens == 0u ? 0u : info->recent_tokens + info->slack_tokens;
    uint32_t rows = info->first_tokens + ring;
    return (rows + info->window_rows_per_page - 1u) / info->window_rows_per_page;
}

static size_t block_bytes(const octavo_cache_table *table) {
    return (2u * (size_t)table->info.layer_count + table->window_slots) * sizeof(uint32_t);
}

octavo_status octavo_cache_table_create(const octavo_base_host *host, const octavo_cache_table_info *info,
                                        octavo_cache_table **result) {
    octavo_cache_table *table = octavo_base_allocate(host, sizeof *table);
    *result = NULL;
    if (table == NULL) return octavo_base_fail(host, OCTAVO_OUT_OF_HOST_MEMORY, "no host memory for a sequence table");
    table->host = host;
    table->info = *info;
    if (info->window_rows_per_page == 0u) {
        table->info.first_tokens = table->info.recent_tokens = table->info.slack_tokens = 0u;
    }
    table->window_slots = octavo_cache_window_slots(&table->info);
    table->ring_tokens = info->recent_tokens == 0u ? 0u : table->info.recent_tokens + table->info.slack_tokens;
    while ((UINT32_C(1) << table->index_bits) < info->sequence_capacity) table->index_bits += 1u;

    uint32_t capacity = info->sequence_capacity;
    table->free_indices = octavo_base_allocate(host, capacity * sizeof *table->free_indices);
    table->entries = octavo_base_allocate(host, capacity * sizeof *table->entries);
    table->record_use = octavo_base_allocate(host, info->record_count * sizeof *table->record_use);
    table->leaving = octavo_base_allocate(host, info->slot_count * sizeof *table->leaving);
    octavo_status status = octavo_cache_pool_init(&table->pool, host, info->slot_count);
    if (status != OCTAVO_SUCCESS || table->free_indices == NULL || table->entries == NULL ||
        table->record_use == NULL || (table->leaving == NULL && info->slot_count != 0u)) {
        octavo_cache_table_destroy(table);
        return octavo_base_fail(host, OCTAVO_OUT_OF_HOST_MEMORY, "no host memory for %u sequences and %u slots",
                                (unsigned)capacity, (unsigned)info->slot_count);
    }
    for (uint32_t i = 0; i < capacity; ++i) {
        table->free_indices[i] = capacity - 1u - i;
        table->entries[i].generation = 1u;
    }
    table->free_index_count = capacity;
    *result = table;
    return OCTAVO_SUCCESS;
}

void octavo_cache_table_destroy(octavo_cache_table *table) {
    if (table == NULL) return;
    const octavo_base_host *host = table->host;
    uint32_t capacity = table->info.sequence_capacity;
    for (uint32_t i = 0; table->entries != NULL && i < capacity; ++i) {
        octavo_cache_entry *entry = &table->entries[i];
        octavo_base_release(host, entry->slots, entry->slot_capacity * sizeof(uint32_t));
        octavo_base_release(host, entry->lengths, block_bytes(table));
    }
    octavo_base_release(host, table->free_indices, capacity * sizeof *table->free_indices);
    octavo_base_release(host, table->entries, capacity * sizeof *table->entries);
    octavo_base_release(host, table->record_use, table->info.record_count * sizeof *table->record_use);
    octavo_base_release(host, table->leaving, table->info.slot_count * sizeof *table->leaving);
    octavo_base_release(host, table->copies, table->copy_capacity * sizeof *table->copies);
    octavo_cache_pool_free(&table->pool, host);
    octavo_base_release(host, table, sizeof *table);
}

octavo_cache_entry *octavo_cache_entry_find(const octavo_cache_table *table, uint32_t sequence) {
    uint32_t index = sequence & ((UINT32_C(1) << table->index_bits) - 1u);
    uint32_t generation = sequence >> table->index_bits;
    if (index < table->info.sequence_capacity) {
        octavo_cache_entry *entry = &table->entries[index];
        if (entry->is_live && entry->generation == generation) return entry;
    }
    octavo_base_fail(table->host, OCTAVO_INVALID_ARGUMENT, "sequence %u is not a sequence of this cache",
                     (unsigned)sequence);
    return NULL;
}

octavo_status octavo_cache_entry_reserve(const octavo_cache_table *table, octavo_cache_entry *entry,
                                         uint32_t slot_count) {
    if (slot_count <= entry->slot_capacity) return OCTAVO_SUCCESS;
    uint64_t wanted = 2u * (uint64_t)entry->slot_capacity;
    uint32_t capacity = wanted > slot_count ? (uint32_t)wanted : slot_count;
    capacity = capacity < 8u ? 8u : capacity;
    size_t bytes;
    uint32_t *slots = NULL;
    if (octavo_base_multiply_size(capacity, sizeof *slots, &bytes)) slots = octavo_base_allocate(table->host, bytes);
    if (slots == NULL) {
        return octavo_base_fail(table->host, OCTAVO_OUT_OF_HOST_MEMORY, "no host memory for a sequence of %u slots",
                                (unsigned)slot_count);
    }
    for (uint32_t i = 0; i < capacity; ++i) slots[i] = i < entry->slot_count ? entry->slots[i] : OCTAVO_CACHE_NO_SLOT;
    octavo_base_release(table->host, entry->slots, entry->slot_capacity * sizeof *slots);
    entry->slots = slots;
    entry->slot_capacity = capacity;
    return OCTAVO_SUCCESS;
}

void octavo_cache_entry_set_length(octavo_cache_table *table, octavo_cache_entry *entry, uint32_t length) {
    if (entry->length == 0u && length != 0u) table->record_use[entry->record] += 1u;
    if (entry->length != 0u && length == 0u) table->record_use[entry->record] -= 1u;
    entry->length = length;
}

/* An entry with room for slot_count slots that is not live yet: NULL after a log line. */
static octavo_cache_entry *take_entry(octavo_cache_table *table, uint32_t slot_count, octavo_status *status) {
    if (table->free_index_count == 0u) {
        *status = octavo_base_fail(table->host, OCTAVO_OUT_OF_PAGES, "all %u sequences (sequence_capacity) are in use",
                                   (unsigned)table->info.sequence_capacity);
        return NULL;
    }
    octavo_cache_entry *entry = &table->entries[table->free_indices[table->free_index_count - 1u]];
    if (entry->lengths == NULL) {
        entry->lengths = octavo_base_allocate(table->host, block_bytes(table));
        if (entry->lengths == NULL) {
            *status = octavo_base_fail(table->host, OCTAVO_OUT_OF_HOST_MEMORY,
                                       "no host memory for a sequence of %u layers", (unsigned)table->info.layer_count);
            return NULL;
        }
        entry->valid_begin = entry->lengths + table->info.layer_count;
        entry->window_slots = entry->valid_begin + table->info.layer_count;
    }
    *status = octavo_cache_entry_reserve(table, entry, slot_count);
    if (*status != OCTAVO_SUCCESS) return NULL;
    for (uint32_t w = 0; w < table->window_slots; ++w) entry->window_slots[w] = OCTAVO_CACHE_NO_SLOT;
    return entry;
}

static uint32_t make_live(octavo_cache_table *table, octavo_cache_entry *entry, uint32_t record) {
    table->free_index_count -= 1u;
    entry->is_live = true;
    entry->record = record;
    return (entry->generation << table->index_bits) | (uint32_t)(entry - table->entries);
}

octavo_status octavo_cache_table_sequence_create(octavo_cache_table *table, uint32_t record, uint32_t *sequence) {
    octavo_status status = OCTAVO_SUCCESS;
    if (record >= table->info.record_count) {
        return octavo_base_fail(table->host, OCTAVO_INVALID_ARGUMENT, "record %u of a cache with record_count %u",
                                (unsigned)record, (unsigned)table->info.record_count);
    }
    octavo_cache_entry *entry = take_entry(table, 0u, &status);
    if (entry == NULL) return status;
    *sequence = make_live(table, entry, record);
    return OCTAVO_SUCCESS;
}

/* Shortens all layers and drops the slots that no layer needs. */
static void shorten(octavo_cache_table *table, octavo_cache_entry *entry, uint32_t length) {
    for (uint32_t layer = 0; layer < table->info.layer_count; ++layer) {
        if (entry->lengths[layer] > length) entry->lengths[layer] = length;
        if (entry->valid_begin[layer] > entry->lengths[layer]) entry->valid_begin[layer] = entry->lengths[layer];
    }
    if (entry->length > length) octavo_cache_entry_set_length(table, entry, length);
    uint32_t needed = entry->length / OCTAVO_CACHE_TILE_TOKENS + (entry->length % OCTAVO_CACHE_TILE_TOKENS != 0u);
    while (entry->slot_count > needed) {
        entry->slot_count -= 1u;
        octavo_cache_pool_drop(&table->pool, entry->slots[entry->slot_count]);
        entry->slots[entry->slot_count] = OCTAVO_CACHE_NO_SLOT;
    }
    for (uint32_t w = 0; w < table->window_slots && entry->length == 0u; ++w) {
        if (entry->window_slots[w] != OCTAVO_CACHE_NO_SLOT)
            octavo_cache_pool_drop(&table->pool, entry->window_slots[w]);
        entry->window_slots[w] = OCTAVO_CACHE_NO_SLOT;
    }
}

octavo_status octavo_cache_table_sequence_destroy(octavo_cache_table *table, uint32_t sequence) {
    octavo_cache_entry *entry = octavo_cache_entry_find(table, sequence);
    if (entry == NULL) return OCTAVO_INVALID_ARGUMENT;
    shorten(table, entry, 0u);
    entry->is_live = false;
    entry->generation = (entry->generation + 1u) & (UINT32_MAX >> table->index_bits);
    if (entry->generation == 0u) entry->generation = 1u;
    table->free_indices[table->free_index_count++] = (uint32_t)(entry - table->entries);
    return OCTAVO_SUCCESS;
}

octavo_status octavo_cache_table_fork(octavo_cache_table *table, uint32_t source, uint32_t *sequence) {
    octavo_status status = OCTAVO_SUCCESS;
    const octavo_cache_entry *from = octavo_cache_entry_find(table, source);
    if (from == NULL) return OCTAVO_INVALID_ARGUMENT;
    octavo_cache_entry *entry = take_entry(table, from->slot_count, &status);
    if (entry == NULL) return status;
    *sequence = make_live(table, entry, from->record);
    memcpy(entry->lengths, from->lengths, table->info.layer_count * sizeof *entry->lengths);
    memcpy(entry->valid_begin, from->valid_begin, table->info.layer_count * sizeof *entry->valid_begin);
    for (uint32_t i = 0; i < from->slot_count; ++i) {
        entry->slots[i] = from->slots[i];
        octavo_cache_pool_share(&table->pool, from->slots[i]);
    }
    entry->slot_count = from->slot_count;
    for (uint32_t w = 0; w < table->window_slots; ++w) {
        entry->window_slots[w] = from->window_slots[w];
        if (from->window_slots[w] != OCTAVO_CACHE_NO_SLOT) octavo_cache_pool_share(&table->pool, from->window_slots[w]);
    }
    octavo_cache_entry_set_length(table, entry, from->length);
    return OCTAVO_SUCCESS;
}

octavo_status octavo_cache_table_truncate(octavo_cache_table *table, uint32_t sequence, uint32_t length) {
    octavo_cache_entry *entry = octavo_cache_entry_find(table, sequence);
    if (entry == NULL) return OCTAVO_INVALID_ARGUMENT;
    shorten(table, entry, length);
    return OCTAVO_SUCCESS;
}

octavo_status octavo_cache_table_view(const octavo_cache_table *table, uint32_t sequence, uint32_t layer,
                                      octavo_cache_view *view) {
    if (layer >= table->info.layer_count) {
        return octavo_base_fail(table->host, OCTAVO_INVALID_ARGUMENT, "layer %u of a cache with layer_count %u",
                                (unsigned)layer, (unsigned)table->info.layer_count);
    }
    const octavo_cache_entry *entry = octavo_cache_entry_find(table, sequence);
    if (entry == NULL) return OCTAVO_INVALID_ARGUMENT;
    uint32_t length = entry->lengths[layer];
    uint32_t recent = table->info.recent_tokens;
    uint32_t first = table->info.first_tokens < length ? table->info.first_tokens : length;
    uint32_t recent_begin = recent == 0u ? length : recent < length ? length - recent : 0u;
    if (recent_begin < entry->valid_begin[layer]) recent_begin = entry->valid_begin[layer];
    if (recent == 0u) recent_begin = length;
    view->record = entry->record;
    view->length = length;
    view->valid_begin = entry->valid_begin[layer];
    view->packed_begin = first;
    view->packed_end = recent_begin > first ? recent_begin : first;
    view->slot_count = entry->slot_count;
    view->slots = entry->slots;
    view->window_slots = entry->window_slots;
    return OCTAVO_SUCCESS;
}

uint32_t octavo_cache_table_record_use(const octavo_cache_table *table, uint32_t record) {
    return table->record_use[record];
}

octavo_cache_table_statistics octavo_cache_table_get_statistics(const octavo_cache_table *table) {
    octavo_cache_table_statistics statistics;
    statistics.slot_count = table->pool.slot_count;
    statistics.free_slots = table->pool.free_count;
    statistics.window_slots = table->pool.window_count;
    statistics.packed_slots = statistics.slot_count - statistics.free_slots - statistics.window_slots;
    statistics.sequence_count = table->info.sequence_capacity - table->free_index_count;
    return statistics;
}

uint32_t octavo_cache_table_slot_references(const octavo_cache_table *table, uint32_t slot) {
    return table->pool.references[slot];
}
