/* The features that Octavo knows, in whichever structures of a pNext chain they stand. */
#ifndef OCTAVO_FEATURES_CHAIN_H
#define OCTAVO_FEATURES_CHAIN_H

#include "gpu/device_snapshot.h"

/* Single-extension structures in one chain, from the core structure on. The chain points into the struct: fill it where
 * it stays. */
typedef struct octavo_gpu_feature_chain {
    VkPhysicalDeviceFeatures2 core;
    VkPhysicalDeviceShaderFloat16Int8Features float16_int8;
    VkPhysicalDeviceShaderSubgroupExtendedTypesFeatures subgroup_extended_types;
    VkPhysicalDeviceVulkanMemoryModelFeatures memory_model;
    VkPhysicalDeviceShaderIntegerDotProductFeatures integer_dot_product;
    VkPhysicalDeviceSubgroupSizeControlFeatures subgroup_size_control;
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR cooperative_matrix;
    VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR pipeline_executable;
    VkPhysicalDevicePipelineRobustnessFeaturesEXT pipeline_robustness;
} octavo_gpu_feature_chain;

/* Chains the structures that a device of this version with these extensions knows, all false. */
void octavo_gpu_feature_chain_init(octavo_gpu_feature_chain *chain, uint32_t api_version, uint32_t extensions);
/* Whatever the chain says of known features; a feature that stands in two structures is true when either says so.
 * chain may be NULL. */
octavo_device_features octavo_gpu_features_read(const VkPhysicalDeviceFeatures2 *chain);
/* Sets the members of the chain's structures that are true in features; leaves all others. */
void octavo_gpu_features_set(VkPhysicalDeviceFeatures2 *chain, const octavo_device_features *features);
/* octavo_recommend_features of the public header. */
void octavo_gpu_recommend_features(const VkPhysicalDeviceFeatures2 *supported, VkPhysicalDeviceFeatures2 *enable);

#endif
