#include "attention/kernel_variants.h"

#include "shader_modules.h"

const octavo_kernel_variant octavo_kernel_variants[OCTAVO_KERNEL_VARIANT_COUNT] = {
    {"int8_subgroup", OCTAVO_SHADER_WALK_INT_SUBGROUP, true, true},
    {"int8_shared", OCTAVO_SHADER_WALK_INT_SHARED, true, false},
    {"f32_subgroup", OCTAVO_SHADER_WALK_F32_SUBGROUP, false, true},
    {"f32_shared", OCTAVO_SHADER_WALK_F32_SHARED, false, false},
};

const char *octavo_kernel_variant_refusal(const octavo_kernel_variant *variant, uint32_t capabilities) {
    uint32_t missing = octavo_shader_modules[variant->module].needs & ~capabilities;
    if ((missing & OCTAVO_CAPABILITY_INT_DOT) != 0u) return "the device has no integer dot product";
    if ((missing & OCTAVO_CAPABILITY_SUBGROUP) != 0u) {
        return "the device has no subgroup arithmetic with a required size in compute shaders";
    }
    return missing != 0u ? "the device lacks a capability that the variant needs" : NULL;
}

uint32_t octavo_kernel_variant_order(const octavo_device_snapshot *snapshot, uint32_t capabilities, uint32_t key_bits,
                                     uint32_t value_bits, uint32_t order[OCTAVO_KERNEL_VARIANT_COUNT]) {
    /* An expanded integer dot costs more than the float product it stands for, and f16 pages have no codes. */
    bool prefer_int = snapshot->int_dot_accelerated != VK_FALSE && (key_bits != 16u || value_bits != 16u);
    uint32_t count = 0;
    for (uint32_t pass = 0; pass < 2u; ++pass) {
        for (uint32_t i = 0; i < OCTAVO_KERNEL_VARIANT_COUNT; ++i) {
            const octavo_kernel_variant *variant = &octavo_kernel_variants[i];
            if (variant->int_dot == (pass == 0u ? prefer_int : !prefer_int) &&
                octavo_kernel_variant_refusal(variant, capabilities) == NULL) {
                order[count++] = i;
            }
        }
    }
    return count;
}
