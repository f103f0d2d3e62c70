#include "session_state.h"

#include <string.h>

octavo_tensor_layout octavo_session_key_layout(const octavo_problem *problem, uint32_t tokens) {
    return octavo_tensor_layout_make(problem->key_type, tokens, problem->kv_head_count, problem->key_dim,
                                     problem->stride_padding, problem->head_major);
}

octavo_tensor_layout octavo_session_value_layout(const octavo_problem *problem, uint32_t tokens) {
    return octavo_tensor_layout_make(problem->value_type, tokens, problem->kv_head_count, problem->value_dim,
                                     problem->stride_padding, problem->head_major);
}

octavo_tensor_layout octavo_session_query_layout(const octavo_problem *problem, uint32_t tokens) {
    return octavo_tensor_layout_make(problem->query_type, tokens, problem->query_head_count, problem->key_dim,
                                     problem->stride_padding, problem->head_major);
}

octavo_tensor_layout octavo_session_output_layout(const octavo_problem *problem, uint32_t tokens) {
    return octavo_tensor_layout_make(problem->output_type, tokens, problem->query_head_count, problem->value_dim,
                                     problem->stride_padding, problem->head_major);
}

octavo_tensor_layout octavo_session_lse_layout(const octavo_problem *problem, uint32_t tokens) {
    return octavo_tensor_layout_make(OCTAVO_F32, tokens, problem->query_head_count, 1, 0, false);
}

