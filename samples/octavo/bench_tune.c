#include "bench_tune.h"

#include "bench_tuning_row.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FASTER 0.98 /* of the time: less is noise */

/* The cases of one row and what is known of them. */
typedef struct tune_group {
    const octavo_bench_tune_job *job;
    octavo_bench_case **cases; /* [count] */
    size_t count;
    char selectors[OCTAVO_BENCH_TUNING_LENGTH];
    octavo_bench_numbers set;    /* that a row sets so far */
    octavo_bench_numbers in_use; /* those of a plan with this row */
    double before, after;        /* geometric mean of the times at the start and now, microseconds */
    bool changed;
    octavo_status status; /* of the last measurement */
} tune_group;

static bool goes_on(const tune_group *group) {
    return group->status != OCTAVO_DEVICE_LOST && !group->job->stopped();
}

/* --- one measurement ------------------------------------------------------------------------------------------------
 */

/* One case with numbers. False: it did not run, or the library did not take them. */
static bool time_case(tune_group *group, const octavo_bench_case *bench, const octavo_bench_numbers *numbers,
                      double *us, octavo_bench_numbers *used) {
    octavo_bench_session *session = group->job->session;
    octavo_bench_case trial = *bench;
    octavo_bench_row row;
    octavo_error_line reason = {""};
    char text[OCTAVO_BENCH_TUNING_LENGTH] = "", selectors[OCTAVO_BENCH_TUNING_LENGTH];
    if (group->selectors[0] != '\0') octavo_bench_tuning_write(group->selectors, numbers, text);
    trial.tuning = text;
    group->status = octavo_bench_measure(session, &trial, &row, &reason);
    if (group->status != OCTAVO_SUCCESS) {
        (void)fprintf(stderr, "    did not run: %s\n", reason.text);
        return false;
    }
    *us = octavo_bench_row_us(&row);
    octavo_bench_tuning_read(row.tuning, selectors, used);
    if (group->selectors[0] == '\0') memcpy(group->selectors, selectors, sizeof selectors);
    octavo_bench_row_release(&row);
    return *us > 0 && octavo_bench_numbers_taken(numbers, used);
}

/* All cases with the library's numbers; those that do not run are left out. */
static void time_library(tune_group *group) {
    const octavo_bench_numbers library = {{0}};
    double sum = 0, us = 0;
    size_t count = 0;
    for (size_t i = 0; i < group->count && goes_on(group); i++) {
        if (!time_case(group, group->cases[i], &library, &us, &group->in_use)) continue;
        group->cases[count++] = group->cases[i];
        sum += log(us);
    }
    group->count = goes_on(group) ? count : 0;
    group->before = group->after = group->count > 0 ? exp(sum / (double)count) : 0;
}

/* --- one number -----------------------------------------------------------------------------------------------------
 */

/* Times of all trials, one after the other on each case, whose cache is filled once: sums of logarithms. */
typedef struct trial {
    octavo_bench_numbers numbers, used;
    double sum;
    bool runs;
} trial;

static void time_trials(tune_group *group, trial *trials, size_t count) {
    for (size_t i = 0; i < count; i++) trials[i].sum = 0, trials[i].runs = true;
    for (size_t c = 0; c < group->count; c++) {
        for (size_t i = 0; i < count; i++) {
            double us = 0;
            if (!trials[i].runs) continue;
            trials[i].runs =
                goes_on(group) && time_case(group, group->cases[c], &trials[i].numbers, &us, &trials[i].used);
            trials[i].sum += trials[i].runs ? log(us) : 0;
        }
    }
    for (size_t i = 0; i < count; i++) trials[i].sum = exp(trials[i].sum / (double)group->count);
}

/* Trial 0 is what there is; the others differ in one number. */
static void show_trials(octavo_bench_number number, const trial *trials, size_t count) {
    for (size_t i = 1; i < count; i++) {
        (void)fprintf(stderr, "  %s=%u: ", octavo_bench_number_name(number),
                      (unsigned)trials[i].numbers.values[number]);
        if (trials[i].runs)
            (void)fprintf(stderr, "%.2f us (%+.1f %%)\n", trials[i].sum, 100 * (trials[i].sum / trials[0].sum - 1));
        else
            (void)fprintf(stderr, "not possible\n");
    }
}

/* Times of one pass are related to each other: a device's clock may change until the next. */
static void keep(tune_group *group, const trial *old, const trial *better) {
    group->set = better->numbers;
    group->in_use = better->used;
    group->after *= better->sum / old->sum;
    group->changed = true;
}

/* The winner is timed once more against what there was: the best of many noisy times looks too good. */
static void tune_number(tune_group *group, octavo_bench_number number) {
    uint32_t choices[OCTAVO_BENCH_CHOICE_LIMIT];
    size_t choice_count = octavo_bench_number_choices(number, group->in_use.values[number], choices), best = 0;
    if (choice_count == 0) return;
    trial trials[OCTAVO_BENCH_CHOICE_LIMIT + 1];
    memset(trials, 0, sizeof trials);
    trials[0].numbers = group->set;
    for (size_t i = 0; i < choice_count; i++) {
        trials[i + 1].numbers = group->set;
        trials[i + 1].numbers.values[number] = choices[i];
    }
    time_trials(group, trials, choice_count + 1);
    if (!goes_on(group) || !trials[0].runs) return;
    show_trials(number, trials, choice_count + 1);
    for (size_t i = 1; i <= choice_count; i++)
        if (trials[i].runs && trials[i].sum < trials[best].sum) best = i;
    if (best == 0 || trials[best].sum >= FASTER * trials[0].sum) return;
    trial again[2] = {trials[0], trials[best]};
    time_trials(group, again, 2);
    if (!again[0].runs || !again[1].runs || again[1].sum >= FASTER * again[0].sum) return;
    (void)fprintf(stderr, "  kept %s=%u\n", octavo_bench_number_name(number),
                  (unsigned)again[1].numbers.values[number]);
    keep(group, &again[0], &again[1]);
}

