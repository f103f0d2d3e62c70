/* The insides of octavo_gpu_pipeline, for the files of gpu/ only. */
#ifndef OCTAVO_PIPELINE_INTERNAL_H
#define OCTAVO_PIPELINE_INTERNAL_H

#include "gpu/device_internal.h"

struct octavo_gpu_pipeline {
    octavo_device *device;
    VkPipeline handle;
    VkPipelineLayout layout;
    uint32_t binding_count;
    uint32_t push_constant_bytes;
    VkBool32 has_statistics;
};

/* Reads the store's blob of a pipeline as a VkPipelineCache (VK_NULL_HANDLE without a store or without host memory);
 * *found: whether the store had a good one. */
VkPipelineCache octavo_gpu_store_load(octavo_device *device, const octavo_gpu_pipeline_info *info, VkBool32 *found);
/* Writes what the cache now holds to the store. */
void octavo_gpu_store_save(octavo_device *device, const octavo_gpu_pipeline_info *info, VkPipelineCache cache);

#endif
