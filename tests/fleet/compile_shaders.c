/* octavo_fleet_compile [--device INDEX] [--from JOB] [--list] [--part INDEX/COUNT] [--values CHIP [--variant NAME]]
 *                      [--matrix] [MODULE...]
 *
 * Compiles compute shaders with one device's own compiler and prints a line of tab-separated values for each. Without
 * MODULE (see fleet_list.h for its spelling) it compiles what the library would run on this device; with --part, of the
 * shapes each COUNTth from the INDEXth on, counted from 0.
 * With --values it prints instead, as JSON, how many instructions the chosen decode walks take for each cached value,
 * or those of a variant. With --matrix it compiles the walks of prefill with matrix units, and fails also where the
 * assembly of one has no instruction of them; a device without such walks ends it with 4. A job's number goes to stderr
 * before it starts, so that a script can go on with --from after a compiler crashed. Exit: 0 every job compiled and no
 * chosen one spills, 1 one did not, 2 usage, 3 no device, 4 no matrix units. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet_list.h"
#include "fleet_pipeline.h"
#include "fleet_statistics.h"
#include "fleet_values.h"

enum { MAX_JOBS = 4096 };

static const char *const result_names[] = {"ok", "unsupported", "failed", "spills"};

static void print_number(int64_t number) {
    if (number == FLEET_UNKNOWN) {
        printf("\t-");
    } else {
        printf("\t%lld", (long long)number);
    }
}

static void print_row(const fleet_device *device, const fleet_job *job, fleet_result result,
                      const fleet_statistics *statistics, const char *reason) {
    printf("%s\t%s\t%s\t%s\t%u", device->properties.deviceName, job->name, result_names[result],
           !job->chosen                               ? "-"
           : !job->has_rung || result != FLEET_SPILLS ? "chosen"
                                                      : "tried",
           statistics->subgroup_size);
    print_number(statistics->registers);
    print_number(statistics->spills);
    print_number(statistics->scratch);
    print_number(statistics->instructions);
    print_number(statistics->occupancy);
    if (job->wants_isa) {
        print_number(statistics->matrix);
    }
    printf("\t%s\n", *reason ? reason : statistics->raw);
    fflush(stdout);
}

static bool run(const fleet_device *device, const fleet_job *jobs, size_t count, size_t from) {
    static fleet_statistics statistics;
    bool ok = true;
    if (from == 0) {
        printf("device\tmodule\tresult\tchosen\tsubgroup\tregisters\tspills\tscratch\tinstructions\toccupancy\t%sraw\n",
               count > 0 && jobs[0].wants_isa ? "matrix\t" : "");
    }
    for (size_t i = from; i < count; i++) {
        char reason[256] = "";
        statistics = (fleet_statistics){.registers = FLEET_UNKNOWN,
                                        .spills = FLEET_UNKNOWN,
                                        .scratch = FLEET_UNKNOWN,
                                        .instructions = FLEET_UNKNOWN,
                                        .matrix = FLEET_UNKNOWN,
                                        .occupancy = FLEET_UNKNOWN};
        fprintf(stderr, "job %zu of %zu: %s\n", i, count, jobs[i].name);
        fleet_result result = fleet_compile(device, &jobs[i], &statistics, reason, sizeof reason);
        print_row(device, &jobs[i], result, &statistics, reason);
        ok = ok && result != FLEET_FAILED && !(result == FLEET_UNSUPPORTED && jobs[i].chosen) &&
             !(result == FLEET_SPILLS && jobs[i].chosen && !jobs[i].has_rung) &&
             !(jobs[i].wants_isa && statistics.matrix <= 0);
        while (result != FLEET_SPILLS && i + 1 < count && jobs[i].has_rung) {
            i++; /* a plan would stay on this rung */
        }
    }
    return ok;
}

