/* What to compile on a device of the fleet: a list of jobs, each one shader module with one set of specialisation
 * constants. The list comes from the library (fleet_jobs) or, job by job, from the command line. */
#ifndef OCTAVO_TESTS_FLEET_LIST_H
#define OCTAVO_TESTS_FLEET_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fleet_device.h"

enum { FLEET_NAME_SIZE = 160, FLEET_ENTRY_SIZE = 64, FLEET_MAX_CONSTANTS = 64 };

typedef struct fleet_constant {
    uint32_t id;
    uint32_t value; /* 32-bit constants only: bool, int, uint, float bits */
} fleet_constant;

typedef struct fleet_job {
    char name[FLEET_NAME_SIZE]; /* what the report prints */
    char entry[FLEET_ENTRY_SIZE];
    const uint32_t *words; /* SPIR-V */
    size_t word_count;
    uint32_t *owned_words; /* what fleet_job_release frees; NULL when the words belong to the library */
    fleet_constant constants[FLEET_MAX_CONSTANTS];
    uint32_t constant_count;
    uint32_t subgroup_size; /* required subgroup size; 0: the driver's choice */
    bool full_subgroups;
    bool chosen;    /* a plan would run this one here, so a spill is a failure */
    bool has_rung;  /* the next job is what a plan tries when this one spills; else it is not needed */
    uint32_t rung;  /* of the tuning */
    bool wants_isa; /* the instructions of matrix units are counted */
    bool int8_dot;  /* the device has accelerated integer dot products */
    /* of a walk: lanes that share a trip of the loop over the cache, and its values, of keys and values together */
    uint32_t trip_lanes, trip_values;
} fleet_job;

/* Of the shapes each `count`th from the `index`th on: for chips that one compiler compiles for alike. {0, 1}: all. */
typedef struct fleet_part {
    unsigned index, count;
} fleet_part;

/* Writes at most `capacity` jobs: every variant that the library holds able to run on `device`. Returns how many there
 * are, which may exceed `capacity`. */
size_t fleet_jobs(const fleet_device *device, fleet_part part, fleet_job *jobs, size_t capacity);

/* Only walks at 3 bits and 128 channels, with one and with four query heads for each KV head: what instructions for
 * each value are counted of. variant: its name; NULL: what is chosen for decoding. */
size_t fleet_value_jobs(const fleet_device *device, const char *variant, fleet_job *jobs, size_t capacity);

/* Only the walks with matrix units that are made for prefill, each variant that the device can run, and those that
 * decode also for steps of 8 and 32 rows. */
size_t fleet_matrix_jobs(const fleet_device *device, fleet_job *jobs, size_t capacity);

/* FILE.spv[,entry=NAME][,ID=VALUE...][,subgroup=N][,full][,chosen]; VALUE is decimal, 0x hex, or a float with a point.
 * Prints the reason and returns false when it cannot be read. */
bool fleet_job_from_argument(const char *argument, fleet_job *job);

void fleet_job_release(fleet_job *job);

#endif
