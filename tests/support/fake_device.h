/* A device of the library on the fake dispatch table. */
#ifndef OCTAVO_FAKE_DEVICE_H
#define OCTAVO_FAKE_DEVICE_H

#include "fabricated_devices.h"
#include "fake_dispatch.h"
#include "gpu/gpu.h"
#include "test_device.h"

/* Resets the fake Vulkan to the fabricated device, written to *snapshot, and creates. log may be NULL. */
octavo_status fake_device_open(fabricated_device which, octavo_device_snapshot *snapshot,
                               const octavo_device_create_info *info, test_log *log, octavo_device **device);

/* A pipeline store in memory that misbehaves as it is told. */
typedef struct memory_store {
    unsigned char *blob; /* of the one key it has seen last */
    size_t size;
    char key[128];
    unsigned gets, sets;
    size_t claimed_size; /* 0: the true one */
    VkBool32 grows;      /* says at the second get that there is more than at the first */
} memory_store;

octavo_pipeline_store memory_store_callbacks(memory_store *store);
void memory_store_finish(memory_store *store);

#endif
