#include "attention_session.h"

#include "tensor_layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Everything that lives as long as the run. Counts and offsets are per sequence. */
typedef struct session {
    octavo_device *device;
    const octavo_problem *problem;
    octavo_session_result *result;
    octavo_error_line *error;
    bool with_oracle;
    octavo_cache *cache;
    octavo_attention *plan;
    octavo_commands *commands;
    octavo_frame *frame;
    octavo_buffer *keys, *values, *queries, *output, *lse;
    octavo_sequence *sequences;
    uint32_t *appended, *answered;   /* keys in the cache, queries whose rows are there */
    uint32_t *counts;                /* of the call in preparation, for each sequence */
    octavo_sequence *call_sequences; /* those with a count */
    uint32_t *call_counts;
    uint64_t *key_offsets, *query_offsets; /* first row of each sequence in the problem's arrays */
    uint8_t *block;                        /* staging of one tensor */
    float *rows;
    size_t block_capacity, row_capacity;
    float *cache_keys, *cache_values; /* what the oracle reads */
    double *oracle_output;
} session;

static bool failed(const session *run, const char *call, octavo_status status) {
    if (status == OCTAVO_SUCCESS) return false;
    (void)octavo_error_line_set(run->error, "%s: %s", call, octavo_status_string(status));
    run->result->status = status;
    return true;
}

static void *allocate(const session *run, uint64_t count, size_t size, const char *what) {
    void *memory = count > (SIZE_MAX >> 8) / size ? NULL : calloc((size_t)count + 1, size);
    if (memory != NULL) return memory;
    (void)octavo_error_line_set(run->error, "no memory for %llu %s", (unsigned long long)count, what);
    run->result->status = OCTAVO_OUT_OF_HOST_MEMORY;
    return NULL;
}

/* --- preparation -------------------------------------------------------------------------------------------------- */

/* Most keys that one append call brings for all sequences together. */
static uint64_t append_capacity(const octavo_problem *problem) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < problem->sequence_count; i++) {
        uint32_t length = problem->lengths[i];
        total += problem->chunk_tokens > 0 && length > problem->chunk_tokens ? problem->chunk_tokens : length;
    }
    return total;
}

