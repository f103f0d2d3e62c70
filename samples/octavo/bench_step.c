#include "bench_step.h"

#include "bench_values.h"

#include <stdlib.h>
#include <string.h>

#define WRITE_ROWS UINT64_C(32768) /* that are made and written at once */

static octavo_status write_queries(octavo_bench_step *step, uint64_t count) {
    const octavo_bench_case *bench = step->bench;
    uint64_t most = count < WRITE_ROWS ? count : WRITE_ROWS;
    float *values = malloc((size_t)most * bench->key_dim * sizeof *values);
    octavo_status status = values == NULL ? OCTAVO_OUT_OF_HOST_MEMORY : OCTAVO_SUCCESS;
    for (uint64_t done = 0; done < count && status == OCTAVO_SUCCESS; done += most) {
        uint64_t rows = count - done < most ? count - done : most;
        octavo_bench_fill_values(bench->seed, OCTAVO_BENCH_QUERIES, bench->type, done * bench->key_dim, values,
                                 rows * bench->key_dim);
        status = octavo_bench_rows_write(&step->queries, done, rows, values);
    }
    free(values);
    return status;
}

static octavo_status create_plan(octavo_bench_step *step) {
    const octavo_bench_case *bench = step->bench;
    octavo_attention_info info = OCTAVO_ATTENTION_INFO_INIT;
    info.cache = step->filled->cache;
    info.query_head_count = bench->kv_heads * bench->gqa;
    info.sequence_capacity = bench->batch;
    info.query_capacity = (uint32_t)step->query_total;
    info.phase = bench->phase == OCTAVO_BENCH_PREFILL ? OCTAVO_PHASE_PREFILL : OCTAVO_PHASE_DECODE;
    info.mask = bench->mask;
    info.variant = bench->variant;
    info.workgroup_target = bench->workgroups;
    info.tuning = bench->tuning;
    info.own_tokens = bench->chunk == OCTAVO_BENCH_CHUNK_OWN;
    return octavo_attention_create(&info, &step->plan);
}

/* Why the forced variant cannot run here; NULL: none is forced, or only the shape is the reason. */
static const char *variant_refusal(const octavo_bench_step *step) {
    const char *name;
    octavo_phase phase = step->bench->phase == OCTAVO_BENCH_PREFILL ? OCTAVO_PHASE_PREFILL : OCTAVO_PHASE_DECODE;
    for (uint32_t i = 0; step->bench->variant != NULL && (name = octavo_attention_variant_name(i)) != NULL; i++)
        if (strcmp(name, step->bench->variant) == 0)
            return octavo_attention_variant_refusal(step->filled->device, i, phase);
    return NULL;
}

static bool failed(octavo_status status, const char *call, octavo_error_line *error) {
    if (status == OCTAVO_SUCCESS) return false;
    (void)octavo_error_line_set(error, "%s: %s", call, octavo_status_string(status));
    return true;
}

static octavo_status create_attention(octavo_bench_step *step, octavo_error_line *error) {
    const octavo_bench_case *bench = step->bench;
    octavo_device *device = step->filled->device;
    uint32_t heads = bench->kv_heads * bench->gqa;
    octavo_status status =
        octavo_bench_rows_create(device, bench->type, step->query_total, heads, bench->key_dim, &step->queries);
    if (failed(status, "the buffer of queries", error)) return status;
    octavo_type output_type = bench->type == OCTAVO_F32 ? OCTAVO_F32 : OCTAVO_F16;
    status = octavo_bench_rows_create(device, output_type, step->query_total, heads, bench->value_dim, &step->output);
    if (failed(status, "the buffer of outputs", error)) return status;
    status = write_queries(step, step->query_total * heads);
    if (failed(status, "writing queries", error)) return status;
    if (bench->sink_logits) {
        step->sink_logits = malloc(heads * sizeof *step->sink_logits);
        if (failed(step->sink_logits == NULL ? OCTAVO_OUT_OF_HOST_MEMORY : OCTAVO_SUCCESS, "sink logits", error))
            return OCTAVO_OUT_OF_HOST_MEMORY;
        octavo_bench_fill_values(bench->seed, OCTAVO_BENCH_SINK_LOGITS, OCTAVO_F32, 0, step->sink_logits, heads);
    }
    status = create_plan(step);
    const char *refusal = status == OCTAVO_UNSUPPORTED ? variant_refusal(step) : NULL;
    if (refusal != NULL)
        (void)octavo_error_line_set(error, "%s: %s", bench->variant, refusal);
    else
        (void)failed(status, "octavo_attention_create", error);
    return status;
}

