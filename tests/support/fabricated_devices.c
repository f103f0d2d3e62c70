#include "fabricated_devices.h"

#include "gpu/device_plan.h"

#include <stdio.h>
#include <string.h>

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

enum {
    LOCAL = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT,
    VISIBLE = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT,
    COHERENT = VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
    CACHED = VK_MEMORY_PROPERTY_HOST_CACHED_BIT,
    BASIC = VK_SUBGROUP_FEATURE_BASIC_BIT,
    ARITHMETIC = VK_SUBGROUP_FEATURE_ARITHMETIC_BIT,
    ALL_OPERATIONS = 0xff /* basic .. quad */
};

static void set_memory_type(octavo_device_snapshot *s, VkMemoryPropertyFlags flags, uint32_t heap) {
    s->memory.memoryTypes[s->memory.memoryTypeCount++] = (VkMemoryType){flags, heap};
}

/* One heap that CPU and GPU share. */
static void set_shared_memory(octavo_device_snapshot *s, uint64_t bytes) {
    s->memory.memoryHeapCount = 1;
    s->memory.memoryHeaps[0] = (VkMemoryHeap){bytes, VK_MEMORY_HEAP_DEVICE_LOCAL_BIT};
    set_memory_type(s, LOCAL, 0);
    set_memory_type(s, LOCAL | VISIBLE | COHERENT, 0);
    set_memory_type(s, LOCAL | VISIBLE | CACHED, 0);
    set_memory_type(s, LOCAL | VISIBLE | COHERENT | CACHED, 0);
}

/* Memory of the card, memory of the machine, and a window of the first that the host sees. */
static void set_discrete_memory(octavo_device_snapshot *s, uint64_t device_bytes, uint64_t window_bytes) {
    s->memory.memoryHeapCount = 3;
    s->memory.memoryHeaps[0] = (VkMemoryHeap){device_bytes, VK_MEMORY_HEAP_DEVICE_LOCAL_BIT};
    s->memory.memoryHeaps[1] = (VkMemoryHeap){32 * GIB, 0};
    s->memory.memoryHeaps[2] = (VkMemoryHeap){window_bytes, VK_MEMORY_HEAP_DEVICE_LOCAL_BIT};
    set_memory_type(s, 0, 1);
    set_memory_type(s, LOCAL, 0);
    set_memory_type(s, VISIBLE | COHERENT, 1);
    set_memory_type(s, VISIBLE | COHERENT | CACHED, 1);
    set_memory_type(s, LOCAL | VISIBLE | COHERENT, 2);
}

/* What Vulkan 1.1 asks of every device, one queue family with timestamps. */
static void set_minimum(octavo_device_snapshot *s, const char *name, VkPhysicalDeviceType type, uint32_t vendor) {
    memset(s, 0, sizeof *s);
    snprintf(s->name, sizeof s->name, "%s", name);
    snprintf(s->driver, sizeof s->driver, "fabricated");
    s->type = type;
    s->vendor_id = vendor;
    s->api_version = VK_API_VERSION_1_1;
    memset(s->driver_uuid, (int)(vendor & 0x7f), VK_UUID_SIZE);
    memset(s->pipeline_cache_uuid, (int)(vendor & 0x3f) + 1, VK_UUID_SIZE);
    s->max_storage_buffer_range = 128 * MIB;
    s->max_memory_allocation_size = GIB;
    s->min_storage_buffer_offset_alignment = 256;
    s->non_coherent_atom_size = 256;
    s->max_memory_allocation_count = 4096;
    s->max_bound_descriptor_sets = 4;
    s->max_stage_storage_buffers = 4;
    s->max_push_constants_size = 128;
    s->max_compute_shared_memory_size = 16384;
    s->max_compute_work_group_invocations = 128;
    s->max_compute_work_group_size[0] = s->max_compute_work_group_size[1] = 128;
    s->max_compute_work_group_size[2] = 64;
    for (int i = 0; i < 3; i++) s->max_compute_work_group_count[i] = 65535;
    s->timestamp_period = 52.08f;
    s->subgroup_size = s->min_subgroup_size = s->max_subgroup_size = 16;
    s->subgroup_stages = VK_SHADER_STAGE_COMPUTE_BIT;
    s->subgroup_operations = BASIC;
    s->queue_family_count = 1;
    s->queue_families[0] =
        (octavo_gpu_queue_family){VK_QUEUE_GRAPHICS_BIT | VK_QUEUE_COMPUTE_BIT | VK_QUEUE_TRANSFER_BIT, 1, 48};
}

