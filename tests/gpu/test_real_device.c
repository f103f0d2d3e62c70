/* The gpu layer on a real device: whatever the Vulkan loader lists. */
#include "gpu/buffer_internal.h"
#include "rng.h"
#include "run_tests.h"
#include "scale_run.h"
#include "test_device.h"

#include <stdio.h>
#include <string.h>

static octavo_device *open_device(uint32_t hidden_capabilities) {
    octavo_device *device = NULL;
    octavo_status status = test_device_open(hidden_capabilities, VK_FALSE, NULL, &device);
    ck_assert_msg(status == OCTAVO_SUCCESS, "octavo_device_create: %s", octavo_status_string(status));
    return device;
}

START_TEST(test_describe) {
    octavo_device *device = open_device(0);
    octavo_device_description description;
    octavo_device_describe(device, &description);
    printf("%s, %s, capabilities 0x%02x\n", description.name, description.driver, (unsigned)description.capabilities);
    ck_assert(description.usable);
    ck_assert_str_eq(description.reason, "");
    ck_assert_uint_gt(strlen(description.name), 0);
    ck_assert_uint_ge(description.api_version, VK_API_VERSION_1_1);
    ck_assert_uint_ge(description.shared_memory_bytes, 16384);
    ck_assert_uint_gt(description.device_memory_bytes, 0);
    ck_assert_uint_eq(description.capabilities, octavo_gpu_capabilities(device));
    octavo_vulkan_handles handles;
    octavo_device_get_handles(device, &handles);
    ck_assert(handles.instance && handles.physical_device && handles.device && handles.queue);
    octavo_device_destroy(device);
    octavo_device_destroy(NULL);
}
END_TEST

START_TEST(test_enumerate) {
    octavo_device_create_info info = OCTAVO_DEVICE_CREATE_INFO_INIT;
    info.get_instance_proc_addr = test_vulkan_loader();
    uint32_t count = 0;
    ck_assert_int_eq(octavo_enumerate_devices(&info, &count, NULL), OCTAVO_SUCCESS);
    ck_assert_uint_ge(count, 1);
    const uint32_t all = count;
    octavo_device_description first;
    count = 1;
    ck_assert_int_eq(octavo_enumerate_devices(&info, &count, &first), OCTAVO_SUCCESS);
    ck_assert_uint_eq(count, all);
    info.hidden_capabilities = first.capabilities;
    count = 1;
    ck_assert_int_eq(octavo_enumerate_devices(&info, &count, &first), OCTAVO_SUCCESS);
    ck_assert_uint_eq(first.capabilities, 0);
    info.device_index = all;
    octavo_device *device = NULL;
    ck_assert_int_eq(octavo_device_create(&info, &device), OCTAVO_NO_DEVICE);
    ck_assert_ptr_null(device);
}
END_TEST

/* Writes and reads random ranges through one pair of functions and compares with an array. */
static void check_transfers(octavo_buffer *buffer, uint32_t seed,
                            octavo_status (*write)(octavo_buffer *, VkDeviceSize, VkDeviceSize, const void *),
                            octavo_status (*read)(octavo_buffer *, VkDeviceSize, VkDeviceSize, void *)) {
    const size_t size = (size_t)octavo_buffer_size(buffer);
    rng random;
    rng_seed(&random, seed);
    unsigned char *expected = malloc(size), *actual = malloc(size);
    ck_assert(expected && actual);
    for (size_t i = 0; i < size; i++) expected[i] = (unsigned char)rng_below(&random, 256);
    ck_assert_int_eq(write(buffer, 0, size, expected), OCTAVO_SUCCESS);
    for (int round = 0; round < 12; round++) {
        size_t offset = rng_below(&random, (uint32_t)size);
        size_t length = 1 + rng_below(&random, (uint32_t)(size - offset));
        if (round % 2) length = length % 1000 + 1 <= size - offset ? length % 1000 + 1 : 1;
        for (size_t i = 0; i < length; i++) expected[offset + i] = (unsigned char)rng_below(&random, 256);
        ck_assert_int_eq(write(buffer, offset, length, expected + offset), OCTAVO_SUCCESS);
        memset(actual, 0xee, size);
        size_t start = rng_below(&random, (uint32_t)(offset + 1));
        ck_assert_int_eq(read(buffer, start, size - start, actual), OCTAVO_SUCCESS);
        ck_assert_msg(memcmp(actual, expected + start, size - start) == 0, "seed %u round %d offset %zu length %zu",
                      (unsigned)seed, round, offset, length);
    }
    free(expected);
    free(actual);
}

