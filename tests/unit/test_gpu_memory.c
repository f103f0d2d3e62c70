/* Ranges, arena and buffers on the fake Vulkan. */
#include "fake_device.h"
#include "gpu/buffer_internal.h"
#include "rng.h"
#include "run_tests.h"

#include <string.h>

enum { SPACE = 4096, HELD_MAX = 200 };

static void mark(unsigned char *taken, uint64_t offset, uint64_t size, unsigned char from, unsigned char to,
                 uint64_t seed) {
    for (uint64_t i = offset; i < offset + size; i++) {
        ck_assert_msg(taken[i] == from, "seed %llu byte %llu", (unsigned long long)seed, (unsigned long long)i);
        taken[i] = to;
    }
}

/* Takes and returns at random against an array of bytes; at the end all is one range again. */
START_TEST(test_ranges) {
    const uint64_t seed = rng_test_seed(42);
    rng random;
    rng_seed(&random, seed);
    octavo_base_host host;
    octavo_base_host_init(&host, NULL);
    octavo_gpu_ranges ranges;
    ck_assert(octavo_gpu_ranges_init(&ranges, &host, SPACE));
    unsigned char taken[SPACE] = {0};
    uint64_t offsets[HELD_MAX], sizes[HELD_MAX];
    uint32_t held = 0;
    for (int step = 0; step < 20000; step++) {
        if (held < HELD_MAX && rng_below(&random, 2)) {
            uint64_t size = rng_log_between(&random, 1, 300), alignment = 1u << rng_below(&random, 7), offset;
            if (!octavo_gpu_ranges_take(&ranges, &host, size, alignment, &offset)) continue;
            ck_assert(offset % alignment == 0 && offset + size <= SPACE);
            mark(taken, offset, size, 0, 1, seed);
            offsets[held] = offset;
            sizes[held++] = size;
        } else if (held > 0) {
            uint32_t i = rng_below(&random, held--);
            mark(taken, offsets[i], sizes[i], 1, 0, seed);
            octavo_gpu_ranges_give(&ranges, offsets[i], sizes[i]);
            offsets[i] = offsets[held];
            sizes[i] = sizes[held];
        }
        ck_assert_uint_eq(ranges.used, held);
        uint64_t free_bytes = 0, free_count = 0;
        for (uint32_t i = 0; i < ranges.count; i++) {
            free_bytes += ranges.list[i].size;
            if (i > 0) ck_assert(ranges.list[i - 1].offset + ranges.list[i - 1].size < ranges.list[i].offset);
        }
        for (int i = 0; i < SPACE; i++) free_count += taken[i] == 0;
        ck_assert_uint_eq(free_bytes, free_count);
    }
    while (held-- > 0) octavo_gpu_ranges_give(&ranges, offsets[held], sizes[held]);
    ck_assert_uint_eq(ranges.count, 1);
    ck_assert_uint_eq(ranges.list[0].size, SPACE);
    octavo_gpu_ranges_finish(&ranges, &host);
}
END_TEST

START_TEST(test_few_allocations) {
    octavo_device_snapshot s;
    octavo_device *device = NULL;
    octavo_buffer *buffers[300], *large = NULL;
    ck_assert_int_eq(fake_device_open(FABRICATED_TURING, &s, NULL, NULL, &device), OCTAVO_SUCCESS);
    for (int i = 0; i < 300; i++) {
        ck_assert_int_eq(octavo_buffer_create(device, 4096, OCTAVO_BUFFER_DEVICE, &buffers[i]), OCTAVO_SUCCESS);
    }
    ck_assert_uint_eq(fake_live_allocations(), 1);
    ck_assert_int_eq(octavo_buffer_create(device, 40u << 20, OCTAVO_BUFFER_DEVICE, &large), OCTAVO_SUCCESS);
    ck_assert_uint_eq(fake_live_allocations(), 2);
    octavo_buffer_destroy(large);
    ck_assert_uint_eq(fake_live_allocations(), 1);
    for (int i = 0; i < 300; i++) octavo_buffer_destroy(buffers[i]);
    ck_assert_uint_eq(fake_live_allocations(), 1); /* one empty block is kept */
    octavo_device_destroy(device);
    ck_assert_uint_eq(fake_live_objects(), 0);
}
END_TEST

