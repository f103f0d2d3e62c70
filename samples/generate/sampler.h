/* Picks the next token from logits. The same logits, options and seed give the same tokens. */
#ifndef OCTAVO_SAMPLER_H
#define OCTAVO_SAMPLER_H

#include "generate_error.h"

#include <stdint.h>

typedef struct octavo_sampler_options {
    float temperature; /* 0: the largest logit, the lowest token of equals; else logits are divided by it */
    uint32_t top_k;    /* only the k largest logits; 0: all */
    float top_p;       /* of these, the fewest whose probabilities sum to at least p; 1 (or above): all */
    uint64_t seed;
} octavo_sampler_options;

#define OCTAVO_SAMPLER_OPTIONS_INIT                                                                                    \
    { .temperature = 0.0f, .top_k = 0, .top_p = 1.0f, .seed = 1 }

typedef struct octavo_sampler octavo_sampler;

octavo_sampler *octavo_sampler_create(octavo_sampler_options options, uint32_t vocabulary_size,
                                      octavo_generate_error *error);
void octavo_sampler_destroy(octavo_sampler *sampler);

typedef struct octavo_sample {
    uint32_t token;
    float margin; /* largest logit minus second largest, before temperature; infinite for a vocabulary of one */
} octavo_sample;

/* logits[vocabulary_size]. False when one is NaN or infinite. */
bool octavo_sampler_next(octavo_sampler *sampler, const float *logits, octavo_sample *sample,
                         octavo_generate_error *error);

#endif
