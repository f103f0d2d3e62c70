/* Shader modules, caches, layouts, pipelines, descriptor pools and sets. */
#include "fake_objects.h"

#include <stdlib.h>
#include <string.h>

/* vkCreateX and vkDestroyX of a kind that carries nothing. */
#define PLAIN_OBJECT(handle_type, info_type, create, destroy, kind)                                                    \
    static VKAPI_ATTR VkResult VKAPI_CALL create##_fake(VkDevice device, const info_type *info,                        \
                                                        const VkAllocationCallbacks *allocator, handle_type *handle) { \
        (void)device;                                                                                                  \
        (void)info;                                                                                                    \
        (void)allocator;                                                                                               \
        VkResult result = fake_next_result();                                                                          \
        if (result < 0) return result;                                                                                 \
        *handle = (handle_type)(uintptr_t)fake_new(kind);                                                              \
        return VK_SUCCESS;                                                                                             \
    }                                                                                                                  \
    static VKAPI_ATTR void VKAPI_CALL destroy##_fake(VkDevice device, handle_type handle,                              \
                                                     const VkAllocationCallbacks *allocator) {                         \
        (void)device;                                                                                                  \
        (void)allocator;                                                                                               \
        fake_delete((uint64_t)(uintptr_t)handle, kind);                                                                \
    }

PLAIN_OBJECT(VkShaderModule, VkShaderModuleCreateInfo, vkCreateShaderModule, vkDestroyShaderModule, FAKE_SHADER_MODULE)
PLAIN_OBJECT(VkPipelineLayout, VkPipelineLayoutCreateInfo, vkCreatePipelineLayout, vkDestroyPipelineLayout,
             FAKE_PIPELINE_LAYOUT)
PLAIN_OBJECT(VkDescriptorSetLayout, VkDescriptorSetLayoutCreateInfo, vkCreateDescriptorSetLayout,
             vkDestroyDescriptorSetLayout, FAKE_SET_LAYOUT)

enum { CACHE_BYTES = 64 };

