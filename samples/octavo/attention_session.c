#include "session_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool octavo_session_failed(const octavo_session *run, const char *call, octavo_status status) {
    if (status == OCTAVO_SUCCESS) return false;
    (void)octavo_error_line_set(run->error, "%s: %s", call, octavo_status_string(status));
    run->result->status = status;
    return true;
}

void *octavo_session_allocate(const octavo_session *run, uint64_t count, size_t size, const char *what) {
    void *memory = count > (SIZE_MAX >> 8) / size ? NULL : calloc((size_t)count + 1, size);
    if (memory != NULL) return memory;
    (void)octavo_error_line_set(run->error, "no memory for %llu %s", (unsigned long long)count, what);
    run->result->status = OCTAVO_OUT_OF_HOST_MEMORY;
    return NULL;
}

/* --- preparation -------------------------------------------------------------------------------------------------- */

/* Most keys that one call brings for all sequences together. */
static uint64_t append_capacity(const octavo_problem *problem) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < problem->sequence_count; i++) {
        uint32_t length = problem->lengths[i];
        uint32_t chunk = problem->chunk_tokens > 0 && length > problem->chunk_tokens ? problem->chunk_tokens : length;
        /* where later keys count, all of them at once */
        bool all = problem->own_tokens && problem->query_counts[i] > chunk;
        total += all ? problem->query_counts[i] : chunk;
    }
    return total;
}

static bool prepare_host(octavo_session *run) {
    const octavo_problem *problem = run->problem;
    uint32_t sequences = problem->sequence_count;
    uint64_t queries = octavo_problem_query_count(problem), heads = problem->query_head_count;
    octavo_session_result *result = run->result;
    run->sequences = octavo_session_allocate(run, sequences, sizeof *run->sequences, "sequences");
    run->appended = octavo_session_allocate(run, sequences, sizeof *run->appended, "sequences");
    run->answered = octavo_session_allocate(run, sequences, sizeof *run->answered, "sequences");
    run->counts = octavo_session_allocate(run, sequences, sizeof *run->counts, "sequences");
    run->call_sequences = octavo_session_allocate(run, sequences, sizeof *run->call_sequences, "sequences");
    run->call_counts = octavo_session_allocate(run, sequences, sizeof *run->call_counts, "sequences");
    run->key_offsets = octavo_session_allocate(run, sequences, sizeof *run->key_offsets, "sequences");
    run->query_offsets = octavo_session_allocate(run, sequences, sizeof *run->query_offsets, "sequences");
    result->output = octavo_session_allocate(run, queries * heads * problem->value_dim, sizeof(float), "outputs");
    result->lse = octavo_session_allocate(run, queries * heads, sizeof(float), "rows");
    if (run->with_oracle) {
        result->reference =
            octavo_session_allocate(run, queries * heads * problem->value_dim, sizeof(double), "outputs");
        result->reference_lse = octavo_session_allocate(run, queries * heads, sizeof(double), "rows");
        if (result->reference == NULL || result->reference_lse == NULL) return false;
    }
    if (run->sequences == NULL || run->appended == NULL || run->answered == NULL || run->counts == NULL ||
        run->call_sequences == NULL || run->call_counts == NULL || run->key_offsets == NULL ||
        run->query_offsets == NULL || result->output == NULL || result->lse == NULL)
        return false;
    for (uint32_t i = 0; i + 1 < sequences; i++) {
        run->key_offsets[i + 1] = run->key_offsets[i] + problem->lengths[i];
        run->query_offsets[i + 1] = run->query_offsets[i] + problem->query_counts[i];
    }
    return true;
}

/* Tokens of whole pages, and room for the windows, whose f16 rows take up to 8 times a packed row, by sequence. */
static uint64_t token_capacity(const octavo_problem *problem) {
    uint64_t window_rows = problem->first_tokens;
    if (problem->recent_tokens > 0) window_rows += problem->recent_tokens + problem->slack_tokens;
    uint64_t tokens = 0;
    for (uint32_t i = 0; i < problem->sequence_count; i++) {
        uint64_t pages = (problem->lengths[i] + (uint64_t)OCTAVO_PAGE_TOKENS - 1) / OCTAVO_PAGE_TOKENS;
        uint64_t window_pages = (window_rows * 8 + OCTAVO_PAGE_TOKENS - 1) / OCTAVO_PAGE_TOKENS + 1;
        tokens += (pages + window_pages) * OCTAVO_PAGE_TOKENS;
    }
    return tokens;
}

