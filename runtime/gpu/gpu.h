/* The one header of gpu/ that other layers include: buffers, pipelines, dispatches. Knows nothing of attention. */
#ifndef OCTAVO_GPU_H
#define OCTAVO_GPU_H

#include "base/compiler.h"
#include "base/host_memory.h"
#include "gpu/device_snapshot.h" /* octavo_device_snapshot: plain data: limits, features, extensions, queues, heaps */
#include <octavo/device.h>

#include <stdbool.h>

/* octavo_device (octavo/device.h) is the device of this layer too. */

/* What is enabled on the device in use: octavo_capability bits and the numbers that plans read. */
const octavo_device_snapshot *octavo_gpu_snapshot(const octavo_device *device);
uint32_t octavo_gpu_capabilities(const octavo_device *device);

/* --- host --- */
void *octavo_gpu_allocate(octavo_device *device, size_t size); /* zeroed; NULL after a log line */
void octavo_gpu_release(octavo_device *device, void *memory, size_t size);
/* The same memory and log, for the layers without Vulkan; lives as long as the device. */
const octavo_base_host *octavo_gpu_host(const octavo_device *device);
/* Logs one line and returns status. */
octavo_status octavo_gpu_fail(const octavo_device *device, octavo_status status, const char *format, ...)
    OCTAVO_PRINTF(3, 4);
void octavo_gpu_log(const octavo_device *device, octavo_log_level level, const char *format, ...) OCTAVO_PRINTF(3, 4);

/* --- device --- what octavo/device.h declares, after its argument checks */
octavo_status octavo_gpu_enumerate(const octavo_device_create_info *info, uint32_t *count,
                                   octavo_device_description *descriptions);
octavo_status octavo_gpu_device_create(const octavo_device_create_info *info, octavo_device **device);
octavo_status octavo_gpu_device_import(const octavo_device_import_info *info, octavo_device **device);
void octavo_gpu_device_destroy(octavo_device *device);
void octavo_gpu_device_describe(const octavo_device *device, octavo_device_description *description);
void octavo_gpu_device_handles(const octavo_device *device, octavo_vulkan_handles *handles);

/* --- buffers --- (octavo_buffer of octavo/device.h, with a range inside of the arena's memory) */
octavo_status octavo_gpu_buffer_create(octavo_device *device, VkDeviceSize size, octavo_buffer_kind kind,
                                       const char *debug_name, octavo_buffer **buffer);
void *octavo_gpu_buffer_mapped(const octavo_buffer *buffer); /* NULL when not host visible */
/* Makes host writes of [offset, offset+size) visible (no-op on coherent memory). */
octavo_status octavo_gpu_buffer_flush(octavo_buffer *buffer, VkDeviceSize offset, VkDeviceSize size);
void octavo_gpu_buffer_destroy(octavo_buffer *buffer); /* may be NULL */
VkBuffer octavo_gpu_buffer_handle(const octavo_buffer *buffer);
VkDeviceSize octavo_gpu_buffer_size(const octavo_buffer *buffer);
octavo_device *octavo_gpu_buffer_device(const octavo_buffer *buffer);
/* [offset, offset + size) inside of the buffer; done on return; may submit and wait. */
octavo_status octavo_gpu_buffer_write(octavo_buffer *buffer, VkDeviceSize offset, VkDeviceSize size, const void *data);
octavo_status octavo_gpu_buffer_read(octavo_buffer *buffer, VkDeviceSize offset, VkDeviceSize size, void *data);

typedef struct octavo_gpu_range {
    VkBuffer buffer;
    VkDeviceSize offset, size;
} octavo_gpu_range;
octavo_gpu_range octavo_gpu_buffer_range(const octavo_buffer *buffer); /* the whole buffer */