START_TEST(test_buffer_transfers) {
    octavo_device *device = open_device(0);
    for (int kind = 0; kind < 2; kind++) {
        octavo_buffer *buffer = NULL;
        ck_assert_int_eq(octavo_buffer_create(device, 100003, (octavo_buffer_kind)kind, &buffer), OCTAVO_SUCCESS);
        ck_assert(octavo_buffer_handle(buffer) != VK_NULL_HANDLE);
        if (kind == OCTAVO_BUFFER_HOST) ck_assert_ptr_nonnull(octavo_gpu_buffer_mapped(buffer));
        check_transfers(buffer, 7u + (uint32_t)kind, octavo_buffer_write, octavo_buffer_read);
        octavo_buffer_destroy(buffer);
    }
    octavo_device_destroy(device);
}
END_TEST

/* The staged way, also where the driver would map; longer than the staging buffer. */
START_TEST(test_staged_transfers) {
    octavo_device *device = open_device(0);
    octavo_buffer *buffer = NULL;
    ck_assert_int_eq(octavo_buffer_create(device, (9u << 20) + 5, OCTAVO_BUFFER_DEVICE, &buffer), OCTAVO_SUCCESS);
    check_transfers(buffer, 11, octavo_gpu_staged_write, octavo_gpu_staged_read);
    octavo_buffer_destroy(buffer);
    octavo_device_destroy(device);
}
END_TEST

