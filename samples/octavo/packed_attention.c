#include "packed_attention.h"

#include <stdlib.h>

#define DECODE_TOKENS 16u /* a decode plan serves calls of up to so many tokens, a prefill plan the longer ones */

struct octavo_packed_attention {
    octavo_packed_attention_info info;
    octavo_cache *cache;
    octavo_sequence sequence;
    octavo_attention *prefill; /* NULL when no call is longer than DECODE_TOKENS */
    octavo_attention *decode;
    octavo_commands *commands;
    octavo_frame *frame;
    octavo_buffer *queries, *keys, *values, *output;
};

static bool failed(octavo_generate_error *error, const char *call, octavo_status status) {
    if (status == OCTAVO_SUCCESS) return false;
    (void)octavo_generate_fail(error, "%s: %s", call, octavo_status_string(status));
    return true;
}

static VkDeviceSize row_bytes(uint32_t heads, uint32_t channels) {
    return (VkDeviceSize)heads * channels * sizeof(float);
}

static bool create_cache(octavo_packed_attention *attention, octavo_device *device, octavo_generate_error *error) {
    const octavo_packed_attention_info *from = &attention->info;
    octavo_cache_info info = OCTAVO_CACHE_INFO_INIT;
    info.layer_count = from->shape.layer_count;
    info.kv_head_count = from->shape.kv_head_count;
    info.key_dim = from->shape.key_dimension;
    info.value_dim = from->shape.value_dimension;
    info.key_bits = from->key_bits;
    info.value_bits = from->value_bits;
    info.first_tokens = from->first_tokens;
    info.recent_tokens = from->recent_tokens;
    /* Whole pages, and pages for the windows' f16 rows, each up to eight times a packed row. */
    uint64_t window_rows =
        (uint64_t)info.first_tokens + (info.recent_tokens > 0 ? info.recent_tokens + info.slack_tokens : 0);
    info.token_capacity = (uint64_t)from->shape.context_length + 8 * window_rows + 3 * OCTAVO_PAGE_TOKENS;
    return !failed(error, "octavo_cache_create", octavo_cache_create(device, &info, &attention->cache)) &&
           !failed(error, "octavo_sequence_create", octavo_sequence_create(attention->cache, 0, &attention->sequence));
}

static bool create_plan(octavo_packed_attention *attention, octavo_phase phase, uint32_t tokens,
                        octavo_attention **plan, octavo_generate_error *error) {
    octavo_attention_info info = OCTAVO_ATTENTION_INFO_INIT;
    info.cache = attention->cache;
    info.query_head_count = attention->info.shape.query_head_count;
    info.query_capacity = tokens;
    info.phase = phase;
    info.scale = attention->info.shape.scale;
    info.variant = phase == OCTAVO_PHASE_DECODE ? attention->info.variant : NULL;
    return !failed(error, "octavo_attention_create", octavo_attention_create(&info, plan));
}

static bool create_buffer(octavo_device *device, VkDeviceSize row, uint32_t tokens, octavo_buffer **buffer,
                          octavo_generate_error *error) {
    return !failed(error, "octavo_buffer_create",
                   octavo_buffer_create(device, row * tokens, OCTAVO_BUFFER_HOST, buffer));
}

static bool create_all(octavo_packed_attention *attention, octavo_device *device, octavo_generate_error *error) {
    const octavo_attention_shape *shape = &attention->info.shape;
    uint32_t tokens = attention->info.pass_tokens;
    if (!create_cache(attention, device, error)) return false;
    if (!create_plan(attention, OCTAVO_PHASE_DECODE, DECODE_TOKENS, &attention->decode, error)) return false;
    if (tokens > DECODE_TOKENS && !create_plan(attention, OCTAVO_PHASE_PREFILL, tokens, &attention->prefill, error))
        return false;
    return create_buffer(device, row_bytes(shape->query_head_count, shape->key_dimension), tokens, &attention->queries,
                         error) &&
           create_buffer(device, row_bytes(shape->kv_head_count, shape->key_dimension), tokens, &attention->keys,
                         error) &&
           create_buffer(device, row_bytes(shape->kv_head_count, shape->value_dimension), tokens, &attention->values,
                         error) &&
           create_buffer(device, row_bytes(shape->query_head_count, shape->value_dimension), tokens, &attention->output,
                         error) &&
           !failed(error, "octavo_commands_create", octavo_commands_create(device, &attention->commands)) &&
           !failed(error, "octavo_frame_create", octavo_frame_create(device, 0, &attention->frame));
}

octavo_packed_attention *octavo_packed_attention_create(octavo_device *device, const octavo_packed_attention_info *info,
                                                        octavo_generate_error *error) {
    octavo_packed_attention *attention = calloc(1, sizeof *attention);
    if (attention == NULL) {
        (void)octavo_generate_fail(error, "no memory for the attention's state");
        return NULL;
    }
    attention->info = *info;
    if (create_all(attention, device, error)) return attention;
    octavo_packed_attention_destroy(attention);
    return NULL;
}

void octavo_packed_attention_destroy(octavo_packed_attention *attention) {
    if (attention == NULL) return;
    octavo_attention_destroy(attention->prefill);
    octavo_attention_destroy(attention->decode);
    octavo_frame_destroy(attention->frame);
    octavo_commands_destroy(attention->commands);
    octavo_buffer_destroy(attention->queries);
    octavo_buffer_destroy(attention->keys);
    octavo_buffer_destroy(attention->values);
    octavo_buffer_destroy(attention->output);
    octavo_cache_destroy(attention->cache);
    free(attention);
}

