#include "fleet_device.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PHYSICAL_DEVICES = 16, MAX_ENABLED_EXTENSIONS = 16 };

typedef struct extension_set {
    VkExtensionProperties *reported;
    uint32_t reported_count;
    const char *enabled[MAX_ENABLED_EXTENSIONS];
    uint32_t enabled_count;
} extension_set;

/* ISO C has no cast from an object pointer to a function pointer. */
static PFN_vkGetInstanceProcAddr loader_entry(void *loader) {
    void *symbol = dlsym(loader, "vkGetInstanceProcAddr");
    PFN_vkGetInstanceProcAddr entry = NULL;
    memcpy(&entry, &symbol, sizeof entry);
    return entry;
}

static bool enable_extension(extension_set *set, const char *name) {
    for (uint32_t i = 0; i < set->reported_count; i++) {
        if (strcmp(set->reported[i].extensionName, name) == 0 && set->enabled_count < MAX_ENABLED_EXTENSIONS) {
            set->enabled[set->enabled_count++] = name;
            return true;
        }
    }
    return false;
}

static bool create_instance(fleet_device *device) {
    device->loader = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!device->loader) {
        fprintf(stderr, "no Vulkan loader: %s\n", dlerror());
        return false;
    }
    device->get_instance_proc_addr = loader_entry(device->loader);
    if (!device->get_instance_proc_addr) {
        fprintf(stderr, "the Vulkan loader has no vkGetInstanceProcAddr\n");
        return false;
    }
    PFN_vkCreateInstance create = (PFN_vkCreateInstance)device->get_instance_proc_addr(NULL, "vkCreateInstance");
    VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                     .pApplicationName = "octavo_fleet_compile",
                                     .apiVersion = VK_API_VERSION_1_3};
    VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO, .pApplicationInfo = &application};
    VkResult result = create ? create(&info, NULL, &device->instance) : VK_ERROR_INITIALIZATION_FAILED;
    if (result != VK_SUCCESS) {
        fprintf(stderr, "vkCreateInstance returned %d\n", (int)result);
    }
    return result == VK_SUCCESS;
}

#define INSTANCE_FUNCTION(device, name)                                                                                \
    PFN_##name name = (PFN_##name)(device)->get_instance_proc_addr((device)->instance, #name)

static bool find_physical_device(fleet_device *device, uint32_t index) {
    INSTANCE_FUNCTION(device, vkEnumeratePhysicalDevices);
    INSTANCE_FUNCTION(device, vkGetPhysicalDeviceProperties);
    VkPhysicalDevice all[MAX_PHYSICAL_DEVICES];
    uint32_t count = MAX_PHYSICAL_DEVICES;
    VkResult result = vkEnumeratePhysicalDevices(device->instance, &count, all);
    if (result < 0 || index >= count) {
        fprintf(stderr, "no physical device %u: the loader lists %u (result %d)\n", index, result < 0 ? 0 : count,
                (int)result);
        return false;
    }
    device->physical_device = all[index];
    vkGetPhysicalDeviceProperties(device->physical_device, &device->properties);
    if (device->properties.apiVersion < VK_API_VERSION_1_1) {
        fprintf(stderr, "%s has Vulkan 1.0 only: below the library's floor, but its compiler is worth a look\n",
                device->properties.deviceName);
    }
    return true;
}

/* Links a feature structure into the chain when its extension, or the version that took it in, is there. */
static void chain(void ***tail, void *structure, VkStructureType type, bool present) {
    VkBaseOutStructure header = {.sType = type, .pNext = NULL};
    memcpy(structure, &header, sizeof header);
    if (present) {
        **tail = structure;
        char *next = (char *)structure + offsetof(VkBaseOutStructure, pNext);
        *tail = (void **)(void *)next;
    }
}

