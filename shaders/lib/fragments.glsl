// Matrix products of one subgroup of 32 lanes, whose fragments are set in registers: D (16 x 8) = A (16 x 16) B (16 x 8) + C,
// f16 times f16 into f32. Lane 4 g + t (g = 0..7, t = 0..3) holds
//   A: (row g, columns 2t, 2t+1), (g, 2t+8, 2t+9), (g+8, 2t, 2t+1), (g+8, 2t+8, 2t+9)
//   B: (rows 2t, 2t+1, column g), (rows 2t+8, 2t+9, column g)
//   C: (row g, columns 2t, 2t+1), (row g+8, columns 2t, 2t+1)
// in this order of components. Vulkan leaves the layout of cooperative matrices to the driver: the plan's proof tells
// whether a driver has this one.
//
// OCTAVO_EMULATED_MATRIX: the same by shared memory, for any device: the workgroup is then one team of 32 lanes, and all
// lanes make each call together. It shows that the kernels are right where there are no matrix units; it is slow.
#ifndef OCTAVO_FRAGMENTS_GLSL
#define OCTAVO_FRAGMENTS_GLSL

#ifdef OCTAVO_EMULATED_MATRIX
#define UNROLL [[dont_unroll]] // emulated products are long
#define fragment_a uvec4
#define fragment_b uvec2
#define fragment_c vec4
shared uvec4 emulated_a[32];
shared uvec2 emulated_b[32];
shared float emulated_values[32];

uint subgroup_of_lane() {
    return 0u;
}

uint lane_in_subgroup() {
    return gl_LocalInvocationID.x;
}

fragment_a make_a(uint low, uint high, uint low_8, uint high_8) {
    return uvec4(low, high, low_8, high_8);
}

fragment_b make_b(uint low, uint high) {
    return uvec2(low, high);
}

vec2 emulated_pair_a(uint row, uint k) {
    const uvec4 a = emulated_a[4u * (row & 7u) + ((k & 7u) >> 1)];
    return unpackHalf2x16(a[2u * (row >> 3) + (k >> 3)]);
}

fragment_c multiply_add(fragment_a a, fragment_b b, fragment_c c) {
    const uint at = gl_LocalInvocationID.x;
    barrier();
    emulated_a[at] = a;
    emulated_b[at] = b;
    barrier();
    [[dont_unroll]] for (uint k = 0u; k < 16u; k += 2u) {
        const vec2 a0 = emulated_pair_a(at >> 2, k), a8 = emulated_pair_a((at >> 2) + 8u, k);
        [[unroll]] for (uint j = 0u; j < 2u; ++j) {
            const vec2 b_pair = unpackHalf2x16(emulated_b[4u * (2u * (at & 3u) + j) + ((k & 7u) >> 1)][k >> 3]);
            c[j] += a0.x * b_pair.x + a0.y * b_pair.y;
            c[2u + j] += a8.x * b_pair.x + a8.y * b_pair.y;
        }
    }
    return c;
}

float shuffled(float x, uint from) {
    barrier();
    emulated_values[gl_LocalInvocationID.x] = x;
    barrier();
    return emulated_values[from];
}

bool any_lane(bool x) {
    float sum = 0.0;
    barrier();
    emulated_values[gl_LocalInvocationID.x] = x ? 1.0 : 0.0;
    barrier();
    for (uint i = 0u; i < 32u; ++i) {
        sum += emulated_values[i];
    }
    return sum > 0.0;
}

// Shared memory of one team.
void team_sync() {
    barrier();
}

uint halves_multiply(uint x, float factor) {
    return packHalf2x16(unpackHalf2x16(x) * factor);
}
#else
#pragma use_vulkan_memory_model
#define OCTAVO_VULKAN_MEMORY_MODEL
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_KHR_shader_subgroup_vote : require
#extension GL_EXT_spirv_intrinsics : require
spirv_execution_mode(extensions = ["SPV_KHR_float_controls"], capabilities = [4464], 4459, 16); // f16 subnormals are kept
#define UNROLL [[unroll]] // fragments are registers
#define fragment_a coopmat<float16_t, gl_ScopeSubgroup, 16, 16, gl_MatrixUseA>
#define fragment_b coopmat<float16_t, gl_ScopeSubgroup, 16, 8, gl_MatrixUseB>
#define fragment_c coopmat<float, gl_ScopeSubgroup, 16, 8, gl_MatrixUseAccumulator>

uint subgroup_of_lane() {
    return gl_SubgroupID;
}

uint lane_in_subgroup() {
    return gl_SubgroupInvocationID;
}

fragment_a make_a(uint low, uint high, uint low_8, uint high_8) {
    fragment_a a;
    const f16vec2 p = unpackFloat2x16(low), q = unpackFloat2x16(high);
    const f16vec2 r = unpackFloat2x16(low_8), s = unpackFloat2x16(high_8);
    a[0] = p.x;
    a[1] = p.y;
    a[2] = q.x;
    a[3] = q.y;
    a[4] = r.x;
    a[5] = r.y;
    a[6] = s.x;
    a[7] = s.y;
    return a;
}

fragment_b make_b(uint low, uint high) {
    fragment_b b;
    const f16vec2 p = unpackFloat2x16(low), q = unpackFloat2x16(high);
    b[0] = p.x;
    b[1] = p.y;
    b[2] = q.x;
    b[3] = q.y;
    return b;
}

fragment_c multiply_add(fragment_a a, fragment_b b, fragment_c c) {
    return coopMatMulAdd(a, b, c);
}

float shuffled(float x, uint from) {
    return subgroupShuffle(x, from);
}

bool any_lane(bool x) {
    return subgroupAny(x);
}

void team_sync() {
    subgroupMemoryBarrierShared();
    subgroupBarrier();
}

uint halves_multiply(uint x, float factor) {
    return packFloat2x16(unpackFloat2x16(x) * f16vec2(float16_t(factor)));
}
#endif

// Of the eight lanes t, 4 + t .. 28 + t.
float column_max(float x) {
    UNROLL for (uint distance = 4u; distance < 32u; distance *= 2u) {
        x = max(x, shuffled(x, lane_in_subgroup() ^ distance));
    }
    return x;
}

float column_sum(float x) {
    UNROLL for (uint distance = 4u; distance < 32u; distance *= 2u) {
        x += shuffled(x, lane_in_subgroup() ^ distance);
    }
    return x;
}

// Of all lanes of the subgroup.
float subgroup_max(float x) {
    UNROLL for (uint distance = 1u; distance < 32u; distance *= 2u) {
        x = max(x, shuffled(x, lane_in_subgroup() ^ distance));
    }
    return x;
}

float subgroup_sum(float x) {
    UNROLL for (uint distance = 1u; distance < 32u; distance *= 2u) {
        x += shuffled(x, lane_in_subgroup() ^ distance);
    }
    return x;
}

uint subgroup_or(uint x) {
    [[dont_unroll]] for (uint distance = 1u; distance < 32u; distance *= 2u) {
        x |= floatBitsToUint(shuffled(uintBitsToFloat(x), lane_in_subgroup() ^ distance));
    }
    return x;
}
#endif
