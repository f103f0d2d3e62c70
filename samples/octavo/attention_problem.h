/* One attention problem: shapes, data and the settings of cache and plan. `attend` fills one from files, the self test
 * draws them at random. */
#ifndef OCTAVO_ATTENTION_PROBLEM_H
#define OCTAVO_ATTENTION_PROBLEM_H

#include "error_line.h"

#include <octavo/attention.h>

typedef struct octavo_problem {
    uint32_t sequence_count;
    uint32_t *lengths;      /* [sequence_count], keys of each */
    uint32_t *query_counts; /* [sequence_count] */
    uint32_t query_head_count, kv_head_count, key_dim, value_dim;
    float *queries;       /* [queries of all sequences][query_head_count][key_dim] */
    float *keys, *values; /* [keys of all sequences][kv_head_count][key_dim or value_dim] */
    float *sink_logits;   /* NULL or [query_head_count] */

    octavo_type query_type, key_type, value_type, output_type; /* on the GPU */
    uint32_t stride_padding;                                   /* unused elements after each row of a head on the GPU */
    bool head_major; /* tensors on the GPU are [head][token] instead of [token][head] */

    uint32_t key_bits, value_bits;
    uint32_t first_tokens, recent_tokens, slack_tokens;
    uint32_t layer_count, layer;
    VkDeviceSize segment_bytes;
    uint32_t codec_seed;
    float *key_mean;      /* NULL or [kv_head_count][key_dim] */
    float *key_transform; /* NULL or [kv_head_count][key_dim rounded up to 32]^2 */

    octavo_mask mask;
    float scale, softcap;
    octavo_empty_row empty_row;
    octavo_phase phase;
    const char *variant;   /* NULL: the best; not owned */
    bool skip_proof;       /* of the plan: a kernel that is wrong runs all the same */
    const char *tuning;    /* NULL or rows of numbers; not owned */
    uint32_t chunk_tokens; /* 0: all at once; else tokens per append and, where the mask allows it, per attention */
    bool own_tokens;       /* queries bring their own keys and values, appended afterwards: no more queries than keys */
    uint32_t workgroup_target;
    uint64_t slice_work;
    VkDeviceSize scratch_bytes;
} octavo_problem;

/* All zero but for one layer and the defaults of the library's windows. */
void octavo_problem_init(octavo_problem *problem);
/* Frees the arrays and zeroes the struct. */
void octavo_problem_release(octavo_problem *problem);

/* Allocates lengths and query_counts for sequence_count, and, once those and the dimensions are set, the data. */
bool octavo_problem_allocate_sequences(octavo_problem *problem, uint32_t sequence_count, octavo_error_line *error);
bool octavo_problem_allocate_data(octavo_problem *problem, octavo_error_line *error);

uint64_t octavo_problem_token_count(const octavo_problem *problem); /* keys of all sequences */
uint64_t octavo_problem_query_count(const octavo_problem *problem); /* queries of all sequences */
/* Sum over sequences of queries * keys * query heads * (key_dim + value_dim). */
double octavo_problem_work(const octavo_problem *problem);

/* One line of shape and settings. */
void octavo_problem_describe(const octavo_problem *problem, char *text, size_t capacity);

#endif
