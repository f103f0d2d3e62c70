#define _POSIX_C_SOURCE 200809L

#include "bench_result.h"

#include "mask_spec.h"
#include "tensor_type.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static double percent(double fraction) {
    return 100 * fraction;
}

static void print_rate(FILE *stream, const char *label, double rate, double unit, const char *unit_name,
                       const char *end) {
    if (rate > 0)
        (void)fprintf(stream, "%s %.4g %s%s", label, rate / unit, unit_name, end);
    else
        (void)fprintf(stream, "%s not measured%s", label, end);
}

static void print_header(FILE *stream, const octavo_bench_result *result) {
    const octavo_bench_ceilings *ceilings = &result->ceilings;
    (void)fprintf(stream, "%s, %s, Vulkan %u.%u, %s%s\n\n", result->device.name, result->device.driver,
                  (unsigned)VK_API_VERSION_MAJOR(result->device.api_version),
                  (unsigned)VK_API_VERSION_MINOR(result->device.api_version), result->date,
                  result->complete ? "" : " (broken off: not all cases were run)");
    (void)fprintf(stream, "    %s\n\n", result->command);
    (void)fputs("Ceilings, measured in this run: ", stream);
    print_rate(stream, "copy", ceilings->copy_bytes_per_s, 1e9, "GB/s", ", ");
    print_rate(stream, "read", ceilings->read_bytes_per_s, 1e9, "GB/s", ", ");
    print_rate(stream, "int8 dot", ceilings->int8_dot_ops_per_s, 1e12, "Top/s", ", ");
    print_rate(stream, "int8 matrix", ceilings->int8_matrix_ops_per_s, 1e12, "Top/s", ", ");
    print_rate(stream, "f16", ceilings->f16_flops, 1e12, "Tflop/s", ", ");
    print_rate(stream, "f16 matrix", ceilings->f16_matrix_flops, 1e12, "Tflop/s", ", ");
    print_rate(stream, "f32", ceilings->f32_flops, 1e12, "Tflop/s", "");
    (void)fprintf(stream, "; an empty dispatch takes the host %.1f us.\n\n", ceilings->empty_dispatch_us);
    (void)fprintf(
        stream,
        "Times are microseconds of one step of one layer. Caches of %.0f MiB together take turns, unless warm. "
        "K and V are normal rows that repeat after at most 4096 tokens; errors are relative L2 of some rows, "
        "against double precision over what the cache holds (kernel), and over the original K and V "
        "(codec). An append's bytes are those of K and V that it reads and those that it writes, and its %% of read "
        "is %% of copy.\n\n",
        ceilings->set_bytes / 0x1p20);
}

static void print_us(FILE *stream, double us, const char *end) {
    (void)fprintf(stream, "%.*f%s", us < 100 ? 2 : us < 1000 ? 1 : 0, us, end);
}

static void print_row(FILE *stream, const octavo_bench_row *row) {
    const octavo_bench_case *bench = &row->bench;
    char tokens[64], cache[OCTAVO_CACHE_SPEC_LENGTH], mask[OCTAVO_MASK_SPEC_LENGTH], queries[16] = "all";
    octavo_bench_tokens_text(&bench->tokens, tokens, sizeof tokens);
    octavo_cache_spec_format(bench->key_bits, bench->value_bits, cache);
    octavo_mask_spec_format(&bench->mask, mask);
    if (bench->queries != OCTAVO_BENCH_ALL_QUERIES)
        (void)snprintf(queries, sizeof queries, "%u", (unsigned)bench->queries);
    (void)fprintf(stream, "| %s%s%s%s | %u", bench->model != NULL ? bench->model : "", bench->model != NULL ? " " : "",
                  octavo_bench_phase_name(bench->phase), row->warm ? ", warm" : "", (unsigned)bench->key_dim);
    if (bench->value_dim != bench->key_dim) (void)fprintf(stream, "/%u", (unsigned)bench->value_dim);
    (void)fprintf(stream, " | %u | %u | %s | %u | %s | %s | %s | %s | %s | ", (unsigned)bench->kv_heads,
                  (unsigned)bench->gqa, tokens, (unsigned)bench->batch, queries, cache,
                  octavo_tensor_type_name(bench->type), mask, row->variant);
    const octavo_bench_times *best = row->gpu.samples != NULL ? &row->gpu : &row->host_minus_empty;
    print_us(stream, best->summary.median, " | ");
    print_us(stream, best->summary.p10, "-");
    print_us(stream, best->summary.p90, " | ");
    print_us(stream, row->host_minus_empty.summary.median, " | ");
    print_us(stream, row->host.summary.median, " |");
    (void)fprintf(stream, " %.4g | %.1f | %.1f | ", row->bytes_per_s * 1e-9,
                  percent(bench->phase == OCTAVO_BENCH_APPEND ? row->fraction_of_copy : row->fraction_of_read),
                  percent(row->roofline_fraction));
    if (row->has_kernel_error)
        (void)fprintf(stream, "%.2g", row->kernel_rel_l2);
    else
        (void)fputs("-", stream);
    (void)fprintf(stream, " | %.2g%s |\n", row->codec_rel_l2, row->ok ? "" : " **WRONG**");
}

/* Bars would end a cell, and lines a row. */
static void print_cell(FILE *stream, const char *text) {
    for (; *text != '\0'; text++) (void)fputc(*text == '|' || *text == '\n' ? ' ' : *text, stream);
}

