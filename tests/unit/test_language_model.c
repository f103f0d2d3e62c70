/* The language model: its forward pass against a plain one in double precision, and models that are refused. */
#include "language_model.h"

#include "cpu_attention.h"
#include "gguf_builder.h"
#include "half_precision.h"
#include "language_model_fixture.h"
#include "run_tests.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *allocate(size_t count, size_t size) {
    void *memory = calloc(count > 0 ? count : 1, size);
    ck_assert_ptr_nonnull(memory);
    return memory;
}

/* --- the oracle: one token at a time, double precision, straight from the file's tensors --- */

static float *tensor_values(const octavo_gguf *gguf, const char *name) {
    const octavo_gguf_tensor *tensor = octavo_gguf_find_tensor(gguf, name);
    if (tensor == NULL) return NULL;
    float *values = allocate((size_t)tensor->element_count, sizeof *values);
    octavo_gguf_tensor_to_float(tensor, values);
    return values;
}

static float *layer_values(const octavo_gguf *gguf, uint32_t layer, const char *rest) {
    char name[64];
    snprintf(name, sizeof name, "blk.%u.%s", layer, rest);
    return tensor_values(gguf, name);
}

static void oracle_project(const octavo_gguf *gguf, uint32_t layer, const char *part, const double *input,
                           uint32_t columns, double *output, uint32_t rows) {
    char name[32];
    snprintf(name, sizeof name, "%s.weight", part);
    float *matrix = layer_values(gguf, layer, name);
    snprintf(name, sizeof name, "%s.bias", part);
    float *bias = layer_values(gguf, layer, name);
    for (uint32_t row = 0; row < rows; row++) {
        output[row] = bias != NULL ? (double)bias[row] : 0.0;
        for (uint32_t i = 0; i < columns; i++) output[row] += (double)matrix[row * columns + i] * input[i];
    }
    free(matrix);
    free(bias);
}

static void oracle_normalise(const float *weight, const double *input, uint32_t length, double *output) {
    double sum = 0;
    for (uint32_t i = 0; i < length; i++) sum += input[i] * input[i];
    for (uint32_t i = 0; i < length; i++) output[i] = input[i] / sqrt(sum / length + 1e-5) * (double)weight[i];
}

static void oracle_rotate(const gguf_tiny_model *tiny, const float *factors, double *heads, uint32_t head_count,
                          uint32_t position) {
    for (uint32_t head = 0; head < head_count; head++, heads += tiny->key_dimension) {
        for (uint32_t i = 0; i < tiny->rotary_dimension; i += 2) {
            double angle = position * pow(5000.0, -(double)i / tiny->rotary_dimension);
            if (factors != NULL) angle /= (double)factors[i / 2];
            double even = heads[i], odd = heads[i + 1];
            heads[i] = even * cos(angle) - odd * sin(angle);
            heads[i + 1] = even * sin(angle) + odd * cos(angle);
        }
    }
}

typedef struct oracle {
    const gguf_tiny_model *tiny;
    const octavo_gguf *gguf;
    bool round_to_half;
    double *keys, *values; /* [layer][position < GGUF_TINY_CONTEXT][kv head][dimension] */
} oracle;

static void oracle_attend(oracle *oracle, uint32_t layer, uint32_t position, const double *queries, const double *keys,
                          const double *values, double *output) {
    const gguf_tiny_model *tiny = oracle->tiny;
    uint32_t key_row = tiny->kv_head_count * tiny->key_dimension,
             value_row = tiny->kv_head_count * tiny->value_dimension;
    double *layer_keys = oracle->keys + (size_t)layer * GGUF_TINY_CONTEXT * key_row;
    double *layer_values = oracle->values + (size_t)layer * GGUF_TINY_CONTEXT * value_row;
    double weights[GGUF_TINY_CONTEXT];
    for (uint32_t i = 0; i < key_row; i++)
        layer_keys[position * key_row + i] =
            oracle->round_to_half ? (double)octavo_half_to_float(octavo_half_from_float((float)keys[i])) : keys[i];
    for (uint32_t i = 0; i < value_row; i++)
        layer_values[position * value_row + i] =
            oracle->round_to_half ? (double)octavo_half_to_float(octavo_half_from_float((float)values[i])) : values[i];
    for (uint32_t head = 0; head < tiny->query_head_count; head++) {
        uint32_t kv_head = head / (tiny->query_head_count / tiny->kv_head_count);
        double sum = 0;
        for (uint32_t j = 0; j <= position; j++) {
            double logit = 0;
            for (uint32_t i = 0; i < tiny->key_dimension; i++)
                logit += queries[head * tiny->key_dimension + i] *
                         layer_keys[j * key_row + kv_head * tiny->key_dimension + i];
            sum += weights[j] = exp(logit / sqrt(tiny->key_dimension));
        }
        for (uint32_t i = 0; i < tiny->value_dimension; i++) {
            double value = 0;
            for (uint32_t j = 0; j <= position; j++)
                value += weights[j] / sum * layer_values[j * value_row + kv_head * tiny->value_dimension + i];
            output[head * tiny->value_dimension + i] = value;
        }
    }
}

