#include "gpu/device_internal.h"

#include "gpu/features_chain.h"
#include "gpu/snapshot_query.h"

/* What the application has not enabled does not exist. */
static void keep_enabled(octavo_device_snapshot *snapshot, const octavo_device_import_info *info) {
    uint32_t enabled = 0;
    for (uint32_t i = 0; i < info->enabled_extension_count; i++) {
        if (info->enabled_extensions[i]) enabled |= octavo_gpu_extension_bit(info->enabled_extensions[i]);
    }
    snapshot->extensions &= enabled;
    /* A feature that is enabled is supported: vkCreateDevice has checked that. */
    snapshot->features = octavo_gpu_features_read(info->enabled_features);
    if (!snapshot->features.cooperative_matrix) snapshot->matrix_shape_count = 0;
}

octavo_status octavo_gpu_device_import(const octavo_device_import_info *info, octavo_device **result) {
    *result = NULL;
    octavo_device *device = octavo_gpu_device_allocate(&info->host);
    if (!device) return OCTAVO_OUT_OF_HOST_MEMORY;
    device->handles = (octavo_vulkan_handles){.instance = info->instance,
                                              .physical_device = info->physical_device,
                                              .device = info->device,
                                              .queue = info->queue,
                                              .queue_family_index = info->queue_family_index,
                                              .get_instance_proc_addr = info->get_instance_proc_addr};
    device->lock_queue = info->lock_queue;
    device->unlock_queue = info->unlock_queue;
    device->queue_user = info->queue_user;
    octavo_status status;
    const char *missing = octavo_gpu_load_instance(&device->instance.vk, info->get_instance_proc_addr, info->instance);
    if (missing) {
        status = octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "get_instance_proc_addr does not know %s", missing);
        goto failed;
    }
    device->instance.handle = info->instance;
    device->instance.api_version = info->instance_api_version;
    device->instance.debug_utils = device->instance.vk.vkSetDebugUtilsObjectNameEXT != NULL;
    status = octavo_gpu_snapshot_query(&device->host, &device->instance.vk, info->physical_device,
                                       info->instance_api_version, &device->snapshot);
    if (status) goto failed;
    keep_enabled(&device->snapshot, info);
    octavo_device_plan_options options = {.hidden_capabilities = info->hidden_capabilities,
                                          .debug_utils = device->instance.debug_utils,
                                          .imported = VK_TRUE,
                                          .queue_family_index = info->queue_family_index};
    octavo_gpu_plan_device(&device->snapshot, &options, &device->plan);
    if (!device->plan.usable) {
        status = octavo_gpu_fail(device, OCTAVO_NO_DEVICE, "%s is not usable: %s", device->snapshot.name,
                                 device->plan.reason);
        goto failed;
    }
    status = octavo_gpu_device_start(device, info->pipeline_store, info->allocation_block_bytes);
    if (status) goto failed;
    *result = device;
    return OCTAVO_SUCCESS;
failed:
    octavo_gpu_device_destroy(device);
    return status;
}
