/* Runs one case: plan, rounds, check. */
#ifndef OCTAVO_BENCH_MEASURE_H
#define OCTAVO_BENCH_MEASURE_H

#include "bench_cache.h"
#include "bench_result.h"

typedef struct octavo_bench_session {
    octavo_device *device;
    octavo_commands *commands;
    octavo_frame *frame;
    octavo_bench_cache filled;
    octavo_bench_ceilings ceilings;
    uint32_t rounds, least_ms, most_ms;
    bool times_only; /* no check against the oracle: the row is not ok */
} octavo_bench_session;

/* status: OCTAVO_SUCCESS, and the row is whole; else the case is skipped for the reason in error. After
 * OCTAVO_DEVICE_LOST nothing more can be measured. */
octavo_status octavo_bench_measure(octavo_bench_session *session, const octavo_bench_case *bench, octavo_bench_row *row,
                                   octavo_error_line *error);

#endif
