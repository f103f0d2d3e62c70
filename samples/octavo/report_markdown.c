#include "report_page.h"

#include <string.h>

/* A column of a table. */
typedef struct column {
    const char *heading;
    bool number; /* aligned to the right */
    void (*add)(octavo_report_text *text, const octavo_report_row *row);
} column;

static void add_gqa(octavo_report_text *text, const octavo_report_row *row) {
    octavo_report_text_add(text, octavo_report_number_integer(row->gqa).text);
}

static void add_kv(octavo_report_text *text, const octavo_report_row *row) {
    octavo_report_text_escape_markdown(text, row->kv);
}

static void add_tokens(octavo_report_text *text, const octavo_report_row *row) {
    if (row->tokens_text[0] != '\0')
        octavo_report_text_escape_markdown(text, row->tokens_text);
    else
        octavo_report_text_add(text, octavo_report_number_integer(row->tokens).text);
}

static void add_variant(octavo_report_text *text, const octavo_report_row *row) {
    octavo_report_text_escape_markdown(text, row->variant);
}

static void add_time(octavo_report_text *text, const octavo_report_row *row) {
    double time = octavo_report_row_time(row, NULL);
    if (!row->ok)
        octavo_report_text_add(text, "failed its check");
    else if (time > 0)
        octavo_report_text_add(text, octavo_report_number_plain(time).text);
}

static void add_clock(octavo_report_text *text, const octavo_report_row *row) {
    octavo_report_clock clock;
    if (octavo_report_row_time(row, &clock) > 0) octavo_report_text_add(text, octavo_report_clock_name(clock));
}

static void add_rate(octavo_report_text *text, const octavo_report_row *row) {
    octavo_report_text_add(text, octavo_report_number_plain(row->bytes_per_s / 1e9).text);
}

static void add_of_read(octavo_report_text *text, const octavo_report_row *row) {
    octavo_report_text_add(text, octavo_report_number_percent(row->fraction_of_read).text);
}

static void add_of_roofline(octavo_report_text *text, const octavo_report_row *row) {
    octavo_report_text_add(text, octavo_report_number_percent(row->roofline_fraction).text);
}

static void add_kernel_error(octavo_report_text *text, const octavo_report_row *row) {
    octavo_report_text_add(text, octavo_report_number_error(row->kernel_rel_l2).text);
}

static void add_codec_error(octavo_report_text *text, const octavo_report_row *row) {
    octavo_report_text_add(text, octavo_report_number_error(row->codec_rel_l2).text);
}

#define NAMED_COLUMNS 5 /* the first: left out, and said above the table, where all rows have the same */
#define COLUMN_COUNT 11
static const column columns[COLUMN_COUNT] = {{"query heads a KV head", true, add_gqa},
                                             {"K/V bits", false, add_kv},
                                             {"kernel", false, add_variant},
                                             {"clock", false, add_clock},
                                             {"tokens", true, add_tokens},
                                             {"\xc2\xb5s", true, add_time},
                                             {"GB/s", true, add_rate},
                                             {"of read", true, add_of_read},
                                             {"of roofline", true, add_of_roofline},
                                             {"kernel error", true, add_kernel_error},
                                             {"codec error", true, add_codec_error}};

/* Whether the column says something, and something else from row to row. Rows of other files do not count. */
static void look_at_column(const octavo_report_set *set, size_t begin, size_t end, size_t index, size_t file,
                           bool *says, bool *varies) {
    octavo_report_text first = {0}, other = {0};
    bool found = false;
    *says = *varies = false;
    for (size_t i = begin; i < end; i++) {
        if (set->rows[i]->file != file) continue;
        octavo_report_text *text = found ? &other : &first;
        text->length = 0;
        octavo_report_text_add(text, "");
        columns[index].add(text, set->rows[i]);
        if (text->failed) break;
        if (text->length > 0) *says = true;
        if (found && strcmp(first.bytes, other.bytes) != 0) *varies = true;
        found = true;
    }
    octavo_report_text_release(&first);
    octavo_report_text_release(&other);
}

static void add_heading(octavo_report_text *text, const octavo_report_set *set, size_t begin, size_t end, size_t file,
                        bool shown[COLUMN_COUNT]) {
    const octavo_report_row *first = set->rows[begin];
    octavo_report_text_add(text, "\n");
    octavo_report_text family = {0};
    octavo_report_add_family(&family, first); /* escaped for HTML; pipes and stars are escaped on top */
    for (const char *byte = family.bytes; byte != NULL && *byte != '\0'; byte++) {
        if (strchr("\\`*_[]|~", *byte) != NULL) octavo_report_text_add(text, "\\");
        octavo_report_text_format(text, "%c", *byte);
    }
    text->failed = text->failed || family.failed;
    octavo_report_text_release(&family);
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        bool says, varies;
        look_at_column(set, begin, end, i, file, &says, &varies);
        shown[i] = varies || (says && i + 1 >= NAMED_COLUMNS);
        if (shown[i] || !says) continue;
        octavo_report_text_format(text, "; %s: ", columns[i].heading);
        columns[i].add(text, first);
    }
    octavo_report_text_add(text, "\n\n");
}

static void add_table(octavo_report_text *text, const octavo_report_set *set, size_t begin, size_t end, size_t file) {
    bool shown[COLUMN_COUNT];
    add_heading(text, set, begin, end, file, shown);
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        if (shown[i]) octavo_report_text_format(text, "| %s ", columns[i].heading);
    octavo_report_text_add(text, "|\n");
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        if (shown[i]) octavo_report_text_add(text, columns[i].number ? "|---:" : "|---");
    octavo_report_text_add(text, "|\n");
    for (size_t row = begin; row < end; row++) {
        if (set->rows[row]->file != file) continue;
        for (size_t i = 0; i < COLUMN_COUNT; i++) {
            if (!shown[i]) continue;
            octavo_report_text_add(text, "| ");
            columns[i].add(text, set->rows[row]);
            octavo_report_text_add(text, " ");
        }
        octavo_report_text_add(text, "|\n");
    }
}

static void add_file_line(octavo_report_text *text, const octavo_report_file *file) {
    const char *driver = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(file->device, "driver"));
    octavo_report_text_add(text, "**");
    octavo_report_text_escape_markdown(text, file->device_name);
    octavo_report_text_add(text, "**");
    if (driver != NULL && driver[0] != '\0') {
        octavo_report_text_add(text, ", ");
        octavo_report_text_escape_markdown(text, driver);
    }
    if (file->date[0] != '\0') {
        octavo_report_text_add(text, ", ");
        octavo_report_text_escape_markdown(text, file->date);
    }
    if (file->read_bytes_per_s > 0)
        octavo_report_text_format(text, "; read bandwidth %s",
                                  octavo_report_number_si(file->read_bytes_per_s, "B/s").text);
    if (file->skip_count > 0) octavo_report_text_format(text, "; skipped cases: %zu", file->skip_count);
    octavo_report_text_add(text, file->complete ? "\n" : "; stopped before its end\n");
}

void octavo_report_write_markdown(octavo_report_text *text, const octavo_report_set *set) {
    for (size_t file = 0; file < set->file_count; file++) {
        if (file > 0) octavo_report_text_add(text, "\n");
        add_file_line(text, &set->files[file]);
        for (size_t i = 0; i < set->row_count; i++) {
            if (set->rows[i]->file != file) continue;
            size_t end = i + 1;
            while (end < set->row_count && octavo_report_compare_family(set->rows[i], set->rows[end]) == 0) end++;
            add_table(text, set, i, end, file);
            i = end - 1;
        }
    }
}
