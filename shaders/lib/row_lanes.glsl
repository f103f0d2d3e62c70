// The 16 lanes of a row, side by side in one subgroup: what they know of each other goes by shuffles. The twin without
// subgroup operations goes through shared memory, and all lanes of the workgroup make each call together. Both give the
// same bits. Includer defines LANES, uint lane, row and own (lane / 16 and lane % 16), and bool row_is_there.
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
    [[unroll]] for (uint h = 1u; h < 16u; h *= 2u) {
        precise float sum = value + subgroupShuffleXor(value, h);
        value = sum;
    }
    return value;
}

int row_sum(int value) {
    [[unroll]] for (uint h = 1u; h < 16u; h *= 2u) {
        value += subgroupShuffleXor(value, h);
    }
    return value;
}

uint row_largest(uint value) {
    [[unroll]] for (uint h = 1u; h < 16u; h *= 2u) {
        value = max(value, subgroupShuffleXor(value, h));
    }
    return value;
}

// Of the lanes above.
uint row_sum_above(uint value) {
    uint sum = value;
    [[unroll]] for (uint h = 1u; h < 16u; h *= 2u) {
        const uint other = subgroupShuffle(sum, min(gl_SubgroupInvocationID + h, gl_SubgroupSize - 1u));
        sum += own + h < 16u ? other : 0u;
    }
    return sum - value;
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

void row_words(uint value, out uint words[16]) {
    barrier();
    lane_words[lane / 4u][lane % 4u] = value;
    barrier();
    [[unroll]] for (uint i = 0u; i < 4u; ++i) {
        const uvec4 four = row_works() ? lane_words[4u * row + i] : uvec4(0u);
        words[4u * i] = four.x;
        words[4u * i + 1u] = four.y;
        words[4u * i + 2u] = four.z;
        words[4u * i + 3u] = four.w;
    }
}

float row_sum(float value) {
    uint words[16];
    row_words(floatBitsToUint(value), words);
    [[unroll]] for (uint h = 1u; h < 16u; h *= 2u) {
        [[unroll]] for (uint i = 0u; i < 16u; i += 2u * h) {
            precise float sum = uintBitsToFloat(words[i]) + uintBitsToFloat(words[i + h]);
            words[i] = floatBitsToUint(sum);
        }
    }
    return uintBitsToFloat(words[0]);
}

int row_sum(int value) {
    uint words[16];
    int sum = 0;
    row_words(uint(value), words);
    [[unroll]] for (uint i = 0u; i < 16u; ++i) {
        sum += int(words[i]);
    }
    return sum;
}

uint row_largest(uint value) {
    uint words[16], largest = 0u;
    row_words(value, words);
    [[unroll]] for (uint i = 0u; i < 16u; ++i) {
        largest = max(largest, words[i]);
    }
    return largest;
}

uint row_sum_above(uint value) {
    uint words[16], sum = 0u;
    row_words(value, words);
    [[unroll]] for (uint i = 0u; i < 16u; ++i) {
        sum += i > own ? words[i] : 0u;
    }
    return sum;
}
#endif
#endif
