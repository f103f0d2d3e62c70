/* The plan of a device: pure, on fabricated snapshots. */
#include "fabricated_devices.h"
#include "gpu/device_plan.h"
#include "gpu/features_chain.h"
#include "gpu/memory_arena.h"
#include "run_tests.h"

#include <string.h>

enum {
    INT = OCTAVO_CAPABILITY_INT_DOT,
    SUB = OCTAVO_CAPABILITY_SUBGROUP,
    PUSH = OCTAVO_CAPABILITY_PUSH_DESCRIPTOR,
    TIME = OCTAVO_CAPABILITY_TIMESTAMPS,
    STAT = OCTAVO_CAPABILITY_PIPELINE_STATISTICS,
    F16 = OCTAVO_CAPABILITY_FLOAT16,
    MATRIX = OCTAVO_CAPABILITY_COOPERATIVE_MATRIX,
    ROBUST = OCTAVO_CAPABILITY_PIPELINE_ROBUSTNESS
};

static octavo_device_plan plan_of(const octavo_device_snapshot *snapshot, uint32_t hidden) {
    octavo_device_plan_options options = {.hidden_capabilities = hidden};
    octavo_device_plan plan;
    octavo_gpu_plan_device(snapshot, &options, &plan);
    return plan;
}

static octavo_device_plan plan_fabricated(fabricated_device which, octavo_device_snapshot *snapshot) {
    fabricate_device(which, snapshot);
    return plan_of(snapshot, 0);
}

START_TEST(test_capabilities_of_each_device) {
    static const uint32_t expected[FABRICATED_DEVICE_COUNT] = {
        [FABRICATED_ANDROID_2021] = TIME,
        [FABRICATED_ANDROID_2022] = TIME,
        [FABRICATED_ADRENO_630] = TIME | F16 | PUSH,
        [FABRICATED_ADRENO_740] = TIME | F16 | PUSH | SUB | INT,
        [FABRICATED_MALI_G52] = TIME | F16,
        [FABRICATED_MALI_G610] = TIME | F16 | PUSH | SUB | INT,
        [FABRICATED_POWERVR_BXM] = TIME | PUSH,
        [FABRICATED_INTEL_TGL] = TIME | F16 | PUSH | SUB | INT | STAT | ROBUST,
        [FABRICATED_INTEL_DG2] = TIME | F16 | PUSH | SUB | INT | STAT | ROBUST | MATRIX,
        [FABRICATED_GCN_POLARIS] = TIME | PUSH | SUB | INT | STAT | ROBUST,
        [FABRICATED_RDNA3] = TIME | F16 | PUSH | SUB | INT | STAT | ROBUST | MATRIX,
        [FABRICATED_TURING] = TIME | F16 | PUSH | SUB | INT | STAT | ROBUST | MATRIX,
        [FABRICATED_HOPPER] = TIME | F16 | PUSH | SUB | INT | STAT | ROBUST | MATRIX,
        [FABRICATED_LAVAPIPE] = TIME | F16 | PUSH | SUB | INT,
        [FABRICATED_SWIFTSHADER] = TIME | SUB | INT,
        [FABRICATED_VULKAN_1_0] = 0,
    };
    octavo_device_snapshot s;
    for (int i = 0; i < FABRICATED_DEVICE_COUNT; i++) {
        octavo_device_plan plan = plan_fabricated((fabricated_device)i, &s);
        ck_assert_msg(plan.usable == (i != FABRICATED_VULKAN_1_0), "%s: %s", s.name, plan.reason);
        ck_assert_msg(plan.capabilities == expected[i], "%s: 0x%02x, expected 0x%02x", s.name,
                      (unsigned)plan.capabilities, (unsigned)expected[i]);
        ck_assert_msg(!(plan.extensions & ~s.extensions), "%s: an extension that it does not have", s.name);
    }
}
END_TEST

START_TEST(test_vulkan_1_0_is_refused) {
    octavo_device_snapshot s;
    octavo_device_plan plan = plan_fabricated(FABRICATED_VULKAN_1_0, &s);
    ck_assert(!plan.usable);
    ck_assert_ptr_nonnull(strstr(plan.reason, "Vulkan 1.0, at least 1.1 is needed"));
}
END_TEST

