#include "gpu/pipeline_internal.h"

#include <string.h>

static octavo_status check_info(octavo_device *device, const octavo_gpu_pipeline_info *info) {
    const octavo_device_snapshot *s = &device->snapshot;
    const struct {
        const char *name;
        uint32_t value, limit;
    } limits[] = {
        {"binding_count", info->binding_count, OCTAVO_GPU_BINDINGS_MAX},
        {"binding_count (storage buffers of a stage)", info->binding_count, s->max_stage_storage_buffers},
        {"constant_count", info->constant_count, OCTAVO_GPU_CONSTANTS_MAX},
        {"push_constant_bytes", info->push_constant_bytes, s->max_push_constants_size},
        {"required_subgroup_size", info->required_subgroup_size, s->max_subgroup_size},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        if (limits[i].value <= limits[i].limit) continue;
        return octavo_gpu_fail(device, OCTAVO_UNSUPPORTED, "pipeline %s: %s is %u, the limit is %u", info->name,
                               limits[i].name, (unsigned)limits[i].value, (unsigned)limits[i].limit);
    }
    if (info->required_subgroup_size) {
        if (!(device->plan.capabilities & OCTAVO_CAPABILITY_SUBGROUP)) {
            return octavo_gpu_fail(device, OCTAVO_UNSUPPORTED,
                                   "pipeline %s: required_subgroup_size is %u, the device cannot choose", info->name,
                                   (unsigned)info->required_subgroup_size);
        }
        if (info->required_subgroup_size < s->min_subgroup_size ||
            (info->required_subgroup_size & (info->required_subgroup_size - 1))) {
            return octavo_gpu_fail(
                device, OCTAVO_UNSUPPORTED,
                "pipeline %s: required_subgroup_size is %u, powers of two from %u to %u are possible", info->name,
                (unsigned)info->required_subgroup_size, (unsigned)s->min_subgroup_size, (unsigned)s->max_subgroup_size);
        }
    }
    if (!info->code || info->code_bytes < 20 || info->code_bytes % 4 || info->code[0] != 0x07230203u) {
        return octavo_gpu_fail(device, OCTAVO_UNSUPPORTED, "pipeline %s: the code (%zu bytes) is not SPIR-V",
                               info->name, info->code_bytes);
    }
    return OCTAVO_SUCCESS;
}

static octavo_status create_layout(octavo_gpu_pipeline *pipeline) {
    octavo_device *device = pipeline->device;
    VkPushConstantRange range = {VK_SHADER_STAGE_COMPUTE_BIT, 0, pipeline->push_constant_bytes};
    VkPipelineLayoutCreateInfo info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                       .setLayoutCount = pipeline->binding_count ? 1 : 0,
                                       .pSetLayouts = &device->set_layouts[pipeline->binding_count],
                                       .pushConstantRangeCount = pipeline->push_constant_bytes ? 1 : 0,
                                       .pPushConstantRanges = &range};
    VkResult result = device->vk.vkCreatePipelineLayout(device->handles.device, &info, NULL, &pipeline->layout);
    if (result < 0) pipeline->layout = VK_NULL_HANDLE;
    return octavo_gpu_result(device, result, "vkCreatePipelineLayout");
}

/* A compile that fails is a warning: the caller has other variants. */
static octavo_status compile_failed(octavo_device *device, const octavo_gpu_pipeline_info *info, VkResult result,
                                    const char *call) {
    octavo_status status = octavo_gpu_status_of(result);
    if (status == OCTAVO_SUCCESS) status = OCTAVO_DRIVER_ERROR; /* a null handle, or VK_PIPELINE_COMPILE_REQUIRED */
    octavo_gpu_log(device, OCTAVO_LOG_WARNING, "pipeline %s: %s returned %d", info->name, call, (int)result);
    return status;
}

