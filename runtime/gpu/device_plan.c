#include "gpu/device_plan.h"

#include "gpu/gpu.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void refuse(octavo_device_plan *plan, const char *format, ...) OCTAVO_PRINTF(2, 3);
static void refuse(octavo_device_plan *plan, const char *format, ...) {
    va_list values;
    va_start(values, format);
    vsnprintf(plan->reason, sizeof plan->reason, format, values);
    va_end(values);
}

/* Compute without graphics is the queue that a compositor does not use; timestamps count for more. */
static uint32_t choose_queue_family(const octavo_device_snapshot *s) {
    uint32_t best = UINT32_MAX;
    int best_score = -1;
    for (uint32_t i = 0; i < s->queue_family_count; i++) {
        const octavo_gpu_queue_family *family = &s->queue_families[i];
        if (!(family->flags & VK_QUEUE_COMPUTE_BIT) || family->queue_count == 0) continue;
        int score = (family->timestamp_valid_bits ? 2 : 0) + (family->flags & VK_QUEUE_GRAPHICS_BIT ? 0 : 1);
        if (score > best_score) {
            best = i;
            best_score = score;
        }
    }
    return best;
}

static VkBool32 check_limits(const octavo_device_snapshot *s, octavo_device_plan *plan) {
    const struct {
        const char *name;
        uint64_t value, minimum;
    } limits[] = {
        {"maxComputeWorkGroupInvocations", s->max_compute_work_group_invocations, OCTAVO_GPU_MIN_INVOCATIONS},
        {"maxComputeWorkGroupSize[0]", s->max_compute_work_group_size[0], OCTAVO_GPU_MIN_INVOCATIONS},
        {"maxComputeSharedMemorySize", s->max_compute_shared_memory_size, OCTAVO_GPU_MIN_SHARED_MEMORY},
        {"maxPerStageDescriptorStorageBuffers", s->max_stage_storage_buffers, OCTAVO_GPU_MIN_STORAGE_BUFFERS},
        {"maxPushConstantsSize", s->max_push_constants_size, OCTAVO_GPU_MIN_PUSH_CONSTANTS},
        {"maxStorageBufferRange", s->max_storage_buffer_range, 1u << 20},
        {"maxComputeWorkGroupCount[0]", s->max_compute_work_group_count[0], 65535},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        if (limits[i].value < limits[i].minimum) {
            refuse(plan, "%s is %llu, at least %llu is needed", limits[i].name, (unsigned long long)limits[i].value,
                   (unsigned long long)limits[i].minimum);
            return VK_FALSE;
        }
    }
    if (s->min_storage_buffer_offset_alignment > 256) {
        refuse(plan, "minStorageBufferOffsetAlignment is %llu, at most 256 is possible",
               (unsigned long long)s->min_storage_buffer_offset_alignment);
        return VK_FALSE;
    }
    return VK_TRUE;
}

static VkBool32 check_memory(const octavo_device_snapshot *s, octavo_device_plan *plan) {
    const VkMemoryPropertyFlags coherent = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    for (uint32_t i = 0; i < s->memory.memoryTypeCount; i++) {
        if ((s->memory.memoryTypes[i].propertyFlags & coherent) == coherent) return VK_TRUE;
    }
    refuse(plan, "no memory type is host visible and coherent");
    return VK_FALSE;
}

/* One size needs no choice, and drivers of such devices often offer none: GCN, NVK, Apple. */
VkBool32 octavo_gpu_requires_subgroup_size(const octavo_device_snapshot *s) {
    return s->features.subgroup_size_control && (s->required_subgroup_size_stages & VK_SHADER_STAGE_COMPUTE_BIT);
}