/* The chosen rung of each walk, as run() finds it. */
static bool run_values(const fleet_device *device, const fleet_job *jobs, size_t count, const char *chip) {
    static fleet_statistics statistics;
    bool ok = count > 0;
    for (size_t i = 0; i < count; i++) {
        char reason[256];
        while (jobs[i].has_rung && i + 1 < count &&
               fleet_compile(device, &jobs[i], &statistics, reason, sizeof reason) == FLEET_SPILLS) {
            i++;
        }
        ok = fleet_values_print(device, &jobs[i], chip) && ok;
        while (jobs[i].has_rung && i + 1 < count) {
            i++;
        }
    }
    return ok;
}

static bool parse_number(const char *text, uint32_t *number) {
    char *end = NULL;
    unsigned long value = strtoul(text, &end, 10);
    *number = (uint32_t)value;
    return end != text && *end == '\0' && value < MAX_JOBS;
}

static bool parse_part(const char *text, fleet_part *part) {
    unsigned index, count;
    char rest;
    if (sscanf(text, "%u/%u%c", &index, &count, &rest) != 2 || index >= count) {
        return false;
    }
    *part = (fleet_part){index, count};
    return true;
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"device", required_argument, NULL, 'd'},
                                            {"from", required_argument, NULL, 'f'},
                                            {"list", no_argument, NULL, 'l'},
                                            {"part", required_argument, NULL, 'p'},
                                            {"values", required_argument, NULL, 'v'},
                                            {"matrix", no_argument, NULL, 'm'},
                                            {"variant", required_argument, NULL, 'V'},
                                            {NULL, 0, NULL, 0}};
    uint32_t index = 0, from = 0;
    bool list = false, matrix = false, understood = true;
    const char *chip = NULL, *variant = NULL;
    fleet_part part = {0, 1};
    for (int option; (option = getopt_long(argc, argv, "d:f:lmp:v:", options, NULL)) != -1;) {
        switch (option) {
        case 'd':
            understood = understood && parse_number(optarg, &index);
            break;
        case 'f':
            understood = understood && parse_number(optarg, &from);
            break;
        case 'l':
            list = true;
            break;
        case 'm':
            matrix = true;
            break;
        case 'p':
            understood = understood && parse_part(optarg, &part);
            break;
        case 'v':
            chip = optarg;
            break;
        case 'V':
            variant = optarg;
            break;
        default:
            understood = false;
        }
    }
    size_t argument_count = (size_t)(argc - optind);
    fleet_job *jobs = calloc(MAX_JOBS, sizeof *jobs);
    if (!understood || argument_count > MAX_JOBS || !jobs) {
        fprintf(stderr,
                "usage: octavo_fleet_compile [--device INDEX] [--from JOB] [--list] [--part INDEX/COUNT] "
                "[--values CHIP [--variant NAME]] [--matrix] [FILE.spv[,OPTION...]...]\n");
        free(jobs);
        return 2;
    }
    int status = 2;
    fleet_device device = {0};
    size_t count = 0;
    for (; count < argument_count; count++) {
        if (!fleet_job_from_argument(argv[(size_t)optind + count], &jobs[count])) {
            goto done;
        }
    }
    status = 3;
    if (!fleet_device_open(&device, index)) {
        goto done;
    }
    if (argument_count == 0) {
        count = chip     ? fleet_value_jobs(&device, variant, jobs, MAX_JOBS)
                : matrix ? fleet_matrix_jobs(&device, jobs, MAX_JOBS)
                         : fleet_jobs(&device, part, jobs, MAX_JOBS);
        if (matrix && count == 0) {
            fprintf(stderr, "the device has no walk with matrix units\n");
            status = 4;
            goto done;
        }
        if (count == 0 || count > MAX_JOBS) {
            fprintf(stderr, "the library lists %zu jobs for this device; 1..%d can be compiled\n", count, MAX_JOBS);
            count = 0;
            status = 1;
            goto done;
        }
    }
    if (list) {
        for (size_t i = from; i < count; i++) {
            printf("%s\n", jobs[i].name);
        }
        status = 0;
    } else if (chip) {
        status = run_values(&device, jobs, count, chip) ? 0 : 1;
    } else {
        status = run(&device, jobs, count, from) ? 0 : 1;
    }
done:
    for (size_t i = 0; i < count; i++) {
        fleet_job_release(&jobs[i]);
    }
    free(jobs);
    fleet_device_close(&device);
    return status;
}
