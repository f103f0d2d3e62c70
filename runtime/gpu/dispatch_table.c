#include "gpu/dispatch_table.h"

#include <stddef.h>

#define LOAD(name, required)                                                                                           \
    table->name = (PFN_##name)get(owner, #name);                                                                       \
    if ((required) && !table->name && !missing) missing = #name;

const char *octavo_gpu_load_global(octavo_gpu_global_table *table, PFN_vkGetInstanceProcAddr get) {
    const VkInstance owner = VK_NULL_HANDLE;
    const char *missing = NULL;
    OCTAVO_GPU_GLOBAL_FUNCTIONS(LOAD)
    return missing;
}

const char *octavo_gpu_load_instance(octavo_gpu_instance_table *table, PFN_vkGetInstanceProcAddr get,
                                     VkInstance owner) {
    const char *missing = NULL;
    OCTAVO_GPU_INSTANCE_FUNCTIONS(LOAD)
    return missing;
}

const char *octavo_gpu_load_device(octavo_gpu_device_table *table, PFN_vkGetDeviceProcAddr get, VkDevice owner) {
    const char *missing = NULL;
    OCTAVO_GPU_DEVICE_FUNCTIONS(LOAD)
    return missing;
}
