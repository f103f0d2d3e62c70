#include "bench_oracle.h"

#include <math.h>
#include <stdlib.h>

/* Numbers n >= 0 with row + n * period < end. */
static uint32_t repeats_below(uint32_t row, uint32_t period, uint32_t end) {
    return end > row ? (end - row - 1) / period + 1 : 0;
}

uint32_t octavo_bench_row_count(const octavo_bench_contents *contents, uint32_t row, uint32_t begin, uint32_t end) {
    if (begin >= end) return 0;
    if (row < contents->first) return row >= begin && row < end;
    return repeats_below(row, contents->period, end) - repeats_below(row, contents->period, begin);
}

static double dot(const float *a, const float *b, uint32_t count) {
    double sum = 0;
    for (uint32_t i = 0; i < count; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

static const float *row_of(const octavo_bench_contents *contents, const float *rows, uint32_t row, uint32_t kv_head,
                           uint32_t dim) {
    return rows + ((size_t)(row % contents->array_rows) * contents->kv_heads + kv_head) * dim;
}

bool octavo_bench_oracle_row(const octavo_bench_contents *contents, const float *query, uint32_t kv_head,
                             octavo_bench_visible seen, const float *sink_logit, double *output, double *deviation) {
    uint32_t rows = contents->first + contents->period;
    double *logits = malloc(rows * sizeof *logits), scale = 1 / sqrt((double)contents->key_dim);
    double largest = sink_logit != NULL ? (double)*sink_logit : -HUGE_VAL;
    double total = 0, sum = 0, squares = 0, denominator;
    if (logits == NULL) return false;
    for (uint32_t i = 0; i < rows; i++) {
        double count = (double)octavo_bench_row_count(contents, i, 0, seen.head_end) +
                       (double)octavo_bench_row_count(contents, i, seen.begin, seen.end);
        logits[i] = -HUGE_VAL;
        if (count <= 0) continue;
        double logit =
            scale * dot(query, row_of(contents, contents->keys, i, kv_head, contents->key_dim), contents->key_dim);
        total += count;
        sum += count * logit;
        squares += count * logit * logit;
        logits[i] = logit + log(count); /* as often as it is seen */
        if (logits[i] > largest) largest = logits[i];
    }
    for (uint32_t c = 0; c < contents->value_dim; c++) output[c] = 0;
    denominator = sink_logit != NULL ? exp((double)*sink_logit - largest) : 0;
    for (uint32_t i = 0; i < rows && total > 0; i++) {
        if (logits[i] <= -HUGE_VAL) continue;
        double weight = exp(logits[i] - largest);
        const float *value = row_of(contents, contents->values, i, kv_head, contents->value_dim);
        denominator += weight;
        for (uint32_t c = 0; c < contents->value_dim; c++) output[c] += weight * (double)value[c];
    }
    for (uint32_t c = 0; c < contents->value_dim && total > 0; c++) output[c] /= denominator;
    double spread = total > 1 ? (squares - sum * sum / total) / (total - 1) : 0;
    *deviation = spread > 0 ? sqrt(spread) : 0;
    free(logits);
    return true;
}
