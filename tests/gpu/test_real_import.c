/* An application's device and a pipeline store on a real driver, under the validation layer. */
#include "fake_device.h"
#include "run_tests.h"
#include "scale_run.h"

#include <string.h>

static void run_once(octavo_device *device, uint32_t factor) {
    octavo_frame *frame = NULL;
    octavo_gpu_pipeline *pipeline = NULL;
    octavo_gpu_pipeline_info info = test_scale_pipeline_info(factor, TEST_SCALE_WORKGROUP);
    ck_assert_int_eq(octavo_frame_create(device, 0, &frame), OCTAVO_SUCCESS);
    ck_assert_int_eq(octavo_gpu_pipeline_create(device, &info, &pipeline), OCTAVO_SUCCESS);
    test_scale_run(device, frame, pipeline, factor, 5);
    octavo_gpu_pipeline_destroy(pipeline);
    octavo_frame_destroy(frame);
}

typedef struct lock_count {
    int locked, locks;
} lock_count;

static void count_lock(void *user) {
    lock_count *lock = user;
    ck_assert_int_eq(lock->locked++, 0);
    lock->locks++;
}

static void count_unlock(void *user) {
    ck_assert_int_eq(--((lock_count *)user)->locked, 0);
}

START_TEST(test_import) {
    test_log log;
    test_log_init(&log);
    octavo_device *owner = NULL, *device = NULL;
    octavo_status status = test_device_open(OCTAVO_CAPABILITY_PUSH_DESCRIPTOR, VK_TRUE, &log, &owner);
    ck_assert_msg(status == OCTAVO_SUCCESS, "%s", log.last[OCTAVO_LOG_ERROR]);
    octavo_vulkan_handles handles;
    octavo_device_get_handles(owner, &handles);
    lock_count lock = {0, 0};
    octavo_device_import_info info = OCTAVO_DEVICE_IMPORT_INFO_INIT;
    info.host = (octavo_host){test_log_line, &log, NULL};
    info.get_instance_proc_addr = handles.get_instance_proc_addr;
    info.instance = handles.instance;
    info.instance_api_version = VK_API_VERSION_1_1; /* less than it was made with: nothing newer is used */
    info.physical_device = handles.physical_device;
    info.device = handles.device;
    info.queue = handles.queue;
    info.queue_family_index = handles.queue_family_index;
    for (int with_lock = 0; with_lock < 2; with_lock++) {
        if (with_lock) {
            info.lock_queue = count_lock;
            info.unlock_queue = count_unlock;
            info.queue_user = &lock;
        }
        ck_assert_int_eq(octavo_device_import(&info, &device), OCTAVO_SUCCESS);
        const uint32_t always = OCTAVO_CAPABILITY_TIMESTAMPS | OCTAVO_CAPABILITY_DEBUG_NAMES;
        ck_assert_uint_eq(octavo_gpu_capabilities(device) & ~always, 0);
        ck_assert_uint_eq(octavo_gpu_snapshot(device)->api_version, VK_API_VERSION_1_1);
        run_once(device, 11);
        octavo_device_destroy(device);
    }
    ck_assert_int_ge(lock.locks, 1);
    run_once(owner, 12); /* still there */
    octavo_device_destroy(owner);
    ck_assert_msg(log.validation == 0, "%u lines, the last: %s", log.validation, log.last_validation);
    test_log_finish(&log);
}
END_TEST

START_TEST(test_pipeline_store) {
    test_log log;
    test_log_init(&log);
    memory_store store = {0};
    octavo_pipeline_store callbacks = memory_store_callbacks(&store);
    octavo_device_create_info info = OCTAVO_DEVICE_CREATE_INFO_INIT;
    info.get_instance_proc_addr = test_vulkan_loader();
    info.pipeline_store = &callbacks;
    info.host = (octavo_host){test_log_line, &log, NULL};
    octavo_device *device = NULL;
    ck_assert_int_eq(octavo_device_create(&info, &device), OCTAVO_SUCCESS);
    run_once(device, 21);
    ck_assert_uint_eq(store.sets, 1);
    octavo_device_destroy(device);
    ck_assert_int_eq(octavo_device_create(&info, &device), OCTAVO_SUCCESS);
    run_once(device, 21);
    ck_assert_uint_eq(store.sets, 1); /* found by the next run */
    unsigned expected = 1;
    for (size_t at = 0; at < store.size; at += store.size / 16 + 1) {
        store.blob[at] ^= 0x10;
        run_once(device, 21);
        ck_assert_uint_eq(store.sets, ++expected);
    }
    store.size /= 2;
    run_once(device, 21);
    ck_assert_uint_eq(store.sets, ++expected);
    ck_assert_uint_eq(log.lines[OCTAVO_LOG_ERROR], 0);
    octavo_device_destroy(device);
    memory_store_finish(&store);
    test_log_finish(&log);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {test_import, test_pipeline_store};
    return run_tests("real_import", tests, sizeof tests / sizeof *tests, 120);
}
