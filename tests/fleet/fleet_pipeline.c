#include "fleet_pipeline.h"

#include <stdio.h>

#include "fleet_isa.h"
#include "fleet_module.h"

enum { PUSH_CONSTANT_BYTES = 128 };

/* Why the device cannot take the job, or NULL. */
static const char *find_obstacle(const fleet_device *device, const fleet_job *job, const fleet_module *module) {
    for (uint32_t i = 0; i < module->capability_count; i++) {
        const char *missing = fleet_device_missing(device, module->capabilities[i]);
        if (missing) {
            return missing;
        }
    }
    if (job->full_subgroups && !device->features.subgroup_size.computeFullSubgroups) {
        return "computeFullSubgroups";
    }
    if (job->subgroup_size == 0) {
        return NULL;
    }
    if (!device->features.subgroup_size.subgroupSizeControl ||
        !(device->subgroup_sizes.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT)) {
        return "subgroupSizeControl";
    }
    bool inside = job->subgroup_size >= device->subgroup_sizes.minSubgroupSize &&
                  job->subgroup_size <= device->subgroup_sizes.maxSubgroupSize;
    return inside ? NULL : "subgroup size out of the device's range";
}

static VkResult create_layout(const fleet_device *device, const fleet_module *module, VkDescriptorSetLayout *sets,
                              VkPipelineLayout *layout) {
    for (uint32_t set = 0; set < module->set_count; set++) {
        VkDescriptorSetLayoutBinding bindings[FLEET_MAX_BINDINGS];
        uint32_t count = 0;
        for (uint32_t i = 0; i < module->binding_count; i++) {
            if (module->bindings[i].set == set) {
                bindings[count++] = (VkDescriptorSetLayoutBinding){
                    .binding = module->bindings[i].binding,
                    .descriptorType = module->bindings[i].uniform_buffer ? VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER
                                                                         : VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                    .descriptorCount = 1,
                    .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT};
            }
        }
        VkDescriptorSetLayoutCreateInfo info = {
            .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO, .bindingCount = count, .pBindings = bindings};
        VkResult result = device->vkCreateDescriptorSetLayout(device->device, &info, NULL, &sets[set]);
        if (result != VK_SUCCESS) {
            return result;
        }
    }
    VkPushConstantRange range = {.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT, .size = PUSH_CONSTANT_BYTES};
    VkPipelineLayoutCreateInfo info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                       .setLayoutCount = module->set_count,
                                       .pSetLayouts = sets,
                                       .pushConstantRangeCount = 1,
                                       .pPushConstantRanges = &range};
    return device->vkCreatePipelineLayout(device->device, &info, NULL, layout);
}

static VkResult create_pipeline(const fleet_device *device, const fleet_job *job, VkShaderModule shader,
                                VkPipelineLayout layout, VkPipeline *pipeline) {
    VkSpecializationMapEntry entries[FLEET_MAX_CONSTANTS];
    uint32_t values[FLEET_MAX_CONSTANTS];
    for (uint32_t i = 0; i < job->constant_count; i++) {
        values[i] = job->constants[i].value;
        entries[i] = (VkSpecializationMapEntry){
            .constantID = job->constants[i].id, .offset = i * (uint32_t)sizeof values[0], .size = sizeof values[0]};
    }
    VkSpecializationInfo constants = {.mapEntryCount = job->constant_count,
                                      .pMapEntries = entries,
                                      .dataSize = job->constant_count * sizeof values[0],
                                      .pData = values};
    VkPipelineShaderStageRequiredSubgroupSizeCreateInfo required = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO,
        .requiredSubgroupSize = job->subgroup_size};
    VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .layout = layout,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .pNext = job->subgroup_size ? &required : NULL,
                  .flags = job->full_subgroups ? VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT : 0,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = shader,
                  .pName = job->entry,
                  .pSpecializationInfo = &constants}};
    if (device->features.statistics.pipelineExecutableInfo) {
        info.flags = VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR;
        if (job->wants_isa) {
            info.flags |= VK_PIPELINE_CREATE_CAPTURE_INTERNAL_REPRESENTATIONS_BIT_KHR;
        }
    }
    return device->vkCreateComputePipelines(device->device, VK_NULL_HANDLE, 1, &info, NULL, pipeline);
}

fleet_result fleet_compile(const fleet_device *device, const fleet_job *job, fleet_statistics *statistics, char *reason,
                           size_t reason_size) {
    static fleet_module module;
    const char *problem = fleet_module_read(job->words, job->word_count, &module);
    if (problem) {
        snprintf(reason, reason_size, "the module has %s", problem);
        return FLEET_FAILED;
    }
    problem = find_obstacle(device, job, &module);
    if (problem) {
        snprintf(reason, reason_size, "%s", problem);
        return FLEET_UNSUPPORTED;
    }
    VkDescriptorSetLayout sets[FLEET_MAX_SETS] = {VK_NULL_HANDLE};
    VkPipelineLayout layout = VK_NULL_HANDLE;
    VkShaderModule shader = VK_NULL_HANDLE;
    VkPipeline pipeline = VK_NULL_HANDLE;
    VkShaderModuleCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                     .codeSize = job->word_count * sizeof job->words[0],
                                     .pCode = job->words};
    VkResult result = create_layout(device, &module, sets, &layout);
    if (result == VK_SUCCESS) {
        result = device->vkCreateShaderModule(device->device, &info, NULL, &shader);
    }
    if (result == VK_SUCCESS) {
        result = create_pipeline(device, job, shader, layout, &pipeline);
    }
    fleet_result outcome = FLEET_FAILED;
    if (result == VK_SUCCESS && pipeline != VK_NULL_HANDLE) {
        fleet_statistics_read(device, pipeline, statistics);
        if (job->wants_isa && device->features.statistics.pipelineExecutableInfo) {
            statistics->matrix = fleet_isa_matrix_instructions(device, pipeline);
        }
        outcome = statistics->memory ? FLEET_SPILLS : FLEET_OK;
    } else {
        snprintf(reason, reason_size, "VkResult %d", (int)result);
    }
    device->vkDestroyPipeline(device->device, pipeline, NULL);
    device->vkDestroyShaderModule(device->device, shader, NULL);
    device->vkDestroyPipelineLayout(device->device, layout, NULL);
    for (uint32_t i = 0; i < module.set_count; i++) {
        device->vkDestroyDescriptorSetLayout(device->device, sets[i], NULL);
    }
    return outcome;
}
