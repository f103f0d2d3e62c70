/* Writes GGUF files into memory, right ones and wrong ones. For tests: it aborts when there is no memory. */
#ifndef OCTAVO_GGUF_BUILDER_H
#define OCTAVO_GGUF_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gguf_buffer {
    unsigned char *bytes;
    size_t size;
    size_t capacity;
} gguf_buffer;

typedef struct gguf_builder {
    uint32_t version;
    uint32_t alignment;
    const char *omit; /* keys and tensors of this name are not written; NULL: none */
    uint64_t entry_count;
    uint64_t tensor_count;
    gguf_buffer entries;
    gguf_buffer tensors;
    gguf_buffer data;
} gguf_builder;

#define GGUF_BUILDER_INIT                                                                                              \
    { .version = 3, .alignment = 32 }

void gguf_append(gguf_buffer *buffer, const void *bytes, size_t size);
void gguf_append_integer(gguf_buffer *buffer, uint64_t value, unsigned byte_count); /* little-endian */
void gguf_append_string(gguf_buffer *buffer, const char *text, size_t length);

/* One metadata entry; `type` and the value's bytes as given, right or wrong. */
void gguf_add_raw(gguf_builder *builder, const char *key, uint32_t type, const void *bytes, size_t size);
void gguf_add_uint32(gguf_builder *builder, const char *key, uint32_t value);
void gguf_add_float(gguf_builder *builder, const char *key, float value);
void gguf_add_bool(gguf_builder *builder, const char *key, bool value);
void gguf_add_string(gguf_builder *builder, const char *key, const char *value);
void gguf_add_strings(gguf_builder *builder, const char *key, const char *const *values, uint64_t count);
void gguf_add_floats(gguf_builder *builder, const char *key, const float *values, uint64_t count);
void gguf_add_int32s(gguf_builder *builder, const char *key, const int32_t *values, uint64_t count);

/* A tensor's entry alone, and one with its data: values rounded to `type`, which is F32, F16 or Q8_0. */
void gguf_add_tensor_entry(gguf_builder *builder, const char *name, uint32_t type, uint32_t dimension_count,
                           const uint64_t *dimensions, uint64_t offset);
void gguf_add_tensor(gguf_builder *builder, const char *name, uint32_t type, uint32_t dimension_count,
                     const uint64_t *dimensions, const float *values);

/* The file, to be freed by the caller. The builder can go on. */
unsigned char *gguf_finish(const gguf_builder *builder, size_t *size);
void gguf_builder_release(gguf_builder *builder);

/* A whole small model of the Llama architecture with random weights. */
typedef struct gguf_tiny_model {
    uint32_t layer_count;
    uint32_t embedding_length;
    uint32_t feed_forward_length;
    uint32_t query_head_count;
    uint32_t kv_head_count;
    uint32_t key_dimension;
    uint32_t value_dimension;
    uint32_t rotary_dimension;
    uint32_t weight_type; /* of the matrices: F32, F16 or Q8_0 */
    bool tied_embeddings;
    bool biases;
    bool rotary_factors;
    uint64_t seed;
} gguf_tiny_model;

#define GGUF_TINY_MODEL_INIT                                                                                           \
    {                                                                                                                  \
        .layer_count = 2, .embedding_length = 64, .feed_forward_length = 96, .query_head_count = 4,                    \
        .kv_head_count = 2, .key_dimension = 16, .value_dimension = 16, .rotary_dimension = 16,                        \
        .tied_embeddings = true, .seed = 1                                                                             \
    }

#define GGUF_TINY_VOCABULARY 266u /* 256 bytes, 8 merged tokens, <|begin|> = 264, <|end|> = 265 */
#define GGUF_TINY_CONTEXT 512u

void gguf_add_tiny_model(gguf_builder *builder, const gguf_tiny_model *model);
void gguf_add_byte_level_tokenizer(gguf_builder *builder); /* the one of the tiny model */

/* A small SentencePiece vocabulary: <unk> <s> </s>, 256 bytes from 3 on, then pieces; see the .c file. */
void gguf_add_spm_tokenizer(gguf_builder *builder, bool with_bytes);

#endif
