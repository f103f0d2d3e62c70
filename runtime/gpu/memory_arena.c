#include "gpu/memory_arena.h"

#include "gpu/device_plan.h"

#include <string.h>

enum { SMALLEST_BLOCK = 1 << 20 };
#define DEFAULT_BLOCK_BYTES ((VkDeviceSize)64 << 20)

/* 0: not usable for this; higher is better. */
static int type_score(const octavo_device_snapshot *s, VkMemoryPropertyFlags flags, octavo_gpu_memory_use use) {
    const VkMemoryPropertyFlags unusable = VK_MEMORY_PROPERTY_LAZILY_ALLOCATED_BIT | VK_MEMORY_PROPERTY_PROTECTED_BIT |
                                           VK_MEMORY_PROPERTY_DEVICE_COHERENT_BIT_AMD |
                                           VK_MEMORY_PROPERTY_DEVICE_UNCACHED_BIT_AMD |
                                           VK_MEMORY_PROPERTY_RDMA_CAPABLE_BIT_NV;
    const VkBool32 local = (flags & VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT) != 0;
    const VkBool32 visible = (flags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT) != 0;
    const VkBool32 coherent = (flags & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT) != 0;
    const VkBool32 cached = (flags & VK_MEMORY_PROPERTY_HOST_CACHED_BIT) != 0;
    if (flags & unusable) return 0;
    if (use != OCTAVO_GPU_MEMORY_DEVICE && !visible) return 0;
    switch (use) {
    case OCTAVO_GPU_MEMORY_DEVICE:
        /* A discrete GPU's host-visible device memory is scarce and slow to read from the host; where GPU and host
         * share memory, mapping saves the staging copy. */
        if (octavo_gpu_type_rank(s->type) == 0) return 1 + (local ? 8 : 0) + (visible ? 0 : 4);
        return 1 + (local ? 8 : 0) + (visible ? 4 : 0) + (cached ? 2 : 0) + (coherent ? 1 : 0);
    case OCTAVO_GPU_MEMORY_HOST:
        return 1 + (cached ? 4 : 0) + (coherent ? 2 : 0) + (local ? 0 : 1);
    case OCTAVO_GPU_MEMORY_UPLOAD:
        return 1 + (local ? 4 : 0) + (coherent ? 2 : 0) + (cached ? 0 : 1);
    }
    return 0;
}

uint32_t octavo_gpu_rank_memory_types(const octavo_device_snapshot *snapshot, uint32_t bits, octavo_gpu_memory_use use,
                                      uint32_t types[VK_MAX_MEMORY_TYPES]) {
    int scores[VK_MAX_MEMORY_TYPES];
    uint32_t count = 0;
    for (uint32_t i = 0; i < snapshot->memory.memoryTypeCount; i++) {
        int score = type_score(snapshot, snapshot->memory.memoryTypes[i].propertyFlags, use);
        if (!(bits & 1u << i) || score == 0) continue;
        uint32_t at = count++;
        for (; at > 0 && scores[at - 1] < score; at--) { /* equal ones stay in the driver's order */
            scores[at] = scores[at - 1];
            types[at] = types[at - 1];
        }
        scores[at] = score;
        types[at] = i;
    }
    return count;
}

VkDeviceSize octavo_gpu_block_bytes(const octavo_device_snapshot *snapshot, uint32_t type, VkDeviceSize wanted) {
    VkDeviceSize heap = snapshot->memory.memoryHeaps[snapshot->memory.memoryTypes[type].heapIndex].size;
    VkDeviceSize size = wanted ? wanted : DEFAULT_BLOCK_BYTES;
    if (size > heap / 8) size = heap / 8;
    if (size > snapshot->max_memory_allocation_size) size = snapshot->max_memory_allocation_size;
    return size < SMALLEST_BLOCK ? SMALLEST_BLOCK : size;
}

void octavo_gpu_arena_init(octavo_gpu_arena *arena, const octavo_base_host *host,
                           const octavo_device_snapshot *snapshot, const octavo_gpu_device_table *vk, VkDevice device,
                           VkDeviceSize block_bytes) {
    arena->host = host;
    arena->snapshot = snapshot;
    arena->vk = vk;
    arena->device = device;
    arena->block_bytes = block_bytes;
    arena->blocks = NULL;
    arena->block_count = arena->block_capacity = 0;
}

static void destroy_block(octavo_gpu_arena *arena, octavo_gpu_block *block) {
    if (block->mapped) arena->vk->vkUnmapMemory(arena->device, block->memory);
    if (block->memory) arena->vk->vkFreeMemory(arena->device, block->memory, NULL);
    octavo_gpu_ranges_finish(&block->free, arena->host);
    octavo_base_release(arena->host, block, sizeof *block);
}

