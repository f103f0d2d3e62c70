/* The same random numbers from the same seed on every machine: splitmix64 (Steele, Lea, Flood 2014). */
#ifndef OCTAVO_RANDOM_NUMBERS_H
#define OCTAVO_RANDOM_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct octavo_random {
    uint64_t state;
} octavo_random;

octavo_random octavo_random_seed(uint64_t seed);
uint64_t octavo_random_bits(octavo_random *random);
/* Integers in [low, high]. */
uint32_t octavo_random_between(octavo_random *random, uint32_t low, uint32_t high);
/* Integers in [low, high], low >= 1, the logarithm uniform. */
uint32_t octavo_random_log_between(octavo_random *random, uint32_t low, uint32_t high);
/* True once in `odds` draws. */
bool octavo_random_once_in(octavo_random *random, uint32_t odds);
/* [0, 1) */
double octavo_random_unit(octavo_random *random);
/* N(0, deviation^2), Box-Muller. */
void octavo_random_normal(octavo_random *random, float deviation, float *values, size_t count);

#endif