static uint32_t subgroup_capability(const octavo_device_snapshot *s) {
    const VkSubgroupFeatureFlags operations = VK_SUBGROUP_FEATURE_BASIC_BIT | VK_SUBGROUP_FEATURE_ARITHMETIC_BIT;
    const VkBool32 known_size = octavo_gpu_requires_subgroup_size(s) || s->min_subgroup_size == s->max_subgroup_size;
    VkBool32 usable = (s->subgroup_stages & VK_SHADER_STAGE_COMPUTE_BIT) &&
                      (s->subgroup_operations & operations) == operations && s->features.compute_full_subgroups &&
                      octavo_gpu_has_extension(s, OCTAVO_GPU_EXTENSION_SUBGROUP_SIZE_CONTROL) && known_size &&
                      s->min_subgroup_size > 0 && s->max_subgroup_size >= s->min_subgroup_size;
    return usable ? OCTAVO_CAPABILITY_SUBGROUP : 0;
}

static uint32_t find_capabilities(const octavo_device_snapshot *s, const octavo_device_plan_options *options,
                                  uint32_t queue_family_index) {
    const octavo_device_features *f = &s->features;
    uint32_t found = subgroup_capability(s);
    if (f->shader_integer_dot_product && octavo_gpu_has_extension(s, OCTAVO_GPU_EXTENSION_INTEGER_DOT_PRODUCT)) {
        found |= OCTAVO_CAPABILITY_INT_DOT;
    }
    if ((s->extensions & OCTAVO_GPU_EXTENSION_PUSH_DESCRIPTOR) && s->max_push_descriptors >= OCTAVO_GPU_BINDINGS_MAX) {
        found |= OCTAVO_CAPABILITY_PUSH_DESCRIPTOR;
    }
    if (s->queue_families[queue_family_index].timestamp_valid_bits && s->timestamp_period > 0.0f) {
        found |= OCTAVO_CAPABILITY_TIMESTAMPS;
    }
    if (f->pipeline_executable_info && (s->extensions & OCTAVO_GPU_EXTENSION_PIPELINE_EXECUTABLE_PROPERTIES)) {
        found |= OCTAVO_CAPABILITY_PIPELINE_STATISTICS;
    }
    if (f->pipeline_robustness && (s->extensions & OCTAVO_GPU_EXTENSION_PIPELINE_ROBUSTNESS)) {
        found |= OCTAVO_CAPABILITY_PIPELINE_ROBUSTNESS;
    }
    if (f->shader_float16 && octavo_gpu_has_extension(s, OCTAVO_GPU_EXTENSION_FLOAT16_INT8)) {
        found |= OCTAVO_CAPABILITY_FLOAT16;
    }
    if (options->debug_utils) found |= OCTAVO_CAPABILITY_DEBUG_NAMES;
    found &= ~options->hidden_capabilities;
    /* Matrix kernels use the memory model's scopes and need to know their subgroups. */
    if (f->cooperative_matrix && (s->extensions & OCTAVO_GPU_EXTENSION_COOPERATIVE_MATRIX) && f->vulkan_memory_model &&
        octavo_gpu_has_extension(s, OCTAVO_GPU_EXTENSION_VULKAN_MEMORY_MODEL) && s->matrix_shape_count > 0 &&
        (s->matrix_stages & VK_SHADER_STAGE_COMPUTE_BIT) && (found & OCTAVO_CAPABILITY_SUBGROUP)) {
        found |= OCTAVO_CAPABILITY_COOPERATIVE_MATRIX & ~options->hidden_capabilities;
    }
    return found;
}

static void choose_features(const octavo_device_snapshot *s, octavo_device_plan *plan) {
    const uint32_t has = plan->capabilities;
    octavo_device_features *f = &plan->features;
    *f = s->features;
    f->shader_integer_dot_product &= (has & OCTAVO_CAPABILITY_INT_DOT) != 0;
    f->subgroup_size_control &= (has & OCTAVO_CAPABILITY_SUBGROUP) != 0;
    f->compute_full_subgroups &= (has & OCTAVO_CAPABILITY_SUBGROUP) != 0;
    f->pipeline_executable_info &= (has & OCTAVO_CAPABILITY_PIPELINE_STATISTICS) != 0;
    f->pipeline_robustness &= (has & OCTAVO_CAPABILITY_PIPELINE_ROBUSTNESS) != 0;
    f->shader_float16 &= (has & OCTAVO_CAPABILITY_FLOAT16) != 0;
    f->cooperative_matrix &= (has & OCTAVO_CAPABILITY_COOPERATIVE_MATRIX) != 0;
}