static void oracle_forward(oracle *oracle, uint32_t token, uint32_t position, double *logits) {
    const gguf_tiny_model *tiny = oracle->tiny;
    const octavo_gguf *gguf = oracle->gguf;
    enum { MOST = 512 };
    uint32_t embedding = tiny->embedding_length, inner = tiny->feed_forward_length;
    uint32_t attended = tiny->query_head_count * tiny->value_dimension;
    double residual[MOST], normed[MOST], queries[MOST], keys[MOST], values[MOST], output[MOST], gate[MOST], up[MOST];
    float *table = tensor_values(gguf, "token_embd.weight"), *factors = tensor_values(gguf, "rope_freqs.weight");
    for (uint32_t i = 0; i < embedding; i++) residual[i] = (double)table[token * embedding + i];
    for (uint32_t layer = 0; layer < tiny->layer_count; layer++) {
        float *norm = layer_values(gguf, layer, "attn_norm.weight");
        oracle_normalise(norm, residual, embedding, normed);
        free(norm);
        oracle_project(gguf, layer, "attn_q", normed, embedding, queries, tiny->query_head_count * tiny->key_dimension);
        oracle_project(gguf, layer, "attn_k", normed, embedding, keys, tiny->kv_head_count * tiny->key_dimension);
        oracle_project(gguf, layer, "attn_v", normed, embedding, values, tiny->kv_head_count * tiny->value_dimension);
        oracle_rotate(tiny, factors, queries, tiny->query_head_count, position);
        oracle_rotate(tiny, factors, keys, tiny->kv_head_count, position);
        oracle_attend(oracle, layer, position, queries, keys, values, output);
        oracle_project(gguf, layer, "attn_output", output, attended, normed, embedding);
        for (uint32_t i = 0; i < embedding; i++) residual[i] += normed[i];
        norm = layer_values(gguf, layer, "ffn_norm.weight");
        oracle_normalise(norm, residual, embedding, normed);
        free(norm);
        oracle_project(gguf, layer, "ffn_gate", normed, embedding, gate, inner);
        oracle_project(gguf, layer, "ffn_up", normed, embedding, up, inner);
        for (uint32_t i = 0; i < inner; i++) gate[i] *= up[i] / (1 + exp(-gate[i]));
        oracle_project(gguf, layer, "ffn_down", gate, inner, normed, embedding);
        for (uint32_t i = 0; i < embedding; i++) residual[i] += normed[i];
    }
    float *norm = tensor_values(gguf, "output_norm.weight"), *head = tensor_values(gguf, "output.weight");
    oracle_normalise(norm, residual, embedding, normed);
    for (uint32_t row = 0; row < GGUF_TINY_VOCABULARY; row++) {
        logits[row] = 0;
        for (uint32_t i = 0; i < embedding; i++)
            logits[row] += (double)(head != NULL ? head : table)[row * embedding + i] * normed[i];
    }
    free(norm);
    free(head);
    free(table);
    free(factors);
}

/* Relative L2 distance of two rows of logits. */
static double distance(const float *logits, const double *expected) {
    double error = 0, norm = 0;
    for (uint32_t i = 0; i < GGUF_TINY_VOCABULARY; i++) {
        error += ((double)logits[i] - expected[i]) * ((double)logits[i] - expected[i]);
        norm += expected[i] * expected[i];
    }
    return sqrt(error / norm);
}

enum { TOKENS = 24 };

