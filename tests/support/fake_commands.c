/* Command pools and buffers, recording, the queue. */
#include "fake_objects.h"

#include <stdlib.h>
#include <string.h>

static VKAPI_ATTR VkResult VKAPI_CALL vkCreateCommandPool_fake(VkDevice device, const VkCommandPoolCreateInfo *info,
                                                               const VkAllocationCallbacks *allocator,
                                                               VkCommandPool *pool) {
    (void)device;
    (void)info;
    (void)allocator;
    VkResult result = fake_next_result();
    if (result < 0) return result;
    *pool = (VkCommandPool)(uintptr_t)fake_new(FAKE_COMMAND_POOL);
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL vkDestroyCommandPool_fake(VkDevice device, VkCommandPool pool,
                                                            const VkAllocationCallbacks *allocator) {
    (void)device;
    (void)allocator;
    if (!pool) return;
    fake_object *object = FAKE_OBJECT(pool, FAKE_COMMAND_POOL);
    while (object->first) {
        fake_object *buffer = object->first;
        object->first = buffer->next;
        fake_delete((uint64_t)(uintptr_t)buffer, FAKE_COMMAND_BUFFER);
    }
    fake_delete((uint64_t)(uintptr_t)pool, FAKE_COMMAND_POOL);
}

static VKAPI_ATTR VkResult VKAPI_CALL vkResetCommandPool_fake(VkDevice device, VkCommandPool pool,
                                                              VkCommandPoolResetFlags flags) {
    (void)device;
    (void)flags;
    VkResult result = fake_next_result();
    if (result < 0) return result;
    for (fake_object *b = FAKE_OBJECT(pool, FAKE_COMMAND_POOL)->first; b; b = b->next) b->count = 0;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL vkAllocateCommandBuffers_fake(VkDevice device,
                                                                    const VkCommandBufferAllocateInfo *info,
                                                                    VkCommandBuffer *buffers) {
    (void)device;
    VkResult result = fake_next_result();
    if (result < 0) return result;
    fake_object *pool = FAKE_OBJECT(info->commandPool, FAKE_COMMAND_POOL);
    for (uint32_t i = 0; i < info->commandBufferCount; i++) {
        fake_object *buffer = fake_new(FAKE_COMMAND_BUFFER);
        buffer->next = pool->first;
        pool->first = buffer;
        buffers[i] = (VkCommandBuffer)(void *)buffer;
    }
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL vkBeginCommandBuffer_fake(VkCommandBuffer buffer,
                                                                const VkCommandBufferBeginInfo *info) {
    (void)info;
    VkResult result = fake_next_result();
    if (result < 0) return result;
    FAKE_OBJECT(buffer, FAKE_COMMAND_BUFFER)->count = 0;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL vkEndCommandBuffer_fake(VkCommandBuffer buffer) {
    FAKE_OBJECT(buffer, FAKE_COMMAND_BUFFER);
    return fake_next_result();
}

static fake_command *add_command(VkCommandBuffer buffer, fake_command_kind kind) {
    fake_object *object = FAKE_OBJECT(buffer, FAKE_COMMAND_BUFFER);
    if (object->count == object->capacity) {
        object->capacity = object->capacity ? 2 * object->capacity : 16;
        fake_command *commands = realloc(object->commands, object->capacity * sizeof *commands);
        if (!commands) abort();
        object->commands = commands;
    }
    fake_command *command = &object->commands[object->count++];
    memset(command, 0, sizeof *command);
    command->kind = kind;
    return command;
}

static VKAPI_ATTR void VKAPI_CALL vkCmdBindPipeline_fake(VkCommandBuffer buffer, VkPipelineBindPoint point,
                                                         VkPipeline pipeline) {
    (void)point;
    FAKE_OBJECT(pipeline, FAKE_PIPELINE);
    FAKE_OBJECT(buffer, FAKE_COMMAND_BUFFER)->bound.pipeline = pipeline;
}

static VKAPI_ATTR void VKAPI_CALL vkCmdBindDescriptorSets_fake(VkCommandBuffer buffer, VkPipelineBindPoint point,
                                                               VkPipelineLayout layout, uint32_t first, uint32_t count,
                                                               const VkDescriptorSet *sets, uint32_t offset_count,
                                                               const uint32_t *offsets) {
    (void)point;
    (void)first;
    (void)offset_count;
    (void)offsets;
    FAKE_OBJECT(layout, FAKE_PIPELINE_LAYOUT);
    if (count != 1) abort();
    fake_command *bound = &FAKE_OBJECT(buffer, FAKE_COMMAND_BUFFER)->bound;
    const fake_command *set = &FAKE_OBJECT(sets[0], FAKE_DESCRIPTOR_SET)->bound;
    memcpy(bound->bindings, set->bindings, sizeof bound->bindings);
    bound->binding_count = set->binding_count;
}

static VKAPI_ATTR void VKAPI_CALL vkCmdPushDescriptorSetKHR_fake(VkCommandBuffer buffer, VkPipelineBindPoint point,
                                                                 VkPipelineLayout layout, uint32_t set, uint32_t count,
                                                                 const VkWriteDescriptorSet *writes) {
    (void)point;
    (void)set;
    FAKE_OBJECT(layout, FAKE_PIPELINE_LAYOUT);
    fake_command *bound = &FAKE_OBJECT(buffer, FAKE_COMMAND_BUFFER)->bound;
    for (uint32_t i = 0; i < count; i++) {
        const VkDescriptorBufferInfo *info = writes[i].pBufferInfo;
        bound->bindings[writes[i].dstBinding] = (fake_range){info->buffer, info->offset, info->range};
    }
    bound->binding_count = count;
}

static VKAPI_ATTR void VKAPI_CALL vkCmdPushConstants_fake(VkCommandBuffer buffer, VkPipelineLayout layout,
                                                          VkShaderStageFlags stages, uint32_t offset, uint32_t size,
                                                          const void *values) {
    (void)stages;
    FAKE_OBJECT(layout, FAKE_PIPELINE_LAYOUT);
    fake_command *bound = &FAKE_OBJECT(buffer, FAKE_COMMAND_BUFFER)->bound;
    if (offset + size > FAKE_PUSH_BYTES_MAX) abort();
    memcpy(bound->push + offset, values, size);
    bound->push_bytes = offset + size;
}

static VKAPI_ATTR void VKAPI_CALL vkCmdDispatch_fake(VkCommandBuffer buffer, uint32_t x, uint32_t y, uint32_t z) {
    fake_command *command = add_command(buffer, FAKE_DISPATCH);
    *command = FAKE_OBJECT(buffer, FAKE_COMMAND_BUFFER)->bound;
    command->kind = FAKE_DISPATCH;
    command->groups[0] = x;
    command->groups[1] = y;
    command->groups[2] = z;
}

static VKAPI_ATTR void VKAPI_CALL vkCmdPipelineBarrier_fake(VkCommandBuffer buffer, VkPipelineStageFlags source,
                                                            VkPipelineStageFlags destination, VkDependencyFlags flags,
                                                            uint32_t memory_count, const VkMemoryBarrier *memory,
                                                            uint32_t buffer_count, const VkBufferMemoryBarrier *buffers,
                                                            uint32_t image_count, const VkImageMemoryBarrier *images) {
    (void)source;
    (void)destination;
    (void)flags;
    (void)memory_count;
    (void)memory;
    (void)buffer_count;
    (void)buffers;
    (void)image_count;
    (void)images;
    add_command(buffer, FAKE_BARRIER);
}

static VKAPI_ATTR void VKAPI_CALL vkCmdCopyBuffer_fake(VkCommandBuffer buffer, VkBuffer source, VkBuffer destination,
                                                       uint32_t count, const VkBufferCopy *regions) {
    for (uint32_t i = 0; i < count; i++) {
        fake_command *command = add_command(buffer, FAKE_COPY);
        command->source = (fake_range){source, regions[i].srcOffset, regions[i].size};
        command->destination = (fake_range){destination, regions[i].dstOffset, regions[i].size};
    }
}

static VKAPI_ATTR void VKAPI_CALL vkCmdFillBuffer_fake(VkCommandBuffer buffer, VkBuffer destination,
                                                       VkDeviceSize offset, VkDeviceSize size, uint32_t word) {
    fake_command *command = add_command(buffer, FAKE_FILL);
    command->destination = (fake_range){destination, offset, size};
    command->word = word;
}

static VKAPI_ATTR void VKAPI_CALL vkCmdResetQueryPool_fake(VkCommandBuffer buffer, VkQueryPool pool, uint32_t first,
                                                           uint32_t count) {
    (void)first;
    (void)count;
    FAKE_OBJECT(buffer, FAKE_COMMAND_BUFFER);
    FAKE_OBJECT(pool, FAKE_QUERY_POOL);
}

static VKAPI_ATTR void VKAPI_CALL vkCmdWriteTimestamp_fake(VkCommandBuffer buffer, VkPipelineStageFlagBits stage,
                                                           VkQueryPool pool, uint32_t query) {
    (void)stage;
    (void)query;
    FAKE_OBJECT(pool, FAKE_QUERY_POOL);
    add_command(buffer, FAKE_TIMESTAMP);
}

static unsigned char *check_range(const fake_range *range) {
    if (range->offset + range->size > FAKE_OBJECT(range->buffer, FAKE_BUFFER)->size) abort();
    return fake_buffer_bytes(range->buffer) + range->offset;
}

static void run_command(const fake_command *command) {
    if (command->kind == FAKE_COPY) {
        memcpy(check_range(&command->destination), check_range(&command->source), (size_t)command->source.size);
    } else if (command->kind == FAKE_FILL) {
        unsigned char *bytes = check_range(&command->destination);
        for (VkDeviceSize i = 0; i + 4 <= command->destination.size; i += 4) memcpy(bytes + i, &command->word, 4);
    } else if (command->kind == FAKE_DISPATCH) {
        for (uint32_t i = 0; i < command->binding_count; i++) check_range(&command->bindings[i]);
    }
}

static VKAPI_ATTR VkResult VKAPI_CALL vkQueueSubmit_fake(VkQueue queue, uint32_t count, const VkSubmitInfo *submits,
                                                         VkFence fence) {
    fake_object *object = FAKE_OBJECT(queue, FAKE_QUEUE);
    object->count++; /* on purpose without protection */
    VkResult result = fake_next_result();
    if (result < 0) return result;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < submits[i].commandBufferCount; j++) {
            fake_object *buffer = FAKE_OBJECT(submits[i].pCommandBuffers[j], FAKE_COMMAND_BUFFER);
            for (uint32_t k = 0; k < buffer->count; k++) run_command(&buffer->commands[k]);
        }
    }
    if (fence) FAKE_OBJECT(fence, FAKE_FENCE)->signaled = VK_TRUE;
    fake_count_submission();
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL vkDeviceWaitIdle_fake(VkDevice device) {
    FAKE_OBJECT(device, FAKE_DEVICE);
    return fake_next_result();
}

const fake_command *fake_commands(VkCommandBuffer command_buffer, uint32_t *count) {
    const fake_object *object = FAKE_OBJECT(command_buffer, FAKE_COMMAND_BUFFER);
    *count = object->count;
    return object->commands;
}

PFN_vkVoidFunction fake_command_function(const char *name) {
    static const fake_function list[] = {
        FAKE_ROW(vkCreateCommandPool),      FAKE_ROW(vkDestroyCommandPool),    FAKE_ROW(vkResetCommandPool),
        FAKE_ROW(vkAllocateCommandBuffers), FAKE_ROW(vkBeginCommandBuffer),    FAKE_ROW(vkEndCommandBuffer),
        FAKE_ROW(vkCmdBindPipeline),        FAKE_ROW(vkCmdBindDescriptorSets), FAKE_ROW(vkCmdPushDescriptorSetKHR),
        FAKE_ROW(vkCmdPushConstants),       FAKE_ROW(vkCmdDispatch),           FAKE_ROW(vkCmdPipelineBarrier),
        FAKE_ROW(vkCmdCopyBuffer),          FAKE_ROW(vkCmdFillBuffer),         FAKE_ROW(vkCmdResetQueryPool),
        FAKE_ROW(vkCmdWriteTimestamp),      FAKE_ROW(vkQueueSubmit),           FAKE_ROW(vkDeviceWaitIdle),
    };
    return fake_find(list, sizeof list / sizeof *list, name);
}
