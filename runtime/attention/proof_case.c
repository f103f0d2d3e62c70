#include "attention/proof_case.h"

float octavo_proof_normal(uint32_t *state) {
    float sum = 0.0f; /* of four uniform numbers, variance 1 / 12 each */
    for (int i = 0; i < 4; ++i) {
        *state = *state * 1664525u + 1013904223u;
        sum += (float)(*state >> 8) / 16777216.0f - 0.5f;
    }
    return sum * 1.7320508f;
}

uint32_t octavo_proof_row(uint32_t token) {
    return token < OCTAVO_PROOF_CHUNK ? token : token - OCTAVO_PROOF_CHUNK + OCTAVO_PROOF_SOURCE;
}

static size_t row_bytes(const octavo_cache *cache, uint32_t dim) {
    return (size_t)OCTAVO_PROOF_TOKENS * cache->layout.kv_heads * dim * sizeof(float);
}

static octavo_status make_rows(octavo_proof_case *proof, uint32_t dim, uint32_t seed, float **rows,
                               octavo_buffer **buffer) {
    octavo_device *device = proof->cache->device;
    size_t bytes = row_bytes(proof->cache, dim);
    *rows = octavo_gpu_allocate(device, bytes);
    if (*rows == NULL) return OCTAVO_OUT_OF_HOST_MEMORY;
    for (size_t i = 0; i < bytes / sizeof(float); ++i) (*rows)[i] = octavo_proof_normal(&seed);
    octavo_status status = octavo_gpu_buffer_create(device, bytes, OCTAVO_BUFFER_DEVICE, "octavo proof", buffer);
    return status == OCTAVO_SUCCESS ? octavo_gpu_buffer_write(*buffer, 0, bytes, *rows) : status;
}

/* Appends rows [first, first + count) of the buffers. */
static octavo_status append(octavo_proof_case *proof, VkCommandBuffer command_buffer, uint32_t first, uint32_t count) {
    const octavo_packed_layout *layout = &proof->cache->layout;
    octavo_append_info info = OCTAVO_APPEND_INFO_INIT;
    info.sequence_count = 1u;
    info.sequences = &proof->sequence;
    info.token_counts = &count;
    octavo_tensor *tensors[2] = {&info.keys, &info.values};
    octavo_buffer *buffers[2] = {proof->keys, proof->values};
    uint32_t dims[2] = {layout->key_dim, layout->value_dim};
    for (int i = 0; i < 2; ++i) {
        tensors[i]->buffer = octavo_gpu_buffer_handle(buffers[i]);
        tensors[i]->offset = 4u * (VkDeviceSize)first * layout->kv_heads * dims[i];
        tensors[i]->size = octavo_gpu_buffer_size(buffers[i]) - tensors[i]->offset;
        tensors[i]->head_stride = dims[i];
        tensors[i]->token_stride = layout->kv_heads * dims[i];
    }
    return octavo_cache_append_record(proof->cache, proof->frame, command_buffer, &info);
}

static octavo_status fill(octavo_proof_case *proof) {
    VkCommandBuffer command_buffer;
    octavo_status status = octavo_gpu_commands_begin(proof->commands, &command_buffer);
    if (status == OCTAVO_SUCCESS) status = append(proof, command_buffer, 0u, OCTAVO_PROOF_CHUNK);
    if (status == OCTAVO_SUCCESS) {
        status = append(proof, command_buffer, OCTAVO_PROOF_SOURCE, OCTAVO_PROOF_TOKENS - OCTAVO_PROOF_CHUNK);
    }
    return status == OCTAVO_SUCCESS ? octavo_gpu_commands_submit_and_wait(proof->commands, NULL) : status;
}

octavo_status octavo_proof_open(const octavo_cache *like, octavo_proof_case *proof) {
    *proof = (octavo_proof_case){0};
    octavo_cache_info info = like->info;
    info.layer_count = 1u;
    info.kv_head_count = like->info.kv_head_count < 2u ? like->info.kv_head_count : 2u;
    info.token_capacity = 2u * OCTAVO_PAGE_TOKENS;
    info.sequence_capacity = 1u;
    info.record_count = 1u;
    info.transforms = VK_FALSE;
    info.first_tokens = 3u;
    info.recent_tokens = 2u;
    info.slack_tokens = 1u;
    info.segment_bytes = 0u;
    octavo_device *device = like->device;
    octavo_status status = octavo_cache_object_create(device, &info, &like->pipelines, &proof->cache);
    if (status == OCTAVO_SUCCESS)
        status = octavo_cache_table_sequence_create(proof->cache->table, 0u, &proof->sequence);
    if (status == OCTAVO_SUCCESS) status = octavo_gpu_frame_create(device, 65536u, &proof->frame);
    if (status == OCTAVO_SUCCESS) status = octavo_gpu_commands_create(device, &proof->commands);
    if (status == OCTAVO_SUCCESS) status = make_rows(proof, info.key_dim, 1u, &proof->key_rows, &proof->keys);
    if (status == OCTAVO_SUCCESS) status = make_rows(proof, info.value_dim, 2u, &proof->value_rows, &proof->values);
    if (status == OCTAVO_SUCCESS) status = fill(proof);
    if (status != OCTAVO_SUCCESS) octavo_proof_close(proof);
    return status;
}

void octavo_proof_close(octavo_proof_case *proof) {
    if (proof->cache != NULL) {
        octavo_device *device = proof->cache->device;
        octavo_gpu_buffer_destroy(proof->keys);
        octavo_gpu_buffer_destroy(proof->values);
        octavo_gpu_release(device, proof->key_rows, row_bytes(proof->cache, proof->cache->layout.key_dim));
        octavo_gpu_release(device, proof->value_rows, row_bytes(proof->cache, proof->cache->layout.value_dim));
        octavo_gpu_commands_destroy(proof->commands);
        octavo_gpu_frame_destroy(proof->frame);
        octavo_cache_object_destroy(proof->cache);
    }
    *proof = (octavo_proof_case){0};
}
