#include "attention_oracle.h"

#include <math.h>
#include <stdlib.h>

/* The visible keys of a query: [0, head_end) and [begin, end), which do not overlap. */
typedef struct visible_ranges {
    uint32_t head_end, begin, end;
} visible_ranges;

static uint32_t clamp(int64_t value, uint32_t limit) {
    return value < 0 ? 0 : value > (int64_t)limit ? limit : (uint32_t)value;
}

static visible_ranges find_visible(const octavo_mask *mask, uint32_t query_count, uint32_t key_count, uint32_t query) {
    int64_t position = (int64_t)key_count - query_count + query;
    uint32_t causal_end = mask->causal ? clamp(position + 1, key_count) : key_count;
    visible_ranges ranges = {mask->prefix < key_count ? mask->prefix : key_count, 0, causal_end};
    if (mask->window > 0) {
        uint32_t sink_end = mask->sink < causal_end ? mask->sink : causal_end;
        if (ranges.head_end < sink_end) ranges.head_end = sink_end;
        ranges.begin = clamp(position - (int64_t)mask->window + 1, key_count);
        if (!mask->causal) ranges.end = clamp(position + (int64_t)mask->window, key_count);
    }
    if (ranges.begin < ranges.head_end) ranges.begin = ranges.head_end;
    if (ranges.end < ranges.begin) ranges.end = ranges.begin;
    return ranges;
}

bool octavo_oracle_sees(const octavo_mask *mask, uint32_t query_count, uint32_t key_count, uint32_t query,
                        uint32_t key) {
    int64_t p = (int64_t)key_count - query_count + query;
    int64_t j = key;
    if (j < (int64_t)mask->prefix) return true;
    if (mask->causal && j > p) return false;
    if (mask->window == 0 || j < (int64_t)mask->sink) return true;
    int64_t distance = p > j ? p - j : j - p;
    return mask->causal ? j > p - (int64_t)mask->window : distance < (int64_t)mask->window;
}

static double dot(const float *left, const float *right, uint32_t count) {
    double sums[4] = {0, 0, 0, 0};
    uint32_t i = 0;
    for (; i + 4 <= count; i += 4) {
        sums[0] += (double)left[i] * (double)right[i];
        sums[1] += (double)left[i + 1] * (double)right[i + 1];
        sums[2] += (double)left[i + 2] * (double)right[i + 2];
        sums[3] += (double)left[i + 3] * (double)right[i + 3];
    }
    for (; i < count; i++) sums[0] += (double)left[i] * (double)right[i];
    return sums[0] + sums[1] + (sums[2] + sums[3]);
}

typedef struct row_job {
    const octavo_oracle_info *info;
    const float *query;
    uint32_t kv_head, head;
    double scale;
    visible_ranges ranges;
    double *logits; /* [key_count] */
} row_job;

static const float *key_row(const row_job *job, uint32_t token) {
    const octavo_oracle_info *info = job->info;
    return info->keys + ((size_t)token * info->kv_head_count + job->kv_head) * info->key_dim;
}

static const float *value_row(const row_job *job, uint32_t token) {
    const octavo_oracle_info *info = job->info;
    return info->values + ((size_t)token * info->kv_head_count + job->kv_head) * info->value_dim;
}

/* The next visible token at or after `token`; the end of the ranges when there is none. */
static uint32_t next_visible(const row_job *job, uint32_t token) {
    return token >= job->ranges.head_end && token < job->ranges.begin ? job->ranges.begin : token;
}

static void add_spread(octavo_oracle_spread *spread, double sum, double squares, uint32_t count) {
    if (spread == NULL || count < 2 || !isfinite(squares)) return;
    double deviation = squares - sum * sum / count;
    spread->squares += deviation > 0 ? deviation : 0;
    spread->count += count - 1;
}

