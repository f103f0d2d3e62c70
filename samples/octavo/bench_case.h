/* One case of a benchmark: a shape, how its cache is filled and how a step runs; and what a step must read and compute.
 */
#ifndef OCTAVO_BENCH_CASE_H
#define OCTAVO_BENCH_CASE_H

#include <octavo/attention.h>

#include <stdbool.h>

typedef enum octavo_bench_phase {
    OCTAVO_BENCH_DECODE,
    OCTAVO_BENCH_PREFILL,
    OCTAVO_BENCH_APPEND,
    OCTAVO_BENCH_PHASE_COUNT
} octavo_bench_phase;
const char *octavo_bench_phase_name(octavo_bench_phase phase);

/* Whether a step appends the tokens of its queries, and which of them the queries attend. */
typedef enum octavo_bench_chunk {
    OCTAVO_BENCH_CHUNK_NONE,   /* all tokens are there before */
    OCTAVO_BENCH_CHUNK_PACKED, /* the packed ones: an append, then attention */
    OCTAVO_BENCH_CHUNK_OWN,    /* their own in f16: attention, then an append */
    OCTAVO_BENCH_CHUNK_COUNT
} octavo_bench_chunk;
const char *octavo_bench_chunk_name(octavo_bench_chunk chunk);

/* How many tokens each sequence has: low = high, or log-uniform between them, or the total of those in equal lengths.
 */
typedef struct octavo_bench_tokens {
    uint32_t low, high;
    bool equal_total;
} octavo_bench_tokens;

#define OCTAVO_BENCH_BATCH_LIMIT 4096u
#define OCTAVO_BENCH_TOKEN_LIMIT (1u << 26) /* of one sequence, and of all together */
#define OCTAVO_BENCH_LAYER_LIMIT 1024u
#define OCTAVO_BENCH_APPEND_LAYERS 32u      /* of one recorded batch of appends */
#define OCTAVO_BENCH_ALL_QUERIES UINT32_MAX /* as many queries as tokens */
#define OCTAVO_BENCH_NAME_LENGTH 384

typedef struct octavo_bench_case {
    const char *model; /* of a preset, or NULL */
    octavo_bench_phase phase;
    uint32_t key_dim, value_dim, kv_heads;
    uint32_t gqa; /* query heads for each KV head */
    octavo_bench_tokens tokens;
    uint32_t batch, queries;  /* sequences, query tokens of each, or tokens that an append brings to each */
    octavo_bench_chunk chunk; /* of attention */
    uint32_t key_bits, value_bits, first_tokens;
    octavo_type type; /* of the queries, and of the K and V that are appended; outputs are f32 or f16 */
    octavo_mask mask;
    bool sink_logits, warm;
    uint32_t layers;     /* caches that take turns */
    const char *variant; /* NULL: the best */
    uint32_t workgroups; /* 0: what suits */
    const char *tuning;  /* NULL or rows; no part of the name, so that runs with and without can be compared */
    uint64_t seed;
} octavo_bench_case;

/* Whether its steps change the cache: then each layer takes one before they are taken back. */
bool octavo_bench_case_appends(const octavo_bench_case *bench);
/* The same text for the same case in every run: what `--compare` pairs rows by. */
void octavo_bench_case_name(const octavo_bench_case *bench, char name[OCTAVO_BENCH_NAME_LENGTH]);
/* As "4096", "1..32768 log-uniform" or "equal total of 1..32768". */
void octavo_bench_tokens_text(const octavo_bench_tokens *tokens, char *text, size_t capacity);
/* lengths: [batch]; drawn from the seed. Returns their sum. */
uint64_t octavo_bench_case_lengths(const octavo_bench_case *bench, uint32_t *lengths);
/* Bytes of a token of one layer in full pages: codes and scales. */
uint64_t octavo_bench_case_token_bytes(const octavo_bench_case *bench);
/* Bytes of a token in the tensors of K and V of one layer. */
uint64_t octavo_bench_case_input_bytes(const octavo_bench_case *bench);
/* Layers for which what steps read is set_bytes together, as far as the layers are not much larger than that. */
uint32_t octavo_bench_case_layers(const octavo_bench_case *bench, uint64_t set_bytes);
/* Query tokens of a sequence of that length. */
uint32_t octavo_bench_case_queries(const octavo_bench_case *bench, uint32_t length);
/* Whether both run over the same contents of a cache, filled once. */
bool octavo_bench_case_same_cache(const octavo_bench_case *a, const octavo_bench_case *b);

/* The keys that a query sees: [0, head_end) and [begin, end), which do not overlap. */
typedef struct octavo_bench_visible {
    uint32_t head_end, begin, end;
} octavo_bench_visible;
octavo_bench_visible octavo_bench_find_visible(const octavo_mask *mask, uint32_t query_count, uint32_t key_count,
                                               uint32_t query);

/* What the sequences give to one step: keys that some query sees, and pairs of query token and visible key. */
typedef struct octavo_bench_work {
    double seen_tokens, pairs;
} octavo_bench_work;
octavo_bench_work octavo_bench_case_work(const octavo_bench_case *bench, const uint32_t *lengths);

#endif
