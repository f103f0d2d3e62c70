#include "gpu/device_internal.h"

const octavo_base_host *octavo_gpu_host(const octavo_device *device) {
    return &device->host;
}
