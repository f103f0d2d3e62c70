/* Pipelines of the kernels with their specialisation constants. */
#ifndef OCTAVO_KERNEL_PIPELINES_H
#define OCTAVO_KERNEL_PIPELINES_H

#include "attention/cache_object.h"
#include "attention/kernel_tuning.h"

/* Most rows of one rotate workgroup, lanes of rotate and of pack. */
#define OCTAVO_KERNEL_ROTATE_ROWS 4u
#define OCTAVO_KERNEL_ROTATE_LANES 128u
#define OCTAVO_KERNEL_PACK_LANES 64u

octavo_status octavo_kernel_create_append(octavo_device *device, const octavo_packed_layout *layout,
                                          octavo_append_pipelines *pipelines);
void octavo_kernel_destroy_append(octavo_append_pipelines *pipelines);

typedef struct octavo_attention_pipelines {
    octavo_gpu_pipeline *rotate_query, *walk, *merge; /* of a fused walk nothing else */
} octavo_attention_pipelines;

octavo_status octavo_kernel_create_attention(octavo_device *device, const octavo_packed_layout *layout,
                                             const octavo_kernel_variant *variant, const octavo_kernel_tuning *tuning,
                                             octavo_attention_pipelines *pipelines);
void octavo_kernel_destroy_attention(octavo_attention_pipelines *pipelines);

/* What octavo_kernel_create_attention compiles for the walk, without compiling it: for tools that look at compilers. */
octavo_gpu_pipeline_info octavo_kernel_walk_info(const octavo_packed_layout *layout,
                                                 const octavo_kernel_variant *variant,
                                                 const octavo_kernel_tuning *tuning);
octavo_gpu_pipeline_info octavo_kernel_merge_info(const octavo_packed_layout *layout,
                                                  const octavo_kernel_tuning *tuning);
octavo_gpu_pipeline_info octavo_kernel_pack_info(const octavo_packed_layout *layout);
/* Rows of one rotate workgroup. parts: of a query row; 0 for other rows, whose steps are searched by 16 lanes each. */
uint32_t octavo_kernel_rotate_rows(uint32_t query_parts);
octavo_gpu_pipeline_info octavo_kernel_rotate_info(uint32_t dim_padded, uint32_t bits, uint32_t query_parts);

#endif
