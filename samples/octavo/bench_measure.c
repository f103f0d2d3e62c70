#include "bench_measure.h"

#include "bench_check.h"
#include "bench_compute.h"
#include "bench_step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLE_SECONDS 0.01 /* what steps of one submission take, about */
#define STEP_LIMIT 512u
/* A GPU lowers its clock while the processor fills caches and checks results, and takes some tenths of a second to
 * raise it: steps then take four times as long (H100). A processor has no such state that we could wait for. */
#define WARM_UP_SECONDS 0.7

typedef struct clocks {
    double gpu, host, record; /* seconds of a step; gpu negative without timestamps */
} clocks;

/* Records and submits up to *steps steps; *steps becomes how many the frame had room for. */
static octavo_status time_steps(octavo_bench_session *session, octavo_bench_step *step, uint32_t *steps,
                                clocks *times) {
    VkCommandBuffer command_buffer = VK_NULL_HANDLE;
    uint32_t recorded = 0;
    double start = octavo_bench_clock();
    octavo_status status = octavo_commands_begin(session->commands, &command_buffer);
    while (recorded < *steps && status == OCTAVO_SUCCESS) {
        status = octavo_bench_step_record(step, session->frame, command_buffer);
        if (status == OCTAVO_SUCCESS) recorded++;
    }
    if (status == OCTAVO_FRAME_FULL && recorded > 0) status = OCTAVO_SUCCESS;
    if (status != OCTAVO_SUCCESS) {
        (void)octavo_frame_reset(session->frame); /* nothing of it was submitted */
        return status;
    }
    double submitted = octavo_bench_clock(), gpu_seconds = -1;
    status = octavo_commands_submit_and_wait(session->commands, &gpu_seconds);
    times->host = (octavo_bench_clock() - submitted) / recorded;
    times->record = (submitted - start) / recorded;
    times->gpu = gpu_seconds < 0 ? -1 : gpu_seconds / recorded;
    *steps = recorded;
    if (status == OCTAVO_SUCCESS) status = octavo_frame_reset(session->frame);
    return status == OCTAVO_SUCCESS ? octavo_bench_step_rewind(step) : status;
}

static octavo_status warm_up(octavo_bench_session *session, octavo_bench_step *step) {
    octavo_device_description device;
    octavo_device_describe(session->device, &device);
    octavo_status status = OCTAVO_SUCCESS;
    double start = octavo_bench_clock();
    while (device.type != VK_PHYSICAL_DEVICE_TYPE_CPU && status == OCTAVO_SUCCESS &&
           octavo_bench_clock() - start < WARM_UP_SECONDS) {
        clocks times = {0, 0, 0};
        uint32_t steps = octavo_bench_case_appends(step->bench) ? step->bench->layers : 16;
        status = time_steps(session, step, &steps, &times);
    }
    return status;
}

/* Two single steps warm up; the second says how many make a sample. Where they append it is one for each layer. */
static octavo_status choose_steps(octavo_bench_session *session, octavo_bench_step *step, uint32_t *steps) {
    clocks times = {0, 0, 0};
    octavo_status status = OCTAVO_SUCCESS;
    *steps = octavo_bench_case_appends(step->bench) ? step->bench->layers : 1;
    for (int i = 0; i < 2 && status == OCTAVO_SUCCESS; i++) status = time_steps(session, step, steps, &times);
    if (status != OCTAVO_SUCCESS || octavo_bench_case_appends(step->bench)) return status;
    double seconds = times.gpu > 0 ? times.gpu : times.host;
    double wanted = SAMPLE_SECONDS / (seconds > 1e-7 ? seconds : 1e-7);
    *steps = wanted < 1 ? 1 : wanted < STEP_LIMIT ? (uint32_t)wanted : STEP_LIMIT;
    return seconds > 1 ? OCTAVO_SUCCESS : time_steps(session, step, steps, &times);
}

static bool allocate_samples(octavo_bench_row *row, double **record) {
    octavo_bench_times *const all[3] = {&row->gpu, &row->host, &row->host_minus_empty};
    for (int i = 0; i < 3; i++) all[i]->samples = malloc(OCTAVO_BENCH_SAMPLE_LIMIT * sizeof(double));
    *record = malloc(OCTAVO_BENCH_SAMPLE_LIMIT * sizeof **record);
    return row->gpu.samples != NULL && row->host.samples != NULL && row->host_minus_empty.samples != NULL &&
           *record != NULL;
}

static void add_sample(octavo_bench_times *times, double microseconds) {
    times->samples[times->count++] = microseconds;
}

