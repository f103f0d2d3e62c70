#include "commands.h"
#include "report_page.h"
#include "whole_file.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define ROW_LIMIT 16384u /* of all files: charts compare rows with rows */

static const char help[] =
    "usage: octavo report FILE.json... [--out FILE]\n"
    "       octavo report --markdown FILE.json... [--out FILE]\n"
    "Draws what octavo bench --format json wrote: one HTML page with charts and tables that needs nothing else,\n"
    "or tables in Markdown. The first file is the one that the others are compared with.\n\n"
    "  --out FILE   where it goes; - is stdout (default report.html; Markdown: stdout)\n"
    "  --markdown   tables for a README\n"
    "  --help       this text\n";

static bool read_files(int count, char **paths, octavo_report_file *files, size_t *read, octavo_error_line *error) {
    size_t rows = 0;
    if (count < 1) return octavo_error_line_set(error, "no file is named");
    if (count > (int)OCTAVO_REPORT_FILE_LIMIT)
        return octavo_error_line_set(error, "%d files, more than %u", count, OCTAVO_REPORT_FILE_LIMIT);
    for (int i = 0; i < count; i++) {
        if (!octavo_report_file_read(paths[i], (size_t)i, &files[i], error)) return false;
        rows += files[i].row_count;
        *read += 1;
    }
    return rows <= ROW_LIMIT || octavo_error_line_set(error, "%zu rows in all files, more than %u", rows, ROW_LIMIT);
}

static bool write_report(octavo_report_file *files, size_t count, bool markdown, const char *out,
                         octavo_error_line *error) {
    octavo_report_set set;
    octavo_report_text text = {0};
    if (!octavo_report_set_create(files, count, &set)) return octavo_error_line_set(error, "no memory for the rows");
    if (markdown)
        octavo_report_write_markdown(&text, &set);
    else
        octavo_report_write_page(&text, &set);
    bool written;
    if (text.failed || text.bytes == NULL)
        written = octavo_error_line_set(error, "no memory for a report of %zu rows", set.row_count);
    else if (strcmp(out, "-") == 0) {
        (void)fwrite(text.bytes, 1, text.length, stdout); /* octavo_command_finish sees what was not written */
        written = true;
    } else
        written = octavo_whole_file_write(out, text.bytes, text.length, NULL, 0, error);
    if (written && strcmp(out, "-") != 0) (void)fprintf(stderr, "octavo: %s: %zu bytes\n", out, text.length);
    octavo_report_text_release(&text);
    octavo_report_set_release(&set);
    return written;
}

octavo_exit octavo_report_command(int argc, char **argv) {
    static const struct option options[] = {{"out", required_argument, NULL, 'o'},
                                            {"markdown", no_argument, NULL, 'm'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    octavo_report_file files[OCTAVO_REPORT_FILE_LIMIT];
    const char *out = NULL;
    bool markdown = false;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h') {
            (void)fputs(help, stdout);
            return OCTAVO_EXIT_SUCCESS;
        }
        if (option == 'o')
            out = optarg;
        else if (option == 'm')
            markdown = true;
        else
            return octavo_command_usage(argv[0]);
    }
    if (out == NULL) out = markdown ? "-" : "report.html";
    octavo_error_line error = {""};
    size_t count = 0;
    octavo_exit code = OCTAVO_EXIT_SUCCESS;
    if (!read_files(argc - optind, argv + optind, files, &count, &error))
        code = OCTAVO_EXIT_USAGE;
    else if (!write_report(files, count, markdown, out, &error))
        code = OCTAVO_EXIT_FAILED;
    for (size_t i = 0; i < count; i++) octavo_report_file_release(&files[i]);
    return code == OCTAVO_EXIT_SUCCESS ? code : octavo_command_fail(argv[0], code, &error);
}
