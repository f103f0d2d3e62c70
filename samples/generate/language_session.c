/* The forward pass. Activations are f32, [token][channel]. */
#include "language_model_internal.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_TOKENS_A_PASS 65536u

struct octavo_language_session {
    const octavo_language_model *model;
    octavo_attention_backend backend;
    uint32_t most_tokens;
    uint32_t position; /* tokens seen */
    float *memory;     /* all of the following */
    float *residual;   /* [token][embedding] */
    float *normed;     /* [token][embedding] */
    float *queries;    /* [token][query head][key dimension] */
    float *keys;       /* [token][kv head][key dimension] */
    float *values;     /* [token][kv head][value dimension] */
    float *attended;   /* [token][query head][value dimension] */
    float *gate;       /* [token][feed forward] */
    float *up;         /* [token][feed forward] */
    float *cosines;    /* [token][rotary pair] */
    float *sines;      /* [token][rotary pair] */
};

octavo_language_session *octavo_language_session_create(const octavo_language_model *model,
                                                        const octavo_attention_backend *backend, uint32_t most_tokens,
                                                        octavo_generate_error *error) {
    const octavo_language_model_config *config = &model->config;
    if (most_tokens == 0 || most_tokens > MOST_TOKENS_A_PASS) {
        octavo_generate_fail(error, "model: passes of %u tokens, allowed are 1..%u", most_tokens, MOST_TOKENS_A_PASS);
        return NULL;
    }
    size_t query_row = (size_t)config->query_head_count * config->key_dimension;
    size_t key_row = (size_t)config->kv_head_count * config->key_dimension;
    size_t value_row = (size_t)config->kv_head_count * config->value_dimension;
    size_t attended_row = (size_t)config->query_head_count * config->value_dimension;
    size_t row = 2 * (size_t)config->embedding_length + query_row + key_row + value_row + attended_row +
                 2 * (size_t)config->feed_forward_length + config->rotary_dimension;
    octavo_language_session *session = calloc(1, sizeof *session);
    float *memory = row > SIZE_MAX / sizeof *memory / most_tokens ? NULL : malloc(row * most_tokens * sizeof *memory);
    if (session == NULL || memory == NULL) {
        free(session);
        free(memory);
        octavo_generate_fail(error, "model: no memory for passes of %u tokens", most_tokens);
        return NULL;
    }
    session->model = model;
    session->backend = *backend;
    session->most_tokens = most_tokens;
    session->memory = memory;
    session->residual = memory;
    session->normed = session->residual + (size_t)most_tokens * config->embedding_length;
    session->queries = session->normed + (size_t)most_tokens * config->embedding_length;
    session->keys = session->queries + most_tokens * query_row;
    session->values = session->keys + most_tokens * key_row;
    session->attended = session->values + most_tokens * value_row;
    session->gate = session->attended + most_tokens * attended_row;
    session->up = session->gate + (size_t)most_tokens * config->feed_forward_length;
    session->cosines = session->up + (size_t)most_tokens * config->feed_forward_length;
    session->sines = session->cosines + (size_t)most_tokens * (config->rotary_dimension / 2);
    return session;
}

void octavo_language_session_destroy(octavo_language_session *session) {
    if (session == NULL) return;
    free(session->memory);
    free(session);
}

uint32_t octavo_language_session_position(const octavo_language_session *session) {
    return session->position;
}

void octavo_language_session_rewind(octavo_language_session *session, uint32_t position) {
    if (position < session->position) session->position = position;
}

/* output[token][rows] = input[token][columns] * matrix[rows][columns]^T (+ bias), added to output when `add`. */
static void project(const float *input, const float *matrix, const float *bias, float *output, uint32_t token_count,
                    size_t columns, size_t rows, bool add) {
    float keep = add ? 1.0f : 0.0f;
    if (token_count == 1)
        cblas_sgemv(CblasRowMajor, CblasNoTrans, (int)rows, (int)columns, 1.0f, matrix, (int)columns, input, 1, keep,
                    output, 1);
    else
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)token_count, (int)rows, (int)columns, 1.0f, input,
                    (int)columns, matrix, (int)columns, keep, output, (int)rows);
    for (uint32_t token = 0; bias != NULL && token < token_count; token++) {
        for (size_t i = 0; i < rows; i++) output[token * rows + i] += bias[i];
    }
}

static void normalise(const float *input, const float *weight, float *output, uint32_t token_count, size_t length,
                      float epsilon) {
    for (uint32_t token = 0; token < token_count; token++, input += length, output += length) {
        double sum = 0.0;
        for (size_t i = 0; i < length; i++) sum += (double)input[i] * (double)input[i];
        float scale = (float)(1.0 / sqrt(sum / (double)length + (double)epsilon));
        for (size_t i = 0; i < length; i++) output[i] = input[i] * scale * weight[i];
    }
}

static void set_rotations(octavo_language_session *session, uint32_t token_count) {
    uint32_t pairs = session->model->config.rotary_dimension / 2;
    for (uint32_t token = 0; token < token_count; token++) {
        double position = (double)session->position + (double)token;
        for (uint32_t i = 0; i < pairs; i++) {
            double angle = position * session->model->rotary_frequencies[i];
            session->cosines[(size_t)token * pairs + i] = (float)cos(angle);
            session->sines[(size_t)token * pairs + i] = (float)sin(angle);
        }
    }
}

