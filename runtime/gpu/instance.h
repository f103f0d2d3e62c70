/* An instance of our own, for created devices and for enumeration. */
#ifndef OCTAVO_INSTANCE_H
#define OCTAVO_INSTANCE_H

#include "base/log_line.h"
#include "gpu/dispatch_table.h"
#include <octavo/device.h>

typedef struct octavo_gpu_instance {
    VkInstance handle;
    uint32_t api_version;
    octavo_gpu_instance_table vk;
    VkBool32 debug_utils;
    VkDebugUtilsMessengerEXT messenger; /* with validation; speaks to the host's log */
} octavo_gpu_instance;

/* host stays where it is for the instance's life. OCTAVO_NO_DEVICE: no instance. OCTAVO_UNSUPPORTED: no validation
 * layer. */
octavo_status octavo_gpu_instance_create(const octavo_base_host *host, PFN_vkGetInstanceProcAddr get,
                                         VkBool32 validation, octavo_gpu_instance *instance);
void octavo_gpu_instance_destroy(octavo_gpu_instance *instance);

#define OCTAVO_GPU_PHYSICAL_DEVICES_MAX 64
typedef struct octavo_gpu_physical_devices {
    uint32_t count; /* the first ones, should there be more */
    VkPhysicalDevice list[OCTAVO_GPU_PHYSICAL_DEVICES_MAX];
} octavo_gpu_physical_devices;
octavo_status octavo_gpu_list_physical_devices(const octavo_base_host *host, const octavo_gpu_instance *instance,
                                               octavo_gpu_physical_devices *devices);

#endif
