#include <volk.h>

#include "bench_matrix_shapes.h"

#include <stdlib.h>

/* Headers before 1.3.255 lack the extension: its declarations by other names, with the numbers of the registry. */
enum { COMPONENT_FLOAT16 = 0, COMPONENT_FLOAT32 = 1, COMPONENT_SINT8 = 3, COMPONENT_SINT32 = 5, SCOPE_SUBGROUP = 3 };
#define STRUCTURE_MATRIX_PROPERTIES ((VkStructureType)1000506001)

typedef struct matrix_properties {
    VkStructureType type;
    void *next;
    uint32_t m, n, k;
    int32_t a, b, c, result; /* VkComponentTypeKHR */
    VkBool32 saturating;
    int32_t scope; /* VkScopeKHR */
} matrix_properties;

typedef VkResult(VKAPI_PTR *get_matrix_properties)(VkPhysicalDevice, uint32_t *, matrix_properties *);

static bool is_kind(const matrix_properties *shape, octavo_bench_matrix_kind kind) {
    bool is_int8 = kind == OCTAVO_BENCH_MATRIX_INT8;
    int32_t factor = is_int8 ? COMPONENT_SINT8 : COMPONENT_FLOAT16;
    int32_t sum = is_int8                               ? COMPONENT_SINT32
                  : kind == OCTAVO_BENCH_MATRIX_F16_F32 ? COMPONENT_FLOAT32
                                                        : COMPONENT_FLOAT16;
    return shape->scope == SCOPE_SUBGROUP && !shape->saturating && shape->a == factor && shape->b == factor &&
           shape->c == sum && shape->result == sum;
}

uint32_t octavo_bench_matrix_shapes(const octavo_bench_compute *compute, octavo_bench_matrix_kind kind,
                                    octavo_bench_matrix_shape shapes[OCTAVO_BENCH_MATRIX_SHAPES]) {
    octavo_device_description description;
    octavo_device_describe(compute->device, &description);
    get_matrix_properties get = (get_matrix_properties)vkGetInstanceProcAddr(
        compute->vulkan.instance, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
    uint32_t count = 0, found = 0;
    if ((description.capabilities & OCTAVO_CAPABILITY_COOPERATIVE_MATRIX) == 0 || get == NULL ||
        get(compute->vulkan.physical_device, &count, NULL) < 0)
        return 0;
    matrix_properties *all = calloc(count + 1, sizeof *all);
    for (uint32_t i = 0; all != NULL && i < count; i++) all[i].type = STRUCTURE_MATRIX_PROPERTIES;
    if (all == NULL || get(compute->vulkan.physical_device, &count, all) < 0) count = 0;
    for (uint32_t i = 0; i < count && found < OCTAVO_BENCH_MATRIX_SHAPES; i++)
        if (is_kind(&all[i], kind)) shapes[found++] = (octavo_bench_matrix_shape){all[i].m, all[i].n, all[i].k};
    free(all);
    return found;
}
