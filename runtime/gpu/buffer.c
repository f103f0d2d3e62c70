#include "gpu/buffer_internal.h"

#include <string.h>

octavo_status octavo_gpu_buffer_create_for(octavo_device *device, VkDeviceSize size, octavo_gpu_memory_use use,
                                           const char *debug_name, octavo_buffer **result) {
    *result = NULL;
    if (size == 0 || size > device->snapshot.max_storage_buffer_range) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT,
                               "size of buffer %s is %llu, the limit is 1 .. %llu (maxStorageBufferRange)", debug_name,
                               (unsigned long long)size, (unsigned long long)device->snapshot.max_storage_buffer_range);
    }
    octavo_buffer *buffer = octavo_gpu_allocate(device, sizeof *buffer);
    if (!buffer) return OCTAVO_OUT_OF_HOST_MEMORY;
    buffer->device = device;
    buffer->size = size;
    VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                               .size = size,
                               .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                                        VK_BUFFER_USAGE_TRANSFER_DST_BIT,
                               .sharingMode = VK_SHARING_MODE_EXCLUSIVE};
    VkResult vk_result = device->vk.vkCreateBuffer(device->handles.device, &info, NULL, &buffer->handle);
    if (vk_result < 0) buffer->handle = VK_NULL_HANDLE;
    octavo_status status = octavo_gpu_result(device, vk_result, "vkCreateBuffer");
    if (status) goto failed;
    VkMemoryRequirements requirements;
    device->vk.vkGetBufferMemoryRequirements(device->handles.device, buffer->handle, &requirements);
    status = octavo_gpu_arena_allocate(&device->arena, &requirements, use, buffer->handle, &buffer->memory);
    if (status) goto failed;
    vk_result = device->vk.vkBindBufferMemory(device->handles.device, buffer->handle, buffer->memory.block->memory,
                                              buffer->memory.offset);
    status = octavo_gpu_result(device, vk_result, "vkBindBufferMemory");
    if (status) goto failed;
    octavo_gpu_name_object(device, VK_OBJECT_TYPE_BUFFER, OCTAVO_GPU_HANDLE_BITS(buffer->handle), debug_name);
    *result = buffer;
    return OCTAVO_SUCCESS;
failed:
    octavo_gpu_buffer_destroy(buffer);
    return status;
}

octavo_status octavo_gpu_buffer_create(octavo_device *device, VkDeviceSize size, octavo_buffer_kind kind,
                                       const char *debug_name, octavo_buffer **buffer) {
    octavo_gpu_memory_use use = kind == OCTAVO_BUFFER_HOST ? OCTAVO_GPU_MEMORY_HOST : OCTAVO_GPU_MEMORY_DEVICE;
    return octavo_gpu_buffer_create_for(device, size, use, debug_name, buffer);
}

void octavo_gpu_buffer_destroy(octavo_buffer *buffer) {
    if (!buffer) return;
    octavo_device *device = buffer->device;
    if (buffer->handle) device->vk.vkDestroyBuffer(device->handles.device, buffer->handle, NULL);
    octavo_gpu_arena_release(&device->arena, &buffer->memory);
    octavo_gpu_release(device, buffer, sizeof *buffer);
}

VkBuffer octavo_gpu_buffer_handle(const octavo_buffer *buffer) {
    return buffer->handle;
}

VkDeviceSize octavo_gpu_buffer_size(const octavo_buffer *buffer) {
    return buffer->size;
}

octavo_gpu_range octavo_gpu_buffer_range(const octavo_buffer *buffer) {
    return (octavo_gpu_range){buffer->handle, 0, buffer->size};
}

octavo_device *octavo_gpu_buffer_device(const octavo_buffer *buffer) {
    return buffer->device;
}

void *octavo_gpu_buffer_mapped(const octavo_buffer *buffer) {
    return buffer->memory.mapped;
}

static VkBool32 needs_no_flush(const octavo_buffer *buffer, VkDeviceSize size) {
    return size == 0 || !buffer->memory.mapped || (buffer->memory.flags & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT);
}

octavo_status octavo_gpu_buffer_flush(octavo_buffer *buffer, VkDeviceSize offset, VkDeviceSize size) {
    if (needs_no_flush(buffer, size)) return OCTAVO_SUCCESS;
    octavo_device *device = buffer->device;
    VkMappedMemoryRange range = octavo_gpu_mapped_range(&device->arena, &buffer->memory, offset, size);
    return octavo_gpu_result(device, device->vk.vkFlushMappedMemoryRanges(device->handles.device, 1, &range),
                             "vkFlushMappedMemoryRanges");
}

octavo_status octavo_gpu_buffer_invalidate(octavo_buffer *buffer, VkDeviceSize offset, VkDeviceSize size) {
    if (needs_no_flush(buffer, size)) return OCTAVO_SUCCESS;
    octavo_device *device = buffer->device;
    VkMappedMemoryRange range = octavo_gpu_mapped_range(&device->arena, &buffer->memory, offset, size);
    return octavo_gpu_result(device, device->vk.vkInvalidateMappedMemoryRanges(device->handles.device, 1, &range),
                             "vkInvalidateMappedMemoryRanges");
}

octavo_status octavo_gpu_buffer_write(octavo_buffer *buffer, VkDeviceSize offset, VkDeviceSize size, const void *data) {
    if (size == 0) return OCTAVO_SUCCESS;
    if (!buffer->memory.mapped) return octavo_gpu_staged_write(buffer, offset, size, data);
    memcpy((char *)buffer->memory.mapped + offset, data, (size_t)size);
    return octavo_gpu_buffer_flush(buffer, offset, size);
}

octavo_status octavo_gpu_buffer_read(octavo_buffer *buffer, VkDeviceSize offset, VkDeviceSize size, void *data) {
    if (size == 0) return OCTAVO_SUCCESS;
    if (!buffer->memory.mapped) return octavo_gpu_staged_read(buffer, offset, size, data);
    octavo_status status = octavo_gpu_buffer_invalidate(buffer, offset, size);
    if (status == OCTAVO_SUCCESS) memcpy(data, (const char *)buffer->memory.mapped + offset, (size_t)size);
    return status;
}
