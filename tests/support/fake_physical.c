/* Instance, physical device, device: what the snapshot says, in Vulkan's structures. */
#include "fake_objects.h"

#include "gpu/features_chain.h"

#include <stdio.h>
#include <string.h>

static VKAPI_ATTR VkResult VKAPI_CALL vkEnumerateInstanceVersion_fake(uint32_t *version) {
    *version = VK_API_VERSION_1_3;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL vkEnumerateInstanceExtensionProperties_fake(const char *layer, uint32_t *count,
                                                                                  VkExtensionProperties *properties) {
    (void)layer;
    (void)properties;
    *count = 0;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL vkCreateInstance_fake(const VkInstanceCreateInfo *info,
                                                            const VkAllocationCallbacks *allocator,
                                                            VkInstance *instance) {
    (void)info;
    (void)allocator;
    VkResult result = fake_next_result();
    if (result < 0) return result;
    fake_object *object = fake_new(FAKE_INSTANCE);
    object->first = fake_new(FAKE_PHYSICAL_DEVICE);
    *instance = (VkInstance)(void *)object;
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL vkDestroyInstance_fake(VkInstance instance, const VkAllocationCallbacks *allocator) {
    (void)allocator;
    fake_delete((uint64_t)(uintptr_t)FAKE_OBJECT(instance, FAKE_INSTANCE)->first, FAKE_PHYSICAL_DEVICE);
    fake_delete((uint64_t)(uintptr_t)instance, FAKE_INSTANCE);
}

static VKAPI_ATTR VkResult VKAPI_CALL vkEnumeratePhysicalDevices_fake(VkInstance instance, uint32_t *count,
                                                                      VkPhysicalDevice *devices) {
    VkResult result = fake_next_result();
    if (result < 0) return result;
    if (devices && *count > 0) devices[0] = (VkPhysicalDevice)(void *)FAKE_OBJECT(instance, FAKE_INSTANCE)->first;
    *count = 1;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL vkEnumerateDeviceExtensionProperties_fake(VkPhysicalDevice device,
                                                                                const char *layer, uint32_t *count,
                                                                                VkExtensionProperties *properties) {
    (void)device;
    (void)layer;
    VkResult result = fake_next_result();
    if (result < 0) return result;
    uint32_t found = 0;
    for (uint32_t i = 0; i < OCTAVO_GPU_EXTENSION_COUNT; i++) {
        if (!(fake_snapshot()->extensions & 1u << i)) continue;
        if (properties && found < *count) {
            snprintf(properties[found].extensionName, sizeof properties[found].extensionName, "%s",
                     octavo_gpu_extension_list[i].name);
        }
        found++;
    }
    *count = found;
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL vkGetPhysicalDeviceProperties_fake(VkPhysicalDevice device,
                                                                     VkPhysicalDeviceProperties *properties) {
    (void)device;
    const octavo_device_snapshot *s = fake_snapshot();
    memset(properties, 0, sizeof *properties);
    properties->apiVersion = s->api_version;
    properties->driverVersion = s->driver_version;
    properties->vendorID = s->vendor_id;
    properties->deviceID = s->device_id;
    properties->deviceType = s->type;
    snprintf(properties->deviceName, sizeof properties->deviceName, "%s", s->name);
    memcpy(properties->pipelineCacheUUID, s->pipeline_cache_uuid, VK_UUID_SIZE);
    VkPhysicalDeviceLimits *limits = &properties->limits;
    limits->maxStorageBufferRange = (uint32_t)s->max_storage_buffer_range;
    limits->minStorageBufferOffsetAlignment = s->min_storage_buffer_offset_alignment;
    limits->nonCoherentAtomSize = s->non_coherent_atom_size;
    limits->maxMemoryAllocationCount = s->max_memory_allocation_count;
    limits->maxBoundDescriptorSets = s->max_bound_descriptor_sets;
    limits->maxPerStageDescriptorStorageBuffers = s->max_stage_storage_buffers;
    limits->maxDescriptorSetStorageBuffers = s->max_stage_storage_buffers + 7;
    limits->maxPerStageResources = s->max_stage_storage_buffers + 3;
    limits->maxPushConstantsSize = s->max_push_constants_size;
    limits->maxComputeSharedMemorySize = s->max_compute_shared_memory_size;
    limits->maxComputeWorkGroupInvocations = s->max_compute_work_group_invocations;
    memcpy(limits->maxComputeWorkGroupSize, s->max_compute_work_group_size, sizeof s->max_compute_work_group_size);
    memcpy(limits->maxComputeWorkGroupCount, s->max_compute_work_group_count, sizeof s->max_compute_work_group_count);
    limits->timestampPeriod = s->timestamp_period;
}

static void fill_structure(VkBaseOutStructure *structure) {
    const octavo_device_snapshot *s = fake_snapshot();
    void *p = structure;
    switch ((int)structure->sType) {
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES: {
        VkPhysicalDeviceSubgroupProperties *subgroup = p;
        subgroup->subgroupSize = s->subgroup_size;
        subgroup->supportedStages = s->subgroup_stages;
        subgroup->supportedOperations = s->subgroup_operations;
        break;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES:
        ((VkPhysicalDeviceMaintenance3Properties *)p)->maxMemoryAllocationSize = s->max_memory_allocation_size;
        break;
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES:
        memcpy(((VkPhysicalDeviceIDProperties *)p)->driverUUID, s->driver_uuid, VK_UUID_SIZE);
        memcpy(((VkPhysicalDeviceIDProperties *)p)->deviceUUID, s->device_uuid, VK_UUID_SIZE);
        break;
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES: {
        VkPhysicalDeviceSubgroupSizeControlProperties *size = p;
        size->minSubgroupSize = s->min_subgroup_size;
        size->maxSubgroupSize = s->max_subgroup_size;
        size->maxComputeWorkgroupSubgroups = s->max_compute_workgroup_subgroups;
        size->requiredSubgroupSizeStages = s->required_subgroup_size_stages;
        break;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_PROPERTIES: {
        VkPhysicalDeviceShaderIntegerDotProductProperties *dot = p;
        dot->integerDotProduct4x8BitPackedSignedAccelerated = s->int_dot_accelerated;
        dot->integerDotProduct4x8BitPackedUnsignedAccelerated = s->int_dot_unsigned_accelerated;
        dot->integerDotProduct4x8BitPackedMixedSignednessAccelerated = s->int_dot_mixed_accelerated;
        break;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FLOAT_CONTROLS_PROPERTIES:
        ((VkPhysicalDeviceFloatControlsProperties *)p)->shaderDenormPreserveFloat16 = s->denorm_preserve_float16;
        break;
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PUSH_DESCRIPTOR_PROPERTIES_KHR:
        ((VkPhysicalDevicePushDescriptorPropertiesKHR *)p)->maxPushDescriptors = s->max_push_descriptors;
        break;
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_SM_BUILTINS_PROPERTIES_NV:
        ((VkPhysicalDeviceShaderSMBuiltinsPropertiesNV *)p)->shaderSMCount = s->core_count;
        ((VkPhysicalDeviceShaderSMBuiltinsPropertiesNV *)p)->shaderWarpsPerSM = s->subgroups_per_core;
        break;
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_CORE_PROPERTIES_AMD: {
        VkPhysicalDeviceShaderCorePropertiesAMD *core = p;
        core->shaderEngineCount = core->shaderArraysPerEngineCount = 1;
        core->computeUnitsPerShaderArray = s->core_count;
        core->simdPerComputeUnit = 4;
        core->wavefrontsPerSimd = s->subgroups_per_core / 4;
        break;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_CORE_BUILTINS_PROPERTIES_ARM:
        ((VkPhysicalDeviceShaderCoreBuiltinsPropertiesARM *)p)->shaderCoreCount = s->core_count;
        ((VkPhysicalDeviceShaderCoreBuiltinsPropertiesARM *)p)->shaderWarpsPerCore = s->subgroups_per_core;
        break;
    case 1000506002: /* VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_PROPERTIES_KHR */
        ((VkPhysicalDeviceCooperativeMatrixPropertiesKHR *)p)->cooperativeMatrixSupportedStages = s->matrix_stages;
        break;
    default:
        break;
    }
}

static VKAPI_ATTR void VKAPI_CALL vkGetPhysicalDeviceProperties2_fake(VkPhysicalDevice device,
                                                                      VkPhysicalDeviceProperties2 *properties) {
    vkGetPhysicalDeviceProperties_fake(device, &properties->properties);
    for (VkBaseOutStructure *s = properties->pNext; s; s = s->pNext) fill_structure(s);
}

static VKAPI_ATTR void VKAPI_CALL vkGetPhysicalDeviceFeatures2_fake(VkPhysicalDevice device,
                                                                    VkPhysicalDeviceFeatures2 *features) {
    (void)device;
    octavo_gpu_features_set(features, &fake_snapshot()->features);
}

static VKAPI_ATTR void VKAPI_CALL vkGetPhysicalDeviceMemoryProperties_fake(VkPhysicalDevice device,
                                                                           VkPhysicalDeviceMemoryProperties *memory) {
    (void)device;
    *memory = fake_snapshot()->memory;
}

static VKAPI_ATTR void VKAPI_CALL vkGetPhysicalDeviceQueueFamilyProperties_fake(VkPhysicalDevice device,
                                                                                uint32_t *count,
                                                                                VkQueueFamilyProperties *families) {
    (void)device;
    const octavo_device_snapshot *s = fake_snapshot();
    for (uint32_t i = 0; families && i < *count && i < s->queue_family_count; i++) {
        families[i] = (VkQueueFamilyProperties){.queueFlags = s->queue_families[i].flags,
                                                .queueCount = s->queue_families[i].queue_count,
                                                .timestampValidBits = s->queue_families[i].timestamp_valid_bits};
    }
    *count = s->queue_family_count;
}

static VKAPI_ATTR VkResult VKAPI_CALL vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR_fake(
    VkPhysicalDevice device, uint32_t *count, VkCooperativeMatrixPropertiesKHR *shapes) {
    (void)device;
    const octavo_device_snapshot *s = fake_snapshot();
    for (uint32_t i = 0; shapes && i < *count && i < s->matrix_shape_count; i++) {
        const octavo_gpu_matrix_shape *shape = &s->matrix_shapes[i];
        shapes[i].MSize = shape->m;
        shapes[i].NSize = shape->n;
        shapes[i].KSize = shape->k;
        shapes[i].AType = shape->a;
        shapes[i].BType = shape->b;
        shapes[i].CType = shape->c;
        shapes[i].ResultType = shape->result;
        shapes[i].saturatingAccumulation = shape->saturating;
        shapes[i].scope = shape->scope;
    }
    *count = s->matrix_shape_count;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL vkCreateDevice_fake(VkPhysicalDevice physical_device,
                                                          const VkDeviceCreateInfo *info,
                                                          const VkAllocationCallbacks *allocator, VkDevice *device) {
    (void)physical_device;
    (void)info;
    (void)allocator;
    VkResult result = fake_next_result();
    if (result < 0) return result;
    fake_object *object = fake_new(FAKE_DEVICE);
    object->first = fake_new(FAKE_QUEUE);
    *device = (VkDevice)(void *)object;
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL vkDestroyDevice_fake(VkDevice device, const VkAllocationCallbacks *allocator) {
    (void)allocator;
    fake_delete((uint64_t)(uintptr_t)FAKE_OBJECT(device, FAKE_DEVICE)->first, FAKE_QUEUE);
    fake_delete((uint64_t)(uintptr_t)device, FAKE_DEVICE);
}

static VKAPI_ATTR void VKAPI_CALL vkGetDeviceQueue_fake(VkDevice device, uint32_t family, uint32_t index,
                                                        VkQueue *queue) {
    (void)family;
    (void)index;
    *queue = (VkQueue)(void *)FAKE_OBJECT(device, FAKE_DEVICE)->first;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL vkGetDeviceProcAddr_fake(VkDevice device, const char *name) {
    (void)device;
    return fake_get_instance_proc_addr(VK_NULL_HANDLE, name);
}

PFN_vkVoidFunction fake_physical_function(const char *name) {
    static const fake_function list[] = {
        FAKE_ROW(vkEnumerateInstanceVersion),
        FAKE_ROW(vkEnumerateInstanceExtensionProperties),
        FAKE_ROW(vkCreateInstance),
        FAKE_ROW(vkDestroyInstance),
        FAKE_ROW(vkEnumeratePhysicalDevices),
        FAKE_ROW(vkEnumerateDeviceExtensionProperties),
        FAKE_ROW(vkGetPhysicalDeviceProperties),
        FAKE_ROW(vkGetPhysicalDeviceProperties2),
        FAKE_ROW(vkGetPhysicalDeviceFeatures2),
        FAKE_ROW(vkGetPhysicalDeviceMemoryProperties),
        FAKE_ROW(vkGetPhysicalDeviceQueueFamilyProperties),
        FAKE_ROW(vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR),
        FAKE_ROW(vkCreateDevice),
        FAKE_ROW(vkDestroyDevice),
        FAKE_ROW(vkGetDeviceQueue),
        FAKE_ROW(vkGetDeviceProcAddr),
    };
    return fake_find(list, sizeof list / sizeof *list, name);
}
