/* The slots of a pool: which are free, and by how many sequences each is held. A slot is one page of every layer. Free
 * slots are handed out lowest first at the start, then the one released last first: the same calls give the same slots.
 */
#ifndef OCTAVO_CACHE_PAGE_POOL_H
#define OCTAVO_CACHE_PAGE_POOL_H

#include "base/host_memory.h"

#include <stdbool.h>
#include <stdint.h>

#define OCTAVO_CACHE_NO_SLOT UINT32_MAX

typedef struct octavo_cache_pool {
    uint32_t slot_count;
    uint32_t free_count;
    uint32_t window_count; /* slots in use for f16 windows */
    uint32_t *free_slots;  /* [slot_count], a stack */
    uint32_t *references;  /* [slot_count], 0: free */
    bool *is_window;       /* [slot_count] */
} octavo_cache_pool;

/* slot_count: 0 .. 2^31. OCTAVO_OUT_OF_HOST_MEMORY leaves the pool empty. */
octavo_status octavo_cache_pool_init(octavo_cache_pool *pool, const octavo_base_host *host, uint32_t slot_count);
void octavo_cache_pool_free(octavo_cache_pool *pool, const octavo_base_host *host);

/* A slot with one reference; free_count must not be 0. */
uint32_t octavo_cache_pool_take(octavo_cache_pool *pool, bool is_window);
void octavo_cache_pool_share(octavo_cache_pool *pool, uint32_t slot);
/* Drops one reference; the last makes the slot free. */
void octavo_cache_pool_drop(octavo_cache_pool *pool, uint32_t slot);

#endif
