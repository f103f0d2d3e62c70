#include "base/checked_math.h"
#include "base/log_line.h"
#include "cache/sequence_entry.h"

uint32_t octavo_cache_recent_write_begin(const octavo_cache_table *table, uint32_t old_length, uint32_t count) {
    uint32_t end = old_length + count;
    if (table->ring_tokens == 0u) return end;
    uint32_t begin = end > table->ring_tokens ? end - table->ring_tokens : 0u;
    if (begin < old_length) begin = old_length;
    if (begin < table->info.first_tokens) begin = table->info.first_tokens;
    return begin < end ? begin : end;
}

/* What an append does with each place that holds a slot to be written: an element of slots or window_slots. */
typedef void place_function(octavo_cache_table *table, uint32_t *place, bool is_window);

/* Calls `function` for the window slots of the rows [begin, end) that are not below *next, and moves *next on. */
static void visit_rows(octavo_cache_table *table, octavo_cache_entry *entry, uint32_t begin, uint32_t end,
                       uint32_t *next, place_function *function) {
    if (begin >= end) return;
    uint32_t first = begin / table->info.window_rows_per_page;
    uint32_t last = (end - 1u) / table->info.window_rows_per_page;
    for (uint32_t w = first > *next ? first : *next; w <= last; ++w) function(table, &entry->window_slots[w], true);
    if (last + 1u > *next) *next = last + 1u;
}

/* Each place that an append of count > 0 tokens writes, once. Rows ascend: first window, low end of the ring after a
 * wrap, the rest of the ring. */
static void visit_places(octavo_cache_table *table, octavo_cache_entry *entry, uint32_t layer, uint32_t count,
                         place_function *function) {
    uint32_t begin = entry->lengths[layer];
    uint32_t end = begin + count;
    uint32_t last = (end - 1u) / OCTAVO_CACHE_TILE_TOKENS;
    for (uint32_t i = begin / OCTAVO_CACHE_TILE_TOKENS; i <= last; ++i) function(table, &entry->slots[i], false);

    uint32_t first_tokens = table->info.first_tokens;
    uint32_t next = 0u;
    visit_rows(table, entry, begin, end < first_tokens ? end : first_tokens, &next, function);
    uint32_t ring_begin = octavo_cache_recent_write_begin(table, begin, count);
    if (ring_begin == end) return;
    uint32_t ring = table->ring_tokens;
    uint32_t row = ring_begin % ring;
    uint32_t row_end = row + (end - ring_begin); /* at most row + ring */
    if (row_end > ring) {
        visit_rows(table, entry, first_tokens, first_tokens + row_end - ring, &next, function);
        row_end = ring;
    }
    visit_rows(table, entry, first_tokens + row, first_tokens + row_end, &next, function);
}

/* Counts the slots and copies that writing here will take, as write_place will find them. */
static void count_place(octavo_cache_table *table, uint32_t *place, bool is_window) {
    (void)is_window;
    uint32_t slot = *place;
    if (slot == OCTAVO_CACHE_NO_SLOT) {
        table->planned_slots += 1u;
    } else if (table->pool.references[slot] - table->leaving[slot] > 1u) {
        table->leaving[slot] += 1u;
        table->planned_slots += 1u;
        table->copy_count += 1u;
    }
}

static void forget_place(octavo_cache_table *table, uint32_t *place, bool is_window) {
    (void)is_window;
    if (*place != OCTAVO_CACHE_NO_SLOT) table->leaving[*place] = 0u;
}

static void write_place(octavo_cache_table *table, uint32_t *place, bool is_window) {
    uint32_t slot = *place;
    if (slot != OCTAVO_CACHE_NO_SLOT && table->pool.references[slot] == 1u) return;
    *place = octavo_cache_pool_take(&table->pool, is_window);
    if (slot == OCTAVO_CACHE_NO_SLOT) return;
    octavo_cache_pool_drop(&table->pool, slot);
    table->copies[table->copy_count++] = (octavo_cache_copy){slot, *place};
}

/* Checks one sequence of a call and makes room in its list. */
static octavo_status check_sequence(octavo_cache_table *table, uint32_t layer, uint32_t sequence, uint32_t count) {
    octavo_cache_entry *entry = octavo_cache_entry_find(table, sequence);
    if (entry == NULL) return OCTAVO_INVALID_ARGUMENT;
    if (entry->stamp == table->stamp) {
        return octavo_base_fail(table->host, OCTAVO_INVALID_ARGUMENT, "sequence %u is named twice in one append",
                                (unsigned)sequence);
    }
    entry->stamp = table->stamp;
    uint32_t length = entry->lengths[layer];
    if (count > (uint32_t)INT32_MAX - length) {
        return octavo_base_fail(table->host, OCTAVO_INVALID_ARGUMENT,
                                "%u tokens appended to the %u of sequence %u exceed 2147483647", (unsigned)count,
                                (unsigned)length, (unsigned)sequence);
    }
    uint32_t needed = (length + count + OCTAVO_CACHE_TILE_TOKENS - 1u) / OCTAVO_CACHE_TILE_TOKENS;
    if (needed > table->pool.slot_count) {
        return octavo_base_fail(
            table->host, OCTAVO_OUT_OF_PAGES, "%u tokens of sequence %u need %u slots of 128 tokens; the cache has %u",
            (unsigned)(length + count), (unsigned)sequence, (unsigned)needed, (unsigned)table->pool.slot_count);
    }
    return octavo_cache_entry_reserve(table, entry, needed);
}

