/*
 * A language model of the Llama architecture on the CPU (BLAS, f32), all but its attention, which a backend computes.
 * H. Touvron et al., "LLaMA: Open and Efficient Foundation Language Models", 2023: RMS normalisation, rotary position
 * embedding of neighbouring pairs, grouped queries, SwiGLU; optionally tied embeddings and attention biases.
 */
#ifndef OCTAVO_LANGUAGE_MODEL_H
#define OCTAVO_LANGUAGE_MODEL_H

#include "attention_backend.h"
#include "gguf.h"
#include "tokenizer.h"

typedef struct octavo_language_model_config {
    uint32_t layer_count;
    uint32_t vocabulary_size;
    uint32_t context_length;
    uint32_t embedding_length;
    uint32_t feed_forward_length;
    uint32_t query_head_count;
    uint32_t kv_head_count;
    uint32_t key_dimension;
    uint32_t value_dimension;
    uint32_t rotary_dimension; /* even, at most key_dimension: the first ones of each head are rotated */
    float norm_epsilon;
    float rotary_base;
    float rotary_scale; /* positions are divided by it */
    bool tied_embeddings;
    uint64_t parameter_count;
} octavo_language_model_config;

/*
 * Reads the configuration and checks that every tensor is there with the right shape and that none is there that this
 * implementation would ignore; allocates nothing. False: `error` names what is missing, wrong or not supported.
 */
bool octavo_language_model_check(const octavo_gguf *gguf, octavo_language_model_config *config,
                                 octavo_generate_error *error);

/* The tokenizer's vocabulary must be the model's. */
bool octavo_language_model_check_vocabulary(const octavo_language_model_config *config,
                                            const octavo_tokenizer *tokenizer, octavo_generate_error *error);

typedef struct octavo_language_model octavo_language_model;

/* Checks, then holds the weights as f32 (4 bytes a parameter): the file may go away. Immutable afterwards. */
octavo_language_model *octavo_language_model_create(const octavo_gguf *gguf, octavo_generate_error *error);
void octavo_language_model_destroy(octavo_language_model *model);
const octavo_language_model_config *octavo_language_model_configuration(const octavo_language_model *model);

/* What the attention backend is created for, for sequences of at most `context_length` positions (0: the model's). */
octavo_attention_shape octavo_language_model_attention_shape(const octavo_language_model_config *config,
                                                             uint32_t context_length);

/* One sequence being read and written: working memory and a position. One thread at a time. */
typedef struct octavo_language_session octavo_language_session;

/* `most_tokens`: the largest pass, 1..65536. Model and backend must outlive the session. */
octavo_language_session *octavo_language_session_create(const octavo_language_model *model,
                                                        const octavo_attention_backend *backend, uint32_t most_tokens,
                                                        octavo_generate_error *error);
void octavo_language_session_destroy(octavo_language_session *session);

/*
 * One pass over the next `token_count` (1..most_tokens) tokens. Writes the logits of the last `logit_rows`
 * (0..token_count) of them, logits[row][vocabulary]. After a failure the position is what it was.
 */
bool octavo_language_session_forward(octavo_language_session *session, const uint32_t *tokens, uint32_t token_count,
                                     uint32_t logit_rows, float *logits, octavo_generate_error *error);

uint32_t octavo_language_session_position(const octavo_language_session *session);

/* Goes back to `position` <= the current one; the tokens behind it are forgotten. 0 starts a new text. */
void octavo_language_session_rewind(octavo_language_session *session, uint32_t position);

#endif
