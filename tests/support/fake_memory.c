/* Memory, buffers, fences, queries. */
#include "fake_objects.h"

#include <stdlib.h>
#include <string.h>

static VkMemoryPropertyFlags flags_of(const fake_object *memory) {
    return fake_snapshot()->memory.memoryTypes[memory->memory_type].propertyFlags;
}

static VKAPI_ATTR VkResult VKAPI_CALL vkAllocateMemory_fake(VkDevice device, const VkMemoryAllocateInfo *info,
                                                            const VkAllocationCallbacks *allocator,
                                                            VkDeviceMemory *memory) {
    (void)device;
    (void)allocator;
    VkResult result = fake_next_result();
    if (result < 0) return result;
    if (info->allocationSize > fake_snapshot()->max_memory_allocation_size) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    fake_object *object = fake_new(FAKE_MEMORY);
    object->size = info->allocationSize;
    object->memory_type = info->memoryTypeIndex;
    object->bytes = calloc(1, (size_t)info->allocationSize);
    if (!object->bytes) abort();
    VkMemoryPropertyFlags flags = flags_of(object);
    if (flags & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT) object->mapped = object->bytes;
    if ((flags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT) && !object->mapped) {
        object->mapped = calloc(1, (size_t)info->allocationSize);
        if (!object->mapped) abort();
    }
    fake_count_allocation(1);
    *memory = (VkDeviceMemory)(uintptr_t)object;
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL vkFreeMemory_fake(VkDevice device, VkDeviceMemory memory,
                                                    const VkAllocationCallbacks *allocator) {
    (void)device;
    (void)allocator;
    if (!memory) return;
    fake_count_allocation(-1);
    fake_delete((uint64_t)(uintptr_t)memory, FAKE_MEMORY);
}

static VKAPI_ATTR VkResult VKAPI_CALL vkMapMemory_fake(VkDevice device, VkDeviceMemory memory, VkDeviceSize offset,
                                                       VkDeviceSize size, VkMemoryMapFlags flags, void **data) {
    (void)device;
    (void)size;
    (void)flags;
    VkResult result = fake_next_result();
    if (result < 0) return result;
    fake_object *object = FAKE_OBJECT(memory, FAKE_MEMORY);
    if (!object->mapped) abort();
    *data = object->mapped + offset;
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL vkUnmapMemory_fake(VkDevice device, VkDeviceMemory memory) {
    (void)device;
    FAKE_OBJECT(memory, FAKE_MEMORY);
}

/* Moves a range between the two copies, after a check of Vulkan's rules for its ends. */
static void move_range(const VkMappedMemoryRange *range, VkBool32 to_gpu) {
    fake_object *object = FAKE_OBJECT(range->memory, FAKE_MEMORY);
    const VkDeviceSize atom = fake_snapshot()->non_coherent_atom_size;
    VkDeviceSize end = range->size == VK_WHOLE_SIZE ? object->size : range->offset + range->size;
    if (range->offset % atom || end > object->size || (end % atom && end != object->size)) abort();
    size_t size = (size_t)(end - range->offset);
    if (object->mapped == object->bytes) return;
    if (to_gpu) {
        memcpy(object->bytes + range->offset, object->mapped + range->offset, size);
    } else {
        memcpy(object->mapped + range->offset, object->bytes + range->offset, size);
    }
}

static VKAPI_ATTR VkResult VKAPI_CALL vkFlushMappedMemoryRanges_fake(VkDevice device, uint32_t count,
                                                                     const VkMappedMemoryRange *ranges) {
    (void)device;
    VkResult result = fake_next_result();
    if (result < 0) return result;
    for (uint32_t i = 0; i < count; i++) move_range(&ranges[i], VK_TRUE);
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL vkInvalidateMappedMemoryRanges_fake(VkDevice device, uint32_t count,
                                                                          const VkMappedMemoryRange *ranges) {
    (void)device;
    VkResult result = fake_next_result();
    if (result < 0) return result;
    for (uint32_t i = 0; i < count; i++) move_range(&ranges[i], VK_FALSE);
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL vkCreateBuffer_fake(VkDevice device, const VkBufferCreateInfo *info,
                                                          const VkAllocationCallbacks *allocator, VkBuffer *buffer) {
    (void)device;
    (void)allocator;
    VkResult result = fake_next_result();
    if (result < 0) return result;
    fake_object *object = fake_new(FAKE_BUFFER);
    object->size = info->size;
    *buffer = (VkBuffer)(uintptr_t)object;
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL vkDestroyBuffer_fake(VkDevice device, VkBuffer buffer,
                                                       const VkAllocationCallbacks *allocator) {
    (void)device;
    (void)allocator;
    fake_delete((uint64_t)(uintptr_t)buffer, FAKE_BUFFER);
}

static VKAPI_ATTR void VKAPI_CALL vkGetBufferMemoryRequirements_fake(VkDevice device, VkBuffer buffer,
                                                                     VkMemoryRequirements *requirements) {
    (void)device;
    const uint32_t types = fake_snapshot()->memory.memoryTypeCount;
    requirements->size = (FAKE_OBJECT(buffer, FAKE_BUFFER)->size + 15) / 16 * 16;
    requirements->alignment = 64;
    requirements->memoryTypeBits = (1u << types) - 1;
}

static VKAPI_ATTR VkResult VKAPI_CALL vkBindBufferMemory_fake(VkDevice device, VkBuffer buffer, VkDeviceMemory memory,
                                                              VkDeviceSize offset) {
    (void)device;
    VkResult result = fake_next_result();
    if (result < 0) return result;
    fake_object *object = FAKE_OBJECT(buffer, FAKE_BUFFER);
    object->memory = FAKE_OBJECT(memory, FAKE_MEMORY);
    object->offset = offset;
    if (offset % 64 || offset + object->size > object->memory->size) abort();
    return VK_SUCCESS;
}

unsigned char *fake_buffer_bytes(VkBuffer buffer) {
    fake_object *object = FAKE_OBJECT(buffer, FAKE_BUFFER);
    return object->memory->bytes + object->offset;
}

static VKAPI_ATTR VkResult VKAPI_CALL vkCreateFence_fake(VkDevice device, const VkFenceCreateInfo *info,
                                                         const VkAllocationCallbacks *allocator, VkFence *fence) {
    (void)device;
    (void)info;
    (void)allocator;
    VkResult result = fake_next_result();
    if (result < 0) return result;
    *fence = (VkFence)(uintptr_t)fake_new(FAKE_FENCE);
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL vkDestroyFence_fake(VkDevice device, VkFence fence,
                                                      const VkAllocationCallbacks *allocator) {
    (void)device;
    (void)allocator;
    fake_delete((uint64_t)(uintptr_t)fence, FAKE_FENCE);
}

static VKAPI_ATTR VkResult VKAPI_CALL vkResetFences_fake(VkDevice device, uint32_t count, const VkFence *fences) {
    (void)device;
    VkResult result = fake_next_result();
    if (result < 0) return result;
    for (uint32_t i = 0; i < count; i++) FAKE_OBJECT(fences[i], FAKE_FENCE)->signaled = VK_FALSE;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL vkWaitForFences_fake(VkDevice device, uint32_t count, const VkFence *fences,
                                                           VkBool32 all, uint64_t timeout) {
    (void)device;
    (void)all;
    (void)timeout;
    VkResult result = fake_next_result();
    if (result < 0) return result;
    for (uint32_t i = 0; i < count; i++) {
        if (!FAKE_OBJECT(fences[i], FAKE_FENCE)->signaled) abort(); /* a wait without end */
    }
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL vkCreateQueryPool_fake(VkDevice device, const VkQueryPoolCreateInfo *info,
                                                             const VkAllocationCallbacks *allocator,
                                                             VkQueryPool *pool) {
    (void)device;
    (void)info;
    (void)allocator;
    VkResult result = fake_next_result();
    if (result < 0) return result;
    *pool = (VkQueryPool)(uintptr_t)fake_new(FAKE_QUERY_POOL);
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL vkDestroyQueryPool_fake(VkDevice device, VkQueryPool pool,
                                                          const VkAllocationCallbacks *allocator) {
    (void)device;
    (void)allocator;
    fake_delete((uint64_t)(uintptr_t)pool, FAKE_QUERY_POOL);
}

/* The first timestamp is 1000 ticks short of the counter's wrap, the second 1234 ticks later. */
static VKAPI_ATTR VkResult VKAPI_CALL vkGetQueryPoolResults_fake(VkDevice device, VkQueryPool pool, uint32_t first,
                                                                 uint32_t count, size_t size, void *data,
                                                                 VkDeviceSize stride, VkQueryResultFlags flags) {
    (void)device;
    (void)pool;
    (void)first;
    (void)stride;
    (void)flags;
    VkResult result = fake_next_result();
    if (result != VK_SUCCESS) return result;
    uint32_t bits = fake_snapshot()->queue_families[0].timestamp_valid_bits;
    uint64_t mask = bits >= 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
    const uint64_t ticks[2] = {mask - 999, 234};
    if (count != 2 || size < sizeof ticks) abort();
    memcpy(data, ticks, sizeof ticks);
    return VK_SUCCESS;
}

PFN_vkVoidFunction fake_memory_function(const char *name) {
    static const fake_function list[] = {
        FAKE_ROW(vkAllocateMemory),
        FAKE_ROW(vkFreeMemory),
        FAKE_ROW(vkMapMemory),
        FAKE_ROW(vkUnmapMemory),
        FAKE_ROW(vkFlushMappedMemoryRanges),
        FAKE_ROW(vkInvalidateMappedMemoryRanges),
        FAKE_ROW(vkCreateBuffer),
        FAKE_ROW(vkDestroyBuffer),
        FAKE_ROW(vkGetBufferMemoryRequirements),
        FAKE_ROW(vkBindBufferMemory),
        FAKE_ROW(vkCreateFence),
        FAKE_ROW(vkDestroyFence),
        FAKE_ROW(vkResetFences),
        FAKE_ROW(vkWaitForFences),
        FAKE_ROW(vkCreateQueryPool),
        FAKE_ROW(vkDestroyQueryPool),
        FAKE_ROW(vkGetQueryPoolResults),
    };
    return fake_find(list, sizeof list / sizeof *list, name);
}