START_TEST(test_limits_below_the_floor_are_refused) {
    octavo_device_snapshot s;
    fabricate_device(FABRICATED_ANDROID_2021, &s);
    s.max_compute_shared_memory_size = 16383;
    ck_assert_ptr_nonnull(strstr(plan_of(&s, 0).reason, "maxComputeSharedMemorySize is 16383, at least 16384"));
    fabricate_device(FABRICATED_ANDROID_2021, &s);
    s.max_stage_storage_buffers = 3;
    ck_assert_ptr_nonnull(strstr(plan_of(&s, 0).reason, "maxPerStageDescriptorStorageBuffers is 3"));
    fabricate_device(FABRICATED_ANDROID_2021, &s);
    s.min_storage_buffer_offset_alignment = 512;
    ck_assert_ptr_nonnull(strstr(plan_of(&s, 0).reason, "minStorageBufferOffsetAlignment is 512"));
    fabricate_device(FABRICATED_ANDROID_2021, &s);
    s.queue_families[0].flags = VK_QUEUE_TRANSFER_BIT;
    ck_assert_ptr_nonnull(strstr(plan_of(&s, 0).reason, "no queue family has compute"));
    fabricate_device(FABRICATED_ANDROID_2021, &s);
    s.memory.memoryTypeCount = 1;
    ck_assert_ptr_nonnull(strstr(plan_of(&s, 0).reason, "no memory type is host visible"));
    memset(&s, 0, sizeof s);
    ck_assert(!plan_of(&s, 0).usable);
}
END_TEST

START_TEST(test_hidden_capabilities_are_not_enabled) {
    octavo_device_snapshot s;
    octavo_device_plan all = plan_fabricated(FABRICATED_HOPPER, &s);
    for (uint32_t bit = 1; bit <= ROBUST; bit <<= 1) {
        octavo_device_plan plan = plan_of(&s, bit);
        uint32_t expected = all.capabilities & ~bit;
        if (bit == SUB) expected &= ~(uint32_t)MATRIX;
        ck_assert_uint_eq(plan.capabilities, expected);
    }
    octavo_device_plan plan = plan_of(&s, UINT32_MAX);
    ck_assert(plan.usable);
    ck_assert_uint_eq(plan.capabilities, 0);
    ck_assert(!plan.features.shader_integer_dot_product && !plan.features.subgroup_size_control);
    ck_assert(!plan.features.cooperative_matrix && !plan.features.shader_float16);
    ck_assert(!plan.features.pipeline_robustness && !(plan.extensions & OCTAVO_GPU_EXTENSION_PIPELINE_ROBUSTNESS));
    ck_assert(!(plan.extensions & OCTAVO_GPU_EXTENSION_PUSH_DESCRIPTOR));
}
END_TEST

