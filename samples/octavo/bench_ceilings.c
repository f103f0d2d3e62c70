#include "bench_ceilings.h"

#include "bench_compute.h"
#include "bench_matrix_shapes.h"
#include "bench_statistics.h"

#include <string.h>

#define LOADS 8u          /* of bench_bandwidth.comp */
#define CHAIN_STEPS 128.0 /* multiply-adds of an invocation and loop in bench_rate.comp */
#define MATRIX_STEPS 8.0 /* products of a subgroup and loop in bench_matrix_rate.comp */
#define REPEATS 9
#define LEAST_SECONDS 4e-3 /* of a dispatch whose rate counts */

static const uint32_t bandwidth_words[] = {
#include "bench_bandwidth.inc"
};
static const uint32_t rate_f32_words[] = {
#include "bench_rate_0.inc"
};
static const uint32_t rate_f16_words[] = {
#include "bench_rate_1.inc"
};
static const uint32_t rate_int8_words[] = {
#include "bench_rate_2.inc"
};
static const uint32_t matrix_f16_f32_words[] = {
#include "bench_matrix_rate_0.inc"
};
static const uint32_t matrix_f16_words[] = {
#include "bench_matrix_rate_1.inc"
};
static const uint32_t matrix_int8_words[] = {
#include "bench_matrix_rate_2.inc"
};
static const octavo_bench_module matrix_modules[OCTAVO_BENCH_MATRIX_KINDS] = {
    {matrix_f16_f32_words, sizeof matrix_f16_f32_words},
    {matrix_f16_words, sizeof matrix_f16_words},
    {matrix_int8_words, sizeof matrix_int8_words}};

typedef struct ceilings_run {
    octavo_bench_compute compute;
    octavo_buffer *source, *destination;
    octavo_bench_ceilings *result;
    double empty_seconds;
    int shape_repeats;    /* tries of each shape of a dispatch */
    octavo_status status; /* of the first call that failed */
} ceilings_run;

/* The shortest of some runs, by the GPU's clock where there is one, else the host's less an empty dispatch. */
static double fastest(ceilings_run *run, VkPipeline pipeline, octavo_bench_push push, uint32_t workgroups,
                      int repeats) {
    double best = 1e30;
    for (int i = 0; i < repeats && run->status == OCTAVO_SUCCESS; i++) {
        double gpu = -1, host = 0;
        run->status = octavo_bench_compute_run(&run->compute, pipeline, push, workgroups, &gpu, &host);
        double seconds = gpu > 0 ? gpu : host - run->empty_seconds;
        if (seconds > 1e-9 && seconds < best) best = seconds;
    }
    return best;
}

static void measure_empty(ceilings_run *run) {
    double samples[31];
    octavo_bench_module module = {bandwidth_words, sizeof bandwidth_words};
    VkPipeline pipeline =
        octavo_bench_compute_pipeline(&run->compute, &module, (uint32_t[OCTAVO_BENCH_CONSTANTS]){32, 0});
    if (pipeline == VK_NULL_HANDLE) run->status = OCTAVO_DRIVER_ERROR;
    for (int i = 0; i < 31 && run->status == OCTAVO_SUCCESS; i++) {
        double gpu;
        run->status =
            octavo_bench_compute_run(&run->compute, pipeline, (octavo_bench_push){0, 0}, 1, &gpu, &samples[i]);
    }
    octavo_bench_compute_destroy_pipeline(&run->compute, pipeline);
    if (run->status != OCTAVO_SUCCESS) return;
    run->empty_seconds = octavo_bench_summarise(samples, 31).median;
    run->result->empty_dispatch_us = run->empty_seconds * 1e6;
}

/* Data that no memory compresses, so that a read is one. */
static void fill_source(ceilings_run *run) {
    octavo_bench_module module = {bandwidth_words, sizeof bandwidth_words};
    uint32_t count = (uint32_t)(run->result->buffer_bytes / 16);
    octavo_bench_compute_bind(&run->compute, run->destination, run->source);
    VkPipeline pipeline =
        octavo_bench_compute_pipeline(&run->compute, &module, (uint32_t[OCTAVO_BENCH_CONSTANTS]){64, 0});
    if (pipeline == VK_NULL_HANDLE) run->status = OCTAVO_DRIVER_ERROR;
    (void)fastest(run, pipeline, (octavo_bench_push){count, 0}, count / (64 * LOADS * 16), 1);
    octavo_bench_compute_destroy_pipeline(&run->compute, pipeline);
}