static const struct {
    gguf_tiny_model tiny;
    bool round_to_half;
} MODELS[] = {
    {GGUF_TINY_MODEL_INIT, false},
    {GGUF_TINY_MODEL_INIT, true},
    {{3, 32, 64, 6, 1, 10, 14, 6, OCTAVO_GGUF_F16, false, true, true, 2}, false},
    {{1, 64, 32, 4, 4, 8, 8, 8, OCTAVO_GGUF_Q8_0, true, false, false, 3}, true},
    {{2, 96, 64, 2, 2, 48, 32, 48, OCTAVO_GGUF_Q8_0, false, true, false, 4}, true},
};

/* All tokens in passes of several sizes: the logits of every token equal the oracle's. */
START_TEST(test_forward_against_the_oracle) {
    gguf_tiny_model tiny = MODELS[_i].tiny;
    language_model_fixture fixture = language_model_fixture_create(&tiny);
    octavo_generate_error error = {{0}};
    const octavo_language_model_config *config = octavo_language_model_configuration(fixture.model);
    oracle oracle = {&tiny, fixture.gguf, MODELS[_i].round_to_half, NULL, NULL};
    size_t positions = (size_t)tiny.layer_count * GGUF_TINY_CONTEXT * tiny.kv_head_count;
    oracle.keys = allocate(positions * tiny.key_dimension, sizeof(double));
    oracle.values = allocate(positions * tiny.value_dimension, sizeof(double));
    uint32_t tokens[TOKENS];
    double *expected = allocate(TOKENS * GGUF_TINY_VOCABULARY, sizeof *expected);
    for (uint32_t i = 0; i < TOKENS; i++) {
        tokens[i] = (uint32_t)((i * 97 + tiny.seed * 31) % GGUF_TINY_VOCABULARY);
        oracle_forward(&oracle, tokens[i], i, expected + i * GGUF_TINY_VOCABULARY);
    }
    octavo_attention_shape shape = octavo_language_model_attention_shape(config, 0);
    octavo_cpu_attention *attention = octavo_cpu_attention_create(shape, MODELS[_i].round_to_half, &error);
    octavo_attention_backend backend = octavo_cpu_attention_backend(attention);
    octavo_language_session *session = octavo_language_session_create(fixture.model, &backend, TOKENS, &error);
    ck_assert_msg(session != NULL, "%s", error.text);
    float *logits = allocate(TOKENS * GGUF_TINY_VOCABULARY, sizeof *logits);
    static const uint32_t passes[] = {1, 5, TOKENS};
    for (size_t p = 0; p < sizeof passes / sizeof passes[0]; p++) {
        octavo_language_session_rewind(session, p == 1 ? 3 : 0); /* also from the middle of the last text */
        while (octavo_language_session_position(session) < TOKENS) {
            uint32_t position = octavo_language_session_position(session);
            uint32_t count = TOKENS - position < passes[p] ? TOKENS - position : passes[p];
            ck_assert_msg(octavo_language_session_forward(session, tokens + position, count, count, logits, &error),
                          "%s", error.text);
            for (uint32_t i = 0; i < count; i++) {
                double relative =
                    distance(logits + i * GGUF_TINY_VOCABULARY, expected + (position + i) * GGUF_TINY_VOCABULARY);
                /* A value that rounds to f16 the other way moves logits by up to one f16 step of one key. */
                double bound = MODELS[_i].round_to_half ? 5e-4 : 1e-5;
                ck_assert_msg(relative < bound, "model %d, passes of %u, token %u: relative L2 %g", _i, passes[p],
                              position + i, relative);
            }
        }
    }
    free(logits);
    free(expected);
    free(oracle.keys);
    free(oracle.values);
    octavo_language_session_destroy(session);
    octavo_cpu_attention_destroy(attention);
    language_model_fixture_destroy(&fixture);
}
END_TEST

