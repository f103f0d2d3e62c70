/* The insides of octavo_frame, for the files of gpu/ only. */
#ifndef OCTAVO_FRAME_INTERNAL_H
#define OCTAVO_FRAME_INTERNAL_H

#include "gpu/buffer_internal.h"

struct octavo_frame {
    octavo_device *device;
    octavo_buffer *metadata;
    VkDeviceSize used;     /* bytes of metadata handed out, a multiple of 256 */
    VkDescriptorPool pool; /* VK_NULL_HANDLE with push descriptors */
    uint32_t set_capacity, sets_used;
    const void *mark_owner; /* of the last mark since the reset */
    uint64_t mark;
};

#endif
