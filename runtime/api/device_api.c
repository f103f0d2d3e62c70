/* octavo/device.h: argument checks, then the gpu layer. */
#include "base/log_line.h"
#include "gpu/features_chain.h"
#include "gpu/gpu.h"

/* Checks an info structure that has begun with struct_size, host, get_instance_proc_addr. */
static octavo_status check_start(const octavo_host *host, size_t given, size_t known, const char *name,
                                 PFN_vkGetInstanceProcAddr get) {
    octavo_base_host base;
    if (given != known) return OCTAVO_INVALID_ARGUMENT; /* what follows cannot be trusted, not even the log */
    octavo_base_host_init(&base, host);
    if (host->allocator && (!host->allocator->allocate || !host->allocator->release)) {
        return octavo_base_fail(&base, OCTAVO_INVALID_ARGUMENT, "%s.host.allocator lacks allocate or release", name);
    }
    if (!get) {
        return octavo_base_fail(&base, OCTAVO_INVALID_ARGUMENT, "%s.get_instance_proc_addr is NULL", name);
    }
    return OCTAVO_SUCCESS;
}

static octavo_status check_store(const octavo_host *host, const octavo_pipeline_store *store, const char *name) {
    if (!store || (store->get && store->set)) return OCTAVO_SUCCESS;
    octavo_base_host base;
    octavo_base_host_init(&base, host);
    return octavo_base_fail(&base, OCTAVO_INVALID_ARGUMENT, "%s.pipeline_store lacks get or set", name);
}

static octavo_status check_create_info(const octavo_device_create_info *info) {
    if (!info) return OCTAVO_INVALID_ARGUMENT;
    const char *name = "octavo_device_create_info";
    octavo_status status =
        check_start(&info->host, info->struct_size, sizeof *info, name, info->get_instance_proc_addr);
    return status ? status : check_store(&info->host, info->pipeline_store, name);
}

octavo_status octavo_enumerate_devices(const octavo_device_create_info *info, uint32_t *count,
                                       octavo_device_description *descriptions) {
    octavo_status status = check_create_info(info);
    if (status) return status;
    if (!count) {
        octavo_base_host base;
        octavo_base_host_init(&base, &info->host);
        return octavo_base_fail(&base, OCTAVO_INVALID_ARGUMENT, "octavo_enumerate_devices: count is NULL");
    }
    return octavo_gpu_enumerate(info, count, descriptions);
}

/* Where a device goes; asked last, when the info that leads to the log is known to be good. */
static octavo_status check_result(const octavo_host *host, octavo_device **device, const char *call) {
    if (device) return OCTAVO_SUCCESS;
    octavo_base_host base;
    octavo_base_host_init(&base, host);
    return octavo_base_fail(&base, OCTAVO_INVALID_ARGUMENT, "%s: device is NULL", call);
}

octavo_status octavo_device_create(const octavo_device_create_info *info, octavo_device **device) {
    if (device) *device = NULL;
    octavo_status status = check_create_info(info);
    if (status == OCTAVO_SUCCESS) status = check_result(&info->host, device, "octavo_device_create");
    return status ? status : octavo_gpu_device_create(info, device);
}

static octavo_status check_import_info(const octavo_device_import_info *info) {
    if (!info) return OCTAVO_INVALID_ARGUMENT;
    const char *name = "octavo_device_import_info";
    octavo_status status =
        check_start(&info->host, info->struct_size, sizeof *info, name, info->get_instance_proc_addr);
    if (status == OCTAVO_SUCCESS) status = check_store(&info->host, info->pipeline_store, name);
    if (status) return status;
    octavo_base_host base;
    octavo_base_host_init(&base, &info->host);
    const struct {
        VkBool32 wrong;
        const char *text;
    } rules[] = {
        {!info->instance, "instance is VK_NULL_HANDLE"},
        {!info->physical_device, "physical_device is VK_NULL_HANDLE"},
        {!info->device, "device is VK_NULL_HANDLE"},
        {!info->queue, "queue is VK_NULL_HANDLE"},
        {info->enabled_extension_count > 0 && !info->enabled_extensions,
         "enabled_extension_count is not 0, but enabled_extensions is NULL"},
        {!info->lock_queue != !info->unlock_queue, "lock_queue and unlock_queue come together or not at all"},
        {info->enabled_features && info->enabled_features->sType != VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
         "enabled_features does not begin with VkPhysicalDeviceFeatures2"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (rules[i].wrong) {
            return octavo_base_fail(&base, OCTAVO_INVALID_ARGUMENT, "octavo_device_import_info: %s", rules[i].text);
        }
    }
    if (info->instance_api_version < VK_API_VERSION_1_1) {
        return octavo_base_fail(&base, OCTAVO_INVALID_ARGUMENT,
                                "octavo_device_import_info.instance_api_version is %u.%u, at least 1.1 is needed",
                                (unsigned)VK_API_VERSION_MAJOR(info->instance_api_version),
                                (unsigned)VK_API_VERSION_MINOR(info->instance_api_version));
    }
    return OCTAVO_SUCCESS;
}

octavo_status octavo_device_import(const octavo_device_import_info *info, octavo_device **device) {
    if (device) *device = NULL;
    octavo_status status = check_import_info(info);
    if (status == OCTAVO_SUCCESS) status = check_result(&info->host, device, "octavo_device_import");
    return status ? status : octavo_gpu_device_import(info, device);
}

void octavo_device_destroy(octavo_device *device) {
    octavo_gpu_device_destroy(device);
}

void octavo_device_describe(const octavo_device *device, octavo_device_description *description) {
    if (device && description) octavo_gpu_device_describe(device, description);
}

void octavo_device_get_handles(const octavo_device *device, octavo_vulkan_handles *handles) {
    if (device && handles) octavo_gpu_device_handles(device, handles);
}

#define NAME_IF_ENABLED_1(text) text,
#define NAME_IF_ENABLED_0(text)
#define NAME_IF_ENABLED(bit, text, core, enable) NAME_IF_ENABLED_##enable(text)
static const char *const recommended_extensions[] = {OCTAVO_GPU_EXTENSIONS(NAME_IF_ENABLED) NULL};
static const char *const required_extensions[] = {NULL};

const char *const *octavo_recommended_device_extensions(uint32_t *count) {
    if (count) *count = sizeof recommended_extensions / sizeof *recommended_extensions - 1;
    return recommended_extensions;
}

const char *const *octavo_required_device_extensions(uint32_t *count) {
    if (count) *count = 0;
    return required_extensions;
}

void octavo_recommend_features(const VkPhysicalDeviceFeatures2 *supported, VkPhysicalDeviceFeatures2 *enable) {
    if (supported && enable) octavo_gpu_recommend_features(supported, enable);
}

octavo_status octavo_buffer_create(octavo_device *device, VkDeviceSize size, octavo_buffer_kind kind,
                                   octavo_buffer **buffer) {
    if (!device) return OCTAVO_INVALID_ARGUMENT;
    if (!buffer) return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "octavo_buffer_create: buffer is NULL");
    *buffer = NULL;
    if (kind != OCTAVO_BUFFER_DEVICE && kind != OCTAVO_BUFFER_HOST) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "octavo_buffer_create: kind is %d, it is 0 or 1",
                               (int)kind);
    }
    return octavo_gpu_buffer_create(device, size, kind, "octavo_buffer", buffer);
}