static octavo_status sample(octavo_bench_session *session, octavo_bench_step *step, octavo_bench_row *row,
                            double *record) {
    double start = octavo_bench_clock();
    octavo_status status = OCTAVO_SUCCESS;
    bool has_gpu = true;
    for (size_t count = 0; count < OCTAVO_BENCH_SAMPLE_LIMIT && status == OCTAVO_SUCCESS; count++) {
        double passed_ms = (octavo_bench_clock() - start) * 1e3;
        if (count >= session->rounds && passed_ms >= session->least_ms) break;
        if (count >= 3 && passed_ms >= session->most_ms) break;
        clocks times = {0, 0, 0};
        uint32_t steps = row->steps_per_sample;
        status = time_steps(session, step, &steps, &times);
        if (status != OCTAVO_SUCCESS) break;
        row->steps_per_sample = steps;
        has_gpu = has_gpu && times.gpu > 0;
        record[row->host.count] = times.record * 1e6;
        add_sample(&row->gpu, times.gpu * 1e6);
        add_sample(&row->host, times.host * 1e6);
        add_sample(&row->host_minus_empty, times.host * 1e6 - session->ceilings.empty_dispatch_us / steps);
    }
    if (!has_gpu) {
        free(row->gpu.samples);
        row->gpu = (octavo_bench_times){NULL, 0, {0, 0, 0, 0, 0}};
    }
    return status;
}

static void summarise(octavo_bench_row *row, const double *record) {
    row->gpu.summary = octavo_bench_summarise(row->gpu.samples, row->gpu.count);
    row->host.summary = octavo_bench_summarise(row->host.samples, row->host.count);
    row->host_minus_empty.summary = octavo_bench_summarise(row->host_minus_empty.samples, row->host_minus_empty.count);
    row->record_us = octavo_bench_summarise(record, row->host.count).median;
}

static void describe(const octavo_bench_session *session, const octavo_bench_step *step, octavo_bench_row *row) {
    const octavo_bench_case *bench = step->bench;
    octavo_bench_work work = octavo_bench_case_work(bench, session->filled.lengths);
    double token_bytes = (double)session->filled.statistics.bytes_per_token;
    row->bench = *bench;
    octavo_bench_case_name(bench, row->name);
    row->total_tokens = session->filled.total_tokens;
    (void)snprintf(row->variant, sizeof row->variant, "%s", octavo_bench_step_variant(step));
    (void)snprintf(row->tuning, sizeof row->tuning, "%s", octavo_bench_step_tuning(step));
    if (bench->phase == OCTAVO_BENCH_APPEND) {
        row->bytes = (token_bytes + (double)octavo_bench_case_input_bytes(bench)) * (double)step->query_total;
    } else {
        row->bytes = token_bytes * work.seen_tokens;
        row->ops = 2.0 * work.pairs * bench->kv_heads * bench->gqa * (bench->key_dim + bench->value_dim);
    }
    row->rotated_bytes = row->bytes * bench->layers;
    row->warm =
        bench->warm || (bench->phase != OCTAVO_BENCH_APPEND && row->rotated_bytes < session->ceilings.set_bytes / 4);
}

/* Before anything is allocated: whether it can be. */
static octavo_status check_memory(const octavo_bench_session *session, const octavo_bench_case *bench,
                                  octavo_error_line *error) {
    octavo_device_description device;
    uint32_t lengths[OCTAVO_BENCH_BATCH_LIMIT];
    octavo_device_describe(session->device, &device);
    double tokens = (double)octavo_bench_case_lengths(bench, lengths) + 512.0 * bench->batch;
    for (uint32_t i = 0; bench->phase == OCTAVO_BENCH_APPEND && i < bench->batch; i++)
        tokens += octavo_bench_case_queries(bench, lengths[i]);
    double bytes = tokens * (double)octavo_bench_case_token_bytes(bench) * bench->layers;
    double room = (double)device.device_memory_bytes * (device.type == VK_PHYSICAL_DEVICE_TYPE_CPU ? 0.4 : 0.85);
    if (bytes <= room) return OCTAVO_SUCCESS;
    (void)octavo_error_line_set(error, "memory: %u layers of caches take %.1f GiB, the device has room for %.1f GiB",
                                (unsigned)bench->layers, bytes / 0x1p30, room / 0x1p30);
    return OCTAVO_OUT_OF_DEVICE_MEMORY;
}

octavo_status octavo_bench_measure(octavo_bench_session *session, const octavo_bench_case *bench, octavo_bench_row *row,
                                   octavo_error_line *error) {
    octavo_bench_step step = {0};
    octavo_status status = check_memory(session, bench, error);
    double *record = NULL;
    memset(row, 0, sizeof *row);
    if (status != OCTAVO_SUCCESS || !octavo_bench_cache_prepare(&session->filled, bench, &status, error)) return status;
    status = octavo_bench_step_create(&session->filled, bench, &step, error);
    if (status != OCTAVO_SUCCESS) goto end;
    describe(session, &step, row);
    status = allocate_samples(row, &record) ? OCTAVO_SUCCESS : OCTAVO_OUT_OF_HOST_MEMORY;
    if (status == OCTAVO_SUCCESS) status = warm_up(session, &step);
    if (status == OCTAVO_SUCCESS) status = choose_steps(session, &step, &row->steps_per_sample);
    if (status == OCTAVO_SUCCESS) status = sample(session, &step, row, record);
    if (status == OCTAVO_SUCCESS) {
        summarise(row, record);
        octavo_bench_row_relate(row, &session->ceilings);
        if (!session->times_only) status = octavo_bench_check(session, &step, row);
    }
    if (status != OCTAVO_SUCCESS) (void)octavo_error_line_set(error, "running it: %s", octavo_status_string(status));
end:
    free(record);
    octavo_bench_step_release(&step);
    if (status != OCTAVO_SUCCESS) octavo_bench_row_release(row);
    return status;
}
