/* Can this file be run? Configuration and tensors, with the reason when not. */
#include "language_model_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Sizes that a tensor's dimensions are made of. */
typedef enum size_name {
    SIZE_ONE,
    SIZE_EMBEDDING,
    SIZE_QUERIES,
    SIZE_KEYS,
    SIZE_VALUES,
    SIZE_ATTENTION,
    SIZE_FEED_FORWARD,
    SIZE_VOCABULARY,
    SIZE_ROTARY_PAIRS
} size_name;

typedef struct tensor_rule {
    const char *name;
    bool required;
    size_name dimensions[2]; /* innermost first */
} tensor_rule;

static const tensor_rule MODEL_RULES[OCTAVO_MODEL_TENSOR_COUNT] = {
    [OCTAVO_MODEL_EMBEDDING] = {"token_embd.weight", true, {SIZE_EMBEDDING, SIZE_VOCABULARY}},
    [OCTAVO_MODEL_OUTPUT_NORM] = {"output_norm.weight", true, {SIZE_EMBEDDING, SIZE_ONE}},
    [OCTAVO_MODEL_OUTPUT] = {"output.weight", false, {SIZE_EMBEDDING, SIZE_VOCABULARY}},
    [OCTAVO_MODEL_ROTARY_FACTORS] = {"rope_freqs.weight", false, {SIZE_ROTARY_PAIRS, SIZE_ONE}},
};

/* Names follow "blk.N.". */
static const tensor_rule LAYER_RULES[OCTAVO_LAYER_TENSOR_COUNT] = {
    [OCTAVO_LAYER_ATTENTION_NORM] = {"attn_norm.weight", true, {SIZE_EMBEDDING, SIZE_ONE}},
    [OCTAVO_LAYER_QUERY] = {"attn_q.weight", true, {SIZE_EMBEDDING, SIZE_QUERIES}},
    [OCTAVO_LAYER_KEY] = {"attn_k.weight", true, {SIZE_EMBEDDING, SIZE_KEYS}},
    [OCTAVO_LAYER_VALUE] = {"attn_v.weight", true, {SIZE_EMBEDDING, SIZE_VALUES}},
    [OCTAVO_LAYER_ATTENTION_OUTPUT] = {"attn_output.weight", true, {SIZE_ATTENTION, SIZE_EMBEDDING}},
    [OCTAVO_LAYER_FEED_FORWARD_NORM] = {"ffn_norm.weight", true, {SIZE_EMBEDDING, SIZE_ONE}},
    [OCTAVO_LAYER_GATE] = {"ffn_gate.weight", true, {SIZE_EMBEDDING, SIZE_FEED_FORWARD}},
    [OCTAVO_LAYER_UP] = {"ffn_up.weight", true, {SIZE_EMBEDDING, SIZE_FEED_FORWARD}},
    [OCTAVO_LAYER_DOWN] = {"ffn_down.weight", true, {SIZE_FEED_FORWARD, SIZE_EMBEDDING}},
    [OCTAVO_LAYER_QUERY_BIAS] = {"attn_q.bias", false, {SIZE_QUERIES, SIZE_ONE}},
    [OCTAVO_LAYER_KEY_BIAS] = {"attn_k.bias", false, {SIZE_KEYS, SIZE_ONE}},
    [OCTAVO_LAYER_VALUE_BIAS] = {"attn_v.bias", false, {SIZE_VALUES, SIZE_ONE}},
    [OCTAVO_LAYER_ATTENTION_OUTPUT_BIAS] = {"attn_output.bias", false, {SIZE_EMBEDDING, SIZE_ONE}},
};

/* Derived from the rotary base: old files carry it, and nothing is lost without it. */
static const char REDUNDANT_LAYER_TENSOR[] = "attn_rot_embd";

const octavo_gguf_tensor *octavo_language_model_tensor(const octavo_gguf *gguf, octavo_model_tensor which) {
    return octavo_gguf_find_tensor(gguf, MODEL_RULES[which].name);
}

static void layer_tensor_name(char name[64], uint32_t layer, const tensor_rule *rule) {
    snprintf(name, 64, "blk.%u.%s", layer, rule->name);
}

