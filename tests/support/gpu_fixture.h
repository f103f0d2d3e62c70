/* What a test needs to run something on the machine's best device: device, log, command buffer, frame. What it
 * compiles is kept until the fixture closes. With OCTAVO_TEST_VALIDATION in the environment the validation layer is on,
 * and any message of it fails the test. */
#ifndef OCTAVO_TEST_GPU_FIXTURE_H
#define OCTAVO_TEST_GPU_FIXTURE_H

#include "kept_pipelines.h"
#include "test_device.h"

#include <octavo/octavo.h>

typedef struct gpu_fixture {
    test_log log;
    kept_pipelines *kept;
    octavo_device *device;
    octavo_commands *commands;
    octavo_frame *frame;
    VkCommandBuffer command_buffer; /* between begin and submit */
} gpu_fixture;

/* Each fails the test when a call fails. */
void gpu_fixture_open(gpu_fixture *fixture);
void gpu_fixture_close(gpu_fixture *fixture);
void gpu_fixture_begin(gpu_fixture *fixture);
/* Submits, waits, resets the frame. */
void gpu_fixture_submit(gpu_fixture *fixture);
/* A buffer with the bytes of data; data may be NULL. */
octavo_buffer *gpu_fixture_buffer(gpu_fixture *fixture, size_t size, const void *data);

/* Fails the test with the last line of the log when status is not OCTAVO_SUCCESS. */
void gpu_fixture_check(gpu_fixture *fixture, octavo_status status, const char *what);

#endif
