/* A tuning row (octavo/attention.h) as `octavo bench --tune` changes it: what it selects, and four numbers. */
#ifndef OCTAVO_BENCH_TUNING_ROW_H
#define OCTAVO_BENCH_TUNING_ROW_H

#include "bench_result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the order in which they are tuned: what fills the device depends on the others. */
typedef enum octavo_bench_number {
    OCTAVO_BENCH_LANES,
    OCTAVO_BENCH_ROWS,
    OCTAVO_BENCH_UNPACK,
    OCTAVO_BENCH_WORKGROUPS,
    OCTAVO_BENCH_NUMBER_COUNT
} octavo_bench_number;
const char *octavo_bench_number_name(octavo_bench_number number);

typedef struct octavo_bench_numbers {
    uint32_t values[OCTAVO_BENCH_NUMBER_COUNT]; /* 0: the kernel has no such number, or the library's own is meant */
} octavo_bench_numbers;

/* From the text of octavo_attention_tuning; selectors: what stands before the first setting. */
void octavo_bench_tuning_read(const char *text, char selectors[OCTAVO_BENCH_TUNING_LENGTH],
                              octavo_bench_numbers *numbers);
void octavo_bench_tuning_write(const char *selectors, const octavo_bench_numbers *numbers,
                               char text[OCTAVO_BENCH_TUNING_LENGTH]);
/* Whether a plan that uses *used took all that was asked for. */
bool octavo_bench_numbers_taken(const octavo_bench_numbers *asked, const octavo_bench_numbers *used);

#define OCTAVO_BENCH_CHOICE_LIMIT 5u
/* Values to try instead of the one in use; of workgroups multiples of it. Returns how many: none of a number that the
 * kernel does not have. */
size_t octavo_bench_number_choices(octavo_bench_number number, uint32_t in_use,
                                   uint32_t choices[OCTAVO_BENCH_CHOICE_LIMIT]);

#endif
