#include "gguf_builder.h"

#include "half_precision.h"
#include "utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void gguf_append(gguf_buffer *buffer, const void *bytes, size_t size) {
    if (size > buffer->capacity - buffer->size) {
        buffer->capacity = (buffer->size + size) * 2;
        buffer->bytes = realloc(buffer->bytes, buffer->capacity);
        if (buffer->bytes == NULL) abort();
    }
    if (size > 0) memcpy(buffer->bytes + buffer->size, bytes, size);
    buffer->size += size;
}

void gguf_append_integer(gguf_buffer *buffer, uint64_t value, unsigned byte_count) {
    for (unsigned i = 0; i < byte_count; i++) {
        unsigned char byte = (unsigned char)(value >> (8 * i));
        gguf_append(buffer, &byte, 1);
    }
}

void gguf_append_string(gguf_buffer *buffer, const char *text, size_t length) {
    gguf_append_integer(buffer, length, 8);
    gguf_append(buffer, text, length);
}

static void append_float(gguf_buffer *buffer, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    gguf_append_integer(buffer, bits, 4);
}

static bool omitted(const gguf_builder *builder, const char *name) {
    return builder->omit != NULL && strcmp(builder->omit, name) == 0;
}

void gguf_add_raw(gguf_builder *builder, const char *key, uint32_t type, const void *bytes, size_t size) {
    if (omitted(builder, key)) return;
    gguf_append_string(&builder->entries, key, strlen(key));
    gguf_append_integer(&builder->entries, type, 4);
    gguf_append(&builder->entries, bytes, size);
    builder->entry_count++;
}

static void add_buffer(gguf_builder *builder, const char *key, uint32_t type, gguf_buffer *value) {
    gguf_add_raw(builder, key, type, value->bytes, value->size);
    free(value->bytes);
}

void gguf_add_uint32(gguf_builder *builder, const char *key, uint32_t value) {
    gguf_buffer bytes = {0};
    gguf_append_integer(&bytes, value, 4);
    add_buffer(builder, key, 4, &bytes);
}

void gguf_add_float(gguf_builder *builder, const char *key, float value) {
    gguf_buffer bytes = {0};
    append_float(&bytes, value);
    add_buffer(builder, key, 6, &bytes);
}

void gguf_add_bool(gguf_builder *builder, const char *key, bool value) {
    unsigned char byte = value ? 1 : 0;
    gguf_add_raw(builder, key, 7, &byte, 1);
}

void gguf_add_string(gguf_builder *builder, const char *key, const char *value) {
    gguf_buffer bytes = {0};
    gguf_append_string(&bytes, value, strlen(value));
    add_buffer(builder, key, 8, &bytes);
}

static gguf_buffer start_array(uint32_t type, uint64_t count) {
    gguf_buffer bytes = {0};
    gguf_append_integer(&bytes, type, 4);
    gguf_append_integer(&bytes, count, 8);
    return bytes;
}

void gguf_add_strings(gguf_builder *builder, const char *key, const char *const *values, uint64_t count) {
    gguf_buffer bytes = start_array(8, count);
    for (uint64_t i = 0; i < count; i++) gguf_append_string(&bytes, values[i], strlen(values[i]));
    add_buffer(builder, key, 9, &bytes);
}

void gguf_add_floats(gguf_builder *builder, const char *key, const float *values, uint64_t count) {
    gguf_buffer bytes = start_array(6, count);
    for (uint64_t i = 0; i < count; i++) append_float(&bytes, values[i]);
    add_buffer(builder, key, 9, &bytes);
}

void gguf_add_int32s(gguf_builder *builder, const char *key, const int32_t *values, uint64_t count) {
    gguf_buffer bytes = start_array(5, count);
    for (uint64_t i = 0; i < count; i++) gguf_append_integer(&bytes, (uint32_t)values[i], 4);
    add_buffer(builder, key, 9, &bytes);
}

