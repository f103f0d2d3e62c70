#include "random_problem.h"

#include "random_numbers.h"

#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

static uint32_t pick(octavo_random *random, const uint32_t *choices, uint32_t count) {
    return choices[octavo_random_between(random, 0, count - 1)];
}

static uint32_t draw_dim(octavo_random *random) {
    static const uint32_t dims[10] = {32, 40, 64, 64, 80, 96, 128, 128, 160, 256};
    if (octavo_random_once_in(random, 5)) return octavo_random_between(random, 32, 256);
    return pick(random, dims, COUNT_OF(dims));
}

static void draw_heads(octavo_random *random, octavo_problem *problem) {
    uint32_t group = octavo_random_between(random, 1, 8);
    problem->kv_head_count = octavo_random_between(random, 1, 32 / group);
    problem->query_head_count = problem->kv_head_count * group;
    problem->key_dim = draw_dim(random);
    problem->value_dim = octavo_random_once_in(random, 4) ? draw_dim(random) : problem->key_dim;
}

/* Decode plans serve up to 16 queries a sequence. */
static void draw_lengths(octavo_random *random, octavo_problem *problem) {
    bool decode = problem->phase == OCTAVO_PHASE_DECODE || octavo_random_once_in(random, 3);
    for (uint32_t i = 0; i < problem->sequence_count; i++) {
        problem->lengths[i] = octavo_random_log_between(random, 1, 3000);
        problem->query_counts[i] = octavo_random_log_between(random, 1, decode ? 16 : 300);
    }
}

static void draw_mask(octavo_random *random, octavo_problem *problem) {
    octavo_mask *mask = &problem->mask;
    mask->causal = octavo_random_once_in(random, 4) ? VK_FALSE : VK_TRUE;
    if (octavo_random_once_in(random, 3)) mask->window = octavo_random_log_between(random, 1, 2000);
    if (octavo_random_once_in(random, 3)) mask->sink = octavo_random_log_between(random, 1, 300);
    if (octavo_random_once_in(random, 5)) mask->prefix = octavo_random_log_between(random, 1, 1000);
    problem->empty_row = (octavo_empty_row)octavo_random_between(random, 0, 2);
    if (octavo_random_once_in(random, 4)) problem->softcap = octavo_random_once_in(random, 2) ? 30.0f : 3.0f;
    if (octavo_random_once_in(random, 5)) problem->scale = 0.5f / (float)octavo_random_between(random, 1, 16);
}

/* 1 MiB, or two pages where those are larger. */
static VkDeviceSize smallest_segment(const octavo_problem *problem) {
    VkDeviceSize row_bits = (VkDeviceSize)((problem->key_dim + 31) / 32 * 32) * problem->key_bits +
                            (VkDeviceSize)((problem->value_dim + 31) / 32 * 32) * problem->value_bits + 32;
    VkDeviceSize page_bytes = OCTAVO_PAGE_TOKENS * problem->kv_head_count * row_bits / 8;
    VkDeviceSize smallest = (VkDeviceSize)1 << 20;
    return 2 * page_bytes > smallest ? 2 * page_bytes : smallest;
}

static void draw_cache(octavo_random *random, octavo_problem *problem) {
    static const uint32_t bits[6] = {3, 3, 3, 2, 4, 16};
    static const uint32_t first[4] = {0, 4, 4, 128};
    static const uint32_t recent[6] = {0, 0, 0, 1, 32, 200};
    static const uint32_t slack[3] = {16, 0, 5};
    problem->key_bits = pick(random, bits, COUNT_OF(bits));
    problem->value_bits = octavo_random_once_in(random, 2) ? problem->key_bits : pick(random, bits, COUNT_OF(bits));
    problem->first_tokens = pick(random, first, COUNT_OF(first));
    problem->recent_tokens = pick(random, recent, COUNT_OF(recent));
    problem->slack_tokens = pick(random, slack, COUNT_OF(slack));
    problem->layer_count = octavo_random_once_in(random, 3) ? octavo_random_between(random, 2, 3) : 1;
    problem->layer = octavo_random_between(random, 0, problem->layer_count - 1);
    problem->codec_seed = octavo_random_once_in(random, 2) ? (uint32_t)octavo_random_bits(random) : 0;
    if (octavo_random_once_in(random, 4)) problem->segment_bytes = smallest_segment(problem);
    if (octavo_random_once_in(random, 3)) problem->chunk_tokens = octavo_random_log_between(random, 16, 1000);
}

