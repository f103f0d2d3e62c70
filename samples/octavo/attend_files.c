/* Files to a problem: shapes against each other, sequences cut to their lengths. */
#include "attend_arguments.h"
#include "npy.h"
#include "number_text.h"

#include <stdlib.h>
#include <string.h>

typedef struct attend_files {
    octavo_npy_array query, key, value, sink;
} attend_files;

static bool read_rank_4(const char *option, const char *path, octavo_npy_array *array, octavo_error_line *error) {
    if (!octavo_npy_read(path, array, error)) return false;
    if (array->rank != 4)
        return octavo_error_line_set(error, "%s: %.256s has %u dimensions, not 4 (batch, tokens, heads, channels)",
                                     option, path, (unsigned)array->rank);
    return true;
}

static bool same(const char *what, uint64_t left, const char *right_name, uint64_t right, octavo_error_line *error) {
    if (left == right) return true;
    return octavo_error_line_set(error, "%s is %llu, but %s has %llu", what, (unsigned long long)left, right_name,
                                 (unsigned long long)right);
}

static bool within(const char *what, uint64_t value, uint64_t minimum, uint64_t maximum, octavo_error_line *error) {
    if (value >= minimum && value <= maximum) return true;
    return octavo_error_line_set(error, "%s is %llu, outside of %llu .. %llu", what, (unsigned long long)value,
                                 (unsigned long long)minimum, (unsigned long long)maximum);
}

static bool check_shapes(const attend_files *files, octavo_error_line *error) {
    const uint64_t *q = files->query.shape, *k = files->key.shape, *v = files->value.shape;
    if (!same("--k: batch", k[0], "--q", q[0], error) || !same("--v: batch", v[0], "--q", q[0], error) ||
        !same("--v: number of tokens", v[1], "--k", k[1], error) ||
        !same("--v: number of heads", v[2], "--k", k[2], error) ||
        !same("--k: number of channels", k[3], "--q", q[3], error))
        return false;
    if (!within("--q: batch", q[0], 1, 65536, error) || !within("--q: number of tokens", q[1], 1, INT32_MAX, error) ||
        !within("--k: number of tokens", k[1], 0, INT32_MAX, error) ||
        !within("--k: number of heads", k[2], 1, 256, error) ||
        !within("--q: number of channels", q[3], 32, 256, error) ||
        !within("--v: number of channels", v[3], 32, 256, error) ||
        !within("--q: number of heads", q[2], 1, 64 * k[2], error))
        return false;
    if (q[2] % k[2] != 0)
        return octavo_error_line_set(error, "--q: %llu heads are no multiple of the %llu of --k",
                                     (unsigned long long)q[2], (unsigned long long)k[2]);
    return true;
}

static bool read_sink(const char *path, uint64_t heads, octavo_npy_array *sink, octavo_error_line *error) {
    if (path == NULL) return true;
    if (!octavo_npy_read(path, sink, error)) return false;
    if (sink->rank == 1 && sink->shape[0] == heads) return true;
    return octavo_error_line_set(
        error, "--sink-logit: %.256s has %llu values in %u dimensions, not one for each of %llu heads", path,
        (unsigned long long)sink->count, (unsigned)sink->rank, (unsigned long long)heads);
}

static bool fill_lengths(const octavo_attend_arguments *arguments, const attend_files *files, octavo_problem *problem,
                         octavo_error_line *error) {
    uint32_t batch = (uint32_t)files->query.shape[0], *lengths = NULL, count = 0;
    if (!octavo_problem_allocate_sequences(problem, batch, error)) return false;
    for (uint32_t i = 0; i < batch; i++) {
        problem->lengths[i] = (uint32_t)files->key.shape[1];
        problem->query_counts[i] = (uint32_t)files->query.shape[1];
    }
    if (arguments->lengths == NULL) return true;
    if (!octavo_number_list_parse("--lengths", arguments->lengths, files->key.shape[1], &lengths, &count, error))
        return false;
    bool fits = count == batch;
    if (fits)
        memcpy(problem->lengths, lengths, batch * sizeof *lengths);
    else
        (void)octavo_error_line_set(error, "--lengths: has %u entries for %u sequences", (unsigned)count,
                                    (unsigned)batch);
    free(lengths);
    return fits;
}

static bool check_own(const octavo_problem *problem, octavo_error_line *error) {
    for (uint32_t i = 0; problem->own_tokens && i < problem->sequence_count; i++)
        if (problem->query_counts[i] > problem->lengths[i])
            return octavo_error_line_set(error, "--own: sequence %u has %u queries and %u keys: not each query its own",
                                         (unsigned)i, (unsigned)problem->query_counts[i],
                                         (unsigned)problem->lengths[i]);
    return true;
}

/* The first lengths[b] tokens of each sequence, next to each other. */
static void take_tokens(const octavo_npy_array *array, const uint32_t *lengths, float *target) {
    size_t row = (size_t)(array->shape[2] * array->shape[3]);
    for (uint64_t batch = 0; batch < array->shape[0]; batch++) {
        size_t size = lengths[batch] * row;
        if (size > 0) memcpy(target, array->values + batch * array->shape[1] * row, size * sizeof *target);
        target += size;
    }
}

static bool fill_problem(const octavo_attend_arguments *arguments, const attend_files *files, octavo_problem *problem,
                         octavo_error_line *error) {
    *problem = arguments->settings;
    if (!fill_lengths(arguments, files, problem, error) || !check_own(problem, error)) return false;
    problem->query_head_count = (uint32_t)files->query.shape[2];
    problem->kv_head_count = (uint32_t)files->key.shape[2];
    problem->key_dim = (uint32_t)files->key.shape[3];
    problem->value_dim = (uint32_t)files->value.shape[3];
    if (!octavo_problem_allocate_data(problem, error)) return false;
    take_tokens(&files->query, problem->query_counts, problem->queries);
    take_tokens(&files->key, problem->lengths, problem->keys);
    take_tokens(&files->value, problem->lengths, problem->values);
    if (files->sink.values == NULL) return true;
    problem->sink_logits = malloc(problem->query_head_count * sizeof *problem->sink_logits);
    if (problem->sink_logits == NULL) return octavo_error_line_set(error, "no memory for sink logits");
    memcpy(problem->sink_logits, files->sink.values, problem->query_head_count * sizeof *problem->sink_logits);
    return true;
}

bool octavo_attend_arguments_load(const octavo_attend_arguments *arguments, octavo_problem *problem,
                                  uint64_t query_shape[4], octavo_error_line *error) {
    attend_files files;
    memset(&files, 0, sizeof files);
    memset(problem, 0, sizeof *problem);
    bool loaded = read_rank_4("--q", arguments->query_path, &files.query, error) &&
                  read_rank_4("--k", arguments->key_path, &files.key, error) &&
                  read_rank_4("--v", arguments->value_path, &files.value, error) && check_shapes(&files, error) &&
                  read_sink(arguments->sink_path, files.query.shape[2], &files.sink, error) &&
                  fill_problem(arguments, &files, problem, error);
    if (loaded)
        memcpy(query_shape, files.query.shape, 4 * sizeof *query_shape);
    else
        octavo_problem_release(problem);
    octavo_npy_release(&files.query);
    octavo_npy_release(&files.key);
    octavo_npy_release(&files.value);
    octavo_npy_release(&files.sink);
    return loaded;
}
