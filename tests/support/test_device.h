/* A device of the machine for tests, its log kept for the test to read, and the tests' own shader. */
#ifndef OCTAVO_TEST_DEVICE_H
#define OCTAVO_TEST_DEVICE_H

#include "base/mutex.h"
#include "gpu/gpu.h"

typedef struct test_log {
    octavo_mutex mutex;
    unsigned lines[3];   /* by level */
    unsigned validation; /* lines of the validation layer */
    char last[3][2048];  /* the last line of each level */
    char last_validation[2048];
} test_log;

void test_log_init(test_log *log);
void test_log_finish(test_log *log);
/* An octavo_log_function; user is a test_log. */
void test_log_line(void *user, octavo_log_level level, const char *line);

/* From the Vulkan loader; NULL without one. */
PFN_vkGetInstanceProcAddr test_vulkan_loader(void);
/* The best device; log may be NULL. */
octavo_status test_device_open(uint32_t hidden_capabilities, VkBool32 validation, test_log *log,
                               octavo_device **device);

/* Whether a device takes an item of a list that is shared out: a GPU takes all, a processor a third, by its subgroup
 * size, so that lavapipe at 128, 256 and 512 bits takes all between them. For lists whose every item compiles the same
 * kernels for another shape: a processor's driver takes seconds for each, nearly all of the tests' time. What a device
 * may do differently, as a kernel variant, every device runs. With OCTAVO_TEST_ALL_SHAPES in the environment a device
 * takes all. */
bool test_device_takes(const octavo_device *device, unsigned item);

/* destination[i] = source[i] * factor + addend for i < count: bindings 0 source, 1 destination; constants 0 factor, 253
 * workgroup size; push constants count, addend. */
octavo_gpu_pipeline_info test_scale_pipeline_info(uint32_t factor, uint32_t workgroup_size);

#endif
