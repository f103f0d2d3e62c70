#include "report_page.h"

#include "report_charts.h"
#include "report_style.h"

#include <string.h>

/* How a member of the device or the ceilings is called and measured; those that are not here keep their names. */
static const struct {
    const char *member, *label, *unit;
} known_members[] = {
    {"name", "device", ""},
    {"driver_version_text", "driver version", ""},
    {"api", "Vulkan", ""},
    {"subgroup_size", "subgroup size", ""},
    {"core_count", "cores", ""},
    {"shared_memory_bytes", "shared memory", "B"},
    {"heap_bytes", "device memory", "B"},
    {"vendor_id", "vendor", "hexadecimal"},
    {"device_id", "device number", "hexadecimal"},
    {"copy_bytes_per_s", "copy", "B/s"},
    {"read_bytes_per_s", "read", "B/s"},
    {"int8_dot_ops_per_s", "int8 dot", "op/s"},
    {"int8_matrix_ops_per_s", "int8 matrix", "op/s"},
    {"f16_flops", "f16", "flop/s"},
    {"f16_matrix_flops", "f16 matrix", "flop/s"},
    {"f32_flops", "f32", "flop/s"},
    {"empty_dispatch_us", "empty dispatch", "\xc2\xb5s"},
    {"set_bytes", "working set", "B"},
};

static void add_value(octavo_report_text *text, const cJSON *member, const char *unit) {
    double number = member->valuedouble;
    if (cJSON_IsString(member))
        octavo_report_text_escape(text, member->valuestring);
    else if (!cJSON_IsNumber(member))
        octavo_report_text_add(text, cJSON_IsTrue(member) ? "yes" : cJSON_IsFalse(member) ? "no" : "not measured");
    else if (number < 0)
        octavo_report_text_format(text, "%.6g", number);
    else if (strcmp(unit, "hexadecimal") == 0 && number < 4294967296.0)
        octavo_report_text_format(text, "0x%04llx", (unsigned long long)number);
    else if (strcmp(unit, "B") == 0)
        octavo_report_text_format(text, "%s%sB", octavo_report_number_binary(number).text,
                                  strchr(octavo_report_number_binary(number).text, 'i') != NULL ? "" : " ");
    else if (strcmp(unit, "\xc2\xb5s") == 0)
        octavo_report_text_format(text, "%s \xc2\xb5s", octavo_report_number_plain(number).text);
    else if (unit[0] != '\0')
        octavo_report_text_add(text, octavo_report_number_si(number, unit).text);
    else
        octavo_report_text_format(text, "%.10g", number);
}

static void add_members(octavo_report_text *text, const cJSON *object) {
    const cJSON *member;
    cJSON_ArrayForEach(member, object) {
        const char *label = member->string, *unit = "";
        for (size_t i = 0; i < sizeof known_members / sizeof known_members[0]; i++) {
            if (strcmp(known_members[i].member, member->string) != 0) continue;
            label = known_members[i].label;
            unit = known_members[i].unit;
        }
        octavo_report_text_add(text, "<div><dt>");
        octavo_report_text_escape(text, label);
        octavo_report_text_add(text, "</dt><dd>");
        add_value(text, member, unit);
        octavo_report_text_add(text, "</dd></div>\n");
    }
}

static void add_fact(octavo_report_text *text, const char *label, const char *value, const char *tag) {
    if (value[0] == '\0') return;
    octavo_report_text_format(text, "<div%s><dt>%s</dt><dd>", tag[0] == '\0' ? "" : " class=\"full\"", label);
    if (tag[0] != '\0') octavo_report_text_format(text, "<%s>", tag);
    octavo_report_text_escape(text, value);
    if (tag[0] != '\0') octavo_report_text_format(text, "</%s>", tag);
    octavo_report_text_add(text, "</dd></div>\n");
}

static void add_cell(octavo_report_text *text, const char *figure) {
    octavo_report_text_format(text, "<td class=\"n\">%s</td>", figure[0] == '\0' ? "\xe2\x80\x93" : figure);
}

static void add_text_cell(octavo_report_text *text, const char *attribute, const char *content) {
    octavo_report_text_format(text, "<td%s>", attribute);
    octavo_report_text_escape(text, content);
    octavo_report_text_add(text, "</td>");
}

