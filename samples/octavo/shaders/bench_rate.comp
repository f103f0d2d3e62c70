/* Arithmetic: chains of dependent multiply-adds, CHAINS of them in each invocation, loops * STEPS long. RATE: 0 f32,
 * 1 f16 in pairs, 2 dot products of four 8-bit integers. */
#version 450
#extension GL_EXT_control_flow_attributes : require
#if RATE == 1
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#define VALUE f16vec2
#elif RATE == 2
#extension GL_EXT_spirv_intrinsics : require
#define VALUE int
/* OpSDot of packed vectors: SPV_KHR_integer_dot_product. */
spirv_instruction(extensions = ["SPV_KHR_integer_dot_product"], capabilities = [6019, 6018], id = 4450)
int op_sdot(uint a, uint b, spirv_literal int packed_vector_format);
#else
#define VALUE float
#endif

layout(local_size_x_id = 0) in;

layout(std430, set = 0, binding = 1) restrict writeonly buffer Destination {
    uint destination[];
};
layout(push_constant) uniform Parameters {
    uint count, loops;
};

const uint CHAINS = 8, STEPS = 16;

VALUE step_of(VALUE value) {
#if RATE == 2
    return op_sdot(uint(value), 0x7f3355ffu ^ count, 0) + value;
#else
    return fma(value, VALUE(0.998), VALUE(count));
#endif
}

void main() {
    VALUE chains[CHAINS];
    [[unroll]] for (uint k = 0; k < CHAINS; ++k) chains[k] = VALUE(gl_GlobalInvocationID.x + k);
    for (uint i = 0; i < loops; ++i) {
        [[unroll]] for (uint s = 0; s < STEPS; ++s) {
            [[unroll]] for (uint k = 0; k < CHAINS; ++k) chains[k] = step_of(chains[k]);
        }
    }
    VALUE sum = chains[0];
    [[unroll]] for (uint k = 1; k < CHAINS; ++k) sum += chains[k];
    if (sum == VALUE(12345)) destination[gl_GlobalInvocationID.x % 64] = loops;
}
