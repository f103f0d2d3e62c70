#include "gpu/device_snapshot.h"

uint64_t octavo_gpu_device_memory_bytes(const octavo_device_snapshot *snapshot) {
    uint64_t largest = 0;
    for (uint32_t i = 0; i < snapshot->memory.memoryHeapCount; i++) {
        const VkMemoryHeap *heap = &snapshot->memory.memoryHeaps[i];
        if ((heap->flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) && heap->size > largest) largest = heap->size;
    }
    return largest;
}

VkBool32 octavo_gpu_has_extension(const octavo_device_snapshot *snapshot, uint32_t bit) {
    if (snapshot->extensions & bit) return VK_TRUE;
    for (uint32_t i = 0; i < OCTAVO_GPU_EXTENSION_COUNT; i++) {
        uint32_t core = octavo_gpu_extension_list[i].core_version;
        if (bit == 1u << i) return core && snapshot->api_version >= core;
    }
    return VK_FALSE;
}

VkBool32 octavo_gpu_fits_workgroup(const octavo_device_snapshot *snapshot, uint32_t lanes, uint32_t subgroups) {
    uint32_t most = snapshot->max_compute_workgroup_subgroups; /* 0: not told */
    return lanes <= snapshot->max_compute_work_group_invocations && lanes <= snapshot->max_compute_work_group_size[0] &&
           (most == 0u || subgroups <= most);
}