bool octavo_session_set_codec(const octavo_session *run, octavo_cache *cache, uint32_t layer) {
    octavo_codec_info codec = OCTAVO_CODEC_INFO_INIT;
    codec.key_mean = run->problem->key_mean;
    codec.key_transform = run->problem->key_transform;
    codec.seed = run->problem->codec_seed;
    return !octavo_session_failed(run, "octavo_cache_set_codec", octavo_cache_set_codec(cache, 0, layer, &codec));
}

static bool prepare_cache(octavo_session *run) {
    const octavo_problem *problem = run->problem;
    octavo_cache_info info = OCTAVO_CACHE_INFO_INIT;
    info.layer_count = problem->layer_count;
    info.kv_head_count = problem->kv_head_count;
    info.key_dim = problem->key_dim;
    info.value_dim = problem->value_dim;
    info.key_bits = problem->key_bits;
    info.value_bits = problem->value_bits;
    info.token_capacity = token_capacity(problem);
    info.sequence_capacity = problem->sequence_count;
    info.transforms = problem->key_transform != NULL;
    info.first_tokens = problem->first_tokens;
    info.recent_tokens = problem->recent_tokens;
    info.slack_tokens = problem->slack_tokens;
    info.segment_bytes = problem->segment_bytes;
    if (octavo_session_failed(run, "octavo_cache_create", octavo_cache_create(run->device, &info, &run->cache)))
        return false;
    if (!octavo_session_set_codec(run, run->cache, problem->layer)) return false;
    for (uint32_t i = 0; i < problem->sequence_count; i++)
        if (octavo_session_failed(run, "octavo_sequence_create",
                                  octavo_sequence_create(run->cache, 0, &run->sequences[i])))
            return false;
    return true;
}

static bool prepare_plan(octavo_session *run) {
    const octavo_problem *problem = run->problem;
    octavo_attention_info info = OCTAVO_ATTENTION_INFO_INIT;
    info.cache = run->cache;
    info.query_head_count = problem->query_head_count;
    info.sequence_capacity = problem->sequence_count;
    info.query_capacity = (uint32_t)octavo_problem_query_count(problem);
    info.phase = problem->phase;
    info.mask = problem->mask;
    info.scale = problem->scale;
    info.softcap = problem->softcap;
    info.empty_row = problem->empty_row;
    info.variant = problem->variant;
    info.skip_proof = problem->skip_proof ? VK_TRUE : VK_FALSE;
    info.tuning = problem->tuning;
    info.workgroup_target = problem->workgroup_target;
    info.slice_work = problem->slice_work;
    info.scratch_bytes = problem->scratch_bytes;
    info.own_tokens = problem->own_tokens ? VK_TRUE : VK_FALSE;
    if (octavo_session_failed(run, "octavo_attention_create", octavo_attention_create(&info, &run->plan))) return false;
    (void)snprintf(run->result->variant, sizeof run->result->variant, "%s", octavo_attention_variant(run->plan));
    run->result->phase = octavo_attention_phase(run->plan);
    return true;
}

static bool prepare_buffer(octavo_session *run, octavo_tensor_layout layout, octavo_buffer **buffer) {
    if (layout.block_bytes > run->block_capacity) run->block_capacity = layout.block_bytes;
    size_t rows = (size_t)layout.tokens * layout.heads * layout.channels;
    if (rows > run->row_capacity) run->row_capacity = rows;
    return !octavo_session_failed(run, "octavo_buffer_create",
                                  octavo_buffer_create(run->device, layout.block_bytes, OCTAVO_BUFFER_DEVICE, buffer));
}

