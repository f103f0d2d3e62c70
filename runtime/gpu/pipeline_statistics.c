#include "gpu/pipeline_internal.h"

#include <string.h>

enum { MAX_EXECUTABLES = 8, MAX_STATISTICS = 64 };

static double statistic_value(const VkPipelineExecutableStatisticKHR *statistic) {
    switch (statistic->format) {
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_BOOL32_KHR:
        return statistic->value.b32 ? 1.0 : 0.0;
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_INT64_KHR:
        return (double)statistic->value.i64;
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_UINT64_KHR:
        return (double)statistic->value.u64;
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_FLOAT64_KHR:
        return statistic->value.f64;
    default:
        return 0.0;
    }
}

octavo_status octavo_gpu_pipeline_statistics(const octavo_gpu_pipeline *pipeline, uint32_t *count,
                                             octavo_gpu_statistic *statistics) {
    octavo_device *device = pipeline->device;
    const uint32_t capacity = statistics ? *count : 0;
    *count = 0;
    if (!pipeline->has_statistics) {
        return octavo_gpu_fail(device, OCTAVO_UNSUPPORTED, "the pipeline was made without statistics");
    }
    VkPipelineInfoKHR info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_INFO_KHR, .pipeline = pipeline->handle};
    VkPipelineExecutablePropertiesKHR executables[MAX_EXECUTABLES];
    for (uint32_t i = 0; i < MAX_EXECUTABLES; i++) {
        executables[i] =
            (VkPipelineExecutablePropertiesKHR){.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_PROPERTIES_KHR};
    }
    uint32_t executable_count = MAX_EXECUTABLES;
    VkResult result =
        device->vk.vkGetPipelineExecutablePropertiesKHR(device->handles.device, &info, &executable_count, executables);
    if (result < 0) return octavo_gpu_result(device, result, "vkGetPipelineExecutablePropertiesKHR");
    for (uint32_t e = 0; e < executable_count; e++) {
        VkPipelineExecutableInfoKHR which = {.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR,
                                             .pipeline = pipeline->handle,
                                             .executableIndex = e};
        VkPipelineExecutableStatisticKHR found[MAX_STATISTICS];
        for (uint32_t i = 0; i < MAX_STATISTICS; i++) {
            found[i] = (VkPipelineExecutableStatisticKHR){.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR};
        }
        uint32_t found_count = MAX_STATISTICS;
        result = device->vk.vkGetPipelineExecutableStatisticsKHR(device->handles.device, &which, &found_count, found);
        if (result < 0) return octavo_gpu_result(device, result, "vkGetPipelineExecutableStatisticsKHR");
        for (uint32_t i = 0; i < found_count; i++, ++*count) {
            if (*count >= capacity) continue;
            memcpy(statistics[*count].name, found[i].name, sizeof found[i].name);
            statistics[*count].name[sizeof found[i].name - 1] = 0;
            statistics[*count].value = statistic_value(&found[i]);
        }
    }
    return OCTAVO_SUCCESS;
}
