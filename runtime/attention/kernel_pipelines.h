/* Pipelines of the kernels with their specialisation constants. */
#ifndef OCTAVO_KERNEL_PIPELINES_H
#define OCTAVO_KERNEL_PIPELINES_H

#include "attention/cache_object.h"
#include "attention/kernel_tuning.h"

/* Most rows of one rotate workgroup, and its lanes. */
#define OCTAVO_KERNEL_ROTATE_ROWS 4u
#define OCTAVO_KERNEL_ROTATE_LANES 128u

/* transforms: codec records may have them. */
octavo_status octavo_kernel_create_append(octavo_device *device, const octavo_packed_layout *layout, bool transforms,
                                          octavo_append_pipelines *pipelines);
void octavo_kernel_destroy_append(octavo_append_pipelines *pipelines);

typedef struct octavo_attention_pipelines {
    octavo_gpu_pipeline *rotate_query, *walk, *merge; /* of a fused walk nothing else */
    octavo_gpu_pipeline *expand;                      /* of a walk of expanded tiles; and then merge too */
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
octavo_gpu_pipeline_info octavo_kernel_expand_info(const octavo_packed_layout *layout);
/* Words of the operands of a tile of all heads, and of 16 rows of a query: lib/operand_layout.glsl. */
uint32_t octavo_kernel_operand_tile_words(const octavo_packed_layout *layout);
uint32_t octavo_kernel_query_block_words(const octavo_packed_layout *layout);
/* Whether one dispatch appends K and V: where they have one shape, and the device binds both tensors at once. */
bool octavo_kernel_appends_both(const octavo_device_snapshot *snapshot, const octavo_packed_layout *layout);
/* The size of subgroups for append kernels that use them; 0: the twins without. */
uint32_t octavo_kernel_append_subgroup(const octavo_device_snapshot *snapshot, uint32_t capabilities,
                                       const octavo_packed_layout *layout);
/* role: OCTAVO_APPEND_; subgroup_size: as above. */
octavo_gpu_pipeline_info octavo_kernel_append_info(const octavo_packed_layout *layout, bool transforms, uint32_t role,
                                                   uint32_t subgroup_size);
/* Rows of one rotate workgroup. parts: of a query row; 0: it is f32. */
uint32_t octavo_kernel_rotate_rows(uint32_t query_parts);
octavo_gpu_pipeline_info octavo_kernel_rotate_info(uint32_t dim_padded, uint32_t bits, uint32_t query_parts);

#endif
