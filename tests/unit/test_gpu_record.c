/* What is recorded, and what is left when calls fail, on the fake Vulkan. */
#include "fake_device.h"
#include "gpu/device_internal.h"
#include "run_tests.h"

#include <string.h>

/* The fake reports what the snapshot says; the query must read the same back. */
START_TEST(test_snapshot_query) {
    octavo_device_snapshot s;
    for (int i = 0; i < FABRICATED_DEVICE_COUNT; i++) {
        octavo_device *device = NULL;
        octavo_status status = fake_device_open((fabricated_device)i, &s, NULL, NULL, &device);
        if (i == FABRICATED_VULKAN_1_0) {
            ck_assert_int_eq(status, OCTAVO_NO_DEVICE);
            ck_assert_uint_eq(fake_live_objects(), 0);
            continue;
        }
        ck_assert_int_eq(status, OCTAVO_SUCCESS);
        const octavo_device_snapshot *read = octavo_gpu_snapshot(device);
        octavo_device_snapshot expected = s;
        memcpy(expected.driver, read->driver, sizeof expected.driver); /* made of the version number */
        ck_assert_msg(strcmp(read->driver, "version 0x00000000") == 0, "%s", read->driver);
        ck_assert_msg(memcmp(read, &expected, sizeof expected) == 0, "%s", s.name);
        octavo_device_destroy(device);
        ck_assert_uint_eq(fake_live_objects(), 0);
    }
}
END_TEST

/* Everything that a small application does, in one function that stops at the first failure. */
static octavo_status use_everything(octavo_device *device, octavo_frame **frame, octavo_buffer **buffer,
                                    octavo_commands **commands, octavo_gpu_pipeline **pipeline, double *seconds) {
    octavo_gpu_pipeline_info info = test_scale_pipeline_info(3, 64);
    unsigned char bytes[1024] = {1, 2, 3};
    VkCommandBuffer command_buffer;
    octavo_status status = octavo_frame_create(device, 0, frame);
    if (!status) status = octavo_buffer_create(device, sizeof bytes, OCTAVO_BUFFER_DEVICE, buffer);
    if (!status) status = octavo_buffer_write(*buffer, 0, sizeof bytes, bytes);
    if (!status) status = octavo_commands_create(device, commands);
    if (!status) status = octavo_gpu_pipeline_create(device, &info, pipeline);
    if (!status) status = octavo_commands_begin(*commands, &command_buffer);
    if (!status) {
        octavo_gpu_range ranges[2] = {{octavo_buffer_handle(*buffer), 0, 256},
                                      {octavo_buffer_handle(*buffer), 256, 768}};
        const uint32_t push[2] = {64, 7};
        status = octavo_gpu_dispatch(*frame, command_buffer, *pipeline, ranges, push, 5, 6, 7);
    }
    if (!status) status = octavo_commands_submit_and_wait(*commands, seconds);
    if (!status) status = octavo_buffer_read(*buffer, 0, sizeof bytes, bytes);
    if (!status) status = octavo_frame_reset(*frame);
    return status;
}

