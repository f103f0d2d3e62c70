#include "report_set.h"

#include <stdlib.h>
#include <string.h>

static int compare_numbers(double a, double b) {
    return (a > b) - (a < b);
}

/* What people look at first comes first. */
static int phase_rank(const char *phase) {
    return strcmp(phase, "decode") == 0 ? 0 : strcmp(phase, "prefill") == 0 ? 1 : strcmp(phase, "append") == 0 ? 2 : 3;
}

int octavo_report_compare_family(const octavo_report_row *a, const octavo_report_row *b) {
    int order = phase_rank(a->phase) - phase_rank(b->phase);
    if (order == 0) order = strcmp(a->phase, b->phase);
    if (order == 0) order = -compare_numbers(a->key_dim, b->key_dim);
    if (order == 0) order = -compare_numbers(a->value_dim, b->value_dim);
    if (order == 0) order = compare_numbers(a->kv_heads, b->kv_heads);
    if (order == 0) order = strcmp(a->mask, b->mask);
    if (order == 0) order = strcmp(a->dtype, b->dtype);
    if (order == 0) order = (int)a->warm - (int)b->warm;
    if (order == 0) order = compare_numbers(a->batch, b->batch);
    if (order == 0) order = compare_numbers(a->queries, b->queries);
    return order == 0 ? strcmp(a->tokens_text, b->tokens_text) : order;
}

int octavo_report_compare_gqa(const octavo_report_row *a, const octavo_report_row *b) {
    return compare_numbers(a->gqa, b->gqa);
}

int octavo_report_compare_kv(const octavo_report_row *a, const octavo_report_row *b) {
    return strcmp(a->kv, b->kv);
}

int octavo_report_compare_tokens(const octavo_report_row *a, const octavo_report_row *b) {
    int order = compare_numbers(a->tokens, b->tokens);
    return order == 0 ? compare_numbers(a->tokens_total, b->tokens_total) : order;
}

static int compare_rows(const void *left, const void *right) {
    const octavo_report_row *a = *(const octavo_report_row *const *)left;
    const octavo_report_row *b = *(const octavo_report_row *const *)right;
    int order = octavo_report_compare_family(a, b);
    if (order == 0) order = octavo_report_compare_gqa(a, b);
    if (order == 0) order = octavo_report_compare_kv(a, b);
    if (order == 0) order = (a->file > b->file) - (a->file < b->file);
    if (order == 0) order = octavo_report_compare_tokens(a, b);
    if (order == 0) order = compare_numbers(octavo_report_row_time(a, NULL), octavo_report_row_time(b, NULL));
    return order == 0 ? (a > b) - (a < b) : order; /* rows of one file keep their order: they lie in one array */
}

