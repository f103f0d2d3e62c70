/* The free ranges of one block, sorted, never touching. Pure. */
#ifndef OCTAVO_MEMORY_RANGES_H
#define OCTAVO_MEMORY_RANGES_H

#include "base/host_memory.h"

#include <stdbool.h>

typedef struct octavo_gpu_free_range {
    uint64_t offset, size;
} octavo_gpu_free_range;

typedef struct octavo_gpu_ranges {
    octavo_gpu_free_range *list;
    uint32_t count, capacity;
    uint32_t used; /* ranges taken and not given back */
} octavo_gpu_ranges;

/* All of [0, size) is free. False without host memory. */
bool octavo_gpu_ranges_init(octavo_gpu_ranges *ranges, const octavo_base_host *host, uint64_t size);
void octavo_gpu_ranges_finish(octavo_gpu_ranges *ranges, const octavo_base_host *host);
/* Smallest free range that fits; alignment is a power of two. False when none fits, or without host memory. A taken
 * range can always be given back: room for its entry is made here. */
bool octavo_gpu_ranges_take(octavo_gpu_ranges *ranges, const octavo_base_host *host, uint64_t size, uint64_t alignment,
                            uint64_t *offset);
void octavo_gpu_ranges_give(octavo_gpu_ranges *ranges, uint64_t offset, uint64_t size);

#endif
