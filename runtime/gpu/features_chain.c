#include "gpu/features_chain.h"

#include <stddef.h>
#include <string.h>

/* X(member of octavo_device_features, sType suffix, structure, member) */
#define FEATURE_MEMBERS(X)                                                                                             \
    X(shader_int16, FEATURES_2, VkPhysicalDeviceFeatures2, features.shaderInt16)                                       \
    X(shader_float16, SHADER_FLOAT16_INT8_FEATURES, VkPhysicalDeviceShaderFloat16Int8Features, shaderFloat16)          \
    X(shader_float16, VULKAN_1_2_FEATURES, VkPhysicalDeviceVulkan12Features, shaderFloat16)                            \
    X(shader_int8, SHADER_FLOAT16_INT8_FEATURES, VkPhysicalDeviceShaderFloat16Int8Features, shaderInt8)                \
    X(shader_int8, VULKAN_1_2_FEATURES, VkPhysicalDeviceVulkan12Features, shaderInt8)                                  \
    X(shader_subgroup_extended_types, SHADER_SUBGROUP_EXTENDED_TYPES_FEATURES,                                         \
      VkPhysicalDeviceShaderSubgroupExtendedTypesFeatures, shaderSubgroupExtendedTypes)                                \
    X(shader_subgroup_extended_types, VULKAN_1_2_FEATURES, VkPhysicalDeviceVulkan12Features,                           \
      shaderSubgroupExtendedTypes)                                                                                     \
    X(vulkan_memory_model, VULKAN_MEMORY_MODEL_FEATURES, VkPhysicalDeviceVulkanMemoryModelFeatures, vulkanMemoryModel) \
    X(vulkan_memory_model, VULKAN_1_2_FEATURES, VkPhysicalDeviceVulkan12Features, vulkanMemoryModel)                   \
    X(vulkan_memory_model_device_scope, VULKAN_MEMORY_MODEL_FEATURES, VkPhysicalDeviceVulkanMemoryModelFeatures,       \
      vulkanMemoryModelDeviceScope)                                                                                    \
    X(vulkan_memory_model_device_scope, VULKAN_1_2_FEATURES, VkPhysicalDeviceVulkan12Features,                         \
      vulkanMemoryModelDeviceScope)                                                                                    \
    X(shader_integer_dot_product, SHADER_INTEGER_DOT_PRODUCT_FEATURES,                                                 \
      VkPhysicalDeviceShaderIntegerDotProductFeatures, shaderIntegerDotProduct)                                        \
    X(shader_integer_dot_product, VULKAN_1_3_FEATURES, VkPhysicalDeviceVulkan13Features, shaderIntegerDotProduct)      \
    X(subgroup_size_control, SUBGROUP_SIZE_CONTROL_FEATURES, VkPhysicalDeviceSubgroupSizeControlFeatures,              \
      subgroupSizeControl)                                                                                             \
    X(subgroup_size_control, VULKAN_1_3_FEATURES, VkPhysicalDeviceVulkan13Features, subgroupSizeControl)               \
    X(compute_full_subgroups, SUBGROUP_SIZE_CONTROL_FEATURES, VkPhysicalDeviceSubgroupSizeControlFeatures,             \
      computeFullSubgroups)                                                                                            \
    X(compute_full_subgroups, VULKAN_1_3_FEATURES, VkPhysicalDeviceVulkan13Features, computeFullSubgroups)             \
    X(cooperative_matrix, COOPERATIVE_MATRIX_FEATURES_KHR, VkPhysicalDeviceCooperativeMatrixFeaturesKHR,               \
      cooperativeMatrix)                                                                                               \
    X(pipeline_executable_info, PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR,                                           \
      VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR, pipelineExecutableInfo)                                 \
    X(pipeline_robustness, PIPELINE_ROBUSTNESS_FEATURES_EXT, VkPhysicalDevicePipelineRobustnessFeaturesEXT,            \
      pipelineRobustness)

typedef struct feature_member {
    size_t feature; /* offset in octavo_device_features */
    VkStructureType type;
    size_t member; /* offset in the structure */
} feature_member;

#define ROW(feature, suffix, structure, member)                                                                        \
    {offsetof(octavo_device_features, feature), VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_##suffix,                            \
     offsetof(structure, member)},
