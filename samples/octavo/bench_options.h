/* The command line of `octavo bench`: lists of shapes, whose product are the cases. */
#ifndef OCTAVO_BENCH_OPTIONS_H
#define OCTAVO_BENCH_OPTIONS_H

#include "bench_case.h"
#include "error_line.h"

#include <stddef.h>

#define OCTAVO_BENCH_LIST_LIMIT 32u
#define OCTAVO_BENCH_CASE_LIMIT 10000u

typedef struct octavo_bench_list {
    uint32_t count, values[OCTAVO_BENCH_LIST_LIMIT];
} octavo_bench_list;

typedef enum octavo_bench_format {
    OCTAVO_BENCH_FORMAT_MD,
    OCTAVO_BENCH_FORMAT_CSV,
    OCTAVO_BENCH_FORMAT_JSON
} octavo_bench_format;

/* A model's attention as published: one case for each mask of its layers. */
typedef struct octavo_bench_preset {
    const char *name;
    uint32_t dim, kv_heads, gqa;
    octavo_mask masks[2];
    uint32_t mask_count;
    bool sink_logits; /* it learns a logit for each head that only adds to the denominator */
} octavo_bench_preset;
/* index 0 ..; NULL beyond the last. */
const octavo_bench_preset *octavo_bench_preset_at(uint32_t index);

typedef struct octavo_bench_options {
    octavo_bench_list phases, dims, kv_heads, gqas, batches, queries; /* phases: octavo_bench_phase */
    uint32_t value_dim;                                               /* 0: as the keys */
    octavo_bench_tokens tokens[OCTAVO_BENCH_LIST_LIMIT];
    uint32_t token_count;
    uint32_t kv_count, key_bits[OCTAVO_BENCH_LIST_LIMIT], value_bits[OCTAVO_BENCH_LIST_LIMIT];
    octavo_mask masks[OCTAVO_BENCH_LIST_LIMIT];
    uint32_t mask_count;
    octavo_bench_list chunks;  /* OCTAVO_BENCH_CHUNK_ */
    octavo_bench_list types;   /* octavo_type */
    octavo_bench_list presets; /* indices; empty: the lists of dims, heads and masks */
    bool equal_total, warm, list_only, tune, help, verbose;
    uint32_t first_tokens, workgroups, rounds;
    uint32_t least_ms, most_ms, set_mib; /* set_mib 0: what suits the device */
    uint64_t seed;
    const char *variant, *device, *out;
    const char *tuning; /* a file of rows, or NULL */
    octavo_bench_format format;
    const char *compare[2]; /* two files instead of a run, or NULL */
} octavo_bench_options;

extern const char octavo_bench_help[];

/* 0: fine; 1: error says what is wrong; 2: getopt has said it. */
int octavo_bench_options_parse(int argc, char **argv, octavo_bench_options *options, octavo_error_line *error);

/* The cases, those that share a cache next to each other. *cases is allocated with malloc; pointers in it are the
 * options'. */
bool octavo_bench_options_cases(const octavo_bench_options *options, octavo_bench_case **cases, size_t *count,
                                octavo_error_line *error);

#endif
