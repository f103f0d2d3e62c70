/* One compute pipeline of a job, compiled by the device's own compiler and thrown away. */
#ifndef OCTAVO_TESTS_FLEET_PIPELINE_H
#define OCTAVO_TESTS_FLEET_PIPELINE_H

#include "fleet_list.h"
#include "fleet_statistics.h"

typedef enum fleet_result { FLEET_OK, FLEET_UNSUPPORTED, FLEET_FAILED, FLEET_SPILLS } fleet_result;

/* A reason where the result is FLEET_UNSUPPORTED or FLEET_FAILED, else the statistics. */
fleet_result fleet_compile(const fleet_device *device, const fleet_job *job, fleet_statistics *statistics, char *reason,
                           size_t reason_size);

#endif
