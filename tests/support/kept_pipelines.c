#include "kept_pipelines.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static kept_pipelines *current; /* Vulkan's functions have no argument for it */

static VkBool32 get_blob(void *user, const char *key, void *data, size_t *size) {
    kept_pipelines *kept = user;
    (void)snprintf(kept->asked, sizeof kept->asked, "%s", key);
    for (unsigned i = 0; i < kept->blob_count; i++) {
        if (strcmp(kept->keys[i], key) != 0) continue;
        if (data != NULL) memcpy(data, kept->blobs[i], *size < kept->sizes[i] ? *size : kept->sizes[i]);
        *size = kept->sizes[i];
        return VK_TRUE;
    }
    return VK_FALSE;
}

static void set_blob(void *user, const char *key, const void *data, size_t size) {
    kept_pipelines *kept = user;
    void *copy = malloc(size + 1);
    if (copy == NULL || kept->blob_count == KEPT_PIPELINES || strlen(key) >= sizeof kept->keys[0]) {
        free(copy);
        return;
    }
    memcpy(copy, data, size);
    strcpy(kept->keys[kept->blob_count], key);
    kept->blobs[kept->blob_count] = copy;
    kept->sizes[kept->blob_count++] = size;
}

octavo_pipeline_store kept_pipelines_store(kept_pipelines *kept) {
    return (octavo_pipeline_store){kept, get_blob, set_blob};
}

static VkResult VKAPI_CALL create_once(VkDevice device, VkPipelineCache cache, uint32_t count,
                                       const VkComputePipelineCreateInfo *infos, const VkAllocationCallbacks *allocator,
                                       VkPipeline *pipelines) {
    kept_pipelines *kept = current;
    char key[KEPT_KEY_BYTES];
    ck_assert_uint_eq(count, 1);
    memcpy(key, kept->asked, sizeof key);
    kept->asked[0] = '\0';
    for (unsigned i = 0; key[0] != '\0' && i < kept->pipeline_count; i++) {
        if (strcmp(kept->pipeline_keys[i], key) != 0) continue;
        *pipelines = kept->pipelines[i];
        return VK_SUCCESS;
    }
    VkResult result = kept->create(device, cache, count, infos, allocator, pipelines);
    if (result != VK_SUCCESS || key[0] == '\0' || kept->pipeline_count == KEPT_PIPELINES) return result;
    memcpy(kept->pipeline_keys[kept->pipeline_count], key, sizeof key);
    kept->pipelines[kept->pipeline_count++] = *pipelines;
    return result;
}

static void VKAPI_CALL destroy_others(VkDevice device, VkPipeline pipeline, const VkAllocationCallbacks *allocator) {
    for (unsigned i = 0; i < current->pipeline_count; i++)
        if (current->pipelines[i] == pipeline) return;
    current->destroy(device, pipeline, allocator);
}

void kept_pipelines_begin(kept_pipelines *kept, octavo_device *device) {
    if (current != NULL) return; /* of a second device nothing is kept but blobs */
    current = kept;
    kept->create = device->vk.vkCreateComputePipelines;
    kept->destroy = device->vk.vkDestroyPipeline;
    device->vk.vkCreateComputePipelines = create_once;
    device->vk.vkDestroyPipeline = destroy_others;
}

void kept_pipelines_end(kept_pipelines *kept, octavo_device *device) {
    for (unsigned i = 0; i < kept->pipeline_count; i++) kept->destroy(device->handles.device, kept->pipelines[i], NULL);
    for (unsigned i = 0; i < kept->blob_count; i++) free(kept->blobs[i]);
    kept->pipeline_count = kept->blob_count = 0;
    if (current == kept) current = NULL;
}
