/* The insides of octavo_device, for the files of gpu/ only. */
#ifndef OCTAVO_DEVICE_INTERNAL_H
#define OCTAVO_DEVICE_INTERNAL_H

#include "base/log_line.h"
#include "base/mutex.h"
#include "gpu/device_plan.h"
#include "gpu/gpu.h"
#include "gpu/instance.h"
#include "gpu/memory_arena.h"

struct octavo_device {
    octavo_base_host host;
    octavo_vulkan_handles handles;
    VkBool32 owns_handles;        /* created here, not imported */
    octavo_gpu_instance instance; /* of an imported device: its functions only */
    octavo_gpu_device_table vk;
    octavo_device_snapshot snapshot;
    octavo_device_plan plan;

    octavo_mutex queue_mutex; /* of a created device, or of an imported one without callbacks */
    void (*lock_queue)(void *user);
    void (*unlock_queue)(void *user);
    void *queue_user;

    octavo_gpu_arena arena;
    VkDescriptorSetLayout set_layouts[OCTAVO_GPU_BINDINGS_MAX + 1]; /* by number of bindings, from 1 */

    octavo_mutex transfer_mutex; /* guards the two below, which are made at the first staged transfer */
    octavo_commands *transfer_commands;
    octavo_buffer *staging;

    octavo_pipeline_store store;
    VkBool32 has_store;
    octavo_mutex store_mutex;
    uint32_t mutex_count; /* of queue, arena, transfer, store: how many were made */
};

/* Memory, mutexes and tables of a device whose handles, snapshot and plan are set. */
octavo_status octavo_gpu_device_start(octavo_device *device, const octavo_pipeline_store *store,
                                      VkDeviceSize allocation_block_bytes);
/* A zeroed device with the caller's host; NULL without memory. */
octavo_device *octavo_gpu_device_allocate(const octavo_host *host);
void octavo_gpu_fill_description(const octavo_device_snapshot *snapshot, const octavo_device_plan *plan,
                                 octavo_device_description *description);

void octavo_gpu_queue_lock(octavo_device *device);
void octavo_gpu_queue_unlock(octavo_device *device);

/* The status of a VkResult; not a success is logged with the name of the call. */
octavo_status octavo_gpu_result(const octavo_device *device, VkResult result, const char *call);
octavo_status octavo_gpu_status_of(VkResult result);

/* No-op without VK_EXT_debug_utils. */
void octavo_gpu_name_object(const octavo_device *device, VkObjectType type, uint64_t handle, const char *name);
/* Non-dispatchable handles are pointers on 64-bit machines and integers elsewhere. */
#define OCTAVO_GPU_HANDLE_BITS(handle) ((uint64_t)(handle))

#endif
