#include "bench_result.h"

#include "device_type_name.h"
#include "mask_spec.h"
#include "tensor_type.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Six digits are more than any measurement has. */
static double rounded(double value) {
    char text[32];
    (void)snprintf(text, sizeof text, "%.6g", value);
    return strtod(text, NULL);
}

/* null for what is not known. */
static void add_measured(cJSON *object, const char *name, double value) {
    if (isfinite(value) && value > 0)
        (void)cJSON_AddNumberToObject(object, name, rounded(value));
    else
        (void)cJSON_AddNullToObject(object, name);
}

static void add_error(cJSON *object, const char *name, bool known, double value) {
    if (known && isfinite(value))
        (void)cJSON_AddNumberToObject(object, name, rounded(value));
    else
        (void)cJSON_AddNullToObject(object, name);
}

static void add_times(cJSON *object, const char *name, const octavo_bench_times *times) {
    if (times->samples == NULL) {
        (void)cJSON_AddNullToObject(object, name);
        return;
    }
    cJSON *clock = cJSON_AddObjectToObject(object, name);
    (void)cJSON_AddNumberToObject(clock, "median", rounded(times->summary.median));
    (void)cJSON_AddNumberToObject(clock, "min", rounded(times->summary.minimum));
    (void)cJSON_AddNumberToObject(clock, "max", rounded(times->summary.maximum));
    (void)cJSON_AddNumberToObject(clock, "p10", rounded(times->summary.p10));
    (void)cJSON_AddNumberToObject(clock, "p90", rounded(times->summary.p90));
    cJSON *samples = cJSON_AddArrayToObject(clock, "samples");
    for (size_t i = 0; i < times->count; i++)
        (void)cJSON_AddItemToArray(samples, cJSON_CreateNumber(rounded(times->samples[i])));
}

static cJSON *json_of_device(const octavo_bench_result *result) {
    const octavo_device_description *device = &result->device;
    cJSON *object = cJSON_CreateObject();
    char api[32];
    (void)snprintf(api, sizeof api, "%u.%u.%u", (unsigned)VK_API_VERSION_MAJOR(device->api_version),
                   (unsigned)VK_API_VERSION_MINOR(device->api_version),
                   (unsigned)VK_API_VERSION_PATCH(device->api_version));
    (void)cJSON_AddStringToObject(object, "name", device->name);
    (void)cJSON_AddNumberToObject(object, "vendor_id", device->vendor_id);
    (void)cJSON_AddNumberToObject(object, "device_id", device->device_id);
    (void)cJSON_AddStringToObject(object, "driver", device->driver);
    (void)cJSON_AddStringToObject(object, "driver_version_text", result->driver_version_text);
    (void)cJSON_AddStringToObject(object, "api", api);
    (void)cJSON_AddStringToObject(object, "type", octavo_device_type_name(device->type));
    (void)cJSON_AddNumberToObject(object, "subgroup_size", device->subgroup_size);
    add_measured(object, "core_count", result->core_count);
    (void)cJSON_AddNumberToObject(object, "shared_memory_bytes", device->shared_memory_bytes);
    (void)cJSON_AddNumberToObject(object, "heap_bytes", (double)device->device_memory_bytes);
    return object;
}

static cJSON *json_of_ceilings(const octavo_bench_ceilings *ceilings) {
    cJSON *object = cJSON_CreateObject();
    add_measured(object, "copy_bytes_per_s", ceilings->copy_bytes_per_s);
    add_measured(object, "read_bytes_per_s", ceilings->read_bytes_per_s);
    add_measured(object, "int8_dot_ops_per_s", ceilings->int8_dot_ops_per_s);
    add_measured(object, "int8_matrix_ops_per_s", ceilings->int8_matrix_ops_per_s);
    add_measured(object, "f16_flops", ceilings->f16_flops);
    add_measured(object, "f16_matrix_flops", ceilings->f16_matrix_flops);
    add_measured(object, "f32_flops", ceilings->f32_flops);
    add_measured(object, "empty_dispatch_us", ceilings->empty_dispatch_us);
    (void)cJSON_AddNumberToObject(object, "set_bytes", ceilings->set_bytes);
    (void)cJSON_AddNumberToObject(object, "buffer_bytes", (double)ceilings->buffer_bytes);
    return object;
}

