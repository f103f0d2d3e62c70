/* Dot products of four packed 8-bit integers (SPV_KHR_integer_dot_product). glslang gained no built-in function for them
 * in the version that we support, so the instructions are named here: GL_EXT_spirv_intrinsics. Only modules that a device
 * with OCTAVO_CAPABILITY_INT_DOT gets may include this file. */
#ifndef OCTAVO_INT_DOT_GLSL
#define OCTAVO_INT_DOT_GLSL

#extension GL_EXT_spirv_intrinsics : require

/* 6019 DotProductKHR, 6018 DotProductInput4x8BitPackedKHR; the literal 0 is PackedVectorFormat4x8BitKHR. */
spirv_instruction(extensions = ["SPV_KHR_integer_dot_product"], capabilities = [6019, 6018], id = 4450)
int octavo_op_sdot(uint a, uint b, spirv_literal int packed_vector_format);

spirv_instruction(extensions = ["SPV_KHR_integer_dot_product"], capabilities = [6019, 6018], id = 4451)
uint octavo_op_udot(uint a, uint b, spirv_literal int packed_vector_format);

/* accumulate + the sum over the four byte lanes of a * b, both signed. */
int dot_s8(uint a, uint b, int accumulate) {
    return octavo_op_sdot(a, b, 0) + accumulate;
}

/* accumulate + the sum over the four byte lanes of a * b, both unsigned. */
uint dot_u8(uint a, uint b, uint accumulate) {
    return octavo_op_udot(a, b, 0) + accumulate;
}

#endif