static bool prepare_transfer(octavo_session *run) {
    const octavo_problem *problem = run->problem;
    uint32_t tokens = (uint32_t)append_capacity(problem), queries = (uint32_t)octavo_problem_query_count(problem);
    if (!prepare_buffer(run, octavo_session_key_layout(problem, tokens), &run->keys) ||
        !prepare_buffer(run, octavo_session_value_layout(problem, tokens), &run->values) ||
        !prepare_buffer(run, octavo_session_query_layout(problem, queries), &run->queries) ||
        !prepare_buffer(run, octavo_session_output_layout(problem, queries), &run->output) ||
        !prepare_buffer(run, octavo_session_lse_layout(problem, queries), &run->lse))
        return false;
    run->block = octavo_session_allocate(run, run->block_capacity, 1, "bytes of staging");
    run->rows = octavo_session_allocate(run, run->row_capacity, sizeof *run->rows, "staged values");
    if (run->block == NULL || run->rows == NULL) return false;
    VkDeviceSize metadata_bytes = (VkDeviceSize)16 << 20;
    return !octavo_session_failed(run, "octavo_commands_create", octavo_commands_create(run->device, &run->commands)) &&
           !octavo_session_failed(run, "octavo_frame_create",
                                  octavo_frame_create(run->device, metadata_bytes, &run->frame));
}

/* --- the run ------------------------------------------------------------------------------------------------------ */

static bool is_complete(const octavo_session *run) {
    for (uint32_t i = 0; i < run->problem->sequence_count; i++)
        if (run->appended[i] < run->problem->lengths[i] || run->answered[i] < run->problem->query_counts[i])
            return false;
    return true;
}

static bool check_capacity(const octavo_session *run) {
    uint64_t tokens = octavo_problem_token_count(run->problem), queries = octavo_problem_query_count(run->problem);
    if (queries == 0) return octavo_error_line_set(run->error, "there are no queries");
    if (tokens > INT32_MAX || queries > INT32_MAX)
        return octavo_error_line_set(run->error, "%llu tokens or %llu queries are more than 2^31 - 1",
                                     (unsigned long long)tokens, (unsigned long long)queries);
    for (uint32_t i = 0; run->problem->own_tokens && i < run->problem->sequence_count; i++)
        if (run->problem->query_counts[i] > run->problem->lengths[i])
            return octavo_error_line_set(run->error, "sequence %u has %u queries and %u keys: not each its own",
                                         (unsigned)i, (unsigned)run->problem->query_counts[i],
                                         (unsigned)run->problem->lengths[i]);
    return true;
}

static void release(octavo_session *run) {
    octavo_attention_destroy(run->plan);
    octavo_cache_destroy(run->cache);
    octavo_cache_destroy(run->twin);
    octavo_frame_destroy(run->frame);
    octavo_commands_destroy(run->commands);
    octavo_buffer_destroy(run->keys);
    octavo_buffer_destroy(run->values);
    octavo_buffer_destroy(run->queries);
    octavo_buffer_destroy(run->output);
    octavo_buffer_destroy(run->lse);
    free(run->sequences);
    free(run->appended);
    free(run->answered);
    free(run->counts);
    free(run->call_sequences);
    free(run->call_counts);
    free(run->key_offsets);
    free(run->query_offsets);
    free(run->block);
    free(run->rows);
}

bool octavo_session_run(octavo_device *device, const octavo_problem *problem, bool with_oracle,
                        octavo_session_result *result, octavo_error_line *error) {
    octavo_session run = {
        .device = device, .problem = problem, .result = result, .error = error, .with_oracle = with_oracle};
    memset(result, 0, sizeof *result);
    result->guards_intact = true;
    bool running = check_capacity(&run) && prepare_host(&run) && prepare_cache(&run) && prepare_plan(&run) &&
                   prepare_transfer(&run) && octavo_session_prepare_oracle(&run);
    while (running && !is_complete(&run)) running = octavo_session_append(&run) && octavo_session_attend(&run);
    running = running && octavo_session_oracle_at_end(&run);
    if (running) octavo_cache_get_statistics(run.cache, &result->statistics);
    release(&run);
    if (!running) octavo_session_release(result);
    return running;
}

void octavo_session_release(octavo_session_result *result) {
    free(result->output);
    free(result->lse);
    free(result->reference);
    free(result->reference_lse);
    *result = (octavo_session_result){.status = result->status};
}