START_TEST(test_buffers_do_not_overlap) {
    octavo_device_snapshot s;
    octavo_device *device = NULL;
    octavo_buffer *buffers[64];
    octavo_device_create_info info = OCTAVO_DEVICE_CREATE_INFO_INIT;
    info.allocation_block_bytes = 1u << 20;
    ck_assert_int_eq(fake_device_open(FABRICATED_MALI_G610, &s, &info, NULL, &device), OCTAVO_SUCCESS);
    for (int i = 0; i < 64; i++) {
        ck_assert_int_eq(octavo_buffer_create(device, 1000u + 900u * (unsigned)i, OCTAVO_BUFFER_HOST, &buffers[i]),
                         OCTAVO_SUCCESS);
        memset(octavo_gpu_buffer_mapped(buffers[i]), i, (size_t)octavo_buffer_size(buffers[i]));
    }
    for (int i = 0; i < 64; i++) {
        const unsigned char *bytes = octavo_gpu_buffer_mapped(buffers[i]);
        for (VkDeviceSize j = 0; j < octavo_buffer_size(buffers[i]); j++) ck_assert_uint_eq(bytes[j], (unsigned)i);
        octavo_buffer_destroy(buffers[i]);
    }
    octavo_device_destroy(device);
    ck_assert_uint_eq(fake_live_objects(), 0);
}
END_TEST

/* Only flushes and invalidations move bytes in the fake's non-coherent memory, and it checks their ends. */
START_TEST(test_non_coherent_memory) {
    octavo_device_snapshot s;
    octavo_device *device = NULL;
    fabricate_device(FABRICATED_MALI_G52, &s);
    s.memory.memoryTypes[3].propertyFlags &= ~(VkMemoryPropertyFlags)VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    s.memory.memoryTypes[1].heapIndex = 1; /* coherent, for the check that there is one; too small to be used */
    s.memory.memoryHeapCount = 2;
    s.memory.memoryHeaps[1] = (VkMemoryHeap){0, 0};
    fake_reset(&s);
    octavo_device_create_info info = OCTAVO_DEVICE_CREATE_INFO_INIT;
    info.get_instance_proc_addr = fake_get_instance_proc_addr;
    info.allocation_block_bytes = 1u << 20;
    ck_assert_int_eq(octavo_device_create(&info, &device), OCTAVO_SUCCESS);
    octavo_buffer *padding = NULL, *buffer = NULL;
    ck_assert_int_eq(octavo_buffer_create(device, 100, OCTAVO_BUFFER_HOST, &padding), OCTAVO_SUCCESS);
    ck_assert_int_eq(octavo_buffer_create(device, 5000, OCTAVO_BUFFER_HOST, &buffer), OCTAVO_SUCCESS);
    unsigned char written[700], read[700];
    memset(written, 0x5c, sizeof written);
    for (VkDeviceSize offset = 0; offset < 4300; offset += 333) {
        ck_assert_int_eq(octavo_buffer_write(buffer, offset, sizeof written, written), OCTAVO_SUCCESS);
        unsigned char *gpu = fake_buffer_bytes(octavo_buffer_handle(buffer));
        ck_assert_mem_eq(gpu + offset, written, sizeof written);
        memset(gpu + offset, 0xa3, sizeof written);
        ck_assert_int_eq(octavo_buffer_read(buffer, offset, sizeof read, read), OCTAVO_SUCCESS);
        ck_assert_mem_eq(read, gpu + offset, sizeof read);
    }
    octavo_frame *frame = NULL;
    ck_assert_int_eq(octavo_frame_create(device, 1024, &frame), OCTAVO_SUCCESS);
    void *host;
    octavo_gpu_range range;
    ck_assert_int_eq(octavo_gpu_frame_allocate(frame, 40, &host, &range), OCTAVO_SUCCESS);
    ck_assert_int_eq(octavo_gpu_frame_allocate(frame, 40, &host, &range), OCTAVO_SUCCESS);
    memset(host, 0x77, 40);
    ck_assert_int_eq(octavo_gpu_frame_flush(frame, &range), OCTAVO_SUCCESS);
    ck_assert_mem_eq(fake_buffer_bytes(range.buffer) + range.offset, host, 40);
    octavo_frame_destroy(frame);
    octavo_buffer_destroy(buffer);
    octavo_buffer_destroy(padding);
    octavo_device_destroy(device);
    ck_assert_uint_eq(fake_live_objects(), 0);
}
END_TEST