static void set_limits(octavo_device_snapshot *s, uint64_t storage_range, uint32_t shared_memory, uint32_t invocations,
                       uint32_t storage_buffers, uint64_t offset_alignment) {
    s->max_storage_buffer_range = storage_range;
    s->max_memory_allocation_size = storage_range < 4 * GIB ? 4 * GIB : storage_range;
    s->max_compute_shared_memory_size = shared_memory;
    s->max_compute_work_group_invocations = invocations;
    s->max_compute_work_group_size[0] = s->max_compute_work_group_size[1] = invocations;
    s->max_stage_storage_buffers = storage_buffers;
    s->min_storage_buffer_offset_alignment = offset_alignment;
}

static void set_subgroups(octavo_device_snapshot *s, uint32_t size, uint32_t smallest, uint32_t largest) {
    s->subgroup_size = size;
    s->min_subgroup_size = smallest;
    s->max_subgroup_size = largest;
    s->subgroup_operations = ALL_OPERATIONS;
}

static void add_size_control(octavo_device_snapshot *s) {
    s->extensions |= OCTAVO_GPU_EXTENSION_SUBGROUP_SIZE_CONTROL;
    s->features.subgroup_size_control = s->features.compute_full_subgroups = VK_TRUE;
    s->required_subgroup_size_stages = VK_SHADER_STAGE_COMPUTE_BIT;
    s->max_compute_workgroup_subgroups = s->max_compute_work_group_invocations / s->min_subgroup_size;
}

static void add_float16(octavo_device_snapshot *s) {
    s->extensions |= OCTAVO_GPU_EXTENSION_FLOAT16_INT8 | OCTAVO_GPU_EXTENSION_SUBGROUP_EXTENDED_TYPES |
                     OCTAVO_GPU_EXTENSION_SHADER_FLOAT_CONTROLS;
    s->denorm_preserve_float16 = VK_TRUE;
    s->features.shader_float16 = s->features.shader_int8 = s->features.shader_int16 = VK_TRUE;
    s->features.shader_subgroup_extended_types = VK_TRUE;
}

static void add_int_dot(octavo_device_snapshot *s, VkBool32 accelerated) {
    s->extensions |= OCTAVO_GPU_EXTENSION_INTEGER_DOT_PRODUCT;
    s->features.shader_integer_dot_product = VK_TRUE;
    s->int_dot_accelerated = s->int_dot_unsigned_accelerated = s->int_dot_mixed_accelerated = accelerated;
}

static void add_push_descriptor(octavo_device_snapshot *s) {
    s->extensions |= OCTAVO_GPU_EXTENSION_PUSH_DESCRIPTOR;
    s->max_push_descriptors = 32;
}

static void add_memory_model(octavo_device_snapshot *s) {
    s->extensions |= OCTAVO_GPU_EXTENSION_VULKAN_MEMORY_MODEL;
    s->features.vulkan_memory_model = s->features.vulkan_memory_model_device_scope = VK_TRUE;
}

static void add_statistics(octavo_device_snapshot *s) {
    s->extensions |= OCTAVO_GPU_EXTENSION_PIPELINE_EXECUTABLE_PROPERTIES;
    s->features.pipeline_executable_info = VK_TRUE;
}

static void add_pipeline_robustness(octavo_device_snapshot *s) {
    s->extensions |= OCTAVO_GPU_EXTENSION_PIPELINE_ROBUSTNESS;
    s->features.pipeline_robustness = VK_TRUE;
}