START_TEST(test_bad_passes_are_refused) {
    gguf_tiny_model tiny = GGUF_TINY_MODEL_INIT;
    language_model_fixture fixture = language_model_fixture_create(&tiny);
    octavo_generate_error error = {{0}};
    octavo_attention_shape shape =
        octavo_language_model_attention_shape(octavo_language_model_configuration(fixture.model), 4);
    ck_assert_uint_eq(shape.context_length, 4);
    octavo_cpu_attention *attention = octavo_cpu_attention_create(shape, false, &error);
    octavo_attention_backend backend = octavo_cpu_attention_backend(attention);
    ck_assert_ptr_null(octavo_language_session_create(fixture.model, &backend, 0, &error));
    ck_assert_ptr_null(octavo_language_session_create(fixture.model, &backend, 65537, &error));
    octavo_language_session *session = octavo_language_session_create(fixture.model, &backend, 600, &error);
    static uint32_t tokens[601];
    float logits[GGUF_TINY_VOCABULARY];
    ck_assert(!octavo_language_session_forward(session, tokens, 0, 0, logits, &error));
    ck_assert(!octavo_language_session_forward(session, tokens, 601, 1, logits, &error));
    ck_assert(!octavo_language_session_forward(session, tokens, 513, 1, logits, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "513 tokens at position 0 exceed"));
    ck_assert(!octavo_language_session_forward(session, tokens, 5, 1, logits, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "exceed the context of 4"));
    ck_assert(!octavo_language_session_forward(session, tokens, 1, 2, logits, &error));
    tokens[0] = GGUF_TINY_VOCABULARY;
    ck_assert(!octavo_language_session_forward(session, tokens, 1, 1, logits, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "token 266"));
    tokens[0] = 1;
    ck_assert_uint_eq(octavo_language_session_position(session), 0);
    ck_assert(octavo_language_session_forward(session, tokens, 4, 1, logits, &error));
    ck_assert_uint_eq(octavo_language_session_position(session), 4);
    octavo_language_session_destroy(session);
    octavo_cpu_attention_destroy(attention);
    language_model_fixture_destroy(&fixture);
}
END_TEST

/* A backend that counts its calls and fails in one layer. */
typedef struct failing_backend {
    unsigned begun, attended, finished;
    uint32_t failing_layer;
} failing_backend;

static bool count_begin(void *context, uint32_t first_position, uint32_t token_count, octavo_generate_error *error) {
    (void)first_position;
    (void)token_count;
    (void)error;
    ((failing_backend *)context)->begun++;
    return true;
}
static bool fail_attend(void *context, uint32_t layer, uint32_t first_position, uint32_t token_count,
                        const float *queries, const float *keys, const float *values, float *output,
                        octavo_generate_error *error) {
    failing_backend *backend = context;
    (void)first_position;
    (void)queries;
    (void)keys;
    (void)values;
    backend->attended++;
    if (layer == backend->failing_layer) return octavo_generate_fail(error, "layer %u fails", layer);
    memset(output, 0, token_count * 64 * sizeof *output);
    return true;
}
static bool fail_finish(void *context, octavo_generate_error *error) {
    ((failing_backend *)context)->finished++;
    return octavo_generate_fail(error, "finish fails");
}

START_TEST(test_backend_failure_is_reported) {
    gguf_tiny_model tiny = GGUF_TINY_MODEL_INIT;
    language_model_fixture fixture = language_model_fixture_create(&tiny);
    octavo_generate_error error = {{0}};
    failing_backend state = {.failing_layer = 1};
    octavo_attention_backend backend = {&state, count_begin, fail_attend, fail_finish};
    octavo_language_session *session = octavo_language_session_create(fixture.model, &backend, 4, &error);
    const uint32_t tokens[2] = {1, 2};
    float logits[GGUF_TINY_VOCABULARY];
    ck_assert(!octavo_language_session_forward(session, tokens, 2, 1, logits, &error));
    ck_assert_str_eq(error.text, "layer 1 fails");
    ck_assert_uint_eq(state.begun, 1);
    ck_assert_uint_eq(state.attended, 2);
    ck_assert_uint_eq(state.finished, 1);
    ck_assert_uint_eq(octavo_language_session_position(session), 0);
    state.failing_layer = 9;
    ck_assert(!octavo_language_session_forward(session, tokens, 2, 1, logits, &error));
    ck_assert_str_eq(error.text, "finish fails");
    octavo_language_session_destroy(session);
    language_model_fixture_destroy(&fixture);
}
END_TEST

/* --- models that are refused: `name` is left out of a good file and what `add` writes takes its place --- */

