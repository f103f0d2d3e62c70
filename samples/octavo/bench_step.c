#include "bench_step.h"

#include "bench_values.h"

#include <stdlib.h>
#include <string.h>

#define WRITE_VALUES (UINT64_C(1) << 22) /* that are made and written at once */

static octavo_status write_queries(octavo_bench_step *step, uint64_t count) {
    uint64_t most = count < WRITE_VALUES ? count : WRITE_VALUES;
    float *values = malloc((size_t)most * sizeof *values);
    octavo_status status = values == NULL ? OCTAVO_OUT_OF_HOST_MEMORY : OCTAVO_SUCCESS;
    for (uint64_t done = 0; done < count && status == OCTAVO_SUCCESS; done += most) {
        uint64_t size = count - done < most ? count - done : most;
        octavo_bench_fill_values(step->bench->seed, OCTAVO_BENCH_QUERIES, done, values, size);
        status = octavo_buffer_write(step->queries, done * sizeof *values, size * sizeof *values, values);
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
    uint64_t heads = (uint64_t)bench->kv_heads * bench->gqa, query_values = step->query_total * heads * bench->key_dim;
    octavo_status status =
        octavo_buffer_create(device, query_values * sizeof(float), OCTAVO_BUFFER_DEVICE, &step->queries);
    if (failed(status, "the buffer of queries", error)) return status;
    status = octavo_buffer_create(device, step->query_total * heads * bench->value_dim * sizeof(float),
                                  OCTAVO_BUFFER_DEVICE, &step->output);
    if (failed(status, "the buffer of outputs", error)) return status;
    status = write_queries(step, query_values);
    if (failed(status, "writing queries", error)) return status;
    if (bench->sink_logits) {
        step->sink_logits = malloc((size_t)heads * sizeof *step->sink_logits);
        if (failed(step->sink_logits == NULL ? OCTAVO_OUT_OF_HOST_MEMORY : OCTAVO_SUCCESS, "sink logits", error))
            return OCTAVO_OUT_OF_HOST_MEMORY;
        octavo_bench_fill_values(bench->seed, OCTAVO_BENCH_SINK_LOGITS, 0, step->sink_logits, heads);
    }
    status = create_plan(step);
    const char *refusal = status == OCTAVO_UNSUPPORTED ? variant_refusal(step) : NULL;
    if (refusal != NULL)
        (void)octavo_error_line_set(error, "%s: %s", bench->variant, refusal);
    else
        (void)failed(status, "octavo_attention_create", error);
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
    return create_attention(step, error);
}

void octavo_bench_step_release(octavo_bench_step *step) {
    octavo_attention_destroy(step->plan);
    octavo_buffer_destroy(step->queries);
    octavo_buffer_destroy(step->output);
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
    uint32_t heads = bench->kv_heads * bench->gqa;
    octavo_attention_run run = OCTAVO_ATTENTION_RUN_INIT;
    run.layer = step->layer;
    run.sequence_count = bench->batch;
    run.sequences = step->filled->sequences;
    run.query_counts = step->counts;
    run.queries = (octavo_tensor){octavo_buffer_handle(step->queries),
                                  0,
                                  octavo_buffer_size(step->queries),
                                  OCTAVO_F32,
                                  heads * bench->key_dim,
                                  bench->key_dim};
    run.output = (octavo_tensor){octavo_buffer_handle(step->output), 0,
                                 octavo_buffer_size(step->output),   OCTAVO_F32,
                                 heads * bench->value_dim,           bench->value_dim};
    run.sink_logits = step->sink_logits;
    return octavo_attention_record(step->plan, frame, command_buffer, &run);
}

/* Multiples of 64 rows are multiples of 256 bytes; different layers read different rows. */
uint32_t octavo_bench_step_append_row(const octavo_bench_step *step, uint32_t layer) {
    uint32_t tokens = (uint32_t)step->query_total, distance = (tokens + 63) / 64 * 64;
    uint32_t places = (step->filled->source_tokens - tokens) / distance + 1;
    return layer % places * distance;
}

static octavo_status record_append(octavo_bench_step *step, octavo_frame *frame, VkCommandBuffer command_buffer) {
    uint32_t row = octavo_bench_step_append_row(step, step->layer);
    octavo_append_info info = OCTAVO_APPEND_INFO_INIT;
    info.layer = step->layer;
    info.sequence_count = step->bench->batch;
    info.sequences = step->filled->sequences;
    info.token_counts = step->counts;
    info.keys = octavo_bench_cache_source(step->filled, false, row);
    info.values = octavo_bench_cache_source(step->filled, true, row);
    return octavo_cache_record_append(step->filled->cache, frame, command_buffer, &info);
}

octavo_status octavo_bench_step_record(octavo_bench_step *step, octavo_frame *frame, VkCommandBuffer command_buffer) {
    octavo_status status =
        step->plan != NULL ? record_attention(step, frame, command_buffer) : record_append(step, frame, command_buffer);
    if (status == OCTAVO_SUCCESS) step->layer = (step->layer + 1) % step->bench->layers;
    return status;
}

octavo_status octavo_bench_step_rewind(octavo_bench_step *step) {
    octavo_status status = OCTAVO_SUCCESS;
    for (uint32_t i = 0; step->plan == NULL && i < step->bench->batch && status == OCTAVO_SUCCESS; i++)
        status = octavo_sequence_truncate(step->filled->cache, step->filled->sequences[i], step->filled->lengths[i]);
    return status;
}
