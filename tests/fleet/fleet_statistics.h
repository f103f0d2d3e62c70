/* What a driver tells of a compiled pipeline, under the one name that all drivers' words are brought to. */
#ifndef OCTAVO_TESTS_FLEET_STATISTICS_H
#define OCTAVO_TESTS_FLEET_STATISTICS_H

#include <stdint.h>

#include "fleet_device.h"

enum { FLEET_UNKNOWN = -1, FLEET_RAW_SIZE = 4096 };

typedef struct fleet_statistics {
    uint32_t subgroup_size; /* what the driver compiled for; 0: not told */
    int64_t registers;      /* per invocation, in the driver's unit; FLEET_UNKNOWN where not told, here and below */
    int64_t spills;         /* registers or instructions that go to memory */
    int64_t scratch;        /* bytes of memory per invocation or subgroup, in the driver's unit */
    int64_t instructions;
    bool memory;              /* the library would take these numbers for a spill: octavo_kernel_is_spill */
    int64_t matrix;           /* instructions of matrix units; only where the job asks */
    int64_t occupancy;        /* subgroups (invocations on Apple) that can be resident, in the driver's unit */
    char raw[FLEET_RAW_SIZE]; /* "executable: name=value; ..." as the driver spells them */
} fleet_statistics;

/* Takes the worst of each number where a pipeline holds more than one executable. */
void fleet_statistics_read(const fleet_device *device, VkPipeline pipeline, fleet_statistics *statistics);

#endif
