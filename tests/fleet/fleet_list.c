#include "fleet_list.h"

size_t fleet_jobs(const fleet_device *device, fleet_job *jobs, size_t capacity) {
    (void)device;
    (void)jobs;
    (void)capacity;
    return 0;
}
