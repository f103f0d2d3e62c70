// R = (C_m x H_2^k) diag(signs) on rows in shared memory, in the fixed order of operations of runtime/format/rotation.c, so
// that CPU and GPU agree bit for bit. Includer defines ROW_CHANNELS (d', a constant), ROW_COUNT, shared float
// rows[ROW_COUNT * ROW_CHANNELS] and the variable uint lane.
#ifndef OCTAVO_ROTATION_GLSL
#define OCTAVO_ROTATION_GLSL

// d' = m 2^k, m odd
const uint HADAMARD_SIZE = ROW_CHANNELS % 256u == 0u ? 256u : ROW_CHANNELS % 128u == 0u ? 128u : ROW_CHANNELS % 64u == 0u ? 64u : 32u;
const uint HARTLEY_SIZE = ROW_CHANNELS / HADAMARD_SIZE;

const float HARTLEY_3[9] = float[9](OCTAVO_HARTLEY_3);
const float HARTLEY_5[25] = float[25](OCTAVO_HARTLEY_5);
const float HARTLEY_7[49] = float[49](OCTAVO_HARTLEY_7);

float flip_sign(float x, uint seed, uint i) {
    uint h = ((seed + 1u) * OCTAVO_SIGN_MULTIPLIER_INDEX) ^ (i * OCTAVO_SIGN_MULTIPLIER_1);
    h ^= h >> 16;
    h *= OCTAVO_SIGN_MULTIPLIER_1;
    h ^= h >> 13;
    h *= OCTAVO_SIGN_MULTIPLIER_2;
    return uintBitsToFloat(floatBitsToUint(x) ^ (h & 0x80000000u));
}

float hartley_entry(uint i, uint j) {
    return HARTLEY_SIZE == 3u ? HARTLEY_3[i * 3u + j] : HARTLEY_SIZE == 5u ? HARTLEY_5[i * 5u + j] : HARTLEY_7[i * 7u + j];
}

// (C_m x H) on all rows. Barriers inside: call it in uniform control flow, with the rows written and a barrier passed;
// they are visible to all lanes when it returns.
void hartley_hadamard() {
    [[dont_unroll]] for (uint h = 1u; h < HADAMARD_SIZE; h *= 2u) {
        for (uint i = lane; i < ROW_COUNT * ROW_CHANNELS / 2u; i += gl_WorkGroupSize.x) {
            const uint low_at = (i / h) * 2u * h + i % h;
            precise float low = rows[low_at], high = rows[low_at + h];
            precise float sum = low + high;
            precise float difference = low - high;
            rows[low_at] = sum;
            rows[low_at + h] = difference;
        }
        barrier();
    }
    if (HARTLEY_SIZE > 1u) {
        for (uint i = lane; i < ROW_COUNT * HADAMARD_SIZE; i += gl_WorkGroupSize.x) {
            const uint first = (i / HADAMARD_SIZE) * ROW_CHANNELS + i % HADAMARD_SIZE;
            float x[7];
            for (uint a = 0u; a < HARTLEY_SIZE; ++a) {
                x[a] = rows[first + a * HADAMARD_SIZE];
            }
            for (uint b = 0u; b < HARTLEY_SIZE; ++b) {
                precise float sum = hartley_entry(b, 0u) * x[0];
                for (uint a = 1u; a < HARTLEY_SIZE; ++a) {
                    precise float product = hartley_entry(b, a) * x[a];
                    sum = sum + product;
                }
                rows[first + b * HADAMARD_SIZE] = sum;
            }
        }
        barrier();
    }
    const float scale = HADAMARD_SIZE == 256u   ? OCTAVO_HADAMARD_SCALE_8
                        : HADAMARD_SIZE == 128u ? OCTAVO_HADAMARD_SCALE_7
                        : HADAMARD_SIZE == 64u  ? OCTAVO_HADAMARD_SCALE_6
                                                : OCTAVO_HADAMARD_SCALE_5;
    for (uint i = lane; i < ROW_COUNT * ROW_CHANNELS; i += gl_WorkGroupSize.x) {
        precise float scaled = rows[i] * scale;
        rows[i] = scaled;
    }
    barrier();
}
#endif