const octavo_gguf_tensor *octavo_language_model_layer_tensor(const octavo_gguf *gguf, uint32_t layer,
                                                             octavo_layer_tensor which) {
    char name[64];
    layer_tensor_name(name, layer, &LAYER_RULES[which]);
    return octavo_gguf_find_tensor(gguf, name);
}

static uint64_t size_of(const octavo_language_model_config *config, size_name name) {
    switch (name) {
    case SIZE_ONE:
        break;
    case SIZE_EMBEDDING:
        return config->embedding_length;
    case SIZE_QUERIES:
        return (uint64_t)config->query_head_count * config->key_dimension;
    case SIZE_KEYS:
        return (uint64_t)config->kv_head_count * config->key_dimension;
    case SIZE_VALUES:
        return (uint64_t)config->kv_head_count * config->value_dimension;
    case SIZE_ATTENTION:
        return (uint64_t)config->query_head_count * config->value_dimension;
    case SIZE_FEED_FORWARD:
        return config->feed_forward_length;
    case SIZE_VOCABULARY:
        return config->vocabulary_size;
    case SIZE_ROTARY_PAIRS:
        return config->rotary_dimension / 2;
    }
    return 1;
}

static bool check_tensor(const octavo_gguf *gguf, const char *name, const tensor_rule *rule,
                         octavo_language_model_config *config, octavo_generate_error *error) {
    const octavo_gguf_tensor *tensor = octavo_gguf_find_tensor(gguf, name);
    if (tensor == NULL) return !rule->required || octavo_generate_fail(error, "model: tensor %s is missing", name);
    uint64_t inner = size_of(config, rule->dimensions[0]), outer = size_of(config, rule->dimensions[1]);
    if (tensor->dimensions[0] != inner || tensor->dimensions[1] != outer || tensor->dimensions[2] != 1 ||
        tensor->dimensions[3] != 1)
        return octavo_generate_fail(
            error, "model: tensor %s has shape [%llu, %llu, %llu, %llu], the configuration says [%llu, %llu]", name,
            (unsigned long long)tensor->dimensions[0], (unsigned long long)tensor->dimensions[1],
            (unsigned long long)tensor->dimensions[2], (unsigned long long)tensor->dimensions[3],
            (unsigned long long)inner, (unsigned long long)outer);
    config->parameter_count += tensor->element_count;
    return true;
}

/* "blk.N.rest" with a canonical N below layer_count: the rest, not terminated; length 0: no such name. */
static octavo_gguf_string after_layer(octavo_gguf_string name, uint32_t layer_count) {
    octavo_gguf_string none = {name.bytes, 0};
    uint64_t layer = 0;
    size_t position = 4;
    if (name.length < 7 || memcmp(name.bytes, "blk.", 4) != 0) return none;
    for (; position < name.length && name.bytes[position] >= '0' && name.bytes[position] <= '9'; position++) {
        if (layer == 0 && position > 4) return none; /* a leading zero */
        layer = layer * 10 + (uint64_t)(name.bytes[position] - '0');
        if (layer >= layer_count) return none;
    }
    if (position == 4 || position == name.length || name.bytes[position] != '.') return none;
    return (octavo_gguf_string){name.bytes + position + 1, name.length - position - 1};
}

static bool is_known_tensor(octavo_gguf_string name, uint32_t layer_count) {
    for (size_t i = 0; i < OCTAVO_MODEL_TENSOR_COUNT; i++) {
        if (octavo_gguf_string_equals(name, MODEL_RULES[i].name)) return true;
    }
    octavo_gguf_string rest = after_layer(name, layer_count);
    for (size_t i = 0; rest.length > 0 && i < OCTAVO_LAYER_TENSOR_COUNT; i++) {
        if (octavo_gguf_string_equals(rest, LAYER_RULES[i].name)) return true;
    }
    return rest.length > 0 && octavo_gguf_string_equals(rest, REDUNDANT_LAYER_TENSOR);
}