static void nothing(gguf_builder *builder) {
    (void)builder;
}
static void architecture_falcon(gguf_builder *builder) {
    gguf_add_string(builder, "general.architecture", "falcon");
}
static void experts(gguf_builder *builder) {
    gguf_add_uint32(builder, "llama.expert_count", 8);
}
static void not_causal(gguf_builder *builder) {
    gguf_add_bool(builder, "llama.attention.causal", false);
}
static void window(gguf_builder *builder) {
    gguf_add_uint32(builder, "llama.attention.sliding_window", 100);
}
static void no_layers(gguf_builder *builder) {
    gguf_add_uint32(builder, "llama.block_count", 0);
}
static void three_layers(gguf_builder *builder) {
    gguf_add_uint32(builder, "llama.block_count", 3);
}
static void one_layer(gguf_builder *builder) {
    gguf_add_uint32(builder, "llama.block_count", 1);
}
static void many_layers(gguf_builder *builder) {
    gguf_add_uint32(builder, "llama.block_count", UINT32_MAX);
}
static void three_kv_heads(gguf_builder *builder) {
    gguf_add_uint32(builder, "llama.attention.head_count_kv", 3);
}
static void no_kv_heads(gguf_builder *builder) {
    gguf_add_uint32(builder, "llama.attention.head_count_kv", 0);
}
static void kv_heads_a_layer(gguf_builder *builder) {
    gguf_add_int32s(builder, "llama.attention.head_count_kv", (const int32_t[]){2, 1}, 2);
}
static void odd_rotary(gguf_builder *builder) {
    gguf_add_uint32(builder, "llama.rope.dimension_count", 15);
}
static void long_rotary(gguf_builder *builder) {
    gguf_add_uint32(builder, "llama.rope.dimension_count", 18);
}
static void rotary_base_nan(gguf_builder *builder) {
    gguf_add_float(builder, "llama.rope.freq_base", NAN);
}
static void scaling_yarn(gguf_builder *builder) {
    gguf_add_string(builder, "llama.rope.scaling.type", "yarn");
}
static void scaling_by_0(gguf_builder *builder) {
    gguf_add_float(builder, "llama.rope.scaling.factor", 0.0f);
}
static void epsilon_negative(gguf_builder *builder) {
    gguf_add_float(builder, "llama.attention.layer_norm_rms_epsilon", -1.0f);
}
static void vocabulary_size(gguf_builder *builder) {
    gguf_add_uint32(builder, "llama.vocab_size", 1000);
}
static void embedding_length(gguf_builder *builder) {
    gguf_add_uint32(builder, "llama.embedding_length", 65);
}
static void wide_gate(gguf_builder *builder) {
    static const float values[64 * 97];
    gguf_add_tensor(builder, "blk.1.ffn_gate.weight", 0, 2, (const uint64_t[]){64, 97}, values);
}
static void unknown_tensor(gguf_builder *builder) {
    static const float values[64];
    gguf_add_tensor(builder, "blk.0.attn_q_norm.weight", 0, 1, (const uint64_t[]){64}, values);
}
static void tensor_of_layer_01(gguf_builder *builder) {
    static const float values[64];
    gguf_add_tensor(builder, "blk.01.attn_norm.weight", 0, 1, (const uint64_t[]){64}, values);
}
static void rotary_factor_of_0(gguf_builder *builder) {
    static const float values[8];
    gguf_add_tensor(builder, "rope_freqs.weight", 0, 1, (const uint64_t[]){8}, values);
}

