/* Compiled pipelines of a device, so that the caches and plans of one test compile each of them once. A driver compiles
 * for a second or more, and SwiftShader stores nothing that it could take back: the VkPipeline itself is kept. What a
 * pipeline is made of is what the library asks its pipeline store for, just before it compiles. The blobs that a driver
 * does give are kept beside, and given back to it. */
#ifndef OCTAVO_TEST_KEPT_PIPELINES_H
#define OCTAVO_TEST_KEPT_PIPELINES_H

#include "gpu/device_internal.h"

#define KEPT_PIPELINES 512
#define KEPT_KEY_BYTES 128

typedef struct kept_pipelines {
    char keys[KEPT_PIPELINES][KEPT_KEY_BYTES]; /* of blobs */
    void *blobs[KEPT_PIPELINES];
    size_t sizes[KEPT_PIPELINES];
    unsigned blob_count;
    char asked[KEPT_KEY_BYTES]; /* for the next pipeline; empty: it is not to be stored */
    char pipeline_keys[KEPT_PIPELINES][KEPT_KEY_BYTES];
    VkPipeline pipelines[KEPT_PIPELINES];
    unsigned pipeline_count;
    PFN_vkCreateComputePipelines create; /* of the driver */
    PFN_vkDestroyPipeline destroy;
} kept_pipelines;

/* The store with which the device is to be created. */
octavo_pipeline_store kept_pipelines_store(kept_pipelines *kept);
/* From then on the device's pipelines are kept; of a process, those of one device at a time. */
void kept_pipelines_begin(kept_pipelines *kept, octavo_device *device);
/* Before the device is destroyed; what it made of the pipelines is destroyed already. */
void kept_pipelines_end(kept_pipelines *kept, octavo_device *device);

#endif
