#include "bench_case.h"

#include "mask_spec.h"
#include "random_numbers.h"
#include "tensor_type.h"

#include <stdio.h>
#include <string.h>

const char *octavo_bench_phase_name(octavo_bench_phase phase) {
    static const char *const names[OCTAVO_BENCH_PHASE_COUNT] = {"decode", "prefill", "append"};
    return names[phase];
}

const char *octavo_bench_chunk_name(octavo_bench_chunk chunk) {
    static const char *const names[OCTAVO_BENCH_CHUNK_COUNT] = {"none", "packed", "own"};
    return names[chunk];
}

bool octavo_bench_case_appends(const octavo_bench_case *bench) {
    return bench->phase == OCTAVO_BENCH_APPEND || bench->chunk != OCTAVO_BENCH_CHUNK_NONE;
}

void octavo_bench_tokens_text(const octavo_bench_tokens *tokens, char *text, size_t capacity) {
    if (tokens->low == tokens->high)
        (void)snprintf(text, capacity, "%u", (unsigned)tokens->low);
    else if (tokens->equal_total)
        (void)snprintf(text, capacity, "equal total of %u..%u", (unsigned)tokens->low, (unsigned)tokens->high);
    else
        (void)snprintf(text, capacity, "%u..%u log-uniform", (unsigned)tokens->low, (unsigned)tokens->high);
}

void octavo_bench_case_name(const octavo_bench_case *bench, char name[OCTAVO_BENCH_NAME_LENGTH]) {
    char tokens[64], queries[16] = "all", cache[OCTAVO_CACHE_SPEC_LENGTH], mask[OCTAVO_MASK_SPEC_LENGTH], dim[32];
    char forced[64] = "", chunk[24] = "", type[16] = "";
    octavo_bench_tokens_text(&bench->tokens, tokens, sizeof tokens);
    if (bench->queries != OCTAVO_BENCH_ALL_QUERIES)
        (void)snprintf(queries, sizeof queries, "%u", (unsigned)bench->queries);
    octavo_cache_spec_format(bench->key_bits, bench->value_bits, cache);
    octavo_mask_spec_format(&bench->mask, mask);
    (void)snprintf(dim, sizeof dim, bench->key_dim == bench->value_dim ? "%u" : "%u/%u", (unsigned)bench->key_dim,
                   (unsigned)bench->value_dim);
    if (bench->workgroups > 0) (void)snprintf(forced, sizeof forced, " workgroups %u", (unsigned)bench->workgroups);
    if (bench->chunk != OCTAVO_BENCH_CHUNK_NONE)
        (void)snprintf(chunk, sizeof chunk, " chunk %s", octavo_bench_chunk_name(bench->chunk));
    if (bench->type != OCTAVO_F32) (void)snprintf(type, sizeof type, " dtype %s", octavo_tensor_type_name(bench->type));
    (void)snprintf(name, OCTAVO_BENCH_NAME_LENGTH,
                   "%s%s%s d %s heads %ux%u tokens %s batch %u queries %s%s kv %s%s %s%s%s%s%s",
                   bench->model != NULL ? bench->model : "", bench->model != NULL ? " " : "",
                   octavo_bench_phase_name(bench->phase), dim, (unsigned)bench->kv_heads, (unsigned)bench->gqa, tokens,
                   (unsigned)bench->batch, queries, chunk, cache, type, mask, bench->warm ? " warm" : "",
                   bench->variant != NULL ? " " : "", bench->variant != NULL ? bench->variant : "", forced);
}

uint64_t octavo_bench_case_lengths(const octavo_bench_case *bench, uint32_t *lengths) {
    octavo_random random = octavo_random_seed(bench->seed);
    uint64_t total = 0;
    for (uint32_t i = 0; i < bench->batch; i++) {
        lengths[i] = octavo_random_log_between(&random, bench->tokens.low, bench->tokens.high);
        total += lengths[i];
    }
    for (uint32_t i = 0; bench->tokens.equal_total && i < bench->batch; i++)
        lengths[i] = (uint32_t)(total / bench->batch + (i < total % bench->batch));
    return total;
}

uint32_t octavo_bench_case_queries(const octavo_bench_case *bench, uint32_t length) {
    return bench->queries == OCTAVO_BENCH_ALL_QUERIES ? length : bench->queries;
}

