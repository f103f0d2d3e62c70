/* A plan's pipelines prove themselves on the small case, against attention in double precision over the tokens that the
 * cache holds. */
#include "attention/attention_plan.h"
#include "attention/proof_case.h"

#include <math.h>

#define DECODE_TOKENS 3u
#define ERROR_MAX 2e-2 /* relative, of the whole output: a wrong factor shows, int8 rounding does not */

typedef struct proof_tensors {
    float *queries, *keys, *values, *output;
    octavo_buffer *query_buffer, *output_buffer;
    uint32_t query_heads, query_tokens;
    bool causal;
} proof_tensors;

/* Decoding: the last tokens. Prefill: a query tile and a row, which see one KV tile whole and the rest of another. */
static uint32_t query_tokens_of(const octavo_attention *attention) {
    if (!octavo_kernel_is_for_prefill(attention->variant)) return DECODE_TOKENS;
    uint32_t tokens = attention->tuning.rows / attention->group + 1u;
    return tokens < OCTAVO_PROOF_TOKENS ? tokens : OCTAVO_PROOF_TOKENS;
}

static size_t query_count(const octavo_proof_case *proof, const proof_tensors *t) {
    return (size_t)t->query_tokens * t->query_heads * proof->cache->layout.key_dim;
}

static size_t output_count(const octavo_proof_case *proof, const proof_tensors *t) {
    return (size_t)t->query_tokens * t->query_heads * proof->cache->layout.value_dim;
}

static size_t cached_count(const octavo_proof_case *proof, uint32_t dim) {
    return (size_t)OCTAVO_PROOF_TOKENS * proof->cache->layout.kv_heads * dim;
}

static octavo_status open_tensors(const octavo_proof_case *proof, proof_tensors *t) {
    octavo_device *device = proof->cache->device;
    const octavo_packed_layout *layout = &proof->cache->layout;
    t->queries = octavo_gpu_allocate(device, query_count(proof, t) * sizeof(float));
    t->output = octavo_gpu_allocate(device, output_count(proof, t) * sizeof(float));
    t->keys = octavo_gpu_allocate(device, cached_count(proof, layout->key_dim) * sizeof(float));
    t->values = octavo_gpu_allocate(device, cached_count(proof, layout->value_dim) * sizeof(float));
    if (t->queries == NULL || t->output == NULL || t->keys == NULL || t->values == NULL)
        return OCTAVO_OUT_OF_HOST_MEMORY;
    uint32_t state = 3u;
    for (size_t i = 0; i < query_count(proof, t); ++i) t->queries[i] = octavo_proof_normal(&state);
    octavo_status status = octavo_gpu_buffer_create(device, query_count(proof, t) * sizeof(float), OCTAVO_BUFFER_DEVICE,
                                                    "octavo proof", &t->query_buffer);
    if (status == OCTAVO_SUCCESS) {
        status = octavo_gpu_buffer_create(device, output_count(proof, t) * sizeof(float), OCTAVO_BUFFER_DEVICE,
                                          "octavo proof", &t->output_buffer);
    }
    if (status == OCTAVO_SUCCESS) {
        status = octavo_gpu_buffer_write(t->query_buffer, 0, query_count(proof, t) * sizeof(float), t->queries);
    }
    if (status == OCTAVO_SUCCESS) {
        status =
            octavo_cache_tokens_read(proof->cache, proof->sequence, 0u, 0u, OCTAVO_PROOF_TOKENS, t->keys, t->values);
    }
    return status;
}

static void close_tensors(const octavo_proof_case *proof, proof_tensors *t) {
    octavo_device *device = proof->cache->device;
    const octavo_packed_layout *layout = &proof->cache->layout;
    octavo_gpu_buffer_destroy(t->query_buffer);
    octavo_gpu_buffer_destroy(t->output_buffer);
    octavo_gpu_release(device, t->queries, query_count(proof, t) * sizeof(float));
    octavo_gpu_release(device, t->output, output_count(proof, t) * sizeof(float));
    octavo_gpu_release(device, t->keys, cached_count(proof, layout->key_dim) * sizeof(float));
    octavo_gpu_release(device, t->values, cached_count(proof, layout->value_dim) * sizeof(float));
}