void gguf_add_tensor_entry(gguf_builder *builder, const char *name, uint32_t type, uint32_t dimension_count,
                           const uint64_t *dimensions, uint64_t offset) {
    gguf_append_string(&builder->tensors, name, strlen(name));
    gguf_append_integer(&builder->tensors, dimension_count, 4);
    for (uint32_t i = 0; i < dimension_count; i++) gguf_append_integer(&builder->tensors, dimensions[i], 8);
    gguf_append_integer(&builder->tensors, type, 4);
    gguf_append_integer(&builder->tensors, offset, 8);
    builder->tensor_count++;
}

static void append_q8_0_block(gguf_buffer *data, const float *values) {
    float largest = 0.0f;
    for (unsigned i = 0; i < 32; i++) largest = fmaxf(largest, fabsf(values[i]));
    float scale = largest / 127.0f;
    gguf_append_integer(data, octavo_half_from_float(scale), 2);
    for (unsigned i = 0; i < 32; i++) {
        long code = scale > 0.0f ? lroundf(values[i] / scale) : 0;
        gguf_append_integer(data, (uint64_t)code & 0xff, 1);
    }
}

void gguf_add_tensor(gguf_builder *builder, const char *name, uint32_t type, uint32_t dimension_count,
                     const uint64_t *dimensions, const float *values) {
    uint64_t count = 1;
    if (omitted(builder, name)) return;
    for (uint32_t i = 0; i < dimension_count; i++) count *= dimensions[i];
    while (builder->data.size % builder->alignment != 0) gguf_append_integer(&builder->data, 0, 1);
    gguf_add_tensor_entry(builder, name, type, dimension_count, dimensions, builder->data.size);
    for (uint64_t i = 0; i < count; i++) {
        if (type == 0)
            append_float(&builder->data, values[i]);
        else if (type == 1)
            gguf_append_integer(&builder->data, octavo_half_from_float(values[i]), 2);
        else if (i % 32 == 0)
            append_q8_0_block(&builder->data, values + i);
    }
}

unsigned char *gguf_finish(const gguf_builder *builder, size_t *size) {
    gguf_buffer file = {0};
    gguf_append(&file, "GGUF", 4);
    gguf_append_integer(&file, builder->version, 4);
    gguf_append_integer(&file, builder->tensor_count, 8);
    gguf_append_integer(&file, builder->entry_count, 8);
    gguf_append(&file, builder->entries.bytes, builder->entries.size);
    gguf_append(&file, builder->tensors.bytes, builder->tensors.size);
    while (builder->data.size > 0 && file.size % builder->alignment != 0) gguf_append_integer(&file, 0, 1);
    gguf_append(&file, builder->data.bytes, builder->data.size);
    *size = file.size;
    return file.bytes;
}

void gguf_builder_release(gguf_builder *builder) {
    free(builder->entries.bytes);
    free(builder->tensors.bytes);
    free(builder->data.bytes);
    *builder = (gguf_builder)GGUF_BUILDER_INIT;
}

/* xorshift64*, uniform in [-1, 1). */
static float next_random(uint64_t *state) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (float)((*state * UINT64_C(0x2545f4914f6cdd1d)) >> 40) * 0x1p-23f - 1.0f;
}

/* Values in centre +- spread. */
static void add_random_tensor(gguf_builder *builder, const char *name, uint32_t type, uint64_t inner, uint64_t outer,
                              float centre, float spread, uint64_t *random) {
    uint64_t dimensions[2] = {inner, outer};
    float *values = calloc(inner * outer, sizeof *values);
    if (values == NULL) abort();
    for (uint64_t i = 0; i < inner * outer; i++) values[i] = centre + spread * next_random(random);
    gguf_add_tensor(builder, name, type, outer > 1 ? 2 : 1, dimensions, values);
    free(values);
}

