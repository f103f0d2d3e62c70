#include "bench_cache.h"

#include "bench_values.h"

#include <stdlib.h>
#include <string.h>

#define SOURCE_TOKENS 4096u
#define SOURCE_BYTES (UINT64_C(64) << 20) /* most of the rows of K, and of V */
#define APPENDS 4u                        /* places that appended tokens are taken from by turns, at least */
#define RECORDS 64u                       /* appends of one submission */

void octavo_bench_cache_release(octavo_bench_cache *filled) {
    octavo_cache_destroy(filled->cache);
    octavo_bench_rows_release(&filled->key_rows);
    octavo_bench_rows_release(&filled->value_rows);
    free(filled->sequences);
    free(filled->lengths);
    free(filled->source_keys);
    free(filled->source_values);
    free(filled->cached_keys);
    free(filled->cached_values);
    *filled = (octavo_bench_cache){.device = filled->device, .commands = filled->commands, .frame = filled->frame};
}

static uint64_t row_values(const octavo_bench_cache *filled, bool values) {
    return (uint64_t)filled->bench.kv_heads * (values ? filled->bench.value_dim : filled->bench.key_dim);
}

static octavo_status make_source(octavo_bench_cache *filled, bool values, float **host, octavo_bench_rows *rows) {
    const octavo_bench_case *bench = &filled->bench;
    uint64_t count = filled->source_tokens * row_values(filled, values);
    *host = malloc((size_t)count * sizeof **host);
    if (*host == NULL) return OCTAVO_OUT_OF_HOST_MEMORY;
    octavo_bench_fill_values(bench->seed, values ? OCTAVO_BENCH_VALUES : OCTAVO_BENCH_KEYS, bench->type, 0, *host,
                             count);
    octavo_status status = octavo_bench_rows_create(filled->device, bench->type, filled->source_tokens, bench->kv_heads,
                                                    values ? bench->value_dim : bench->key_dim, rows);
    if (status != OCTAVO_SUCCESS) return status;
    return octavo_bench_rows_write(rows, 0, (uint64_t)filled->source_tokens * bench->kv_heads, *host);
}

/* By one append, for all sequences. */
static uint64_t appended_tokens(const octavo_bench_cache *filled) {
    uint64_t tokens = 0;
    for (uint32_t i = 0; i < filled->bench.batch; i++)
        tokens += octavo_bench_case_queries(&filled->bench, filled->lengths[i]);
    return tokens;
}

static octavo_status make_sources(octavo_bench_cache *filled) {
    uint64_t larger =
        row_values(filled, false) > row_values(filled, true) ? row_values(filled, false) : row_values(filled, true);
    uint64_t most = SOURCE_BYTES / (larger * sizeof(float)) / OCTAVO_PAGE_TOKENS * OCTAVO_PAGE_TOKENS;
    uint64_t wanted = SOURCE_TOKENS;
    if (filled->bench.phase == OCTAVO_BENCH_APPEND && wanted < APPENDS * appended_tokens(filled))
        wanted = APPENDS * appended_tokens(filled);
    filled->source_tokens = (uint32_t)(most < wanted ? most : wanted);
    octavo_status status = make_source(filled, false, &filled->source_keys, &filled->key_rows);
    if (status != OCTAVO_SUCCESS) return status;
    return make_source(filled, true, &filled->source_values, &filled->value_rows);
}

/* Whole pages, some to append to, and those of the f16 rows of the first tokens, up to 8 times a packed row. */
static uint64_t page_tokens(const octavo_bench_cache *filled) {
    uint64_t pages = 0;
    for (uint32_t i = 0; i < filled->bench.batch; i++) {
        uint32_t appended = filled->bench.phase == OCTAVO_BENCH_APPEND
                                ? octavo_bench_case_queries(&filled->bench, filled->lengths[i])
                                : 0;
        pages += (filled->lengths[i] + appended) / OCTAVO_PAGE_TOKENS + 3 +
                 filled->bench.first_tokens * UINT64_C(8) / OCTAVO_PAGE_TOKENS;
    }
    return pages * OCTAVO_PAGE_TOKENS;
}

static octavo_status make_cache(octavo_bench_cache *filled) {
    const octavo_bench_case *bench = &filled->bench;
    octavo_cache_info info = OCTAVO_CACHE_INFO_INIT;
    info.layer_count = bench->layers;
    info.kv_head_count = bench->kv_heads;
    info.key_dim = bench->key_dim;
    info.value_dim = bench->value_dim;
    info.key_bits = bench->key_bits;
    info.value_bits = bench->value_bits;
    info.first_tokens = bench->first_tokens;
    info.sequence_capacity = bench->batch;
    info.token_capacity = page_tokens(filled);
    octavo_status status = octavo_cache_create(filled->device, &info, &filled->cache);
    for (uint32_t i = 0; i < bench->batch && status == OCTAVO_SUCCESS; i++)
        status = octavo_sequence_create(filled->cache, 0, &filled->sequences[i]);
    return status;
}

/* --- filling --------------------------------------------------------------------------------------------------------
 */

typedef struct filling {
    octavo_bench_cache *filled;
    VkCommandBuffer command_buffer;
    uint32_t records;
} filling;

static octavo_status flush(filling *fill) {
    octavo_bench_cache *filled = fill->filled;
    if (fill->records == 0) return OCTAVO_SUCCESS;
    fill->records = 0;
    octavo_status status = octavo_commands_submit_and_wait(filled->commands, NULL);
    return status == OCTAVO_SUCCESS ? octavo_frame_reset(filled->frame) : status;
}

