/* What created and imported devices have in common. */
#include "gpu/device_internal.h"

#include <stdio.h>
#include <string.h>

const octavo_device_snapshot *octavo_gpu_snapshot(const octavo_device *device) {
    return &device->snapshot;
}

uint32_t octavo_gpu_capabilities(const octavo_device *device) {
    return device->plan.capabilities;
}

void *octavo_gpu_allocate(octavo_device *device, size_t size) {
    void *memory = octavo_base_allocate(&device->host, size);
    if (!memory) octavo_gpu_fail(device, OCTAVO_OUT_OF_HOST_MEMORY, "no host memory for %zu bytes", size);
    return memory;
}

void octavo_gpu_release(octavo_device *device, void *memory, size_t size) {
    octavo_base_release(&device->host, memory, size);
}

octavo_status octavo_gpu_fail(const octavo_device *device, octavo_status status, const char *format, ...) {
    va_list values;
    va_start(values, format);
    octavo_base_log_list(&device->host, OCTAVO_LOG_ERROR, format, values);
    va_end(values);
    return status;
}

void octavo_gpu_log(const octavo_device *device, octavo_log_level level, const char *format, ...) {
    va_list values;
    va_start(values, format);
    octavo_base_log_list(&device->host, level, format, values);
    va_end(values);
}

static void lock_own(void *user) {
    octavo_mutex_lock(user);
}

static void unlock_own(void *user) {
    octavo_mutex_unlock(user);
}

void octavo_gpu_queue_lock(octavo_device *device) {
    device->lock_queue(device->queue_user);
}

void octavo_gpu_queue_unlock(octavo_device *device) {
    device->unlock_queue(device->queue_user);
}

void octavo_gpu_name_object(const octavo_device *device, VkObjectType type, uint64_t handle, const char *name) {
    if (!(device->plan.capabilities & OCTAVO_CAPABILITY_DEBUG_NAMES) || !name) return;
    VkDebugUtilsObjectNameInfoEXT info = {.sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_OBJECT_NAME_INFO_EXT,
                                          .objectType = type,
                                          .objectHandle = handle,
                                          .pObjectName = name};
    device->instance.vk.vkSetDebugUtilsObjectNameEXT(device->handles.device, &info);
}

octavo_device *octavo_gpu_device_allocate(const octavo_host *host) {
    octavo_base_host base;
    octavo_base_host_init(&base, host);
    octavo_device *device = octavo_base_allocate(&base, sizeof *device);
    if (!device) {
        octavo_base_fail(&base, OCTAVO_OUT_OF_HOST_MEMORY, "no host memory for a device");
        return NULL;
    }
    device->host = base;
    return device;
}

static octavo_status make_mutexes(octavo_device *device) {
    octavo_mutex *mutexes[] = {&device->queue_mutex, &device->arena.mutex, &device->transfer_mutex,
                               &device->store_mutex};
    for (; device->mutex_count < sizeof mutexes / sizeof *mutexes; device->mutex_count++) {
        if (!octavo_mutex_init(mutexes[device->mutex_count])) {
            return octavo_gpu_fail(device, OCTAVO_OUT_OF_HOST_MEMORY, "a mutex cannot be made");
        }
    }
    return OCTAVO_SUCCESS;
}

static void destroy_mutexes(octavo_device *device) {
    octavo_mutex *mutexes[] = {&device->queue_mutex, &device->arena.mutex, &device->transfer_mutex,
                               &device->store_mutex};
    while (device->mutex_count > 0) octavo_mutex_destroy(mutexes[--device->mutex_count]);
}

/* A capability whose functions the driver does not hand out is none. */
static void drop_unloaded(octavo_device *device) {
    const struct {
        VkBool32 loaded;
        uint32_t capability;
        const char *name;
    } functions[] = {
        {device->vk.vkCmdPushDescriptorSetKHR != NULL, OCTAVO_CAPABILITY_PUSH_DESCRIPTOR, "vkCmdPushDescriptorSetKHR"},
        {device->vk.vkGetPipelineExecutablePropertiesKHR && device->vk.vkGetPipelineExecutableStatisticsKHR,
         OCTAVO_CAPABILITY_PIPELINE_STATISTICS, "vkGetPipelineExecutablePropertiesKHR"},
        {device->instance.vk.vkSetDebugUtilsObjectNameEXT != NULL, OCTAVO_CAPABILITY_DEBUG_NAMES,
         "vkSetDebugUtilsObjectNameEXT"},
    };
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (functions[i].loaded || !(device->plan.capabilities & functions[i].capability)) continue;
        octavo_gpu_log(device, OCTAVO_LOG_WARNING, "the driver lacks %s: its capability is not used",
                       functions[i].name);
        device->plan.capabilities &= ~functions[i].capability;
    }
}