/* A discrete GPU: device memory is not mapped, all goes through the staging buffer. */
START_TEST(test_staging) {
    octavo_device_snapshot s;
    octavo_device *device = NULL;
    octavo_buffer *buffer = NULL;
    const size_t size = (17u << 20) + 3;
    ck_assert_int_eq(fake_device_open(FABRICATED_HOPPER, &s, NULL, NULL, &device), OCTAVO_SUCCESS);
    ck_assert_int_eq(octavo_buffer_create(device, size, OCTAVO_BUFFER_DEVICE, &buffer), OCTAVO_SUCCESS);
    ck_assert_ptr_null(octavo_gpu_buffer_mapped(buffer));
    unsigned char *written = malloc(size), *read = calloc(1, size);
    for (size_t i = 0; i < size; i++) written[i] = (unsigned char)(i * 31 >> 3);
    ck_assert_int_eq(octavo_buffer_write(buffer, 0, size, written), OCTAVO_SUCCESS);
    ck_assert_mem_eq(fake_buffer_bytes(octavo_buffer_handle(buffer)), written, size);
    ck_assert_uint_eq(fake_submissions(), 3);
    ck_assert_int_eq(octavo_buffer_read(buffer, 1, size - 1, read), OCTAVO_SUCCESS);
    ck_assert_mem_eq(read, written + 1, size - 1);
    ck_assert_uint_eq(fake_submissions(), 6);
    free(written);
    free(read);
    octavo_buffer_destroy(buffer);
    octavo_device_destroy(device);
    ck_assert_uint_eq(fake_live_objects(), 0);
}
END_TEST

START_TEST(test_limits) {
    octavo_device_snapshot s;
    octavo_device *device = NULL;
    octavo_buffer *buffer = NULL, *others[4];
    test_log log;
    test_log_init(&log);
    fabricate_device(FABRICATED_TURING, &s);
    s.max_memory_allocation_size = 2u << 20;
    s.max_memory_allocation_count = 3;
    fake_reset(&s);
    octavo_device_create_info info = OCTAVO_DEVICE_CREATE_INFO_INIT;
    info.get_instance_proc_addr = fake_get_instance_proc_addr;
    info.host = (octavo_host){test_log_line, &log, NULL};
    ck_assert_int_eq(octavo_device_create(&info, &device), OCTAVO_SUCCESS);
    ck_assert_int_eq(octavo_buffer_create(device, 3u << 20, OCTAVO_BUFFER_DEVICE, &buffer),
                     OCTAVO_OUT_OF_DEVICE_MEMORY);
    ck_assert_ptr_nonnull(strstr(log.last[OCTAVO_LOG_ERROR], "3145728 bytes wanted"));
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(octavo_buffer_create(device, 2u << 20, OCTAVO_BUFFER_DEVICE, &others[i]), OCTAVO_SUCCESS);
    }
    ck_assert_int_eq(octavo_buffer_create(device, 2u << 20, OCTAVO_BUFFER_DEVICE, &others[3]),
                     OCTAVO_OUT_OF_DEVICE_MEMORY);
    ck_assert_ptr_null(others[3]);
    for (int i = 0; i < 3; i++) octavo_buffer_destroy(others[i]);
    octavo_device_destroy(device);
    ck_assert_uint_eq(fake_live_objects(), 0);
    test_log_finish(&log);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {
        test_ranges,  test_few_allocations, test_buffers_do_not_overlap, test_non_coherent_memory,
        test_staging, test_limits};
    return run_tests("gpu_memory", tests, sizeof tests / sizeof *tests, 120);
}
