#include "cpu_attention.h"

#include "half_precision.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>

typedef struct layer_cache {
    float *keys;   /* [position][kv head][key dimension] */
    float *values; /* [position][kv head][value dimension] */
    uint32_t capacity;
    uint32_t length; /* positions held */
} layer_cache;

struct octavo_cpu_attention {
    octavo_attention_shape shape;
    bool round_to_half;
    layer_cache *layers;
    float *weights; /* [token of the pass][position] of one head */
    size_t weight_capacity;
};

octavo_cpu_attention *octavo_cpu_attention_create(octavo_attention_shape shape, bool round_to_half,
                                                  octavo_generate_error *error) {
    octavo_cpu_attention *attention = calloc(1, sizeof *attention);
    layer_cache *layers = calloc((size_t)shape.layer_count + 1, sizeof *layers);
    if (attention == NULL || layers == NULL) {
        free(attention);
        free(layers);
        octavo_generate_fail(error, "CPU attention: no memory for %u layers", shape.layer_count);
        return NULL;
    }
    attention->shape = shape;
    attention->round_to_half = round_to_half;
    attention->layers = layers;
    return attention;
}

void octavo_cpu_attention_destroy(octavo_cpu_attention *attention) {
    if (attention == NULL) return;
    for (uint32_t i = 0; i < attention->shape.layer_count; i++) {
        free(attention->layers[i].keys);
        free(attention->layers[i].values);
    }
    free(attention->layers);
    free(attention->weights);
    free(attention);
}

static bool grow(float **array, size_t rows, size_t columns) {
    if (columns != 0 && rows > SIZE_MAX / sizeof **array / columns) return false;
    float *grown = realloc(*array, rows * columns * sizeof *grown);
    if (grown != NULL) *array = grown;
    return grown != NULL;
}

static bool reserve_layer(octavo_cpu_attention *attention, layer_cache *layer, uint32_t length) {
    const octavo_attention_shape *shape = &attention->shape;
    if (length <= layer->capacity) return true;
    uint32_t capacity = layer->capacity < shape->context_length / 2 ? layer->capacity * 2 : shape->context_length;
    capacity = capacity < length ? length : capacity;
    if (!grow(&layer->keys, capacity, (size_t)shape->kv_head_count * shape->key_dimension) ||
        !grow(&layer->values, capacity, (size_t)shape->kv_head_count * shape->value_dimension))
        return false;
    layer->capacity = capacity;
    return true;
}

static void store(const octavo_cpu_attention *attention, float *to, const float *from, size_t count) {
    for (size_t i = 0; i < count; i++)
        to[i] = attention->round_to_half ? octavo_half_to_float(octavo_half_from_float(from[i])) : from[i];
}

/* weights[token][0..position of the token]: logits -> softmax; behind it zeros. */
static void softmax_causal(float *weights, uint32_t token_count, uint32_t first_position, uint32_t length) {
    for (uint32_t token = 0; token < token_count; token++) {
        float *row = weights + (size_t)token * length;
        uint32_t visible = first_position + token + 1;
        float largest = row[0], sum = 0.0f;
        for (uint32_t i = 1; i < visible; i++) largest = row[i] > largest ? row[i] : largest;
        for (uint32_t i = 0; i < visible; i++) {
            row[i] = expf(row[i] - largest);
            sum += row[i];
        }
        for (uint32_t i = 0; i < visible; i++) row[i] /= sum;
        for (uint32_t i = visible; i < length; i++) row[i] = 0.0f;
    }
}

static void attend_head(octavo_cpu_attention *attention, const layer_cache *layer, uint32_t head,
                        uint32_t first_position, uint32_t token_count, const float *queries, float *output) {
    const octavo_attention_shape *shape = &attention->shape;
    uint32_t kv_head = head / (shape->query_head_count / shape->kv_head_count);
    int tokens = (int)token_count, length = (int)layer->length;
    int key_dimension = (int)shape->key_dimension, value_dimension = (int)shape->value_dimension;
    int query_heads = (int)shape->query_head_count, kv_heads = (int)shape->kv_head_count;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, tokens, length, key_dimension, shape->scale,
                queries + (size_t)head * shape->key_dimension, query_heads * key_dimension,
                layer->keys + (size_t)kv_head * shape->key_dimension, kv_heads * key_dimension, 0.0f,
                attention->weights, length);
    softmax_causal(attention->weights, token_count, first_position, layer->length);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, tokens, value_dimension, length, 1.0f, attention->weights,
                length, layer->values + (size_t)kv_head * shape->value_dimension, kv_heads * value_dimension, 0.0f,
                output + (size_t)head * shape->value_dimension, query_heads * value_dimension);
}

static bool attend(void *context, uint32_t layer_index, uint32_t first_position, uint32_t token_count,
                   const float *queries, const float *keys, const float *values, float *output,
                   octavo_generate_error *error) {
    octavo_cpu_attention *attention = context;
    const octavo_attention_shape *shape = &attention->shape;
    if (layer_index >= shape->layer_count)
        return octavo_generate_fail(error, "CPU attention: layer %u, there are %u", layer_index, shape->layer_count);
    layer_cache *layer = &attention->layers[layer_index];
    if (first_position > layer->length)
        return octavo_generate_fail(error, "CPU attention: position %u, the cache of layer %u holds %u", first_position,
                                    layer_index, layer->length);
    if (first_position > shape->context_length || token_count > shape->context_length - first_position)
        return octavo_generate_fail(error, "CPU attention: %u tokens at position %u exceed the context of %u",
                                    token_count, first_position, shape->context_length);
    uint32_t length = first_position + token_count;
    size_t weight_count = (size_t)token_count * length;
    if (!reserve_layer(attention, layer, length) ||
        (weight_count > attention->weight_capacity && !grow(&attention->weights, token_count, length)))
        return octavo_generate_fail(error, "CPU attention: no memory for %u positions", length);
    if (weight_count > attention->weight_capacity) attention->weight_capacity = weight_count;
    size_t key_row = (size_t)shape->kv_head_count * shape->key_dimension;
    size_t value_row = (size_t)shape->kv_head_count * shape->value_dimension;
    store(attention, layer->keys + first_position * key_row, keys, token_count * key_row);
    store(attention, layer->values + first_position * value_row, values, token_count * value_row);
    layer->length = length;
    for (uint32_t head = 0; head < shape->query_head_count; head++)
        attend_head(attention, layer, head, first_position, token_count, queries, output);
    return true;
}

octavo_attention_backend octavo_cpu_attention_backend(octavo_cpu_attention *attention) {
    return (octavo_attention_backend){.context = attention, .attend = attend};
}