static void add_matrix(octavo_device_snapshot *s, uint32_t m, uint32_t n, uint32_t k, VkComponentTypeKHR input,
                       VkComponentTypeKHR sum) {
    s->extensions |= OCTAVO_GPU_EXTENSION_COOPERATIVE_MATRIX;
    s->features.cooperative_matrix = VK_TRUE;
    s->matrix_stages = VK_SHADER_STAGE_COMPUTE_BIT;
    s->matrix_shapes[s->matrix_shape_count++] =
        (octavo_gpu_matrix_shape){m, n, k, input, input, sum, sum, VK_SCOPE_SUBGROUP_KHR, VK_FALSE};
}

static void add_matrices(octavo_device_snapshot *s, uint32_t m, uint32_t n) {
    add_matrix(s, m, n, 16, VK_COMPONENT_TYPE_FLOAT16_KHR, VK_COMPONENT_TYPE_FLOAT32_KHR);
    add_matrix(s, m, n, 32, VK_COMPONENT_TYPE_SINT8_KHR, VK_COMPONENT_TYPE_SINT32_KHR);
}

static void set_desktop(octavo_device_snapshot *s) {
    s->api_version = VK_API_VERSION_1_3;
    s->max_push_constants_size = 256;
    s->max_bound_descriptor_sets = 32;
    s->non_coherent_atom_size = 64;
    add_push_descriptor(s);
    add_float16(s);
    add_memory_model(s);
    add_statistics(s);
    add_pipeline_robustness(s);
}

static void set_nvidia(octavo_device_snapshot *s) {
    set_limits(s, 4 * GIB - 1, 49152, 1024, 1048576, 16);
    set_desktop(s);
    set_subgroups(s, 32, 32, 32);
    add_size_control(s);
    add_int_dot(s, VK_TRUE);
    add_matrices(s, 16, 8);
    s->timestamp_period = 1.0f;
    s->max_compute_work_group_count[0] = 2147483647;
    s->queue_family_count = 3;
    s->queue_families[0] =
        (octavo_gpu_queue_family){VK_QUEUE_GRAPHICS_BIT | VK_QUEUE_COMPUTE_BIT | VK_QUEUE_TRANSFER_BIT, 16, 64};
    s->queue_families[1] = (octavo_gpu_queue_family){VK_QUEUE_TRANSFER_BIT, 2, 64};
    s->queue_families[2] = (octavo_gpu_queue_family){VK_QUEUE_COMPUTE_BIT | VK_QUEUE_TRANSFER_BIT, 8, 64};
    s->extensions |= OCTAVO_GPU_EXTENSION_SHADER_SM_BUILTINS;
}

static void set_amd(octavo_device_snapshot *s) {
    set_limits(s, 4 * GIB - 1, 65536, 1024, 8388606, 4);
    set_desktop(s);
    s->timestamp_period = 10.0f;
    s->queue_family_count = 2;
    s->queue_families[0] =
        (octavo_gpu_queue_family){VK_QUEUE_GRAPHICS_BIT | VK_QUEUE_COMPUTE_BIT | VK_QUEUE_TRANSFER_BIT, 1, 64};
    s->queue_families[1] = (octavo_gpu_queue_family){VK_QUEUE_COMPUTE_BIT | VK_QUEUE_TRANSFER_BIT, 4, 64};
    s->extensions |= OCTAVO_GPU_EXTENSION_SHADER_CORE_PROPERTIES;
}

static void set_intel(octavo_device_snapshot *s) {
    set_limits(s, GIB, 65536, 1024, 1024, 4);
    set_desktop(s);
    set_subgroups(s, 32, 8, 32);
    add_size_control(s);
    s->max_compute_workgroup_subgroups = 64;
    s->timestamp_period = 52.08f;
    s->queue_families[0].timestamp_valid_bits = 36;
}

