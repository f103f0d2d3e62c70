/* Recording: descriptors, push constants, dispatches, barriers, copies. */
#include "gpu/frame_internal.h"
#include "gpu/pipeline_internal.h"

static octavo_status bind_set(octavo_frame *frame, VkCommandBuffer command_buffer, const octavo_gpu_pipeline *pipeline,
                              VkWriteDescriptorSet *writes) {
    octavo_device *device = frame->device;
    octavo_status status = octavo_gpu_frame_reserve(frame, 0, 1);
    if (status) return status;
    VkDescriptorSetAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                        .descriptorPool = frame->pool,
                                        .descriptorSetCount = 1,
                                        .pSetLayouts = &device->set_layouts[pipeline->binding_count]};
    VkDescriptorSet set = VK_NULL_HANDLE;
    VkResult result = device->vk.vkAllocateDescriptorSets(device->handles.device, &info, &set);
    if (result < 0) return octavo_gpu_result(device, result, "vkAllocateDescriptorSets");
    frame->sets_used++;
    for (uint32_t i = 0; i < pipeline->binding_count; i++) writes[i].dstSet = set;
    device->vk.vkUpdateDescriptorSets(device->handles.device, pipeline->binding_count, writes, 0, NULL);
    device->vk.vkCmdBindDescriptorSets(command_buffer, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->layout, 0, 1, &set, 0,
                                       NULL);
    return OCTAVO_SUCCESS;
}

octavo_status octavo_gpu_dispatch(octavo_frame *frame, VkCommandBuffer command_buffer,
                                  const octavo_gpu_pipeline *pipeline, const octavo_gpu_range *ranges,
                                  const void *push_constants, uint32_t x, uint32_t y, uint32_t z) {
    const octavo_gpu_device_table *vk = &frame->device->vk;
    VkDescriptorBufferInfo buffers[OCTAVO_GPU_BINDINGS_MAX];
    VkWriteDescriptorSet writes[OCTAVO_GPU_BINDINGS_MAX];
    for (uint32_t i = 0; i < pipeline->binding_count; i++) {
        buffers[i] = (VkDescriptorBufferInfo){ranges[i].buffer, ranges[i].offset, ranges[i].size};
        writes[i] = (VkWriteDescriptorSet){.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                           .dstBinding = i,
                                           .descriptorCount = 1,
                                           .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                           .pBufferInfo = &buffers[i]};
    }
    if (pipeline->binding_count && !frame->pool) {
        vk->vkCmdPushDescriptorSetKHR(command_buffer, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->layout, 0,
                                      pipeline->binding_count, writes);
    } else if (pipeline->binding_count) {
        octavo_status status = bind_set(frame, command_buffer, pipeline, writes);
        if (status) return status;
    }
    vk->vkCmdBindPipeline(command_buffer, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->handle);
    if (pipeline->push_constant_bytes) {
        vk->vkCmdPushConstants(command_buffer, pipeline->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0,
                               pipeline->push_constant_bytes, push_constants);
    }
    vk->vkCmdDispatch(command_buffer, x, y, z);
    return OCTAVO_SUCCESS;
}

/* Of all memory, between the same stages before and after. */
static void record_barrier(octavo_device *device, VkCommandBuffer command_buffer, VkPipelineStageFlags stages,
                           VkAccessFlags writes, VkAccessFlags reads) {
    VkMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER, .srcAccessMask = writes, .dstAccessMask = reads | writes};
    device->vk.vkCmdPipelineBarrier(command_buffer, stages, stages, 0, 1, &barrier, 0, NULL, 0, NULL);
}

void octavo_gpu_barrier(octavo_device *device, VkCommandBuffer command_buffer) {
    record_barrier(device, command_buffer, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT,
                   VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
                   VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_TRANSFER_READ_BIT);
}

void octavo_gpu_dispatch_barrier(octavo_device *device, VkCommandBuffer command_buffer) {
    record_barrier(device, command_buffer, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT,
                   VK_ACCESS_SHADER_READ_BIT);
}

void octavo_gpu_copy(octavo_device *device, VkCommandBuffer command_buffer, octavo_gpu_range source,
                     octavo_gpu_range destination) {
    VkBufferCopy region = {source.offset, destination.offset, source.size};
    device->vk.vkCmdCopyBuffer(command_buffer, source.buffer, destination.buffer, 1, &region);
}

void octavo_gpu_fill(octavo_device *device, VkCommandBuffer command_buffer, octavo_gpu_range destination,
                     uint32_t word) {
    device->vk.vkCmdFillBuffer(command_buffer, destination.buffer, destination.offset, destination.size, word);
}
