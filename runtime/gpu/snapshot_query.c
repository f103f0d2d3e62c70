#include "gpu/snapshot_query.h"

#include "gpu/features_chain.h"

#include <stdio.h>
#include <string.h>

/* Links a property structure behind tail and returns the new tail. */
static VkBaseOutStructure *link(VkBaseOutStructure *tail, void *structure, VkStructureType type, VkBool32 known) {
    VkBaseOutStructure *next = structure;
    next->sType = type;
    next->pNext = NULL;
    if (!known) return tail;
    tail->pNext = next;
    return next;
}

static octavo_status query_extensions(const octavo_base_host *host, const octavo_gpu_instance_table *vk,
                                      VkPhysicalDevice physical_device, octavo_device_snapshot *snapshot) {
    uint32_t count = 0;
    VkResult result = vk->vkEnumerateDeviceExtensionProperties(physical_device, NULL, &count, NULL);
    if (result < 0) {
        return octavo_base_fail(host, OCTAVO_DRIVER_ERROR, "vkEnumerateDeviceExtensionProperties returned %d",
                                (int)result);
    }
    if (count == 0) return OCTAVO_SUCCESS;
    size_t bytes = count * sizeof(VkExtensionProperties);
    VkExtensionProperties *extensions = octavo_base_allocate(host, bytes);
    if (!extensions) {
        return octavo_base_fail(host, OCTAVO_OUT_OF_HOST_MEMORY, "no memory for %u extension names", (unsigned)count);
    }
    result = vk->vkEnumerateDeviceExtensionProperties(physical_device, NULL, &count, extensions);
    for (uint32_t i = 0; result >= 0 && i < count; i++) {
        snapshot->extensions |= octavo_gpu_extension_bit(extensions[i].extensionName);
    }
    octavo_base_release(host, extensions, bytes);
    if (result < 0) {
        return octavo_base_fail(host, OCTAVO_DRIVER_ERROR, "vkEnumerateDeviceExtensionProperties returned %d",
                                (int)result);
    }
    return OCTAVO_SUCCESS;
}

