/* Numbers of walk_matrix.comp and prefill_matrix.comp. Pure. */
#ifndef OCTAVO_MATRIX_TUNING_H
#define OCTAVO_MATRIX_TUNING_H

#include "attention/kernel_tuning.h"

/* As octavo_kernel_tune, for these variants; slice_work of *tuning is set. */
bool octavo_matrix_tune(const octavo_device_snapshot *snapshot, const octavo_kernel_variant *variant,
                        const octavo_kernel_shape *shape, uint32_t cores, uint32_t rung, octavo_kernel_tuning *tuning);

uint32_t octavo_matrix_shared_bytes(const octavo_kernel_variant *variant, const octavo_packed_layout *layout,
                                    const octavo_kernel_tuning *tuning);
/* KV tiles that a share of walk_matrix.comp costs beside its own, where a workgroup has so many subgroups. */
uint32_t octavo_matrix_share_cost(uint32_t teams);
uint32_t octavo_matrix_workgroups(uint32_t cores, const octavo_kernel_tuning *tuning);

#endif
