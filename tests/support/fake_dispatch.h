/* A Vulkan without a driver: functions that keep account. It reports a fabricated device, backs memory with the heap
 * (non-coherent memory is a second copy that only flushes and invalidations move), runs copies and fills at submission,
 * counts what lives, and fails where a test wants it. Dispatches are recorded, not run.
 *
 * Its own bookkeeping between threads is by relaxed atomics, which order nothing: a thread sanitizer sees the library's
 * races as they are. The queue counts its submissions without any protection, on purpose. For 64-bit machines. */
#ifndef OCTAVO_FAKE_DISPATCH_H
#define OCTAVO_FAKE_DISPATCH_H

#include "gpu/device_snapshot.h"

enum { FAKE_BINDINGS_MAX = 8, FAKE_PUSH_BYTES_MAX = 256 };

typedef enum fake_command_kind { FAKE_DISPATCH, FAKE_BARRIER, FAKE_COPY, FAKE_FILL, FAKE_TIMESTAMP } fake_command_kind;

typedef struct fake_range {
    VkBuffer buffer;
    VkDeviceSize offset, size;
} fake_range;

typedef struct fake_command {
    fake_command_kind kind;
    fake_range source, destination; /* copies and fills */
    uint32_t word;                  /* fills */
    VkPipeline pipeline;            /* dispatches from here on */
    uint32_t groups[3];
    uint32_t binding_count;
    fake_range bindings[FAKE_BINDINGS_MAX];
    uint32_t push_bytes;
    unsigned char push[FAKE_PUSH_BYTES_MAX];
} fake_command;

/* Forgets everything. The device reports `snapshot` from now on, which stays with the caller. */
void fake_reset(const octavo_device_snapshot *snapshot);
PFN_vkVoidFunction VKAPI_CALL fake_get_instance_proc_addr(VkInstance instance, const char *name);
/* The names of functions that are not to be had, separated by spaces; NULL: none. */
void fake_hide(const char *names);
/* The call numbered `index` (from 0) of those that can fail fails with `result`; with `sticky` all behind it, too. */
void fake_fail(uint32_t index, VkResult result, VkBool32 sticky);
void fake_fail_never(void);
/* How many calls that can fail there were since the last fake_fail or fake_fail_never. */
uint32_t fake_fallible_calls(void);
/* Objects created and not destroyed: instances, devices, memory, ... */
uint32_t fake_live_objects(void);
uint32_t fake_live_allocations(void); /* of device memory */
uint32_t fake_submissions(void);

/* What has been recorded since the buffer's begin. */
const fake_command *fake_commands(VkCommandBuffer command_buffer, uint32_t *count);
/* The specialisation constants, code size and so on that a pipeline was made with. */
const VkComputePipelineCreateInfo *fake_pipeline_info(VkPipeline pipeline);
uint32_t fake_pipeline_constant(VkPipeline pipeline, uint32_t id, uint32_t otherwise);
/* Device memory of a buffer, as the GPU sees it. */
unsigned char *fake_buffer_bytes(VkBuffer buffer);

#endif