static bool check_tensors(const octavo_gguf *gguf, octavo_language_model_config *config, octavo_generate_error *error) {
    config->tied_embeddings = octavo_language_model_tensor(gguf, OCTAVO_MODEL_OUTPUT) == NULL;
    for (size_t i = 0; i < OCTAVO_MODEL_TENSOR_COUNT; i++) {
        if (!check_tensor(gguf, MODEL_RULES[i].name, &MODEL_RULES[i], config, error)) return false;
    }
    for (uint32_t layer = 0; layer < config->layer_count; layer++) {
        for (size_t i = 0; i < OCTAVO_LAYER_TENSOR_COUNT; i++) {
            char name[64];
            layer_tensor_name(name, layer, &LAYER_RULES[i]);
            if (!check_tensor(gguf, name, &LAYER_RULES[i], config, error)) return false;
        }
    }
    for (uint64_t i = 0; i < octavo_gguf_tensor_count(gguf); i++) {
        octavo_gguf_string name = octavo_gguf_tensor_at(gguf, i)->name;
        if (!is_known_tensor(name, config->layer_count))
            return octavo_generate_fail(error,
                                        "model: tensor %.*s is not part of the Llama architecture as it is supported "
                                        "here; without it the text would be wrong",
                                        (int)name.length, name.bytes);
    }
    return true;
}

static bool read_bounded(const octavo_gguf *gguf, const char *key, bool required, uint32_t least, uint32_t most,
                         uint32_t *value, octavo_generate_error *error) {
    if (!octavo_gguf_read_uint32(gguf, key, required, value, error)) return false;
    if (*value < least || *value > most)
        return octavo_generate_fail(error, "model: %s is %u, allowed are %u..%u", key, *value, least, most);
    return true;
}

static bool read_positive(const octavo_gguf *gguf, const char *key, bool required, float *value,
                          octavo_generate_error *error) {
    if (!octavo_gguf_read_float(gguf, key, required, value, error)) return false;
    if (!isfinite(*value) || *value <= 0.0f)
        return octavo_generate_fail(error, "model: %s is %g, a finite number above 0 is needed", key, (double)*value);
    return true;
}

static bool read_heads(const octavo_gguf *gguf, octavo_language_model_config *config, octavo_generate_error *error) {
    if (!read_bounded(gguf, "llama.attention.head_count", true, 1, 1024, &config->query_head_count, error))
        return false;
    config->kv_head_count = config->query_head_count;
    if (!read_bounded(gguf, "llama.attention.head_count_kv", false, 1, 1024, &config->kv_head_count, error))
        return false;
    if (config->query_head_count % config->kv_head_count != 0)
        return octavo_generate_fail(error, "model: %u query heads are not a multiple of %u key-value heads",
                                    config->query_head_count, config->kv_head_count);
    bool has_key_length = octavo_gguf_has_key(gguf, "llama.attention.key_length");
    if (!has_key_length && config->embedding_length % config->query_head_count != 0)
        return octavo_generate_fail(error, "model: the embedding length %u is not a multiple of the %u query heads",
                                    config->embedding_length, config->query_head_count);
    config->key_dimension = config->embedding_length / config->query_head_count;
    if (!read_bounded(gguf, "llama.attention.key_length", false, 2, 1024, &config->key_dimension, error)) return false;
    config->value_dimension = config->key_dimension;
    if (!read_bounded(gguf, "llama.attention.value_length", false, 1, 1024, &config->value_dimension, error))
        return false;
    config->rotary_dimension = config->key_dimension;
    if (!read_bounded(gguf, "llama.rope.dimension_count", false, 2, config->key_dimension, &config->rotary_dimension,
                      error))
        return false;
    if (config->rotary_dimension % 2 != 0)
        return octavo_generate_fail(error, "model: llama.rope.dimension_count is %u, an even number is needed",
                                    config->rotary_dimension);
    return true;
}

static bool read_rotary(const octavo_gguf *gguf, octavo_language_model_config *config, octavo_generate_error *error) {
    octavo_gguf_string type = {"linear", 6};
    config->rotary_base = 10000.0f;
    config->rotary_scale = 1.0f;
    if (!read_positive(gguf, "llama.rope.freq_base", false, &config->rotary_base, error) ||
        !octavo_gguf_read_string(gguf, "llama.rope.scaling.type", false, &type, error))
        return false;
    if (octavo_gguf_string_equals(type, "none")) return true;
    if (!octavo_gguf_string_equals(type, "linear"))
        return octavo_generate_fail(
            error, "model: llama.rope.scaling.type \"%.*s\" is not supported, only \"none\" and \"linear\" are",
            (int)(type.length < 64 ? type.length : 64), type.bytes);
    return read_positive(gguf, "llama.rope.scale_linear", false, &config->rotary_scale, error) &&
           read_positive(gguf, "llama.rope.scaling.factor", false, &config->rotary_scale, error);
}