static void draw_transfer(octavo_random *random, octavo_problem *problem) {
    problem->query_type = (octavo_type)octavo_random_between(random, 0, 2);
    problem->key_type = (octavo_type)octavo_random_between(random, 0, 2);
    problem->value_type = (octavo_type)octavo_random_between(random, 0, 2);
    bool half_output = octavo_random_once_in(random, 3) && problem->value_dim % 2 == 0; /* whole words are written */
    problem->output_type = half_output ? OCTAVO_F16 : OCTAVO_F32;
    problem->stride_padding = octavo_random_once_in(random, 3) ? octavo_random_between(random, 1, 9) : 0;
    problem->head_major = octavo_random_once_in(random, 4);
    if (octavo_random_once_in(random, 4)) problem->workgroup_target = octavo_random_log_between(random, 1, 500);
    if (octavo_random_once_in(random, 5)) problem->slice_work = (uint64_t)1 << octavo_random_between(random, 14, 20);
    if (octavo_random_once_in(random, 5))
        problem->scratch_bytes = (VkDeviceSize)1 << octavo_random_between(random, 20, 24);
}

/* An invertible matrix that mixes all channels: the identity times a random diagonal in [0.8, 1.25], then Householder
 * reflections of random vectors on both sides. */
static void reflect_rows(octavo_random *random, float *matrix, uint32_t size) {
    float vector[256];
    octavo_random_normal(random, 1.0f, vector, size);
    double norm = 0;
    for (uint32_t i = 0; i < size; i++) norm += (double)vector[i] * (double)vector[i];
    for (uint32_t column = 0; column < size; column++) {
        double sum = 0;
        for (uint32_t i = 0; i < size; i++) sum += (double)vector[i] * (double)matrix[(size_t)i * size + column];
        for (uint32_t i = 0; i < size; i++)
            matrix[(size_t)i * size + column] -= (float)(2.0 * sum / norm * (double)vector[i]);
    }
}

static void reflect_columns(octavo_random *random, float *matrix, uint32_t size) {
    float vector[256];
    octavo_random_normal(random, 1.0f, vector, size);
    double norm = 0;
    for (uint32_t i = 0; i < size; i++) norm += (double)vector[i] * (double)vector[i];
    for (uint32_t row = 0; row < size; row++) {
        double sum = 0;
        float *entries = matrix + (size_t)row * size;
        for (uint32_t i = 0; i < size; i++) sum += (double)vector[i] * (double)entries[i];
        for (uint32_t i = 0; i < size; i++) entries[i] -= (float)(2.0 * sum / norm * (double)vector[i]);
    }
}

static bool draw_transform(octavo_random *random, octavo_problem *problem) {
    uint32_t size = (problem->key_dim + 31) / 32 * 32;
    size_t entries = (size_t)size * size;
    problem->key_transform = calloc(entries * problem->kv_head_count, sizeof(float));
    if (problem->key_transform == NULL) return false;
    for (uint32_t head = 0; head < problem->kv_head_count; head++) {
        float *matrix = problem->key_transform + entries * head;
        for (uint32_t i = 0; i < size; i++)
            matrix[(size_t)i * size + i] = (float)(0.8 + 0.45 * octavo_random_unit(random));
        reflect_columns(random, matrix, size);
        reflect_rows(random, matrix, size);
    }
    return true;
}

/* A mean that the keys really have: added to them after the fill. */
static bool draw_mean(octavo_random *random, octavo_problem *problem) {
    size_t row = (size_t)problem->kv_head_count * problem->key_dim;
    problem->key_mean = calloc(row, sizeof(float));
    if (problem->key_mean == NULL) return false;
    octavo_random_normal(random, 2.0f, problem->key_mean, row);
    uint64_t tokens = octavo_problem_token_count(problem);
    for (uint64_t token = 0; token < tokens; token++)
        for (size_t i = 0; i < row; i++) problem->keys[token * row + i] += problem->key_mean[i];
    return true;
}