static void add_shape(cJSON *object, const octavo_bench_row *row) {
    const octavo_bench_case *bench = &row->bench;
    char tokens[64], kv[2][8], kv_text[24], mask[OCTAVO_MASK_SPEC_LENGTH];
    octavo_bench_tokens_text(&bench->tokens, tokens, sizeof tokens);
    octavo_mask_spec_format(&bench->mask, mask);
    for (int i = 0; i < 2; i++) {
        uint32_t bits = i == 0 ? bench->key_bits : bench->value_bits;
        (void)snprintf(kv[i], sizeof kv[i], bits == 16 ? "f%u" : "%u", (unsigned)bits & 0xff);
    }
    (void)snprintf(kv_text, sizeof kv_text, "%s/%s", kv[0], kv[1]);
    (void)cJSON_AddStringToObject(object, "name", row->name);
    if (bench->model != NULL) (void)cJSON_AddStringToObject(object, "model", bench->model);
    (void)cJSON_AddStringToObject(object, "phase", octavo_bench_phase_name(bench->phase));
    (void)cJSON_AddNumberToObject(object, "key_dim", bench->key_dim);
    (void)cJSON_AddNumberToObject(object, "value_dim", bench->value_dim);
    (void)cJSON_AddNumberToObject(object, "kv_heads", bench->kv_heads);
    (void)cJSON_AddNumberToObject(object, "gqa", bench->gqa);
    if (bench->tokens.low == bench->tokens.high)
        (void)cJSON_AddNumberToObject(object, "tokens", bench->tokens.low);
    else
        (void)cJSON_AddStringToObject(object, "tokens_text", tokens);
    (void)cJSON_AddNumberToObject(object, "tokens_total", (double)row->total_tokens);
    (void)cJSON_AddNumberToObject(object, "batch", bench->batch);
    (void)cJSON_AddNumberToObject(object, "queries",
                                  bench->queries == OCTAVO_BENCH_ALL_QUERIES ? (double)row->total_tokens / bench->batch
                                                                             : bench->queries);
    if (bench->chunk != OCTAVO_BENCH_CHUNK_NONE)
        (void)cJSON_AddStringToObject(object, "chunk", octavo_bench_chunk_name(bench->chunk));
    (void)cJSON_AddStringToObject(object, "kv", kv_text);
    (void)cJSON_AddStringToObject(object, "dtype", octavo_tensor_type_name(bench->type));
    (void)cJSON_AddStringToObject(object, "mask", mask);
}

static cJSON *json_of_row(const octavo_bench_row *row) {
    cJSON *object = cJSON_CreateObject();
    add_shape(object, row);
    (void)cJSON_AddStringToObject(object, "variant", row->variant);
    (void)cJSON_AddBoolToObject(object, "warm", row->warm);
    (void)cJSON_AddNumberToObject(object, "rotated_sets", row->bench.layers);
    (void)cJSON_AddNumberToObject(object, "rotated_bytes", row->rotated_bytes);
    (void)cJSON_AddNumberToObject(object, "steps_per_sample", row->steps_per_sample);
    (void)cJSON_AddNumberToObject(object, "bytes", row->bytes);
    (void)cJSON_AddNumberToObject(object, "ops", row->ops);
    add_times(object, "gpu_us", &row->gpu);
    add_times(object, "host_us", &row->host);
    add_times(object, "host_minus_empty_us", &row->host_minus_empty);
    add_measured(object, "record_us", row->record_us);
    add_measured(object, "bytes_per_s", row->bytes_per_s);
    add_measured(object, "fraction_of_read", row->fraction_of_read);
    if (row->bench.phase == OCTAVO_BENCH_APPEND) add_measured(object, "fraction_of_copy", row->fraction_of_copy);
    add_measured(object, "roofline_fraction", row->roofline_fraction);
    add_error(object, "kernel_rel_l2", row->has_kernel_error, row->kernel_rel_l2);
    add_error(object, "codec_rel_l2", true, row->codec_rel_l2);
    (void)cJSON_AddNumberToObject(object, "checked_rows", row->checked_rows);
    (void)cJSON_AddNumberToObject(object, "bound", rounded(row->bound));
    (void)cJSON_AddBoolToObject(object, "ok", row->ok);
    (void)cJSON_AddStringToObject(object, "tuning", row->tuning);
    return object;
}

char *octavo_bench_result_json(const octavo_bench_result *result) {
    cJSON *object = cJSON_CreateObject();
    uint32_t version = octavo_version();
    char version_text[32];
    (void)snprintf(version_text, sizeof version_text, "%u.%u.%u", (unsigned)(version / 1000000),
                   (unsigned)(version / 1000 % 1000), (unsigned)(version % 1000));
    (void)cJSON_AddStringToObject(object, "schema", "octavo-bench-1");
    (void)cJSON_AddStringToObject(object, "date", result->date);
    (void)cJSON_AddStringToObject(object, "octavo", version_text);
    (void)cJSON_AddStringToObject(object, "command", result->command);
    (void)cJSON_AddBoolToObject(object, "complete", result->complete);
    (void)cJSON_AddItemToObject(object, "device", json_of_device(result));
    (void)cJSON_AddItemToObject(object, "ceilings", json_of_ceilings(&result->ceilings));
    cJSON *rows = cJSON_AddArrayToObject(object, "rows");
    for (size_t i = 0; i < result->row_count; i++) (void)cJSON_AddItemToArray(rows, json_of_row(&result->rows[i]));
    cJSON *skipped = cJSON_AddArrayToObject(object, "skipped");
    for (size_t i = 0; i < result->skip_count; i++) {
        cJSON *skip = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(skip, "name", result->skips[i].name);
        (void)cJSON_AddStringToObject(skip, "reason", result->skips[i].reason);
        (void)cJSON_AddItemToArray(skipped, skip);
    }
    char *text = cJSON_Print(object);
    cJSON_Delete(object);
    return text;
}
