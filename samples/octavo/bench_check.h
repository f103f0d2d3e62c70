/* Whether what was measured is right: rows drawn from the seed against oracles in double precision. */
#ifndef OCTAVO_BENCH_CHECK_H
#define OCTAVO_BENCH_CHECK_H

#include "bench_measure.h"
#include "bench_step.h"

/* Fills the row's errors, bound and verdict. The step has run at least once. */
octavo_status octavo_bench_check(octavo_bench_session *session, octavo_bench_step *step, octavo_bench_row *row);

#endif