static uint32_t lower(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static void copy_limits(octavo_device_snapshot *s, const VkPhysicalDeviceProperties *properties) {
    const VkPhysicalDeviceLimits *limits = &properties->limits;
    snprintf(s->name, sizeof s->name, "%s", properties->deviceName);
    snprintf(s->driver, sizeof s->driver, "version 0x%08x", (unsigned)properties->driverVersion);
    s->driver_version = properties->driverVersion;
    s->vendor_id = properties->vendorID;
    s->device_id = properties->deviceID;
    s->type = properties->deviceType;
    memcpy(s->pipeline_cache_uuid, properties->pipelineCacheUUID, VK_UUID_SIZE);
    s->max_storage_buffer_range = limits->maxStorageBufferRange;
    s->max_memory_allocation_size = UINT64_MAX;
    s->min_storage_buffer_offset_alignment = limits->minStorageBufferOffsetAlignment;
    s->non_coherent_atom_size = limits->nonCoherentAtomSize;
    s->max_memory_allocation_count = limits->maxMemoryAllocationCount;
    s->max_bound_descriptor_sets = limits->maxBoundDescriptorSets;
    s->max_stage_storage_buffers = lower(limits->maxPerStageDescriptorStorageBuffers,
                                         lower(limits->maxDescriptorSetStorageBuffers, limits->maxPerStageResources));
    s->max_push_constants_size = limits->maxPushConstantsSize;
    s->max_compute_shared_memory_size = limits->maxComputeSharedMemorySize;
    s->max_compute_work_group_invocations = limits->maxComputeWorkGroupInvocations;
    memcpy(s->max_compute_work_group_size, limits->maxComputeWorkGroupSize, sizeof s->max_compute_work_group_size);
    memcpy(s->max_compute_work_group_count, limits->maxComputeWorkGroupCount, sizeof s->max_compute_work_group_count);
    s->timestamp_period = limits->timestampPeriod;
}

static void query_properties(const octavo_gpu_instance_table *vk, VkPhysicalDevice physical_device,
                             octavo_device_snapshot *s) {
    VkPhysicalDeviceProperties2 head = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
    VkPhysicalDeviceSubgroupProperties subgroup = {.subgroupSize = 0};
    VkPhysicalDeviceMaintenance3Properties maintenance3 = {.maxPerSetDescriptors = 0};
    VkPhysicalDeviceIDProperties id = {.deviceNodeMask = 0};
    VkPhysicalDeviceDriverProperties driver = {.driverID = 0};
    VkPhysicalDeviceSubgroupSizeControlProperties size_control = {.minSubgroupSize = 0};
    VkPhysicalDeviceShaderIntegerDotProductProperties int_dot = {.integerDotProduct8BitUnsignedAccelerated = 0};
    VkPhysicalDeviceFloatControlsProperties float_controls = {.shaderDenormPreserveFloat16 = 0};
    VkPhysicalDevicePushDescriptorPropertiesKHR push = {.maxPushDescriptors = 0};
    VkPhysicalDeviceShaderSMBuiltinsPropertiesNV sm = {.shaderSMCount = 0};
    VkPhysicalDeviceShaderCorePropertiesAMD amd = {.shaderEngineCount = 0};
    VkPhysicalDeviceShaderCoreBuiltinsPropertiesARM arm = {.shaderCoreCount = 0};
    VkPhysicalDeviceCooperativeMatrixPropertiesKHR matrix = {.cooperativeMatrixSupportedStages = 0};

    VkBaseOutStructure *tail = (VkBaseOutStructure *)&head;
#define LINK(variable, suffix, known) tail = link(tail, &(variable), VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_##suffix, known)
#define HAS(bit) octavo_gpu_has_extension(s, OCTAVO_GPU_EXTENSION_##bit)
    LINK(subgroup, SUBGROUP_PROPERTIES, VK_TRUE);
    LINK(maintenance3, MAINTENANCE_3_PROPERTIES, VK_TRUE);
    LINK(id, ID_PROPERTIES, VK_TRUE);
    LINK(driver, DRIVER_PROPERTIES, HAS(DRIVER_PROPERTIES));
    LINK(size_control, SUBGROUP_SIZE_CONTROL_PROPERTIES, HAS(SUBGROUP_SIZE_CONTROL));
    LINK(int_dot, SHADER_INTEGER_DOT_PRODUCT_PROPERTIES, HAS(INTEGER_DOT_PRODUCT));
    LINK(float_controls, FLOAT_CONTROLS_PROPERTIES, HAS(SHADER_FLOAT_CONTROLS));
    LINK(push, PUSH_DESCRIPTOR_PROPERTIES_KHR, HAS(PUSH_DESCRIPTOR));
    LINK(sm, SHADER_SM_BUILTINS_PROPERTIES_NV, HAS(SHADER_SM_BUILTINS));
    LINK(amd, SHADER_CORE_PROPERTIES_AMD, HAS(SHADER_CORE_PROPERTIES));
    LINK(arm, SHADER_CORE_BUILTINS_PROPERTIES_ARM, HAS(SHADER_CORE_BUILTINS));
    LINK(matrix, COOPERATIVE_MATRIX_PROPERTIES_KHR, HAS(COOPERATIVE_MATRIX));
#undef HAS
#undef LINK
    vk->vkGetPhysicalDeviceProperties2(physical_device, &head);

    s->max_memory_allocation_size = maintenance3.maxMemoryAllocationSize;
    memcpy(s->device_uuid, id.deviceUUID, VK_UUID_SIZE);
    memcpy(s->driver_uuid, id.driverUUID, VK_UUID_SIZE);
    s->driver_id = (uint32_t)driver.driverID;
    if (driver.driverName[0]) {
        /* both are at most VK_MAX_DRIVER_INFO_SIZE - 1 = 255 bytes, the cut is meant */
        snprintf(s->driver, sizeof s->driver, "%.120s %.120s", driver.driverName, driver.driverInfo);
    }
    s->subgroup_size = subgroup.subgroupSize;
    s->subgroup_stages = subgroup.supportedStages;
    s->subgroup_operations = subgroup.supportedOperations;
    s->min_subgroup_size = size_control.minSubgroupSize ? size_control.minSubgroupSize : subgroup.subgroupSize;
    s->max_subgroup_size = size_control.maxSubgroupSize ? size_control.maxSubgroupSize : subgroup.subgroupSize;
    s->max_compute_workgroup_subgroups = size_control.maxComputeWorkgroupSubgroups;
    s->required_subgroup_size_stages = size_control.requiredSubgroupSizeStages;
    s->int_dot_accelerated = int_dot.integerDotProduct4x8BitPackedSignedAccelerated &&
                             int_dot.integerDotProduct4x8BitPackedUnsignedAccelerated;
    s->int_dot_unsigned_accelerated = int_dot.integerDotProduct4x8BitPackedUnsignedAccelerated;
    s->int_dot_mixed_accelerated = int_dot.integerDotProduct4x8BitPackedMixedSignednessAccelerated;
    s->denorm_preserve_float16 = float_controls.shaderDenormPreserveFloat16;
    s->max_push_descriptors = push.maxPushDescriptors;
    s->matrix_stages = matrix.cooperativeMatrixSupportedStages;
    if (sm.shaderSMCount) {
        s->core_count = sm.shaderSMCount;
        s->subgroups_per_core = sm.shaderWarpsPerSM;
    } else if (amd.shaderEngineCount) {
        s->core_count = amd.shaderEngineCount * amd.shaderArraysPerEngineCount * amd.computeUnitsPerShaderArray;
        s->subgroups_per_core = amd.simdPerComputeUnit * amd.wavefrontsPerSimd;
    } else if (arm.shaderCoreCount) {
        s->core_count = arm.shaderCoreCount;
        s->subgroups_per_core = arm.shaderWarpsPerCore;
    }
}

static void query_features(const octavo_gpu_instance_table *vk, VkPhysicalDevice physical_device,
                           octavo_device_snapshot *s) {
    octavo_gpu_feature_chain chain;
    octavo_gpu_feature_chain_init(&chain, s->api_version, s->extensions);
    vk->vkGetPhysicalDeviceFeatures2(physical_device, &chain.core);
    s->features = octavo_gpu_features_read(&chain.core);
}

static void query_matrix_shapes(const octavo_base_host *host, const octavo_gpu_instance_table *vk,
                                VkPhysicalDevice physical_device, octavo_device_snapshot *s) {
    if (!s->features.cooperative_matrix || !vk->vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR) return;
    VkCooperativeMatrixPropertiesKHR shapes[OCTAVO_GPU_MATRIX_SHAPES_MAX];
    for (uint32_t i = 0; i < OCTAVO_GPU_MATRIX_SHAPES_MAX; i++) {
        shapes[i] = (VkCooperativeMatrixPropertiesKHR){.sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR};
    }
    uint32_t count = OCTAVO_GPU_MATRIX_SHAPES_MAX;
    VkResult result = vk->vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR(physical_device, &count, shapes);
    if (result < 0) return;
    if (result == VK_INCOMPLETE) {
        octavo_base_log(host, OCTAVO_LOG_INFO, "%s has more than %d cooperative matrix shapes; the first are used",
                        s->name, OCTAVO_GPU_MATRIX_SHAPES_MAX);
    }
    for (uint32_t i = 0; i < count; i++) {
        const VkCooperativeMatrixPropertiesKHR *p = &shapes[i];
        s->matrix_shapes[i] = (octavo_gpu_matrix_shape){
            p->MSize,      p->NSize, p->KSize,
            p->AType,      p->BType, p->CType,
            p->ResultType, p->scope, p->saturatingAccumulation,
        };
    }
    s->matrix_shape_count = count;
}

static octavo_status query_queues(const octavo_base_host *host, const octavo_gpu_instance_table *vk,
                                  VkPhysicalDevice physical_device, octavo_device_snapshot *s) {
    uint32_t count = 0;
    vk->vkGetPhysicalDeviceQueueFamilyProperties(physical_device, &count, NULL);
    VkQueueFamilyProperties families[OCTAVO_GPU_QUEUE_FAMILIES_MAX];
    if (count > OCTAVO_GPU_QUEUE_FAMILIES_MAX) count = OCTAVO_GPU_QUEUE_FAMILIES_MAX;
    if (count == 0) return octavo_base_fail(host, OCTAVO_DRIVER_ERROR, "%s has no queue family", s->name);
    vk->vkGetPhysicalDeviceQueueFamilyProperties(physical_device, &count, families);
    for (uint32_t i = 0; i < count; i++) {
        s->queue_families[i] =
            (octavo_gpu_queue_family){families[i].queueFlags, families[i].queueCount, families[i].timestampValidBits};
    }
    s->queue_family_count = count;
    return OCTAVO_SUCCESS;
}

octavo_status octavo_gpu_snapshot_query(const octavo_base_host *host, const octavo_gpu_instance_table *vk,
                                        VkPhysicalDevice physical_device, uint32_t api_version,
                                        octavo_device_snapshot *snapshot) {
    memset(snapshot, 0, sizeof *snapshot);
    VkPhysicalDeviceProperties properties;
    vk->vkGetPhysicalDeviceProperties(physical_device, &properties);
    copy_limits(snapshot, &properties);
    snapshot->api_version = lower(properties.apiVersion, api_version) & ~0xfffu;
    octavo_status status = query_queues(host, vk, physical_device, snapshot);
    if (status) return status;
    vk->vkGetPhysicalDeviceMemoryProperties(physical_device, &snapshot->memory);
    if (snapshot->api_version < VK_API_VERSION_1_1) return OCTAVO_SUCCESS;
    if (!vk->vkGetPhysicalDeviceProperties2 || !vk->vkGetPhysicalDeviceFeatures2) {
        return octavo_base_fail(host, OCTAVO_DRIVER_ERROR, "the Vulkan 1.1 functions of the instance are missing");
    }
    status = query_extensions(host, vk, physical_device, snapshot);
    if (status) return status;
    query_properties(vk, physical_device, snapshot);
    query_features(vk, physical_device, snapshot);
    query_matrix_shapes(host, vk, physical_device, snapshot);
    return OCTAVO_SUCCESS;
}