START_TEST(test_malformed_calls) {
    test_log log;
    test_log_init(&log);
    octavo_device *device = NULL;
    ck_assert_int_eq(test_device_open(0, VK_FALSE, &log, &device), OCTAVO_SUCCESS);
    octavo_buffer *buffer = NULL;
    unsigned char byte = 0;
    const VkDeviceSize limit = octavo_gpu_snapshot(device)->max_storage_buffer_range;
    ck_assert_int_eq(octavo_buffer_create(device, 0, OCTAVO_BUFFER_HOST, &buffer), OCTAVO_INVALID_ARGUMENT);
    ck_assert_int_eq(octavo_buffer_create(device, limit + 1, OCTAVO_BUFFER_HOST, &buffer), OCTAVO_INVALID_ARGUMENT);
    ck_assert_int_eq(octavo_buffer_create(device, 16, (octavo_buffer_kind)2, &buffer), OCTAVO_INVALID_ARGUMENT);
    ck_assert_ptr_null(buffer);
    ck_assert_uint_eq(log.lines[OCTAVO_LOG_ERROR], 3);
    ck_assert_int_eq(octavo_buffer_create(NULL, 16, OCTAVO_BUFFER_HOST, &buffer), OCTAVO_INVALID_ARGUMENT);
    ck_assert_int_eq(octavo_buffer_create(device, 16, OCTAVO_BUFFER_HOST, NULL), OCTAVO_INVALID_ARGUMENT);
    ck_assert_int_eq(octavo_buffer_create(device, 16, OCTAVO_BUFFER_HOST, &buffer), OCTAVO_SUCCESS);
    ck_assert_int_eq(octavo_buffer_write(buffer, 16, 1, &byte), OCTAVO_INVALID_ARGUMENT);
    ck_assert_int_eq(octavo_buffer_write(buffer, UINT64_MAX, 2, &byte), OCTAVO_INVALID_ARGUMENT);
    ck_assert_int_eq(octavo_buffer_write(buffer, 0, 1, NULL), OCTAVO_INVALID_ARGUMENT);
    ck_assert_int_eq(octavo_buffer_read(buffer, 1, UINT64_MAX, &byte), OCTAVO_INVALID_ARGUMENT);
    ck_assert_int_eq(octavo_buffer_write(buffer, 16, 0, NULL), OCTAVO_SUCCESS);
    octavo_buffer_destroy(buffer);
    octavo_commands *commands = NULL;
    ck_assert_int_eq(octavo_commands_create(device, &commands), OCTAVO_SUCCESS);
    ck_assert_int_eq(octavo_commands_submit_and_wait(commands, NULL), OCTAVO_INVALID_STATE);
    octavo_commands_destroy(commands);
    octavo_gpu_pipeline *pipeline = NULL;
    octavo_gpu_pipeline_info info = test_scale_pipeline_info(1, 1);
    info.code_bytes = 18;
    ck_assert_int_eq(octavo_gpu_pipeline_create(device, &info, &pipeline), OCTAVO_UNSUPPORTED);
    info = test_scale_pipeline_info(1, 1);
    info.push_constant_bytes = 1u << 20;
    ck_assert_int_eq(octavo_gpu_pipeline_create(device, &info, &pipeline), OCTAVO_UNSUPPORTED);
    info = test_scale_pipeline_info(1, 1);
    info.required_subgroup_size = 3;
    ck_assert_int_eq(octavo_gpu_pipeline_create(device, &info, &pipeline), OCTAVO_UNSUPPORTED);
    ck_assert_ptr_null(pipeline);
    octavo_device_destroy(device);

    octavo_device_create_info create = OCTAVO_DEVICE_CREATE_INFO_INIT;
    create.host = (octavo_host){test_log_line, &log, NULL};
    log.lines[OCTAVO_LOG_ERROR] = 0;
    ck_assert_int_eq(octavo_device_create(&create, &device), OCTAVO_INVALID_ARGUMENT);
    ck_assert_uint_eq(log.lines[OCTAVO_LOG_ERROR], 1);
    create.struct_size = 1;
    ck_assert_int_eq(octavo_device_create(&create, &device), OCTAVO_INVALID_ARGUMENT);
    ck_assert_int_eq(octavo_device_create(NULL, &device), OCTAVO_INVALID_ARGUMENT);
    ck_assert_ptr_null(device);
    test_log_finish(&log);
}
END_TEST

static void run_dispatches(octavo_device *device) {
    octavo_frame *frame = NULL;
    ck_assert_int_eq(octavo_frame_create(device, 4096, &frame), OCTAVO_SUCCESS);
    for (uint32_t factor = 1; factor < 4; factor++) {
        octavo_gpu_pipeline *pipeline = NULL;
        octavo_gpu_pipeline_info info = test_scale_pipeline_info(factor, TEST_SCALE_WORKGROUP);
        ck_assert_int_eq(octavo_gpu_pipeline_create(device, &info, &pipeline), OCTAVO_SUCCESS);
        double seconds = test_scale_run(device, frame, pipeline, factor, 77);
        if (!(octavo_gpu_capabilities(device) & OCTAVO_CAPABILITY_TIMESTAMPS)) ck_assert(seconds < 0);
        ck_assert(seconds < 60.0);
        octavo_gpu_pipeline_destroy(pipeline);
        ck_assert_int_eq(octavo_frame_reset(frame), OCTAVO_SUCCESS);
    }
    octavo_frame_destroy(frame);
}

START_TEST(test_dispatch) {
    octavo_device *device = open_device(0);
    run_dispatches(device);
    octavo_device_destroy(device);
}
END_TEST

START_TEST(test_dispatch_with_descriptor_sets) {
    octavo_device *device = open_device(OCTAVO_CAPABILITY_PUSH_DESCRIPTOR | OCTAVO_CAPABILITY_TIMESTAMPS);
    ck_assert_uint_eq(octavo_gpu_capabilities(device) & OCTAVO_CAPABILITY_PUSH_DESCRIPTOR, 0);
    run_dispatches(device);
    octavo_device_destroy(device);
}
END_TEST

