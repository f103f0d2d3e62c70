#include "bench_result.h"

#include <stdlib.h>
#include <string.h>

void octavo_bench_row_release(octavo_bench_row *row) {
    free(row->gpu.samples);
    free(row->host.samples);
    free(row->host_minus_empty.samples);
    memset(row, 0, sizeof *row);
}

void octavo_bench_result_release(octavo_bench_result *result) {
    for (size_t i = 0; i < result->row_count; i++) octavo_bench_row_release(&result->rows[i]);
    free(result->rows);
    free(result->skips);
    free(result->command);
    memset(result, 0, sizeof *result);
}

double octavo_bench_row_us(const octavo_bench_row *row) {
    return row->gpu.samples != NULL ? row->gpu.summary.median : row->host_minus_empty.summary.median;
}

/* Operations in a second of the arithmetic that the kernel does most of its work in; 0: not known. */
static double rate_of(const char *variant, const octavo_bench_ceilings *ceilings) {
    if (strcmp(variant, "matrix_emulated") == 0) return ceilings->f32_flops;
    if (strstr(variant, "matrix") != NULL)
        return strstr(variant, "int8") != NULL ? ceilings->int8_matrix_ops_per_s : ceilings->f16_matrix_flops;
    if (strstr(variant, "int8") != NULL) return ceilings->int8_dot_ops_per_s;
    return strstr(variant, "f16") != NULL ? ceilings->f16_flops : ceilings->f32_flops;
}

void octavo_bench_row_relate(octavo_bench_row *row, const octavo_bench_ceilings *ceilings) {
    double seconds = octavo_bench_row_us(row) * 1e-6, rate = rate_of(row->variant, ceilings);
    if (!(seconds > 0)) return;
    row->bytes_per_s = row->bytes / seconds;
    if (row->bench.phase == OCTAVO_BENCH_APPEND && ceilings->copy_bytes_per_s > 0)
        row->fraction_of_copy = row->bytes_per_s / ceilings->copy_bytes_per_s;
    if (!(ceilings->read_bytes_per_s > 0)) return;
    row->fraction_of_read = row->bytes_per_s / ceilings->read_bytes_per_s;
    double by_bytes = row->bytes / ceilings->read_bytes_per_s, by_ops = rate > 0 ? row->ops / rate : 0;
    row->roofline_fraction = (by_bytes > by_ops ? by_bytes : by_ops) / seconds;
}
