#include "gpu_fixture.h"

#include <check.h>
#include <stdlib.h>

void gpu_fixture_check(gpu_fixture *fixture, octavo_status status, const char *what) {
    ck_assert_msg(status == OCTAVO_SUCCESS, "%s: %s: %s", what, octavo_status_string(status),
                  fixture->log.last[OCTAVO_LOG_ERROR]);
}

void gpu_fixture_open(gpu_fixture *fixture) {
    VkBool32 validation = getenv("OCTAVO_TEST_VALIDATION") != NULL;
    test_log_init(&fixture->log);
    fixture->device = NULL;
    fixture->commands = NULL;
    fixture->frame = NULL;
    gpu_fixture_check(fixture, test_device_open(0, validation, &fixture->log, &fixture->device),
                      "octavo_device_create");
    gpu_fixture_check(fixture, octavo_commands_create(fixture->device, &fixture->commands), "octavo_commands_create");
    gpu_fixture_check(fixture, octavo_frame_create(fixture->device, 0, &fixture->frame), "octavo_frame_create");
}

void gpu_fixture_close(gpu_fixture *fixture) {
    octavo_frame_destroy(fixture->frame);
    octavo_commands_destroy(fixture->commands);
    octavo_device_destroy(fixture->device);
    ck_assert_msg(fixture->log.validation == 0, "%u lines of the validation layer, the last: %s",
                  fixture->log.validation, fixture->log.last_validation);
    test_log_finish(&fixture->log);
}

void gpu_fixture_begin(gpu_fixture *fixture) {
    gpu_fixture_check(fixture, octavo_commands_begin(fixture->commands, &fixture->command_buffer),
                      "octavo_commands_begin");
}

void gpu_fixture_submit(gpu_fixture *fixture) {
    gpu_fixture_check(fixture, octavo_commands_submit_and_wait(fixture->commands, NULL),
                      "octavo_commands_submit_and_wait");
    gpu_fixture_check(fixture, octavo_frame_reset(fixture->frame), "octavo_frame_reset");
}

octavo_buffer *gpu_fixture_buffer(gpu_fixture *fixture, size_t size, const void *data) {
    octavo_buffer *buffer = NULL;
    gpu_fixture_check(fixture, octavo_buffer_create(fixture->device, size, OCTAVO_BUFFER_DEVICE, &buffer),
                      "octavo_buffer_create");
    if (data != NULL) gpu_fixture_check(fixture, octavo_buffer_write(buffer, 0, size, data), "octavo_buffer_write");
    return buffer;
}