/* Fills the logits of the visible tokens; returns their largest. */
static double fill_logits(const row_job *job, octavo_oracle_spread *spread) {
    const octavo_oracle_info *info = job->info;
    double largest = -HUGE_VAL, sum = 0, squares = 0;
    uint32_t count = 0;
    for (uint32_t j = next_visible(job, 0); j < job->ranges.end; j = next_visible(job, j + 1)) {
        double logit = job->scale * dot(job->query, key_row(job, j), info->key_dim);
        sum += logit;
        squares += logit * logit;
        count++;
        if (info->softcap > 0) logit = info->softcap * tanh(logit / info->softcap);
        job->logits[j] = logit;
        if (logit > largest) largest = logit;
    }
    add_spread(spread, sum, squares, count);
    return largest;
}

/* Softmax over the visible tokens; returns the log-sum-exp without the sink logit. */
static double attend_row(const row_job *job, double *output, octavo_oracle_spread *spread) {
    const octavo_oracle_info *info = job->info;
    double largest = fill_logits(job, spread), sum = 0;
    const float *sink = info->sink_logits == NULL ? NULL : info->sink_logits + job->head;
    double shift = sink != NULL && (double)*sink > largest ? (double)*sink : largest;
    for (uint32_t channel = 0; channel < info->value_dim; channel++) output[channel] = 0;
    for (uint32_t j = next_visible(job, 0); j < job->ranges.end; j = next_visible(job, j + 1)) {
        double weight = exp(job->logits[j] - shift);
        const float *value = value_row(job, j);
        sum += weight;
        for (uint32_t channel = 0; channel < info->value_dim; channel++)
            output[channel] += weight * (double)value[channel];
    }
    double denominator = sum + (sink != NULL ? exp((double)*sink - shift) : 0.0);
    for (uint32_t channel = 0; channel < info->value_dim; channel++) output[channel] /= denominator;
    if (sum > 0 || isnan(sum)) return shift + log(sum);
    /* The sink logit is so large that all weights underflow: sum again around the largest logit. */
    for (uint32_t j = next_visible(job, 0); j < job->ranges.end; j = next_visible(job, j + 1))
        sum += exp(job->logits[j] - largest);
    return largest + log(sum);
}

static void empty_row(row_job *job, double *output) {
    const octavo_oracle_info *info = job->info;
    for (uint32_t channel = 0; channel < info->value_dim; channel++) output[channel] = 0;
    if (info->key_count == 0 || info->empty_row == OCTAVO_EMPTY_ROW_ZERO) return;
    if (info->empty_row == OCTAVO_EMPTY_ROW_ATTEND_ALL) {
        job->ranges = (visible_ranges){0, 0, info->key_count};
        (void)attend_row(job, output, NULL);
        return;
    }
    for (uint32_t j = 0; j < info->key_count; j++) {
        const float *value = value_row(job, j);
        for (uint32_t channel = 0; channel < info->value_dim; channel++) output[channel] += (double)value[channel];
    }
    for (uint32_t channel = 0; channel < info->value_dim; channel++) output[channel] /= info->key_count;
}

bool octavo_oracle_attend(const octavo_oracle_info *info, double *output, double *lse, octavo_oracle_spread *spread) {
    row_job job = {.info = info};
    job.scale = info->scale == 0 ? 1.0 / sqrt((double)info->key_dim) : info->scale;
    job.logits = malloc(((size_t)info->key_count + 1) * sizeof *job.logits);
    if (job.logits == NULL) return false;
    uint32_t group = info->query_head_count / info->kv_head_count;
    for (uint32_t i = 0; i < info->query_count; i++) {
        for (uint32_t head = 0; head < info->query_head_count; head++) {
            size_t row = (size_t)i * info->query_head_count + head;
            double *row_output = output + row * info->value_dim;
            double row_lse = -HUGE_VAL;
            job.query = info->queries + row * info->key_dim;
            job.head = head;
            job.kv_head = head / group;
            job.ranges = find_visible(&info->mask, info->query_count, info->key_count, i);
            if (job.ranges.head_end > 0 || job.ranges.end > job.ranges.begin)
                row_lse = attend_row(&job, row_output, spread);
            else
                empty_row(&job, row_output);
            if (lse != NULL) lse[row] = row_lse;
        }
    }
    free(job.logits);
    return true;
}

double octavo_oracle_deviation(const octavo_oracle_spread *spread) {
    return spread->count > 0 ? sqrt(spread->squares / spread->count) : 0.0;
}