static octavo_status compile(octavo_gpu_pipeline *pipeline, const octavo_gpu_pipeline_info *info, VkShaderModule module,
                             VkPipelineCache cache) {
    octavo_device *device = pipeline->device;
    VkSpecializationMapEntry entries[OCTAVO_GPU_CONSTANTS_MAX];
    for (uint32_t i = 0; i < info->constant_count; i++) {
        entries[i] =
            (VkSpecializationMapEntry){info->constant_ids[i], i * (uint32_t)sizeof(uint32_t), sizeof(uint32_t)};
    }
    VkSpecializationInfo constants = {info->constant_count, entries, info->constant_count * sizeof(uint32_t),
                                      info->constant_values};
    VkPipelineShaderStageRequiredSubgroupSizeCreateInfo subgroup = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO,
        .requiredSubgroupSize = info->required_subgroup_size};
    const VkBool32 names_size = info->required_subgroup_size && octavo_gpu_requires_subgroup_size(&device->snapshot);
    /* A driver may check each access against the buffer's end though robustBufferAccess is off: on an H100 that is up
     * to 7 % of a kernel's time. */
    const VkPipelineRobustnessCreateInfoEXT unchecked = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_ROBUSTNESS_CREATE_INFO_EXT,
        .storageBuffers = VK_PIPELINE_ROBUSTNESS_BUFFER_BEHAVIOR_DISABLED_EXT,
        .uniformBuffers = VK_PIPELINE_ROBUSTNESS_BUFFER_BEHAVIOR_DISABLED_EXT,
        .vertexInputs = VK_PIPELINE_ROBUSTNESS_BUFFER_BEHAVIOR_DISABLED_EXT,
        .images = VK_PIPELINE_ROBUSTNESS_IMAGE_BEHAVIOR_DISABLED_EXT};
    const VkBool32 may_skip_checks = (device->plan.capabilities & OCTAVO_CAPABILITY_PIPELINE_ROBUSTNESS) != 0;
    VkComputePipelineCreateInfo create = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .pNext = may_skip_checks ? &unchecked : NULL,
        .flags = pipeline->has_statistics ? VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR : 0,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .pNext = names_size ? &subgroup : NULL,
                  .flags =
                      info->required_subgroup_size ? VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT : 0,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = module,
                  .pName = "main",
                  .pSpecializationInfo = info->constant_count ? &constants : NULL},
        .layout = pipeline->layout};
    VkResult result =
        device->vk.vkCreateComputePipelines(device->handles.device, cache, 1, &create, NULL, &pipeline->handle);
    if (result != VK_SUCCESS || !pipeline->handle) {
        if (result < 0) pipeline->handle = VK_NULL_HANDLE;
        return compile_failed(device, info, result, "vkCreateComputePipelines");
    }
    octavo_gpu_name_object(device, VK_OBJECT_TYPE_PIPELINE, OCTAVO_GPU_HANDLE_BITS(pipeline->handle), info->name);
    return OCTAVO_SUCCESS;
}

octavo_status octavo_gpu_pipeline_create(octavo_device *device, const octavo_gpu_pipeline_info *info,
                                         octavo_gpu_pipeline **result) {
    *result = NULL;
    octavo_status status = check_info(device, info);
    if (status) return status;
    octavo_gpu_pipeline *pipeline = octavo_gpu_allocate(device, sizeof *pipeline);
    if (!pipeline) return OCTAVO_OUT_OF_HOST_MEMORY;
    pipeline->device = device;
    pipeline->binding_count = info->binding_count;
    pipeline->push_constant_bytes = info->push_constant_bytes;
    pipeline->has_statistics =
        info->capture_statistics && (device->plan.capabilities & OCTAVO_CAPABILITY_PIPELINE_STATISTICS);
    VkShaderModule module = VK_NULL_HANDLE;
    VkPipelineCache cache = VK_NULL_HANDLE;
    VkBool32 found = VK_FALSE;
    status = create_layout(pipeline);
    if (status) goto done;
    VkShaderModuleCreateInfo module_info = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO, .codeSize = info->code_bytes, .pCode = info->code};
    VkResult vk_result = device->vk.vkCreateShaderModule(device->handles.device, &module_info, NULL, &module);
    if (vk_result < 0) {
        module = VK_NULL_HANDLE;
        status = compile_failed(device, info, vk_result, "vkCreateShaderModule");
        goto done;
    }
    /* Statistics come from the compiler, not from a stored result. */
    if (!pipeline->has_statistics) cache = octavo_gpu_store_load(device, info, &found);
    status = compile(pipeline, info, module, cache);
    if (status == OCTAVO_SUCCESS && cache && !found) octavo_gpu_store_save(device, info, cache);
done:
    if (cache) device->vk.vkDestroyPipelineCache(device->handles.device, cache, NULL);
    if (module) device->vk.vkDestroyShaderModule(device->handles.device, module, NULL);
    if (status) {
        octavo_gpu_pipeline_destroy(pipeline);
    } else {
        *result = pipeline;
    }
    return status;
}

void octavo_gpu_pipeline_destroy(octavo_gpu_pipeline *pipeline) {
    if (!pipeline) return;
    octavo_device *device = pipeline->device;
    if (pipeline->handle) device->vk.vkDestroyPipeline(device->handles.device, pipeline->handle, NULL);
    if (pipeline->layout) device->vk.vkDestroyPipelineLayout(device->handles.device, pipeline->layout, NULL);
    octavo_gpu_release(device, pipeline, sizeof *pipeline);
}
