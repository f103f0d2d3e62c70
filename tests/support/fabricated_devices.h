/* Snapshots of a dozen kinds of devices, written from their vendors' published limits and from reports of
 * vulkan.gpuinfo.org: what plans are tested on, so that an Adreno is a unit test. */
#ifndef OCTAVO_FABRICATED_DEVICES_H
#define OCTAVO_FABRICATED_DEVICES_H

#include "gpu/device_snapshot.h"

#include <stdbool.h>

typedef enum fabricated_device {
    FABRICATED_ANDROID_2021, /* the least that the Android baseline profile of 2021 asks, with Vulkan 1.1 */
    FABRICATED_ANDROID_2022, /* Vulkan 1.1 with subgroup operations, nothing optional */
    FABRICATED_ADRENO_630,
    FABRICATED_ADRENO_740,
    FABRICATED_MALI_G52,
    FABRICATED_MALI_G610,
    FABRICATED_POWERVR_BXM,
    FABRICATED_INTEL_TGL,
    FABRICATED_INTEL_DG2,
    FABRICATED_GCN_POLARIS,
    FABRICATED_RDNA3,
    FABRICATED_TURING,
    FABRICATED_HOPPER,
    FABRICATED_LAVAPIPE,    /* Mesa 22.3, 256 bits */
    FABRICATED_SWIFTSHADER, /* the one of Chromium */
    FABRICATED_VULKAN_1_0,  /* refused */
    FABRICATED_DEVICE_COUNT
} fabricated_device;

/* Fills the snapshot, its name included. */
void fabricate_device(fabricated_device which, octavo_device_snapshot *snapshot);

/* One with the capabilities that the library finds. */
typedef struct usable_device {
    octavo_device_snapshot snapshot;
    uint32_t capabilities;
} usable_device;
/* False for the device that is refused as a whole. */
bool fabricate_usable_device(fabricated_device which, usable_device *device);

#endif
