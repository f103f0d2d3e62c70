/* octavo bench --tune: tries other numbers for the kernels on this device and keeps those that are faster. */
#ifndef OCTAVO_BENCH_TUNE_H
#define OCTAVO_BENCH_TUNE_H

#include "bench_measure.h"

/* Cases that one tuning row serves are tuned together: what is kept is faster in their geometric mean. Their layers are
 * chosen here; appends have nothing to tune. */
typedef struct octavo_bench_tune_job {
    octavo_bench_session *session;
    octavo_bench_case *cases; /* [count] */
    size_t count;
    bool (*stopped)(void);
    const char *heading; /* of the text: a line of comment without its end, or NULL */
} octavo_bench_tune_job;

/* *text: tuning rows and comments, allocated with malloc; what there is so far when it was stopped or the device was
 * lost, then *complete is false. False: no memory. */
bool octavo_bench_tune(const octavo_bench_tune_job *job, char **text, bool *complete);

#endif
