/* Compute kernels of the benchmark's own on Octavo's device: two storage buffers, two push constants, up to
 * OCTAVO_BENCH_CONSTANTS specialisation constants. */
#ifndef OCTAVO_BENCH_COMPUTE_H
#define OCTAVO_BENCH_COMPUTE_H

#include "error_line.h"

#include <octavo/device.h>

typedef struct octavo_bench_compute {
    octavo_vulkan_handles vulkan;
    octavo_device *device;
    octavo_commands *commands;
    VkPhysicalDeviceLimits limits;
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout pipeline_layout;
    VkDescriptorPool pool;
    VkDescriptorSet set;
} octavo_bench_compute;

#define OCTAVO_BENCH_CONSTANTS 4

typedef struct octavo_bench_module {
    const uint32_t *words;
    size_t size; /* bytes */
} octavo_bench_module;

typedef struct octavo_bench_push {
    uint32_t count, loops;
} octavo_bench_push;

/* Loads volk's tables for the device. Release takes what create left, also after a failure. */
bool octavo_bench_compute_create(octavo_device *device, octavo_bench_compute *compute, octavo_error_line *error);
void octavo_bench_compute_release(octavo_bench_compute *compute);
/* The GPU must be done with what was bound before. */
void octavo_bench_compute_bind(octavo_bench_compute *compute, const octavo_buffer *source,
                               const octavo_buffer *destination);
/* constants[i] is that of id i, the first the size of a workgroup. VK_NULL_HANDLE: the driver refuses. */
VkPipeline octavo_bench_compute_pipeline(octavo_bench_compute *compute, const octavo_bench_module *module,
                                         const uint32_t constants[OCTAVO_BENCH_CONSTANTS]);
void octavo_bench_compute_destroy_pipeline(octavo_bench_compute *compute, VkPipeline pipeline);
/* One dispatch, submitted and waited for. gpu_seconds is negative without timestamps. */
octavo_status octavo_bench_compute_run(octavo_bench_compute *compute, VkPipeline pipeline, octavo_bench_push push,
                                       uint32_t workgroups, double *gpu_seconds, double *host_seconds);

/* Seconds of a clock that only goes forward. */
double octavo_bench_clock(void);

#endif