static void fabricate_mobile(fabricated_device which, octavo_device_snapshot *s) {
    const VkPhysicalDeviceType integrated = VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU;
    switch (which) {
    case FABRICATED_ANDROID_2022:
        set_minimum(s, "Android baseline 2022", integrated, 0x13b5);
        s->subgroup_operations = BASIC | ARITHMETIC | VK_SUBGROUP_FEATURE_BALLOT_BIT | VK_SUBGROUP_FEATURE_VOTE_BIT;
        break;
    case FABRICATED_ADRENO_630:
        set_minimum(s, "Adreno (TM) 630", integrated, 0x5143);
        set_limits(s, 128 * MIB, 32768, 1024, 24, 64);
        set_subgroups(s, 64, 64, 64); /* 128 too, but it cannot be chosen */
        add_float16(s);
        add_push_descriptor(s);
        break;
    case FABRICATED_ADRENO_740:
        set_minimum(s, "Adreno (TM) 740", integrated, 0x5143);
        s->api_version = VK_API_VERSION_1_3;
        set_limits(s, 128 * MIB, 32768, 1024, 500000, 64);
        s->max_push_constants_size = 256;
        set_subgroups(s, 64, 64, 128);
        add_size_control(s);
        add_float16(s);
        add_int_dot(s, VK_TRUE);
        s->int_dot_accelerated = VK_FALSE; /* Turnip: unsigned and mixed only */
        add_push_descriptor(s);
        add_memory_model(s);
        break;
    case FABRICATED_MALI_G52:
        set_minimum(s, "Mali-G52", integrated, 0x13b5);
        set_limits(s, 128 * MIB, 32768, 384, 35, 16);
        set_subgroups(s, 8, 8, 8);
        s->subgroup_operations = BASIC | VK_SUBGROUP_FEATURE_VOTE_BIT | VK_SUBGROUP_FEATURE_BALLOT_BIT;
        add_float16(s);
        break;
    case FABRICATED_MALI_G610:
        set_minimum(s, "Mali-G610", integrated, 0x13b5);
        s->api_version = VK_API_VERSION_1_3;
        set_limits(s, 128 * MIB, 32768, 512, 500000, 16);
        s->max_push_constants_size = 256;
        set_subgroups(s, 16, 16, 16);
        add_size_control(s);
        add_float16(s);
        add_int_dot(s, VK_TRUE);
        add_push_descriptor(s);
        add_memory_model(s);
        s->extensions |= OCTAVO_GPU_EXTENSION_SHADER_CORE_BUILTINS;
        s->core_count = 4;
        s->subgroups_per_core = 64;
        break;
    case FABRICATED_POWERVR_BXM:
        set_minimum(s, "PowerVR B-Series BXM-8-256", integrated, 0x1010);
        s->api_version = VK_API_VERSION_1_2;
        set_limits(s, 128 * MIB, 16384, 512, 96, 16);
        set_subgroups(s, 1, 1, 1); /* reports one invocation */
        s->subgroup_operations = BASIC;
        add_push_descriptor(s);
        break;
    default:
        set_minimum(s, "Android baseline 2021", integrated, 0x13b5);
        break;
    }
    set_shared_memory(s, 4 * GIB);
}

static void fabricate_software(fabricated_device which, octavo_device_snapshot *s) {
    if (which == FABRICATED_LAVAPIPE) {
        set_minimum(s, "llvmpipe (LLVM 15.0.6, 256 bits)", VK_PHYSICAL_DEVICE_TYPE_CPU, 0x10005);
        set_limits(s, 128 * MIB, 32768, 1024, 32, 16);
        s->api_version = VK_API_VERSION_1_3;
        add_float16(s);
        add_push_descriptor(s);
        add_memory_model(s);
    } else {
        set_minimum(s, "SwiftShader Device (Subzero)", VK_PHYSICAL_DEVICE_TYPE_CPU, 0x1ae0);
        set_limits(s, GIB, 32768, 256, 30, 16);
        s->api_version = VK_API_VERSION_1_3;
        s->queue_families[0].timestamp_valid_bits = 64;
    }
    uint32_t size = which == FABRICATED_LAVAPIPE ? 8 : 4;
    set_subgroups(s, size, size, size);
    add_size_control(s);
    add_int_dot(s, VK_FALSE);
    s->timestamp_period = 1.0f;
    s->memory.memoryHeapCount = 1;
    s->memory.memoryHeaps[0] = (VkMemoryHeap){2 * GIB, VK_MEMORY_HEAP_DEVICE_LOCAL_BIT};
    set_memory_type(s, LOCAL | VISIBLE | COHERENT | CACHED, 0);
}

