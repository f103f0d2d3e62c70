/* Device memory: few allocations of the driver, cut into ranges. Large requests get an allocation of their own. */
#ifndef OCTAVO_MEMORY_ARENA_H
#define OCTAVO_MEMORY_ARENA_H

#include "base/log_line.h"
#include "base/mutex.h"
#include "gpu/device_snapshot.h"
#include "gpu/dispatch_table.h"
#include "gpu/memory_ranges.h"
#include <octavo/device.h>

/* What memory is used for; decides the order in which memory types are tried. */
typedef enum octavo_gpu_memory_use {
    OCTAVO_GPU_MEMORY_DEVICE, /* read and written by the GPU */
    OCTAVO_GPU_MEMORY_HOST,   /* read and written by the host, copied or read by the GPU */
    OCTAVO_GPU_MEMORY_UPLOAD  /* small, written by the host, read by the GPU: device local where both can be had */
} octavo_gpu_memory_use;

typedef struct octavo_gpu_block {
    VkDeviceMemory memory;
    VkDeviceSize size;
    void *mapped; /* NULL when not host visible */
    uint32_t type;
    VkBool32 shared; /* by several ranges; else made for one */
    octavo_gpu_ranges free;
} octavo_gpu_block;

typedef struct octavo_gpu_arena {
    const octavo_base_host *host;
    const octavo_device_snapshot *snapshot;
    const octavo_gpu_device_table *vk;
    VkDevice device;
    VkDeviceSize block_bytes; /* wanted; less on small heaps */
    octavo_mutex mutex;       /* guards what follows */
    octavo_gpu_block **blocks;
    uint32_t block_count, block_capacity;
} octavo_gpu_arena;

typedef struct octavo_gpu_memory {
    octavo_gpu_block *block; /* NULL: none */
    VkDeviceSize offset, size;
    void *mapped;                /* of offset; NULL when not host visible */
    VkMemoryPropertyFlags flags; /* of the memory type */
} octavo_gpu_memory;

/* block_bytes 0: 64 MiB. The mutex is the owner's to make. */
void octavo_gpu_arena_init(octavo_gpu_arena *arena, const octavo_base_host *host,
                           const octavo_device_snapshot *snapshot, const octavo_gpu_device_table *vk, VkDevice device,
                           VkDeviceSize block_bytes);
void octavo_gpu_arena_finish(octavo_gpu_arena *arena);

/* buffer: for a dedicated allocation. Ranges of host memory are never closer than a non-coherent atom. */
octavo_status octavo_gpu_arena_allocate(octavo_gpu_arena *arena, const VkMemoryRequirements *requirements,
                                        octavo_gpu_memory_use use, VkBuffer buffer, octavo_gpu_memory *memory);
void octavo_gpu_arena_release(octavo_gpu_arena *arena, octavo_gpu_memory *memory);

/* The mapped range that covers [offset, offset + size) of the memory in whole non-coherent atoms. */
VkMappedMemoryRange octavo_gpu_mapped_range(const octavo_gpu_arena *arena, const octavo_gpu_memory *memory,
                                            VkDeviceSize offset, VkDeviceSize size);

/* Pure: types of `bits`, best first; returns how many are usable. */
uint32_t octavo_gpu_rank_memory_types(const octavo_device_snapshot *snapshot, uint32_t bits, octavo_gpu_memory_use use,
                                      uint32_t types[VK_MAX_MEMORY_TYPES]);
/* Pure: size of a new block of this type. */
VkDeviceSize octavo_gpu_block_bytes(const octavo_device_snapshot *snapshot, uint32_t type, VkDeviceSize wanted);

#endif
