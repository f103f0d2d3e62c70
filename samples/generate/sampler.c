#include "sampler.h"

#include <math.h>
#include <stdlib.h>

typedef struct candidate {
    uint32_t token;
    float logit;
} candidate;

struct octavo_sampler {
    octavo_sampler_options options;
    uint32_t vocabulary_size;
    uint64_t state[4];
    candidate *candidates; /* [vocabulary_size] */
};

/* S. Vigna's splitmix64, as recommended to seed xoshiro. https://prng.di.unimi.it/ */
static uint64_t split_mix(uint64_t *state) {
    uint64_t value = *state += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

static uint64_t rotate_left(uint64_t value, unsigned bits) {
    return value << bits | value >> (64 - bits);
}

/* xoshiro256++ 1.0, D. Blackman and S. Vigna; as a double in [0, 1). */
static double next_uniform(uint64_t state[4]) {
    uint64_t result = rotate_left(state[0] + state[3], 23) + state[0];
    uint64_t shifted = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate_left(state[3], 45);
    return (double)(result >> 11) * 0x1p-53;
}

octavo_sampler *octavo_sampler_create(octavo_sampler_options options, uint32_t vocabulary_size,
                                      octavo_generate_error *error) {
    if (!isfinite(options.temperature) || options.temperature < 0.0f) {
        octavo_generate_fail(error, "sampler: the temperature is %g, a finite number of at least 0 is needed",
                             (double)options.temperature);
        return NULL;
    }
    if (!(options.top_p > 0.0f)) {
        octavo_generate_fail(error, "sampler: top-p is %g, a number above 0 is needed", (double)options.top_p);
        return NULL;
    }
    octavo_sampler *sampler = calloc(1, sizeof *sampler);
    candidate *candidates = calloc((size_t)vocabulary_size + 1, sizeof *candidates);
    if (sampler == NULL || candidates == NULL) {
        free(sampler);
        free(candidates);
        octavo_generate_fail(error, "sampler: no memory for %u tokens", vocabulary_size);
        return NULL;
    }
    sampler->options = options;
    sampler->vocabulary_size = vocabulary_size;
    sampler->candidates = candidates;
    for (unsigned i = 0; i < 4; i++) sampler->state[i] = split_mix(&options.seed);
    return sampler;
}

void octavo_sampler_destroy(octavo_sampler *sampler) {
    if (sampler == NULL) return;
    free(sampler->candidates);
    free(sampler);
}

/* Largest logit first, then lowest token: a total order, so that the result does not depend on qsort. */
static int compare_candidates(const void *a, const void *b) {
    const candidate *first = a, *second = b;
    if (first->logit != second->logit) return first->logit > second->logit ? -1 : 1;
    return (first->token > second->token) - (first->token < second->token);
}

static uint32_t draw(octavo_sampler *sampler, const float *logits) {
    const octavo_sampler_options *options = &sampler->options;
    uint32_t count = sampler->vocabulary_size;
    for (uint32_t i = 0; i < count; i++) sampler->candidates[i] = (candidate){i, logits[i]};
    qsort(sampler->candidates, count, sizeof *sampler->candidates, compare_candidates);
    if (options->top_k != 0 && options->top_k < count) count = options->top_k;
    double largest = (double)sampler->candidates[0].logit, temperature = (double)options->temperature;
    double total = 0.0, kept = 0.0;
    for (uint32_t i = 0; i < count; i++) total += exp(((double)sampler->candidates[i].logit - largest) / temperature);
    uint32_t kept_count = 0;
    while (kept_count < count && (kept_count == 0 || kept < (double)options->top_p * total))
        kept += exp(((double)sampler->candidates[kept_count++].logit - largest) / temperature);
    double target = next_uniform(sampler->state) * kept;
    for (uint32_t i = 0; i < kept_count; i++) {
        target -= exp(((double)sampler->candidates[i].logit - largest) / temperature);
        if (target < 0.0) return sampler->candidates[i].token;
    }
    return sampler->candidates[kept_count - 1].token; /* rounding */
}

bool octavo_sampler_next(octavo_sampler *sampler, const float *logits, octavo_sample *sample,
                         octavo_generate_error *error) {
    float largest = -INFINITY, second = -INFINITY;
    uint32_t token = 0;
    if (sampler->vocabulary_size == 0) return octavo_generate_fail(error, "sampler: the vocabulary is empty");
    for (uint32_t i = 0; i < sampler->vocabulary_size; i++) {
        if (!isfinite(logits[i]))
            return octavo_generate_fail(error, "sampler: the logit of token %u is not a finite number", i);
        if (logits[i] > largest) {
            second = largest;
            largest = logits[i];
            token = i;
        } else if (logits[i] > second) {
            second = logits[i];
        }
    }
    sample->margin = largest - second;
    sample->token = sampler->options.temperature == 0.0f ? token : draw(sampler, logits);
    return true;
}
