#include "attention_problem.h"

#include "mask_spec.h"
#include "tensor_type.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void octavo_problem_init(octavo_problem *problem) {
    octavo_cache_info defaults = OCTAVO_CACHE_INFO_INIT;
    memset(problem, 0, sizeof *problem);
    problem->layer_count = 1;
    problem->key_bits = defaults.key_bits;
    problem->value_bits = defaults.value_bits;
    problem->first_tokens = defaults.first_tokens;
    problem->recent_tokens = defaults.recent_tokens;
    problem->slack_tokens = defaults.slack_tokens;
}

void octavo_problem_release(octavo_problem *problem) {
    free(problem->lengths);
    free(problem->query_counts);
    free(problem->queries);
    free(problem->keys);
    free(problem->values);
    free(problem->sink_logits);
    free(problem->key_mean);
    free(problem->key_transform);
    memset(problem, 0, sizeof *problem);
}

bool octavo_problem_allocate_sequences(octavo_problem *problem, uint32_t sequence_count, octavo_error_line *error) {
    problem->sequence_count = sequence_count;
    problem->lengths = calloc((size_t)sequence_count + 1, sizeof *problem->lengths);
    problem->query_counts = calloc((size_t)sequence_count + 1, sizeof *problem->query_counts);
    if (problem->lengths == NULL || problem->query_counts == NULL)
        return octavo_error_line_set(error, "no memory for %u sequences", (unsigned)sequence_count);
    return true;
}

uint64_t octavo_problem_token_count(const octavo_problem *problem) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < problem->sequence_count; i++) total += problem->lengths[i];
    return total;
}

uint64_t octavo_problem_query_count(const octavo_problem *problem) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < problem->sequence_count; i++) total += problem->query_counts[i];
    return total;
}

static float *allocate_rows(uint64_t tokens, uint32_t heads, uint32_t channels) {
    double bytes = (double)tokens * heads * channels * sizeof(float);
    if (bytes > 0x1p46) return NULL;
    return calloc((size_t)(tokens * heads * channels) + 1, sizeof(float));
}

bool octavo_problem_allocate_data(octavo_problem *problem, octavo_error_line *error) {
    uint64_t tokens = octavo_problem_token_count(problem), queries = octavo_problem_query_count(problem);
    problem->queries = allocate_rows(queries, problem->query_head_count, problem->key_dim);
    problem->keys = allocate_rows(tokens, problem->kv_head_count, problem->key_dim);
    problem->values = allocate_rows(tokens, problem->kv_head_count, problem->value_dim);
    if (problem->queries == NULL || problem->keys == NULL || problem->values == NULL)
        return octavo_error_line_set(error, "no memory for %llu tokens and %llu queries", (unsigned long long)tokens,
                                     (unsigned long long)queries);
    return true;
}

double octavo_problem_work(const octavo_problem *problem) {
    double pairs = 0;
    for (uint32_t i = 0; i < problem->sequence_count; i++)
        pairs += (double)problem->lengths[i] * (double)problem->query_counts[i];
    return pairs * (double)problem->query_head_count * (double)(problem->key_dim + problem->value_dim);
}

typedef struct text_line {
    char *text;
    size_t capacity, length;
} text_line;

static void append(text_line *line, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int added = vsnprintf(line->text + line->length, line->capacity - line->length, format, arguments);
    va_end(arguments);
    if (added < 0) return;
    line->length += (size_t)added;
    if (line->length >= line->capacity) line->length = line->capacity - 1;
}

static void append_sequences(text_line *line, const octavo_problem *problem) {
    append(line, "%u sequences [queries x keys", (unsigned)problem->sequence_count);
    for (uint32_t i = 0; i < problem->sequence_count && i < 8; i++)
        append(line, " %ux%u", (unsigned)problem->query_counts[i], (unsigned)problem->lengths[i]);
    append(line, problem->sequence_count > 8 ? " ..]" : "]");
}

void octavo_problem_describe(const octavo_problem *problem, char *text, size_t capacity) {
    static const char *const phases[3] = {"auto", "prefill", "decode"};
    static const char *const empty_rows[3] = {"zero", "all", "uniform"};
    char cache[OCTAVO_CACHE_SPEC_LENGTH], mask[OCTAVO_MASK_SPEC_LENGTH];
    text_line line = {text, capacity, 0};
    octavo_cache_spec_format(problem->key_bits, problem->value_bits, cache);
    octavo_mask_spec_format(&problem->mask, mask);
    append_sequences(&line, problem);
    append(&line, " heads %u/%u d %u/%u kv %s mask %s phase %s", (unsigned)problem->query_head_count,
           (unsigned)problem->kv_head_count, (unsigned)problem->key_dim, (unsigned)problem->value_dim, cache, mask,
           phases[problem->phase]);
    append(&line, " types q %s k %s v %s o %s", octavo_tensor_type_name(problem->query_type),
           octavo_tensor_type_name(problem->key_type), octavo_tensor_type_name(problem->value_type),
           octavo_tensor_type_name(problem->output_type));
    append(&line, " first %u recent %u slack %u", (unsigned)problem->first_tokens, (unsigned)problem->recent_tokens,
           (unsigned)problem->slack_tokens);
    if (problem->chunk_tokens > 0) append(&line, " chunk %u", (unsigned)problem->chunk_tokens);
    if (problem->own_tokens) append(&line, " own");
    if (problem->scale != 0) append(&line, " scale %g", (double)problem->scale);
    if (problem->softcap != 0) append(&line, " softcap %g", (double)problem->softcap);
    if (problem->sink_logits != NULL) append(&line, " sink-logits");
    if (problem->empty_row != OCTAVO_EMPTY_ROW_ZERO) append(&line, " empty-row %s", empty_rows[problem->empty_row]);
    if (problem->layer_count > 1)
        append(&line, " layer %u of %u", (unsigned)problem->layer, (unsigned)problem->layer_count);
    if (problem->codec_seed != 0) append(&line, " seed %u", (unsigned)problem->codec_seed);
    if (problem->key_mean != NULL) append(&line, " mean");
    if (problem->key_transform != NULL) append(&line, " transform");
    if (problem->stride_padding != 0) append(&line, " padding %u", (unsigned)problem->stride_padding);
    if (problem->head_major) append(&line, " head-major");
    if (problem->segment_bytes != 0) append(&line, " segments %llu", (unsigned long long)problem->segment_bytes);
    if (problem->workgroup_target != 0) append(&line, " workgroups %u", (unsigned)problem->workgroup_target);
    if (problem->slice_work != 0) append(&line, " slice %llu", (unsigned long long)problem->slice_work);
    if (problem->scratch_bytes != 0) append(&line, " scratch %llu", (unsigned long long)problem->scratch_bytes);
    if (problem->variant != NULL) append(&line, " variant %s", problem->variant);
    if (problem->tuning != NULL) append(&line, " tuning %s", problem->tuning);
}
