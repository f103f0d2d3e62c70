/* What the language model's files share; nobody else includes this. */
#ifndef OCTAVO_LANGUAGE_MODEL_INTERNAL_H
#define OCTAVO_LANGUAGE_MODEL_INTERNAL_H

#include "language_model.h"

/* A layer's tensors, in the order of the table in language_model_check.c. Matrices are [output][input]. */
typedef enum octavo_layer_tensor {
    OCTAVO_LAYER_ATTENTION_NORM,
    OCTAVO_LAYER_QUERY,
    OCTAVO_LAYER_KEY,
    OCTAVO_LAYER_VALUE,
    OCTAVO_LAYER_ATTENTION_OUTPUT,
    OCTAVO_LAYER_FEED_FORWARD_NORM,
    OCTAVO_LAYER_GATE,
    OCTAVO_LAYER_UP,
    OCTAVO_LAYER_DOWN,
    OCTAVO_LAYER_QUERY_BIAS,
    OCTAVO_LAYER_KEY_BIAS,
    OCTAVO_LAYER_VALUE_BIAS,
    OCTAVO_LAYER_ATTENTION_OUTPUT_BIAS,
    OCTAVO_LAYER_TENSOR_COUNT
} octavo_layer_tensor;

typedef enum octavo_model_tensor {
    OCTAVO_MODEL_EMBEDDING,
    OCTAVO_MODEL_OUTPUT_NORM,
    OCTAVO_MODEL_OUTPUT,
    OCTAVO_MODEL_ROTARY_FACTORS,
    OCTAVO_MODEL_TENSOR_COUNT
} octavo_model_tensor;

/* Both return NULL for an optional tensor that is not there. */
const octavo_gguf_tensor *octavo_language_model_tensor(const octavo_gguf *gguf, octavo_model_tensor which);
const octavo_gguf_tensor *octavo_language_model_layer_tensor(const octavo_gguf *gguf, uint32_t layer,
                                                             octavo_layer_tensor which);

typedef struct octavo_layer_weights {
    const float *tensors[OCTAVO_LAYER_TENSOR_COUNT]; /* NULL: an optional one that is not there */
} octavo_layer_weights;

struct octavo_language_model {
    octavo_language_model_config config;
    float *weights; /* all of them */
    const float *embedding;
    const float *output_norm;
    const float *output;        /* the embedding, when tied */
    double *rotary_frequencies; /* [rotary_dimension / 2], radians a position */
    octavo_layer_weights *layers;
};

#endif