static octavo_status reserve_copies(octavo_cache_table *table, uint32_t count) {
    if (count <= table->copy_capacity) return OCTAVO_SUCCESS;
    size_t bytes;
    octavo_cache_copy *copies = NULL;
    uint32_t capacity = count > UINT32_MAX / 2u ? count : 2u * count;
    if (octavo_base_multiply_size(capacity, sizeof *copies, &bytes)) copies = octavo_base_allocate(table->host, bytes);
    if (copies == NULL) {
        return octavo_base_fail(table->host, OCTAVO_OUT_OF_HOST_MEMORY, "no host memory for %u copies of slots",
                                (unsigned)count);
    }
    octavo_base_release(table->host, table->copies, table->copy_capacity * sizeof *copies);
    table->copies = copies;
    table->copy_capacity = capacity;
    return OCTAVO_SUCCESS;
}

static octavo_cache_entry *entry_at(octavo_cache_table *table, uint32_t sequence) {
    return &table->entries[sequence & ((UINT32_C(1) << table->index_bits) - 1u)];
}

octavo_status octavo_cache_table_plan_append(octavo_cache_table *table, uint32_t layer, uint32_t sequence_count,
                                             const uint32_t *sequences, const uint32_t *token_counts,
                                             uint32_t *copy_count) {
    octavo_status status = OCTAVO_SUCCESS;
    if (layer >= table->info.layer_count) {
        return octavo_base_fail(table->host, OCTAVO_INVALID_ARGUMENT, "layer %u of a cache with layer_count %u",
                                (unsigned)layer, (unsigned)table->info.layer_count);
    }
    table->stamp += 1u;
    for (uint32_t s = 0; s < sequence_count && status == OCTAVO_SUCCESS; ++s) {
        status = check_sequence(table, layer, sequences[s], token_counts[s]);
    }
    if (status != OCTAVO_SUCCESS) return status;

    table->copy_count = 0u;
    table->planned_slots = 0u;
    for (uint32_t s = 0; s < sequence_count; ++s) {
        if (token_counts[s] == 0u) continue;
        visit_places(table, entry_at(table, sequences[s]), layer, token_counts[s], count_place);
    }
    for (uint32_t s = 0; s < sequence_count; ++s) {
        if (token_counts[s] == 0u) continue;
        visit_places(table, entry_at(table, sequences[s]), layer, token_counts[s], forget_place);
    }
    if (table->planned_slots > table->pool.free_count) {
        return octavo_base_fail(table->host, OCTAVO_OUT_OF_PAGES,
                                "an append needs %llu free slots of 128 tokens; %u are free",
                                (unsigned long long)table->planned_slots, (unsigned)table->pool.free_count);
    }
    if (copy_count != NULL) *copy_count = table->copy_count;
    return reserve_copies(table, table->copy_count);
}

const octavo_cache_copy *octavo_cache_table_commit_append(octavo_cache_table *table, uint32_t layer,
                                                          uint32_t sequence_count, const uint32_t *sequences,
                                                          const uint32_t *token_counts, uint32_t *copy_count) {
    table->copy_count = 0u;
    for (uint32_t s = 0; s < sequence_count; ++s) {
        uint32_t count = token_counts[s];
        if (count == 0u) continue;
        octavo_cache_entry *entry = entry_at(table, sequences[s]);
        visit_places(table, entry, layer, count, write_place);
        uint32_t length = entry->lengths[layer] + count;
        uint32_t held = length > table->ring_tokens ? length - table->ring_tokens : 0u;
        entry->lengths[layer] = length;
        if (entry->valid_begin[layer] < held) entry->valid_begin[layer] = held;
        uint32_t slot_count = (length + OCTAVO_CACHE_TILE_TOKENS - 1u) / OCTAVO_CACHE_TILE_TOKENS;
        if (slot_count > entry->slot_count) entry->slot_count = slot_count;
        if (length > entry->length) octavo_cache_entry_set_length(table, entry, length);
    }
    *copy_count = table->copy_count;
    return table->copies;
}
