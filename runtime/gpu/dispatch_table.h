/* Vulkan's functions, fetched once for each instance and device: nothing is linked and nothing is process-wide. */
#ifndef OCTAVO_DISPATCH_TABLE_H
#define OCTAVO_DISPATCH_TABLE_H

#include "gpu/vulkan_newer.h"

/* X(name, required) */
#define OCTAVO_GPU_GLOBAL_FUNCTIONS(X)                                                                                 \
    X(vkCreateInstance, 1)                                                                                             \
    X(vkEnumerateInstanceVersion, 0)                                                                                   \
    X(vkEnumerateInstanceExtensionProperties, 1)                                                                       \
    X(vkEnumerateInstanceLayerProperties, 0)

#define OCTAVO_GPU_INSTANCE_FUNCTIONS(X)                                                                               \
    X(vkDestroyInstance, 1)                                                                                            \
    X(vkEnumeratePhysicalDevices, 1)                                                                                   \
    X(vkEnumerateDeviceExtensionProperties, 1)                                                                         \
    X(vkGetPhysicalDeviceProperties, 1)                                                                                \
    X(vkGetPhysicalDeviceProperties2, 0)                                                                               \
    X(vkGetPhysicalDeviceFeatures2, 0)                                                                                 \
    X(vkGetPhysicalDeviceMemoryProperties, 1)                                                                          \
    X(vkGetPhysicalDeviceQueueFamilyProperties, 1)                                                                     \
    X(vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR, 0)                                                            \
    X(vkCreateDevice, 1)                                                                                               \
    X(vkGetDeviceProcAddr, 1)                                                                                          \
    X(vkCreateDebugUtilsMessengerEXT, 0)                                                                               \
    X(vkDestroyDebugUtilsMessengerEXT, 0)                                                                              \
    X(vkSetDebugUtilsObjectNameEXT, 0)

#define OCTAVO_GPU_DEVICE_FUNCTIONS(X)                                                                                 \
    X(vkDestroyDevice, 1)                                                                                              \
    X(vkGetDeviceQueue, 1)                                                                                             \
    X(vkDeviceWaitIdle, 1)                                                                                             \
    X(vkQueueSubmit, 1)                                                                                                \
    X(vkAllocateMemory, 1)                                                                                             \
    X(vkFreeMemory, 1)                                                                                                 \
    X(vkMapMemory, 1)                                                                                                  \
    X(vkUnmapMemory, 1)                                                                                                \
    X(vkFlushMappedMemoryRanges, 1)                                                                                    \
    X(vkInvalidateMappedMemoryRanges, 1)                                                                               \
    X(vkCreateBuffer, 1)                                                                                               \
    X(vkDestroyBuffer, 1)                                                                                              \
    X(vkGetBufferMemoryRequirements, 1)                                                                                \
    X(vkBindBufferMemory, 1)                                                                                           \
    X(vkCreateFence, 1)                                                                                                \
    X(vkDestroyFence, 1)                                                                                               \
    X(vkResetFences, 1)                                                                                                \
    X(vkWaitForFences, 1)                                                                                              \
    X(vkCreateQueryPool, 1)                                                                                            \
    X(vkDestroyQueryPool, 1)                                                                                           \
    X(vkGetQueryPoolResults, 1)                                                                                        \
    X(vkCreateShaderModule, 1)                                                                                         \
    X(vkDestroyShaderModule, 1)                                                                                        \
    X(vkCreatePipelineCache, 1)                                                                                        \
    X(vkDestroyPipelineCache, 1)                                                                                       \
    X(vkGetPipelineCacheData, 1)                                                                                       \
    X(vkCreateComputePipelines, 1)                                                                                     \
    X(vkDestroyPipeline, 1)                                                                                            \
    X(vkCreatePipelineLayout, 1)                                                                                       \
    X(vkDestroyPipelineLayout, 1)                                                                                      \
    X(vkCreateDescriptorSetLayout, 1)                                                                                  \
    X(vkDestroyDescriptorSetLayout, 1)                                                                                 \
    X(vkCreateDescriptorPool, 1)                                                                                       \
    X(vkDestroyDescriptorPool, 1)                                                                                      \
    X(vkResetDescriptorPool, 1)                                                                                        \
    X(vkAllocateDescriptorSets, 1)                                                                                     \
    X(vkUpdateDescriptorSets, 1)                                                                                       \
    X(vkCreateCommandPool, 1)                                                                                          \
    X(vkDestroyCommandPool, 1)                                                                                         \
    X(vkResetCommandPool, 1)                                                                                           \
    X(vkAllocateCommandBuffers, 1)                                                                                     \
    X(vkBeginCommandBuffer, 1)                                                                                         \
    X(vkEndCommandBuffer, 1)                                                                                           \
    X(vkCmdBindPipeline, 1)                                                                                            \
    X(vkCmdBindDescriptorSets, 1)                                                                                      \
    X(vkCmdPushConstants, 1)                                                                                           \
    X(vkCmdDispatch, 1)                                                                                                \
    X(vkCmdPipelineBarrier, 1)                                                                                         \
    X(vkCmdCopyBuffer, 1)                                                                                              \
    X(vkCmdFillBuffer, 1)                                                                                              \
    X(vkCmdResetQueryPool, 1)                                                                                          \
    X(vkCmdWriteTimestamp, 1)                                                                                          \
    X(vkCmdPushDescriptorSetKHR, 0)                                                                                    \
    X(vkGetPipelineExecutablePropertiesKHR, 0)                                                                         \
    X(vkGetPipelineExecutableStatisticsKHR, 0)

#define OCTAVO_GPU_DECLARE(name, required) PFN_##name name;
typedef struct octavo_gpu_global_table {
    OCTAVO_GPU_GLOBAL_FUNCTIONS(OCTAVO_GPU_DECLARE)
} octavo_gpu_global_table;
typedef struct octavo_gpu_instance_table {
    OCTAVO_GPU_INSTANCE_FUNCTIONS(OCTAVO_GPU_DECLARE)
} octavo_gpu_instance_table;
typedef struct octavo_gpu_device_table {
    OCTAVO_GPU_DEVICE_FUNCTIONS(OCTAVO_GPU_DECLARE)
} octavo_gpu_device_table;
#undef OCTAVO_GPU_DECLARE

/* Each returns NULL, or the name of a required function that is missing. */
const char *octavo_gpu_load_global(octavo_gpu_global_table *table, PFN_vkGetInstanceProcAddr get);
const char *octavo_gpu_load_instance(octavo_gpu_instance_table *table, PFN_vkGetInstanceProcAddr get,
                                     VkInstance instance);
const char *octavo_gpu_load_device(octavo_gpu_device_table *table, PFN_vkGetDeviceProcAddr get, VkDevice device);

#endif