static void check_dispatch(uint32_t hidden) {
    octavo_device_snapshot s;
    octavo_device *device = NULL;
    octavo_frame *frame = NULL;
    octavo_buffer *buffer = NULL;
    octavo_commands *commands = NULL;
    octavo_gpu_pipeline *pipeline = NULL;
    octavo_device_create_info info = OCTAVO_DEVICE_CREATE_INFO_INIT;
    info.hidden_capabilities = hidden;
    double seconds = 0;
    ck_assert_int_eq(fake_device_open(FABRICATED_TURING, &s, &info, NULL, &device), OCTAVO_SUCCESS);
    ck_assert_int_eq(use_everything(device, &frame, &buffer, &commands, &pipeline, &seconds), OCTAVO_SUCCESS);
    if (hidden & OCTAVO_CAPABILITY_TIMESTAMPS) {
        ck_assert(seconds < 0);
    } else {
        ck_assert_double_eq_tol(seconds, 1234e-9, 1e-15); /* across the counter's wrap */
    }
    VkCommandBuffer command_buffer;
    ck_assert_int_eq(octavo_commands_begin(commands, &command_buffer), OCTAVO_SUCCESS);
    octavo_gpu_range ranges[2] = {{octavo_buffer_handle(buffer), 0, 256}, {octavo_buffer_handle(buffer), 512, 128}};
    const uint32_t push[2] = {64, 9};
    ck_assert_int_eq(octavo_gpu_dispatch(frame, command_buffer, pipeline, ranges, push, 5, 6, 7), OCTAVO_SUCCESS);
    octavo_gpu_barrier(device, command_buffer);
    uint32_t count;
    const fake_command *c = fake_commands(command_buffer, &count);
    const uint32_t first = hidden & OCTAVO_CAPABILITY_TIMESTAMPS ? 0 : 1;
    ck_assert_uint_eq(count, first + 2);
    ck_assert_int_eq(c[first].kind, FAKE_DISPATCH);
    ck_assert_int_eq(c[first + 1].kind, FAKE_BARRIER);
    ck_assert(c[first].groups[0] == 5 && c[first].groups[1] == 6 && c[first].groups[2] == 7);
    ck_assert_uint_eq(c[first].push_bytes, 8);
    ck_assert_mem_eq(c[first].push, push, 8);
    ck_assert_uint_eq(c[first].binding_count, 2);
    ck_assert(c[first].bindings[1].buffer == octavo_buffer_handle(buffer) && c[first].bindings[1].offset == 512 &&
              c[first].bindings[1].size == 128);
    ck_assert_uint_eq(fake_pipeline_constant(c[first].pipeline, 0, 0), 3);
    ck_assert_uint_eq(fake_pipeline_constant(c[first].pipeline, 253, 0), 64);
    octavo_gpu_pipeline_destroy(pipeline);
    octavo_commands_destroy(commands);
    octavo_buffer_destroy(buffer);
    octavo_frame_destroy(frame);
    octavo_device_destroy(device);
    ck_assert_uint_eq(fake_live_objects(), 0);
}

START_TEST(test_dispatch_push_descriptor) {
    check_dispatch(0);
}
END_TEST

START_TEST(test_dispatch_descriptor_set) {
    check_dispatch(OCTAVO_CAPABILITY_PUSH_DESCRIPTOR);
    check_dispatch(UINT32_MAX);
}
END_TEST

/* The size is named where it can be chosen; where there is one, full subgroups are enough. */
START_TEST(test_subgroup_size_of_a_pipeline) {
    static const struct {
        fabricated_device device;
        uint32_t size;
        VkBool32 named;
        octavo_status status;
    } cases[] = {{FABRICATED_RDNA3, 32, VK_TRUE, OCTAVO_SUCCESS},
                 {FABRICATED_RDNA3, 0, VK_FALSE, OCTAVO_SUCCESS},
                 {FABRICATED_RDNA3, 16, VK_FALSE, OCTAVO_UNSUPPORTED},
                 {FABRICATED_RDNA3, 48, VK_FALSE, OCTAVO_UNSUPPORTED},
                 {FABRICATED_GCN_POLARIS, 64, VK_FALSE, OCTAVO_SUCCESS},
                 {FABRICATED_GCN_POLARIS, 32, VK_FALSE, OCTAVO_UNSUPPORTED},
                 {FABRICATED_MALI_G52, 8, VK_FALSE, OCTAVO_UNSUPPORTED}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        octavo_device_snapshot s;
        octavo_device *device = NULL;
        octavo_frame *frame = NULL;
        octavo_commands *commands = NULL;
        octavo_gpu_pipeline *pipeline = NULL;
        ck_assert_int_eq(fake_device_open(cases[i].device, &s, NULL, NULL, &device), OCTAVO_SUCCESS);
        octavo_gpu_pipeline_info info = test_scale_pipeline_info(3, 64);
        info.binding_count = 0;
        info.required_subgroup_size = cases[i].size;
        ck_assert_int_eq(octavo_gpu_pipeline_create(device, &info, &pipeline), cases[i].status);
        if (pipeline) {
            VkCommandBuffer command_buffer;
            uint32_t count;
            const uint32_t push[2] = {0, 0};
            ck_assert_int_eq(octavo_frame_create(device, 0, &frame), OCTAVO_SUCCESS);
            ck_assert_int_eq(octavo_commands_create(device, &commands), OCTAVO_SUCCESS);
            ck_assert_int_eq(octavo_commands_begin(commands, &command_buffer), OCTAVO_SUCCESS);
            ck_assert_int_eq(octavo_gpu_dispatch(frame, command_buffer, pipeline, NULL, push, 1, 1, 1), OCTAVO_SUCCESS);
            const fake_command *c = fake_commands(command_buffer, &count);
            const VkPipelineShaderStageCreateInfo *stage = &fake_pipeline_info(c[count - 1].pipeline)->stage;
            ck_assert_msg((stage->pNext != NULL) == cases[i].named, "case %zu", i);
            ck_assert_uint_eq(stage->flags,
                              cases[i].size ? VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT : 0);
        }
        octavo_gpu_pipeline_destroy(pipeline);
        octavo_commands_destroy(commands);
        octavo_frame_destroy(frame);
        octavo_device_destroy(device);
        ck_assert_uint_eq(fake_live_objects(), 0);
    }
}
END_TEST