static bool read_architecture(const octavo_gguf *gguf, octavo_generate_error *error) {
    octavo_gguf_string architecture;
    uint32_t experts = 0, window = 0, context_length = 0;
    bool causal = true;
    if (!octavo_gguf_read_string(gguf, "general.architecture", true, &architecture, error)) return false;
    if (!octavo_gguf_string_equals(architecture, "llama"))
        return octavo_generate_fail(error, "model: architecture \"%.*s\" is not supported, only \"llama\" is",
                                    (int)(architecture.length < 64 ? architecture.length : 64), architecture.bytes);
    if (!octavo_gguf_read_uint32(gguf, "llama.expert_count", false, &experts, error) ||
        !octavo_gguf_read_bool(gguf, "llama.attention.causal", false, &causal, error) ||
        !octavo_gguf_read_uint32(gguf, "llama.context_length", true, &context_length, error) ||
        !octavo_gguf_read_uint32(gguf, "llama.attention.sliding_window", false, &window, error))
        return false;
    if (experts > 0)
        return octavo_generate_fail(error, "model: a mixture of %u experts is not supported (llama.expert_count)",
                                    experts);
    if (!causal)
        return octavo_generate_fail(error,
                                    "model: attention that is not causal is not supported "
                                    "(llama.attention.causal)");
    if (window > 0 && window < context_length)
        return octavo_generate_fail(error,
                                    "model: a sliding window of %u positions is not supported "
                                    "(llama.attention.sliding_window)",
                                    window);
    return true;
}

bool octavo_language_model_check(const octavo_gguf *gguf, octavo_language_model_config *config,
                                 octavo_generate_error *error) {
    *config = (octavo_language_model_config){0};
    if (!read_architecture(gguf, error) ||
        !read_bounded(gguf, "llama.block_count", true, 1, 4096, &config->layer_count, error) ||
        !read_bounded(gguf, "llama.context_length", true, 1, 1u << 24, &config->context_length, error) ||
        !read_bounded(gguf, "llama.embedding_length", true, 1, 1u << 20, &config->embedding_length, error) ||
        !read_bounded(gguf, "llama.feed_forward_length", true, 1, 1u << 22, &config->feed_forward_length, error) ||
        !read_positive(gguf, "llama.attention.layer_norm_rms_epsilon", true, &config->norm_epsilon, error) ||
        !read_heads(gguf, config, error) || !read_rotary(gguf, config, error))
        return false;
    const octavo_gguf_tensor *embedding = octavo_language_model_tensor(gguf, OCTAVO_MODEL_EMBEDDING);
    if (embedding == NULL) return octavo_generate_fail(error, "model: tensor token_embd.weight is missing");
    if (embedding->dimensions[1] > 1u << 22)
        return octavo_generate_fail(error, "model: token_embd.weight has %llu rows, at most 4194304 are allowed",
                                    (unsigned long long)embedding->dimensions[1]);
    config->vocabulary_size = (uint32_t)embedding->dimensions[1];
    uint32_t stated = config->vocabulary_size;
    if (!octavo_gguf_read_uint32(gguf, "llama.vocab_size", false, &stated, error)) return false;
    if (stated != config->vocabulary_size)
        return octavo_generate_fail(error, "model: llama.vocab_size is %u, but token_embd.weight has %u rows", stated,
                                    config->vocabulary_size);
    return check_tensors(gguf, config, error);
}

bool octavo_language_model_check_vocabulary(const octavo_language_model_config *config,
                                            const octavo_tokenizer *tokenizer, octavo_generate_error *error) {
    uint32_t tokens = octavo_tokenizer_vocabulary_size(tokenizer);
    if (tokens != config->vocabulary_size)
        return octavo_generate_fail(error, "model: the tokenizer has %u tokens, the embedding %u", tokens,
                                    config->vocabulary_size);
    return true;
}