/* A cache's data: Vulkan's header, then a mark whether it holds a pipeline. */
static VKAPI_ATTR VkResult VKAPI_CALL vkCreatePipelineCache_fake(VkDevice device, const VkPipelineCacheCreateInfo *info,
                                                                 const VkAllocationCallbacks *allocator,
                                                                 VkPipelineCache *cache) {
    (void)device;
    (void)allocator;
    VkResult result = fake_next_result();
    if (result < 0) return result;
    const octavo_device_snapshot *s = fake_snapshot();
    fake_object *object = fake_new(FAKE_PIPELINE_CACHE);
    object->size = CACHE_BYTES;
    object->bytes = calloc(1, CACHE_BYTES);
    if (!object->bytes) abort();
    const uint32_t header[4] = {32, 1, s->vendor_id, s->device_id};
    memcpy(object->bytes, header, sizeof header);
    memcpy(object->bytes + sizeof header, s->pipeline_cache_uuid, VK_UUID_SIZE);
    if (info->initialDataSize) {
        /* only good data may come this far */
        if (info->initialDataSize != CACHE_BYTES || memcmp(info->pInitialData, object->bytes, 32) != 0) abort();
        memcpy(object->bytes, info->pInitialData, CACHE_BYTES);
    }
    object->mapped = object->bytes;
    *cache = (VkPipelineCache)(uintptr_t)object;
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL vkDestroyPipelineCache_fake(VkDevice device, VkPipelineCache cache,
                                                              const VkAllocationCallbacks *allocator) {
    (void)device;
    (void)allocator;
    fake_delete((uint64_t)(uintptr_t)cache, FAKE_PIPELINE_CACHE);
}

static VKAPI_ATTR VkResult VKAPI_CALL vkGetPipelineCacheData_fake(VkDevice device, VkPipelineCache cache, size_t *size,
                                                                  void *data) {
    (void)device;
    VkResult result = fake_next_result();
    if (result < 0) return result;
    fake_object *object = FAKE_OBJECT(cache, FAKE_PIPELINE_CACHE);
    if (data && *size < CACHE_BYTES) return VK_INCOMPLETE;
    if (data) memcpy(data, object->bytes, CACHE_BYTES);
    *size = CACHE_BYTES;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL vkCreateComputePipelines_fake(VkDevice device, VkPipelineCache cache,
                                                                    uint32_t count,
                                                                    const VkComputePipelineCreateInfo *infos,
                                                                    const VkAllocationCallbacks *allocator,
                                                                    VkPipeline *pipelines) {
    (void)device;
    (void)allocator;
    VkResult result = fake_next_result();
    if (count != 1) abort();
    *pipelines = VK_NULL_HANDLE;
    if (result < 0) return result;
    if (cache) FAKE_OBJECT(cache, FAKE_PIPELINE_CACHE)->bytes[32] = 1;
    fake_object *object = fake_new(FAKE_PIPELINE);
    object->pipeline_info = *infos;
    const VkSpecializationInfo *constants = infos->stage.pSpecializationInfo;
    for (uint32_t i = 0; constants && i < constants->mapEntryCount && i < FAKE_CONSTANTS_MAX; i++) {
        object->constant_ids[i] = constants->pMapEntries[i].constantID;
        memcpy(&object->constant_values[i], (const char *)constants->pData + constants->pMapEntries[i].offset, 4);
        object->constant_count = i + 1;
    }
    *pipelines = (VkPipeline)(uintptr_t)object;
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL vkDestroyPipeline_fake(VkDevice device, VkPipeline pipeline,
                                                         const VkAllocationCallbacks *allocator) {
    (void)device;
    (void)allocator;
    fake_delete((uint64_t)(uintptr_t)pipeline, FAKE_PIPELINE);
}

const VkComputePipelineCreateInfo *fake_pipeline_info(VkPipeline pipeline) {
    return &FAKE_OBJECT(pipeline, FAKE_PIPELINE)->pipeline_info;
}

uint32_t fake_pipeline_constant(VkPipeline pipeline, uint32_t id, uint32_t otherwise) {
    const fake_object *object = FAKE_OBJECT(pipeline, FAKE_PIPELINE);
    for (uint32_t i = 0; i < object->constant_count; i++) {
        if (object->constant_ids[i] == id) return object->constant_values[i];
    }
    return otherwise;
}

static VKAPI_ATTR VkResult VKAPI_CALL vkCreateDescriptorPool_fake(VkDevice device,
                                                                  const VkDescriptorPoolCreateInfo *info,
                                                                  const VkAllocationCallbacks *allocator,
                                                                  VkDescriptorPool *pool) {
    (void)device;
    (void)allocator;
    VkResult result = fake_next_result();
    if (result < 0) return result;
    fake_object *object = fake_new(FAKE_DESCRIPTOR_POOL);
    object->capacity = info->maxSets;
    *pool = (VkDescriptorPool)(uintptr_t)object;
    return VK_SUCCESS;
}

static void delete_sets(fake_object *pool) {
    while (pool->first) {
        fake_object *set = pool->first;
        pool->first = set->next;
        fake_delete((uint64_t)(uintptr_t)set, FAKE_DESCRIPTOR_SET);
    }
    pool->count = 0;
}

static VKAPI_ATTR void VKAPI_CALL vkDestroyDescriptorPool_fake(VkDevice device, VkDescriptorPool pool,
                                                               const VkAllocationCallbacks *allocator) {
    (void)device;
    (void)allocator;
    if (!pool) return;
    delete_sets(FAKE_OBJECT(pool, FAKE_DESCRIPTOR_POOL));
    fake_delete((uint64_t)(uintptr_t)pool, FAKE_DESCRIPTOR_POOL);
}

static VKAPI_ATTR VkResult VKAPI_CALL vkResetDescriptorPool_fake(VkDevice device, VkDescriptorPool pool,
                                                                 VkDescriptorPoolResetFlags flags) {
    (void)device;
    (void)flags;
    VkResult result = fake_next_result();
    if (result < 0) return result;
    delete_sets(FAKE_OBJECT(pool, FAKE_DESCRIPTOR_POOL));
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL vkAllocateDescriptorSets_fake(VkDevice device,
                                                                    const VkDescriptorSetAllocateInfo *info,
                                                                    VkDescriptorSet *sets) {
    (void)device;
    VkResult result = fake_next_result();
    if (result < 0) return result;
    fake_object *pool = FAKE_OBJECT(info->descriptorPool, FAKE_DESCRIPTOR_POOL);
    FAKE_OBJECT(info->pSetLayouts[0], FAKE_SET_LAYOUT);
    if (pool->count == pool->capacity) return VK_ERROR_OUT_OF_POOL_MEMORY;
    fake_object *set = fake_new(FAKE_DESCRIPTOR_SET);
    set->next = pool->first;
    pool->first = set;
    pool->count++;
    sets[0] = (VkDescriptorSet)(uintptr_t)set;
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL vkUpdateDescriptorSets_fake(VkDevice device, uint32_t count,
                                                              const VkWriteDescriptorSet *writes, uint32_t copy_count,
                                                              const VkCopyDescriptorSet *copies) {
    (void)device;
    (void)copy_count;
    (void)copies;
    for (uint32_t i = 0; i < count; i++) {
        fake_object *set = FAKE_OBJECT(writes[i].dstSet, FAKE_DESCRIPTOR_SET);
        const VkDescriptorBufferInfo *buffer = writes[i].pBufferInfo;
        set->bound.bindings[writes[i].dstBinding] = (fake_range){buffer->buffer, buffer->offset, buffer->range};
        if (set->bound.binding_count <= writes[i].dstBinding) set->bound.binding_count = writes[i].dstBinding + 1;
    }
}

PFN_vkVoidFunction fake_pipeline_function(const char *name) {
    static const fake_function list[] = {
        FAKE_ROW(vkCreateShaderModule),
        FAKE_ROW(vkDestroyShaderModule),
        FAKE_ROW(vkCreatePipelineCache),
        FAKE_ROW(vkDestroyPipelineCache),
        FAKE_ROW(vkGetPipelineCacheData),
        FAKE_ROW(vkCreateComputePipelines),
        FAKE_ROW(vkDestroyPipeline),
        FAKE_ROW(vkCreatePipelineLayout),
        FAKE_ROW(vkDestroyPipelineLayout),
        FAKE_ROW(vkCreateDescriptorSetLayout),
        FAKE_ROW(vkDestroyDescriptorSetLayout),
        FAKE_ROW(vkCreateDescriptorPool),
        FAKE_ROW(vkDestroyDescriptorPool),
        FAKE_ROW(vkResetDescriptorPool),
        FAKE_ROW(vkAllocateDescriptorSets),
        FAKE_ROW(vkUpdateDescriptorSets),
    };
    return fake_find(list, sizeof list / sizeof *list, name);
}
