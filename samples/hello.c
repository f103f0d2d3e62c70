/* Attention of one query over 1000 tokens in a 3-bit cache: the whole library in one screen. */
#include <volk.h> /* finds the Vulkan loader */

#include <octavo/octavo.h>
#include <stdio.h>
#include <stdlib.h>

#define TOKENS 1000u
#define HEAD_DIM 128u

static void check(octavo_status status) {
    if (status == OCTAVO_SUCCESS) return;
    (void)fprintf(stderr, "%s\n", octavo_status_string(status));
    exit(1);
}

int main(void) {
    static float keys[TOKENS * HEAD_DIM], values[TOKENS * HEAD_DIM], query[HEAD_DIM], output[HEAD_DIM];
    uint32_t token_count = TOKENS, query_count = 1;
    octavo_device *device;
    octavo_cache *cache;
    octavo_sequence sequence;
    octavo_attention *attention;
    octavo_frame *frame;
    octavo_commands *commands;
    octavo_buffer *buffers[4];
    VkCommandBuffer command_buffer;

    for (uint32_t i = 0; i < TOKENS * HEAD_DIM; i++) { /* the query looks for token 700 */
        keys[i] = (float)rand() / (float)RAND_MAX - 0.5f;
        values[i] = (float)(i / HEAD_DIM);
        if (i / HEAD_DIM == 700) query[i % HEAD_DIM] = 20.0f * keys[i];
    }

    octavo_device_create_info device_info = OCTAVO_DEVICE_CREATE_INFO_INIT;
    if (volkInitialize() != VK_SUCCESS) check(OCTAVO_NO_DEVICE);
    device_info.get_instance_proc_addr = vkGetInstanceProcAddr;
    check(octavo_device_create(&device_info, &device));

    octavo_cache_info cache_info = OCTAVO_CACHE_INFO_INIT; /* one layer, one head of 128 channels, 3 bits */
    cache_info.token_capacity = 4096;
    check(octavo_cache_create(device, &cache_info, &cache));
    check(octavo_sequence_create(cache, 0, &sequence));
    octavo_attention_info attention_info = OCTAVO_ATTENTION_INFO_INIT;
    attention_info.cache = cache;
    check(octavo_attention_create(&attention_info, &attention));

    const void *data[4] = {keys, values, query, output};
    const VkDeviceSize sizes[4] = {sizeof keys, sizeof values, sizeof query, sizeof output};
    octavo_tensor tensors[4];
    for (int i = 0; i < 4; i++) {
        check(octavo_buffer_create(device, sizes[i], OCTAVO_BUFFER_DEVICE, &buffers[i]));
        check(octavo_buffer_write(buffers[i], 0, sizes[i], data[i]));
        tensors[i] = (octavo_tensor){octavo_buffer_handle(buffers[i]), 0, sizes[i], OCTAVO_F32, HEAD_DIM, HEAD_DIM};
    }
    check(octavo_frame_create(device, 0, &frame));
    check(octavo_commands_create(device, &commands));
    check(octavo_commands_begin(commands, &command_buffer));

    octavo_append_info append = OCTAVO_APPEND_INFO_INIT;
    append.sequence_count = 1;
    append.sequences = &sequence;
    append.token_counts = &token_count;
    append.keys = tensors[0];
    append.values = tensors[1];
    check(octavo_cache_record_append(cache, frame, command_buffer, &append));
    octavo_attention_run run = OCTAVO_ATTENTION_RUN_INIT;
    run.sequence_count = 1;
    run.sequences = &sequence;
    run.query_counts = &query_count;
    run.queries = tensors[2];
    run.output = tensors[3];
    check(octavo_attention_record(attention, frame, command_buffer, &run));
    check(octavo_commands_submit_and_wait(commands, NULL));
    check(octavo_buffer_read(buffers[3], 0, sizeof output, output));
    (void)printf("the value at the query's key: %.1f (%s)\n", (double)output[0], octavo_attention_variant(attention));

    octavo_frame_destroy(frame);
    octavo_commands_destroy(commands);
    for (int i = 0; i < 4; i++) octavo_buffer_destroy(buffers[i]);
    octavo_attention_destroy(attention);
    octavo_cache_destroy(cache);
    octavo_device_destroy(device);
    return output[0] > 650.0f && output[0] < 750.0f ? 0 : 1;
}