void fabricate_device(fabricated_device which, octavo_device_snapshot *s) {
    const VkPhysicalDeviceType discrete = VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU;
    switch (which) {
    case FABRICATED_INTEL_TGL:
        set_minimum(s, "Intel(R) Xe Graphics (TGL GT2)", VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU, 0x8086);
        set_intel(s);
        add_int_dot(s, VK_TRUE);
        set_shared_memory(s, 8 * GIB);
        break;
    case FABRICATED_INTEL_DG2:
        set_minimum(s, "Intel(R) Arc(tm) A770 Graphics (DG2)", discrete, 0x8086);
        set_intel(s);
        add_int_dot(s, VK_TRUE);
        add_matrices(s, 8, 8);
        set_discrete_memory(s, 16 * GIB, 256 * MIB);
        break;
    case FABRICATED_GCN_POLARIS:
        set_minimum(s, "AMD Radeon RX 580 (RADV POLARIS10)", discrete, 0x1002);
        set_amd(s);
        s->features.shader_float16 = VK_FALSE; /* RADV offers f16 arithmetic from GFX9 on */
        set_subgroups(s, 64, 64, 64);
        add_size_control(s);
        s->required_subgroup_size_stages = 0; /* as RADV says where there is one size */
        add_int_dot(s, VK_FALSE);
        s->core_count = 36;
        s->subgroups_per_core = 40;
        set_discrete_memory(s, 8 * GIB, 256 * MIB);
        break;
    case FABRICATED_RDNA3:
        set_minimum(s, "AMD Radeon RX 7900 XTX (RADV NAVI31)", discrete, 0x1002);
        set_amd(s);
        set_subgroups(s, 64, 32, 64);
        add_size_control(s);
        add_int_dot(s, VK_TRUE);
        add_matrices(s, 16, 16);
        s->core_count = 96;
        s->subgroups_per_core = 32;
        set_discrete_memory(s, 24 * GIB, 24 * GIB);
        break;
    case FABRICATED_TURING:
        set_minimum(s, "NVIDIA GeForce RTX 2080", discrete, 0x10de);
        set_nvidia(s);
        s->core_count = 46;
        s->subgroups_per_core = 32;
        set_discrete_memory(s, 8 * GIB, 224 * MIB);
        break;
    case FABRICATED_HOPPER:
        set_minimum(s, "NVIDIA H200", discrete, 0x10de);
        set_nvidia(s);
        s->core_count = 132;
        s->subgroups_per_core = 64;
        set_discrete_memory(s, 141 * GIB, 141 * GIB);
        break;
    case FABRICATED_LAVAPIPE:
    case FABRICATED_SWIFTSHADER:
        fabricate_software(which, s);
        break;
    case FABRICATED_VULKAN_1_0:
        set_minimum(s, "Mali-T880", VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU, 0x13b5);
        s->api_version = VK_API_VERSION_1_0;
        set_shared_memory(s, GIB);
        break;
    default:
        fabricate_mobile(which, s);
        break;
    }
}

bool fabricate_usable_device(fabricated_device which, usable_device *device) {
    octavo_device_plan_options options = {0};
    octavo_device_plan plan;
    fabricate_device(which, &device->snapshot);
    octavo_gpu_plan_device(&device->snapshot, &options, &plan);
    device->capabilities = plan.capabilities;
    return plan.usable != VK_FALSE;
}