bool octavo_bench_case_same_cache(const octavo_bench_case *a, const octavo_bench_case *b) {
    return (a->phase == OCTAVO_BENCH_APPEND) == (b->phase == OCTAVO_BENCH_APPEND) && a->key_dim == b->key_dim &&
           a->value_dim == b->value_dim && a->kv_heads == b->kv_heads && a->tokens.low == b->tokens.low &&
           a->tokens.high == b->tokens.high && a->tokens.equal_total == b->tokens.equal_total && a->batch == b->batch &&
           a->key_bits == b->key_bits && a->value_bits == b->value_bits && a->first_tokens == b->first_tokens &&
           a->type == b->type && a->layers == b->layers && a->seed == b->seed &&
           (a->chunk == OCTAVO_BENCH_CHUNK_NONE) == (b->chunk == OCTAVO_BENCH_CHUNK_NONE) &&
           (!octavo_bench_case_appends(a) || a->queries == b->queries);
}

static uint32_t clamp(int64_t value, uint32_t limit) {
    return value < 0 ? 0 : value > (int64_t)limit ? limit : (uint32_t)value;
}

octavo_bench_visible octavo_bench_find_visible(const octavo_mask *mask, uint32_t query_count, uint32_t key_count,
                                               uint32_t query) {
    int64_t position = (int64_t)key_count - query_count + query;
    uint32_t causal_end = mask->causal ? clamp(position + 1, key_count) : key_count;
    octavo_bench_visible seen = {clamp(mask->prefix, key_count), 0, causal_end};
    if (mask->window > 0) {
        uint32_t sink_end = mask->sink < causal_end ? mask->sink : causal_end;
        if (seen.head_end < sink_end) seen.head_end = sink_end;
        seen.begin = clamp(position - (int64_t)mask->window + 1, key_count);
        if (!mask->causal) seen.end = clamp(position + (int64_t)mask->window, key_count);
    }
    if (seen.begin < seen.head_end) seen.begin = seen.head_end;
    if (seen.end < seen.begin) seen.end = seen.begin;
    return seen;
}

static void add_work(const octavo_bench_case *bench, uint32_t length, octavo_bench_work *work) {
    uint32_t queries = octavo_bench_case_queries(bench, length);
    uint32_t head_end = 0, begin = length, end = 0;
    for (uint32_t i = 0; i < queries; i++) {
        octavo_bench_visible seen = octavo_bench_find_visible(&bench->mask, queries, length, i);
        work->pairs += (double)seen.head_end + (double)(seen.end - seen.begin);
        /* The windows of neighbouring queries overlap, so what some query sees is again two ranges. */
        if (head_end < seen.head_end) head_end = seen.head_end;
        if (seen.end == seen.begin) continue;
        if (begin > seen.begin) begin = seen.begin;
        if (end < seen.end) end = seen.end;
    }
    if (begin < head_end) begin = head_end;
    work->seen_tokens += (double)head_end + (double)(end > begin ? end - begin : 0);
}

octavo_bench_work octavo_bench_case_work(const octavo_bench_case *bench, const uint32_t *lengths) {
    octavo_bench_work work = {0, 0};
    for (uint32_t i = 0; i < bench->batch; i++) add_work(bench, lengths[i], &work);
    return work;
}

uint64_t octavo_bench_case_token_bytes(const octavo_bench_case *bench) {
    uint64_t key_bits = (uint64_t)((bench->key_dim + 31) / 32 * 32) * bench->key_bits;
    uint64_t value_bits = (uint64_t)((bench->value_dim + 31) / 32 * 32) * bench->value_bits;
    return bench->kv_heads * ((key_bits + value_bits) / 8 + 4);
}

uint64_t octavo_bench_case_input_bytes(const octavo_bench_case *bench) {
    return bench->kv_heads * ((uint64_t)bench->key_dim + bench->value_dim) * octavo_tensor_type_size(bench->type);
}

uint32_t octavo_bench_case_layers(const octavo_bench_case *bench, uint64_t set_bytes) {
    uint32_t lengths[OCTAVO_BENCH_BATCH_LIMIT];
    if (bench->phase == OCTAVO_BENCH_APPEND) return OCTAVO_BENCH_APPEND_LAYERS;
    if (bench->warm) return 1;
    double token_bytes = (double)octavo_bench_case_token_bytes(bench);
    double cache_bytes = (double)octavo_bench_case_lengths(bench, lengths) * token_bytes;
    double step_bytes = octavo_bench_case_work(bench, lengths).seen_tokens * token_bytes;
    double layers = (double)set_bytes / (step_bytes > 1 ? step_bytes : 1) + 1;
    double most = 8 * (double)set_bytes / cache_bytes + 2; /* a window reads little of a long cache */
    if (layers < 2 && step_bytes < 4 * (double)set_bytes) layers = 2;
    if (layers > most) layers = most;
    return layers < OCTAVO_BENCH_LAYER_LIMIT ? (uint32_t)layers : OCTAVO_BENCH_LAYER_LIMIT;
}