static void add_layer(gguf_builder *builder, const gguf_tiny_model *model, uint32_t layer, uint64_t *random) {
    uint64_t embedding = model->embedding_length, inner = model->feed_forward_length;
    uint64_t queries = (uint64_t)model->query_head_count * model->key_dimension;
    uint64_t keys = (uint64_t)model->kv_head_count * model->key_dimension;
    uint64_t values = (uint64_t)model->kv_head_count * model->value_dimension;
    uint64_t attended = (uint64_t)model->query_head_count * model->value_dimension;
    const struct {
        const char *name;
        uint64_t inner, outer;
    } matrices[] = {
        {"attn_q", embedding, queries},       {"attn_k", embedding, keys},    {"attn_v", embedding, values},
        {"attn_output", attended, embedding}, {"ffn_gate", embedding, inner}, {"ffn_up", embedding, inner},
        {"ffn_down", inner, embedding},
    };
    char name[64];
    for (size_t i = 0; i < sizeof matrices / sizeof matrices[0]; i++) {
        snprintf(name, sizeof name, "blk.%u.%s.weight", layer, matrices[i].name);
        add_random_tensor(builder, name, model->weight_type, matrices[i].inner, matrices[i].outer, 0.0f, 0.3f, random);
        if (model->biases && i < 4) {
            snprintf(name, sizeof name, "blk.%u.%s.bias", layer, matrices[i].name);
            add_random_tensor(builder, name, 0, matrices[i].outer, 1, 0.0f, 0.2f, random);
        }
    }
    snprintf(name, sizeof name, "blk.%u.attn_norm.weight", layer);
    add_random_tensor(builder, name, 0, embedding, 1, 1.0f, 0.2f, random);
    snprintf(name, sizeof name, "blk.%u.ffn_norm.weight", layer);
    add_random_tensor(builder, name, 0, embedding, 1, 1.0f, 0.2f, random);
}