static void choose_extensions(const octavo_device_snapshot *s, octavo_device_plan *plan) {
    const struct {
        uint32_t capability, extension;
    } hidden[] = {
        {OCTAVO_CAPABILITY_INT_DOT, OCTAVO_GPU_EXTENSION_INTEGER_DOT_PRODUCT},
        {OCTAVO_CAPABILITY_SUBGROUP, OCTAVO_GPU_EXTENSION_SUBGROUP_SIZE_CONTROL},
        {OCTAVO_CAPABILITY_PUSH_DESCRIPTOR, OCTAVO_GPU_EXTENSION_PUSH_DESCRIPTOR},
        {OCTAVO_CAPABILITY_PIPELINE_STATISTICS, OCTAVO_GPU_EXTENSION_PIPELINE_EXECUTABLE_PROPERTIES},
        {OCTAVO_CAPABILITY_COOPERATIVE_MATRIX, OCTAVO_GPU_EXTENSION_COOPERATIVE_MATRIX},
        {OCTAVO_CAPABILITY_PIPELINE_ROBUSTNESS, OCTAVO_GPU_EXTENSION_PIPELINE_ROBUSTNESS},
    };
    for (uint32_t i = 0; i < OCTAVO_GPU_EXTENSION_COUNT; i++) {
        const octavo_gpu_extension *extension = &octavo_gpu_extension_list[i];
        VkBool32 core = extension->core_version && s->api_version >= extension->core_version;
        if (extension->enable && !core) plan->extensions |= s->extensions & (1u << i);
    }
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
        if (!(plan->capabilities & hidden[i].capability)) plan->extensions &= ~hidden[i].extension;
    }
}

void octavo_gpu_plan_device(const octavo_device_snapshot *snapshot, const octavo_device_plan_options *options,
                            octavo_device_plan *plan) {
    memset(plan, 0, sizeof *plan);
    if (snapshot->api_version < VK_API_VERSION_1_1) {
        refuse(plan, "Vulkan %u.%u, at least 1.1 is needed (of the device, its driver and the instance)",
               (unsigned)VK_API_VERSION_MAJOR(snapshot->api_version),
               (unsigned)VK_API_VERSION_MINOR(snapshot->api_version));
        return;
    }
    plan->queue_family_index = options->imported ? options->queue_family_index : choose_queue_family(snapshot);
    if (plan->queue_family_index >= snapshot->queue_family_count) {
        if (options->imported) {
            refuse(plan, "queue_family_index is %u, the device has %u families", (unsigned)plan->queue_family_index,
                   (unsigned)snapshot->queue_family_count);
        } else {
            refuse(plan, "no queue family has compute");
        }
        return;
    }
    if (!(snapshot->queue_families[plan->queue_family_index].flags & VK_QUEUE_COMPUTE_BIT)) {
        refuse(plan, "queue family %u has no compute", (unsigned)plan->queue_family_index);
        return;
    }
    if (!check_limits(snapshot, plan) || !check_memory(snapshot, plan)) return;
    plan->capabilities = find_capabilities(snapshot, options, plan->queue_family_index);
    choose_features(snapshot, plan);
    choose_extensions(snapshot, plan);
    plan->usable = VK_TRUE;
}

uint32_t octavo_gpu_type_rank(VkPhysicalDeviceType type) {
    switch (type) {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
        return 0;
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
        return 1;
    case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
        return 2;
    case VK_PHYSICAL_DEVICE_TYPE_CPU:
        return 3;
    default:
        return 4;
    }
}

VkBool32 octavo_gpu_prefer(const octavo_device_snapshot *a, const octavo_device_snapshot *b) {
    uint32_t rank_a = octavo_gpu_type_rank(a->type), rank_b = octavo_gpu_type_rank(b->type);
    if (rank_a != rank_b) return rank_a < rank_b;
    return octavo_gpu_device_memory_bytes(a) > octavo_gpu_device_memory_bytes(b);
}
