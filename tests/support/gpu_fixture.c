#include "gpu_fixture.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

void gpu_fixture_check(gpu_fixture *fixture, octavo_status status, const char *what) {
    ck_assert_msg(status == OCTAVO_SUCCESS, "%s: %s: %s", what, octavo_status_string(status),
                  fixture->log.last[OCTAVO_LOG_ERROR]);
}

static VkBool32 get_blob(void *user, const char *key, void *data, size_t *size) {
    const gpu_fixture_store *store = user;
    for (unsigned i = 0; i < store->count; i++) {
        if (strcmp(store->keys[i], key) != 0) continue;
        if (data != NULL) memcpy(data, store->blobs[i], *size < store->sizes[i] ? *size : store->sizes[i]);
        *size = store->sizes[i];
        return VK_TRUE;
    }
    return VK_FALSE;
}

static void set_blob(void *user, const char *key, const void *data, size_t size) {
    gpu_fixture_store *store = user;
    void *copy = malloc(size + 1);
    if (copy == NULL || store->count == GPU_FIXTURE_BLOBS || strlen(key) >= sizeof store->keys[0]) {
        free(copy);
        return;
    }
    memcpy(copy, data, size);
    strcpy(store->keys[store->count], key);
    store->blobs[store->count] = copy;
    store->sizes[store->count++] = size;
}

static octavo_status create_device(gpu_fixture *fixture) {
    octavo_pipeline_store store = {fixture->store, get_blob, set_blob};
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
    fixture->store = calloc(1, sizeof *fixture->store);
    ck_assert_ptr_nonnull(fixture->store);
    fixture->device = NULL;
    fixture->commands = NULL;
    fixture->frame = NULL;
    gpu_fixture_check(fixture, create_device(fixture), "octavo_device_create");
    gpu_fixture_check(fixture, octavo_commands_create(fixture->device, &fixture->commands), "octavo_commands_create");
    gpu_fixture_check(fixture, octavo_frame_create(fixture->device, 0, &fixture->frame), "octavo_frame_create");
}

void gpu_fixture_close(gpu_fixture *fixture) {
    octavo_frame_destroy(fixture->frame);
    octavo_commands_destroy(fixture->commands);
    octavo_device_destroy(fixture->device);
    for (unsigned i = 0; i < fixture->store->count; i++) free(fixture->store->blobs[i]);
    free(fixture->store);
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
