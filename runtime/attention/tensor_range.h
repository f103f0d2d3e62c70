/* The caller's tensors as bindings. */
#ifndef OCTAVO_TENSOR_RANGE_H
#define OCTAVO_TENSOR_RANGE_H

#include "gpu/gpu.h"
#include <octavo/cache.h>

/* The whole tensor, cut to what a binding may hold. */
octavo_gpu_range octavo_tensor_range(const octavo_device *device, const octavo_tensor *tensor);

/* Checks that tokens x heads rows of dim elements fit the tensor's size, strides, alignment and the device's binding
 * range. name: of the argument, for the log. */
octavo_status octavo_tensor_check(const octavo_device *device, const char *name, const octavo_tensor *tensor,
                                  uint64_t tokens, uint32_t heads, uint32_t dim);

#endif
