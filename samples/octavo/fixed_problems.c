/* The self test's small problems: each ability of the library at least once, and the corners that random draws miss. */
#include "random_problem.h"

#include <stdlib.h>

typedef struct fixed_problem {
    const char *name;
    uint32_t lengths[4], query_counts[4]; /* the sequences end at the first length 0 with 0 queries */
    uint32_t query_head_count, kv_head_count, key_dim, value_dim;
    uint32_t key_bits, value_bits;
    uint32_t first_tokens, recent_tokens;
    octavo_mask mask;
    uint32_t chunk_tokens;
    float softcap;
    octavo_empty_row empty_row;
    bool sink_logits;
} fixed_problem;

#define CAUSAL                                                                                                         \
    { VK_TRUE, 0, 0, 0 }
#define EVERYTHING                                                                                                     \
    { VK_FALSE, 0, 0, 0 }
#define ZERO OCTAVO_EMPTY_ROW_ZERO

static const fixed_problem problems[] = {
    {"decode-3bit", {300}, {1}, 8, 2, 64, 64, 3, 3, 4, 0, CAUSAL, 0, 0, ZERO, false},
    {"decode-one-token", {1}, {1}, 4, 4, 32, 32, 3, 3, 0, 0, CAUSAL, 0, 0, ZERO, false},
    {"decode-ragged", {1, 127, 129, 700}, {1, 2, 3, 16}, 4, 1, 128, 128, 3, 3, 4, 0, CAUSAL, 0, 0, ZERO, false},
    {"decode-2bit", {200}, {1}, 4, 2, 64, 64, 2, 2, 4, 0, CAUSAL, 0, 0, ZERO, false},
    {"decode-4bit-keys", {257}, {1}, 4, 2, 96, 96, 4, 3, 4, 0, CAUSAL, 0, 0, ZERO, false},
    {"decode-f16", {257}, {2}, 4, 2, 80, 80, 16, 16, 0, 0, CAUSAL, 0, 0, ZERO, false},
    {"decode-f16-keys", {130}, {1}, 2, 2, 64, 64, 16, 3, 4, 0, CAUSAL, 0, 0, ZERO, false},
    {"decode-recent", {400}, {4}, 4, 2, 64, 64, 3, 3, 4, 64, CAUSAL, 0, 0, ZERO, false},
    {"decode-sink-window", {600}, {3}, 4, 2, 64, 64, 3, 3, 4, 0, {VK_TRUE, 100, 4, 0}, 0, 0, ZERO, false},
    {"decode-many-heads", {150}, {1}, 64, 1, 64, 64, 3, 3, 4, 0, CAUSAL, 0, 0, ZERO, false},
    {"decode-no-keys", {0, 5}, {1, 1}, 2, 1, 64, 64, 3, 3, 4, 0, CAUSAL, 0, 0, ZERO, false},
    {"prefill-causal", {100}, {100}, 4, 2, 64, 64, 3, 3, 4, 0, CAUSAL, 0, 0, ZERO, false},
    {"prefill-cross", {333}, {40}, 4, 4, 64, 64, 3, 3, 0, 0, EVERYTHING, 0, 0, ZERO, false},
    {"prefill-dims-40-160", {140}, {33}, 4, 2, 40, 160, 3, 3, 4, 0, CAUSAL, 0, 0, ZERO, false},
    {"prefill-dims-256-33", {70}, {20}, 2, 1, 256, 33, 4, 2, 4, 0, CAUSAL, 0, 0, ZERO, false},
    {"prefill-window", {300}, {50}, 2, 2, 64, 64, 3, 3, 4, 0, {VK_TRUE, 30, 0, 0}, 0, 0, ZERO, false},
    {"prefill-both-sides", {300}, {50}, 2, 2, 64, 64, 3, 3, 4, 0, {VK_FALSE, 20, 3, 0}, 0, 0, ZERO, false},
    {"prefill-prefix", {90}, {90}, 2, 2, 64, 64, 3, 3, 4, 0, {VK_TRUE, 0, 0, 50}, 0, 0, ZERO, false},
    {"prefill-chunked", {500, 200}, {500, 100}, 4, 2, 64, 64, 3, 3, 4, 32, CAUSAL, 96, 0, ZERO, false},
    {"prefill-softcap", {120}, {20}, 4, 2, 64, 64, 3, 3, 4, 0, CAUSAL, 0, 2.0f, ZERO, false},
    {"prefill-sink-logits", {120}, {20}, 4, 2, 64, 64, 3, 3, 4, 0, CAUSAL, 0, 0, ZERO, true},
    {"rows-zero", {10}, {25}, 2, 2, 64, 64, 3, 3, 4, 0, CAUSAL, 0, 0, ZERO, false},
    {"rows-all", {10}, {25}, 2, 2, 64, 64, 3, 3, 4, 0, CAUSAL, 0, 0, OCTAVO_EMPTY_ROW_ATTEND_ALL, true},
    {"rows-uniform-sinks", {30}, {70}, 3, 1, 96, 96, 16, 16, 0, 0, CAUSAL, 0, 0, OCTAVO_EMPTY_ROW_UNIFORM, true},
    {"rows-uniform", {140}, {300}, 2, 2, 64, 64, 3, 3, 4, 0, CAUSAL, 0, 0, OCTAVO_EMPTY_ROW_UNIFORM, false},
    {"decode-softcap-largest", {300}, {3}, 4, 2, 64, 64, 3, 3, 4, 16, CAUSAL, 0, 1e9f, ZERO, false},
    {"prefill-softcap-least", {120}, {20}, 4, 2, 64, 64, 3, 3, 4, 0, CAUSAL, 0, 1e-9f, ZERO, false},
    {"decode-many-rows", {300, 40}, {16, 9}, 8, 1, 64, 64, 3, 3, 4, 16, {VK_TRUE, 100, 4, 0}, 0, 0, ZERO, true},
};

