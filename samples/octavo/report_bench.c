#include "report_bench.h"

#include "whole_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_LIMIT 1e18 /* no figure of a benchmark is larger */
#define SHORTEST_US 1e-6  /* nothing is timed below; keeps rates finite */
#define TEXT_LIMIT 1024u
#define COMMAND_LIMIT 16384u
#define MEMBER_LIMIT 64u /* of the device and of the ceilings */

/* A member of an object and the place of its value. */
typedef struct field {
    const char *name;
    size_t offset;
} field;

#define ROW_FIELD(name)                                                                                                \
    { #name, offsetof(octavo_report_row, name) }
#define FILE_FIELD(name)                                                                                               \
    { #name, offsetof(octavo_report_file, name) }
#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static const field row_numbers[] = {ROW_FIELD(key_dim),
                                    ROW_FIELD(value_dim),
                                    ROW_FIELD(kv_heads),
                                    ROW_FIELD(gqa),
                                    ROW_FIELD(tokens),
                                    ROW_FIELD(tokens_total),
                                    ROW_FIELD(batch),
                                    ROW_FIELD(queries),
                                    ROW_FIELD(rotated_sets),
                                    ROW_FIELD(bytes),
                                    ROW_FIELD(ops),
                                    ROW_FIELD(bytes_per_s),
                                    ROW_FIELD(fraction_of_read),
                                    ROW_FIELD(roofline_fraction),
                                    ROW_FIELD(kernel_rel_l2),
                                    ROW_FIELD(codec_rel_l2),
                                    ROW_FIELD(checked_rows),
                                    ROW_FIELD(bound)};
static const field row_texts[] = {ROW_FIELD(name),  ROW_FIELD(phase), ROW_FIELD(tokens_text), ROW_FIELD(kv),
                                  ROW_FIELD(dtype), ROW_FIELD(mask),  ROW_FIELD(variant),     ROW_FIELD(tuning)};
static const field skip_texts[] = {{"name", offsetof(octavo_report_skip, name)},
                                   {"reason", offsetof(octavo_report_skip, reason)}};
static const field ceiling_numbers[] = {FILE_FIELD(copy_bytes_per_s),   FILE_FIELD(read_bytes_per_s),
                                        FILE_FIELD(int8_dot_ops_per_s), FILE_FIELD(int8_matrix_ops_per_s),
                                        FILE_FIELD(f16_flops),          FILE_FIELD(f16_matrix_flops),
                                        FILE_FIELD(f32_flops),          FILE_FIELD(empty_dispatch_us),
                                        FILE_FIELD(set_bytes)};
static const field time_numbers[] = {{"median", offsetof(octavo_report_times, median)},
                                     {"min", offsetof(octavo_report_times, minimum)},
                                     {"max", offsetof(octavo_report_times, maximum)},
                                     {"p10", offsetof(octavo_report_times, p10)},
                                     {"p90", offsetof(octavo_report_times, p90)}};
static const char *const time_names[OCTAVO_REPORT_CLOCK_COUNT] = {"gpu_us", "host_minus_empty_us", "host_us"};

/* The member, or NULL where it is missing or null. */
static const cJSON *member_of(const cJSON *object, const char *name) {
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNull(member) ? NULL : member;
}

/* where names the object in messages, as "a.json: rows[3]". */
static bool take_number(const cJSON *object, const char *where, const char *name, double *value,
                        octavo_error_line *error) {
    const cJSON *member = member_of(object, name);
    *value = -1;
    if (member == NULL) return true;
    if (!cJSON_IsNumber(member)) return octavo_error_line_set(error, "%s: '%s' is not a number", where, name);
    double number = member->valuedouble;
    if (!isfinite(number) || number > NUMBER_LIMIT)
        return octavo_error_line_set(error, "%s: '%s' is %g, not a number up to %g", where, name, number, NUMBER_LIMIT);
    *value = number; /* a clock less the empty dispatch may be below 0: unknown, then */
    return true;
}

static bool take_text(const cJSON *object, const char *where, const char *name, size_t limit, const char **value,
                      octavo_error_line *error) {
    const cJSON *member = member_of(object, name);
    *value = "";
    if (member == NULL) return true;
    if (!cJSON_IsString(member) || member->valuestring == NULL)
        return octavo_error_line_set(error, "%s: '%s' is not a text", where, name);
    size_t length = strlen(member->valuestring);
    if (length > limit)
        return octavo_error_line_set(error, "%s: '%s' has %zu bytes, more than %zu", where, name, length, limit);
    *value = member->valuestring;
    return true;
}

static bool take_boolean(const cJSON *object, const char *where, const char *name, bool fallback, bool *given,
                         bool *value, octavo_error_line *error) {
    const cJSON *member = member_of(object, name);
    *given = member != NULL;
    *value = member == NULL ? fallback : cJSON_IsTrue(member) != 0;
    return member == NULL || cJSON_IsBool(member) ||
           octavo_error_line_set(error, "%s: '%s' is neither true nor false", where, name);
}

static bool take_numbers(const cJSON *object, const char *where, const field *fields, size_t count, void *target,
                         octavo_error_line *error) {
    for (size_t i = 0; i < count; i++) {
        double *value = (double *)(void *)((char *)target + fields[i].offset);
        if (!take_number(object, where, fields[i].name, value, error)) return false;
    }
    return true;
}

static bool take_texts(const cJSON *object, const char *where, const field *fields, size_t count, void *target,
                       octavo_error_line *error) {
    for (size_t i = 0; i < count; i++) {
        const char **value = (const char **)(void *)((char *)target + fields[i].offset);
        if (!take_text(object, where, fields[i].name, TEXT_LIMIT, value, error)) return false;
    }
    return true;
}

static bool take_times(const cJSON *row, const char *where, const char *name, octavo_report_times *times,
                       octavo_error_line *error) {
    const cJSON *object = member_of(row, name);
    char inside[256];
    (void)snprintf(inside, sizeof inside, "%.200s.%s", where, name);
    if (object != NULL && !cJSON_IsObject(object)) return octavo_error_line_set(error, "%s: is not an object", inside);
    if (!take_numbers(object, inside, time_numbers, COUNT_OF(time_numbers), times, error)) return false;
    times->known = times->median >= SHORTEST_US;
    const cJSON *samples = member_of(object, "samples");
    if (samples == NULL) return true;
    if (!cJSON_IsArray(samples)) return octavo_error_line_set(error, "%s: 'samples' is not a list", inside);
    const cJSON *sample;
    cJSON_ArrayForEach(sample, samples) {
        if (!cJSON_IsNumber(sample))
            return octavo_error_line_set(error, "%s: sample %zu is not a number", inside, times->sample_count);
        times->sample_count++;
    }
    return true;
}

/* What follows from other members where the file does not say it. */
static void derive(octavo_report_row *row, double read_bytes_per_s) {
    if (row->tokens_total < 0 && row->tokens >= 0) row->tokens_total = row->tokens * (row->batch > 0 ? row->batch : 1);
    if (row->tokens < 0 && row->tokens_total >= 0 && row->batch > 0) row->tokens = row->tokens_total / row->batch;
    for (int clock = 0; clock < OCTAVO_REPORT_CLOCK_COUNT && row->bytes_per_s < 0 && row->bytes > 0; clock++)
        if (row->times[clock].known) row->bytes_per_s = row->bytes / row->times[clock].median * 1e6;
    if (row->fraction_of_read < 0 && row->bytes_per_s > 0 && read_bytes_per_s > 0)
        row->fraction_of_read = row->bytes_per_s / read_bytes_per_s;
}

static bool take_row(const cJSON *object, const char *where, octavo_report_file *file, octavo_report_row *row,
                     octavo_error_line *error) {
    if (!cJSON_IsObject(object)) return octavo_error_line_set(error, "%s: is not an object", where);
    bool given;
    if (!take_texts(object, where, row_texts, COUNT_OF(row_texts), row, error) ||
        !take_numbers(object, where, row_numbers, COUNT_OF(row_numbers), row, error) ||
        !take_boolean(object, where, "warm", false, &given, &row->warm, error) ||
        !take_boolean(object, where, "ok", true, &row->checked, &row->ok, error))
        return false;
    for (int clock = 0; clock < OCTAVO_REPORT_CLOCK_COUNT; clock++)
        if (!take_times(object, where, time_names[clock], &row->times[clock], error)) return false;
    if (row->name[0] == '\0' || row->phase[0] == '\0')
        return octavo_error_line_set(error, "%s: lacks 'name' or 'phase'", where);
    derive(row, file->read_bytes_per_s);
    return true;
}

/* The list and how many entries it has; a missing one has none. */
static bool find_list(const cJSON *tree, const char *path, const char *name, const cJSON **list, size_t *count,
                      octavo_error_line *error) {
    *list = member_of(tree, name);
    *count = 0;
    if (*list == NULL) return true;
    if (!cJSON_IsArray(*list)) return octavo_error_line_set(error, "%.200s: '%s' is not a list", path, name);
    const cJSON *entry;
    cJSON_ArrayForEach(entry, *list) *count += 1;
    return *count <= OCTAVO_REPORT_ROW_LIMIT ||
           octavo_error_line_set(error, "%.200s: '%s' has %zu entries, more than %u", path, name, *count,
                                 OCTAVO_REPORT_ROW_LIMIT);
}

static bool take_rows(octavo_report_file *file, size_t index, octavo_error_line *error) {
    const cJSON *list, *entry;
    size_t count, number = 0;
    char where[256];
    if (!find_list(file->tree, file->path, "rows", &list, &count, error)) return false;
    if (list == NULL) return octavo_error_line_set(error, "%.200s: lacks 'rows'", file->path);
    file->rows = calloc(count + 1, sizeof *file->rows);
    if (file->rows == NULL) return octavo_error_line_set(error, "%.200s: no memory for %zu rows", file->path, count);
    cJSON_ArrayForEach(entry, list) {
        (void)snprintf(where, sizeof where, "%.200s: rows[%zu]", file->path, number);
        file->rows[number].file = index;
        if (!take_row(entry, where, file, &file->rows[number], error)) return false;
        file->row_count = ++number;
    }
    return true;
}

static bool take_skips(octavo_report_file *file, octavo_error_line *error) {
    const cJSON *list, *entry;
    size_t count, number = 0;
    char where[256];
    if (!find_list(file->tree, file->path, "skipped", &list, &count, error)) return false;
    file->skips = calloc(count + 1, sizeof *file->skips);
    if (file->skips == NULL) return octavo_error_line_set(error, "%.200s: no memory for %zu cases", file->path, count);
    cJSON_ArrayForEach(entry, list) {
        (void)snprintf(where, sizeof where, "%.200s: skipped[%zu]", file->path, number);
        if (!cJSON_IsObject(entry)) return octavo_error_line_set(error, "%s: is not an object", where);
        if (!take_texts(entry, where, skip_texts, COUNT_OF(skip_texts), &file->skips[number], error)) return false;
        file->skip_count = ++number;
    }
    return true;
}

/* An object whose members are shown as they are. */
static bool take_described(const octavo_report_file *file, const char *name, const cJSON **object,
                           octavo_error_line *error) {
    *object = member_of(file->tree, name);
    if (*object == NULL) return true;
    char where[256];
    (void)snprintf(where, sizeof where, "%.200s: %s", file->path, name);
    if (!cJSON_IsObject(*object)) return octavo_error_line_set(error, "%s: is not an object", where);
    size_t count = 0;
    const cJSON *member;
    cJSON_ArrayForEach(member, *object) {
        if (++count > MEMBER_LIMIT)
            return octavo_error_line_set(error, "%s: has more than %u members", where, MEMBER_LIMIT);
        if (strlen(member->string == NULL ? "" : member->string) > TEXT_LIMIT ||
            (cJSON_IsString(member) && strlen(member->valuestring) > TEXT_LIMIT))
            return octavo_error_line_set(error, "%s: member %zu has a text of more than %u bytes", where, count - 1,
                                         TEXT_LIMIT);
        if (cJSON_IsNumber(member) && !isfinite(member->valuedouble))
            return octavo_error_line_set(error, "%s: '%.64s' is not a finite number", where, member->string);
        if (cJSON_IsArray(member) || cJSON_IsObject(member) || cJSON_IsRaw(member))
            return octavo_error_line_set(error, "%s: '%.64s' is neither text nor number", where, member->string);
    }
    return true;
}

static bool take_file(octavo_report_file *file, size_t index, octavo_error_line *error) {
    const cJSON *tree = file->tree;
    const char *path = file->path, *schema;
    bool given;
    if (!cJSON_IsObject(tree)) return octavo_error_line_set(error, "%.200s: is not a JSON object", path);
    if (!take_text(tree, path, "schema", TEXT_LIMIT, &schema, error)) return false;
    if (strcmp(schema, "octavo-bench-1") != 0)
        return octavo_error_line_set(error, "%.200s: its schema is '%.64s', not 'octavo-bench-1'", path, schema);
    if (!take_text(tree, path, "date", TEXT_LIMIT, &file->date, error) ||
        !take_text(tree, path, "octavo", TEXT_LIMIT, &file->version, error) ||
        !take_text(tree, path, "command", COMMAND_LIMIT, &file->command, error) ||
        !take_boolean(tree, path, "complete", true, &given, &file->complete, error) ||
        !take_described(file, "device", &file->device, error) ||
        !take_described(file, "ceilings", &file->ceilings, error) ||
        !take_text(file->device, path, "name", TEXT_LIMIT, &file->device_name, error) ||
        !take_numbers(file->ceilings, path, ceiling_numbers, COUNT_OF(ceiling_numbers), file, error))
        return false;
    if (file->device_name[0] == '\0') file->device_name = "device without a name";
    return take_rows(file, index, error) && take_skips(file, error);
}

/* Only white space may follow the object. */
static bool ends_well(const char *end) {
    return end != NULL && end[strspn(end, " \t\r\n")] == '\0';
}

bool octavo_report_file_parse(const char *path, const uint8_t *bytes, size_t size, size_t index,
                              octavo_report_file *file, octavo_error_line *error) {
    memset(file, 0, sizeof *file);
    file->path = path;
    if (size > OCTAVO_REPORT_BYTE_LIMIT)
        return octavo_error_line_set(error, "%.200s: has %zu bytes, more than %llu", path, size,
                                     (unsigned long long)OCTAVO_REPORT_BYTE_LIMIT);
    if (size > 0 && memchr(bytes, 0, size) != NULL)
        return octavo_error_line_set(error, "%.200s: is not JSON: it holds a zero byte", path);
    char *text = malloc(size + 1); /* some releases of cJSON read one byte beyond a text that is cut off */
    if (text == NULL) return octavo_error_line_set(error, "%.200s: no memory for %zu bytes", path, size);
    if (size > 0) memcpy(text, bytes, size);
    text[size] = '\0';
    const char *end = NULL;
    file->tree = cJSON_ParseWithLengthOpts(text, size + 1, &end, 0);
    size_t reached = end == NULL ? 0 : (size_t)(end - text);
    bool whole = file->tree != NULL && ends_well(end);
    free(text);
    if (!whole) {
        octavo_report_file_release(file);
        return octavo_error_line_set(error, "%.200s: is not one JSON object, from byte %zu on", path, reached);
    }
    if (take_file(file, index, error)) return true;
    octavo_report_file_release(file);
    return false;
}

bool octavo_report_file_read(const char *path, size_t index, octavo_report_file *file, octavo_error_line *error) {
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (!octavo_whole_file_read(path, OCTAVO_REPORT_BYTE_LIMIT, &bytes, &size, error)) return false;
    bool parsed = octavo_report_file_parse(path, bytes, size, index, file, error);
    free(bytes);
    return parsed;
}

void octavo_report_file_release(octavo_report_file *file) {
    cJSON_Delete(file->tree);
    free(file->rows);
    free(file->skips);
    memset(file, 0, sizeof *file);
}