/* K or V of the last tokens of each sequence: rows of the source, as the cache was filled. */
static octavo_status create_chunk(octavo_bench_step *step, bool values, octavo_bench_rows *rows) {
    const octavo_bench_cache *filled = step->filled;
    const float *source = values ? filled->source_values : filled->source_keys;
    uint32_t heads = step->bench->kv_heads, dim = values ? step->bench->value_dim : step->bench->key_dim;
    size_t token_values = (size_t)heads * dim, at = 0;
    octavo_status status =
        octavo_bench_rows_create(filled->device, step->bench->type, step->query_total, heads, dim, rows);
    float *chunk = malloc((size_t)step->query_total * token_values * sizeof *chunk);
    if (chunk == NULL) return OCTAVO_OUT_OF_HOST_MEMORY;
    for (uint32_t i = 0; i < step->bench->batch; i++)
        for (uint32_t token = filled->lengths[i] - step->counts[i]; token < filled->lengths[i];
             token++, at += token_values)
            memcpy(chunk + at, source + token % filled->source_tokens * token_values, token_values * sizeof *chunk);
    if (status == OCTAVO_SUCCESS) status = octavo_bench_rows_write(rows, 0, step->query_total * heads, chunk);
    free(chunk);
    return status;
}

/* Steps find the cache without the tokens that they append; what it holds of them was read before. */
static octavo_status prepare_chunk(octavo_bench_step *step, octavo_error_line *error) {
    octavo_bench_contents contents;
    for (uint32_t i = 0; i < step->bench->batch; i++) {
        if (step->counts[i] <= step->filled->lengths[i]) continue;
        (void)octavo_error_line_set(error, "a chunk of %u tokens, the sequence has %u", (unsigned)step->counts[i],
                                    (unsigned)step->filled->lengths[i]);
        return OCTAVO_UNSUPPORTED;
    }
    octavo_status status = octavo_bench_cache_read(step->filled, &contents);
    if (status == OCTAVO_SUCCESS) status = create_chunk(step, false, &step->chunk_keys);
    if (status == OCTAVO_SUCCESS) status = create_chunk(step, true, &step->chunk_values);
    if (status == OCTAVO_SUCCESS) status = octavo_bench_step_rewind(step);
    (void)failed(status, "the tokens of the chunk", error);
    return status;
}

octavo_status octavo_bench_step_create(octavo_bench_cache *filled, const octavo_bench_case *bench,
                                       octavo_bench_step *step, octavo_error_line *error) {
    memset(step, 0, sizeof *step);
    step->bench = bench;
    step->filled = filled;
    step->counts = calloc(bench->batch, sizeof *step->counts);
    if (failed(step->counts == NULL ? OCTAVO_OUT_OF_HOST_MEMORY : OCTAVO_SUCCESS, "counts of queries", error))
        return OCTAVO_OUT_OF_HOST_MEMORY;
    for (uint32_t i = 0; i < bench->batch; i++) {
        step->counts[i] = octavo_bench_case_queries(bench, filled->lengths[i]);
        step->query_total += step->counts[i];
    }
    if (bench->phase == OCTAVO_BENCH_APPEND) {
        if (step->query_total <= filled->source_tokens) return OCTAVO_SUCCESS;
        (void)octavo_error_line_set(error, "%llu tokens to append, there are %u rows to take them from",
                                    (unsigned long long)step->query_total, (unsigned)filled->source_tokens);
        return OCTAVO_UNSUPPORTED;
    }
    if (step->query_total > OCTAVO_BENCH_TOKEN_LIMIT) {
        (void)octavo_error_line_set(error, "%llu query tokens, the limit is %u", (unsigned long long)step->query_total,
                                    OCTAVO_BENCH_TOKEN_LIMIT);
        return OCTAVO_UNSUPPORTED;
    }
    octavo_status status = create_attention(step, error);
    return status == OCTAVO_SUCCESS && octavo_bench_case_appends(bench) ? prepare_chunk(step, error) : status;
}

