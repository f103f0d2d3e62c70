#include "bench_result.h"

#include "report_bench.h"

#include <stdio.h>
#include <string.h>

/* Microseconds by a clock that both rows have, the GPU's first. */
static bool times_of(const octavo_report_row *a, const octavo_report_row *b, double times[2]) {
    for (int clock = 0; clock < OCTAVO_REPORT_CLOCK_COUNT; clock++) {
        if (!a->times[clock].known || !b->times[clock].known) continue;
        times[0] = a->times[clock].median;
        times[1] = b->times[clock].median;
        return true;
    }
    return false;
}

static const octavo_report_row *find(const octavo_report_file *file, const char *name) {
    for (size_t i = 0; i < file->row_count; i++)
        if (strcmp(file->rows[i].name, name) == 0) return &file->rows[i];
    return NULL;
}

/* Names come from files: one line, no cell, no element of HTML. */
static void print_text(const char *text) {
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        (void)putchar(byte < 0x20 || byte > 0x7e || byte == '|' || byte == '<' ? '?' : byte);
    }
}

static void print_row(const octavo_report_row *a, const octavo_report_row *b) {
    double times[2];
    (void)fputs("| ", stdout);
    print_text(a->name);
    if (times_of(a, b, times))
        (void)printf(" | %.2f | %.2f | %.3f", times[0], times[1], times[1] / times[0]);
    else
        (void)fputs(" | - | - | -", stdout);
    (void)printf(" |%s\n", a->ok && b->ok ? "" : " one is WRONG |");
}

static void print_files(const octavo_report_file files[2]) {
    size_t common = 0;
    for (int i = 0; i < 2; i++) {
        (void)printf("%c: ", "AB"[i]);
        print_text(files[i].path);
        (void)fputs(", ", stdout);
        print_text(files[i].device_name);
        (void)fputs(", ", stdout);
        print_text(files[i].date);
        (void)puts(files[i].complete ? "\n" : ", broken off\n");
    }
    (void)fputs("| case | A us | B us | B / A |\n|---|---|---|---|\n", stdout);
    for (size_t i = 0; i < files[0].row_count; i++) {
        const octavo_report_row *other = find(&files[1], files[0].rows[i].name);
        if (other == NULL) continue;
        print_row(&files[0].rows[i], other);
        common++;
    }
    (void)printf("\n%zu cases in both, %zu only in A, %zu only in B\n", common, files[0].row_count - common,
                 files[1].row_count - common);
}

bool octavo_bench_compare(const char *first, const char *second, octavo_error_line *error) {
    octavo_report_file files[2];
    if (!octavo_report_file_read(first, 0, &files[0], error)) return false;
    bool read = octavo_report_file_read(second, 1, &files[1], error);
    if (read) {
        print_files(files);
        octavo_report_file_release(&files[1]);
    }
    octavo_report_file_release(&files[0]);
    return read;
}