static octavo_status create_set_layouts(octavo_device *device) {
    VkDescriptorSetLayoutBinding bindings[OCTAVO_GPU_BINDINGS_MAX];
    for (uint32_t i = 0; i < OCTAVO_GPU_BINDINGS_MAX; i++) {
        bindings[i] = (VkDescriptorSetLayoutBinding){.binding = i,
                                                     .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                                     .descriptorCount = 1,
                                                     .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT};
    }
    const VkBool32 push = (device->plan.capabilities & OCTAVO_CAPABILITY_PUSH_DESCRIPTOR) != 0;
    for (uint32_t n = 1; n <= OCTAVO_GPU_BINDINGS_MAX && n <= device->snapshot.max_stage_storage_buffers; n++) {
        VkDescriptorSetLayoutCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                                .flags =
                                                    push ? VK_DESCRIPTOR_SET_LAYOUT_CREATE_PUSH_DESCRIPTOR_BIT_KHR : 0,
                                                .bindingCount = n,
                                                .pBindings = bindings};
        VkResult result =
            device->vk.vkCreateDescriptorSetLayout(device->handles.device, &info, NULL, &device->set_layouts[n]);
        if (result < 0) {
            device->set_layouts[n] = VK_NULL_HANDLE;
            return octavo_gpu_result(device, result, "vkCreateDescriptorSetLayout");
        }
    }
    return OCTAVO_SUCCESS;
}

octavo_status octavo_gpu_device_start(octavo_device *device, const octavo_pipeline_store *store,
                                      VkDeviceSize allocation_block_bytes) {
    const char *missing =
        octavo_gpu_load_device(&device->vk, device->instance.vk.vkGetDeviceProcAddr, device->handles.device);
    if (missing) return octavo_gpu_fail(device, OCTAVO_DRIVER_ERROR, "the device does not know %s", missing);
    octavo_gpu_arena_init(&device->arena, &device->host, &device->snapshot, &device->vk, device->handles.device,
                          allocation_block_bytes);
    octavo_status status = make_mutexes(device);
    if (status) return status;
    if (!device->lock_queue) {
        device->lock_queue = lock_own;
        device->unlock_queue = unlock_own;
        device->queue_user = &device->queue_mutex;
    }
    if (store && store->get && store->set) {
        device->store = *store;
        device->has_store = VK_TRUE;
    }
    drop_unloaded(device);
    status = create_set_layouts(device);
    if (status) return status;
    octavo_gpu_log(device, OCTAVO_LOG_INFO, "%s (%s), Vulkan %u.%u, capabilities 0x%02x, subgroup size %u",
                   device->snapshot.name, device->snapshot.driver,
                   (unsigned)VK_API_VERSION_MAJOR(device->snapshot.api_version),
                   (unsigned)VK_API_VERSION_MINOR(device->snapshot.api_version), (unsigned)device->plan.capabilities,
                   (unsigned)device->snapshot.subgroup_size);
    return OCTAVO_SUCCESS;
}

void octavo_gpu_device_destroy(octavo_device *device) {
    if (!device) return;
    const VkDevice handle = device->handles.device;
    octavo_gpu_commands_destroy(device->transfer_commands);
    octavo_gpu_buffer_destroy(device->staging);
    for (uint32_t n = 1; n <= OCTAVO_GPU_BINDINGS_MAX; n++) {
        if (device->set_layouts[n]) device->vk.vkDestroyDescriptorSetLayout(handle, device->set_layouts[n], NULL);
    }
    octavo_gpu_arena_finish(&device->arena);
    destroy_mutexes(device);
    if (device->owns_handles) {
        if (handle && device->vk.vkDestroyDevice) device->vk.vkDestroyDevice(handle, NULL);
        octavo_gpu_instance_destroy(&device->instance);
    }
    const octavo_base_host host = device->host;
    octavo_base_release(&host, device, sizeof *device);
}

void octavo_gpu_fill_description(const octavo_device_snapshot *snapshot, const octavo_device_plan *plan,
                                 octavo_device_description *description) {
    memset(description, 0, sizeof *description);
    snprintf(description->name, sizeof description->name, "%s", snapshot->name);
    snprintf(description->driver, sizeof description->driver, "%s", snapshot->driver);
    description->api_version = snapshot->api_version;
    description->vendor_id = snapshot->vendor_id;
    description->device_id = snapshot->device_id;
    memcpy(description->device_uuid, snapshot->device_uuid, sizeof description->device_uuid);
    memcpy(description->driver_uuid, snapshot->driver_uuid, sizeof description->driver_uuid);
    description->type = snapshot->type;
    description->capabilities = plan->capabilities;
    description->subgroup_size = snapshot->subgroup_size;
    description->shared_memory_bytes = snapshot->max_compute_shared_memory_size;
    description->device_memory_bytes = octavo_gpu_device_memory_bytes(snapshot);
    description->usable = plan->usable;
    snprintf(description->reason, sizeof description->reason, "%s", plan->reason);
}

void octavo_gpu_device_describe(const octavo_device *device, octavo_device_description *description) {
    octavo_gpu_fill_description(&device->snapshot, &device->plan, description);
}

void octavo_gpu_device_handles(const octavo_device *device, octavo_vulkan_handles *handles) {
    *handles = device->handles;
}
