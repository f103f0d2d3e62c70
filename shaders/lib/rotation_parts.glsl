// What R = (C_m x H_2^k) diag(signs) is made of, whoever has the rows.
#ifndef OCTAVO_ROTATION_PARTS_GLSL
#define OCTAVO_ROTATION_PARTS_GLSL

// d' = m 2^k, m odd: 2^k
uint hadamard_size(const uint channels) {
    return channels % 256u == 0u ? 256u : channels % 128u == 0u ? 128u : channels % 64u == 0u ? 64u : 32u;
}

float hadamard_scale(const uint channels) {
    const uint hadamard = hadamard_size(channels);
    return hadamard == 256u   ? OCTAVO_HADAMARD_SCALE_8
           : hadamard == 128u ? OCTAVO_HADAMARD_SCALE_7
           : hadamard == 64u  ? OCTAVO_HADAMARD_SCALE_6
                              : OCTAVO_HADAMARD_SCALE_5;
}

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

// Sign of channel i, times the scale of the Hadamard matrix.
float signed_scale(const uint channels, uint seed, uint i) {
    return flip_sign(hadamard_scale(channels), seed, i);
}

float hartley_entry(const uint size, uint i, uint j) {
    return size == 3u ? HARTLEY_3[i * 3u + j] : size == 5u ? HARTLEY_5[i * 5u + j] : HARTLEY_7[i * 7u + j];
}
#endif
