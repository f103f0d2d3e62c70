/* One device, many threads, on the fake Vulkan: what the headers promise, for a thread sanitizer to look at. Each
 * thread has its own buffers, commands, frame and pipelines; device, memory blocks, staging, store and queue are
 * shared. */
#include "fake_device.h"
#include "run_tests.h"

#include <pthread.h>
#include <string.h>

enum { THREADS = 6, ROUNDS = 40 };

typedef struct worker {
    octavo_device *device;
    unsigned char mark;
    octavo_status status;
    VkBool32 wrong; /* bytes came back that were not written */
} worker;

static octavo_status one_round(worker *w, octavo_frame *frame, octavo_commands *commands, uint32_t round) {
    octavo_buffer *staged = NULL, *mapped = NULL;
    octavo_gpu_pipeline *pipeline = NULL;
    octavo_gpu_pipeline_info info = test_scale_pipeline_info(w->mark, 64);
    unsigned char bytes[2000], back[2000];
    memset(bytes, w->mark + (int)round, sizeof bytes);
    octavo_status status = octavo_buffer_create(w->device, sizeof bytes, OCTAVO_BUFFER_DEVICE, &staged);
    if (!status) status = octavo_buffer_create(w->device, 300 + 100 * round, OCTAVO_BUFFER_HOST, &mapped);
    if (!status) status = octavo_buffer_write(staged, 0, sizeof bytes, bytes);
    if (!status) status = octavo_gpu_pipeline_create(w->device, &info, &pipeline);
    VkCommandBuffer command_buffer;
    if (!status) status = octavo_commands_begin(commands, &command_buffer);
    if (!status) {
        octavo_gpu_range ranges[2] = {{octavo_buffer_handle(staged), 0, 256}, {octavo_buffer_handle(mapped), 0, 256}};
        const uint32_t push[2] = {64, round};
        status = octavo_gpu_dispatch(frame, command_buffer, pipeline, ranges, push, 1, 1, 1);
    }
    if (!status) status = octavo_commands_submit_and_wait(commands, NULL);
    if (!status) status = octavo_buffer_read(staged, 0, sizeof back, back);
    if (!status && memcmp(bytes, back, sizeof bytes) != 0) w->wrong = VK_TRUE;
    octavo_device_description description;
    octavo_device_describe(w->device, &description);
    octavo_gpu_pipeline_destroy(pipeline);
    octavo_buffer_destroy(mapped);
    octavo_buffer_destroy(staged);
    return status ? status : octavo_frame_reset(frame);
}

static void *work(void *user) {
    worker *w = user;
    octavo_frame *frame = NULL;
    octavo_commands *commands = NULL;
    w->status = octavo_frame_create(w->device, 4096, &frame);
    if (!w->status) w->status = octavo_commands_create(w->device, &commands);
    for (uint32_t round = 0; round < ROUNDS && !w->status; round++) w->status = one_round(w, frame, commands, round);
    octavo_commands_destroy(commands);
    octavo_frame_destroy(frame);
    return NULL;
}

static void run_threads(octavo_device *device) {
    pthread_t threads[THREADS];
    worker workers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){device, (unsigned char)(1 + 40 * i), OCTAVO_SUCCESS, VK_FALSE};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        ck_assert_int_eq(workers[i].status, OCTAVO_SUCCESS);
        ck_assert(!workers[i].wrong);
    }
    ck_assert_uint_eq(fake_submissions(), THREADS * ROUNDS * 3);
}

static void check_created(uint32_t hidden) {
    octavo_device_snapshot s;
    octavo_device *device = NULL;
    memory_store store = {0};
    test_log log;
    test_log_init(&log);
    octavo_pipeline_store callbacks = memory_store_callbacks(&store);
    octavo_device_create_info info = OCTAVO_DEVICE_CREATE_INFO_INIT;
    info.pipeline_store = &callbacks;
    info.hidden_capabilities = hidden;
    info.allocation_block_bytes = 1u << 20;
    ck_assert_int_eq(fake_device_open(FABRICATED_HOPPER, &s, &info, &log, &device), OCTAVO_SUCCESS);
    run_threads(device);
    octavo_device_destroy(device);
    ck_assert_uint_eq(fake_live_objects(), 0);
    memory_store_finish(&store);
    test_log_finish(&log);
}

START_TEST(test_created_device) {
    check_created(0);
}
END_TEST

START_TEST(test_created_device_descriptor_sets) {
    check_created(OCTAVO_CAPABILITY_PUSH_DESCRIPTOR);
}
END_TEST

static void lock_queue(void *user) {
    octavo_mutex_lock(user);
}

static void unlock_queue(void *user) {
    octavo_mutex_unlock(user);
}

static void check_imported(VkBool32 with_callbacks) {
    octavo_device_snapshot s;
    octavo_device *owner = NULL, *device = NULL;
    octavo_mutex mutex;
    ck_assert(octavo_mutex_init(&mutex));
    ck_assert_int_eq(fake_device_open(FABRICATED_TURING, &s, NULL, NULL, &owner), OCTAVO_SUCCESS);
    octavo_vulkan_handles handles;
    octavo_device_get_handles(owner, &handles);
    octavo_device_import_info info = OCTAVO_DEVICE_IMPORT_INFO_INIT;
    info.get_instance_proc_addr = fake_get_instance_proc_addr;
    info.instance = handles.instance;
    info.instance_api_version = VK_API_VERSION_1_1;
    info.physical_device = handles.physical_device;
    info.device = handles.device;
    info.queue = handles.queue;
    info.queue_family_index = handles.queue_family_index;
    if (with_callbacks) {
        info.lock_queue = lock_queue;
        info.unlock_queue = unlock_queue;
        info.queue_user = &mutex;
    }
    ck_assert_int_eq(octavo_device_import(&info, &device), OCTAVO_SUCCESS);
    run_threads(device);
    octavo_device_destroy(device);
    octavo_device_destroy(owner);
    octavo_mutex_destroy(&mutex);
    ck_assert_uint_eq(fake_live_objects(), 0);
}

START_TEST(test_imported_device) {
    check_imported(VK_TRUE);
    check_imported(VK_FALSE);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {test_created_device, test_created_device_descriptor_sets, test_imported_device};
    return run_tests("threads", tests, sizeof tests / sizeof *tests, 240);
}