/* Each call that can fail does so once, in each of three ways: a status, nothing left, everything destroyable. */
static void check_failures(VkResult result, VkBool32 sticky, octavo_status expected, uint32_t hidden) {
    uint32_t calls = 1;
    memory_store store = {0};
    octavo_pipeline_store callbacks = memory_store_callbacks(&store);
    for (uint32_t i = 0; i < calls; i++) {
        octavo_device_snapshot s;
        octavo_device *device = NULL;
        octavo_frame *frame = NULL;
        octavo_buffer *buffer = NULL;
        octavo_commands *commands = NULL;
        octavo_gpu_pipeline *pipeline = NULL;
        double seconds;
        octavo_device_create_info info = OCTAVO_DEVICE_CREATE_INFO_INIT;
        info.get_instance_proc_addr = fake_get_instance_proc_addr;
        info.hidden_capabilities = hidden;
        info.pipeline_store = &callbacks;
        info.allocation_block_bytes = 1u << 20;
        memory_store_finish(&store);
        fabricate_device(FABRICATED_TURING, &s);
        fake_reset(&s);
        fake_fail(i, result, sticky);
        octavo_status status = octavo_device_create(&info, &device);
        const VkBool32 created = status == OCTAVO_SUCCESS;
        if (created) status = use_everything(device, &frame, &buffer, &commands, &pipeline, &seconds);
        calls = fake_fallible_calls() > i ? i + 2 : i; /* go on while the failure was reached */
        if (calls > i && created && status != OCTAVO_SUCCESS) {
            ck_assert_msg(status == expected, "call %u: status %s", (unsigned)i, octavo_status_string(status));
        }
        if (sticky && calls > i) ck_assert_msg(status != OCTAVO_SUCCESS, "call %u", (unsigned)i);
        octavo_gpu_pipeline_destroy(pipeline);
        octavo_commands_destroy(commands);
        octavo_buffer_destroy(buffer);
        octavo_frame_destroy(frame);
        octavo_device_destroy(device);
        ck_assert_msg(fake_live_objects() == 0, "call %u: %u objects left", (unsigned)i, (unsigned)fake_live_objects());
    }
    ck_assert_uint_gt(calls, 20);
    memory_store_finish(&store);
}

START_TEST(test_out_of_host_memory_of_the_driver) {
    check_failures(VK_ERROR_OUT_OF_HOST_MEMORY, VK_FALSE, OCTAVO_OUT_OF_HOST_MEMORY, 0);
}
END_TEST

START_TEST(test_out_of_device_memory) {
    check_failures(VK_ERROR_OUT_OF_DEVICE_MEMORY, VK_TRUE, OCTAVO_OUT_OF_DEVICE_MEMORY,
                   OCTAVO_CAPABILITY_PUSH_DESCRIPTOR);
}
END_TEST

START_TEST(test_device_lost) {
    check_failures(VK_ERROR_DEVICE_LOST, VK_TRUE, OCTAVO_DEVICE_LOST, 0);
    check_failures(VK_ERROR_DEVICE_LOST, VK_TRUE, OCTAVO_DEVICE_LOST, OCTAVO_CAPABILITY_PUSH_DESCRIPTOR);
}
END_TEST

/* Host memory that ends after n allocations. */
typedef struct limited_memory {
    int left;
    size_t bytes; /* held */
} limited_memory;

static void *limited_allocate(void *user, size_t size) {
    limited_memory *limited = user;
    if (limited->left-- <= 0) return NULL;
    limited->bytes += size;
    return malloc(size);
}

static void limited_release(void *user, void *memory, size_t size) {
    ((limited_memory *)user)->bytes -= size;
    free(memory);
}

