/* Weights. */
#include "language_model_internal.h"

#include <math.h>
#include <stdlib.h>

/* Each tensor starts on a cache line of its own: 16 floats. */
static uint64_t padded(uint64_t element_count) {
    return (element_count + 15) / 16 * 16;
}

static uint64_t total_elements(const octavo_gguf *gguf) {
    uint64_t total = 0;
    for (uint64_t i = 0; i < octavo_gguf_tensor_count(gguf); i++)
        total += padded(octavo_gguf_tensor_at(gguf, i)->element_count);
    return total;
}

static const float *load(const octavo_gguf_tensor *tensor, float **end) {
    if (tensor == NULL) return NULL;
    float *values = *end;
    octavo_gguf_tensor_to_float(tensor, values);
    *end += padded(tensor->element_count);
    return values;
}

static bool set_rotary_frequencies(octavo_language_model *model, const float *factors, octavo_generate_error *error) {
    uint32_t pairs = model->config.rotary_dimension / 2;
    model->rotary_frequencies = calloc(pairs, sizeof *model->rotary_frequencies);
    if (model->rotary_frequencies == NULL)
        return octavo_generate_fail(error, "model: no memory for %u rotary frequencies", pairs);
    for (uint32_t i = 0; i < pairs; i++) {
        double factor = factors != NULL ? (double)factors[i] : 1.0;
        if (!isfinite(factor) || factor <= 0.0)
            return octavo_generate_fail(error, "model: rope_freqs.weight[%u] is %g, a finite number above 0 is needed",
                                        i, factor);
        double exponent = -2.0 * i / model->config.rotary_dimension;
        model->rotary_frequencies[i] =
            pow((double)model->config.rotary_base, exponent) / factor / (double)model->config.rotary_scale;
    }
    return true;
}

static bool load_weights(octavo_language_model *model, const octavo_gguf *gguf, octavo_generate_error *error) {
    uint64_t total = total_elements(gguf);
    if (total > SIZE_MAX / sizeof *model->weights)
        return octavo_generate_fail(error, "model: %llu parameters do not fit the address space",
                                    (unsigned long long)total);
    model->weights = malloc((size_t)total * sizeof *model->weights);
    model->layers = calloc(model->config.layer_count, sizeof *model->layers);
    if (model->weights == NULL || model->layers == NULL)
        return octavo_generate_fail(error, "model: no memory for %llu parameters of 4 bytes",
                                    (unsigned long long)total);
    float *end = model->weights;
    model->embedding = load(octavo_language_model_tensor(gguf, OCTAVO_MODEL_EMBEDDING), &end);
    model->output_norm = load(octavo_language_model_tensor(gguf, OCTAVO_MODEL_OUTPUT_NORM), &end);
    model->output = model->config.tied_embeddings ? model->embedding
                                                  : load(octavo_language_model_tensor(gguf, OCTAVO_MODEL_OUTPUT), &end);
    for (uint32_t layer = 0; layer < model->config.layer_count; layer++) {
        for (unsigned i = 0; i < OCTAVO_LAYER_TENSOR_COUNT; i++)
            model->layers[layer].tensors[i] =
                load(octavo_language_model_layer_tensor(gguf, layer, (octavo_layer_tensor)i), &end);
    }
    return set_rotary_frequencies(model, load(octavo_language_model_tensor(gguf, OCTAVO_MODEL_ROTARY_FACTORS), &end),
                                  error);
}

octavo_language_model *octavo_language_model_create(const octavo_gguf *gguf, octavo_generate_error *error) {
    octavo_language_model *model = calloc(1, sizeof *model);
    if (model == NULL) {
        octavo_generate_fail(error, "model: no memory");
        return NULL;
    }
    if (octavo_language_model_check(gguf, &model->config, error) && load_weights(model, gguf, error)) return model;
    octavo_language_model_destroy(model);
    return NULL;
}

void octavo_language_model_destroy(octavo_language_model *model) {
    if (model == NULL) return;
    free(model->weights);
    free(model->layers);
    free(model->rotary_frequencies);
    free(model);
}

const octavo_language_model_config *octavo_language_model_configuration(const octavo_language_model *model) {
    return &model->config;
}

octavo_attention_shape octavo_language_model_attention_shape(const octavo_language_model_config *config,
                                                             uint32_t context_length) {
    return (octavo_attention_shape){
        .layer_count = config->layer_count,
        .query_head_count = config->query_head_count,
        .kv_head_count = config->kv_head_count,
        .key_dimension = config->key_dimension,
        .value_dimension = config->value_dimension,
        .context_length =
            context_length == 0 || context_length > config->context_length ? config->context_length : context_length,
        .scale = (float)(1.0 / sqrt((double)config->key_dimension)),
    };
}
