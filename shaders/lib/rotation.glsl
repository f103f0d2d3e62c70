// R = (C_m x H_2^k) diag(signs) on rows in shared memory, in the fixed order of operations of runtime/format/rotation.c, so
// that CPU and GPU agree bit for bit. Includer defines shared float rows[] (row after row, d' channels each) and the
// variable uint lane.
#ifndef OCTAVO_ROTATION_GLSL
#define OCTAVO_ROTATION_GLSL

#include "lib/rotation_parts.glsl"

// (C_m x H) on `count` rows of `channels`, both constants. Barriers inside: call it in uniform control flow, with the rows
// written and a barrier passed; they are visible to all lanes when it returns.
void hartley_hadamard(const uint channels, const uint count) {
    const uint hadamard = hadamard_size(channels), hartley = channels / hadamard;
    [[dont_unroll]] for (uint h = 1u; h < hadamard; h *= 2u) {
        [[dont_unroll]] for (uint i = lane; i < count * channels / 2u; i += gl_WorkGroupSize.x) {
            const uint low_at = (i / h) * 2u * h + i % h;
            precise float low = rows[low_at], high = rows[low_at + h];
            precise float sum = low + high;
            precise float difference = low - high;
            rows[low_at] = sum;
            rows[low_at + h] = difference;
        }
        barrier();
    }
    if (hartley > 1u) {
        for (uint i = lane; i < count * hadamard; i += gl_WorkGroupSize.x) {
            const uint first = (i / hadamard) * channels + i % hadamard;
            float x[7];
            for (uint a = 0u; a < hartley; ++a) {
                x[a] = rows[first + a * hadamard];
            }
            for (uint b = 0u; b < hartley; ++b) {
                precise float sum = hartley_entry(hartley, b, 0u) * x[0];
                for (uint a = 1u; a < hartley; ++a) {
                    precise float product = hartley_entry(hartley, b, a) * x[a];
                    sum = sum + product;
                }
                rows[first + b * hadamard] = sum;
            }
        }
        barrier();
    }
    const float scale = hadamard == 256u   ? OCTAVO_HADAMARD_SCALE_8
                        : hadamard == 128u ? OCTAVO_HADAMARD_SCALE_7
                        : hadamard == 64u  ? OCTAVO_HADAMARD_SCALE_6
                                                : OCTAVO_HADAMARD_SCALE_5;
    [[dont_unroll]] for (uint i = lane; i < count * channels; i += gl_WorkGroupSize.x) {
        precise float scaled = rows[i] * scale;
        rows[i] = scaled;
    }
    barrier();
}

// diag(signs) on rows; no barrier.
void flip_rows(const uint channels, const uint count, uint seed) {
    [[dont_unroll]] for (uint i = lane; i < count * channels; i += gl_WorkGroupSize.x) {
        rows[i] = flip_sign(rows[i], seed, i % channels);
    }
}

// R
void rotate_rows(const uint channels, const uint count, uint seed) {
    flip_rows(channels, count, seed);
    barrier();
    hartley_hadamard(channels, count);
}

// The inverse of R
void rotate_rows_back(const uint channels, const uint count, uint seed) {
    hartley_hadamard(channels, count);
    flip_rows(channels, count, seed);
    barrier();
}
#endif
