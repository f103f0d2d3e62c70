#include "bench_check.h"

#include "attention_check.h"
#include "bench_values.h"
#include "random_numbers.h"

#include <math.h>
#include <stdlib.h>

#define CHECKED_ROWS 16u
#define DIM_LIMIT 256u
#define OWN_BOUND 2e-3

typedef struct difference {
    double squares, reference_squares;
} difference;

static void add(difference *sum, double result, double reference) {
    sum->squares += (result - reference) * (result - reference);
    sum->reference_squares += reference * reference;
}

static double relative(const difference *sum) {
    return sqrt(sum->squares) / (sum->reference_squares > 0 ? sqrt(sum->reference_squares) : 1);
}

typedef struct checked_row {
    uint32_t sequence, query, head; /* query of the sequence, head of all query heads */
    uint64_t token;                 /* among the query tokens of all sequences */
} checked_row;

/* Rows that see something: with more queries than tokens the first ones see nothing. */
static checked_row draw_row(const octavo_bench_step *step, octavo_random *random) {
    const octavo_bench_case *bench = step->bench;
    checked_row row;
    row.sequence = octavo_random_between(random, 0, bench->batch - 1);
    uint32_t length = step->filled->lengths[row.sequence], count = step->counts[row.sequence];
    row.query = octavo_random_between(random, count > length ? count - length : 0, count - 1);
    row.head = octavo_random_between(random, 0, bench->kv_heads * bench->gqa - 1);
    row.token = row.query;
    for (uint32_t i = 0; i < row.sequence; i++) row.token += step->counts[i];
    return row;
}

static octavo_status check_row(octavo_bench_step *step, const checked_row *row, const octavo_bench_contents contents[2],
                               difference sums[2], double *largest_deviation) {
    const octavo_bench_case *bench = step->bench;
    float query[DIM_LIMIT], output[DIM_LIMIT];
    double expected[DIM_LIMIT], deviation = 0;
    uint64_t place = row->token * bench->kv_heads * bench->gqa + row->head;
    octavo_bench_fill_values(bench->seed, OCTAVO_BENCH_QUERIES, bench->type, place * bench->key_dim, query,
                             bench->key_dim);
    octavo_status status = octavo_bench_rows_read(&step->output, place, output);
    octavo_bench_visible seen = octavo_bench_find_visible(&bench->mask, step->counts[row->sequence],
                                                          step->filled->lengths[row->sequence], row->query);
    uint32_t context = step->filled->lengths[row->sequence] - step->counts[row->sequence];
    const float *sink = step->sink_logits != NULL ? step->sink_logits + row->head : NULL;
    for (int i = 0; i < 2 && status == OCTAVO_SUCCESS; i++) {
        octavo_bench_contents here = contents[i];
        here.own_begin = context;
        if (!octavo_bench_oracle_row(&here, query, row->head / bench->gqa, seen, sink, expected, &deviation))
            return OCTAVO_OUT_OF_HOST_MEMORY;
        for (uint32_t c = 0; c < bench->value_dim; c++) add(&sums[i], (double)output[c], expected[c]);
        if (deviation > *largest_deviation) *largest_deviation = deviation;
    }
    return status;
}

static octavo_status check_attention(octavo_bench_step *step, octavo_bench_row *row) {
    octavo_bench_contents contents[2]; /* as the cache holds it, as it came */
    octavo_status status = octavo_bench_cache_read(step->filled, &contents[0]);
    contents[1] = octavo_bench_cache_original(step->filled);
    if (step->bench->chunk == OCTAVO_BENCH_CHUNK_OWN) {
        contents[0].own_keys = contents[1].keys;
        contents[0].own_values = contents[1].values;
    }
    octavo_random random = octavo_random_seed(step->bench->seed + 1);
    difference sums[2] = {{0, 0}, {0, 0}};
    double deviation = 0;
    for (uint32_t i = 0; i < CHECKED_ROWS && status == OCTAVO_SUCCESS; i++) {
        checked_row drawn = draw_row(step, &random);
        status = check_row(step, &drawn, contents, sums, &deviation);
    }
    row->checked_rows = CHECKED_ROWS;
    row->has_kernel_error = true;
    row->kernel_rel_l2 = relative(&sums[0]);
    row->codec_rel_l2 = relative(&sums[1]);
    row->bound = octavo_check_bound(row->variant, step->output.type, deviation);
    /* own tokens are seen rounded to f16 */
    if (step->bench->chunk == OCTAVO_BENCH_CHUNK_OWN && row->bound < OWN_BOUND) row->bound = OWN_BOUND;
    row->ok = row->kernel_rel_l2 <= row->bound;
    return status;
}