/* Rotates the pairs (0, 1), (2, 3), .. of every head. */
static void rotate(const octavo_language_session *session, float *rows, uint32_t token_count, uint32_t head_count) {
    const octavo_language_model_config *config = &session->model->config;
    uint32_t pairs = config->rotary_dimension / 2;
    for (uint32_t token = 0; token < token_count; token++) {
        const float *cosines = session->cosines + (size_t)token * pairs;
        const float *sines = session->sines + (size_t)token * pairs;
        for (uint32_t head = 0; head < head_count; head++, rows += config->key_dimension) {
            for (uint32_t i = 0; i < pairs; i++) {
                float even = rows[2 * i], odd = rows[2 * i + 1];
                rows[2 * i] = even * cosines[i] - odd * sines[i];
                rows[2 * i + 1] = even * sines[i] + odd * cosines[i];
            }
        }
    }
}

static bool attention_block(octavo_language_session *session, uint32_t layer, uint32_t token_count,
                            octavo_generate_error *error) {
    const octavo_language_model_config *config = &session->model->config;
    const float *const *tensors = session->model->layers[layer].tensors;
    size_t embedding = config->embedding_length;
    normalise(session->residual, tensors[OCTAVO_LAYER_ATTENTION_NORM], session->normed, token_count, embedding,
              config->norm_epsilon);
    project(session->normed, tensors[OCTAVO_LAYER_QUERY], tensors[OCTAVO_LAYER_QUERY_BIAS], session->queries,
            token_count, embedding, (size_t)config->query_head_count * config->key_dimension, false);
    project(session->normed, tensors[OCTAVO_LAYER_KEY], tensors[OCTAVO_LAYER_KEY_BIAS], session->keys, token_count,
            embedding, (size_t)config->kv_head_count * config->key_dimension, false);
    project(session->normed, tensors[OCTAVO_LAYER_VALUE], tensors[OCTAVO_LAYER_VALUE_BIAS], session->values,
            token_count, embedding, (size_t)config->kv_head_count * config->value_dimension, false);
    rotate(session, session->queries, token_count, config->query_head_count);
    rotate(session, session->keys, token_count, config->kv_head_count);
    if (!session->backend.attend(session->backend.context, layer, session->position, token_count, session->queries,
                                 session->keys, session->values, session->attended, error))
        return false;
    project(session->attended, tensors[OCTAVO_LAYER_ATTENTION_OUTPUT], tensors[OCTAVO_LAYER_ATTENTION_OUTPUT_BIAS],
            session->residual, token_count, (size_t)config->query_head_count * config->value_dimension, embedding,
            true);
    return true;
}

static void feed_forward_block(octavo_language_session *session, uint32_t layer, uint32_t token_count) {
    const octavo_language_model_config *config = &session->model->config;
    const float *const *tensors = session->model->layers[layer].tensors;
    size_t embedding = config->embedding_length, inner = config->feed_forward_length;
    normalise(session->residual, tensors[OCTAVO_LAYER_FEED_FORWARD_NORM], session->normed, token_count, embedding,
              config->norm_epsilon);
    project(session->normed, tensors[OCTAVO_LAYER_GATE], NULL, session->gate, token_count, embedding, inner, false);
    project(session->normed, tensors[OCTAVO_LAYER_UP], NULL, session->up, token_count, embedding, inner, false);
    for (size_t i = 0; i < token_count * inner; i++) {
        float gate = session->gate[i];
        session->gate[i] = gate / (1.0f + expf(-gate)) * session->up[i];
    }
    project(session->gate, tensors[OCTAVO_LAYER_DOWN], NULL, session->residual, token_count, inner, embedding, true);
}

static bool run_layers(octavo_language_session *session, uint32_t token_count, octavo_generate_error *error) {
    octavo_attention_backend *backend = &session->backend;
    if (backend->begin != NULL && !backend->begin(backend->context, session->position, token_count, error))
        return false;
    bool done = true;
    for (uint32_t layer = 0; done && layer < session->model->config.layer_count; layer++) {
        done = attention_block(session, layer, token_count, error);
        if (done) feed_forward_block(session, layer, token_count);
    }
    /* The first failure is the one to report. */
    if (backend->finish != NULL && !backend->finish(backend->context, done ? error : NULL)) done = false;
    return done;
}

bool octavo_language_session_forward(octavo_language_session *session, const uint32_t *tokens, uint32_t token_count,
                                     uint32_t logit_rows, float *logits, octavo_generate_error *error) {
    const octavo_language_model_config *config = &session->model->config;
    size_t embedding = config->embedding_length;
    if (token_count == 0 || token_count > session->most_tokens)
        return octavo_generate_fail(error, "model: a pass of %u tokens, allowed are 1..%u", token_count,
                                    session->most_tokens);
    if (logit_rows > token_count)
        return octavo_generate_fail(error, "model: logits of %u tokens of a pass of %u", logit_rows, token_count);
    if (token_count > config->context_length - session->position)
        return octavo_generate_fail(error, "model: %u tokens at position %u exceed the model's context of %u",
                                    token_count, session->position, config->context_length);
    for (uint32_t i = 0; i < token_count; i++) {
        if (tokens[i] >= config->vocabulary_size)
            return octavo_generate_fail(error, "model: token %u, the vocabulary has %u", tokens[i],
                                        config->vocabulary_size);
        memcpy(session->residual + i * embedding, session->model->embedding + tokens[i] * embedding,
               embedding * sizeof *session->residual);
    }
    set_rotations(session, token_count);
    if (!run_layers(session, token_count, error)) return false;
    session->position += token_count;
    if (logit_rows == 0) return true;
    normalise(session->residual + (token_count - logit_rows) * embedding, session->model->output_norm, session->normed,
              logit_rows, embedding, config->norm_epsilon);
    project(session->normed, session->model->output, NULL, logits, logit_rows, embedding, config->vocabulary_size,
            false);
    return true;
}
