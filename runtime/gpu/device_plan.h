/* Pure policy: what to enable on a device, which queue, and what can then be relied on; or why not. */
#ifndef OCTAVO_DEVICE_PLAN_H
#define OCTAVO_DEVICE_PLAN_H

#include "gpu/device_snapshot.h"
#include <octavo/device.h>

/* Vulkan's own minimums, which every kernel set counts on. */
#define OCTAVO_GPU_MIN_INVOCATIONS 128
#define OCTAVO_GPU_MIN_SHARED_MEMORY 16384
#define OCTAVO_GPU_MIN_STORAGE_BUFFERS 4
#define OCTAVO_GPU_MIN_PUSH_CONSTANTS 128

typedef struct octavo_device_plan_options {
    uint32_t hidden_capabilities; /* octavo_capability bits to treat as absent */
    VkBool32 debug_utils;         /* the instance has VK_EXT_debug_utils */
    VkBool32 imported;            /* the queue is given: queue_family_index */
    uint32_t queue_family_index;
} octavo_device_plan_options;

typedef struct octavo_device_plan {
    VkBool32 usable;
    char reason[256];      /* why not */
    uint32_t capabilities; /* octavo_capability bits */
    uint32_t extensions;   /* OCTAVO_GPU_EXTENSION_ bits to enable: present, wanted, not in the core version */
    octavo_device_features features; /* to enable */
    uint32_t queue_family_index;
} octavo_device_plan;

void octavo_gpu_plan_device(const octavo_device_snapshot *snapshot, const octavo_device_plan_options *options,
                            octavo_device_plan *plan);

/* Whether a pipeline can name its subgroup size; without it OCTAVO_CAPABILITY_SUBGROUP means that there is one size. */
VkBool32 octavo_gpu_requires_subgroup_size(const octavo_device_snapshot *snapshot);

/* Order of preference of device types: 0 is best. */
uint32_t octavo_gpu_type_rank(VkPhysicalDeviceType type);
/* Whether a is the better choice by policy (both usable). */
VkBool32 octavo_gpu_prefer(const octavo_device_snapshot *a, const octavo_device_snapshot *b);

#endif
