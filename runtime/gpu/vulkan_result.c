#include "gpu/device_internal.h"

octavo_status octavo_gpu_status_of(VkResult result) {
    switch (result) {
    case VK_ERROR_OUT_OF_HOST_MEMORY:
        return OCTAVO_OUT_OF_HOST_MEMORY;
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
    case VK_ERROR_MEMORY_MAP_FAILED:
    case VK_ERROR_OUT_OF_POOL_MEMORY:
    case VK_ERROR_FRAGMENTED_POOL:
    case VK_ERROR_FRAGMENTATION:
    case VK_ERROR_TOO_MANY_OBJECTS:
        return OCTAVO_OUT_OF_DEVICE_MEMORY;
    case VK_ERROR_DEVICE_LOST:
        return OCTAVO_DEVICE_LOST;
    default:
        return result < 0 ? OCTAVO_DRIVER_ERROR : OCTAVO_SUCCESS;
    }
}

octavo_status octavo_gpu_result(const octavo_device *device, VkResult result, const char *call) {
    octavo_status status = octavo_gpu_status_of(result);
    if (status) octavo_gpu_fail(device, status, "%s returned %d", call, (int)result);
    return status;
}