START_TEST(test_out_of_host_memory) {
    octavo_status status = OCTAVO_OUT_OF_HOST_MEMORY;
    int n = 0;
    for (; n < 200 && status != OCTAVO_SUCCESS; n++) {
        limited_memory limited = {n, 0};
        octavo_allocator allocator = {&limited, limited_allocate, limited_release};
        octavo_device_snapshot s;
        octavo_device *device = NULL;
        octavo_frame *frame = NULL;
        octavo_buffer *buffer = NULL;
        octavo_commands *commands = NULL;
        octavo_gpu_pipeline *pipeline = NULL;
        double seconds;
        octavo_device_create_info info = OCTAVO_DEVICE_CREATE_INFO_INIT;
        info.host.allocator = &allocator;
        status = fake_device_open(FABRICATED_RDNA3, &s, &info, NULL, &device);
        if (status == OCTAVO_SUCCESS) {
            status = use_everything(device, &frame, &buffer, &commands, &pipeline, &seconds);
        }
        ck_assert_msg(status == OCTAVO_SUCCESS || status == OCTAVO_OUT_OF_HOST_MEMORY || status == OCTAVO_NO_DEVICE,
                      "%d allocations: %s", n, octavo_status_string(status));
        octavo_gpu_pipeline_destroy(pipeline);
        octavo_commands_destroy(commands);
        octavo_buffer_destroy(buffer);
        octavo_frame_destroy(frame);
        octavo_device_destroy(device);
        ck_assert_uint_eq(limited.bytes, 0);
        ck_assert_uint_eq(fake_live_objects(), 0);
    }
    ck_assert_int_eq(status, OCTAVO_SUCCESS);
    ck_assert_int_gt(n, 8);
}
END_TEST

START_TEST(test_missing_functions) {
    octavo_device_snapshot s;
    octavo_device *device = NULL;
    octavo_device_create_info info = OCTAVO_DEVICE_CREATE_INFO_INIT;
    info.get_instance_proc_addr = fake_get_instance_proc_addr;
    fabricate_device(FABRICATED_TURING, &s);
    fake_reset(&s);
    fake_hide("vkCmdPushDescriptorSetKHR");
    ck_assert_int_eq(octavo_device_create(&info, &device), OCTAVO_SUCCESS);
    ck_assert_uint_eq(octavo_gpu_capabilities(device) & OCTAVO_CAPABILITY_PUSH_DESCRIPTOR, 0);
    octavo_device_destroy(device);
    static const char *const required[] = {"vkCreateInstance", "vkCreateDevice", "vkQueueSubmit",
                                           "vkGetPhysicalDeviceFeatures2"};
    for (size_t i = 0; i < sizeof required / sizeof *required; i++) {
        fake_hide(required[i]);
        ck_assert_int_ne(octavo_device_create(&info, &device), OCTAVO_SUCCESS);
        ck_assert_ptr_null(device);
        ck_assert_uint_eq(fake_live_objects(), 0);
    }
}
END_TEST

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

/* An application's device: what it has not enabled is not used, its lock is, its handles stay. */
START_TEST(test_import) {
    octavo_device_snapshot s;
    octavo_device *owner = NULL, *device = NULL;
    ck_assert_int_eq(fake_device_open(FABRICATED_HOPPER, &s, NULL, NULL, &owner), OCTAVO_SUCCESS);
    const uint32_t before = fake_live_objects();
    octavo_vulkan_handles handles;
    octavo_device_get_handles(owner, &handles);
    lock_count lock = {0, 0};
    VkPhysicalDeviceVulkan13Features v13 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES,
                                            .shaderIntegerDotProduct = VK_TRUE};
    VkPhysicalDeviceFeatures2 features = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &v13};
    const char *const extensions[] = {"VK_KHR_push_descriptor", "VK_KHR_swapchain"};
    octavo_device_import_info info = OCTAVO_DEVICE_IMPORT_INFO_INIT;
    info.get_instance_proc_addr = fake_get_instance_proc_addr;
    info.instance = handles.instance;
    info.instance_api_version = VK_API_VERSION_1_3;
    info.physical_device = handles.physical_device;
    info.device = handles.device;
    info.queue = handles.queue;
    info.queue_family_index = 2;
    info.lock_queue = count_lock;
    info.unlock_queue = count_unlock;
    info.queue_user = &lock;
    const uint32_t always = OCTAVO_CAPABILITY_TIMESTAMPS | OCTAVO_CAPABILITY_DEBUG_NAMES;
    ck_assert_int_eq(octavo_device_import(&info, &device), OCTAVO_SUCCESS);
    ck_assert_uint_eq(octavo_gpu_capabilities(device) & ~always, 0);
    octavo_device_destroy(device);
    info.enabled_features = &features;
    info.enabled_extension_count = 2;
    info.enabled_extensions = extensions;
    ck_assert_int_eq(octavo_device_import(&info, &device), OCTAVO_SUCCESS);
    ck_assert_uint_eq(octavo_gpu_capabilities(device) & ~always,
                      OCTAVO_CAPABILITY_INT_DOT | OCTAVO_CAPABILITY_PUSH_DESCRIPTOR);
    octavo_frame *frame = NULL;
    octavo_buffer *buffer = NULL;
    octavo_commands *commands = NULL;
    octavo_gpu_pipeline *pipeline = NULL;
    double seconds;
    ck_assert_int_eq(use_everything(device, &frame, &buffer, &commands, &pipeline, &seconds), OCTAVO_SUCCESS);
    ck_assert_int_eq(lock.locks, 3);
    octavo_gpu_pipeline_destroy(pipeline);
    octavo_commands_destroy(commands);
    octavo_buffer_destroy(buffer);
    octavo_frame_destroy(frame);
    octavo_device_destroy(device);
    ck_assert_uint_eq(fake_live_objects(), before);
    octavo_device_destroy(owner);
    ck_assert_uint_eq(fake_live_objects(), 0);
}
END_TEST