void gguf_add_tiny_model(gguf_builder *builder, const gguf_tiny_model *model) {
    uint64_t random = model->seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    gguf_add_string(builder, "general.architecture", "llama");
    gguf_add_uint32(builder, "llama.block_count", model->layer_count);
    gguf_add_uint32(builder, "llama.context_length", GGUF_TINY_CONTEXT);
    gguf_add_uint32(builder, "llama.embedding_length", model->embedding_length);
    gguf_add_uint32(builder, "llama.feed_forward_length", model->feed_forward_length);
    gguf_add_uint32(builder, "llama.attention.head_count", model->query_head_count);
    gguf_add_uint32(builder, "llama.attention.head_count_kv", model->kv_head_count);
    gguf_add_uint32(builder, "llama.attention.key_length", model->key_dimension);
    gguf_add_uint32(builder, "llama.attention.value_length", model->value_dimension);
    gguf_add_uint32(builder, "llama.rope.dimension_count", model->rotary_dimension);
    gguf_add_float(builder, "llama.rope.freq_base", 5000.0f);
    gguf_add_float(builder, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    gguf_add_byte_level_tokenizer(builder);
    add_random_tensor(builder, "token_embd.weight", model->weight_type, model->embedding_length, GGUF_TINY_VOCABULARY,
                      0.0f, 1.0f, &random);
    add_random_tensor(builder, "output_norm.weight", 0, model->embedding_length, 1, 1.0f, 0.2f, &random);
    if (!model->tied_embeddings)
        add_random_tensor(builder, "output.weight", model->weight_type, model->embedding_length, GGUF_TINY_VOCABULARY,
                          0.0f, 1.0f, &random);
    if (model->rotary_factors)
        add_random_tensor(builder, "rope_freqs.weight", 0, model->rotary_dimension / 2, 1, 2.0f, 1.0f, &random);
    for (uint32_t layer = 0; layer < model->layer_count; layer++) add_layer(builder, model, layer, &random);
}

void gguf_add_byte_level_tokenizer(gguf_builder *builder) {
    /* \xc4\xa0 is U+0120, a space of the byte-level alphabet. */
    static const char *const MERGED[] = {"he", "ll", "hell", "hello", "\xc4\xa0w", "or", "\xc4\xa0wor", "ld"};
    static const char *const MERGES[] = {"h e", "l l", "he ll", "hell o", "\xc4\xa0 w", "o r", "\xc4\xa0w or", "l d"};
    static char bytes[256][4];
    const char *tokens[GGUF_TINY_VOCABULARY];
    int32_t kinds[GGUF_TINY_VOCABULARY];
    uint32_t free_character = 0x100;
    for (uint32_t i = 0; i < 256; i++) {
        bool printable = (i >= 0x21 && i <= 0x7e) || (i >= 0xa1 && i <= 0xac) || i >= 0xae;
        size_t length = octavo_utf8_encode(printable ? i : free_character++, bytes[i]);
        bytes[i][length] = '\0';
        tokens[i] = bytes[i];
    }
    for (uint32_t i = 0; i < 8; i++) tokens[256 + i] = MERGED[i];
    tokens[264] = "<|begin|>";
    tokens[265] = "<|end|>";
    for (uint32_t i = 0; i < GGUF_TINY_VOCABULARY; i++) kinds[i] = i < 264 ? 1 : 3;
    gguf_add_string(builder, "tokenizer.ggml.model", "gpt2");
    gguf_add_string(builder, "tokenizer.ggml.pre", "gpt-2");
    gguf_add_strings(builder, "tokenizer.ggml.tokens", tokens, GGUF_TINY_VOCABULARY);
    gguf_add_int32s(builder, "tokenizer.ggml.token_type", kinds, GGUF_TINY_VOCABULARY);
    gguf_add_strings(builder, "tokenizer.ggml.merges", MERGES, 8);
    gguf_add_uint32(builder, "tokenizer.ggml.bos_token_id", 264);
    gguf_add_uint32(builder, "tokenizer.ggml.eos_token_id", 265);
    gguf_add_bool(builder, "tokenizer.ggml.add_bos_token", true);
}

void gguf_add_spm_tokenizer(gguf_builder *builder, bool with_bytes) {
    /* From 259 on; \xe2\x96\x81 is U+2581, a space. "<t>" is user-defined. */
    static const struct {
        const char *text;
        float score;
        int32_t kind;
    } PIECES[] = {
        {"\xe2\x96\x81", -50, 1},
        {"h", -51, 1},
        {"e", -52, 1},
        {"l", -53, 1},
        {"o", -54, 1},
        {"he", -1, 1},
        {"el", -2, 1},
        {"ll", -3, 1},
        {"hell", -4, 1},
        {"\xe2\x96\x81hell", -5, 1},
        {"lo", -6, 1},
        {"\xe2\x96\x81h", -7, 1},
        {"<t>", 0, 4},
        {"\xc3\xa9", -55, 1},
        {"/s>", -8, 1},
        {"<", -56, 1},
        {"/", -57, 1},
        {"s", -58, 1},
        {">", -59, 1},
        {"s>", -9, 1},
    };
    enum { COUNT = 259 + sizeof PIECES / sizeof PIECES[0] };
    static char bytes[256][8];
    const char *tokens[COUNT] = {"<unk>", "<s>", "</s>"};
    float scores[COUNT] = {0};
    int32_t kinds[COUNT] = {2, 3, 3};
    for (unsigned i = 0; i < 256; i++) {
        snprintf(bytes[i], sizeof bytes[i], "<0x%02X>", i);
        tokens[3 + i] = with_bytes ? bytes[i] : "";
        kinds[3 + i] = with_bytes ? 6 : 5;
    }
    for (unsigned i = 259; i < COUNT; i++) {
        tokens[i] = PIECES[i - 259].text;
        scores[i] = PIECES[i - 259].score;
        kinds[i] = PIECES[i - 259].kind;
    }
    gguf_add_string(builder, "tokenizer.ggml.model", "llama");
    gguf_add_strings(builder, "tokenizer.ggml.tokens", tokens, COUNT);
    gguf_add_floats(builder, "tokenizer.ggml.scores", scores, COUNT);
    gguf_add_int32s(builder, "tokenizer.ggml.token_type", kinds, COUNT);
}