/* --- groups ---------------------------------------------------------------------------------------------------------
 */

/* Query tokens of a sequence, as a row selects them. */
static uint64_t query_tokens(const octavo_bench_case *bench) {
    uint32_t lengths[OCTAVO_BENCH_BATCH_LIMIT];
    uint64_t total = 0;
    (void)octavo_bench_case_lengths(bench, lengths);
    for (uint32_t i = 0; i < bench->batch; i++) total += octavo_bench_case_queries(bench, lengths[i]);
    return (total + bench->batch - 1) / bench->batch;
}

static bool share_row(const octavo_bench_case *a, const octavo_bench_case *b) {
    return a->key_dim == b->key_dim && a->value_dim == b->value_dim && a->key_bits == b->key_bits &&
           a->value_bits == b->value_bits && a->gqa == b->gqa && query_tokens(a) == query_tokens(b);
}

/* Those of the cases [first, ..) that share the row of the first and are in no group yet; none when that one is. */
static void take_group(const octavo_bench_tune_job *job, size_t first, bool *taken, tune_group *group) {
    for (size_t i = first; i < job->count && (i == first || group->count > 0); i++) {
        octavo_bench_case *bench = &job->cases[i];
        if (taken[i] || bench->phase == OCTAVO_BENCH_APPEND || !share_row(&job->cases[first], bench)) continue;
        taken[i] = true;
        bench->layers = octavo_bench_case_layers(bench, (uint64_t)job->session->ceilings.set_bytes);
        group->cases[group->count++] = bench;
    }
}

static void tune_all(tune_group *group) {
    for (size_t i = 0; i < group->count; i++) {
        char name[OCTAVO_BENCH_NAME_LENGTH];
        octavo_bench_case_name(group->cases[i], name);
        (void)fprintf(stderr, "%s%s\n", i == 0 ? "" : "and ", name);
    }
    time_library(group);
    if (group->count == 0) return;
    (void)fprintf(stderr, "  %.2f us with the library's numbers\n", group->before);
    for (int i = 0; i < OCTAVO_BENCH_NUMBER_COUNT && goes_on(group); i++) tune_number(group, (octavo_bench_number)i);
}

/* --- the text -------------------------------------------------------------------------------------------------------
 */

static bool append_line(char **text, size_t *size, const char *line) {
    size_t length = strlen(line);
    char *longer = realloc(*text, *size + length + 2);
    if (longer == NULL) return false;
    *text = longer;
    memcpy(longer + *size, line, length);
    memcpy(longer + *size + length, "\n", 2);
    for (size_t i = 0; i < length; i++)
        if (longer[*size + i] == '\n') longer[*size + i] = ' ';
    *size += length + 1;
    return true;
}

static bool append_group(char **text, size_t *size, const tune_group *group) {
    char line[OCTAVO_BENCH_NAME_LENGTH + 16], row[OCTAVO_BENCH_TUNING_LENGTH];
    for (size_t i = 0; i < group->count; i++) {
        char name[OCTAVO_BENCH_NAME_LENGTH];
        octavo_bench_case_name(group->cases[i], name);
        (void)snprintf(line, sizeof line, "# %s", name);
        if (!append_line(text, size, line)) return false;
    }
    if (!group->changed && !goes_on(group)) return true;
    if (!group->changed) return append_line(text, size, "# nothing tried is faster than the library's numbers");
    (void)snprintf(line, sizeof line, "# %.2f us, with the library's numbers %.2f us", group->after, group->before);
    octavo_bench_tuning_write(group->selectors, &group->in_use, row);
    return append_line(text, size, line) && append_line(text, size, row);
}

static bool append_all(const octavo_bench_tune_job *job, octavo_bench_case **cases, bool *taken, char **text,
                       size_t *size, bool *complete) {
    if (job->heading != NULL && !append_line(text, size, job->heading)) return false;
    for (size_t i = 0; i < job->count; i++) {
        tune_group group;
        memset(&group, 0, sizeof group);
        group.job = job;
        group.cases = cases;
        take_group(job, i, taken, &group);
        if (group.count == 0) continue;
        tune_all(&group);
        if (group.count > 0 && !append_group(text, size, &group)) return false;
        if (!goes_on(&group)) return append_line(text, size, "# broken off: not all was tried");
    }
    *complete = true;
    return true;
}

bool octavo_bench_tune(const octavo_bench_tune_job *job, char **text, bool *complete) {
    octavo_bench_case **cases = calloc(job->count, sizeof *cases);
    bool *taken = calloc(job->count, sizeof *taken);
    size_t size = 0;
    *text = NULL;
    *complete = false;
    bool whole = cases != NULL && taken != NULL && append_all(job, cases, taken, text, &size, complete);
    free(cases);
    free(taken);
    if (whole && *text == NULL) whole = (*text = calloc(1, 1)) != NULL;
    if (whole) return true;
    free(*text);
    *text = NULL;
    return false;
}
