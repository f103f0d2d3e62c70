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

/* Which part of what is shared out a device takes. The software devices that run.sh knows have one each. */
#define TEST_DEVICE_SHARES 4u
typedef enum test_share { TEST_LAVAPIPE_512, TEST_SWIFTSHADER, TEST_LAVAPIPE_128, TEST_LAVAPIPE_256 } test_share;
unsigned test_device_share(const octavo_device *device);

/* Whether a device takes an item of a list that is shared out: a GPU takes all, a processor its share, so that the
 * software devices take all between them. A processor's driver compiles each kernel for seconds, most of the tests'
 * time. Of a table of shapes and kernel variants the item is shape + variant: each pair runs on one device, each variant
 * on each device with some shape. With OCTAVO_TEST_ALL_SHAPES in the environment a device takes all. */
bool test_device_takes(const octavo_device *device, unsigned item);

/* destination[i] = source[i] * factor + addend for i < count: bindings 0 source, 1 destination; constants 0 factor, 253
 * workgroup size; push constants count, addend. */
octavo_gpu_pipeline_info test_scale_pipeline_info(uint32_t factor, uint32_t workgroup_size);

#endif
