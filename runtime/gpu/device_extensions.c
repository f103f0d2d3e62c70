#include "gpu/device_extensions.h"

#include <string.h>

#define ROW(bit, text, core, enable) {text, core, enable},
const octavo_gpu_extension octavo_gpu_extension_list[OCTAVO_GPU_EXTENSION_COUNT] = {OCTAVO_GPU_EXTENSIONS(ROW)};

uint32_t octavo_gpu_extension_bit(const char *name) {
    for (uint32_t i = 0; i < OCTAVO_GPU_EXTENSION_COUNT; i++) {
        if (strcmp(octavo_gpu_extension_list[i].name, name) == 0) return 1u << i;
    }
    return 0;
}
