/* What a tensor's bytes mean. */
#include "gguf.h"

#include "half_precision.h"

#include <string.h>

/* Numbers of ggml's `enum ggml_type`; holes are types that were removed. */
static const char *const TYPE_NAMES[] = {
    [0] = "F32",      [1] = "F16",       [2] = "Q4_0",      [3] = "Q4_1",      [4] = "Q4_2",     [5] = "Q4_3",
    [6] = "Q5_0",     [7] = "Q5_1",      [8] = "Q8_0",      [9] = "Q8_1",      [10] = "Q2_K",    [11] = "Q3_K",
    [12] = "Q4_K",    [13] = "Q5_K",     [14] = "Q6_K",     [15] = "Q8_K",     [16] = "IQ2_XXS", [17] = "IQ2_XS",
    [18] = "IQ3_XXS", [19] = "IQ1_S",    [20] = "IQ4_NL",   [21] = "IQ3_S",    [22] = "IQ2_S",   [23] = "IQ4_XS",
    [24] = "I8",      [25] = "I16",      [26] = "I32",      [27] = "I64",      [28] = "F64",     [29] = "IQ1_M",
    [30] = "BF16",    [31] = "Q4_0_4_4", [32] = "Q4_0_4_8", [33] = "Q4_0_8_8", [34] = "TQ1_0",   [35] = "TQ2_0",
    [39] = "MXFP4",
};

const char *octavo_gguf_tensor_type_name(uint32_t type) {
    if (type >= sizeof TYPE_NAMES / sizeof TYPE_NAMES[0] || TYPE_NAMES[type] == NULL) return "unknown";
    return TYPE_NAMES[type];
}

static uint16_t half_at(const unsigned char *bytes) {
    return (uint16_t)(bytes[0] | (unsigned)bytes[1] << 8);
}

static void dequantise_q8_0(const unsigned char *bytes, uint64_t element_count, float *values) {
    for (uint64_t block = 0; block < element_count / 32; block++, bytes += 34, values += 32) {
        float scale = octavo_half_to_float(half_at(bytes));
        for (unsigned i = 0; i < 32; i++) {
            unsigned byte = bytes[2 + i];
            values[i] = scale * (float)(byte < 128 ? (int)byte : (int)byte - 256);
        }
    }
}

void octavo_gguf_tensor_to_float(const octavo_gguf_tensor *tensor, float *values) {
    const unsigned char *bytes = tensor->bytes;
    switch (tensor->type) {
    case OCTAVO_GGUF_F32:
        for (uint64_t i = 0; i < tensor->element_count; i++, bytes += 4) {
            uint32_t bits = bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
            memcpy(&values[i], &bits, sizeof bits);
        }
        break;
    case OCTAVO_GGUF_F16:
        for (uint64_t i = 0; i < tensor->element_count; i++, bytes += 2)
            values[i] = octavo_half_to_float(half_at(bytes));
        break;
    case OCTAVO_GGUF_Q8_0:
        dequantise_q8_0(bytes, tensor->element_count, values);
        break;
    }
}
