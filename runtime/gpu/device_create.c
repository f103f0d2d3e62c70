#include "gpu/device_internal.h"

#include "gpu/features_chain.h"
#include "gpu/snapshot_query.h"

/* snapshot is large: kept on the heap with its plan. */
typedef struct candidate {
    octavo_device_snapshot snapshot;
    octavo_device_plan plan;
} candidate;

static octavo_status examine(const octavo_base_host *host, const octavo_gpu_instance *instance,
                             VkPhysicalDevice physical_device, uint32_t hidden_capabilities, candidate *result) {
    octavo_device_plan_options options = {.hidden_capabilities = hidden_capabilities,
                                          .debug_utils = instance->debug_utils};
    octavo_status status =
        octavo_gpu_snapshot_query(host, &instance->vk, physical_device, instance->api_version, &result->snapshot);
    if (status == OCTAVO_SUCCESS) octavo_gpu_plan_device(&result->snapshot, &options, &result->plan);
    return status;
}

octavo_status octavo_gpu_enumerate(const octavo_device_create_info *info, uint32_t *count,
                                   octavo_device_description *descriptions) {
    const uint32_t capacity = descriptions ? *count : 0;
    *count = 0;
    octavo_base_host host;
    octavo_base_host_init(&host, &info->host);
    octavo_gpu_instance instance;
    octavo_status status = octavo_gpu_instance_create(&host, info->get_instance_proc_addr, info->validation, &instance);
    if (status) return status;
    candidate *one = octavo_base_allocate(&host, sizeof *one);
    if (!one) {
        status = octavo_base_fail(&host, OCTAVO_OUT_OF_HOST_MEMORY, "no host memory to describe devices");
        goto done;
    }
    octavo_gpu_physical_devices devices;
    status = octavo_gpu_list_physical_devices(&host, &instance, &devices);
    if (status) goto done;
    for (uint32_t i = 0; i < devices.count && i < capacity && status == OCTAVO_SUCCESS; i++) {
        status = examine(&host, &instance, devices.list[i], info->hidden_capabilities, one);
        if (status == OCTAVO_SUCCESS) octavo_gpu_fill_description(&one->snapshot, &one->plan, &descriptions[i]);
    }
    if (status == OCTAVO_SUCCESS) *count = devices.count;
done:
    octavo_base_release(&host, one, sizeof *one);
    octavo_gpu_instance_destroy(&instance);
    return status;
}

static octavo_status choose_best(octavo_device *device, const octavo_gpu_physical_devices *devices,
                                 uint32_t hidden_capabilities) {
    candidate *one = octavo_gpu_allocate(device, sizeof *one);
    if (!one) return OCTAVO_OUT_OF_HOST_MEMORY;
    VkBool32 found = VK_FALSE;
    for (uint32_t i = 0; i < devices->count; i++) {
        octavo_status status = examine(&device->host, &device->instance, devices->list[i], hidden_capabilities, one);
        if (status || !one->plan.usable) {
            octavo_gpu_log(device, OCTAVO_LOG_WARNING, "device %u (%s) is not usable: %s", (unsigned)i,
                           one->snapshot.name, status ? "it cannot be read" : one->plan.reason);
            continue;
        }
        if (found && !octavo_gpu_prefer(&one->snapshot, &device->snapshot)) continue;
        found = VK_TRUE;
        device->snapshot = one->snapshot;
        device->plan = one->plan;
        device->handles.physical_device = devices->list[i];
    }
    octavo_gpu_release(device, one, sizeof *one);
    if (found) return OCTAVO_SUCCESS;
    return octavo_gpu_fail(device, OCTAVO_NO_DEVICE, "none of %u Vulkan devices is usable", (unsigned)devices->count);
}

static octavo_status choose_index(octavo_device *device, const octavo_gpu_physical_devices *devices, uint32_t index,
                                  uint32_t hidden_capabilities) {
    if (index >= devices->count) {
        return octavo_gpu_fail(device, OCTAVO_NO_DEVICE, "device_index is %u, there are %u Vulkan devices",
                               (unsigned)index, (unsigned)devices->count);
    }
    candidate *one = octavo_gpu_allocate(device, sizeof *one);
    if (!one) return OCTAVO_OUT_OF_HOST_MEMORY;
    octavo_status status = examine(&device->host, &device->instance, devices->list[index], hidden_capabilities, one);
    if (status == OCTAVO_SUCCESS && !one->plan.usable) {
        status = octavo_gpu_fail(device, OCTAVO_NO_DEVICE, "device %u (%s) is not usable: %s", (unsigned)index,
                                 one->snapshot.name, one->plan.reason);
    }
    device->snapshot = one->snapshot;
    device->plan = one->plan;
    device->handles.physical_device = devices->list[index];
    octavo_gpu_release(device, one, sizeof *one);
    return status;
}

static octavo_status create_handle(octavo_device *device) {
    const octavo_device_plan *plan = &device->plan;
    octavo_gpu_feature_chain features;
    octavo_gpu_feature_chain_init(&features, device->snapshot.api_version, plan->extensions);
    octavo_gpu_features_set(&features.core, &plan->features);
    const char *extensions[OCTAVO_GPU_EXTENSION_COUNT];
    uint32_t extension_count = 0;
    for (uint32_t i = 0; i < OCTAVO_GPU_EXTENSION_COUNT; i++) {
        if (plan->extensions & 1u << i) extensions[extension_count++] = octavo_gpu_extension_list[i].name;
    }
    const float priority = 1.0f;
    VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                     .queueFamilyIndex = plan->queue_family_index,
                                     .queueCount = 1,
                                     .pQueuePriorities = &priority};
    VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                               .pNext = &features.core,
                               .queueCreateInfoCount = 1,
                               .pQueueCreateInfos = &queue,
                               .enabledExtensionCount = extension_count,
                               .ppEnabledExtensionNames = extensions};
    VkResult result =
        device->instance.vk.vkCreateDevice(device->handles.physical_device, &info, NULL, &device->handles.device);
    if (result < 0) device->handles.device = VK_NULL_HANDLE;
    return octavo_gpu_result(device, result, "vkCreateDevice");
}

octavo_status octavo_gpu_device_create(const octavo_device_create_info *info, octavo_device **result) {
    *result = NULL;
    octavo_device *device = octavo_gpu_device_allocate(&info->host);
    if (!device) return OCTAVO_OUT_OF_HOST_MEMORY;
    device->owns_handles = VK_TRUE;
    device->handles.get_instance_proc_addr = info->get_instance_proc_addr;
    octavo_status status =
        octavo_gpu_instance_create(&device->host, info->get_instance_proc_addr, info->validation, &device->instance);
    if (status) goto failed;
    device->handles.instance = device->instance.handle;
    octavo_gpu_physical_devices devices;
    status = octavo_gpu_list_physical_devices(&device->host, &device->instance, &devices);
    if (status) goto failed;
    if (info->device_index == OCTAVO_DEVICE_BEST) {
        status = choose_best(device, &devices, info->hidden_capabilities);
    } else {
        status = choose_index(device, &devices, info->device_index, info->hidden_capabilities);
    }
    if (status) goto failed;
    status = create_handle(device);
    if (status) goto failed;
    status = octavo_gpu_device_start(device, info->pipeline_store, info->allocation_block_bytes);
    if (status) goto failed;
    device->handles.queue_family_index = device->plan.queue_family_index;
    device->vk.vkGetDeviceQueue(device->handles.device, device->plan.queue_family_index, 0, &device->handles.queue);
    *result = device;
    return OCTAVO_SUCCESS;
failed:
    octavo_gpu_device_destroy(device);
    return status;
}