/* --- pipelines --- */
#define OCTAVO_GPU_BINDINGS_MAX 8
#define OCTAVO_GPU_CONSTANTS_MAX 24
typedef struct octavo_gpu_pipeline_info {
    const char *name; /* for logs and debug names */
    const uint32_t *code;
    size_t code_bytes;
    uint32_t binding_count; /* storage buffers 0 .. binding_count-1 of set 0 */
    uint32_t push_constant_bytes;
    uint32_t constant_count; /* specialisation constants, all 32 bits wide */
    uint32_t constant_ids[OCTAVO_GPU_CONSTANTS_MAX];
    uint32_t constant_values[OCTAVO_GPU_CONSTANTS_MAX];
    uint32_t required_subgroup_size; /* 0: none; else also requires full subgroups */
    VkBool32 capture_statistics; /* keeps what octavo_gpu_pipeline_statistics reads; without the capability: ignored */
} octavo_gpu_pipeline_info;
typedef struct octavo_gpu_pipeline octavo_gpu_pipeline;
/* Never aborts: a failed compile is a status, the caller takes its next variant. Uses the pipeline store. */
octavo_status octavo_gpu_pipeline_create(octavo_device *device, const octavo_gpu_pipeline_info *info,
                                         octavo_gpu_pipeline **pipeline);
void octavo_gpu_pipeline_destroy(octavo_gpu_pipeline *pipeline);

/* One number that the driver's compiler tells, as ("Register Count", 48). */
typedef struct octavo_gpu_statistic {
    char name[VK_MAX_DESCRIPTION_SIZE];
    double value;
} octavo_gpu_statistic;
/* *count: in, the capacity of statistics; out, how many there are (of all executables of the pipeline).
 * OCTAVO_UNSUPPORTED when they were not captured. */
octavo_status octavo_gpu_pipeline_statistics(const octavo_gpu_pipeline *pipeline, uint32_t *count,
                                             octavo_gpu_statistic *statistics);

/* --- recording --- */
/* Binds ranges[0..binding_count), pushes constants, dispatches (x, y, z). Descriptor sets come from the frame where
 * push descriptors are not to be had. */
octavo_status octavo_gpu_dispatch(octavo_frame *frame, VkCommandBuffer command_buffer,
                                  const octavo_gpu_pipeline *pipeline, const octavo_gpu_range *ranges,
                                  const void *push_constants, uint32_t x, uint32_t y, uint32_t z);
/* Orders all compute and transfer work recorded before against all after (global memory barrier). */
void octavo_gpu_barrier(octavo_device *device, VkCommandBuffer command_buffer);
/* The same between dispatches only, which is cheaper. */
void octavo_gpu_dispatch_barrier(octavo_device *device, VkCommandBuffer command_buffer);
void octavo_gpu_copy(octavo_device *device, VkCommandBuffer command_buffer, octavo_gpu_range source,
                     octavo_gpu_range destination);
void octavo_gpu_fill(octavo_device *device, VkCommandBuffer command_buffer, octavo_gpu_range destination,
                     uint32_t word);

/* --- commands --- */
octavo_status octavo_gpu_commands_create(octavo_device *device, octavo_commands **commands);
void octavo_gpu_commands_destroy(octavo_commands *commands);
octavo_device *octavo_gpu_commands_device(const octavo_commands *commands);
octavo_status octavo_gpu_commands_begin(octavo_commands *commands, VkCommandBuffer *command_buffer);
octavo_status octavo_gpu_commands_submit_and_wait(octavo_commands *commands, double *gpu_seconds);

/* --- frames --- */
octavo_status octavo_gpu_frame_create(octavo_device *device, VkDeviceSize metadata_bytes, octavo_frame **frame);
void octavo_gpu_frame_destroy(octavo_frame *frame);
octavo_status octavo_gpu_frame_reset(octavo_frame *frame);
octavo_device *octavo_gpu_frame_device(const octavo_frame *frame);
/* A mark lasts until the next one or the reset: by it an owner knows a frame again as that of its recording. */
void octavo_gpu_frame_mark(octavo_frame *frame, const void *owner, uint64_t number);
bool octavo_gpu_frame_has_mark(const octavo_frame *frame, const void *owner, uint64_t number);
/* Checks before anything is recorded that the frame still has room for `bytes` of metadata (256-aligned pieces) and
 * `sets` descriptor sets. OCTAVO_FRAME_FULL otherwise, with a log line. */
octavo_status octavo_gpu_frame_reserve(octavo_frame *frame, VkDeviceSize bytes, uint32_t sets);
/* Host memory that the GPU reads as *range; 256-aligned. Written before the submission; flushed by
 * octavo_gpu_frame_flush or at once on coherent memory. */
octavo_status octavo_gpu_frame_allocate(octavo_frame *frame, VkDeviceSize bytes, void **host, octavo_gpu_range *range);
octavo_status octavo_gpu_frame_flush(octavo_frame *frame, const octavo_gpu_range *range);

#endif
