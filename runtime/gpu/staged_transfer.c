/* Copies of any length through one bounded host buffer of the device. */
#include "gpu/buffer_internal.h"

#include <string.h>

#define STAGING_BYTES ((VkDeviceSize)8 << 20)

/* With the transfer mutex held. */
static octavo_status prepare(octavo_device *device) {
    VkDeviceSize limit = device->snapshot.max_storage_buffer_range;
    octavo_status status = OCTAVO_SUCCESS;
    if (!device->staging) {
        status = octavo_gpu_buffer_create(device, limit < STAGING_BYTES ? limit : STAGING_BYTES, OCTAVO_BUFFER_HOST,
                                          "octavo staging", &device->staging);
    }
    if (status == OCTAVO_SUCCESS && !device->transfer_commands) {
        status = octavo_gpu_commands_create(device, &device->transfer_commands);
    }
    return status;
}

/* Copies [offset, offset + size) between the buffer and the start of the staging buffer, and waits. */
static octavo_status copy_piece(octavo_buffer *buffer, VkDeviceSize offset, VkDeviceSize size, VkBool32 to_buffer) {
    octavo_device *device = buffer->device;
    octavo_gpu_range there = {buffer->handle, offset, size};
    octavo_gpu_range here = {device->staging->handle, 0, size};
    VkCommandBuffer command_buffer;
    octavo_status status = octavo_gpu_commands_begin(device->transfer_commands, &command_buffer);
    if (status) return status;
    octavo_gpu_barrier(device, command_buffer);
    octavo_gpu_copy(device, command_buffer, to_buffer ? here : there, to_buffer ? there : here);
    octavo_gpu_barrier(device, command_buffer);
    return octavo_gpu_commands_submit_and_wait(device->transfer_commands, NULL);
}

octavo_status octavo_gpu_staged_write(octavo_buffer *buffer, VkDeviceSize offset, VkDeviceSize size, const void *data) {
    octavo_device *device = buffer->device;
    octavo_mutex_lock(&device->transfer_mutex);
    octavo_status status = prepare(device);
    for (VkDeviceSize done = 0; status == OCTAVO_SUCCESS && done < size;) {
        VkDeviceSize piece = size - done < device->staging->size ? size - done : device->staging->size;
        memcpy(device->staging->memory.mapped, (const char *)data + done, (size_t)piece);
        status = octavo_gpu_buffer_flush(device->staging, 0, piece);
        if (status == OCTAVO_SUCCESS) status = copy_piece(buffer, offset + done, piece, VK_TRUE);
        done += piece;
    }
    octavo_mutex_unlock(&device->transfer_mutex);
    return status;
}

octavo_status octavo_gpu_staged_read(octavo_buffer *buffer, VkDeviceSize offset, VkDeviceSize size, void *data) {
    octavo_device *device = buffer->device;
    octavo_mutex_lock(&device->transfer_mutex);
    octavo_status status = prepare(device);
    for (VkDeviceSize done = 0; status == OCTAVO_SUCCESS && done < size;) {
        VkDeviceSize piece = size - done < device->staging->size ? size - done : device->staging->size;
        status = copy_piece(buffer, offset + done, piece, VK_FALSE);
        if (status == OCTAVO_SUCCESS) status = octavo_gpu_buffer_invalidate(device->staging, 0, piece);
        if (status == OCTAVO_SUCCESS) memcpy((char *)data + done, device->staging->memory.mapped, (size_t)piece);
        done += piece;
    }
    octavo_mutex_unlock(&device->transfer_mutex);
    return status;
}
