#include "attention/kernel_pipelines.h"

#include "shader_modules.h"

static octavo_gpu_pipeline_info module_info(uint32_t module, uint32_t binding_count, uint32_t lanes) {
    const octavo_shader_module *shader = &octavo_shader_modules[module];
    octavo_gpu_pipeline_info info = {0};
    info.name = shader->name;
    info.code = shader->words;
    info.code_bytes = shader->size;
    info.binding_count = binding_count;
    info.push_constant_bytes = (uint32_t)shader->push_bytes;
    info.constant_count = 1u;
    info.constant_ids[0] = OCTAVO_SPEC_LOCAL_SIZE;
    info.constant_values[0] = lanes;
    return info;
}

static void set_constant(octavo_gpu_pipeline_info *info, uint32_t id, uint32_t value) {
    info->constant_ids[info->constant_count] = id;
    info->constant_values[info->constant_count] = value;
    info->constant_count += 1u;
}

static void set_layout(octavo_gpu_pipeline_info *info, const octavo_packed_layout *layout) {
    set_constant(info, OCTAVO_SPEC_KEY_BITS, layout->key_bits);
    set_constant(info, OCTAVO_SPEC_VALUE_BITS, layout->value_bits);
    set_constant(info, OCTAVO_SPEC_KEY_PAD, layout->key_dim_padded);
    set_constant(info, OCTAVO_SPEC_VALUE_PAD, layout->value_dim_padded);
}

uint32_t octavo_kernel_rotate_rows(uint32_t query_parts) {
    return query_parts != 0u ? 1u : OCTAVO_KERNEL_ROTATE_ROWS;
}

octavo_gpu_pipeline_info octavo_kernel_rotate_info(uint32_t dim_padded, uint32_t bits, uint32_t query_parts) {
    octavo_gpu_pipeline_info info = module_info(OCTAVO_SHADER_ROTATE, 3u, OCTAVO_KERNEL_ROTATE_LANES);
    set_constant(&info, OCTAVO_SPEC_KEY_BITS, bits);
    set_constant(&info, OCTAVO_SPEC_KEY_PAD, dim_padded);
    set_constant(&info, OCTAVO_SPEC_ROWS, octavo_kernel_rotate_rows(query_parts));
    set_constant(&info, OCTAVO_SPEC_QUERY_PARTS, query_parts != 0u ? query_parts : 1u);
    return info;
}

octavo_gpu_pipeline_info octavo_kernel_pack_info(const octavo_packed_layout *layout) {
    octavo_gpu_pipeline_info info = module_info(OCTAVO_SHADER_PACK, 3u, OCTAVO_KERNEL_PACK_LANES);
    set_layout(&info, layout);
    return info;
}

octavo_gpu_pipeline_info octavo_kernel_walk_info(const octavo_packed_layout *layout,
                                                 const octavo_kernel_variant *variant,
                                                 const octavo_kernel_tuning *tuning) {
    octavo_gpu_pipeline_info info = module_info(tuning->fused ? variant->fused_module : variant->module,
                                                tuning->fused ? OCTAVO_WALK_FUSED_BINDINGS : 3u, tuning->lanes);
    set_layout(&info, layout);
    set_constant(&info, OCTAVO_SPEC_ROWS, tuning->rows);
    if (!variant->fused) set_constant(&info, OCTAVO_SPEC_TOKENS, tuning->tokens);
    if (variant->fused) set_constant(&info, OCTAVO_SPEC_LOGITS, tuning->logits);
    if (variant->arithmetic == OCTAVO_KERNEL_INT_DOT)
        set_constant(&info, OCTAVO_SPEC_QUERY_PARTS, tuning->query_parts != 0u ? tuning->query_parts : 1u);
    if (tuning->fused && variant->one_subgroup) set_constant(&info, OCTAVO_SPEC_TEAMS, tuning->teams);
    info.required_subgroup_size = tuning->subgroup_size;
    return info;
}

octavo_gpu_pipeline_info octavo_kernel_merge_info(const octavo_packed_layout *layout,
                                                  const octavo_kernel_tuning *tuning) {
    octavo_gpu_pipeline_info info = module_info(OCTAVO_SHADER_MERGE, 4u, tuning->merge_lanes);
    set_constant(&info, OCTAVO_SPEC_VALUE_BITS, layout->value_bits);
    set_constant(&info, OCTAVO_SPEC_VALUE_PAD, layout->value_dim_padded);
    set_constant(&info, OCTAVO_SPEC_ROWS, tuning->rows);
    return info;
}

octavo_status octavo_kernel_create_append(octavo_device *device, const octavo_packed_layout *layout,
                                          octavo_append_pipelines *pipelines) {
    octavo_gpu_pipeline_info key = octavo_kernel_rotate_info(layout->key_dim_padded, layout->key_bits, 0u);
    octavo_gpu_pipeline_info value = octavo_kernel_rotate_info(layout->value_dim_padded, layout->value_bits, 0u);
    octavo_gpu_pipeline_info pack = octavo_kernel_pack_info(layout);
    octavo_status status = octavo_gpu_pipeline_create(device, &key, &pipelines->rotate_key);
    if (status == OCTAVO_SUCCESS) status = octavo_gpu_pipeline_create(device, &value, &pipelines->rotate_value);
    if (status == OCTAVO_SUCCESS) status = octavo_gpu_pipeline_create(device, &pack, &pipelines->pack);
    if (status != OCTAVO_SUCCESS) octavo_kernel_destroy_append(pipelines);
    return status;
}

void octavo_kernel_destroy_append(octavo_append_pipelines *pipelines) {
    octavo_gpu_pipeline_destroy(pipelines->rotate_key);
    octavo_gpu_pipeline_destroy(pipelines->rotate_value);
    octavo_gpu_pipeline_destroy(pipelines->pack);
    *pipelines = (octavo_append_pipelines){NULL, NULL, NULL};
}

octavo_status octavo_kernel_create_attention(octavo_device *device, const octavo_packed_layout *layout,
                                             const octavo_kernel_variant *variant, const octavo_kernel_tuning *tuning,
                                             octavo_attention_pipelines *pipelines) {
    octavo_gpu_pipeline_info rotate =
        octavo_kernel_rotate_info(layout->key_dim_padded, layout->key_bits, tuning->query_parts);
    octavo_gpu_pipeline_info walk = octavo_kernel_walk_info(layout, variant, tuning);
    walk.capture_statistics = VK_TRUE; /* the plan looks for spills */
    octavo_gpu_pipeline_info merge = octavo_kernel_merge_info(layout, tuning);
    octavo_status status = octavo_gpu_pipeline_create(device, &walk, &pipelines->walk);
    if (!tuning->fused) {
        if (status == OCTAVO_SUCCESS) status = octavo_gpu_pipeline_create(device, &rotate, &pipelines->rotate_query);
        if (status == OCTAVO_SUCCESS) status = octavo_gpu_pipeline_create(device, &merge, &pipelines->merge);
    }
    if (status != OCTAVO_SUCCESS) octavo_kernel_destroy_attention(pipelines);
    return status;
}

void octavo_kernel_destroy_attention(octavo_attention_pipelines *pipelines) {
    octavo_gpu_pipeline_destroy(pipelines->rotate_query);
    octavo_gpu_pipeline_destroy(pipelines->walk);
    octavo_gpu_pipeline_destroy(pipelines->merge);
    *pipelines = (octavo_attention_pipelines){NULL, NULL, NULL};
}