START_TEST(test_import_refusals) {
    octavo_device_snapshot s;
    octavo_device *owner = NULL, *device = NULL;
    test_log log;
    test_log_init(&log);
    ck_assert_int_eq(fake_device_open(FABRICATED_HOPPER, &s, NULL, NULL, &owner), OCTAVO_SUCCESS);
    octavo_vulkan_handles handles;
    octavo_device_get_handles(owner, &handles);
    octavo_device_import_info good = OCTAVO_DEVICE_IMPORT_INFO_INIT;
    good.host = (octavo_host){test_log_line, &log, NULL};
    good.get_instance_proc_addr = fake_get_instance_proc_addr;
    good.instance = handles.instance;
    good.instance_api_version = VK_API_VERSION_1_1;
    good.physical_device = handles.physical_device;
    good.device = handles.device;
    good.queue = handles.queue;
    octavo_device_import_info bad;
    VkPhysicalDeviceFeatures2 wrong = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO};
    unsigned lines = 0;
#define REFUSED(change, text)                                                                                          \
    bad = good;                                                                                                        \
    change;                                                                                                            \
    ck_assert_int_ne(octavo_device_import(&bad, &device), OCTAVO_SUCCESS);                                             \
    ck_assert_ptr_null(device);                                                                                        \
    ck_assert_uint_eq(log.lines[OCTAVO_LOG_ERROR], ++lines);                                                           \
    ck_assert_msg(strstr(log.last[OCTAVO_LOG_ERROR], text) != NULL, "%s", log.last[OCTAVO_LOG_ERROR])
    REFUSED(bad.get_instance_proc_addr = NULL, "get_instance_proc_addr is NULL");
    REFUSED(bad.instance = VK_NULL_HANDLE, "instance is VK_NULL_HANDLE");
    REFUSED(bad.physical_device = VK_NULL_HANDLE, "physical_device is VK_NULL_HANDLE");
    REFUSED(bad.device = VK_NULL_HANDLE, "device is VK_NULL_HANDLE");
    REFUSED(bad.queue = VK_NULL_HANDLE, "queue is VK_NULL_HANDLE");
    REFUSED(bad.enabled_extension_count = 1, "enabled_extensions is NULL");
    REFUSED(bad.lock_queue = count_lock, "come together or not at all");
    REFUSED(bad.enabled_features = &wrong, "VkPhysicalDeviceFeatures2");
    REFUSED(bad.instance_api_version = VK_API_VERSION_1_0, "instance_api_version is 1.0");
    REFUSED(bad.queue_family_index = 1, "queue family 1 has no compute");
    REFUSED(bad.queue_family_index = 9, "queue_family_index is 9, the device has 3");
#undef REFUSED
    octavo_device_destroy(owner);
    ck_assert_uint_eq(fake_live_objects(), 0);
    test_log_finish(&log);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {test_snapshot_query,
                                  test_dispatch_push_descriptor,
                                  test_dispatch_descriptor_set,
                                  test_subgroup_size_of_a_pipeline,
                                  test_out_of_host_memory_of_the_driver,
                                  test_out_of_device_memory,
                                  test_device_lost,
                                  test_out_of_host_memory,
                                  test_missing_functions,
                                  test_import,
                                  test_import_refusals};
    return run_tests("gpu_record", tests, sizeof tests / sizeof *tests, 120);
}
