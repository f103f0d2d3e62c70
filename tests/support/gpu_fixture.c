#include "gpu_fixture.h"

#include <check.h>
#include <stdlib.h>

void gpu_fixture_check(gpu_fixture *fixture, octavo_status status, const char *what) {
    ck_assert_msg(status == OCTAVO_SUCCESS, "%s: %s: %s", what, octavo_status_string(status),
                  fixture->log.last[OCTAVO_LOG_ERROR]);
}

static octavo_status create_device(gpu_fixture *fixture) {
    octavo_pipeline_store store = kept_pipelines_store(fixture->kept);
    octavo_device_create_info info = OCTAVO_DEVICE_CREATE_INFO_INIT;
    info.get_instance_proc_addr = test_vulkan_loader();
    info.validation = getenv("OCTAVO_TEST_VALIDATION") != NULL;
    info.host.log = test_log_line;
    info.host.log_user = &fixture->log;
    info.pipeline_store = &store;
    return octavo_device_create(&info, &fixture->device);
}

void gpu_fixture_open(gpu_fixture *fixture) {
    test_log_init(&fixture->log);
    fixture->kept = calloc(1, sizeof *fixture->kept);
    ck_assert_ptr_nonnull(fixture->kept);
    fixture->device = NULL;
    fixture->commands = NULL;
    fixture->frame = NULL;
    gpu_fixture_check(fixture, create_device(fixture), "octavo_device_create");
    kept_pipelines_begin(fixture->kept, fixture->device);
    gpu_fixture_check(fixture, octavo_commands_create(fixture->device, &fixture->commands), "octavo_commands_create");
    gpu_fixture_check(fixture, octavo_frame_create(fixture->device, 0, &fixture->frame), "octavo_frame_create");
}

void gpu_fixture_close(gpu_fixture *fixture) {
    octavo_frame_destroy(fixture->frame);
    octavo_commands_destroy(fixture->commands);
    kept_pipelines_end(fixture->kept, fixture->device);
    octavo_device_destroy(fixture->device);
    free(fixture->kept);
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
