/* How far a result is from the oracles, and how far it may be. */
#ifndef OCTAVO_ATTENTION_CHECK_H
#define OCTAVO_ATTENTION_CHECK_H

#include "attention_session.h"

typedef struct octavo_check {
    double kernel_rel_l2, kernel_max_abs; /* against the oracle over the cache's contents */
    double lse_max_abs;                   /* the same; infinite when a row is -inf in one of them only */
    double logit_deviation;               /* of the oracle's logits */
    double rel_l2_bound, lse_bound;
    bool guards_intact;
    bool passed;
} octavo_check;

typedef struct octavo_codec_check {
    double rel_l2, cosine; /* against the oracle over the original K and V */
} octavo_codec_check;

/* The relative bound of a path on data whose logits deviate so much. */
double octavo_check_bound(const char *variant, octavo_type output_type, double logit_deviation);

/* result was run with an oracle. */
octavo_check octavo_check_result(const octavo_problem *problem, const octavo_session_result *result);
bool octavo_check_codec(const octavo_problem *problem, const octavo_session_result *result, octavo_codec_check *check,
                        octavo_error_line *error);

#endif
