/* What a physical device says of itself, as plain data: everything that can be decided without a VkDevice is a function
 * of this. A zeroed snapshot is a device that can do nothing. */
#ifndef OCTAVO_DEVICE_SNAPSHOT_H
#define OCTAVO_DEVICE_SNAPSHOT_H

#include "gpu/device_extensions.h"

#define OCTAVO_GPU_MATRIX_SHAPES_MAX 64
#define OCTAVO_GPU_QUEUE_FAMILIES_MAX 16

/* Of vendor_id. */
#define OCTAVO_GPU_VENDOR_AMD 0x1002u
#define OCTAVO_GPU_VENDOR_APPLE 0x106bu
#define OCTAVO_GPU_VENDOR_NVIDIA 0x10deu
#define OCTAVO_GPU_VENDOR_INTEL 0x8086u

/* Each a feature bit of Vulkan, in snake case. */
typedef struct octavo_device_features {
    VkBool32 shader_int16;
    VkBool32 shader_float16;
    VkBool32 shader_int8;
    VkBool32 shader_subgroup_extended_types;
    VkBool32 vulkan_memory_model;
    VkBool32 vulkan_memory_model_device_scope;
    VkBool32 shader_integer_dot_product;
    VkBool32 subgroup_size_control;
    VkBool32 compute_full_subgroups;
    VkBool32 cooperative_matrix;
    VkBool32 pipeline_executable_info;
    VkBool32 pipeline_robustness;
} octavo_device_features;

/* One product of VK_KHR_cooperative_matrix: C (m x n) += A (m x k) B (k x n), types are VkComponentTypeKHR. */
typedef struct octavo_gpu_matrix_shape {
    uint32_t m, n, k;
    VkComponentTypeKHR a, b, c, result;
    VkScopeKHR scope;
    VkBool32 saturating;
} octavo_gpu_matrix_shape;

typedef struct octavo_gpu_queue_family {
    VkQueueFlags flags;
    uint32_t queue_count;
    uint32_t timestamp_valid_bits;
} octavo_gpu_queue_family;

typedef struct octavo_device_snapshot {
    char name[256];
    char driver[256];
    uint32_t api_version; /* the lower of device and instance, without the patch number */
    uint32_t driver_version;
    uint32_t vendor_id, device_id;
    uint32_t driver_id; /* VkDriverId; 0: not told */
    VkPhysicalDeviceType type;
    uint8_t device_uuid[VK_UUID_SIZE], driver_uuid[VK_UUID_SIZE], pipeline_cache_uuid[VK_UUID_SIZE];
    uint32_t extensions;             /* OCTAVO_GPU_EXTENSION_ bits: present; of an imported device: enabled */
    octavo_device_features features; /* present; of an imported device: enabled */

    uint64_t max_storage_buffer_range;
    uint64_t max_memory_allocation_size;
    uint64_t min_storage_buffer_offset_alignment;
    uint64_t non_coherent_atom_size;
    uint32_t max_memory_allocation_count;
    uint32_t max_bound_descriptor_sets;
    uint32_t max_stage_storage_buffers; /* per stage, per set and per stage in all: the lowest */
    uint32_t max_push_constants_size;
    uint32_t max_push_descriptors; /* 0 without VK_KHR_push_descriptor */
    uint32_t max_compute_shared_memory_size;
    uint32_t max_compute_work_group_invocations;
    uint32_t max_compute_work_group_size[3];
    uint32_t max_compute_work_group_count[3];
    float timestamp_period; /* nanoseconds a tick */

    uint32_t subgroup_size;                        /* the reported default */
    uint32_t min_subgroup_size, max_subgroup_size; /* both the default without subgroup size control */
    uint32_t max_compute_workgroup_subgroups;      /* for a required size; 0: not told */
    VkShaderStageFlags subgroup_stages;            /* that have subgroup operations */
    VkSubgroupFeatureFlags subgroup_operations;
    VkShaderStageFlags required_subgroup_size_stages; /* often 0 where there is one size only */

    VkBool32 int_dot_accelerated; /* signed and unsigned 4x8 bit packed dot products are faster than their expansion */
    VkBool32 int_dot_unsigned_accelerated; /* both unsigned */
    VkBool32 int_dot_mixed_accelerated;    /* one signed, one unsigned; Adreno has these two only */

    VkBool32 denorm_preserve_float16; /* shaders can ask that subnormal f16 are kept */

    VkShaderStageFlags matrix_stages;
    uint32_t matrix_shape_count;
    octavo_gpu_matrix_shape matrix_shapes[OCTAVO_GPU_MATRIX_SHAPES_MAX];

    uint32_t core_count;         /* SMs, compute units, shader cores; 0: not told */
    uint32_t subgroups_per_core; /* most resident ones; 0: not told */

    VkPhysicalDeviceMemoryProperties memory;
    uint32_t queue_family_count;
    octavo_gpu_queue_family queue_families[OCTAVO_GPU_QUEUE_FAMILIES_MAX];
} octavo_device_snapshot;

/* Size of the largest device-local heap. */
uint64_t octavo_gpu_device_memory_bytes(const octavo_device_snapshot *snapshot);

/* Whether the device has the extension, or a core version with it. */
VkBool32 octavo_gpu_has_extension(const octavo_device_snapshot *snapshot, uint32_t bit);
/* Whether a workgroup may have so many lanes, in so many subgroups. */
VkBool32 octavo_gpu_fits_workgroup(const octavo_device_snapshot *snapshot, uint32_t lanes, uint32_t subgroups);

#endif
