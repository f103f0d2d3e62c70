#include "gpu/frame_internal.h"

#define PIECE_ALIGNMENT ((VkDeviceSize)256) /* at least minStorageBufferOffsetAlignment: the plan checks */
#define DEFAULT_METADATA_BYTES ((VkDeviceSize)1 << 20)
enum { MIN_SETS = 256, MAX_SETS = 65536 };

static VkDeviceSize round_to_piece(VkDeviceSize bytes) {
    return (bytes + PIECE_ALIGNMENT - 1) & ~(PIECE_ALIGNMENT - 1);
}

static octavo_status create_pool(octavo_frame *frame) {
    octavo_device *device = frame->device;
    if (device->plan.capabilities & OCTAVO_CAPABILITY_PUSH_DESCRIPTOR) {
        frame->set_capacity = UINT32_MAX;
        return OCTAVO_SUCCESS;
    }
    /* A dispatch with a set of its own seldom takes less than one piece of metadata. */
    VkDeviceSize sets = frame->metadata->size / PIECE_ALIGNMENT;
    frame->set_capacity = sets < MIN_SETS ? MIN_SETS : sets > MAX_SETS ? MAX_SETS : (uint32_t)sets;
    VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, frame->set_capacity * OCTAVO_GPU_BINDINGS_MAX};
    VkDescriptorPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
                                       .maxSets = frame->set_capacity,
                                       .poolSizeCount = 1,
                                       .pPoolSizes = &size};
    VkResult result = device->vk.vkCreateDescriptorPool(device->handles.device, &info, NULL, &frame->pool);
    if (result < 0) frame->pool = VK_NULL_HANDLE;
    return octavo_gpu_result(device, result, "vkCreateDescriptorPool");
}

octavo_status octavo_gpu_frame_create(octavo_device *device, VkDeviceSize metadata_bytes, octavo_frame **result) {
    *result = NULL;
    octavo_frame *frame = octavo_gpu_allocate(device, sizeof *frame);
    if (!frame) return OCTAVO_OUT_OF_HOST_MEMORY;
    frame->device = device;
    VkDeviceSize bytes = metadata_bytes ? metadata_bytes : DEFAULT_METADATA_BYTES;
    if (bytes <= device->snapshot.max_storage_buffer_range) bytes = round_to_piece(bytes);
    octavo_status status =
        octavo_gpu_buffer_create_for(device, bytes, OCTAVO_GPU_MEMORY_UPLOAD, "octavo frame", &frame->metadata);
    if (status == OCTAVO_SUCCESS) status = create_pool(frame);
    if (status) {
        octavo_gpu_frame_destroy(frame);
        return status;
    }
    *result = frame;
    return OCTAVO_SUCCESS;
}

void octavo_gpu_frame_destroy(octavo_frame *frame) {
    if (!frame) return;
    octavo_device *device = frame->device;
    if (frame->pool) device->vk.vkDestroyDescriptorPool(device->handles.device, frame->pool, NULL);
    octavo_gpu_buffer_destroy(frame->metadata);
    octavo_gpu_release(device, frame, sizeof *frame);
}

octavo_status octavo_gpu_frame_reset(octavo_frame *frame) {
    octavo_device *device = frame->device;
    if (frame->pool && frame->sets_used) {
        octavo_status status = octavo_gpu_result(
            device, device->vk.vkResetDescriptorPool(device->handles.device, frame->pool, 0), "vkResetDescriptorPool");
        if (status) return status;
    }
    frame->used = 0;
    frame->sets_used = 0;
    frame->mark_owner = NULL;
    return OCTAVO_SUCCESS;
}

void octavo_gpu_frame_mark(octavo_frame *frame, const void *owner, uint64_t number) {
    frame->mark_owner = owner;
    frame->mark = number;
}

bool octavo_gpu_frame_has_mark(const octavo_frame *frame, const void *owner, uint64_t number) {
    return frame->mark_owner == owner && frame->mark == number;
}

octavo_device *octavo_gpu_frame_device(const octavo_frame *frame) {
    return frame->device;
}

octavo_status octavo_gpu_frame_reserve(octavo_frame *frame, VkDeviceSize bytes, uint32_t sets) {
    VkDeviceSize left = frame->metadata->size - frame->used;
    if (bytes > left) {
        return octavo_gpu_fail(
            frame->device, OCTAVO_FRAME_FULL, "the frame has %llu of %llu metadata bytes left, %llu are needed",
            (unsigned long long)left, (unsigned long long)frame->metadata->size, (unsigned long long)bytes);
    }
    if (sets > frame->set_capacity - frame->sets_used) {
        return octavo_gpu_fail(
            frame->device, OCTAVO_FRAME_FULL, "the frame has %u of %u descriptor sets left, %u are needed",
            (unsigned)(frame->set_capacity - frame->sets_used), (unsigned)frame->set_capacity, (unsigned)sets);
    }
    return OCTAVO_SUCCESS;
}

octavo_status octavo_gpu_frame_allocate(octavo_frame *frame, VkDeviceSize bytes, void **host, octavo_gpu_range *range) {
    octavo_status status = octavo_gpu_frame_reserve(frame, bytes, 0);
    if (status) return status;
    *host = (char *)frame->metadata->memory.mapped + frame->used;
    *range = (octavo_gpu_range){frame->metadata->handle, frame->used, bytes};
    frame->used += round_to_piece(bytes);
    if (frame->used > frame->metadata->size) frame->used = frame->metadata->size;
    return OCTAVO_SUCCESS;
}

octavo_status octavo_gpu_frame_flush(octavo_frame *frame, const octavo_gpu_range *range) {
    return octavo_gpu_buffer_flush(frame->metadata, range->offset, range->size);
}
