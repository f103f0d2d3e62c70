/* The tests' own shader on a real device, checked word for word. */
#ifndef OCTAVO_SCALE_RUN_H
#define OCTAVO_SCALE_RUN_H

#include "test_device.h"

enum { TEST_SCALE_WORDS = 1000, TEST_SCALE_WORKGROUP = 64 };

/* Runs destination[i] = source[i] * factor + addend through the frame with a pipeline of
 * test_scale_pipeline_info(factor, TEST_SCALE_WORKGROUP); asserts the result and that nothing in front of it changed.
 * Returns GPU seconds. */
double test_scale_run(octavo_device *device, octavo_frame *frame, const octavo_gpu_pipeline *pipeline, uint32_t factor,
                      uint32_t addend);

#endif
