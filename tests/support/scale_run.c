#include "scale_run.h"

#include <check.h>

double test_scale_run(octavo_device *device, octavo_frame *frame, const octavo_gpu_pipeline *pipeline, uint32_t factor,
                      uint32_t addend) {
    octavo_buffer *source = NULL, *destination = NULL;
    octavo_commands *commands = NULL;
    uint32_t words[TEST_SCALE_WORDS];
    for (uint32_t i = 0; i < TEST_SCALE_WORDS; i++) words[i] = i * 2654435761u;
    ck_assert_int_eq(octavo_buffer_create(device, sizeof words, OCTAVO_BUFFER_DEVICE, &source), OCTAVO_SUCCESS);
    ck_assert_int_eq(octavo_buffer_create(device, sizeof words + 256, OCTAVO_BUFFER_DEVICE, &destination),
                     OCTAVO_SUCCESS);
    ck_assert_int_eq(octavo_buffer_write(source, 0, sizeof words, words), OCTAVO_SUCCESS);
    ck_assert_int_eq(octavo_commands_create(device, &commands), OCTAVO_SUCCESS);
    VkCommandBuffer command_buffer;
    ck_assert_int_eq(octavo_commands_begin(commands, &command_buffer), OCTAVO_SUCCESS);
    octavo_gpu_range whole = {octavo_buffer_handle(destination), 0, sizeof words + 256};
    octavo_gpu_fill(device, command_buffer, whole, 0xabababab);
    octavo_gpu_barrier(device, command_buffer);
    octavo_gpu_range ranges[2] = {{octavo_buffer_handle(source), 0, sizeof words},
                                  {octavo_buffer_handle(destination), 256, sizeof words}};
    uint32_t push[2] = {TEST_SCALE_WORDS, addend};
    ck_assert_int_eq(octavo_gpu_dispatch(frame, command_buffer, pipeline, ranges, push,
                                         (TEST_SCALE_WORDS + TEST_SCALE_WORKGROUP - 1) / TEST_SCALE_WORKGROUP, 1, 1),
                     OCTAVO_SUCCESS);
    octavo_gpu_barrier(device, command_buffer);
    double seconds = 0;
    ck_assert_int_eq(octavo_commands_submit_and_wait(commands, &seconds), OCTAVO_SUCCESS);
    uint32_t result[TEST_SCALE_WORDS + 64];
    ck_assert_int_eq(octavo_buffer_read(destination, 0, sizeof result, result), OCTAVO_SUCCESS);
    for (uint32_t i = 0; i < 64; i++) ck_assert_uint_eq(result[i], 0xabababab);
    for (uint32_t i = 0; i < TEST_SCALE_WORDS; i++) ck_assert_uint_eq(result[64 + i], words[i] * factor + addend);
    octavo_commands_destroy(commands);
    octavo_buffer_destroy(source);
    octavo_buffer_destroy(destination);
    return seconds;
}
