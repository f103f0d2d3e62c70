#include "attention_check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* f32 paths round nothing but sums; f16 ones round inputs, sums or outputs to 11 bits; the others round queries and
 * weights to 8 bits, which counts more the further the logits are apart. */
double octavo_check_bound(const char *variant, octavo_type output_type, double logit_deviation) {
    bool is_f32 = strstr(variant, "f32") != NULL, is_f16 = strstr(variant, "f16") != NULL;
    /* Far apart logits are large ones, and f32 rounds those by 6e-8 of their size. */
    if (is_f32 && output_type == OCTAVO_F32) return logit_deviation <= 16 ? 2e-5 : 2e-5 / 16 * logit_deviation;
    if (is_f32) return 2e-3;
    if (is_f16) return logit_deviation <= 8 ? 2e-3 : 2e-3 / 8 * logit_deviation; /* a part of the logits' size */
    return logit_deviation <= 1.25 ? 1.2e-2 : 2e-2;
}

static double check_bound_of_lse(const char *variant, double logit_deviation, double largest) {
    double spread = logit_deviation > 1 ? logit_deviation : 1;
    if (strstr(variant, "f32") != NULL) return 1e-4 * (1 + 0.1 * largest);
    if (strstr(variant, "f16") != NULL) return 4e-3 * spread;
    return 0.06 * spread;
}

typedef struct difference {
    double squares, reference_squares, result_squares, product, largest;
    bool invalid; /* a NaN on one side only */
} difference;

/* Both NaN is agreement. */
static void compare(difference *sum, double result, double reference) {
    if (isnan(result) && isnan(reference)) return;
    double distance = fabs(result - reference);
    if (isnan(distance)) {
        sum->invalid = true;
        return;
    }
    sum->squares += distance * distance;
    sum->reference_squares += reference * reference;
    sum->result_squares += result * result;
    sum->product += result * reference;
    if (distance > sum->largest) sum->largest = distance;
}

/* Absolute where the reference is nothing but zeros. */
static double relative(const difference *sum) {
    if (sum->invalid) return NAN;
    double distance = sqrt(sum->squares), norm = sqrt(sum->reference_squares);
    return norm > 0 ? distance / norm : distance;
}

static double compare_lse(const octavo_session_result *result, size_t rows, double *largest) {
    double worst = 0;
    *largest = 0;
    for (size_t i = 0; i < rows; i++) {
        double lse = (double)result->lse[i], reference = result->reference_lse[i];
        if (lse == reference || (isnan(lse) && isnan(reference))) continue;
        double distance = fabs(lse - reference);
        if (isnan(distance)) return NAN;
        if (distance > worst) worst = distance;
        if (fabs(reference) > *largest) *largest = fabs(reference);
    }
    return worst;
}

octavo_check octavo_check_result(const octavo_problem *problem, const octavo_session_result *result) {
    octavo_check check = {0};
    size_t rows = (size_t)octavo_problem_query_count(problem) * problem->query_head_count;
    difference sum = {0};
    for (size_t i = 0; i < rows * problem->value_dim; i++)
        compare(&sum, (double)result->output[i], result->reference[i]);
    double largest_lse = 0;
    check.kernel_rel_l2 = relative(&sum);
    check.kernel_max_abs = sum.invalid ? NAN : sum.largest;
    check.lse_max_abs = compare_lse(result, rows, &largest_lse);
    check.logit_deviation = octavo_oracle_deviation(&result->spread);
    check.rel_l2_bound = octavo_check_bound(result->variant, problem->output_type, check.logit_deviation);
    check.lse_bound = check_bound_of_lse(result->variant, check.logit_deviation, largest_lse);
    check.guards_intact = result->guards_intact;
    check.passed =
        check.kernel_rel_l2 <= check.rel_l2_bound && check.lse_max_abs <= check.lse_bound && check.guards_intact;
    return check;
}

/* Attention of one sequence over its original keys and values; adds to the difference. */
static bool compare_original(const octavo_problem *problem, const octavo_session_result *result, uint32_t sequence,
                             uint64_t first_key, uint64_t first_query, difference *sum) {
    size_t outputs = (size_t)problem->query_counts[sequence] * problem->query_head_count * problem->value_dim;
    double *reference = malloc((outputs + 1) * sizeof *reference);
    if (reference == NULL) return false;
    octavo_oracle_info info = {.query_count = problem->query_counts[sequence],
                               .key_count = problem->lengths[sequence],
                               .query_head_count = problem->query_head_count,
                               .kv_head_count = problem->kv_head_count,
                               .key_dim = problem->key_dim,
                               .value_dim = problem->value_dim,
                               .queries = problem->queries + first_query * problem->query_head_count * problem->key_dim,
                               .keys = problem->keys + first_key * problem->kv_head_count * problem->key_dim,
                               .values = problem->values + first_key * problem->kv_head_count * problem->value_dim,
                               .sink_logits = problem->sink_logits,
                               .mask = problem->mask,
                               .scale = (double)problem->scale,
                               .softcap = (double)problem->softcap,
                               .empty_row = problem->empty_row};
    bool attended = octavo_oracle_attend(&info, reference, NULL, NULL);
    const float *output = result->output + first_query * problem->query_head_count * problem->value_dim;
    for (size_t i = 0; attended && i < outputs; i++) compare(sum, (double)output[i], reference[i]);
    free(reference);
    return attended;
}

bool octavo_check_codec(const octavo_problem *problem, const octavo_session_result *result, octavo_codec_check *check,
                        octavo_error_line *error) {
    difference sum = {0};
    uint64_t first_key = 0, first_query = 0;
    for (uint32_t i = 0; i < problem->sequence_count; i++) {
        if (!compare_original(problem, result, i, first_key, first_query, &sum))
            return octavo_error_line_set(error, "no memory for the oracle of sequence %u", (unsigned)i);
        first_key += problem->lengths[i];
        first_query += problem->query_counts[i];
    }
    double norms = sqrt(sum.reference_squares) * sqrt(sum.result_squares);
    check->rel_l2 = relative(&sum);
    check->cosine = sum.invalid ? NAN : norms > 0 ? sum.product / norms : 1.0;
    return true;
}