void octavo_gpu_arena_finish(octavo_gpu_arena *arena) {
    for (uint32_t i = 0; i < arena->block_count; i++) destroy_block(arena, arena->blocks[i]);
    octavo_base_release(arena->host, arena->blocks, arena->block_capacity * sizeof(octavo_gpu_block *));
    arena->blocks = NULL;
    arena->block_count = arena->block_capacity = 0;
}

static octavo_status out_of_host_memory(const octavo_gpu_arena *arena) {
    return octavo_base_fail(arena->host, OCTAVO_OUT_OF_HOST_MEMORY, "no host memory to keep track of device memory");
}

static octavo_status grow_list(octavo_gpu_arena *arena) {
    if (arena->block_count < arena->block_capacity) return OCTAVO_SUCCESS;
    uint32_t capacity = arena->block_capacity ? arena->block_capacity * 2 : 8;
    octavo_gpu_block **blocks = octavo_base_allocate(arena->host, capacity * sizeof *blocks);
    if (!blocks) return out_of_host_memory(arena);
    if (arena->block_count) memcpy(blocks, arena->blocks, arena->block_count * sizeof *blocks);
    octavo_base_release(arena->host, arena->blocks, arena->block_capacity * sizeof *blocks);
    arena->blocks = blocks;
    arena->block_capacity = capacity;
    return OCTAVO_SUCCESS;
}

/* Quiet on OUT_OF_DEVICE_MEMORY, after which another type or size is tried. */
static octavo_status add_block(octavo_gpu_arena *arena, uint32_t type, VkDeviceSize size, VkBuffer dedicated,
                               VkBool32 shared, octavo_gpu_block **result) {
    if (arena->block_count >= arena->snapshot->max_memory_allocation_count) return OCTAVO_OUT_OF_DEVICE_MEMORY;
    octavo_status status = grow_list(arena);
    if (status) return status;
    octavo_gpu_block *block = octavo_base_allocate(arena->host, sizeof *block);
    if (!block) return out_of_host_memory(arena);
    block->size = size;
    block->type = type;
    block->shared = shared;
    VkMemoryDedicatedAllocateInfo dedicated_info = {.sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO,
                                                    .buffer = dedicated};
    VkMemoryAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                 .pNext = dedicated ? &dedicated_info : NULL,
                                 .allocationSize = size,
                                 .memoryTypeIndex = type};
    VkResult result_code = VK_SUCCESS;
    if (!octavo_gpu_ranges_init(&block->free, arena->host, size)) {
        status = out_of_host_memory(arena);
    } else {
        result_code = arena->vk->vkAllocateMemory(arena->device, &info, NULL, &block->memory);
        if (result_code < 0) block->memory = VK_NULL_HANDLE;
        const VkMemoryPropertyFlags flags = arena->snapshot->memory.memoryTypes[type].propertyFlags;
        if (result_code >= 0 && (flags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT)) {
            result_code = arena->vk->vkMapMemory(arena->device, block->memory, 0, VK_WHOLE_SIZE, 0, &block->mapped);
            if (result_code < 0) block->mapped = NULL;
        }
        if (result_code == VK_ERROR_DEVICE_LOST) {
            status = octavo_base_fail(arena->host, OCTAVO_DEVICE_LOST, "the device was lost while allocating memory");
        } else if (result_code < 0) {
            status = OCTAVO_OUT_OF_DEVICE_MEMORY;
        }
    }
    if (status) {
        destroy_block(arena, block);
        return status;
    }
    arena->blocks[arena->block_count++] = block;
    *result = block;
    return OCTAVO_SUCCESS;
}

static VkBool32 take(octavo_gpu_arena *arena, octavo_gpu_block *block, VkDeviceSize size, VkDeviceSize alignment,
                     octavo_gpu_memory *memory) {
    uint64_t offset;
    if (!octavo_gpu_ranges_take(&block->free, arena->host, size, alignment, &offset)) return VK_FALSE;
    *memory = (octavo_gpu_memory){.block = block,
                                  .offset = offset,
                                  .size = size,
                                  .mapped = block->mapped ? (char *)block->mapped + offset : NULL,
                                  .flags = arena->snapshot->memory.memoryTypes[block->type].propertyFlags};
    return VK_TRUE;
}