/* mode: of the shader. Seconds of a dispatch of workgroups that go round several times; large where there is none. */
static double bandwidth_seconds(ceilings_run *run, uint32_t mode, uint32_t size, uint32_t rounds, int repeats) {
    const VkPhysicalDeviceLimits *limits = &run->compute.limits;
    octavo_bench_module module = {bandwidth_words, sizeof bandwidth_words};
    uint32_t count = (uint32_t)(run->result->buffer_bytes / 16), workgroups = count / (size * LOADS * rounds);
    if (size > limits->maxComputeWorkGroupSize[0] || size > limits->maxComputeWorkGroupInvocations || workgroups == 0 ||
        workgroups > limits->maxComputeWorkGroupCount[0])
        return 1e30;
    VkPipeline pipeline =
        octavo_bench_compute_pipeline(&run->compute, &module, (uint32_t[OCTAVO_BENCH_CONSTANTS]){size, mode});
    if (pipeline == VK_NULL_HANDLE) return 1e30;
    double seconds = fastest(run, pipeline, (octavo_bench_push){count, 0}, workgroups, repeats);
    octavo_bench_compute_destroy_pipeline(&run->compute, pipeline);
    return seconds;
}

/* Bytes a second in the best of several shapes of the dispatch; the first runs also wake the device up. */
static double measure_bandwidth(ceilings_run *run, uint32_t mode, double bytes) {
    static const uint32_t sizes[] = {64, 128, 256, 512, 1024}, rounds[] = {1, 4, 16};
    uint32_t best_size = sizes[0], best_rounds = rounds[0];
    double best = 1e30;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t j = 0; j < sizeof rounds / sizeof rounds[0]; j++) {
            double seconds = bandwidth_seconds(run, mode, sizes[i], rounds[j], run->shape_repeats);
            if (seconds >= best) continue;
            best = seconds;
            best_size = sizes[i];
            best_rounds = rounds[j];
        }
    }
    double again = bandwidth_seconds(run, mode, best_size, best_rounds, REPEATS);
    return bytes / (again < best ? again : best);
}

/* Loops of a workgroup in a second, over all workgroups; 0 where the driver refuses the kernel. */
static double measure_loops(ceilings_run *run, const octavo_bench_module *module,
                            const uint32_t constants[OCTAVO_BENCH_CONSTANTS]) {
    VkPipeline pipeline = octavo_bench_compute_pipeline(&run->compute, module, constants);
    if (pipeline == VK_NULL_HANDLE) return 0;
    octavo_bench_push push = {1, 16};
    uint32_t workgroups = 16;
    double seconds = fastest(run, pipeline, push, workgroups, 1);
    while (seconds < LEAST_SECONDS && push.loops < 1u << 16 && run->status == OCTAVO_SUCCESS) {
        if (workgroups < 8192)
            workgroups *= 4;
        else
            push.loops *= 2;
        seconds = fastest(run, pipeline, push, workgroups, 2);
    }
    double again = fastest(run, pipeline, push, workgroups, REPEATS);
    octavo_bench_compute_destroy_pipeline(&run->compute, pipeline);
    return (double)push.loops * workgroups / (again < seconds ? again : seconds);
}

/* Multiply-adds a second, vectors counting as one. */
static double measure_rate(ceilings_run *run, const uint32_t *words, size_t size) {
    const uint32_t constants[OCTAVO_BENCH_CONSTANTS] = {128};
    octavo_bench_module module = {words, size};
    return CHAIN_STEPS * constants[0] * measure_loops(run, &module, constants);
}