static bool draw_sink_logits(octavo_random *random, octavo_problem *problem) {
    problem->sink_logits = calloc(problem->query_head_count, sizeof(float));
    if (problem->sink_logits == NULL) return false;
    octavo_random_normal(random, 3.0f, problem->sink_logits, problem->query_head_count);
    return true;
}

/* Logits deviate by 1 at the default scale in two draws of three, by up to 4 in the others. */
static float draw_query_deviation(octavo_random *random, const octavo_problem *problem) {
    if (problem->scale != 0) return 1.0f; /* limit_spread has seen to those */
    return octavo_random_once_in(random, 3) ? (float)(1.0 + 2.5 * octavo_random_unit(random)) : 1.0f;
}

static void limit_spread(octavo_problem *problem) {
    /* scale * sqrt(d) is the deviation of the logits of N(0, 1) data. */
    float scale = problem->scale;
    while (scale * scale * (float)problem->key_dim > 12.0f) scale *= 0.5f;
    problem->scale = scale;
}

/* Queries that bring their own tokens, all of a sequence's in one draw of three. */
static void draw_own_tokens(octavo_random *random, octavo_problem *problem) {
    problem->own_tokens = octavo_random_once_in(random, 3);
    for (uint32_t i = 0; problem->own_tokens && i < problem->sequence_count; i++) {
        bool all = octavo_random_once_in(random, 3);
        uint32_t *lengths = problem->lengths, *queries = problem->query_counts;
        if (all || queries[i] > lengths[i]) lengths[i] = queries[i];
    }
}

static bool draw_settings(octavo_random *random, octavo_problem *problem, octavo_error_line *error) {
    octavo_problem_init(problem);
    if (!octavo_problem_allocate_sequences(problem, octavo_random_between(random, 1, 4), error)) return false;
    problem->phase = (octavo_phase)octavo_random_between(random, 0, 2);
    draw_heads(random, problem);
    draw_lengths(random, problem);
    draw_mask(random, problem);
    draw_cache(random, problem);
    draw_transfer(random, problem);
    limit_spread(problem);
    draw_own_tokens(random, problem);
    return true;
}

bool octavo_random_problem_draw(uint64_t seed, double work_limit, octavo_problem *problem, octavo_error_line *error) {
    octavo_random random = octavo_random_seed(seed);
    for (;;) {
        if (!draw_settings(&random, problem, error)) break;
        if (work_limit > 0 && octavo_problem_work(problem) > work_limit) {
            octavo_problem_release(problem);
            continue;
        }
        if (!octavo_problem_allocate_data(problem, error)) break;
        octavo_random_problem_fill(problem, octavo_random_bits(&random), draw_query_deviation(&random, problem));
        bool packed_keys = problem->key_bits != 16;
        bool drawn = !octavo_random_once_in(&random, 5) || draw_sink_logits(&random, problem);
        if (packed_keys && octavo_random_once_in(&random, 4)) drawn = drawn && draw_mean(&random, problem);
        if (packed_keys && octavo_random_once_in(&random, 5)) drawn = drawn && draw_transform(&random, problem);
        if (drawn) return true;
        (void)octavo_error_line_set(error, "no memory for the codec of %u heads", (unsigned)problem->kv_head_count);
        break;
    }
    octavo_problem_release(problem);
    return false;
}

void octavo_random_problem_fill(octavo_problem *problem, uint64_t seed, float query_deviation) {
    octavo_random random = octavo_random_seed(seed);
    uint64_t tokens = octavo_problem_token_count(problem), queries = octavo_problem_query_count(problem);
    octavo_random_normal(&random, query_deviation, problem->queries,
                         (size_t)(queries * problem->query_head_count * problem->key_dim));
    octavo_random_normal(&random, 1.0f, problem->keys, (size_t)(tokens * problem->kv_head_count * problem->key_dim));
    octavo_random_normal(&random, 1.0f, problem->values,
                         (size_t)(tokens * problem->kv_head_count * problem->value_dim));
}

void octavo_random_problem_force(octavo_problem *problem, const char *variant) {
    problem->variant = variant;
    if (variant != NULL && (strcmp(variant, "prefill_matrix") == 0 || strcmp(variant, "prefill_emulated") == 0))
        problem->phase = OCTAVO_PHASE_PREFILL;
}
