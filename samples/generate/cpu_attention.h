/* The reference backend: causal attention in plain f32 over a cache in memory. */
#ifndef OCTAVO_CPU_ATTENTION_H
#define OCTAVO_CPU_ATTENTION_H

#include "attention_backend.h"

typedef struct octavo_cpu_attention octavo_cpu_attention;

/* `round_to_half`: keys and values are rounded to f16 as they enter the cache, as an f16 cache holds them. */
octavo_cpu_attention *octavo_cpu_attention_create(octavo_attention_shape shape, bool round_to_half,
                                                  octavo_generate_error *error);
void octavo_cpu_attention_destroy(octavo_cpu_attention *attention);

/* Valid as long as `attention`. */
octavo_attention_backend octavo_cpu_attention_backend(octavo_cpu_attention *attention);

#endif