static void read_features(fleet_device *device, extension_set *extensions) {
    fleet_features *f = &device->features;
    bool v12 = device->properties.apiVersion >= VK_API_VERSION_1_2;
    bool v13 = device->properties.apiVersion >= VK_API_VERSION_1_3;
    f->core = (VkPhysicalDeviceFeatures2){.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2};
    void **tail = &f->core.pNext;
#define CHAIN(member, type, present) chain(&tail, &f->member, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_##type, present)
#define HAS(name) enable_extension(extensions, "VK_" name)
    CHAIN(storage16, 16BIT_STORAGE_FEATURES, true);
    CHAIN(storage8, 8BIT_STORAGE_FEATURES, v12 || HAS("KHR_8bit_storage"));
    CHAIN(arithmetic16, SHADER_FLOAT16_INT8_FEATURES, v12 || HAS("KHR_shader_float16_int8"));
    CHAIN(subgroup_types, SHADER_SUBGROUP_EXTENDED_TYPES_FEATURES, v12 || HAS("KHR_shader_subgroup_extended_types"));
    CHAIN(memory_model, VULKAN_MEMORY_MODEL_FEATURES, v12 || HAS("KHR_vulkan_memory_model"));
    CHAIN(scalar_layout, SCALAR_BLOCK_LAYOUT_FEATURES, v12 || HAS("EXT_scalar_block_layout"));
    CHAIN(addresses, BUFFER_DEVICE_ADDRESS_FEATURES, v12 || HAS("KHR_buffer_device_address"));
    CHAIN(timeline, TIMELINE_SEMAPHORE_FEATURES, v12 || HAS("KHR_timeline_semaphore"));
    CHAIN(subgroup_size, SUBGROUP_SIZE_CONTROL_FEATURES, v13 || HAS("EXT_subgroup_size_control"));
    CHAIN(integer_dot, SHADER_INTEGER_DOT_PRODUCT_FEATURES, v13 || HAS("KHR_shader_integer_dot_product"));
    CHAIN(maintenance4, MAINTENANCE_4_FEATURES, v13 || HAS("KHR_maintenance4"));
    CHAIN(cooperative_matrix, COOPERATIVE_MATRIX_FEATURES_KHR, HAS("KHR_cooperative_matrix"));
    f->float_controls = v12 || HAS("KHR_shader_float_controls");
    CHAIN(statistics, PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR, HAS("KHR_pipeline_executable_properties"));
#undef HAS
#undef CHAIN
    INSTANCE_FUNCTION(device, vkGetPhysicalDeviceFeatures2);
    vkGetPhysicalDeviceFeatures2(device->physical_device, &f->core);
    f->core.features.robustBufferAccess = VK_FALSE; /* it adds instructions that a user's device would not run */

    INSTANCE_FUNCTION(device, vkGetPhysicalDeviceProperties2);
    VkPhysicalDeviceProperties2 properties = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
    device->subgroup.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES;
    device->subgroup_sizes.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES;
    properties.pNext = &device->subgroup;
    device->subgroup.pNext = f->subgroup_size.subgroupSizeControl ? &device->subgroup_sizes : NULL;
    vkGetPhysicalDeviceProperties2(device->physical_device, &properties);
}

static bool create_device(fleet_device *device) {
    bool ok = false;
    extension_set extensions = {0};
    INSTANCE_FUNCTION(device, vkEnumerateDeviceExtensionProperties);
    INSTANCE_FUNCTION(device, vkGetPhysicalDeviceQueueFamilyProperties);
    INSTANCE_FUNCTION(device, vkCreateDevice);
    device->get_device_proc_addr =
        (PFN_vkGetDeviceProcAddr)device->get_instance_proc_addr(device->instance, "vkGetDeviceProcAddr");

    vkEnumerateDeviceExtensionProperties(device->physical_device, NULL, &extensions.reported_count, NULL);
    extensions.reported = calloc(extensions.reported_count + 1, sizeof *extensions.reported);
    if (!extensions.reported) {
        fprintf(stderr, "out of memory\n");
        return false;
    }
    vkEnumerateDeviceExtensionProperties(device->physical_device, NULL, &extensions.reported_count,
                                         extensions.reported);
    read_features(device, &extensions);

    VkQueueFamilyProperties families[16];
    uint32_t family_count = 16, family = 0;
    vkGetPhysicalDeviceQueueFamilyProperties(device->physical_device, &family_count, families);
    while (family < family_count && !(families[family].queueFlags & VK_QUEUE_COMPUTE_BIT)) {
        family++;
    }
    if (family == family_count) {
        fprintf(stderr, "%s has no compute queue\n", device->properties.deviceName);
        goto done;
    }
    float priority = 1.0f;
    VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                     .queueFamilyIndex = family,
                                     .queueCount = 1,
                                     .pQueuePriorities = &priority};
    VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                               .pNext = &device->features.core,
                               .queueCreateInfoCount = 1,
                               .pQueueCreateInfos = &queue,
                               .enabledExtensionCount = extensions.enabled_count,
                               .ppEnabledExtensionNames = extensions.enabled};
    VkResult result = vkCreateDevice(device->physical_device, &info, NULL, &device->device);
    if (result != VK_SUCCESS) {
        fprintf(stderr, "vkCreateDevice on %s returned %d\n", device->properties.deviceName, (int)result);
        goto done;
    }
    ok = true;
