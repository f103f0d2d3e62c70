/* Random numbers for tests: xoshiro256** seeded by splitmix64. The same seed gives the same numbers everywhere, but for
 * rng_normal, which goes through the C library's log and cos. */
#ifndef OCTAVO_TEST_RNG_H
#define OCTAVO_TEST_RNG_H

#include <stdint.h>

typedef struct rng {
    uint64_t state[4];
    double spare; /* of rng_normal */
    int has_spare;
} rng;

void rng_seed(rng *generator, uint64_t seed);
uint64_t rng_next(rng *generator);
/* 0 .. bound - 1; bound > 0. */
uint32_t rng_below(rng *generator, uint32_t bound);
/* low .. high, both included. */
uint32_t rng_between(rng *generator, uint32_t low, uint32_t high);
/* low .. high, each octave as likely as the others; low > 0. */
uint32_t rng_log_between(rng *generator, uint32_t low, uint32_t high);
/* [0, 1). */
double rng_uniform(rng *generator);
/* N(0, 1). */
double rng_normal(rng *generator);
/* About N(0, 1), the same bits everywhere: a sum of uniform whole numbers. */
float rng_exact_normal(rng *generator);

/* The seed of a test run: the environment's OCTAVO_TEST_SEED, or `otherwise`. Print it on failure. */
uint64_t rng_test_seed(uint64_t otherwise);

#endif
