/* Runs one attention problem through the library, as an application would: a cache, appends, one plan, attention calls.
 */
#ifndef OCTAVO_ATTENTION_SESSION_H
#define OCTAVO_ATTENTION_SESSION_H

#include "attention_oracle.h"
#include "attention_problem.h"

typedef struct octavo_session_result {
    octavo_status status; /* of the call that failed, else OCTAVO_SUCCESS */
    float *output;        /* [queries of all sequences][query_head_count][value_dim] */
    float *lse;           /* [queries of all sequences][query_head_count] */
    /* With an oracle: the same in double over the cache's contents as attention saw them. */
    double *reference, *reference_lse;
    octavo_oracle_spread spread; /* of the oracle's logits */
    bool guards_intact;          /* nothing was written outside of the output's rows */
    char variant[64];
    octavo_phase phase;
    double gpu_seconds; /* of all attention calls; negative without timestamps */
    uint32_t attention_calls;
    octavo_cache_statistics statistics; /* after the last call */
} octavo_session_result;

/* A failure of the library has said why in the device's log; error names the call and the status. */
bool octavo_session_run(octavo_device *device, const octavo_problem *problem, bool with_oracle,
                        octavo_session_result *result, octavo_error_line *error);
/* Frees the arrays and zeroes all but the status; fine on a zeroed one. */
void octavo_session_release(octavo_session_result *result);

#endif
