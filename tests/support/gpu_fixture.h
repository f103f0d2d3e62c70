/* What a test needs to run something on the machine's best device: device, log, command buffer, frame. With
 * OCTAVO_TEST_VALIDATION in the environment the validation layer is on, and any message of it fails the test. */
#ifndef OCTAVO_TEST_GPU_FIXTURE_H
#define OCTAVO_TEST_GPU_FIXTURE_H

#include "test_device.h"

#include <octavo/octavo.h>

#define GPU_FIXTURE_BLOBS 512

/* Compiled pipelines, so that the objects of one test compile each of them once. */
typedef struct gpu_fixture_store {
    char keys[GPU_FIXTURE_BLOBS][128];
    void *blobs[GPU_FIXTURE_BLOBS];
    size_t sizes[GPU_FIXTURE_BLOBS];
    unsigned count;
} gpu_fixture_store;

typedef struct gpu_fixture {
    test_log log;
    gpu_fixture_store *store;
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