static octavo_status allocate_of_type(octavo_gpu_arena *arena, uint32_t type, VkDeviceSize size, VkDeviceSize alignment,
                                      VkBuffer buffer, octavo_gpu_memory *memory) {
    VkDeviceSize block_bytes = octavo_gpu_block_bytes(arena->snapshot, type, arena->block_bytes);
    octavo_gpu_block *block;
    octavo_status status;
    if (size > block_bytes / 2) {
        status = add_block(arena, type, size, buffer, VK_FALSE, &block);
    } else {
        for (uint32_t i = 0; i < arena->block_count; i++) {
            block = arena->blocks[i];
            if (block->type != type || !block->shared) continue;
            if (take(arena, block, size, alignment, memory)) return OCTAVO_SUCCESS;
        }
        status = add_block(arena, type, block_bytes, VK_NULL_HANDLE, VK_TRUE, &block);
        if (status == OCTAVO_OUT_OF_DEVICE_MEMORY) status = add_block(arena, type, size, buffer, VK_FALSE, &block);
    }
    if (status) return status;
    return take(arena, block, size, alignment, memory) ? OCTAVO_SUCCESS : out_of_host_memory(arena);
}

static VkDeviceSize round_up(VkDeviceSize value, VkDeviceSize alignment) {
    return (value + alignment - 1) / alignment * alignment;
}

octavo_status octavo_gpu_arena_allocate(octavo_gpu_arena *arena, const VkMemoryRequirements *requirements,
                                        octavo_gpu_memory_use use, VkBuffer buffer, octavo_gpu_memory *memory) {
    *memory = (octavo_gpu_memory){0};
    uint32_t types[VK_MAX_MEMORY_TYPES];
    uint32_t count = octavo_gpu_rank_memory_types(arena->snapshot, requirements->memoryTypeBits, use, types);
    octavo_status status = OCTAVO_OUT_OF_DEVICE_MEMORY;
    const VkDeviceSize atom = arena->snapshot->non_coherent_atom_size;
    octavo_mutex_lock(&arena->mutex);
    for (uint32_t i = 0; i < count && status == OCTAVO_OUT_OF_DEVICE_MEMORY; i++) {
        VkMemoryPropertyFlags flags = arena->snapshot->memory.memoryTypes[types[i]].propertyFlags;
        VkDeviceSize size = requirements->size, alignment = requirements->alignment;
        if ((flags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT) && !(flags & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT) && atom) {
            if (alignment < atom) alignment = atom;
            size = round_up(size, atom);
        }
        if (size > arena->snapshot->max_memory_allocation_size) continue;
        /* a dedicated allocation is exactly as large as the buffer asks */
        VkBuffer dedicated = size == requirements->size ? buffer : VK_NULL_HANDLE;
        status = allocate_of_type(arena, types[i], size, alignment ? alignment : 1, dedicated, memory);
    }
    octavo_mutex_unlock(&arena->mutex);
    if (status == OCTAVO_OUT_OF_DEVICE_MEMORY) {
        octavo_base_fail(arena->host, status,
                         "no device memory: %llu bytes wanted, %u memory types tried, maxMemoryAllocationSize %llu",
                         (unsigned long long)requirements->size, (unsigned)count,
                         (unsigned long long)arena->snapshot->max_memory_allocation_size);
    }
    return status;
}

/* An empty block is freed, but for one of each type, so that a buffer made in a loop does not allocate in a loop. */
static VkBool32 worth_keeping(const octavo_gpu_arena *arena, const octavo_gpu_block *block) {
    if (!block->shared) return VK_FALSE;
    for (uint32_t i = 0; i < arena->block_count; i++) {
        const octavo_gpu_block *other = arena->blocks[i];
        if (other != block && other->type == block->type && other->shared && other->free.used == 0) return VK_FALSE;
    }
    return VK_TRUE;
}

void octavo_gpu_arena_release(octavo_gpu_arena *arena, octavo_gpu_memory *memory) {
    octavo_gpu_block *block = memory->block;
    if (!block) return;
    octavo_mutex_lock(&arena->mutex);
    octavo_gpu_ranges_give(&block->free, memory->offset, memory->size);
    if (block->free.used == 0 && !worth_keeping(arena, block)) {
        uint32_t i = 0;
        while (arena->blocks[i] != block) i++;
        arena->blocks[i] = arena->blocks[--arena->block_count];
        destroy_block(arena, block);
    }
    octavo_mutex_unlock(&arena->mutex);
    *memory = (octavo_gpu_memory){0};
}

VkMappedMemoryRange octavo_gpu_mapped_range(const octavo_gpu_arena *arena, const octavo_gpu_memory *memory,
                                            VkDeviceSize offset, VkDeviceSize size) {
    const VkDeviceSize atom = arena->snapshot->non_coherent_atom_size ? arena->snapshot->non_coherent_atom_size : 1;
    VkDeviceSize first = (memory->offset + offset) / atom * atom;
    VkDeviceSize end = round_up(memory->offset + offset + size, atom);
    if (end > memory->block->size) end = memory->block->size;
    return (VkMappedMemoryRange){.sType = VK_STRUCTURE_TYPE_MAPPED_MEMORY_RANGE,
                                 .memory = memory->block->memory,
                                 .offset = first,
                                 .size = end == memory->block->size ? VK_WHOLE_SIZE : end - first};
}
