#include "tensor_type.h"

#include "half_precision.h"

#include <string.h>

const char *octavo_tensor_type_name(octavo_type type) {
    return type == OCTAVO_F32 ? "f32" : type == OCTAVO_F16 ? "f16" : "bf16";
}

bool octavo_tensor_type_named(const char *name, octavo_type *type) {
    for (uint32_t i = 0; i < OCTAVO_TENSOR_TYPE_COUNT; i++) {
        if (strcmp(name, octavo_tensor_type_name((octavo_type)i)) != 0) continue;
        *type = (octavo_type)i;
        return true;
    }
    return false;
}

size_t octavo_tensor_type_size(octavo_type type) {
    return type == OCTAVO_F32 ? 4 : 2;
}

uint32_t octavo_tensor_row_stride(octavo_type type, uint32_t channels) {
    return type == OCTAVO_F32 ? channels : channels + channels % 2;
}

static uint16_t bfloat_from_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> 16 | 0x40u);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

void octavo_tensor_store(octavo_type type, const float *values, size_t count, uint8_t *bytes) {
    if (type == OCTAVO_F32) {
        memcpy(bytes, values, count * 4);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        uint16_t bits = type == OCTAVO_F16 ? octavo_half_from_float(values[i]) : bfloat_from_float(values[i]);
        memcpy(bytes + 2 * i, &bits, 2);
    }
}

void octavo_tensor_load(octavo_type type, const uint8_t *bytes, size_t count, float *values) {
    if (type == OCTAVO_F32) {
        memcpy(values, bytes, count * 4);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        uint16_t bits;
        memcpy(&bits, bytes + 2 * i, 2);
        uint32_t wide = (uint32_t)bits << 16;
        if (type == OCTAVO_F16)
            values[i] = octavo_half_to_float(bits);
        else
            memcpy(&values[i], &wide, 4);
    }
}

float octavo_tensor_round(octavo_type type, float value) {
    uint8_t bytes[4];
    octavo_tensor_store(type, &value, 1, bytes);
    octavo_tensor_load(type, bytes, 1, &value);
    return value;
}
