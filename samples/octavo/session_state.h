/* The inside of a session: its state, and the calls of the library that its steps are made of. For the files of the
 * session only. */
#ifndef OCTAVO_SESSION_STATE_H
#define OCTAVO_SESSION_STATE_H

#include "attention_session.h"
#include "tensor_layout.h"

/* Everything that lives as long as the run. Counts and offsets are per sequence. */
typedef struct octavo_session {
    octavo_device *device;
    const octavo_problem *problem;
    octavo_session_result *result;
    octavo_error_line *error;
    bool with_oracle;
    octavo_cache *cache;
    octavo_attention *plan;
    octavo_commands *commands;
    octavo_frame *frame;
    octavo_buffer *keys, *values, *queries, *output, *lse;
    octavo_sequence *sequences;
    uint32_t *appended, *answered;   /* keys in the cache, queries whose rows are there */
    uint32_t *counts;                /* of the call in preparation, for each sequence */
    octavo_sequence *call_sequences; /* those with a count */
    uint32_t *call_counts;
    uint64_t *key_offsets, *query_offsets; /* first row of each sequence in the problem's arrays */
    uint8_t *block;                        /* staging of one tensor */
    float *rows;
    size_t block_capacity, row_capacity;
    float *cache_keys, *cache_values; /* what the oracle reads */
    octavo_cache *twin;               /* of the oracle: in whose recent window own tokens are read */
} octavo_session;

/* Whether the call of that name failed; then error and status say so. */
bool octavo_session_failed(const octavo_session *run, const char *call, octavo_status status);
void *octavo_session_allocate(const octavo_session *run, uint64_t count, size_t size, const char *what);

/* The problem's codec, of a layer of a cache. */
bool octavo_session_set_codec(const octavo_session *run, octavo_cache *cache, uint32_t layer);

octavo_tensor_layout octavo_session_key_layout(const octavo_problem *problem, uint32_t tokens);
octavo_tensor_layout octavo_session_value_layout(const octavo_problem *problem, uint32_t tokens);
octavo_tensor_layout octavo_session_query_layout(const octavo_problem *problem, uint32_t tokens);
octavo_tensor_layout octavo_session_output_layout(const octavo_problem *problem, uint32_t tokens);
octavo_tensor_layout octavo_session_lse_layout(const octavo_problem *problem, uint32_t tokens);

/* Begins the commands of the next submission, in a frame that is reset. */
bool octavo_session_begin(octavo_session *run, VkCommandBuffer *command_buffer);
/* The rows in run->rows. */
bool octavo_session_upload(octavo_session *run, const octavo_tensor_layout *layout, octavo_buffer *buffer);
/* Of the tokens in run->keys and run->values; `where` names all but those. */
bool octavo_session_record_append(octavo_session *run, octavo_cache *cache, VkCommandBuffer command_buffer,
                                  const octavo_append_info *where, uint32_t tokens);
/* Sequences whose count is not 0, next to each other; returns how many. */
uint32_t octavo_session_select(octavo_session *run, uint32_t *tokens);
/* Appends the sequences' next tokens, up to a chunk: all of them, or, where queries bring their own, those before. */
bool octavo_session_append(octavo_session *run);
/* The rows that can be computed now; where they bring their own tokens, those are appended in the same submission. */
bool octavo_session_attend(octavo_session *run);

/* With an oracle: a cache for it, where it needs one. */
bool octavo_session_prepare_oracle(octavo_session *run);
/* The reference of the rows of the call in preparation, over what the cache holds and the tokens that they bring. */
bool octavo_session_oracle(octavo_session *run);
/* The same of all rows, where nothing but the last state counts. */
bool octavo_session_oracle_at_end(octavo_session *run);

#endif