/* Squared error of the codec over the power of normal data, with room for few rows. */
static double codec_bound(uint32_t bits) {
    return bits == 2 ? 0.2 : bits == 3 ? 0.055 : bits == 4 ? 0.015 : 1e-6;
}

/* A token that the last append of a layer brought to a sequence, as the cache reads it, against its source row. */
static octavo_status check_token(octavo_bench_step *step, uint32_t layer, uint32_t sequence, float *rows,
                                 difference *sum) {
    const octavo_bench_case *bench = step->bench;
    const octavo_bench_cache *filled = step->filled;
    size_t keys = (size_t)bench->kv_heads * bench->key_dim, values = (size_t)bench->kv_heads * bench->value_dim;
    uint32_t count = step->counts[sequence], token = count > 0 ? layer * 37 % count : 0;
    if (count == 0) return OCTAVO_SUCCESS;
    octavo_status status = octavo_cache_read(filled->cache, filled->sequences[sequence], layer,
                                             filled->lengths[sequence] + token, 1, rows, rows + keys);
    size_t source = octavo_bench_step_append_row(step, layer) + token;
    for (uint32_t i = 0; i < sequence; i++) source += step->counts[i];
    for (size_t i = 0; i < keys && status == OCTAVO_SUCCESS; i++)
        add(sum, (double)rows[i], (double)filled->source_keys[source * keys + i]);
    for (size_t i = 0; i < values && status == OCTAVO_SUCCESS; i++)
        add(sum, (double)rows[keys + i], (double)filled->source_values[source * values + i]);
    return status;
}

static octavo_status check_append(octavo_bench_session *session, octavo_bench_step *step, octavo_bench_row *row) {
    const octavo_bench_case *bench = step->bench;
    VkCommandBuffer command_buffer = VK_NULL_HANDLE;
    difference sum = {0, 0};
    float *rows = malloc((size_t)bench->kv_heads * (bench->key_dim + bench->value_dim) * sizeof *rows);
    if (rows == NULL) return OCTAVO_OUT_OF_HOST_MEMORY;
    octavo_status status = octavo_commands_begin(session->commands, &command_buffer);
    for (uint32_t i = 0; i < bench->layers && status == OCTAVO_SUCCESS; i++)
        status = octavo_bench_step_record(step, session->frame, command_buffer);
    if (status == OCTAVO_SUCCESS) status = octavo_commands_submit_and_wait(session->commands, NULL);
    if (status == OCTAVO_SUCCESS) status = octavo_frame_reset(session->frame);
    for (uint32_t layer = 0; layer < bench->layers && status == OCTAVO_SUCCESS; layer++)
        status = check_token(step, layer, layer % bench->batch, rows, &sum);
    free(rows);
    if (status == OCTAVO_SUCCESS) status = octavo_bench_step_rewind(step);
    row->checked_rows = bench->layers * bench->kv_heads;
    row->codec_rel_l2 = relative(&sum);
    row->bound = sqrt(0.5 * (codec_bound(bench->key_bits) + codec_bound(bench->value_bits)));
    row->ok = row->codec_rel_l2 <= row->bound;
    return status;
}

octavo_status octavo_bench_check(octavo_bench_session *session, octavo_bench_step *step, octavo_bench_row *row) {
    return step->plan != NULL ? check_attention(step, row) : check_append(session, step, row);
}
