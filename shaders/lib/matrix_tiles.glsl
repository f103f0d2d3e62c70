// Matrix products of a subgroup whose operands lie in shared memory: D (M x N) = A (M x K) B (K x N) + C, f16 times f16 into
// f32, of any shape that a device has. Nothing is known of where a matrix has its elements: operands come by coopMatLoad,
// sums go by coopMatStore.
//
// OCTAVO_EMULATED_MATRIX: the same without matrix units, subgroups and f16: A and B are places in shared memory, C has its
// elements spread over the lanes of a team. It shows that the kernel is right on any device; it is slow.
//
// Includer defines the shared arrays half4 halves[] (all operands), vec4 scores[] and float factors[], uint lane and team.
#ifndef OCTAVO_MATRIX_TILES_GLSL
#define OCTAVO_MATRIX_TILES_GLSL

layout(constant_id = OCTAVO_SPEC_MATRIX_M) const uint MATRIX_M = 16;
layout(constant_id = OCTAVO_SPEC_MATRIX_N) const uint MATRIX_N = 16;
layout(constant_id = OCTAVO_SPEC_MATRIX_K) const uint MATRIX_K = 16;
layout(constant_id = OCTAVO_SPEC_SUBGROUP) const uint SUBGROUP = 32; // lanes of a team

// Places and strides are in units of four elements.
#ifdef OCTAVO_EMULATED_MATRIX
#define half4 uvec2
#define matrix_a uvec2 // place, stride
#define matrix_b uvec2
#define ELEMENTS 4u // of a lane: M N is at most four times SUBGROUP
struct matrix_c {
    float x[ELEMENTS]; // lane, lane + SUBGROUP, .. of a team, row-major
};
#define LOAD_A(a, at, stride) a = uvec2(at, stride)
#define LOAD_B(b, at, stride) b = uvec2(at, stride)
#else
#pragma use_vulkan_memory_model
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#define half4 f16vec4
#define matrix_a coopmat<float16_t, gl_ScopeSubgroup, MATRIX_M, MATRIX_K, gl_MatrixUseA>
#define matrix_b coopmat<float16_t, gl_ScopeSubgroup, MATRIX_K, MATRIX_N, gl_MatrixUseB>
#define matrix_c coopmat<float, gl_ScopeSubgroup, MATRIX_M, MATRIX_N, gl_MatrixUseAccumulator>
// As coopMatLoad and coopMatStore, but that shared memory is made visible by barriers alone: glslang has each access do that,
// which is a fence for Intel's compiler.
#extension GL_EXT_spirv_intrinsics : require
#define NON_PRIVATE 32u
spirv_instruction(extensions = ["SPV_KHR_cooperative_matrix"], capabilities = [6022], id = 4457)
matrix_a load_a(spirv_by_reference half4 at, int order, uint stride, spirv_literal uint access);
spirv_instruction(extensions = ["SPV_KHR_cooperative_matrix"], capabilities = [6022], id = 4457)
matrix_b load_b(spirv_by_reference half4 at, int order, uint stride, spirv_literal uint access);
spirv_instruction(extensions = ["SPV_KHR_cooperative_matrix"], capabilities = [6022], id = 4457)
matrix_c load_c(spirv_by_reference float at, int order, uint stride, spirv_literal uint access);
spirv_instruction(extensions = ["SPV_KHR_cooperative_matrix"], capabilities = [6022], id = 4458)
void store_c(spirv_by_reference vec4 at, matrix_c c, int order, uint stride, spirv_literal uint access);
// Rows of A and columns of B lie in a row in shared memory.
#define LOAD_A(a, at, stride) a = load_a(halves[at], gl_CooperativeMatrixLayoutRowMajor, stride, NON_PRIVATE)
#define LOAD_B(b, at, stride) b = load_b(halves[at], gl_CooperativeMatrixLayoutColumnMajor, stride, NON_PRIVATE)
#endif
#endif