void octavo_bench_step_release(octavo_bench_step *step) {
    octavo_attention_destroy(step->plan);
    octavo_bench_rows_release(&step->queries);
    octavo_bench_rows_release(&step->output);
    octavo_bench_rows_release(&step->chunk_keys);
    octavo_bench_rows_release(&step->chunk_values);
    free(step->counts);
    free(step->sink_logits);
    memset(step, 0, sizeof *step);
}

const char *octavo_bench_step_variant(const octavo_bench_step *step) {
    return step->plan != NULL ? octavo_attention_variant(step->plan) : "append";
}

const char *octavo_bench_step_tuning(const octavo_bench_step *step) {
    return step->plan != NULL ? octavo_attention_tuning(step->plan) : "";
}

static octavo_status record_attention(octavo_bench_step *step, octavo_frame *frame, VkCommandBuffer command_buffer) {
    const octavo_bench_case *bench = step->bench;
    octavo_attention_run run = OCTAVO_ATTENTION_RUN_INIT;
    run.layer = step->layer;
    run.sequence_count = bench->batch;
    run.sequences = step->filled->sequences;
    run.query_counts = step->counts;
    run.queries = octavo_bench_rows_tensor(&step->queries, 0);
    run.output = octavo_bench_rows_tensor(&step->output, 0);
    run.sink_logits = step->sink_logits;
    if (bench->chunk == OCTAVO_BENCH_CHUNK_OWN) {
        run.own_keys = octavo_bench_rows_tensor(&step->chunk_keys, 0);
        run.own_values = octavo_bench_rows_tensor(&step->chunk_values, 0);
    }
    return octavo_attention_record(step->plan, frame, command_buffer, &run);
}

/* Multiples of 64 rows are multiples of 256 bytes; different layers read different rows. */
uint32_t octavo_bench_step_append_row(const octavo_bench_step *step, uint32_t layer) {
    uint32_t tokens = (uint32_t)step->query_total, distance = (tokens + 63) / 64 * 64;
    uint32_t places = (step->filled->source_tokens - tokens) / distance + 1;
    return layer % places * distance;
}

static octavo_status record_append(octavo_bench_step *step, octavo_frame *frame, VkCommandBuffer command_buffer) {
    bool is_chunk = step->chunk_keys.buffer != NULL;
    const octavo_bench_cache *filled = step->filled;
    uint32_t row = is_chunk ? 0 : octavo_bench_step_append_row(step, step->layer);
    octavo_append_info info = OCTAVO_APPEND_INFO_INIT;
    info.layer = step->layer;
    info.sequence_count = step->bench->batch;
    info.sequences = step->filled->sequences;
    info.token_counts = step->counts;
    info.keys = octavo_bench_rows_tensor(is_chunk ? &step->chunk_keys : &filled->key_rows, row);
    info.values = octavo_bench_rows_tensor(is_chunk ? &step->chunk_values : &filled->value_rows, row);
    return octavo_cache_record_append(step->filled->cache, frame, command_buffer, &info);
}

octavo_status octavo_bench_step_record(octavo_bench_step *step, octavo_frame *frame, VkCommandBuffer command_buffer) {
    octavo_bench_chunk chunk = step->bench->chunk;
    octavo_status status = OCTAVO_SUCCESS;
    if (step->plan == NULL || chunk == OCTAVO_BENCH_CHUNK_PACKED) status = record_append(step, frame, command_buffer);
    if (step->plan != NULL && status == OCTAVO_SUCCESS) status = record_attention(step, frame, command_buffer);
    if (chunk == OCTAVO_BENCH_CHUNK_OWN && status == OCTAVO_SUCCESS)
        status = record_append(step, frame, command_buffer);
    if (status == OCTAVO_SUCCESS) step->layer = (step->layer + 1) % step->bench->layers;
    return status;
}

octavo_status octavo_bench_step_rewind(octavo_bench_step *step) {
    octavo_status status = OCTAVO_SUCCESS;
    if (!octavo_bench_case_appends(step->bench)) return status;
    for (uint32_t i = 0; i < step->bench->batch && status == OCTAVO_SUCCESS; i++) {
        uint32_t length = step->filled->lengths[i] - (step->plan != NULL ? step->counts[i] : 0);
        status = octavo_sequence_truncate(step->filled->cache, step->filled->sequences[i], length);
    }
    return status;
}
