#include "gpu/device_internal.h"

enum { QUERY_COUNT = 2 }; /* before the first and behind the last command */

struct octavo_commands {
    octavo_device *device;
    VkCommandPool pool;
    VkCommandBuffer command_buffer;
    VkFence fence;
    VkQueryPool queries; /* VK_NULL_HANDLE without timestamps */
    VkBool32 recording;
};

octavo_status octavo_gpu_commands_create(octavo_device *device, octavo_commands **result) {
    *result = NULL;
    octavo_commands *commands = octavo_gpu_allocate(device, sizeof *commands);
    if (!commands) return OCTAVO_OUT_OF_HOST_MEMORY;
    commands->device = device;
    const VkDevice handle = device->handles.device;
    VkCommandPoolCreateInfo pool_info = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                         .flags = VK_COMMAND_POOL_CREATE_TRANSIENT_BIT,
                                         .queueFamilyIndex = device->handles.queue_family_index};
    octavo_status status = octavo_gpu_result(
        device, device->vk.vkCreateCommandPool(handle, &pool_info, NULL, &commands->pool), "vkCreateCommandPool");
    if (status) {
        commands->pool = VK_NULL_HANDLE;
        goto failed;
    }
    VkCommandBufferAllocateInfo buffer_info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                               .commandPool = commands->pool,
                                               .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                               .commandBufferCount = 1};
    status =
        octavo_gpu_result(device, device->vk.vkAllocateCommandBuffers(handle, &buffer_info, &commands->command_buffer),
                          "vkAllocateCommandBuffers");
    if (status) goto failed;
    VkFenceCreateInfo fence_info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    status = octavo_gpu_result(device, device->vk.vkCreateFence(handle, &fence_info, NULL, &commands->fence),
                               "vkCreateFence");
    if (status) {
        commands->fence = VK_NULL_HANDLE;
        goto failed;
    }
    if (device->plan.capabilities & OCTAVO_CAPABILITY_TIMESTAMPS) {
        VkQueryPoolCreateInfo query_info = {.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                            .queryType = VK_QUERY_TYPE_TIMESTAMP,
                                            .queryCount = QUERY_COUNT};
        status = octavo_gpu_result(device, device->vk.vkCreateQueryPool(handle, &query_info, NULL, &commands->queries),
                                   "vkCreateQueryPool");
        if (status) {
            commands->queries = VK_NULL_HANDLE;
            goto failed;
        }
    }
    *result = commands;
    return OCTAVO_SUCCESS;
failed:
    octavo_gpu_commands_destroy(commands);
    return status;
}

void octavo_gpu_commands_destroy(octavo_commands *commands) {
    if (!commands) return;
    octavo_device *device = commands->device;
    const VkDevice handle = device->handles.device;
    if (commands->queries) device->vk.vkDestroyQueryPool(handle, commands->queries, NULL);
    if (commands->fence) device->vk.vkDestroyFence(handle, commands->fence, NULL);
    if (commands->pool) device->vk.vkDestroyCommandPool(handle, commands->pool, NULL);
    octavo_gpu_release(device, commands, sizeof *commands);
}

octavo_device *octavo_gpu_commands_device(const octavo_commands *commands) {
    return commands->device;
}

octavo_status octavo_gpu_commands_begin(octavo_commands *commands, VkCommandBuffer *command_buffer) {
    octavo_device *device = commands->device;
    *command_buffer = VK_NULL_HANDLE;
    commands->recording = VK_FALSE;
    octavo_status status = octavo_gpu_result(
        device, device->vk.vkResetCommandPool(device->handles.device, commands->pool, 0), "vkResetCommandPool");
    if (status) return status;
    VkCommandBufferBeginInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                     .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT};
    status = octavo_gpu_result(device, device->vk.vkBeginCommandBuffer(commands->command_buffer, &info),
                               "vkBeginCommandBuffer");
    if (status) return status;
    if (commands->queries) {
        device->vk.vkCmdResetQueryPool(commands->command_buffer, commands->queries, 0, QUERY_COUNT);
        device->vk.vkCmdWriteTimestamp(commands->command_buffer, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT, commands->queries,
                                       0);
    }
    commands->recording = VK_TRUE;
    *command_buffer = commands->command_buffer;
    return OCTAVO_SUCCESS;
}

/* Negative when the driver has none: compile-only and some software devices never make them available. */
static double read_timestamps(octavo_commands *commands) {
    octavo_device *device = commands->device;
    uint64_t ticks[QUERY_COUNT] = {0, 0};
    VkResult result = device->vk.vkGetQueryPoolResults(device->handles.device, commands->queries, 0, QUERY_COUNT,
                                                       sizeof ticks, ticks, sizeof *ticks, VK_QUERY_RESULT_64_BIT);
    if (result != VK_SUCCESS) return -1.0;
    uint32_t bits = device->snapshot.queue_families[device->handles.queue_family_index].timestamp_valid_bits;
    uint64_t mask = bits >= 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
    uint64_t elapsed = (ticks[1] - ticks[0]) & mask; /* also right when the counter has wrapped */
    return (double)elapsed * (double)device->snapshot.timestamp_period * 1e-9;
}

octavo_status octavo_gpu_commands_submit_and_wait(octavo_commands *commands, double *gpu_seconds) {
    octavo_device *device = commands->device;
    const VkDevice handle = device->handles.device;
    if (gpu_seconds) *gpu_seconds = -1.0;
    if (!commands->recording) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_STATE, "commands are not being recorded: begin comes first");
    }
    commands->recording = VK_FALSE;
    if (commands->queries) {
        device->vk.vkCmdWriteTimestamp(commands->command_buffer, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT,
                                       commands->queries, 1);
    }
    /* What was written is for the host to read, too. */
    VkMemoryBarrier to_host = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                               .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
                               .dstAccessMask = VK_ACCESS_HOST_READ_BIT};
    device->vk.vkCmdPipelineBarrier(commands->command_buffer,
                                    VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT,
                                    VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &to_host, 0, NULL, 0, NULL);
    octavo_status status =
        octavo_gpu_result(device, device->vk.vkEndCommandBuffer(commands->command_buffer), "vkEndCommandBuffer");
    if (status) return status;
    status = octavo_gpu_result(device, device->vk.vkResetFences(handle, 1, &commands->fence), "vkResetFences");
    if (status) return status;
    VkSubmitInfo submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &commands->command_buffer};
    octavo_gpu_queue_lock(device);
    VkResult result = device->vk.vkQueueSubmit(device->handles.queue, 1, &submit, commands->fence);
    octavo_gpu_queue_unlock(device);
    status = octavo_gpu_result(device, result, "vkQueueSubmit");
    if (status) return status;
    result = device->vk.vkWaitForFences(handle, 1, &commands->fence, VK_TRUE, UINT64_MAX);
    status = octavo_gpu_result(device, result, "vkWaitForFences");
    if (status == OCTAVO_SUCCESS && gpu_seconds && commands->queries) *gpu_seconds = read_timestamps(commands);
    return status;
}
