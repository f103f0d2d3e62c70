/* Arithmetic of matrix units: each subgroup multiplies A_COUNT matrices of M x K by B_COUNT of K x N into as many sums,
 * loops times. RATE: 0 f16 into f32, 1 f16 into f16, 2 8-bit integers into 32 bits. */
#version 450
#pragma use_vulkan_memory_model
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types : require
#if RATE == 2
#define FACTOR int8_t
#define SUM int32_t
#define STORED int32_t
#elif RATE == 1
#define FACTOR float16_t
#define SUM float16_t
#define STORED float
#else
#define FACTOR float16_t
#define SUM float
#define STORED float
#endif

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint M = 16;
layout(constant_id = 2) const uint N = 16;
layout(constant_id = 3) const uint K = 16;

layout(std430, set = 0, binding = 1) writeonly buffer Destination {
    uint destination[];
};
layout(std430, set = 0, binding = 1) writeonly buffer Sums {
    STORED stored[];
};
layout(push_constant) uniform Parameters {
    uint count, loops;
};

const uint A_COUNT = 4, B_COUNT = 2;

#define A_MATRIX coopmat<FACTOR, gl_ScopeSubgroup, M, K, gl_MatrixUseA>
#define B_MATRIX coopmat<FACTOR, gl_ScopeSubgroup, K, N, gl_MatrixUseB>
#define C_MATRIX(type) coopmat<type, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>

/* Elements differ, and so do matrices: a compiler for a processor would else find products that it has already. */
uint element(uint matrix, uint i) {
    return (gl_LocalInvocationID.x * 7 + i * 3 + matrix * 5) % 11 + count;
}

void main() {
    A_MATRIX a[A_COUNT];
    B_MATRIX b[B_COUNT];
    C_MATRIX(SUM) sums[A_COUNT * B_COUNT];
    [[unroll]] for (uint k = 0; k < A_COUNT; ++k) {
        [[unroll]] for (uint i = 0; i < a[k].length(); ++i) a[k][i] = FACTOR(element(k, i));
    }
    [[unroll]] for (uint k = 0; k < B_COUNT; ++k) {
        [[unroll]] for (uint i = 0; i < b[k].length(); ++i) b[k][i] = FACTOR(element(A_COUNT + k, i));
    }
    [[unroll]] for (uint k = 0; k < A_COUNT * B_COUNT; ++k) sums[k] = C_MATRIX(SUM)(SUM(0));

    [[dont_unroll]] for (uint n = 0; n < loops; ++n) {
        [[unroll]] for (uint k = 0; k < A_COUNT * B_COUNT; ++k)
            sums[k] = coopMatMulAdd(a[k / B_COUNT], b[k % B_COUNT], sums[k]);
        B_MATRIX first = b[0]; /* round: no product is that of the trip before */
        b[0] = b[1];
        b[1] = first;
    }

    [[unroll]] for (uint k = 1; k < A_COUNT * B_COUNT; ++k) sums[0] += sums[k];
    if (count == 12345) /* never: but no compiler knows */
        coopMatStore(C_MATRIX(STORED)(sums[0]), stored, gl_WorkGroupID.x % 64 * M * N, N,
                     gl_CooperativeMatrixLayoutRowMajor);
    if (gl_GlobalInvocationID.x == 0) destination[0] = gl_NumSubgroups;
}
