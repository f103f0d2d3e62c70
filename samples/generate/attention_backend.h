/*
 * Where the language model's attention and its key-value cache live: on the CPU (cpu_attention.h) or in Octavo.
 *
 * The model calls, for each pass over `token_count` consecutive tokens of one sequence:
 *   begin(first_position, token_count)            once, if not NULL: plan what is the same for all layers
 *   attend(layer = 0, ...), attend(layer = 1, ..)  in order, one call a layer
 *   finish()                                       once, if not NULL, also after an attend that failed
 * Tokens have positions first_position .. first_position + token_count - 1. attend appends the pass's keys and values
 * to the layer's cache and then lets each query see the positions up to its own. When first_position is less than what
 * the cache holds, the positions from it on are dropped first (a rolled back sequence); 0 starts a new one.
 *
 * All arrays are f32, dense, and live on the host until attend returns; `output` must be complete by then.
 * A function that fails returns false and says why in `error`.
 */
#ifndef OCTAVO_ATTENTION_BACKEND_H
#define OCTAVO_ATTENTION_BACKEND_H

#include "generate_error.h"

#include <stdint.h>

/* What a backend must be created for. Query head h sees kv head h / (query_head_count / kv_head_count). */
typedef struct octavo_attention_shape {
    uint32_t layer_count;
    uint32_t query_head_count; /* a multiple of kv_head_count */
    uint32_t kv_head_count;
    uint32_t key_dimension;   /* of queries and keys, per head */
    uint32_t value_dimension; /* of values and outputs, per head */
    uint32_t context_length;  /* most positions */
    float scale;              /* of the logits, before the softmax */
} octavo_attention_shape;

typedef struct octavo_attention_backend {
    void *context;
    bool (*begin)(void *context, uint32_t first_position, uint32_t token_count, octavo_generate_error *error);
    /*
     * queries [token][query head][key dimension], keys [token][kv head][key dimension], both after the rotary
     * embedding; values [token][kv head][value dimension]; output [token][query head][value dimension].
     */
    bool (*attend)(void *context, uint32_t layer, uint32_t first_position, uint32_t token_count, const float *queries,
                   const float *keys, const float *values, float *output, octavo_generate_error *error);
    bool (*finish)(void *context, octavo_generate_error *error);
} octavo_attention_backend;

#endif