/* Each thing that a capability stands on, taken away alone, takes the capability away. */
START_TEST(test_capability_needs) {
    octavo_device_snapshot good, s;
    fabricate_device(FABRICATED_RDNA3, &good);
#define WITHOUT(change, capability)                                                                                    \
    s = good;                                                                                                          \
    change;                                                                                                            \
    ck_assert_msg(!(plan_of(&s, 0).capabilities & (uint32_t)(capability)), #change)
    WITHOUT(s.subgroup_operations = VK_SUBGROUP_FEATURE_BASIC_BIT, SUB | MATRIX);
    WITHOUT(s.subgroup_stages = VK_SHADER_STAGE_FRAGMENT_BIT, SUB | MATRIX);
    WITHOUT(s.required_subgroup_size_stages = 0, SUB | MATRIX);
    WITHOUT(s.features.compute_full_subgroups = VK_FALSE, SUB | MATRIX);
    WITHOUT(s.features.subgroup_size_control = VK_FALSE, SUB | MATRIX);
    WITHOUT(s.features.vulkan_memory_model = VK_FALSE, MATRIX);
    WITHOUT(s.matrix_stages = 0, MATRIX);
    WITHOUT(s.matrix_shape_count = 0, MATRIX);
    WITHOUT(s.max_push_descriptors = 7, PUSH);
    WITHOUT(s.queue_families[0].timestamp_valid_bits = s.queue_families[1].timestamp_valid_bits = 0, TIME);
    WITHOUT(s.timestamp_period = 0.0f, TIME);
    WITHOUT(s.features.pipeline_executable_info = VK_FALSE, STAT);
    WITHOUT(s.extensions &= ~(uint32_t)OCTAVO_GPU_EXTENSION_PIPELINE_EXECUTABLE_PROPERTIES, STAT);
    WITHOUT(s.features.pipeline_robustness = VK_FALSE, ROBUST);
    WITHOUT(s.extensions &= ~(uint32_t)OCTAVO_GPU_EXTENSION_PIPELINE_ROBUSTNESS, ROBUST);
    WITHOUT((s.api_version = VK_API_VERSION_1_2, s.extensions = 0), SUB | INT | PUSH | STAT | MATRIX | ROBUST);
#undef WITHOUT
}
END_TEST

START_TEST(test_extensions_in_core_are_not_enabled) {
    octavo_device_snapshot s;
    octavo_device_plan plan = plan_fabricated(FABRICATED_ADRENO_740, &s);
    ck_assert_uint_eq(plan.extensions, OCTAVO_GPU_EXTENSION_PUSH_DESCRIPTOR);
    s.api_version = VK_API_VERSION_1_1;
    plan = plan_of(&s, 0);
    ck_assert(plan.extensions & OCTAVO_GPU_EXTENSION_SUBGROUP_SIZE_CONTROL);
    ck_assert(plan.extensions & OCTAVO_GPU_EXTENSION_INTEGER_DOT_PRODUCT);
    ck_assert(plan.extensions & OCTAVO_GPU_EXTENSION_FLOAT16_INT8);
    fabricate_device(FABRICATED_HOPPER, &s);
    ck_assert(!(plan_of(&s, 0).extensions & OCTAVO_GPU_EXTENSION_SHADER_SM_BUILTINS));
}
END_TEST

START_TEST(test_queue_family) {
    octavo_device_snapshot s;
    ck_assert_uint_eq(plan_fabricated(FABRICATED_HOPPER, &s).queue_family_index, 2); /* compute without graphics */
    s.queue_families[2].timestamp_valid_bits = 0;
    ck_assert_uint_eq(plan_of(&s, 0).queue_family_index, 0); /* timestamps count for more */
    s.queue_families[0].timestamp_valid_bits = 0;
    ck_assert_uint_eq(plan_of(&s, 0).queue_family_index, 2);

    octavo_device_plan plan;
    octavo_device_plan_options options = {.imported = VK_TRUE, .queue_family_index = 1};
    octavo_gpu_plan_device(&s, &options, &plan);
    ck_assert_str_eq(plan.reason, "queue family 1 has no compute");
    options.queue_family_index = 3;
    octavo_gpu_plan_device(&s, &options, &plan);
    ck_assert_str_eq(plan.reason, "queue_family_index is 3, the device has 3 families");
    options.queue_family_index = 0;
    octavo_gpu_plan_device(&s, &options, &plan);
    ck_assert(plan.usable && plan.queue_family_index == 0);
}
END_TEST

START_TEST(test_preference) {
    static const fabricated_device order[] = {FABRICATED_HOPPER,    FABRICATED_RDNA3,    FABRICATED_TURING,
                                              FABRICATED_INTEL_TGL, FABRICATED_MALI_G52, FABRICATED_LAVAPIPE};
    octavo_device_snapshot a, b;
    for (size_t i = 0; i + 1 < sizeof order / sizeof *order; i++) {
        fabricate_device(order[i], &a);
        fabricate_device(order[i + 1], &b);
        ck_assert_msg(octavo_gpu_prefer(&a, &b) && !octavo_gpu_prefer(&b, &a), "%s, %s", a.name, b.name);
    }
}
END_TEST

static VkMemoryPropertyFlags best_type(const octavo_device_snapshot *s, octavo_gpu_memory_use use) {
    uint32_t types[VK_MAX_MEMORY_TYPES];
    uint32_t count = octavo_gpu_rank_memory_types(s, UINT32_MAX, use, types);
    ck_assert_uint_gt(count, 0);
    return s->memory.memoryTypes[types[0]].propertyFlags;
}

START_TEST(test_memory_types) {
    const VkMemoryPropertyFlags local = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
    const VkMemoryPropertyFlags coherent = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    const VkMemoryPropertyFlags cached = VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
    octavo_device_snapshot s;
    fabricate_device(FABRICATED_TURING, &s);
    ck_assert_uint_eq(best_type(&s, OCTAVO_GPU_MEMORY_DEVICE), local);
    ck_assert_uint_eq(best_type(&s, OCTAVO_GPU_MEMORY_HOST), coherent | cached);
    ck_assert_uint_eq(best_type(&s, OCTAVO_GPU_MEMORY_UPLOAD), local | coherent);
    fabricate_device(FABRICATED_ADRENO_740, &s);
    ck_assert_uint_eq(best_type(&s, OCTAVO_GPU_MEMORY_DEVICE), local | coherent | cached);
    ck_assert_uint_eq(best_type(&s, OCTAVO_GPU_MEMORY_HOST), local | coherent | cached);

    uint32_t types[VK_MAX_MEMORY_TYPES];
    ck_assert_uint_eq(octavo_gpu_rank_memory_types(&s, 1u << 0, OCTAVO_GPU_MEMORY_HOST, types), 0);
    ck_assert_uint_eq(octavo_gpu_rank_memory_types(&s, 1u << 2, OCTAVO_GPU_MEMORY_HOST, types), 1);
    ck_assert_uint_eq(types[0], 2);
    s.memory.memoryTypes[3].propertyFlags |= VK_MEMORY_PROPERTY_DEVICE_UNCACHED_BIT_AMD;
    ck_assert_uint_eq(octavo_gpu_rank_memory_types(&s, 1u << 3, OCTAVO_GPU_MEMORY_HOST, types), 0);

    fabricate_device(FABRICATED_TURING, &s);
    ck_assert_uint_eq(octavo_gpu_block_bytes(&s, 1, 0), 64u << 20);
    ck_assert_uint_eq(octavo_gpu_block_bytes(&s, 4, 0), 28u << 20); /* an eighth of the window */
    ck_assert_uint_eq(octavo_gpu_block_bytes(&s, 1, 5u << 20), 5u << 20);
}
END_TEST

/* Features that stand in the structures of an application's chain, old or new. */
START_TEST(test_features_of_a_chain) {
    octavo_device_features none = octavo_gpu_features_read(NULL);
    octavo_device_features zero = {0};
    ck_assert_mem_eq(&none, &zero, sizeof zero);
    VkPhysicalDeviceShaderIntegerDotProductFeatures dot = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES,
        .shaderIntegerDotProduct = VK_TRUE};
    VkPhysicalDeviceVulkan13Features v13 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES,
                                            .pNext = &dot,
                                            .subgroupSizeControl = VK_TRUE,
                                            .computeFullSubgroups = VK_TRUE};
    VkPhysicalDeviceVulkan12Features v12 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES, .pNext = &v13, .shaderFloat16 = VK_TRUE};
    VkPhysicalDeviceFeatures2 core = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &v12};
    octavo_device_features read = octavo_gpu_features_read(&core);
    octavo_device_features expected = {.shader_integer_dot_product = VK_TRUE,
                                       .subgroup_size_control = VK_TRUE,
                                       .compute_full_subgroups = VK_TRUE,
                                       .shader_float16 = VK_TRUE};
    ck_assert_mem_eq(&read, &expected, sizeof expected);

    octavo_gpu_feature_chain chain;
    octavo_gpu_feature_chain_init(&chain, VK_API_VERSION_1_1, OCTAVO_GPU_EXTENSION_INTEGER_DOT_PRODUCT);
    octavo_gpu_features_set(&chain.core, &expected);
    read = octavo_gpu_features_read(&chain.core);
    octavo_device_features known = {.shader_integer_dot_product = VK_TRUE};
    ck_assert_mem_eq(&read, &known, sizeof known);
    octavo_gpu_feature_chain_init(&chain, VK_API_VERSION_1_3, 0);
    octavo_gpu_features_set(&chain.core, &expected);
    read = octavo_gpu_features_read(&chain.core);
    ck_assert_mem_eq(&read, &expected, sizeof expected);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {test_capabilities_of_each_device,
                                  test_vulkan_1_0_is_refused,
                                  test_limits_below_the_floor_are_refused,
                                  test_hidden_capabilities_are_not_enabled,
                                  test_capability_needs,
                                  test_extensions_in_core_are_not_enabled,
                                  test_queue_family,
                                  test_preference,
                                  test_memory_types,
                                  test_features_of_a_chain};
    return run_tests("device_plan", tests, sizeof tests / sizeof *tests, 60);
}
