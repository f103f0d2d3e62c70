/* A Vulkan device with every feature enabled that a shader of ours could need, and the loader it came from. */
#ifndef OCTAVO_TESTS_FLEET_DEVICE_H
#define OCTAVO_TESTS_FLEET_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "gpu/vulkan_newer.h"

#define FLEET_DEVICE_FUNCTIONS(X)                                                                                      \
    X(vkCreateShaderModule)                                                                                            \
    X(vkDestroyShaderModule)                                                                                           \
    X(vkCreateDescriptorSetLayout)                                                                                     \
    X(vkDestroyDescriptorSetLayout)                                                                                    \
    X(vkCreatePipelineLayout)                                                                                          \
    X(vkDestroyPipelineLayout)                                                                                         \
    X(vkCreateComputePipelines)                                                                                        \
    X(vkDestroyPipeline)                                                                                               \
    X(vkDestroyDevice)

#define FLEET_STATISTICS_FUNCTIONS(X)                                                                                  \
    X(vkGetPipelineExecutablePropertiesKHR)                                                                            \
    X(vkGetPipelineExecutableStatisticsKHR)                                                                            \
    X(vkGetPipelineExecutableInternalRepresentationsKHR)

typedef struct fleet_features {
    VkPhysicalDeviceFeatures2 core;
    VkPhysicalDevice16BitStorageFeatures storage16;
    VkPhysicalDevice8BitStorageFeatures storage8;
    VkPhysicalDeviceShaderFloat16Int8Features arithmetic16;
    VkPhysicalDeviceShaderSubgroupExtendedTypesFeatures subgroup_types;
    VkPhysicalDeviceVulkanMemoryModelFeatures memory_model;
    VkPhysicalDeviceScalarBlockLayoutFeatures scalar_layout;
    VkPhysicalDeviceBufferDeviceAddressFeatures addresses;
    VkPhysicalDeviceTimelineSemaphoreFeatures timeline;
    VkPhysicalDeviceSubgroupSizeControlFeatures subgroup_size;
    VkPhysicalDeviceShaderIntegerDotProductFeatures integer_dot;
    VkPhysicalDeviceMaintenance4Features maintenance4;
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR cooperative_matrix;
    VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR statistics;
    VkBool32 float_controls;
} fleet_features;

typedef struct fleet_device {
    void *loader;
    PFN_vkGetInstanceProcAddr get_instance_proc_addr;
    PFN_vkGetDeviceProcAddr get_device_proc_addr;
    VkInstance instance;
    VkPhysicalDevice physical_device;
    VkDevice device;
    VkPhysicalDeviceProperties properties;
    VkPhysicalDeviceSubgroupProperties subgroup;
    VkPhysicalDeviceSubgroupSizeControlProperties subgroup_sizes; /* zero where the device has no control */
    fleet_features features;                                      /* reported, and enabled on `device` */
#define FLEET_MEMBER(name) PFN_##name name;
    FLEET_DEVICE_FUNCTIONS(FLEET_MEMBER)
    FLEET_STATISTICS_FUNCTIONS(FLEET_MEMBER)
#undef FLEET_MEMBER
} fleet_device;

/* Opens physical device number `index` of what the loader lists. Prints the reason and returns false when there is
 * none. fleet_device_close is right after either outcome. */
bool fleet_device_open(fleet_device *device, uint32_t index);
void fleet_device_close(fleet_device *device);

/* NULL when the device has what SPIR-V capability number `capability` needs, else the name of what is missing. */
const char *fleet_device_missing(const fleet_device *device, uint32_t capability);

#endif