static const feature_member members[] = {FEATURE_MEMBERS(ROW)};
enum { MEMBER_COUNT = sizeof members / sizeof *members };

static VkBool32 read_bool(const void *structure, size_t offset) {
    VkBool32 value;
    memcpy(&value, (const char *)structure + offset, sizeof value);
    return value;
}

static void set_true(void *structure, size_t offset) {
    const VkBool32 value = VK_TRUE;
    memcpy((char *)structure + offset, &value, sizeof value);
}

octavo_device_features octavo_gpu_features_read(const VkPhysicalDeviceFeatures2 *chain) {
    octavo_device_features features = {0};
    for (const VkBaseInStructure *s = (const VkBaseInStructure *)chain; s; s = s->pNext) {
        for (size_t i = 0; i < MEMBER_COUNT; i++) {
            if (members[i].type == s->sType && read_bool(s, members[i].member)) set_true(&features, members[i].feature);
        }
    }
    return features;
}

void octavo_gpu_features_set(VkPhysicalDeviceFeatures2 *chain, const octavo_device_features *features) {
    for (VkBaseOutStructure *s = (VkBaseOutStructure *)chain; s; s = s->pNext) {
        for (size_t i = 0; i < MEMBER_COUNT; i++) {
            if (members[i].type == s->sType && read_bool(features, members[i].feature)) set_true(s, members[i].member);
        }
    }
}

void octavo_gpu_recommend_features(const VkPhysicalDeviceFeatures2 *supported, VkPhysicalDeviceFeatures2 *enable) {
    for (VkBaseOutStructure *to = (VkBaseOutStructure *)enable; to; to = to->pNext) {
        for (const VkBaseInStructure *from = (const VkBaseInStructure *)supported; from; from = from->pNext) {
            if (from->sType != to->sType) continue;
            for (size_t i = 0; i < MEMBER_COUNT; i++) {
                if (members[i].type == to->sType && read_bool(from, members[i].member)) set_true(to, members[i].member);
            }
        }
    }
}

void octavo_gpu_feature_chain_init(octavo_gpu_feature_chain *chain, uint32_t api_version, uint32_t extensions) {
    *chain = (octavo_gpu_feature_chain){.core = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2}};
    const struct {
        void *structure;
        VkStructureType type;
        uint32_t extension;
        uint32_t core_version;
    } links[] = {
        {&chain->float16_int8, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES,
         OCTAVO_GPU_EXTENSION_FLOAT16_INT8, VK_API_VERSION_1_2},
        {&chain->subgroup_extended_types, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_SUBGROUP_EXTENDED_TYPES_FEATURES,
         OCTAVO_GPU_EXTENSION_SUBGROUP_EXTENDED_TYPES, VK_API_VERSION_1_2},
        {&chain->memory_model, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_MEMORY_MODEL_FEATURES,
         OCTAVO_GPU_EXTENSION_VULKAN_MEMORY_MODEL, VK_API_VERSION_1_2},
        {&chain->integer_dot_product, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES,
         OCTAVO_GPU_EXTENSION_INTEGER_DOT_PRODUCT, VK_API_VERSION_1_3},
        {&chain->subgroup_size_control, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES,
         OCTAVO_GPU_EXTENSION_SUBGROUP_SIZE_CONTROL, VK_API_VERSION_1_3},
        {&chain->cooperative_matrix, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR,
         OCTAVO_GPU_EXTENSION_COOPERATIVE_MATRIX, 0},
        {&chain->pipeline_executable, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR,
         OCTAVO_GPU_EXTENSION_PIPELINE_EXECUTABLE_PROPERTIES, 0},
        {&chain->pipeline_robustness, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_ROBUSTNESS_FEATURES_EXT,
         OCTAVO_GPU_EXTENSION_PIPELINE_ROBUSTNESS, 0},
    };
    VkBaseOutStructure *tail = (VkBaseOutStructure *)&chain->core;
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        VkBool32 core = links[i].core_version && api_version >= links[i].core_version;
        if (!core && !(extensions & links[i].extension)) continue;
        VkBaseOutStructure *next = links[i].structure;
        next->sType = links[i].type;
        next->pNext = NULL;
        tail->pNext = next;
        tail = next;
    }
}