/* Drops the tokens from first_position on, in the layers that have them. */
static bool begin(void *context, uint32_t first_position, uint32_t token_count, octavo_generate_error *error) {
    octavo_packed_attention *attention = context;
    uint32_t length = 0;
    if (token_count > attention->info.pass_tokens)
        return octavo_generate_fail(error, "a pass of %u tokens, prepared were %u", token_count,
                                    attention->info.pass_tokens);
    if (failed(error, "octavo_sequence_length",
               octavo_sequence_length(attention->cache, attention->sequence, 0, &length)))
        return false;
    if (first_position > length)
        return octavo_generate_fail(error, "a pass at position %u, the cache holds %u tokens", first_position, length);
    return !failed(error, "octavo_sequence_truncate",
                   octavo_sequence_truncate(attention->cache, attention->sequence, first_position));
}

static octavo_tensor dense_tensor(const octavo_buffer *buffer, uint32_t tokens, uint32_t heads, uint32_t channels) {
    return (octavo_tensor){
        octavo_buffer_handle(buffer), 0, row_bytes(heads, channels) * tokens, OCTAVO_F32, heads * channels, channels};
}

static bool record_layer(octavo_packed_attention *attention, VkCommandBuffer command_buffer, uint32_t layer,
                         uint32_t token_count, octavo_generate_error *error) {
    const octavo_attention_shape *shape = &attention->info.shape;
    octavo_append_info append = OCTAVO_APPEND_INFO_INIT;
    append.layer = layer;
    append.sequence_count = 1;
    append.sequences = &attention->sequence;
    append.token_counts = &token_count;
    append.keys = dense_tensor(attention->keys, token_count, shape->kv_head_count, shape->key_dimension);
    append.values = dense_tensor(attention->values, token_count, shape->kv_head_count, shape->value_dimension);
    octavo_attention_run run = OCTAVO_ATTENTION_RUN_INIT;
    run.layer = layer;
    run.sequence_count = 1;
    run.sequences = &attention->sequence;
    run.query_counts = &token_count;
    run.queries = dense_tensor(attention->queries, token_count, shape->query_head_count, shape->key_dimension);
    run.output = dense_tensor(attention->output, token_count, shape->query_head_count, shape->value_dimension);
    octavo_attention *plan = token_count > DECODE_TOKENS ? attention->prefill : attention->decode;
    return !failed(error, "octavo_cache_record_append",
                   octavo_cache_record_append(attention->cache, attention->frame, command_buffer, &append)) &&
           !failed(error, "octavo_attention_record",
                   octavo_attention_record(plan, attention->frame, command_buffer, &run));
}

static bool write_rows(octavo_buffer *buffer, const float *rows, VkDeviceSize size, octavo_generate_error *error) {
    return !failed(error, "octavo_buffer_write", octavo_buffer_write(buffer, 0, size, rows));
}

static bool attend(void *context, uint32_t layer, uint32_t first_position, uint32_t token_count, const float *queries,
                   const float *keys, const float *values, float *output, octavo_generate_error *error) {
    octavo_packed_attention *attention = context;
    const octavo_attention_shape *shape = &attention->info.shape;
    VkDeviceSize query_size = token_count * row_bytes(shape->query_head_count, shape->key_dimension);
    VkDeviceSize key_size = token_count * row_bytes(shape->kv_head_count, shape->key_dimension);
    VkDeviceSize value_size = token_count * row_bytes(shape->kv_head_count, shape->value_dimension);
    VkDeviceSize output_size = token_count * row_bytes(shape->query_head_count, shape->value_dimension);
    VkCommandBuffer command_buffer = VK_NULL_HANDLE;
    (void)first_position; /* the cache's length, since begin */
    return write_rows(attention->queries, queries, query_size, error) &&
           write_rows(attention->keys, keys, key_size, error) &&
           write_rows(attention->values, values, value_size, error) &&
           !failed(error, "octavo_frame_reset", octavo_frame_reset(attention->frame)) &&
           !failed(error, "octavo_commands_begin", octavo_commands_begin(attention->commands, &command_buffer)) &&
           record_layer(attention, command_buffer, layer, token_count, error) &&
           !failed(error, "octavo_commands_submit_and_wait",
                   octavo_commands_submit_and_wait(attention->commands, NULL)) &&
           !failed(error, "octavo_buffer_read", octavo_buffer_read(attention->output, 0, output_size, output));
}

octavo_attention_backend octavo_packed_attention_backend(octavo_packed_attention *attention) {
    return (octavo_attention_backend){.context = attention, .begin = begin, .attend = attend};
}

void octavo_packed_attention_sizes(const octavo_packed_attention *attention, double *cache_bytes, double *f16_bytes) {
    const octavo_attention_shape *shape = &attention->info.shape;
    octavo_cache_statistics statistics;
    uint32_t length = 0;
    octavo_cache_get_statistics(attention->cache, &statistics);
    (void)octavo_sequence_length(attention->cache, attention->sequence, 0, &length);
    double tokens = (double)length * shape->layer_count;
    *cache_bytes = tokens * (double)statistics.bytes_per_token;
    *f16_bytes = tokens * 2.0 * shape->kv_head_count * (shape->key_dimension + shape->value_dimension);
}

const char *octavo_packed_attention_variant(const octavo_packed_attention *attention) {
    return octavo_attention_variant(attention->decode);
}