static void print_markdown(FILE *stream, const octavo_bench_result *result) {
    print_header(stream, result);
    (void)fprintf(
        stream,
        "| case | d | KV heads | queries/KV head | tokens | batch | new tokens | K/V bits | tensors | mask | kernel | "
        "%s us "
        "| p10-p90 | host - empty us | host us | GB/s | %% of read | %% of roofline | kernel error | codec error "
        "|\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
        result->row_count > 0 && result->rows[0].gpu.samples == NULL ? "host" : "GPU");
    for (size_t i = 0; i < result->row_count; i++) print_row(stream, &result->rows[i]);
    if (result->skip_count == 0) return;
    (void)fputs("\n| not run | why |\n|---|---|\n", stream);
    for (size_t i = 0; i < result->skip_count; i++) {
        (void)fputs("| ", stream);
        print_cell(stream, result->skips[i].name);
        (void)fputs(" | ", stream);
        print_cell(stream, result->skips[i].reason);
        (void)fputs(" |\n", stream);
    }
}

/* --- CSV ------------------------------------------------------------------------------------------------------------
 */

/* RFC 4180: quotes around every text, doubled inside. */
static void print_quoted(FILE *stream, const char *text) {
    (void)fputc('"', stream);
    for (; *text != '\0'; text++) {
        if (*text == '"') (void)fputc('"', stream);
        (void)fputc(*text, stream);
    }
    (void)fputs("\",", stream);
}

static void print_number(FILE *stream, bool known, double value, const char *end) {
    if (known && isfinite(value)) (void)fprintf(stream, "%.9g", value);
    (void)fputs(end, stream);
}

static void print_times(FILE *stream, const octavo_bench_times *times) {
    bool known = times->samples != NULL;
    print_number(stream, known, times->summary.median, ",");
    print_number(stream, known, times->summary.minimum, ",");
    print_number(stream, known, times->summary.maximum, ",");
    print_number(stream, known, times->summary.p10, ",");
    print_number(stream, known, times->summary.p90, ",");
}

static void print_csv_row(FILE *stream, const octavo_bench_result *result, const octavo_bench_row *row) {
    const octavo_bench_case *bench = &row->bench;
    char tokens[64], queries[16] = "all", cache[OCTAVO_CACHE_SPEC_LENGTH], mask[OCTAVO_MASK_SPEC_LENGTH];
    octavo_bench_tokens_text(&bench->tokens, tokens, sizeof tokens);
    octavo_cache_spec_format(bench->key_bits, bench->value_bits, cache);
    octavo_mask_spec_format(&bench->mask, mask);
    if (bench->queries != OCTAVO_BENCH_ALL_QUERIES)
        (void)snprintf(queries, sizeof queries, "%u", (unsigned)bench->queries);
    print_quoted(stream, result->device.name);
    print_quoted(stream, row->name);
    print_quoted(stream, bench->model != NULL ? bench->model : "");
    print_quoted(stream, octavo_bench_phase_name(bench->phase));
    (void)fprintf(stream, "%u,%u,%u,%u,", (unsigned)bench->key_dim, (unsigned)bench->value_dim,
                  (unsigned)bench->kv_heads, (unsigned)bench->gqa);
    print_quoted(stream, tokens);
    (void)fprintf(stream, "%llu,%u,", (unsigned long long)row->total_tokens, (unsigned)bench->batch);
    print_quoted(stream, queries);
    print_quoted(stream, cache);
    print_quoted(stream, octavo_tensor_type_name(bench->type));
    print_quoted(stream, mask);
    print_quoted(stream, row->variant);
    (void)fprintf(stream, "%d,%u,%.0f,%.0f,", row->warm, (unsigned)bench->layers, row->bytes, row->ops);
    print_times(stream, &row->gpu);
    print_times(stream, &row->host);
    print_times(stream, &row->host_minus_empty);
    print_number(stream, true, row->record_us, ",");
    print_number(stream, true, row->bytes_per_s, ",");
    print_number(stream, true, row->fraction_of_read, ",");
    print_number(stream, bench->phase == OCTAVO_BENCH_APPEND, row->fraction_of_copy, ",");
    print_number(stream, true, row->roofline_fraction, ",");
    print_number(stream, row->has_kernel_error, row->kernel_rel_l2, ",");
    print_number(stream, true, row->codec_rel_l2, ",");
    (void)fprintf(stream, "%u,", (unsigned)row->checked_rows);
    print_number(stream, true, row->bound, ",");
    (void)fprintf(stream, "%d\n", row->ok);
}

static void print_csv(FILE *stream, const octavo_bench_result *result) {
    (void)fputs(
        "device,name,model,phase,key_dim,value_dim,kv_heads,gqa,tokens,tokens_total,batch,queries,kv,dtype,mask,"
        "variant,"
        "warm,rotated_sets,bytes,ops",
        stream);
    static const char *const clocks[3] = {"gpu", "host", "host_minus_empty"};
    for (int i = 0; i < 3; i++)
        (void)fprintf(stream, ",%s_us_median,%s_us_min,%s_us_max,%s_us_p10,%s_us_p90", clocks[i], clocks[i], clocks[i],
                      clocks[i], clocks[i]);
    (void)fputs(
        ",record_us,bytes_per_s,fraction_of_read,fraction_of_copy,roofline_fraction,kernel_rel_l2,codec_rel_l2,checked_"
        "rows,bound,"
        "ok\n",
        stream);
    for (size_t i = 0; i < result->row_count; i++) print_csv_row(stream, result, &result->rows[i]);
}

static char *print_to_memory(const octavo_bench_result *result,
                             void (*print)(FILE *stream, const octavo_bench_result *result)) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (stream == NULL) return NULL;
    print(stream, result);
    bool failed = ferror(stream) != 0;
    if (fclose(stream) == 0 && !failed) return text;
    free(text);
    return NULL;
}

char *octavo_bench_result_csv(const octavo_bench_result *result) {
    return print_to_memory(result, print_csv);
}

char *octavo_bench_result_markdown(const octavo_bench_result *result) {
    return print_to_memory(result, print_markdown);
}