START_TEST(test_required_subgroup_size) {
    octavo_device *device = open_device(0);
    const octavo_device_snapshot *s = octavo_gpu_snapshot(device);
    octavo_gpu_pipeline *pipeline = NULL;
    if (octavo_gpu_capabilities(device) & OCTAVO_CAPABILITY_SUBGROUP) {
        octavo_frame *frame = NULL;
        ck_assert_int_eq(octavo_frame_create(device, 0, &frame), OCTAVO_SUCCESS);
        for (uint32_t size = s->min_subgroup_size; size <= s->max_subgroup_size && size <= TEST_SCALE_WORKGROUP;
             size *= 2) {
            octavo_gpu_pipeline_info info = test_scale_pipeline_info(5, TEST_SCALE_WORKGROUP);
            info.required_subgroup_size = size;
            ck_assert_int_eq(octavo_gpu_pipeline_create(device, &info, &pipeline), OCTAVO_SUCCESS);
            test_scale_run(device, frame, pipeline, 5, 1);
            octavo_gpu_pipeline_destroy(pipeline);
        }
        octavo_frame_destroy(frame);
    }
    octavo_device_destroy(device);
    device = open_device(OCTAVO_CAPABILITY_SUBGROUP);
    octavo_gpu_pipeline_info info = test_scale_pipeline_info(5, TEST_SCALE_WORKGROUP);
    info.required_subgroup_size = 4;
    ck_assert_int_eq(octavo_gpu_pipeline_create(device, &info, &pipeline), OCTAVO_UNSUPPORTED);
    octavo_device_destroy(device);
}
END_TEST

START_TEST(test_pipeline_statistics) {
    octavo_device *device = open_device(0);
    octavo_gpu_pipeline *pipeline = NULL;
    octavo_gpu_pipeline_info info = test_scale_pipeline_info(3, TEST_SCALE_WORKGROUP);
    info.capture_statistics = VK_TRUE;
    ck_assert_int_eq(octavo_gpu_pipeline_create(device, &info, &pipeline), OCTAVO_SUCCESS);
    octavo_gpu_statistic statistics[128];
    uint32_t count = 128;
    octavo_status status = octavo_gpu_pipeline_statistics(pipeline, &count, statistics);
    if (octavo_gpu_capabilities(device) & OCTAVO_CAPABILITY_PIPELINE_STATISTICS) {
        ck_assert_int_eq(status, OCTAVO_SUCCESS);
        for (uint32_t i = 0; i < count && i < 128; i++) printf("%s = %g\n", statistics[i].name, statistics[i].value);
    } else {
        ck_assert_int_eq(status, OCTAVO_UNSUPPORTED);
        ck_assert_uint_eq(count, 0);
    }
    octavo_gpu_pipeline_destroy(pipeline);
    octavo_device_destroy(device);
}
END_TEST

START_TEST(test_frame_limits) {
    octavo_device *device = open_device(OCTAVO_CAPABILITY_PUSH_DESCRIPTOR);
    octavo_frame *frame = NULL;
    ck_assert_int_eq(octavo_frame_create(device, 1000, &frame), OCTAVO_SUCCESS);
    void *host;
    octavo_gpu_range range;
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_int_eq(octavo_gpu_frame_allocate(frame, 1 + i, &host, &range), OCTAVO_SUCCESS);
        ck_assert_uint_eq(range.offset, 256 * i);
        ck_assert_uint_eq(range.size, 1 + i);
        memset(host, 0x5a, (size_t)range.size);
        ck_assert_int_eq(octavo_gpu_frame_flush(frame, &range), OCTAVO_SUCCESS);
    }
    ck_assert_int_eq(octavo_gpu_frame_allocate(frame, 1, &host, &range), OCTAVO_FRAME_FULL);
    ck_assert_int_eq(octavo_gpu_frame_reserve(frame, 0, 256), OCTAVO_SUCCESS);
    ck_assert_int_eq(octavo_gpu_frame_reserve(frame, 0, 257), OCTAVO_FRAME_FULL);
    ck_assert_int_eq(octavo_frame_reset(frame), OCTAVO_SUCCESS);
    ck_assert_int_eq(octavo_gpu_frame_reserve(frame, 1024, 256), OCTAVO_SUCCESS);
    ck_assert_int_eq(octavo_gpu_frame_reserve(frame, 1025, 0), OCTAVO_FRAME_FULL);
    octavo_frame_destroy(frame);
    octavo_device_destroy(device);
}
END_TEST