/* Operations a second in the best shape that the device's matrix units have; 0: none. */
static double measure_matrix_rate(ceilings_run *run, octavo_bench_matrix_kind kind) {
    octavo_bench_matrix_shape shapes[OCTAVO_BENCH_MATRIX_SHAPES];
    uint32_t count = octavo_bench_matrix_shapes(&run->compute, kind, shapes);
    double best = 0;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t size = 128; size <= 256 && run->status == OCTAVO_SUCCESS; size *= 2) {
            if (size > run->compute.limits.maxComputeWorkGroupInvocations) continue;
            const uint32_t constants[OCTAVO_BENCH_CONSTANTS] = {size, shapes[i].m, shapes[i].n, shapes[i].k};
            double loops = measure_loops(run, &matrix_modules[kind], constants);
            uint32_t subgroups = 0; /* of a workgroup, which the kernel tells */
            if (loops > 0) run->status = octavo_buffer_read(run->destination, 0, sizeof subgroups, &subgroups);
            double rate = 2.0 * shapes[i].m * shapes[i].n * shapes[i].k * MATRIX_STEPS * subgroups * loops;
            if (rate > best) best = rate;
        }
    }
    return best;
}

static bool create_buffers(ceilings_run *run, const octavo_device_description *description) {
    bool is_software = description->type == VK_PHYSICAL_DEVICE_TYPE_CPU;
    /* what a processor reads lies in its caches then, as far as they go; more takes seconds there */
    uint64_t bytes = UINT64_C(1) << (is_software ? 24 : 30);
    run->shape_repeats = is_software ? 1 : 3;
    while (bytes > run->compute.limits.maxStorageBufferRange || bytes > description->device_memory_bytes / 8)
        bytes /= 2;
    run->result->buffer_bytes = bytes;
    run->status = octavo_buffer_create(run->compute.device, bytes, OCTAVO_BUFFER_DEVICE, &run->source);
    if (run->status == OCTAVO_SUCCESS)
        run->status = octavo_buffer_create(run->compute.device, bytes, OCTAVO_BUFFER_DEVICE, &run->destination);
    return run->status == OCTAVO_SUCCESS;
}

static void measure_all(ceilings_run *run, const octavo_device_description *description) {
    octavo_bench_ceilings *result = run->result;
    if (!create_buffers(run, description)) return;
    double bytes = (double)result->buffer_bytes;
    octavo_bench_compute_bind(&run->compute, run->source, run->destination);
    measure_empty(run);
    fill_source(run);
    octavo_bench_compute_bind(&run->compute, run->source, run->destination);
    result->copy_bytes_per_s = measure_bandwidth(run, 1, 2 * bytes);
    result->read_bytes_per_s = measure_bandwidth(run, 2, bytes);
    result->f32_flops = 2 * measure_rate(run, rate_f32_words, sizeof rate_f32_words);
    if ((description->capabilities & OCTAVO_CAPABILITY_FLOAT16) != 0)
        result->f16_flops = 4 * measure_rate(run, rate_f16_words, sizeof rate_f16_words);
    if ((description->capabilities & OCTAVO_CAPABILITY_INT_DOT) != 0)
        result->int8_dot_ops_per_s = 8 * measure_rate(run, rate_int8_words, sizeof rate_int8_words);
    result->int8_matrix_ops_per_s = measure_matrix_rate(run, OCTAVO_BENCH_MATRIX_INT8);
    result->f16_matrix_flops = measure_matrix_rate(run, OCTAVO_BENCH_MATRIX_F16_F32);
    if (result->f16_matrix_flops <= 0) result->f16_matrix_flops = measure_matrix_rate(run, OCTAVO_BENCH_MATRIX_F16);
}

bool octavo_bench_ceilings_measure(octavo_device *device, octavo_bench_ceilings *ceilings, octavo_error_line *error) {
    ceilings_run run = {.result = ceilings};
    octavo_device_description description;
    octavo_device_describe(device, &description);
    memset(ceilings, 0, sizeof *ceilings);
    bool measured = octavo_bench_compute_create(device, &run.compute, error);
    if (measured) {
        measure_all(&run, &description);
        measured = run.status == OCTAVO_SUCCESS ||
                   octavo_error_line_set(error, "the device's ceilings: %s", octavo_status_string(run.status));
    }
    octavo_buffer_destroy(run.source);
    octavo_buffer_destroy(run.destination);
    octavo_bench_compute_release(&run.compute);
    return measured;
}