static void add_shape_cells(octavo_report_text *text, const octavo_report_row *row) {
    octavo_report_text_add(text, "<tr>");
    add_text_cell(text, " class=\"case\"", row->name);
    add_text_cell(text, "", row->phase);
    octavo_report_text_format(text, "<td class=\"n\">%s%s%s</td>", octavo_report_number_integer(row->key_dim).text,
                              row->value_dim >= 0 && row->value_dim != row->key_dim ? "/" : "",
                              row->value_dim != row->key_dim ? octavo_report_number_integer(row->value_dim).text : "");
    add_cell(text, octavo_report_number_integer(row->kv_heads).text);
    add_cell(text, octavo_report_number_integer(row->gqa).text);
    if (row->tokens_text[0] != '\0')
        add_text_cell(text, " class=\"n\"", row->tokens_text);
    else
        add_cell(text, octavo_report_number_integer(row->tokens).text);
    add_cell(text, octavo_report_number_integer(row->batch).text);
    add_cell(text, octavo_report_number_integer(row->queries).text);
    add_text_cell(text, " class=\"w\"", row->kv);
    add_text_cell(text, "", row->mask);
    octavo_report_text_add(text, "<td>");
    octavo_report_text_escape(text, row->variant);
    octavo_report_text_add(text, row->warm ? " (warm)</td>" : "</td>");
}

static void add_measured_cells(octavo_report_text *text, const octavo_report_row *row) {
    octavo_report_clock clock = OCTAVO_REPORT_CLOCK_GPU;
    double time = octavo_report_row_time(row, &clock);
    const octavo_report_times *times = &row->times[clock];
    add_cell(text, time > 0 ? octavo_report_number_plain(time).text : "");
    octavo_report_number low = octavo_report_number_plain(times->minimum),
                         high = octavo_report_number_plain(times->maximum);
    if (time > 0 && low.text[0] != '\0' && high.text[0] != '\0')
        octavo_report_text_format(text, "<td class=\"n\">%s\xe2\x80\x93%s</td>", low.text, high.text);
    else
        add_cell(text, "");
    octavo_report_text_format(text, "<td class=\"w\">%s</td>", time > 0 ? octavo_report_clock_name(clock) : "none");
    add_cell(text, octavo_report_number_plain(row->bytes_per_s / 1e9).text);
    add_cell(text, octavo_report_number_percent(row->fraction_of_read).text);
    add_cell(text, octavo_report_number_percent(row->roofline_fraction).text);
    add_cell(text, octavo_report_number_error(row->kernel_rel_l2).text);
    add_cell(text, octavo_report_number_error(row->codec_rel_l2).text);
    octavo_report_text_add(text, !row->checked ? "<td>unchecked</td></tr>\n"
                                 : row->ok     ? "<td>ok</td></tr>\n"
                                               : "<td class=\"bad\">failed</td></tr>\n");
}

static void add_rows(octavo_report_text *text, const octavo_report_set *set, size_t file) {
    if (set->files[file].row_count == 0) {
        octavo_report_text_add(text, "<p class=\"empty\">The file has no rows.</p>\n");
        return;
    }
    octavo_report_text_add(
        text,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Rows\"><table><thead><tr>"
        "<th scope=\"col\">case</th><th scope=\"col\">phase</th><th scope=\"col\" class=\"n\">d</th>"
        "<th scope=\"col\" class=\"n\">KV<br>heads</th><th scope=\"col\" class=\"n\">GQA</th>"
        "<th scope=\"col\" class=\"n\">tokens</th><th scope=\"col\" class=\"n\">sequen-<br>ces</th>"
        "<th scope=\"col\" class=\"n\">queries</th><th scope=\"col\">K/V</th><th scope=\"col\">mask</th>"
        "<th scope=\"col\">kernel</th><th scope=\"col\" class=\"n\">time,<br>\xc2\xb5s</th>"
        "<th scope=\"col\" class=\"n\">from\xe2\x80\x93to,<br>\xc2\xb5s</th><th scope=\"col\">clock</th>"
        "<th scope=\"col\" class=\"n\">GB/s</th><th scope=\"col\" class=\"n\">of read</th>"
        "<th scope=\"col\" class=\"n\">of roofline</th><th scope=\"col\" class=\"n\">kernel<br>error</th>"
        "<th scope=\"col\" class=\"n\">codec<br>error</th><th scope=\"col\">check</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < set->row_count; i++) {
        if (set->rows[i]->file != file) continue;
        add_shape_cells(text, set->rows[i]);
        add_measured_cells(text, set->rows[i]);
    }
    octavo_report_text_add(text, "</tbody></table></div>\n");
}

static void add_skips(octavo_report_text *text, const octavo_report_file *file) {
    if (file->skip_count == 0) return;
    octavo_report_text_format(text,
                              "<h3>Skipped cases: %zu</h3>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
                              "aria-label=\"Skipped cases\"><table><thead><tr><th scope=\"col\">case</th>"
                              "<th scope=\"col\">reason</th></tr></thead>\n<tbody>\n",
                              file->skip_count);
    for (size_t i = 0; i < file->skip_count; i++) {
        octavo_report_text_add(text, "<tr>");
        add_text_cell(text, " class=\"case\"", file->skips[i].name);
        add_text_cell(text, "", file->skips[i].reason);
        octavo_report_text_add(text, "</tr>\n");
    }
    octavo_report_text_add(text, "</tbody></table></div>\n");
}