static bool make(const fixed_problem *fixed, uint64_t seed, octavo_problem *problem, octavo_error_line *error) {
    uint32_t sequences = 1;
    while (sequences < 4 && (fixed->lengths[sequences] > 0 || fixed->query_counts[sequences] > 0)) sequences++;
    octavo_problem_init(problem);
    if (!octavo_problem_allocate_sequences(problem, sequences, error)) return false;
    for (uint32_t i = 0; i < sequences; i++) {
        problem->lengths[i] = fixed->lengths[i];
        problem->query_counts[i] = fixed->query_counts[i];
    }
    problem->query_head_count = fixed->query_head_count;
    problem->kv_head_count = fixed->kv_head_count;
    problem->key_dim = fixed->key_dim;
    problem->value_dim = fixed->value_dim;
    problem->key_bits = fixed->key_bits;
    problem->value_bits = fixed->value_bits;
    problem->first_tokens = fixed->first_tokens;
    problem->recent_tokens = fixed->recent_tokens;
    problem->mask = fixed->mask;
    problem->chunk_tokens = fixed->chunk_tokens;
    problem->softcap = fixed->softcap;
    problem->empty_row = fixed->empty_row;
    if (!octavo_problem_allocate_data(problem, error)) return false;
    octavo_random_problem_fill(problem, seed, 1.0f);
    if (!fixed->sink_logits) return true;
    problem->sink_logits = calloc(fixed->query_head_count, sizeof(float));
    if (problem->sink_logits == NULL) return octavo_error_line_set(error, "no memory for sink logits");
    for (uint32_t head = 0; head < fixed->query_head_count; head++) problem->sink_logits[head] = 1.5f - (float)head;
    return true;
}

const char *octavo_fixed_problem(uint32_t index, octavo_problem *problem, octavo_error_line *error, bool *made) {
    if (index >= sizeof problems / sizeof problems[0]) return NULL;
    if (problem != NULL) {
        bool complete = make(&problems[index], 1000u + index, problem, error);
        if (!complete) octavo_problem_release(problem);
        if (made != NULL) *made = complete;
    }
    return problems[index].name;
}