/* Correct use is silent, a deliberate error is not: so silence means something. */
START_TEST(test_validation_layer) {
    test_log log;
    test_log_init(&log);
    octavo_device *device = NULL;
    octavo_status status = test_device_open(0, VK_TRUE, &log, &device);
    ck_assert_msg(status == OCTAVO_SUCCESS, "%s: %s", octavo_status_string(status), log.last[OCTAVO_LOG_ERROR]);
    run_dispatches(device);
    octavo_buffer *buffer = NULL;
    ck_assert_int_eq(octavo_buffer_create(device, 1024, OCTAVO_BUFFER_DEVICE, &buffer), OCTAVO_SUCCESS);
    check_transfers(buffer, 23, octavo_gpu_staged_write, octavo_gpu_staged_read);
    octavo_frame *frame = NULL;
    ck_assert_int_eq(octavo_frame_create(device, 0, &frame), OCTAVO_SUCCESS);
    octavo_frame_destroy(frame);
    ck_assert_msg(log.validation == 0, "%u lines, the last: %s", log.validation, log.last_validation);

    octavo_commands *commands = NULL;
    VkCommandBuffer command_buffer;
    ck_assert_int_eq(octavo_commands_create(device, &commands), OCTAVO_SUCCESS);
    ck_assert_int_eq(octavo_commands_begin(commands, &command_buffer), OCTAVO_SUCCESS);
    octavo_gpu_fill(device, command_buffer, (octavo_gpu_range){octavo_buffer_handle(buffer), 2, 64}, 0);
    ck_assert_uint_gt(log.validation, 0);
    octavo_commands_destroy(commands);
    octavo_buffer_destroy(buffer);
    octavo_device_destroy(device);
    test_log_finish(&log);
}
END_TEST

START_TEST(test_recommended_features) {
    VkPhysicalDeviceVulkan13Features supported13 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES,
                                                    .shaderIntegerDotProduct = VK_TRUE,
                                                    .subgroupSizeControl = VK_TRUE,
                                                    .synchronization2 = VK_TRUE};
    VkPhysicalDeviceFeatures2 supported = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                           .pNext = &supported13,
                                           .features = {.shaderInt16 = VK_TRUE, .geometryShader = VK_TRUE}};
    VkPhysicalDeviceVulkan12Features enable12 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES};
    VkPhysicalDeviceVulkan13Features enable13 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES, .pNext = &enable12, .maintenance4 = VK_TRUE};
    VkPhysicalDeviceFeatures2 enable = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &enable13};
    octavo_recommend_features(&supported, &enable);
    ck_assert(enable13.shaderIntegerDotProduct && enable13.subgroupSizeControl && enable13.maintenance4);
    ck_assert(!enable13.computeFullSubgroups && !enable13.synchronization2 && !enable12.shaderFloat16);
    ck_assert(enable.features.shaderInt16 && !enable.features.geometryShader);
    uint32_t count = 0;
    const char *const *names = octavo_recommended_device_extensions(&count);
    VkBool32 found = VK_FALSE;
    for (uint32_t i = 0; i < count; i++) found |= strcmp(names[i], "VK_KHR_push_descriptor") == 0;
    ck_assert(found);
    octavo_required_device_extensions(&count);
    ck_assert_uint_eq(count, 0);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {test_describe,
                                  test_enumerate,
                                  test_buffer_transfers,
                                  test_staged_transfers,
                                  test_malformed_calls,
                                  test_dispatch,
                                  test_dispatch_with_descriptor_sets,
                                  test_required_subgroup_size,
                                  test_pipeline_statistics,
                                  test_frame_limits,
                                  test_validation_layer,
                                  test_recommended_features};
    return run_tests("device", tests, sizeof tests / sizeof *tests, 120);
}