uint32_t octavo_session_select(octavo_session *run, uint32_t *tokens) {
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
static void gather(const octavo_session *run, const float *source, const uint64_t *offsets, const uint32_t *before,
                   size_t row_size) {
    float *rows = run->rows;
    for (uint32_t i = 0; i < run->problem->sequence_count; i++) {
        size_t size = run->counts[i] * row_size;
        if (size == 0) continue;
        memcpy(rows, source + (offsets[i] + before[i]) * row_size, size * sizeof *rows);
        rows += size;
    }
}

bool octavo_session_upload(octavo_session *run, const octavo_tensor_layout *layout, octavo_buffer *buffer) {
    octavo_tensor_layout_pack(layout, run->rows, run->block);
    return !octavo_session_failed(run, "octavo_buffer_write",
                                  octavo_buffer_write(buffer, 0, layout->block_bytes, run->block));
}

static bool poison(octavo_session *run, const octavo_tensor_layout *layout, octavo_buffer *buffer) {
    memset(run->block, 0xff, layout->block_bytes);
    return !octavo_session_failed(run, "octavo_buffer_write",
                                  octavo_buffer_write(buffer, 0, layout->block_bytes, run->block));
}

static bool download(octavo_session *run, const octavo_tensor_layout *layout, octavo_buffer *buffer, float *target,
                     size_t row_size) {
    if (octavo_session_failed(run, "octavo_buffer_read",
                              octavo_buffer_read(buffer, 0, layout->block_bytes, run->block)))
        return false;
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

bool octavo_session_begin(octavo_session *run, VkCommandBuffer *command_buffer) {
    return !octavo_session_failed(run, "octavo_frame_reset", octavo_frame_reset(run->frame)) &&
           !octavo_session_failed(run, "octavo_commands_begin", octavo_commands_begin(run->commands, command_buffer));
}

/* K and V of the call in preparation: of each sequence its next tokens. */
static bool upload_tokens(octavo_session *run, uint32_t tokens) {
    const octavo_problem *problem = run->problem;
    octavo_tensor_layout keys = octavo_session_key_layout(problem, tokens);
    octavo_tensor_layout values = octavo_session_value_layout(problem, tokens);
    gather(run, problem->keys, run->key_offsets, run->appended, (size_t)problem->kv_head_count * problem->key_dim);
    if (!octavo_session_upload(run, &keys, run->keys)) return false;
    gather(run, problem->values, run->key_offsets, run->appended, (size_t)problem->kv_head_count * problem->value_dim);
    return octavo_session_upload(run, &values, run->values);
}

bool octavo_session_record_append(octavo_session *run, octavo_cache *cache, VkCommandBuffer command_buffer,
                                  const octavo_append_info *where, uint32_t tokens) {
    octavo_tensor_layout keys = octavo_session_key_layout(run->problem, tokens);
    octavo_tensor_layout values = octavo_session_value_layout(run->problem, tokens);
    octavo_append_info info = *where;
    info.keys = octavo_tensor_layout_bind(&keys, octavo_buffer_handle(run->keys));
    info.values = octavo_tensor_layout_bind(&values, octavo_buffer_handle(run->values));
    return !octavo_session_failed(run, "octavo_cache_record_append",
                                  octavo_cache_record_append(cache, run->frame, command_buffer, &info));
}

static octavo_append_info append_of_call(const octavo_session *run, uint32_t selected) {
    octavo_append_info info = OCTAVO_APPEND_INFO_INIT;
    info.layer = run->problem->layer;
    info.sequence_count = selected;
    info.sequences = run->call_sequences;
    info.token_counts = run->call_counts;
    return info;
}

static uint32_t least(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static uint32_t next_chunk(const octavo_problem *problem, uint32_t missing) {
    return problem->chunk_tokens > 0 ? least(problem->chunk_tokens, missing) : missing;
}

bool octavo_session_append(octavo_session *run) {
    const octavo_problem *problem = run->problem;
    uint32_t tokens = 0, selected;
    for (uint32_t i = 0; i < problem->sequence_count; i++) {
        uint32_t own = problem->own_tokens ? problem->query_counts[i] : 0, end = problem->lengths[i] - own;
        run->counts[i] = run->appended[i] < end ? next_chunk(problem, end - run->appended[i]) : 0;
    }
    if ((selected = octavo_session_select(run, &tokens)) == 0) return true;
    octavo_append_info info = append_of_call(run, selected);
    VkCommandBuffer command_buffer = VK_NULL_HANDLE;
    if (!upload_tokens(run, tokens) || !octavo_session_begin(run, &command_buffer) ||
        !octavo_session_record_append(run, run->cache, command_buffer, &info, tokens))
        return false;
    if (octavo_session_failed(run, "octavo_commands_submit_and_wait",
                              octavo_commands_submit_and_wait(run->commands, NULL)))
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

/* Rows that wait for their tokens. */
static uint32_t ready_queries(const octavo_session *run, uint32_t i) {
    const octavo_problem *problem = run->problem;
    uint32_t missing = problem->lengths[i] - run->appended[i], queries = problem->query_counts[i];
    uint32_t available = queries > missing ? queries - missing : 0;
    bool ready = missing == 0 || may_answer_early(problem, i, run->appended[i], run->answered[i]);
    return ready && available > run->answered[i] ? available - run->answered[i] : 0;
}

/* Rows that bring their tokens: the next chunk, or all where later keys count. */
static uint32_t own_queries(const octavo_session *run, uint32_t i) {
    const octavo_problem *problem = run->problem;
    uint32_t missing = problem->lengths[i] - run->appended[i], chunk = next_chunk(problem, missing);
    if (missing > problem->query_counts[i]) return 0;
    bool ready = may_answer_early(problem, i, run->appended[i] + chunk, run->answered[i]);
    return ready ? chunk : missing;
}

static bool submit_attention(octavo_session *run, uint32_t selected, uint32_t tokens) {
    const octavo_problem *problem = run->problem;
    octavo_append_info append = append_of_call(run, selected);
    octavo_tensor_layout keys = octavo_session_key_layout(problem, tokens);
    octavo_tensor_layout values = octavo_session_value_layout(problem, tokens);
    octavo_tensor_layout queries = octavo_session_query_layout(problem, tokens),
                         output = octavo_session_output_layout(problem, tokens);
    octavo_tensor_layout lse = octavo_session_lse_layout(problem, tokens);
    gather(run, problem->queries, run->query_offsets, run->answered,
           (size_t)problem->query_head_count * problem->key_dim);
    if (!octavo_session_upload(run, &queries, run->queries) || !poison(run, &output, run->output) ||
        !poison(run, &lse, run->lse))
        return false;
    VkCommandBuffer command_buffer = VK_NULL_HANDLE;
    if ((problem->own_tokens && !upload_tokens(run, tokens)) || !octavo_session_begin(run, &command_buffer))
        return false;
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
    if (problem->own_tokens) {
        info.own_keys = octavo_tensor_layout_bind(&keys, octavo_buffer_handle(run->keys));
        info.own_values = octavo_tensor_layout_bind(&values, octavo_buffer_handle(run->values));
    }
    double seconds = -1;
    if (octavo_session_failed(run, "octavo_attention_record",
                              octavo_attention_record(run->plan, run->frame, command_buffer, &info)))
        return false;
    if (problem->own_tokens && !octavo_session_record_append(run, run->cache, command_buffer, &append, tokens))
        return false;
    if (octavo_session_failed(run, "octavo_commands_submit_and_wait",
                              octavo_commands_submit_and_wait(run->commands, &seconds)))
        return false;
    run->result->attention_calls++;
    if (seconds < 0) run->result->gpu_seconds = -1;
    if (run->result->gpu_seconds >= 0) run->result->gpu_seconds += seconds;
    return download(run, &output, run->output, run->result->output,
                    (size_t)problem->query_head_count * problem->value_dim) &&
           download(run, &lse, run->lse, run->result->lse, problem->query_head_count);
}

bool octavo_session_attend(octavo_session *run) {
    const octavo_problem *problem = run->problem;
    for (uint32_t i = 0; i < problem->sequence_count; i++)
        run->counts[i] = problem->own_tokens ? own_queries(run, i) : ready_queries(run, i);
    uint32_t tokens = 0, selected = octavo_session_select(run, &tokens);
    if (selected == 0) return true;
    if (!octavo_session_oracle(run) || !submit_attention(run, selected, tokens)) return false;
    for (uint32_t i = 0; i < problem->sequence_count; i++) {
        run->answered[i] += run->counts[i];
        if (problem->own_tokens) run->appended[i] += run->counts[i];
    }
    return true;
}
