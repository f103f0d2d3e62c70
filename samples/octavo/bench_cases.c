/* The product of the lists. */
#include "bench_options.h"

#include <stdlib.h>

typedef struct case_list {
    const octavo_bench_options *options;
    octavo_bench_case *cases;
    size_t count, capacity;
} case_list;

static bool push(case_list *list, const octavo_bench_case *bench) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity * 2 + 16;
        octavo_bench_case *cases = realloc(list->cases, capacity * sizeof *cases);
        if (cases == NULL || capacity > 2 * OCTAVO_BENCH_CASE_LIMIT) {
            if (cases != NULL) list->cases = cases;
            return false;
        }
        list->cases = cases;
        list->capacity = capacity;
    }
    list->cases[list->count++] = *bench;
    return true;
}

/* The cases over one cache: query heads, queries and masks. An append has new tokens only. */
static bool push_queries(case_list *list, octavo_bench_case bench, const octavo_bench_preset *preset) {
    const octavo_bench_options *options = list->options;
    octavo_bench_list gqas = options->gqas, queries = options->queries;
    const octavo_mask *masks = preset != NULL ? preset->masks : options->masks;
    uint32_t mask_count = preset != NULL ? preset->mask_count : options->mask_count;
    if (preset != NULL) gqas = (octavo_bench_list){1, {preset->gqa}};
    if (queries.count == 0)
        queries = (octavo_bench_list){1, {bench.phase == OCTAVO_BENCH_PREFILL ? OCTAVO_BENCH_ALL_QUERIES : 1}};
    octavo_bench_list chunks = options->chunks;
    if (bench.phase == OCTAVO_BENCH_APPEND) {
        gqas.count = mask_count = 1;
        chunks = (octavo_bench_list){1, {OCTAVO_BENCH_CHUNK_NONE}};
    }
    for (uint32_t m = 0; m < mask_count; m++) { /* outermost: a window wants more caches to take turns */
        for (uint32_t g = 0; g < gqas.count; g++) {
            for (uint32_t i = 0; i < queries.count * chunks.count; i++) {
                bench.gqa = gqas.values[g];
                bench.queries = queries.values[i / chunks.count];
                bench.chunk = (octavo_bench_chunk)chunks.values[i % chunks.count];
                bench.mask = masks[m];
                if (!push(list, &bench)) return false;
            }
        }
    }
    return true;
}

static bool push_caches(case_list *list, octavo_bench_case bench, const octavo_bench_preset *preset) {
    const octavo_bench_options *options = list->options;
    for (uint32_t k = 0; k < options->kv_count; k++) {
        for (uint32_t b = 0; b < options->batches.count; b++) {
            for (uint32_t t = 0; t < options->token_count; t++) {
                bench.key_bits = options->key_bits[k];
                bench.value_bits = options->value_bits[k];
                bench.batch = options->batches.values[b];
                bench.tokens = options->tokens[t];
                if (!push_queries(list, bench, preset)) return false;
                bench.tokens.equal_total = true;
                if (options->equal_total && bench.tokens.low < bench.tokens.high && !push_queries(list, bench, preset))
                    return false;
            }
        }
    }
    return true;
}

static bool push_phase(case_list *list, octavo_bench_case bench) {
    const octavo_bench_options *options = list->options;
    for (uint32_t p = 0; p < options->presets.count; p++) {
        const octavo_bench_preset *preset = octavo_bench_preset_at(options->presets.values[p]);
        bench.model = preset->name;
        bench.key_dim = bench.value_dim = preset->dim;
        bench.kv_heads = preset->kv_heads;
        bench.sink_logits = preset->sink_logits;
        if (!push_caches(list, bench, preset)) return false;
    }
    if (options->presets.count > 0) return true;
    for (uint32_t d = 0; d < options->dims.count; d++) {
        for (uint32_t h = 0; h < options->kv_heads.count; h++) {
            bench.key_dim = options->dims.values[d];
            bench.value_dim = options->value_dim > 0 ? options->value_dim : bench.key_dim;
            bench.kv_heads = options->kv_heads.values[h];
            if (!push_caches(list, bench, NULL)) return false;
        }
    }
    return true;
}

bool octavo_bench_options_cases(const octavo_bench_options *options, octavo_bench_case **cases, size_t *count,
                                octavo_error_line *error) {
    case_list list = {options, NULL, 0, 0};
    bool complete = true;
    for (uint32_t i = 0; complete && i < options->phases.count * options->types.count; i++) {
        octavo_bench_case bench = {.phase = (octavo_bench_phase)options->phases.values[i / options->types.count],
                                   .type = (octavo_type)options->types.values[i % options->types.count],
                                   .first_tokens = options->first_tokens,
                                   .warm = options->warm,
                                   .variant = options->variant,
                                   .workgroups = options->workgroups,
                                   .seed = options->seed};
        complete = push_phase(&list, bench);
    }
    *cases = list.cases;
    *count = list.count;
    if (complete && list.count <= OCTAVO_BENCH_CASE_LIMIT) return true;
    free(list.cases);
    *cases = NULL;
    return octavo_error_line_set(error, "more than %u cases, or no memory for them", OCTAVO_BENCH_CASE_LIMIT);
}