static octavo_status record(filling *fill, const octavo_append_info *info) {
    octavo_bench_cache *filled = fill->filled;
    octavo_status status = OCTAVO_SUCCESS;
    if (fill->records == RECORDS) status = flush(fill);
    if (status == OCTAVO_SUCCESS && fill->records == 0)
        status = octavo_commands_begin(filled->commands, &fill->command_buffer);
    if (status == OCTAVO_SUCCESS)
        status = octavo_cache_record_append(filled->cache, filled->frame, fill->command_buffer, info);
    if (status == OCTAVO_SUCCESS) fill->records++;
    return status;
}

static octavo_status fill_cache(octavo_bench_cache *filled) {
    filling fill = {.filled = filled};
    octavo_append_info info = OCTAVO_APPEND_INFO_INIT;
    octavo_status status = OCTAVO_SUCCESS;
    info.sequence_count = 1;
    info.keys = octavo_bench_rows_tensor(&filled->key_rows, 0);
    info.values = octavo_bench_rows_tensor(&filled->value_rows, 0);
    for (uint32_t i = 0; i < filled->bench.batch; i++) {
        for (uint32_t done = 0; done < filled->lengths[i]; done += filled->source_tokens) {
            uint32_t missing = filled->lengths[i] - done;
            uint32_t count = missing < filled->source_tokens ? missing : filled->source_tokens;
            info.sequences = &filled->sequences[i];
            info.token_counts = &count;
            for (info.layer = 0; info.layer < filled->bench.layers; info.layer++) {
                status = record(&fill, &info);
                if (status == OCTAVO_FRAME_FULL && fill.records > 0) {
                    status = flush(&fill);
                    if (status == OCTAVO_SUCCESS) status = record(&fill, &info);
                }
                if (status != OCTAVO_SUCCESS) return status;
            }
        }
    }
    return flush(&fill);
}

static bool failed(octavo_status *status, octavo_status result, const char *call, octavo_error_line *error) {
    *status = result;
    if (result == OCTAVO_SUCCESS) return false;
    (void)octavo_error_line_set(error, "%s: %s", call, octavo_status_string(result));
    return true;
}

bool octavo_bench_cache_prepare(octavo_bench_cache *filled, const octavo_bench_case *bench, octavo_status *status,
                                octavo_error_line *error) {
    *status = OCTAVO_SUCCESS;
    if (filled->cache != NULL && octavo_bench_case_same_cache(&filled->bench, bench)) return true;
    octavo_bench_cache_release(filled);
    filled->bench = *bench;
    filled->sequences = calloc(bench->batch, sizeof *filled->sequences);
    filled->lengths = calloc(bench->batch, sizeof *filled->lengths);
    if (filled->sequences == NULL || filled->lengths == NULL)
        return !failed(status, OCTAVO_OUT_OF_HOST_MEMORY, "the list of sequences", error);
    filled->total_tokens = octavo_bench_case_lengths(bench, filled->lengths);
    if (!failed(status, make_sources(filled), "rows of keys and values", error) &&
        !failed(status, make_cache(filled), "octavo_cache_create", error) &&
        !failed(status, fill_cache(filled), "filling the cache", error)) {
        octavo_cache_get_statistics(filled->cache, &filled->statistics);
        return true;
    }
    octavo_bench_cache_release(filled);
    return false;
}

/* --- what it holds --------------------------------------------------------------------------------------------------
 */

octavo_bench_contents octavo_bench_cache_original(const octavo_bench_cache *filled) {
    return (octavo_bench_contents){.keys = filled->source_keys,
                                   .values = filled->source_values,
                                   .array_rows = filled->source_tokens,
                                   .first = filled->bench.first_tokens,
                                   .period = filled->source_tokens,
                                   .kv_heads = filled->bench.kv_heads,
                                   .key_dim = filled->bench.key_dim,
                                   .value_dim = filled->bench.value_dim};
}

octavo_status octavo_bench_cache_read(octavo_bench_cache *filled, octavo_bench_contents *contents) {
    *contents = octavo_bench_cache_original(filled);
    if (filled->cached_keys == NULL) {
        uint32_t longest = 0;
        for (uint32_t i = 1; i < filled->bench.batch; i++)
            if (filled->lengths[i] > filled->lengths[longest]) longest = i;
        uint32_t rows = contents->first + contents->period, length = filled->lengths[longest];
        filled->cached_rows = length < rows ? length : rows;
        filled->cached_keys = malloc((size_t)(filled->cached_rows * row_values(filled, false)) * sizeof(float));
        filled->cached_values = malloc((size_t)(filled->cached_rows * row_values(filled, true)) * sizeof(float));
        octavo_status status = OCTAVO_OUT_OF_HOST_MEMORY;
        if (filled->cached_keys != NULL && filled->cached_values != NULL)
            status = octavo_cache_read(filled->cache, filled->sequences[longest], 0, 0, filled->cached_rows,
                                       filled->cached_keys, filled->cached_values);
        if (status != OCTAVO_SUCCESS) {
            free(filled->cached_keys);
            free(filled->cached_values);
            filled->cached_keys = filled->cached_values = NULL;
            return status;
        }
    }
    contents->keys = filled->cached_keys;
    contents->values = filled->cached_values;
    contents->array_rows = filled->cached_rows;
    return OCTAVO_SUCCESS;
}
