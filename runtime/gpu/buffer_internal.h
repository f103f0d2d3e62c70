/* The insides of octavo_buffer, for the files of gpu/ only. */
#ifndef OCTAVO_BUFFER_INTERNAL_H
#define OCTAVO_BUFFER_INTERNAL_H

#include "gpu/device_internal.h"

struct octavo_buffer {
    octavo_device *device;
    VkBuffer handle;
    VkDeviceSize size;
    octavo_gpu_memory memory;
};

octavo_status octavo_gpu_buffer_create_for(octavo_device *device, VkDeviceSize size, octavo_gpu_memory_use use,
                                           const char *debug_name, octavo_buffer **buffer);
/* Makes what the GPU wrote to [offset, offset + size) visible to the host. */
octavo_status octavo_gpu_buffer_invalidate(octavo_buffer *buffer, VkDeviceSize offset, VkDeviceSize size);

/* Transfers through the device's staging buffer, for buffers that the host cannot map. */
octavo_status octavo_gpu_staged_write(octavo_buffer *buffer, VkDeviceSize offset, VkDeviceSize size, const void *data);
octavo_status octavo_gpu_staged_read(octavo_buffer *buffer, VkDeviceSize offset, VkDeviceSize size, void *data);

#endif
