#include "cache/page_pool.h"

#include "base/checked_math.h"

octavo_status octavo_cache_pool_init(octavo_cache_pool *pool, const octavo_base_host *host, uint32_t slot_count) {
    *pool = (octavo_cache_pool){0};
    if (slot_count == 0u) return OCTAVO_SUCCESS;
    size_t words;
    if (!octavo_base_multiply_size(slot_count, sizeof(uint32_t), &words)) return OCTAVO_OUT_OF_HOST_MEMORY;
    pool->slot_count = slot_count;
    pool->free_slots = octavo_base_allocate(host, words);
    pool->references = octavo_base_allocate(host, words);
    pool->is_window = octavo_base_allocate(host, slot_count * sizeof(bool));
    if (pool->free_slots == NULL || pool->references == NULL || pool->is_window == NULL) {
        octavo_cache_pool_free(pool, host);
        return OCTAVO_OUT_OF_HOST_MEMORY;
    }
    for (uint32_t i = 0; i < slot_count; ++i) pool->free_slots[i] = slot_count - 1u - i;
    pool->free_count = slot_count;
    return OCTAVO_SUCCESS;
}

void octavo_cache_pool_free(octavo_cache_pool *pool, const octavo_base_host *host) {
    octavo_base_release(host, pool->free_slots, pool->slot_count * sizeof(uint32_t));
    octavo_base_release(host, pool->references, pool->slot_count * sizeof(uint32_t));
    octavo_base_release(host, pool->is_window, pool->slot_count * sizeof(bool));
    *pool = (octavo_cache_pool){0};
}

uint32_t octavo_cache_pool_take(octavo_cache_pool *pool, bool is_window) {
    uint32_t slot = pool->free_slots[--pool->free_count];
    pool->references[slot] = 1u;
    pool->is_window[slot] = is_window;
    if (is_window) pool->window_count += 1u;
    return slot;
}

void octavo_cache_pool_share(octavo_cache_pool *pool, uint32_t slot) {
    pool->references[slot] += 1u;
}

void octavo_cache_pool_drop(octavo_cache_pool *pool, uint32_t slot) {
    pool->references[slot] -= 1u;
    if (pool->references[slot] != 0u) return;
    if (pool->is_window[slot]) pool->window_count -= 1u;
    pool->free_slots[pool->free_count++] = slot;
}
