/* Numbers of prefill_tiles.comp: which product of matrices, and how a workgroup is cut. Pure. */
#ifndef OCTAVO_TILE_TUNING_H
#define OCTAVO_TILE_TUNING_H

#include "attention/kernel_tuning.h"

/* The product of f16 matrices into f32 to use: the largest that the device has of those the kernel takes. NULL: none.
 */
const octavo_gpu_matrix_shape *octavo_tile_product(const octavo_device_snapshot *snapshot);

/* Query rows of a KV head from which on the kernel decodes faster than walks that hold fewer rows. */
uint32_t octavo_tile_decode_rows(const octavo_device_snapshot *snapshot);

/* As octavo_kernel_variant_refusal and octavo_kernel_tune, for these variants; the first leaves capabilities out. */
const char *octavo_tile_refusal(const octavo_device_snapshot *snapshot);
bool octavo_tile_tune(const octavo_device_snapshot *snapshot, const octavo_kernel_variant *variant,
                      const octavo_kernel_shape *shape, uint32_t rung, octavo_kernel_tuning *tuning);

/* Other rows, without what follows from them. NULL: done; else why not. */
const char *octavo_tile_override_rows(uint32_t rows, octavo_kernel_tuning *tuning);

uint32_t octavo_tile_shared_bytes(const octavo_kernel_variant *variant, const octavo_packed_layout *layout,
                                  const octavo_kernel_tuning *tuning);
uint32_t octavo_tile_workgroups(const octavo_device_snapshot *snapshot, const octavo_kernel_tuning *tuning);

#endif