static bool prepare_host(session *run) {
    const octavo_problem *problem = run->problem;
    uint32_t sequences = problem->sequence_count;
    uint64_t queries = octavo_problem_query_count(problem), heads = problem->query_head_count;
    octavo_session_result *result = run->result;
    run->sequences = allocate(run, sequences, sizeof *run->sequences, "sequences");
    run->appended = allocate(run, sequences, sizeof *run->appended, "sequences");
    run->answered = allocate(run, sequences, sizeof *run->answered, "sequences");
    run->counts = allocate(run, sequences, sizeof *run->counts, "sequences");
    run->call_sequences = allocate(run, sequences, sizeof *run->call_sequences, "sequences");
    run->call_counts = allocate(run, sequences, sizeof *run->call_counts, "sequences");
    run->key_offsets = allocate(run, sequences, sizeof *run->key_offsets, "sequences");
    run->query_offsets = allocate(run, sequences, sizeof *run->query_offsets, "sequences");
    result->output = allocate(run, queries * heads * problem->value_dim, sizeof(float), "outputs");
    result->lse = allocate(run, queries * heads, sizeof(float), "rows");
    if (run->with_oracle) {
        result->reference = allocate(run, queries * heads * problem->value_dim, sizeof(double), "outputs");
        result->reference_lse = allocate(run, queries * heads, sizeof(double), "rows");
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

static bool prepare_cache(session *run) {
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
    if (failed(run, "octavo_cache_create", octavo_cache_create(run->device, &info, &run->cache))) return false;
    octavo_codec_info codec = OCTAVO_CODEC_INFO_INIT;
    codec.key_mean = problem->key_mean;
    codec.key_transform = problem->key_transform;
    codec.seed = problem->codec_seed;
    if (failed(run, "octavo_cache_set_codec", octavo_cache_set_codec(run->cache, 0, problem->layer, &codec)))
        return false;
    for (uint32_t i = 0; i < problem->sequence_count; i++)
        if (failed(run, "octavo_sequence_create", octavo_sequence_create(run->cache, 0, &run->sequences[i])))
            return false;
    return true;
}

static bool prepare_plan(session *run) {
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
    if (failed(run, "octavo_attention_create", octavo_attention_create(&info, &run->plan))) return false;
    (void)snprintf(run->result->variant, sizeof run->result->variant, "%s", octavo_attention_variant(run->plan));
    run->result->phase = octavo_attention_phase(run->plan);
    return true;
}

static octavo_tensor_layout key_layout(const octavo_problem *problem, uint32_t tokens) {
    return octavo_tensor_layout_make(problem->key_type, tokens, problem->kv_head_count, problem->key_dim,
                                     problem->stride_padding, problem->head_major);
}

static octavo_tensor_layout value_layout(const octavo_problem *problem, uint32_t tokens) {
    return octavo_tensor_layout_make(problem->value_type, tokens, problem->kv_head_count, problem->value_dim,
                                     problem->stride_padding, problem->head_major);
}

static octavo_tensor_layout query_layout(const octavo_problem *problem, uint32_t tokens) {
    return octavo_tensor_layout_make(problem->query_type, tokens, problem->query_head_count, problem->key_dim,
                                     problem->stride_padding, problem->head_major);
}

static octavo_tensor_layout output_layout(const octavo_problem *problem, uint32_t tokens) {
    return octavo_tensor_layout_make(problem->output_type, tokens, problem->query_head_count, problem->value_dim,
                                     problem->stride_padding, problem->head_major);
}

static octavo_tensor_layout lse_layout(const octavo_problem *problem, uint32_t tokens) {
    return octavo_tensor_layout_make(OCTAVO_F32, tokens, problem->query_head_count, 1, 0, false);
}

static bool prepare_buffer(session *run, octavo_tensor_layout layout, octavo_buffer **buffer) {
    if (layout.block_bytes > run->block_capacity) run->block_capacity = layout.block_bytes;
    size_t rows = (size_t)layout.tokens * layout.heads * layout.channels;
    if (rows > run->row_capacity) run->row_capacity = rows;
    return !failed(run, "octavo_buffer_create",
                   octavo_buffer_create(run->device, layout.block_bytes, OCTAVO_BUFFER_DEVICE, buffer));
}

static bool prepare_transfer(session *run) {
    const octavo_problem *problem = run->problem;
    uint32_t tokens = (uint32_t)append_capacity(problem), queries = (uint32_t)octavo_problem_query_count(problem);
    if (!prepare_buffer(run, key_layout(problem, tokens), &run->keys) ||
        !prepare_buffer(run, value_layout(problem, tokens), &run->values) ||
        !prepare_buffer(run, query_layout(problem, queries), &run->queries) ||
        !prepare_buffer(run, output_layout(problem, queries), &run->output) ||
        !prepare_buffer(run, lse_layout(problem, queries), &run->lse))
        return false;
    run->block = allocate(run, run->block_capacity, 1, "bytes of staging");
    run->rows = allocate(run, run->row_capacity, sizeof *run->rows, "staged values");
    if (run->block == NULL || run->rows == NULL) return false;
    VkDeviceSize metadata_bytes = (VkDeviceSize)16 << 20;
    return !failed(run, "octavo_commands_create", octavo_commands_create(run->device, &run->commands)) &&
           !failed(run, "octavo_frame_create", octavo_frame_create(run->device, metadata_bytes, &run->frame));
}

/* --- one call ----------------------------------------------------------------------------------------------------- */

/* Sequences whose count is not 0, next to each other; returns how many. */
static uint32_t select_sequences(session *run, uint32_t *tokens) {
    uint32_t selected = 0;
    *tokens = 0;
    for (uint32_t i = 0; i < run->problem->sequence_count; i++) {
        if (run->counts[i] == 0) continue;
        run->call_sequences[selected] = run->sequences[i];
        run->call_counts[selected++] = run->counts[i];
        *tokens += run->counts[i];
    }
    return selected;
}

/* Rows of the call out of the problem's array: for each sequence its count from its offset plus the rows before. */
static void gather(const session *run, const float *source, const uint64_t *offsets, const uint32_t *before,
                   size_t row_size) {
    float *rows = run->rows;
    for (uint32_t i = 0; i < run->problem->sequence_count; i++) {
        size_t size = run->counts[i] * row_size;
        if (size == 0) continue;
        memcpy(rows, source + (offsets[i] + before[i]) * row_size, size * sizeof *rows);
        rows += size;
    }
}

static bool upload(session *run, const octavo_tensor_layout *layout, octavo_buffer *buffer) {
    octavo_tensor_layout_pack(layout, run->rows, run->block);
    return !failed(run, "octavo_buffer_write", octavo_buffer_write(buffer, 0, layout->block_bytes, run->block));
}

static bool poison(session *run, const octavo_tensor_layout *layout, octavo_buffer *buffer) {
    memset(run->block, 0xff, layout->block_bytes);
    return !failed(run, "octavo_buffer_write", octavo_buffer_write(buffer, 0, layout->block_bytes, run->block));
}

static bool download(session *run, const octavo_tensor_layout *layout, octavo_buffer *buffer, float *target,
                     size_t row_size) {
    if (failed(run, "octavo_buffer_read", octavo_buffer_read(buffer, 0, layout->block_bytes, run->block))) return false;
    if (!octavo_tensor_layout_unpack(layout, run->block, run->rows)) run->result->guards_intact = false;
    const float *rows = run->rows;
    for (uint32_t i = 0; i < run->problem->sequence_count; i++) {
        size_t size = run->counts[i] * row_size;
        if (size == 0) continue;
        memcpy(target + (run->query_offsets[i] + run->answered[i]) * row_size, rows, size * sizeof *rows);
        rows += size;
    }
    return true;
}

static bool begin(session *run, VkCommandBuffer *command_buffer) {
    return !failed(run, "octavo_frame_reset", octavo_frame_reset(run->frame)) &&
           !failed(run, "octavo_commands_begin", octavo_commands_begin(run->commands, command_buffer));
}

static bool append_chunk(session *run) {
    const octavo_problem *problem = run->problem;
    uint32_t tokens = 0, selected;
    for (uint32_t i = 0; i < problem->sequence_count; i++) {
        uint32_t missing = problem->lengths[i] - run->appended[i];
        run->counts[i] = problem->chunk_tokens > 0 && missing > problem->chunk_tokens ? problem->chunk_tokens : missing;
    }
    if ((selected = select_sequences(run, &tokens)) == 0) return true;
    octavo_tensor_layout keys = key_layout(problem, tokens), values = value_layout(problem, tokens);
    gather(run, problem->keys, run->key_offsets, run->appended, (size_t)problem->kv_head_count * problem->key_dim);
    if (!upload(run, &keys, run->keys)) return false;
    gather(run, problem->values, run->key_offsets, run->appended, (size_t)problem->kv_head_count * problem->value_dim);
    if (!upload(run, &values, run->values)) return false;
    VkCommandBuffer command_buffer = VK_NULL_HANDLE;
    if (!begin(run, &command_buffer)) return false;
    octavo_append_info info = OCTAVO_APPEND_INFO_INIT;
    info.layer = problem->layer;
    info.sequence_count = selected;
    info.sequences = run->call_sequences;
    info.token_counts = run->call_counts;
    info.keys = octavo_tensor_layout_bind(&keys, octavo_buffer_handle(run->keys));
    info.values = octavo_tensor_layout_bind(&values, octavo_buffer_handle(run->values));
    if (failed(run, "octavo_cache_record_append",
               octavo_cache_record_append(run->cache, run->frame, command_buffer, &info)))
        return false;
    if (failed(run, "octavo_commands_submit_and_wait", octavo_commands_submit_and_wait(run->commands, NULL)))
        return false;
    for (uint32_t i = 0; i < problem->sequence_count; i++) run->appended[i] += run->counts[i];
    return true;
}

/* Whether rows may be computed before the sequence is whole: only where later keys change nothing. */
static bool may_answer_early(const octavo_problem *problem, uint32_t sequence, uint32_t appended, uint32_t answered) {
    uint32_t length = problem->lengths[sequence], queries = problem->query_counts[sequence];
    bool sees_nothing = queries > length && answered < queries - length;
    return problem->mask.causal && appended >= problem->mask.prefix &&
           !(sees_nothing && problem->empty_row != OCTAVO_EMPTY_ROW_ZERO);
}

static void choose_queries(session *run) {
    const octavo_problem *problem = run->problem;
    for (uint32_t i = 0; i < problem->sequence_count; i++) {
        uint32_t missing = problem->lengths[i] - run->appended[i], queries = problem->query_counts[i];
        uint32_t available = queries > missing ? queries - missing : 0;
        bool ready = missing == 0 || may_answer_early(problem, i, run->appended[i], run->answered[i]);
        run->counts[i] = ready && available > run->answered[i] ? available - run->answered[i] : 0;
    }
}

static bool submit_attention(session *run, uint32_t selected, uint32_t tokens) {
    const octavo_problem *problem = run->problem;
    octavo_tensor_layout queries = query_layout(problem, tokens), output = output_layout(problem, tokens);
    octavo_tensor_layout lse = lse_layout(problem, tokens);
    gather(run, problem->queries, run->query_offsets, run->answered,
           (size_t)problem->query_head_count * problem->key_dim);
    if (!upload(run, &queries, run->queries) || !poison(run, &output, run->output) || !poison(run, &lse, run->lse))
        return false;
    VkCommandBuffer command_buffer = VK_NULL_HANDLE;
    if (!begin(run, &command_buffer)) return false;
    octavo_attention_run info = OCTAVO_ATTENTION_RUN_INIT;
    info.layer = problem->layer;
    info.sequence_count = selected;
    info.sequences = run->call_sequences;
    info.query_counts = run->call_counts;
    info.queries = octavo_tensor_layout_bind(&queries, octavo_buffer_handle(run->queries));
    info.output = octavo_tensor_layout_bind(&output, octavo_buffer_handle(run->output));
    info.lse_buffer = octavo_buffer_handle(run->lse);
    info.lse_offset = OCTAVO_TENSOR_GUARD;
    info.lse_size = lse.row_bytes;
    info.sink_logits = problem->sink_logits;
    double seconds = -1;
    if (failed(run, "octavo_attention_record", octavo_attention_record(run->plan, run->frame, command_buffer, &info)))
        return false;
    if (failed(run, "octavo_commands_submit_and_wait", octavo_commands_submit_and_wait(run->commands, &seconds)))
        return false;
    run->result->attention_calls++;
    if (seconds < 0) run->result->gpu_seconds = -1;
    if (run->result->gpu_seconds >= 0) run->result->gpu_seconds += seconds;
    return download(run, &output, run->output, run->result->output,
                    (size_t)problem->query_head_count * problem->value_dim) &&
           download(run, &lse, run->lse, run->result->lse, problem->query_head_count);
}

/* --- the oracle over the cache's contents --------------------------------------------------------------------------
 */

/* Rows [first, first + count) of a sequence against the keys that the cache holds now. */
static bool run_oracle(session *run, uint32_t sequence, uint32_t first, uint32_t count) {
    const octavo_problem *problem = run->problem;
    uint32_t length = run->appended[sequence];
    size_t query_row = (size_t)problem->query_head_count * problem->key_dim;
    uint64_t row = run->query_offsets[sequence] + first;
    bool complete = false;
    float *keys = allocate(run, (uint64_t)length * problem->kv_head_count * problem->key_dim, sizeof *keys, "keys");
    float *values =
        allocate(run, (uint64_t)length * problem->kv_head_count * problem->value_dim, sizeof *values, "values");
    float *queries = allocate(run, count * query_row, sizeof *queries, "queries");
    if (keys == NULL || values == NULL || queries == NULL) goto end;
    if (length > 0 &&
        failed(run, "octavo_cache_read",
               octavo_cache_read(run->cache, run->sequences[sequence], problem->layer, 0, length, keys, values)))
        goto end;
    for (size_t i = 0; i < count * query_row; i++)
        queries[i] = octavo_tensor_round(problem->query_type, problem->queries[row * query_row + i]);
    octavo_oracle_info info = {.query_count = count,
                               .key_count = length,
                               .query_head_count = problem->query_head_count,
                               .kv_head_count = problem->kv_head_count,
                               .key_dim = problem->key_dim,
                               .value_dim = problem->value_dim,
                               .queries = queries,
                               .keys = keys,
                               .values = values,
                               .sink_logits = problem->sink_logits,
                               .mask = problem->mask,
                               .scale = (double)problem->scale,
                               .softcap = (double)problem->softcap,
                               .empty_row = problem->empty_row};
    double *output = run->result->reference + row * problem->query_head_count * problem->value_dim;
    double *lse = run->result->reference_lse + row * problem->query_head_count;
    complete = octavo_oracle_attend(&info, output, lse, &run->result->spread);
    if (!complete) (void)octavo_error_line_set(run->error, "no memory for the oracle's %u logits", (unsigned)length);
end:
    free(keys);
    free(values);
    free(queries);
    return complete;
}

/* A recent window changes what the cache holds from call to call; without one the last state serves all rows. */
static bool oracle_after_call(session *run) {
    if (!run->with_oracle || run->problem->recent_tokens == 0) return true;
    for (uint32_t i = 0; i < run->problem->sequence_count; i++)
        if (run->counts[i] > 0 && !run_oracle(run, i, run->answered[i], run->counts[i])) return false;
    return true;
}

static bool oracle_at_end(session *run) {
    if (!run->with_oracle || run->problem->recent_tokens > 0) return true;
    for (uint32_t i = 0; i < run->problem->sequence_count; i++)
        if (run->problem->query_counts[i] > 0 && !run_oracle(run, i, 0, run->problem->query_counts[i])) return false;
    return true;
}

/* --- the run ------------------------------------------------------------------------------------------------------ */

static bool is_complete(const session *run) {
    for (uint32_t i = 0; i < run->problem->sequence_count; i++)
        if (run->appended[i] < run->problem->lengths[i] || run->answered[i] < run->problem->query_counts[i])
            return false;
    return true;
}

static bool step(session *run) {
    if (!append_chunk(run)) return false;
    choose_queries(run);
    uint32_t tokens = 0, selected = select_sequences(run, &tokens);
    if (selected == 0) return true;
    if (!submit_attention(run, selected, tokens) || !oracle_after_call(run)) return false;
    for (uint32_t i = 0; i < run->problem->sequence_count; i++) run->answered[i] += run->counts[i];
    return true;
}

static bool check_capacity(const session *run) {
    uint64_t tokens = octavo_problem_token_count(run->problem), queries = octavo_problem_query_count(run->problem);
    if (queries == 0) return octavo_error_line_set(run->error, "there are no queries");
    if (tokens > INT32_MAX || queries > INT32_MAX)
        return octavo_error_line_set(run->error, "%llu tokens or %llu queries are more than 2^31 - 1",
                                     (unsigned long long)tokens, (unsigned long long)queries);
    return true;
}

static void release(session *run) {
    octavo_attention_destroy(run->plan);
    octavo_cache_destroy(run->cache);
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
    session run = {.device = device, .problem = problem, .result = result, .error = error, .with_oracle = with_oracle};
    memset(result, 0, sizeof *result);
    result->guards_intact = true;
    bool running = check_capacity(&run) && prepare_host(&run) && prepare_cache(&run) && prepare_plan(&run) &&
                   prepare_transfer(&run);
    while (running && !is_complete(&run)) running = step(&run);
    running = running && oracle_at_end(&run);
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
