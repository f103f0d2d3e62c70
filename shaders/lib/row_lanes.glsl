// The ROW_LANES lanes of a row, side by side in one subgroup: what they know of each other goes by shuffles. The twin without
// subgroup operations, of 16 lanes, goes through shared memory, and all lanes of the workgroup make each call together. Both
// give the same bits. Includer defines ROW_LANES, LANES, uint lane, row and own (lane / ROW_LANES and lane % ROW_LANES), and
// bool row_is_there.
#ifndef OCTAVO_ROW_LANES_GLSL
#define OCTAVO_ROW_LANES_GLSL

#ifdef OCTAVO_SUBGROUP
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require

// Whether to work on this row: between barriers of the subgroup there is nothing to skip.
bool row_works() {
    return true;
}

uint find_lane() {
    return gl_SubgroupID * gl_SubgroupSize + gl_SubgroupInvocationID;
}

// Makes what lanes of a row wrote to shared memory visible to the others.
void row_barrier() {
    subgroupMemoryBarrierShared();
    subgroupBarrier();
}

// Each lane plus its neighbour, then pairs plus pairs, ..
float row_sum(float value) {
    [[unroll]] for (uint h = 1u; h < ROW_LANES; h *= 2u) {
        precise float sum = value + subgroupShuffleXor(value, h);
        value = sum;
    }
    return value;
}

uint row_sum(uint value) {
    [[unroll]] for (uint h = 1u; h < ROW_LANES; h *= 2u) {
        value += subgroupShuffleXor(value, h);
    }
    return value;
}

uint row_largest(uint value) {
    [[unroll]] for (uint h = 1u; h < ROW_LANES; h *= 2u) {
        value = max(value, subgroupShuffleXor(value, h));
    }
    return value;
}

// Of the lanes above: of the pairs, fours, .. that a lane's own is below.
uint row_sum_above(uint value) {
    uint above = 0u;
    [[unroll]] for (uint h = 1u; h < ROW_LANES; h *= 2u) {
        const uint other = subgroupShuffleXor(value, h);
        above += (own & h) == 0u ? other : 0u;
        value += other;
    }
    return above;
}
#else
shared uvec4 lane_words[LANES / 4u];

bool row_works() {
    return row_is_there;
}

uint find_lane() {
    return gl_LocalInvocationID.x;
}

void row_barrier() {
    barrier();
}

// Then the words of this row's lanes are lane_words[4 row ..].
void share_words(uint value) {
    barrier();
    lane_words[lane / 4u][lane % 4u] = value;
    barrier();
}

// In the order of the subgroup's: neighbours, then pairs, ..
float row_sum(float value) {
    float sums[2];
    share_words(floatBitsToUint(value));
    if (!row_works()) {
        return 0.0;
    }
    [[dont_unroll]] for (uint i = 0u; i < 2u; ++i) {
        const vec4 a = uintBitsToFloat(lane_words[4u * row + 2u * i]), b = uintBitsToFloat(lane_words[4u * row + 2u * i + 1u]);
        precise vec2 pairs_a = vec2(a.x, a.z) + vec2(a.y, a.w);
        precise vec2 pairs_b = vec2(b.x, b.z) + vec2(b.y, b.w);
        precise float four_a = pairs_a.x + pairs_a.y;
        precise float four_b = pairs_b.x + pairs_b.y;
        precise float eight = four_a + four_b;
        sums[i] = eight;
    }
    precise float sum = sums[0] + sums[1];
    return sum;
}

uint row_sum(uint value) {
    uint sum = 0u;
    share_words(value);
    [[dont_unroll]] for (uint i = 0u; i < (row_works() ? 4u : 0u); ++i) {
        const uvec4 four = lane_words[4u * row + i];
        sum += four.x + four.y + four.z + four.w;
    }
    return sum;
}

uint row_largest(uint value) {
    uint largest = 0u;
    share_words(value);
    [[dont_unroll]] for (uint i = 0u; i < (row_works() ? 4u : 0u); ++i) {
        const uvec4 four = lane_words[4u * row + i];
        largest = max(largest, max(max(four.x, four.y), max(four.z, four.w)));
    }
    return largest;
}

uint row_sum_above(uint value) {
    uint sum = 0u;
    share_words(value);
    [[dont_unroll]] for (uint i = 0u; i < (row_works() ? 4u : 0u); ++i) {
        const uvec4 above = mix(uvec4(0u), lane_words[4u * row + i], greaterThan(4u * i + uvec4(0u, 1u, 2u, 3u), uvec4(own)));
        sum += above.x + above.y + above.z + above.w;
    }
    return sum;
}
#endif
#endif