static const struct {
    const char *name;
    void (*add)(gguf_builder *builder);
    const char *message; /* a part of it */
} REFUSED[] = {
    {"general.architecture", nothing, "general.architecture is missing"},
    {"general.architecture", architecture_falcon, "\"falcon\""},
    {"", experts, "8 experts"},
    {"", not_causal, "causal"},
    {"", window, "sliding window of 100"},
    {"llama.block_count", nothing, "llama.block_count is missing"},
    {"llama.block_count", no_layers, "llama.block_count is 0"},
    {"llama.block_count", three_layers, "blk.2.attn_norm.weight is missing"},
    {"llama.block_count", one_layer, "blk.1."},
    {"llama.block_count", many_layers, "4294967295"},
    {"llama.context_length", nothing, "llama.context_length is missing"},
    {"llama.embedding_length", nothing, "llama.embedding_length is missing"},
    {"llama.embedding_length", embedding_length, "token_embd.weight has shape [64, 266, 1, 1]"},
    {"llama.feed_forward_length", nothing, "llama.feed_forward_length is missing"},
    {"llama.attention.head_count", nothing, "llama.attention.head_count is missing"},
    {"llama.attention.head_count_kv", three_kv_heads, "not a multiple of 3"},
    {"llama.attention.head_count_kv", no_kv_heads, "is 0"},
    {"llama.attention.head_count_kv", kv_heads_a_layer, "an integer is needed"},
    {"llama.rope.dimension_count", odd_rotary, "even"},
    {"llama.rope.dimension_count", long_rotary, "18, allowed are 2..16"},
    {"llama.rope.freq_base", rotary_base_nan, "llama.rope.freq_base"},
    {"", scaling_yarn, "\"yarn\""},
    {"", scaling_by_0, "llama.rope.scaling.factor is 0"},
    {"llama.attention.layer_norm_rms_epsilon", nothing, "epsilon is missing"},
    {"llama.attention.layer_norm_rms_epsilon", epsilon_negative, "epsilon is -1"},
    {"", vocabulary_size, "llama.vocab_size is 1000"},
    {"token_embd.weight", nothing, "token_embd.weight is missing"},
    {"output_norm.weight", nothing, "output_norm.weight is missing"},
    {"blk.1.attn_v.weight", nothing, "blk.1.attn_v.weight is missing"},
    {"blk.1.ffn_gate.weight", wide_gate, "[64, 97, 1, 1]"},
    {"", unknown_tensor, "blk.0.attn_q_norm.weight"},
    {"", tensor_of_layer_01, "blk.01.attn_norm.weight"},
    {"", rotary_factor_of_0, "rope_freqs.weight[0]"},
};

START_TEST(test_unusable_model_is_refused) {
    gguf_builder builder = GGUF_BUILDER_INIT;
    gguf_tiny_model tiny = GGUF_TINY_MODEL_INIT;
    octavo_generate_error error = {{0}};
    size_t size;
    builder.omit = REFUSED[_i].name;
    gguf_add_tiny_model(&builder, &tiny);
    builder.omit = NULL;
    REFUSED[_i].add(&builder);
    unsigned char *bytes = gguf_finish(&builder, &size);
    octavo_gguf *gguf = octavo_gguf_parse(bytes, size, &error);
    ck_assert_msg(gguf != NULL, "%s", error.text);
    octavo_language_model *model = octavo_language_model_create(gguf, &error);
    ck_assert_msg(model == NULL, "accepted: %s", REFUSED[_i].message);
    ck_assert_msg(strstr(error.text, REFUSED[_i].message) != NULL, "%s: \"%s\"", REFUSED[_i].message, error.text);
    octavo_gguf_destroy(gguf);
    free(bytes);
    gguf_builder_release(&builder);
}
END_TEST

START_TEST(test_vocabulary_of_another_size_is_refused) {
    gguf_builder builder = GGUF_BUILDER_INIT;
    octavo_generate_error error = {{0}};
    octavo_language_model_config config = {.vocabulary_size = 1};
    size_t size;
    gguf_add_byte_level_tokenizer(&builder);
    unsigned char *bytes = gguf_finish(&builder, &size);
    octavo_gguf *gguf = octavo_gguf_parse(bytes, size, &error);
    octavo_tokenizer *tokenizer = octavo_tokenizer_create(gguf, &error);
    ck_assert(!octavo_language_model_check_vocabulary(&config, tokenizer, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "266"));
    octavo_tokenizer_destroy(tokenizer);
    octavo_gguf_destroy(gguf);
    free(bytes);
    gguf_builder_release(&builder);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("language_model");
    TCase *model = tcase_create("model");
    tcase_set_timeout(model, 120);
    tcase_add_loop_test(model, test_forward_against_the_oracle, 0, sizeof MODELS / sizeof MODELS[0]);
    tcase_add_test(model, test_bad_passes_are_refused);
    tcase_add_test(model, test_backend_failure_is_reported);
    tcase_add_loop_test(model, test_unusable_model_is_refused, 0, sizeof REFUSED / sizeof REFUSED[0]);
    tcase_add_test(model, test_vocabulary_of_another_size_is_refused);
    suite_add_tcase(suite, model);
    return run_suite(suite);
}
