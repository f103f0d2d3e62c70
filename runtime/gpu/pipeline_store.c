/* The caller's pipeline store: keys, and blobs in and out. */
#include "gpu/pipeline_blob.h"
#include "gpu/pipeline_internal.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

enum { KEY_TEXT_BYTES = 2 * 16 + 1 };

/* All that decides what the driver makes of the pipeline, but for the driver itself. */
static uint64_t hash_pipeline(const octavo_device *device, const octavo_gpu_pipeline_info *info) {
    enum { FIXED = 5 };
    uint32_t numbers[FIXED + 2 * OCTAVO_GPU_CONSTANTS_MAX] = {
        info->binding_count, info->push_constant_bytes, info->required_subgroup_size, info->constant_count,
        device->plan.capabilities & OCTAVO_CAPABILITY_PIPELINE_ROBUSTNESS};
    for (uint32_t i = 0; i < info->constant_count; i++) {
        numbers[FIXED + 2 * i] = info->constant_ids[i];
        numbers[FIXED + 1 + 2 * i] = info->constant_values[i];
    }
    XXH64_hash_t code = XXH64(info->code, info->code_bytes, 0);
    return XXH64(numbers, (FIXED + 2 * (size_t)info->constant_count) * sizeof *numbers, code);
}

static octavo_gpu_blob_identity identify(const octavo_device *device, const octavo_gpu_pipeline_info *info) {
    octavo_gpu_blob_identity identity = {.vendor_id = device->snapshot.vendor_id,
                                         .device_id = device->snapshot.device_id,
                                         .key = hash_pipeline(device, info)};
    memcpy(identity.driver_uuid, device->snapshot.driver_uuid, sizeof identity.driver_uuid);
    memcpy(identity.pipeline_cache_uuid, device->snapshot.pipeline_cache_uuid, sizeof identity.pipeline_cache_uuid);
    return identity;
}

static void key_text(const octavo_gpu_blob_identity *identity, char text[KEY_TEXT_BYTES]) {
    uint8_t driver[40];
    memcpy(driver, identity->driver_uuid, 16);
    memcpy(driver + 16, identity->pipeline_cache_uuid, 16);
    memcpy(driver + 32, &identity->vendor_id, 4);
    memcpy(driver + 36, &identity->device_id, 4);
    snprintf(text, KEY_TEXT_BYTES, "%016llx%016llx", (unsigned long long)XXH64(driver, sizeof driver, 0),
             (unsigned long long)identity->key);
}

/* *size bytes of host memory, or NULL: no blob, or none that can be taken. */
static void *read_blob(octavo_device *device, const char *key, size_t *size) {
    size_t bytes = 0;
    *size = 0;
    if (!device->store.get(device->store.user, key, NULL, &bytes) || bytes == 0) return NULL;
    if (bytes > OCTAVO_GPU_BLOB_BYTES_MAX) {
        octavo_gpu_log(device, OCTAVO_LOG_WARNING, "pipeline store: blob %s has %zu bytes, the limit is %zu: ignored",
                       key, bytes, OCTAVO_GPU_BLOB_BYTES_MAX);
        return NULL;
    }
    void *blob = octavo_gpu_allocate(device, bytes);
    if (!blob) return NULL;
    size_t got = bytes;
    if (!device->store.get(device->store.user, key, blob, &got) || got != bytes) {
        octavo_gpu_release(device, blob, bytes);
        return NULL;
    }
    *size = bytes;
    return blob;
}

VkPipelineCache octavo_gpu_store_load(octavo_device *device, const octavo_gpu_pipeline_info *info, VkBool32 *found) {
    *found = VK_FALSE;
    if (!device->has_store) return VK_NULL_HANDLE;
    octavo_gpu_blob_identity identity = identify(device, info);
    char key[KEY_TEXT_BYTES];
    key_text(&identity, key);
    octavo_mutex_lock(&device->store_mutex);
    size_t size;
    void *blob = read_blob(device, key, &size);
    octavo_mutex_unlock(&device->store_mutex);

    VkPipelineCacheCreateInfo cache_info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO};
    if (blob) {
        const char *wrong =
            octavo_gpu_blob_check(&identity, blob, size, &cache_info.pInitialData, &cache_info.initialDataSize);
        if (wrong) octavo_gpu_log(device, OCTAVO_LOG_WARNING, "pipeline store: blob %s ignored: %s", key, wrong);
        *found = wrong == NULL;
    }
    VkPipelineCache cache = VK_NULL_HANDLE;
    VkResult result = device->vk.vkCreatePipelineCache(device->handles.device, &cache_info, NULL, &cache);
    octavo_gpu_release(device, blob, size);
    if (result < 0) {
        octavo_gpu_log(device, OCTAVO_LOG_WARNING, "vkCreatePipelineCache returned %d: no pipeline is stored",
                       (int)result);
        *found = VK_FALSE;
        return VK_NULL_HANDLE;
    }
    return cache;
}

void octavo_gpu_store_save(octavo_device *device, const octavo_gpu_pipeline_info *info, VkPipelineCache cache) {
    size_t payload = 0;
    VkResult result = device->vk.vkGetPipelineCacheData(device->handles.device, cache, &payload, NULL);
    if (result < 0 || payload == 0 || payload > OCTAVO_GPU_BLOB_BYTES_MAX - OCTAVO_GPU_BLOB_HEADER_BYTES) return;
    size_t capacity = payload + OCTAVO_GPU_BLOB_HEADER_BYTES;
    uint8_t *blob = octavo_gpu_allocate(device, capacity);
    if (!blob) return;
    result =
        device->vk.vkGetPipelineCacheData(device->handles.device, cache, &payload, blob + OCTAVO_GPU_BLOB_HEADER_BYTES);
    if (result == VK_SUCCESS && payload + OCTAVO_GPU_BLOB_HEADER_BYTES <= capacity) {
        octavo_gpu_blob_identity identity = identify(device, info);
        char key[KEY_TEXT_BYTES];
        key_text(&identity, key);
        octavo_gpu_blob_seal(&identity, blob, payload);
        octavo_mutex_lock(&device->store_mutex);
        device->store.set(device->store.user, key, blob, payload + OCTAVO_GPU_BLOB_HEADER_BYTES);
        octavo_mutex_unlock(&device->store_mutex);
    }
    octavo_gpu_release(device, blob, capacity);
}