static octavo_status run_case(const octavo_proof_case *proof, octavo_attention *plan, proof_tensors *t) {
    const octavo_packed_layout *layout = &proof->cache->layout;
    uint32_t count = t->query_tokens;
    octavo_attention_run run = OCTAVO_ATTENTION_RUN_INIT;
    run.sequence_count = 1u;
    run.sequences = &proof->sequence;
    run.query_counts = &count;
    run.queries = (octavo_tensor){octavo_gpu_buffer_handle(t->query_buffer), 0,
                                  octavo_gpu_buffer_size(t->query_buffer),   OCTAVO_F32,
                                  t->query_heads * layout->key_dim,          layout->key_dim};
    run.output = (octavo_tensor){octavo_gpu_buffer_handle(t->output_buffer), 0,
                                 octavo_gpu_buffer_size(t->output_buffer),   OCTAVO_F32,
                                 t->query_heads * layout->value_dim,         layout->value_dim};
    VkCommandBuffer command_buffer;
    octavo_status status = octavo_gpu_commands_begin(proof->commands, &command_buffer);
    if (status == OCTAVO_SUCCESS) status = octavo_attention_record_run(plan, proof->frame, command_buffer, &run);
    if (status == OCTAVO_SUCCESS) status = octavo_gpu_commands_submit_and_wait(proof->commands, NULL);
    if (status == OCTAVO_SUCCESS) {
        status = octavo_gpu_buffer_read(t->output_buffer, 0, output_count(proof, t) * sizeof(float), t->output);
    }
    return status;
}

/* One output row in double. */
static void expected_row(const octavo_proof_case *proof, const octavo_attention *plan, const proof_tensors *t,
                         uint32_t token, uint32_t query_head, double *row) {
    const octavo_packed_layout *layout = &proof->cache->layout;
    uint32_t head = query_head / plan->group, visible = OCTAVO_PROOF_TOKENS;
    if (t->causal) visible -= t->query_tokens - token - 1u;
    const float *q = t->queries + ((size_t)token * t->query_heads + query_head) * layout->key_dim;
    double sum = 0.0;
    for (uint32_t c = 0; c < layout->value_dim; ++c) row[c] = 0.0;
    for (uint32_t j = 0; j < visible; ++j) {
        const float *k = t->keys + ((size_t)j * layout->kv_heads + head) * layout->key_dim;
        const float *v = t->values + ((size_t)j * layout->kv_heads + head) * layout->value_dim;
        double logit = 0.0;
        for (uint32_t c = 0; c < layout->key_dim; ++c) logit += (double)q[c] * (double)k[c];
        double weight = exp(logit * (double)plan->info.scale);
        sum += weight;
        for (uint32_t c = 0; c < layout->value_dim; ++c) row[c] += weight * (double)v[c];
    }
    for (uint32_t c = 0; c < layout->value_dim; ++c) row[c] /= sum;
}

static double relative_error(const octavo_proof_case *proof, const octavo_attention *plan, const proof_tensors *t) {
    uint32_t dim = proof->cache->layout.value_dim;
    double error = 0.0, norm = 0.0;
    for (uint32_t token = 0; token < t->query_tokens; ++token) {
        for (uint32_t head = 0; head < t->query_heads; ++head) {
            double row[256];
            expected_row(proof, plan, t, token, head, row);
            for (uint32_t c = 0; c < dim; ++c) {
                double difference = (double)t->output[((size_t)token * t->query_heads + head) * dim + c] - row[c];
                error += difference * difference;
                norm += row[c] * row[c];
            }
        }
    }
    return sqrt(error / norm);
}

octavo_status octavo_attention_plan_prove(octavo_attention *attention) {
    octavo_device *device = attention->cache->device;
    octavo_proof_case proof;
    octavo_status status = octavo_proof_open(attention->cache, &proof);
    if (status != OCTAVO_SUCCESS) return status;
    octavo_attention_info info = attention->info;
    info.cache = proof.cache;
    info.query_head_count = attention->group * proof.cache->layout.kv_heads;
    info.sequence_capacity = 1u;
    info.query_capacity = query_tokens_of(attention);
    info.mask = (octavo_mask){!octavo_kernel_is_for_prefill(attention->variant), 0u, 0u, 0u};
    info.scale = 1.0f / sqrtf((float)proof.cache->layout.key_dim);
    info.softcap = 0.0f;
    info.scratch_bytes = 0u;
    info.own_tokens = VK_FALSE;
    octavo_attention *plan = NULL;
    proof_tensors tensors = {0};
    tensors.query_heads = info.query_head_count;
    tensors.query_tokens = info.query_capacity;
    tensors.causal = info.mask.causal != VK_FALSE;
    status =
        octavo_attention_plan_create_with(&info, attention->variant, &attention->tuning, &attention->pipelines, &plan);
    if (status == OCTAVO_SUCCESS) status = open_tensors(&proof, &tensors);
    if (status == OCTAVO_SUCCESS) status = run_case(&proof, plan, &tensors);
    if (status == OCTAVO_SUCCESS) {
        double error = relative_error(&proof, plan, &tensors);
        if (!(error <= ERROR_MAX)) {
            status = octavo_gpu_fail(device, OCTAVO_UNSUPPORTED,
                                     "variant %s: wrong on this device: relative error %.3g, limit %.3g",
                                     attention->variant->name, error, ERROR_MAX);
        }
    }
    close_tensors(&proof, &tensors);
    octavo_attention_plan_destroy(plan);
    octavo_proof_close(&proof);
    return status;
}
