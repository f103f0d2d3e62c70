// The operations of matrix_tiles.glsl, after the shared arrays.
#ifndef OCTAVO_MATRIX_TILE_PRODUCTS_GLSL
#define OCTAVO_MATRIX_TILE_PRODUCTS_GLSL

#ifdef OCTAVO_EMULATED_MATRIX
void workgroup_barrier() {
    barrier();
}

uint team_of_lane() {
    return gl_LocalInvocationID.x / SUBGROUP;
}

uint lane_of_workgroup() {
    return gl_LocalInvocationID.x;
}

half4 half4_of(uint low, uint high) {
    return uvec2(low, high);
}

half4 half4_from(vec4 x) {
    return uvec2(packHalf2x16(x.xy), packHalf2x16(x.zw));
}

// A pair of f16 less x.
uint halves_less(uint pair, float x) {
    return packHalf2x16(unpackHalf2x16(pair) - x);
}

matrix_c zero_c() {
    matrix_c c;
    for (uint i = 0u; i < ELEMENTS; ++i) {
        c.x[i] = 0.0;
    }
    return c;
}

vec4 four_halves(uint at) {
    return vec4(unpackHalf2x16(halves[at].x), unpackHalf2x16(halves[at].y));
}

matrix_c multiply_add(matrix_a a, matrix_b b, matrix_c c) {
    [[dont_unroll]] for (uint i = 0u; i < ELEMENTS; ++i) {
        const uint element = min(lane % SUBGROUP + SUBGROUP * i, MATRIX_M * MATRIX_N - 1u);
        const uint row_at = a.x + element / MATRIX_N * a.y, column_at = b.x + element % MATRIX_N * b.y;
        float sum = c.x[i];
        [[dont_unroll]] for (uint k = 0u; k < MATRIX_K / 4u; ++k) {
            sum += dot(four_halves(row_at + k), four_halves(column_at + k));
        }
        c.x[i] = sum;
    }
    return c;
}

// Sums into scores[].
void store_scores(matrix_c c, uint at, uint stride) {
    [[dont_unroll]] for (uint i = 0u; i < ELEMENTS; ++i) {
        const uint element = lane % SUBGROUP + SUBGROUP * i;
        if (element < MATRIX_M * MATRIX_N) {
            const uint column = element % MATRIX_N;
            scores[at + element / MATRIX_N * stride + (column >> 2)][column & 3u] = c.x[i];
        }
    }
}

// factors[at] and on, each in all columns of its row.
matrix_c load_factors(uint at) {
    matrix_c c;
    [[dont_unroll]] for (uint i = 0u; i < ELEMENTS; ++i) {
        c.x[i] = factors[at + min(lane % SUBGROUP + SUBGROUP * i, MATRIX_M * MATRIX_N - 1u) / MATRIX_N];
    }
    return c;
}

matrix_c multiply_elements(matrix_c a, matrix_c b) {
    [[dont_unroll]] for (uint i = 0u; i < ELEMENTS; ++i) {
        a.x[i] *= b.x[i];
    }
    return a;
}

// Rows to words of the scratch buffer.
void store_output(matrix_c c, uint at, uint stride) {
    [[dont_unroll]] for (uint i = 0u; i < ELEMENTS; ++i) {
        const uint element = lane % SUBGROUP + SUBGROUP * i;
        if (element < MATRIX_M * MATRIX_N) {
            scratch_floats[at + element / MATRIX_N * stride + element % MATRIX_N] = c.x[i];
        }
    }
}

// Of neighbour lanes, `count` of them, a power of two. All lanes of the workgroup call it together.
shared float emulated_values[gl_WorkGroupSize.x];
float lanes_max(float x, const uint count) {
    barrier();
    emulated_values[lane] = x;
    barrier();
    for (uint i = 0u; i < count; ++i) {
        x = max(x, emulated_values[lane / count * count + i]);
    }
    return x;
}

float lanes_sum(float x, const uint count) {
    float sum = 0.0;
    barrier();
    emulated_values[lane] = x;
    barrier();
    for (uint i = 0u; i < count; ++i) {
        sum += emulated_values[lane / count * count + i];
    }
    return sum;
}
#else
void workgroup_barrier() {
    controlBarrier(gl_ScopeWorkgroup, gl_ScopeWorkgroup, gl_StorageSemanticsShared,
                   gl_SemanticsAcquireRelease | gl_SemanticsMakeAvailable | gl_SemanticsMakeVisible);
}

uint team_of_lane() {
    return gl_SubgroupID;
}

// Lanes of a subgroup are neighbours.
uint lane_of_workgroup() {
    return gl_SubgroupID * SUBGROUP + gl_SubgroupInvocationID;
}

half4 half4_of(uint low, uint high) {
    return f16vec4(unpackFloat2x16(low), unpackFloat2x16(high));
}

half4 half4_from(vec4 x) {
    return f16vec4(x);
}

uint halves_less(uint pair, float x) {
    return packFloat2x16(unpackFloat2x16(pair) - f16vec2(float16_t(x)));
}

matrix_c zero_c() {
    return matrix_c(0.0);
}

matrix_c multiply_add(matrix_a a, matrix_b b, matrix_c c) {
    return coopMatMulAdd(a, b, c);
}

void store_scores(matrix_c c, uint at, uint stride) {
    store_c(scores[at], c, gl_CooperativeMatrixLayoutRowMajor, stride, NON_PRIVATE);
}

matrix_c load_factors(uint at) {
    return load_c(factors[at], gl_CooperativeMatrixLayoutColumnMajor, 0u, NON_PRIVATE); // all columns are the same one
}

matrix_c multiply_elements(matrix_c a, matrix_c b) {
    return a * b;
}

void store_output(matrix_c c, uint at, uint stride) {
    coopMatStore(c, scratch_floats, at, stride, gl_CooperativeMatrixLayoutRowMajor);
}

float lanes_max(float x, const uint count) {
    [[unroll]] for (uint distance = 1u; distance < count; distance *= 2u) {
        x = max(x, subgroupShuffleXor(x, distance));
    }
    return x;
}

float lanes_sum(float x, const uint count) {
    [[unroll]] for (uint distance = 1u; distance < count; distance *= 2u) {
        x += subgroupShuffleXor(x, distance);
    }
    return x;
}
#endif
#endif