void octavo_buffer_destroy(octavo_buffer *buffer) {
    octavo_gpu_buffer_destroy(buffer);
}

VkBuffer octavo_buffer_handle(const octavo_buffer *buffer) {
    return buffer ? octavo_gpu_buffer_handle(buffer) : VK_NULL_HANDLE;
}

VkDeviceSize octavo_buffer_size(const octavo_buffer *buffer) {
    return buffer ? octavo_gpu_buffer_size(buffer) : 0;
}

static octavo_status check_range(const octavo_buffer *buffer, VkDeviceSize offset, VkDeviceSize size, const void *data,
                                 const char *call) {
    if (!buffer) return OCTAVO_INVALID_ARGUMENT;
    const octavo_device *device = octavo_gpu_buffer_device(buffer);
    const VkDeviceSize whole = octavo_gpu_buffer_size(buffer);
    if (offset > whole || size > whole - offset) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT,
                               "%s: offset %llu and size %llu reach beyond the buffer's %llu bytes", call,
                               (unsigned long long)offset, (unsigned long long)size, (unsigned long long)whole);
    }
    if (!data && size > 0) return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "%s: data is NULL", call);
    return OCTAVO_SUCCESS;
}

octavo_status octavo_buffer_write(octavo_buffer *buffer, VkDeviceSize offset, VkDeviceSize size, const void *data) {
    octavo_status status = check_range(buffer, offset, size, data, "octavo_buffer_write");
    return status ? status : octavo_gpu_buffer_write(buffer, offset, size, data);
}

octavo_status octavo_buffer_read(octavo_buffer *buffer, VkDeviceSize offset, VkDeviceSize size, void *data) {
    octavo_status status = check_range(buffer, offset, size, data, "octavo_buffer_read");
    return status ? status : octavo_gpu_buffer_read(buffer, offset, size, data);
}

octavo_status octavo_commands_create(octavo_device *device, octavo_commands **commands) {
    if (!device) return OCTAVO_INVALID_ARGUMENT;
    if (!commands) return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "octavo_commands_create: commands is NULL");
    return octavo_gpu_commands_create(device, commands);
}

void octavo_commands_destroy(octavo_commands *commands) {
    octavo_gpu_commands_destroy(commands);
}

octavo_status octavo_commands_begin(octavo_commands *commands, VkCommandBuffer *command_buffer) {
    if (!commands) return OCTAVO_INVALID_ARGUMENT;
    if (!command_buffer) {
        return octavo_gpu_fail(octavo_gpu_commands_device(commands), OCTAVO_INVALID_ARGUMENT,
                               "octavo_commands_begin: command_buffer is NULL");
    }
    return octavo_gpu_commands_begin(commands, command_buffer);
}

octavo_status octavo_commands_submit_and_wait(octavo_commands *commands, double *gpu_seconds) {
    if (!commands) return OCTAVO_INVALID_ARGUMENT;
    return octavo_gpu_commands_submit_and_wait(commands, gpu_seconds);
}

octavo_status octavo_frame_create(octavo_device *device, VkDeviceSize metadata_bytes, octavo_frame **frame) {
    if (!device) return OCTAVO_INVALID_ARGUMENT;
    if (!frame) return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "octavo_frame_create: frame is NULL");
    return octavo_gpu_frame_create(device, metadata_bytes, frame);
}

void octavo_frame_destroy(octavo_frame *frame) {
    octavo_gpu_frame_destroy(frame);
}

octavo_status octavo_frame_reset(octavo_frame *frame) {
    if (!frame) return OCTAVO_INVALID_ARGUMENT;
    return octavo_gpu_frame_reset(frame);
}
