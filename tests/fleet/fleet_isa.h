/* The instructions of a compiled pipeline, as far as a driver shows them (VK_KHR_pipeline_executable_properties). */
#ifndef OCTAVO_TESTS_FLEET_ISA_H
#define OCTAVO_TESTS_FLEET_ISA_H

#include "fleet_device.h"

/* Instructions of matrix units in the assembly of a pipeline that keeps its representations: AMD's WMMA, Intel's DPAS,
 * NVIDIA's HMMA. FLEET_UNKNOWN where the driver shows no assembly. */
int64_t fleet_isa_matrix_instructions(const fleet_device *device, VkPipeline pipeline);

#endif
