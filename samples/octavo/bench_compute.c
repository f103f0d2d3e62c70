#define _POSIX_C_SOURCE 200809L

#include <volk.h>

#include "bench_compute.h"

#include <string.h>
#include <time.h>

double octavo_bench_clock(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static VkResult create_layouts(octavo_bench_compute *compute) {
    VkDevice device = compute->vulkan.device;
    VkDescriptorSetLayoutBinding bindings[2];
    for (uint32_t i = 0; i < 2; i++)
        bindings[i] = (VkDescriptorSetLayoutBinding){.binding = i,
                                                     .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                                     .descriptorCount = 1,
                                                     .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT};
    VkDescriptorSetLayoutCreateInfo set_info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO, .bindingCount = 2, .pBindings = bindings};
    VkResult result = vkCreateDescriptorSetLayout(device, &set_info, NULL, &compute->set_layout);
    if (result != VK_SUCCESS) return result;
    VkPushConstantRange range = {VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof(octavo_bench_push)};
    VkPipelineLayoutCreateInfo layout_info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                              .setLayoutCount = 1,
                                              .pSetLayouts = &compute->set_layout,
                                              .pushConstantRangeCount = 1,
                                              .pPushConstantRanges = &range};
    return vkCreatePipelineLayout(device, &layout_info, NULL, &compute->pipeline_layout);
}

static VkResult create_set(octavo_bench_compute *compute) {
    VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 2};
    VkDescriptorPoolCreateInfo pool_info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO, .maxSets = 1, .poolSizeCount = 1, .pPoolSizes = &size};
    VkResult result = vkCreateDescriptorPool(compute->vulkan.device, &pool_info, NULL, &compute->pool);
    if (result != VK_SUCCESS) return result;
    VkDescriptorSetAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                        .descriptorPool = compute->pool,
                                        .descriptorSetCount = 1,
                                        .pSetLayouts = &compute->set_layout};
    return vkAllocateDescriptorSets(compute->vulkan.device, &info, &compute->set);
}

bool octavo_bench_compute_create(octavo_device *device, octavo_bench_compute *compute, octavo_error_line *error) {
    memset(compute, 0, sizeof *compute);
    compute->device = device;
    octavo_device_get_handles(device, &compute->vulkan);
    volkLoadInstanceOnly(compute->vulkan.instance);
    volkLoadDevice(compute->vulkan.device);
    VkPhysicalDeviceProperties properties;
    vkGetPhysicalDeviceProperties(compute->vulkan.physical_device, &properties);
    compute->limits = properties.limits;
    VkResult result = create_layouts(compute);
    if (result == VK_SUCCESS) result = create_set(compute);
    if (result != VK_SUCCESS) return octavo_error_line_set(error, "the benchmark's kernels: VkResult %d", (int)result);
    octavo_status status = octavo_commands_create(device, &compute->commands);
    return status == OCTAVO_SUCCESS ||
           octavo_error_line_set(error, "octavo_commands_create: %s", octavo_status_string(status));
}

void octavo_bench_compute_release(octavo_bench_compute *compute) {
    if (compute->device == NULL) return;
    octavo_commands_destroy(compute->commands);
    vkDestroyDescriptorPool(compute->vulkan.device, compute->pool, NULL);
    vkDestroyPipelineLayout(compute->vulkan.device, compute->pipeline_layout, NULL);
    vkDestroyDescriptorSetLayout(compute->vulkan.device, compute->set_layout, NULL);
    compute->device = NULL;
}

void octavo_bench_compute_bind(octavo_bench_compute *compute, const octavo_buffer *source,
                               const octavo_buffer *destination) {
    VkDescriptorBufferInfo ranges[2] = {{octavo_buffer_handle(source), 0, VK_WHOLE_SIZE},
                                        {octavo_buffer_handle(destination), 0, VK_WHOLE_SIZE}};
    VkWriteDescriptorSet write = {.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                  .dstSet = compute->set,
                                  .descriptorCount = 2,
                                  .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                  .pBufferInfo = ranges};
    vkUpdateDescriptorSets(compute->vulkan.device, 1, &write, 0, NULL);
}

VkPipeline octavo_bench_compute_pipeline(octavo_bench_compute *compute, const octavo_bench_module *module,
                                         const uint32_t constants[OCTAVO_BENCH_CONSTANTS]) {
    VkDevice device = compute->vulkan.device;
    VkShaderModuleCreateInfo module_info = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO, .codeSize = module->size, .pCode = module->words};
    VkShaderModule shader = VK_NULL_HANDLE;
    if (vkCreateShaderModule(device, &module_info, NULL, &shader) != VK_SUCCESS) return VK_NULL_HANDLE;
    const VkSpecializationMapEntry entries[OCTAVO_BENCH_CONSTANTS] = {{0, 0, 4}, {1, 4, 4}, {2, 8, 4}, {3, 12, 4}};
    VkSpecializationInfo specialisation = {OCTAVO_BENCH_CONSTANTS, entries,
                                           OCTAVO_BENCH_CONSTANTS * sizeof constants[0], constants};
    VkComputePipelineCreateInfo info = {.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
                                        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                                                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                                                  .module = shader,
                                                  .pName = "main",
                                                  .pSpecializationInfo = &specialisation},
                                        .layout = compute->pipeline_layout};
    VkPipeline pipeline = VK_NULL_HANDLE;
    if (vkCreateComputePipelines(device, VK_NULL_HANDLE, 1, &info, NULL, &pipeline) != VK_SUCCESS)
        pipeline = VK_NULL_HANDLE;
    vkDestroyShaderModule(device, shader, NULL);
    return pipeline;
}

void octavo_bench_compute_destroy_pipeline(octavo_bench_compute *compute, VkPipeline pipeline) {
    vkDestroyPipeline(compute->vulkan.device, pipeline, NULL);
}

octavo_status octavo_bench_compute_run(octavo_bench_compute *compute, VkPipeline pipeline, octavo_bench_push push,
                                       uint32_t workgroups, double *gpu_seconds, double *host_seconds) {
    VkCommandBuffer command_buffer = VK_NULL_HANDLE;
    octavo_status status = octavo_commands_begin(compute->commands, &command_buffer);
    if (status != OCTAVO_SUCCESS) return status;
    vkCmdBindPipeline(command_buffer, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
    vkCmdBindDescriptorSets(command_buffer, VK_PIPELINE_BIND_POINT_COMPUTE, compute->pipeline_layout, 0, 1,
                            &compute->set, 0, NULL);
    vkCmdPushConstants(command_buffer, compute->pipeline_layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof push, &push);
    vkCmdDispatch(command_buffer, workgroups, 1, 1);
    double start = octavo_bench_clock();
    status = octavo_commands_submit_and_wait(compute->commands, gpu_seconds);
    *host_seconds = octavo_bench_clock() - start;
    return status;
}