static void add_file(octavo_report_text *text, const octavo_report_set *set, size_t index) {
    const octavo_report_file *file = &set->files[index];
    octavo_report_text_format(text, "<section id=\"file%zu\"><h2>", index + 1);
    octavo_report_add_device(text, set, index);
    octavo_report_text_add(text, "</h2>\n");
    if (!file->complete) octavo_report_text_add(text, "<p class=\"bad\">This run was stopped before its end.</p>\n");
    octavo_report_text_add(text, "<dl>\n");
    add_members(text, file->device);
    add_members(text, file->ceilings);
    add_fact(text, "date", file->date, "");
    add_fact(text, "Octavo", file->version, "");
    add_fact(text, "file", file->path, "");
    add_fact(text, "command", file->command, "code");
    octavo_report_text_add(text, "</dl>\n");
    add_rows(text, set, index);
    add_skips(text, file);
    octavo_report_text_add(text, "</section>\n");
}

static void add_head(octavo_report_text *text, const octavo_report_set *set) {
    octavo_report_text_add(text,
                           "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                           "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
                           "'unsafe-inline'\">\n"
                           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                           "<meta name=\"color-scheme\" content=\"light dark\">\n<title>Octavo benchmark: ");
    octavo_report_add_device(text, set, 0);
    if (set->file_count > 1) octavo_report_text_format(text, " and %zu more", set->file_count - 1);
    octavo_report_text_add(text, "</title>\n<style>\n");
    octavo_report_text_add(text, octavo_report_style);
    octavo_report_text_add(text, "</style>\n</head>\n<body>\n<main>\n<h1>Octavo benchmark</h1>\n");
}

static void add_overview(octavo_report_text *text, const octavo_report_set *set) {
    octavo_report_text_format(text, "<p>%zu %s, %zu measured %s. Times are of one step of one layer.</p>\n",
                              set->file_count, set->file_count == 1 ? "run" : "runs", set->row_count,
                              set->row_count == 1 ? "case" : "cases");
    if (set->failed_count > 0)
        octavo_report_text_format(text,
                                  "<p class=\"bad\">%zu of them failed the check of the result. They are in the "
                                  "tables, in no chart.</p>\n",
                                  set->failed_count);
    octavo_report_text_add(text,
                           "<nav aria-label=\"Contents\"><a href=\"#roofline\">Roofline</a> <a href=\"#time\">Time "
                           "against tokens</a> <a href=\"#devices\">Device against device</a> <a "
                           "href=\"#error\">Error against bytes</a></nav>\n");
    octavo_report_text_add(text,
                           "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Files\"><table><thead>"
                           "<tr><th scope=\"col\" class=\"n\">file</th><th scope=\"col\">device</th>"
                           "<th scope=\"col\">date</th><th scope=\"col\" class=\"n\">read</th>"
                           "<th scope=\"col\" class=\"n\">cases</th><th scope=\"col\" class=\"n\">skipped</th>"
                           "<th scope=\"col\">run</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < set->file_count; i++) {
        const octavo_report_file *file = &set->files[i];
        octavo_report_text_format(text, "<tr><td class=\"n\">%zu</td><td><a href=\"#file%zu\">", i + 1, i + 1);
        octavo_report_add_device(text, set, i);
        octavo_report_text_add(text, "</a></td>");
        add_text_cell(text, " class=\"w\"", file->date);
        add_cell(text, octavo_report_number_si(file->read_bytes_per_s, "B/s").text);
        octavo_report_text_format(text, "<td class=\"n\">%zu</td><td class=\"n\">%zu</td><td%s</td></tr>\n",
                                  file->row_count, file->skip_count,
                                  file->complete ? ">complete" : " class=\"bad\">stopped");
    }
    octavo_report_text_add(text, "</tbody></table></div>\n");
}

void octavo_report_write_page(octavo_report_text *text, const octavo_report_set *set) {
    add_head(text, set);
    add_overview(text, set);
    octavo_report_add_roofline(text, set);
    octavo_report_add_time_lines(text, set);
    octavo_report_add_comparison(text, set);
    octavo_report_add_error_chart(text, set);
    for (size_t i = 0; i < set->file_count; i++) add_file(text, set, i);
    octavo_report_text_add(text, "</main>\n</body>\n</html>\n");
}