#define LOAD(name)                                                                                                     \
    device->name = (PFN_##name)device->get_device_proc_addr(device->device, #name);                                    \
    ok = ok && device->name;
    FLEET_DEVICE_FUNCTIONS(LOAD)
    if (device->features.statistics.pipelineExecutableInfo) {
        FLEET_STATISTICS_FUNCTIONS(LOAD)
    }
#undef LOAD
    if (!ok) {
        fprintf(stderr, "%s lacks a device function\n", device->properties.deviceName);
    }
done:
    free(extensions.reported);
    return ok;
}

bool fleet_device_open(fleet_device *device, uint32_t index) {
    memset(device, 0, sizeof *device);
    return create_instance(device) && find_physical_device(device, index) && create_device(device);
}

void fleet_device_close(fleet_device *device) {
    if (device->device && device->vkDestroyDevice) {
        device->vkDestroyDevice(device->device, NULL);
    }
    if (device->instance) {
        INSTANCE_FUNCTION(device, vkDestroyInstance);
        vkDestroyInstance(device->instance, NULL);
    }
    if (device->loader) {
        dlclose(device->loader);
    }
    memset(device, 0, sizeof *device);
}

const char *fleet_device_missing(const fleet_device *device, uint32_t capability) {
    const fleet_features *f = &device->features;
    VkSubgroupFeatureFlags subgroup =
        (device->subgroup.supportedStages & VK_SHADER_STAGE_COMPUTE_BIT) ? device->subgroup.supportedOperations : 0;
    const struct {
        uint32_t capability;
        VkBool32 there;
        const char *name;
    } needs[] = {
        {1, VK_TRUE, "Shader"},
        {9, f->arithmetic16.shaderFloat16, "shaderFloat16"},
        {10, f->core.features.shaderFloat64, "shaderFloat64"},
        {11, f->core.features.shaderInt64, "shaderInt64"},
        {22, f->core.features.shaderInt16, "shaderInt16"},
        {39, f->arithmetic16.shaderInt8, "shaderInt8"},
        {61, (subgroup & VK_SUBGROUP_FEATURE_BASIC_BIT) != 0, "subgroup basic"},
        {62, (subgroup & VK_SUBGROUP_FEATURE_VOTE_BIT) != 0, "subgroup vote"},
        {63, (subgroup & VK_SUBGROUP_FEATURE_ARITHMETIC_BIT) != 0, "subgroup arithmetic"},
        {64, (subgroup & VK_SUBGROUP_FEATURE_BALLOT_BIT) != 0, "subgroup ballot"},
        {65, (subgroup & VK_SUBGROUP_FEATURE_SHUFFLE_BIT) != 0, "subgroup shuffle"},
        {66, (subgroup & VK_SUBGROUP_FEATURE_SHUFFLE_RELATIVE_BIT) != 0, "subgroup shuffle relative"},
        {67, (subgroup & VK_SUBGROUP_FEATURE_CLUSTERED_BIT) != 0, "subgroup clustered"},
        {68, (subgroup & VK_SUBGROUP_FEATURE_QUAD_BIT) != 0, "subgroup quad"},
        {4433, f->storage16.storageBuffer16BitAccess, "storageBuffer16BitAccess"},
        {4434, f->storage16.uniformAndStorageBuffer16BitAccess, "uniformAndStorageBuffer16BitAccess"},
        {4435, f->storage16.storagePushConstant16, "storagePushConstant16"},
        {4448, f->storage8.storageBuffer8BitAccess, "storageBuffer8BitAccess"},
        {4449, f->storage8.uniformAndStorageBuffer8BitAccess, "uniformAndStorageBuffer8BitAccess"},
        {4450, f->storage8.storagePushConstant8, "storagePushConstant8"},
        {4464, f->float_controls, "VK_KHR_shader_float_controls"},
        {5345, f->memory_model.vulkanMemoryModel, "vulkanMemoryModel"},
        {5346, f->memory_model.vulkanMemoryModelDeviceScope, "vulkanMemoryModelDeviceScope"},
        {5347, f->addresses.bufferDeviceAddress, "bufferDeviceAddress"},
        {6016, f->integer_dot.shaderIntegerDotProduct, "shaderIntegerDotProduct"},
        {6017, f->integer_dot.shaderIntegerDotProduct, "shaderIntegerDotProduct"},
        {6018, f->integer_dot.shaderIntegerDotProduct, "shaderIntegerDotProduct"},
        {6019, f->integer_dot.shaderIntegerDotProduct, "shaderIntegerDotProduct"},
        {6022, f->cooperative_matrix.cooperativeMatrix, "cooperativeMatrix"},
    };
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++) {
        if (needs[i].capability == capability) {
            return needs[i].there ? NULL : needs[i].name;
        }
    }
    return "a capability that this program does not know";
}