static int compare_texts(const void *left, const void *right) {
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static int compare_doubles(const void *left, const void *right) {
    return compare_numbers(*(const double *)left, *(const double *)right);
}

static void collect_values(octavo_report_set *set) {
    for (size_t i = 0; i < set->row_count; i++) {
        set->kvs[i] = set->rows[i]->kv;
        set->gqas[i] = set->rows[i]->gqa;
        set->failed_count += !set->rows[i]->ok;
    }
    qsort(set->kvs, set->row_count, sizeof *set->kvs, compare_texts);
    qsort(set->gqas, set->row_count, sizeof *set->gqas, compare_doubles);
    for (size_t i = 0; i < set->row_count; i++) {
        if (i == 0 || strcmp(set->kvs[i], set->kvs[set->kv_count - 1]) != 0) set->kvs[set->kv_count++] = set->kvs[i];
        if (i == 0 || set->gqas[i] > set->gqas[set->gqa_count - 1]) set->gqas[set->gqa_count++] = set->gqas[i];
    }
}

bool octavo_report_set_create(octavo_report_file *files, size_t file_count, octavo_report_set *set) {
    size_t count = 0;
    memset(set, 0, sizeof *set);
    for (size_t i = 0; i < file_count; i++) count += files[i].row_count;
    set->files = files;
    set->file_count = file_count;
    set->rows = malloc((count + 1) * sizeof *set->rows);
    set->kvs = malloc((count + 1) * sizeof *set->kvs);
    set->gqas = malloc((count + 1) * sizeof *set->gqas);
    if (set->rows == NULL || set->kvs == NULL || set->gqas == NULL) {
        octavo_report_set_release(set);
        return false;
    }
    for (size_t i = 0; i < file_count; i++)
        for (size_t k = 0; k < files[i].row_count; k++) set->rows[set->row_count++] = &files[i].rows[k];
    qsort(set->rows, set->row_count, sizeof *set->rows, compare_rows);
    collect_values(set);
    return true;
}

void octavo_report_set_release(octavo_report_set *set) {
    free(set->rows);
    free(set->kvs);
    free(set->gqas);
    memset(set, 0, sizeof *set);
}

size_t octavo_report_set_kv_index(const octavo_report_set *set, const octavo_report_row *row) {
    size_t index = 0;
    while (index + 1 < set->kv_count && strcmp(set->kvs[index], row->kv) != 0) index++;
    return index;
}

size_t octavo_report_set_gqa_index(const octavo_report_set *set, const octavo_report_row *row) {
    size_t index = 0;
    while (index + 1 < set->gqa_count && set->gqas[index] < row->gqa) index++;
    return index;
}

double octavo_report_row_time(const octavo_report_row *row, octavo_report_clock *clock) {
    for (int i = 0; i < OCTAVO_REPORT_CLOCK_COUNT; i++) {
        if (!row->times[i].known) continue;
        if (clock != NULL) *clock = (octavo_report_clock)i;
        return row->times[i].median;
    }
    return 0;
}

const char *octavo_report_clock_name(octavo_report_clock clock) {
    static const char *const names[OCTAVO_REPORT_CLOCK_COUNT] = {"GPU", "host less empty", "host"};
    return names[clock];
}

bool octavo_report_row_is_drawn(const octavo_report_row *row) {
    return row->ok && octavo_report_row_time(row, NULL) > 0;
}

void octavo_report_add_device(octavo_report_text *text, const octavo_report_set *set, size_t file) {
    size_t same = 0;
    for (size_t i = 0; i < set->file_count; i++)
        same += strcmp(set->files[i].device_name, set->files[file].device_name) == 0;
    octavo_report_text_escape_short(text, set->files[file].device_name, 40);
    if (same > 1) octavo_report_text_format(text, " (file %zu)", file + 1);
}

/* ", N WORD" with the plural. */
static void add_count(octavo_report_text *text, double count, const char *word, const char *words) {
    octavo_report_text_format(text, ", %s %s", octavo_report_number_integer(count).text, count > 1 ? words : word);
}

void octavo_report_add_family(octavo_report_text *text, const octavo_report_row *row) {
    static const char *const names[] = {"Decode", "Prefill", "Append"};
    int rank = phase_rank(row->phase);
    if (rank < 3)
        octavo_report_text_add(text, names[rank]);
    else
        octavo_report_text_escape_short(text, row->phase, 24);
    if (row->key_dim >= 0) octavo_report_text_format(text, ", d %s", octavo_report_number_integer(row->key_dim).text);
    if (row->value_dim >= 0 && row->value_dim != row->key_dim)
        octavo_report_text_format(text, "/%s", octavo_report_number_integer(row->value_dim).text);
    if (row->kv_heads >= 0) add_count(text, row->kv_heads, "KV head", "KV heads");
    if (row->batch > 1) add_count(text, row->batch, "sequence", "sequences");
    if (row->queries > 1) add_count(text, row->queries, "new token", "new tokens");
    const char *unusual[3] = {row->mask, row->dtype, row->tokens_text};
    if (strcmp(row->mask, "causal") == 0) unusual[0] = "";
    if (strcmp(row->dtype, "f32") == 0) unusual[1] = "";
    for (int i = 0; i < 3; i++) {
        if (unusual[i][0] == '\0') continue;
        octavo_report_text_add(text, ", ");
        octavo_report_text_escape_short(text, unusual[i], 40);
    }
    if (row->tokens_text[0] != '\0') octavo_report_text_add(text, " tokens");
    if (row->warm) octavo_report_text_add(text, ", warm");
}

void octavo_report_add_gqa(octavo_report_text *text, const octavo_report_row *row) {
    if (row->gqa >= 0) octavo_report_text_format(text, ", GQA %s", octavo_report_number_integer(row->gqa).text);
}

void octavo_report_add_kv(octavo_report_text *text, const octavo_report_row *row) {
    if (row->kv[0] == '\0') return;
    octavo_report_text_add(text, ", ");
    octavo_report_text_escape_short(text, row->kv, 12);
}

void octavo_report_add_tokens(octavo_report_text *text, const octavo_report_row *row) {
    if (row->tokens_text[0] == '\0' && row->tokens >= 0)
        octavo_report_text_format(text, ", %s tokens", octavo_report_number_binary(row->tokens).text);
}

void octavo_report_add_tooltip(octavo_report_text *text, const octavo_report_set *set, const octavo_report_row *row) {
    octavo_report_clock clock = OCTAVO_REPORT_CLOCK_GPU;
    double time = octavo_report_row_time(row, &clock);
    octavo_report_add_device(text, set, row->file);
    octavo_report_text_add(text, "\n");
    octavo_report_add_family(text, row);
    octavo_report_add_gqa(text, row);
    octavo_report_add_kv(text, row);
    octavo_report_add_tokens(text, row);
    octavo_report_text_format(text, "\n%s \xc2\xb5s (%s)", octavo_report_number_plain(time).text,
                              octavo_report_clock_name(clock));
    if (row->bytes_per_s >= 0)
        octavo_report_text_format(text, ", %s", octavo_report_number_si(row->bytes_per_s, "B/s").text);
    if (row->roofline_fraction >= 0)
        octavo_report_text_format(text, ", %s of the roofline",
                                  octavo_report_number_percent(row->roofline_fraction).text);
    if (row->variant[0] == '\0') return;
    octavo_report_text_add(text, "\n");
    octavo_report_text_escape_short(text, row->variant, 64);
}
