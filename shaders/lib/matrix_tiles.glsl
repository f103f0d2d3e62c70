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
#define GET(at) (at)
#define PUT(at, x) at = x
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
// Shared memory is made visible by workgroup_barrier alone. glslang has each access do that, which is a fence for Intel's
// compiler and a wait for AMD's: so these instructions take its place, coopMatLoad's and coopMatStore's too.
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
#define SHARED_ACCESS(type)                                                  \
    spirv_instruction(id = 61)                                               \
    type get_shared(spirv_by_reference type at, spirv_literal uint access);  \
    spirv_instruction(id = 62)                                               \
    void put_shared(spirv_by_reference type at, type x, spirv_literal uint access);
SHARED_ACCESS(float)
SHARED_ACCESS(int)
SHARED_ACCESS(uint)
SHARED_ACCESS(vec4)
SHARED_ACCESS(half4)
#define GET(at) get_shared(at, NON_PRIVATE)
#define PUT(at, x) put_shared(at, x, NON_PRIVATE)
// Rows of A and columns of B lie in a row in shared memory.
#define LOAD_A(a, at, stride) a = load_a(halves[at], gl_CooperativeMatrixLayoutRowMajor, stride, NON_PRIVATE)
#define LOAD_B(b, at, stride) b = load_b(halves[at], gl_CooperativeMatrixLayoutColumnMajor, stride, NON_PRIVATE)
#endif
#endif
