#include "session_state.h"

#include "tensor_type.h"

#include <stdlib.h>
#include <string.h>

#define TWIN_TOKENS 4096u /* the largest recent window */

/* Own tokens are seen in f16 in the basis of the codes. A cache with the same codec, all of them in its recent window,
 * reads them back as just those numbers. */
bool octavo_session_prepare_oracle(octavo_session *run) {
    const octavo_problem *problem = run->problem;
    if (!run->with_oracle || !problem->own_tokens) return true;
    octavo_cache_info info = OCTAVO_CACHE_INFO_INIT;
    octavo_cache_get_info(run->cache, &info);
    info.layer_count = info.sequence_capacity = 1;
    info.token_capacity = info.recent_tokens = TWIN_TOKENS;
    info.first_tokens = info.slack_tokens = 0;
    if (octavo_session_failed(run, "octavo_cache_create", octavo_cache_create(run->device, &info, &run->twin)))
        return false;
    return octavo_session_set_codec(run, run->twin, 0);
}

/* Rows of the problem from `token` on, of one sequence alone. */
static bool upload_rows(octavo_session *run, octavo_tensor_layout layout, const float *rows, uint64_t token,
                        octavo_buffer *buffer) {
    size_t row = (size_t)layout.heads * layout.channels;
    memcpy(run->rows, rows + token * row, layout.tokens * row * sizeof *rows);
    return octavo_session_upload(run, &layout, buffer);
}

/* Tokens token .. of the problem's arrays, at most TWIN_TOKENS. */
static bool read_piece(octavo_session *run, uint64_t token, uint32_t count, float *keys, float *values) {
    const octavo_problem *problem = run->problem;
    octavo_sequence sequence = 0;
    octavo_append_info info = OCTAVO_APPEND_INFO_INIT;
    info.sequence_count = 1;
    info.sequences = &sequence;
    info.token_counts = &count;
    VkCommandBuffer command_buffer = VK_NULL_HANDLE;
    if (octavo_session_failed(run, "octavo_sequence_create", octavo_sequence_create(run->twin, 0, &sequence)))
        return false;
    bool read = upload_rows(run, octavo_session_key_layout(problem, count), problem->keys, token, run->keys) &&
                upload_rows(run, octavo_session_value_layout(problem, count), problem->values, token, run->values) &&
                octavo_session_begin(run, &command_buffer) &&
                octavo_session_record_append(run, run->twin, command_buffer, &info, count) &&
                !octavo_session_failed(run, "octavo_commands_submit_and_wait",
                                       octavo_commands_submit_and_wait(run->commands, NULL)) &&
                !octavo_session_failed(run, "octavo_cache_read",
                                       octavo_cache_read(run->twin, sequence, 0, 0, count, keys, values));
    return octavo_sequence_destroy(run->twin, sequence) == OCTAVO_SUCCESS && read;
}

/* The next `count` tokens of a sequence as a call sees them that brings them. */
static bool read_own(octavo_session *run, uint32_t sequence, uint32_t count, float *keys, float *values) {
    const octavo_problem *problem = run->problem;
    uint64_t token = run->key_offsets[sequence] + run->appended[sequence];
    for (uint32_t done = 0; done < count;) {
        uint32_t piece = count - done < TWIN_TOKENS ? count - done : TWIN_TOKENS;
        if (!read_piece(run, token + done, piece, keys + (size_t)done * problem->kv_head_count * problem->key_dim,
                        values + (size_t)done * problem->kv_head_count * problem->value_dim))
            return false;
        done += piece;
    }
    return true;
}

/* Rows [first, first + count) of a sequence against the keys that the cache holds now, and the next `own` tokens. */
static bool run_oracle(octavo_session *run, uint32_t sequence, uint32_t first, uint32_t count, uint32_t own) {
    const octavo_problem *problem = run->problem;
    uint32_t held = run->appended[sequence], length = held + own;
    size_t query_row = (size_t)problem->query_head_count * problem->key_dim;
    uint64_t row = run->query_offsets[sequence] + first;
    bool complete = false;
    float *keys = octavo_session_allocate(run, (uint64_t)length * problem->kv_head_count * problem->key_dim,
                                          sizeof *keys, "keys");
    float *values = octavo_session_allocate(run, (uint64_t)length * problem->kv_head_count * problem->value_dim,
                                            sizeof *values, "values");
    float *queries = octavo_session_allocate(run, count * query_row, sizeof *queries, "queries");
    if (keys == NULL || values == NULL || queries == NULL) goto end;
    if (held > 0 && octavo_session_failed(
                        run, "octavo_cache_read",
                        octavo_cache_read(run->cache, run->sequences[sequence], problem->layer, 0, held, keys, values)))
        goto end;
    if (!read_own(run, sequence, own, keys + (size_t)held * problem->kv_head_count * problem->key_dim,
                  values + (size_t)held * problem->kv_head_count * problem->value_dim))
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

/* A recent window, and own tokens, change what rows see from call to call; without one the last state serves all. */
static bool changes(const octavo_problem *problem) {
    return problem->recent_tokens > 0 || problem->own_tokens;
}

bool octavo_session_oracle(octavo_session *run) {
    const octavo_problem *problem = run->problem;
    if (!run->with_oracle || !changes(problem)) return true;
    for (uint32_t i = 0; i < problem->sequence_count; i++) {
        uint32_t own = problem->own_tokens ? run->counts[i] : 0;
        if (run->counts[i] > 0 && !run_oracle(run, i, run->answered[i], run->counts[i], own)) return false;
    }
    return true;
}

bool octavo_session_oracle_at_end(octavo_session *run) {
    const octavo_problem *problem = run->problem;
    if (!run->with_oracle || changes(problem)) return true;
    for (uint32_t i = 0; i < problem->sequence_count; i++)
        if (problem->query_counts[i] > 0 && !run_oracle(run, i, 0, problem->query_counts[i], 0)) return false;
    return true;
}
