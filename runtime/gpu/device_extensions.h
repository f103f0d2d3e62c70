/* The device extensions that Octavo knows: one bit, name and the core version that took it in each. */
#ifndef OCTAVO_DEVICE_EXTENSIONS_H
#define OCTAVO_DEVICE_EXTENSIONS_H

#include "gpu/vulkan_newer.h"

/* X(bit name, text, core version or 0, enable: whether a device is created with it; others are only asked for numbers)
 */
#define OCTAVO_GPU_EXTENSIONS(X)                                                                                       \
    X(PUSH_DESCRIPTOR, "VK_KHR_push_descriptor", 0, 1)                                                                 \
    X(SUBGROUP_SIZE_CONTROL, "VK_EXT_subgroup_size_control", VK_API_VERSION_1_3, 1)                                    \
    X(INTEGER_DOT_PRODUCT, "VK_KHR_shader_integer_dot_product", VK_API_VERSION_1_3, 1)                                 \
    X(FLOAT16_INT8, "VK_KHR_shader_float16_int8", VK_API_VERSION_1_2, 1)                                               \
    X(SHADER_FLOAT_CONTROLS, "VK_KHR_shader_float_controls", VK_API_VERSION_1_2, 1)                                    \
    X(SUBGROUP_EXTENDED_TYPES, "VK_KHR_shader_subgroup_extended_types", VK_API_VERSION_1_2, 1)                         \
    X(VULKAN_MEMORY_MODEL, "VK_KHR_vulkan_memory_model", VK_API_VERSION_1_2, 1)                                        \
    X(COOPERATIVE_MATRIX, "VK_KHR_cooperative_matrix", 0, 1)                                                           \
    X(PIPELINE_EXECUTABLE_PROPERTIES, "VK_KHR_pipeline_executable_properties", 0, 1)                                   \
    X(PIPELINE_ROBUSTNESS, VK_EXT_PIPELINE_ROBUSTNESS_EXTENSION_NAME, 0, 1)                                            \
    X(PORTABILITY_SUBSET, VK_KHR_PORTABILITY_SUBSET_EXTENSION_NAME, 0, 1)                                              \
    X(DRIVER_PROPERTIES, "VK_KHR_driver_properties", VK_API_VERSION_1_2, 0)                                            \
    X(SHADER_SM_BUILTINS, "VK_NV_shader_sm_builtins", 0, 0)                                                            \
    X(SHADER_CORE_PROPERTIES, "VK_AMD_shader_core_properties", 0, 0)                                                   \
    X(SHADER_CORE_BUILTINS, "VK_ARM_shader_core_builtins", 0, 0)

enum {
#define OCTAVO_GPU_EXTENSION_INDEX(bit, text, core, enable) OCTAVO_GPU_EXTENSION_INDEX_##bit,
    OCTAVO_GPU_EXTENSIONS(OCTAVO_GPU_EXTENSION_INDEX)
#undef OCTAVO_GPU_EXTENSION_INDEX
        OCTAVO_GPU_EXTENSION_COUNT
};
enum {
#define OCTAVO_GPU_EXTENSION_BIT(bit, text, core, enable)                                                              \
    OCTAVO_GPU_EXTENSION_##bit = 1 << OCTAVO_GPU_EXTENSION_INDEX_##bit,
    OCTAVO_GPU_EXTENSIONS(OCTAVO_GPU_EXTENSION_BIT)
#undef OCTAVO_GPU_EXTENSION_BIT
};

typedef struct octavo_gpu_extension {
    const char *name;
    uint32_t core_version; /* 0: in no core version */
    VkBool32 enable;
} octavo_gpu_extension;

extern const octavo_gpu_extension octavo_gpu_extension_list[OCTAVO_GPU_EXTENSION_COUNT];

/* The bit of a name; 0 when unknown. */
uint32_t octavo_gpu_extension_bit(const char *name);

#endif
