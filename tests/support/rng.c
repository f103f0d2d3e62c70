#include "rng.h"

#include <math.h>
#include <stdlib.h>

static uint64_t splitmix(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t rotate_left(uint64_t x, int k) {
    return (x << k) | (x >> (64 - k));
}

void rng_seed(rng *generator, uint64_t seed) {
    for (int i = 0; i < 4; ++i) generator->state[i] = splitmix(&seed);
    generator->spare = 0.0;
    generator->has_spare = 0;
}

uint64_t rng_next(rng *generator) {
    uint64_t *s = generator->state;
    uint64_t result = rotate_left(s[1] * 5u, 7) * 9u;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint32_t rng_below(rng *generator, uint32_t bound) {
    return (uint32_t)(((rng_next(generator) >> 32) * bound) >> 32);
}

uint32_t rng_between(rng *generator, uint32_t low, uint32_t high) {
    return low + rng_below(generator, high - low + 1u);
}

uint32_t rng_log_between(rng *generator, uint32_t low, uint32_t high) {
    double x = log((double)low) + rng_uniform(generator) * (log((double)high + 1.0) - log((double)low));
    uint32_t value = (uint32_t)exp(x);
    return value < low ? low : value > high ? high : value;
}

double rng_uniform(rng *generator) {
    return (double)(rng_next(generator) >> 11) * 0x1p-53;
}

double rng_normal(rng *generator) {
    if (generator->has_spare) {
        generator->has_spare = 0;
        return generator->spare;
    }
    double radius = sqrt(-2.0 * log(1.0 - rng_uniform(generator)));
    double angle = 6.283185307179586 * rng_uniform(generator);
    generator->spare = radius * sin(angle);
    generator->has_spare = 1;
    return radius * cos(angle);
}

float rng_exact_normal(rng *generator) {
    int32_t sum = 0; /* twelve of variance 4096^2 / 12 */
    for (int i = 0; i < 12; ++i) sum += (int32_t)rng_below(generator, 4097u) - 2048;
    return (float)sum * (1.0f / 4096.0f);
}

uint64_t rng_test_seed(uint64_t otherwise) {
    const char *text = getenv("OCTAVO_TEST_SEED");
    return text != NULL && *text != '\0' ? strtoull(text, NULL, 0) : otherwise;
}
