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

/* A row of K and of V, and how many of the tokens that are seen it is. */
typedef struct counted_row {
    double count;
    const float *key, *value;
} counted_row;

static uint32_t least(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static uint32_t most(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

/* Entry n of 2 * rows: a row of the cache, then one of own tokens. */
static counted_row row_at(const octavo_bench_contents *contents, uint32_t n, uint32_t kv_head,
                          const octavo_bench_visible *seen) {
    uint32_t rows = contents->first + contents->period, row = n % rows;
    bool own = n >= rows;
    uint32_t begin = own ? contents->own_begin : 0;
    uint32_t end = own || contents->own_keys == NULL ? UINT32_MAX : contents->own_begin;
    uint32_t place = row % (own ? contents->period : contents->array_rows);
    size_t at = (size_t)place * contents->kv_heads + kv_head;
    uint32_t count = octavo_bench_row_count(contents, row, begin, least(end, seen->head_end)) +
                     octavo_bench_row_count(contents, row, most(begin, seen->begin), least(end, seen->end));
    return (counted_row){count, (own ? contents->own_keys : contents->keys) + at * contents->key_dim,
                         (own ? contents->own_values : contents->values) + at * contents->value_dim};
}

bool octavo_bench_oracle_row(const octavo_bench_contents *contents, const float *query, uint32_t kv_head,
                             octavo_bench_visible seen, const float *sink_logit, double *output, double *deviation) {
    uint32_t rows = (contents->first + contents->period) * (contents->own_keys != NULL ? 2 : 1);
    double *logits = malloc(rows * sizeof *logits), scale = 1 / sqrt((double)contents->key_dim);
    double largest = sink_logit != NULL ? (double)*sink_logit : -HUGE_VAL;
    double total = 0, sum = 0, squares = 0, denominator;
    if (logits == NULL) return false;
    for (uint32_t i = 0; i < rows; i++) {
        counted_row row = row_at(contents, i, kv_head, &seen);
        logits[i] = -HUGE_VAL;
        if (row.count <= 0) continue;
        double logit = scale * dot(query, row.key, contents->key_dim);
        total += row.count;
        sum += row.count * logit;
        squares += row.count * logit * logit;
        logits[i] = logit + log(row.count); /* as often as it is seen */
        if (logits[i] > largest) largest = logits[i];
    }
    for (uint32_t c = 0; c < contents->value_dim; c++) output[c] = 0;
    denominator = sink_logit != NULL ? exp((double)*sink_logit - largest) : 0;
    for (uint32_t i = 0; i < rows && total > 0; i++) {
        if (logits[i] <= -HUGE_VAL) continue;
        double weight = exp(logits[i] - largest);
        const float *value = row_at(contents, i, kv_head, &seen).value;
        denominator += weight;
        for (uint32_t c = 0; c < contents->value_dim; c++) output[c] += weight * (double)value[c];
    }
    for (uint32_t c = 0; c < contents->value_dim && total > 0; c++) output[c] /= denominator;
    double spread = total > 1 ? (squares - sum * sum / total) / (total - 1) : 0;
    *deviation = spread > 0 ? sqrt(spread) : 0;
    free(logits);
    return true;
}
