#include "attention/kernel_pipelines.h"

#include "shader_modules.h"

/* Lanes that append.comp has side by side on a row, in one subgroup. Fewer exchange less, and need more registers: they
 * are for subgroups of 32, where 64 (Adreno) would run fewer of them at once, and for those that hold no more. */
#define APPEND_ROW_LANES 16u
#define APPEND_FEW_LANES 8u
#define APPEND_FEW_LANES_CHANNELS 128u /* most, of a row of few lanes */
/* Subgroups of 8 and 16 (Intel) have 64 registers a lane, and a row of more channels spills. */
#define APPEND_MANY_REGISTERS 32u
#define APPEND_WIDE_CHANNELS 160u
#define EXPAND_LANES 128u

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

static void set_tiles(octavo_gpu_pipeline_info *info, const octavo_tile_numbers *tiles) {
    set_constant(info, OCTAVO_SPEC_MATRIX_M, tiles->m);
    set_constant(info, OCTAVO_SPEC_MATRIX_N, tiles->n);
    set_constant(info, OCTAVO_SPEC_MATRIX_K, tiles->k);
    set_constant(info, OCTAVO_SPEC_SUBGROUP, tiles->subgroup);
    set_constant(info, OCTAVO_SPEC_BLOCK, tiles->block);
    set_constant(info, OCTAVO_SPEC_ROW_TEAMS, tiles->row_teams);
    set_constant(info, OCTAVO_SPEC_HOLD_QUERY, tiles->hold_query);
    set_constant(info, OCTAVO_SPEC_STEPS, tiles->steps);
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

bool octavo_kernel_appends_both(const octavo_device_snapshot *snapshot, const octavo_packed_layout *layout) {
    return snapshot->max_stage_storage_buffers > OCTAVO_APPEND_PAIR_VALUES && layout->key_bits == layout->value_bits &&
           layout->key_dim_padded == layout->value_dim_padded;
}

static uint32_t larger(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

uint32_t octavo_kernel_append_subgroup(const octavo_device_snapshot *snapshot, uint32_t capabilities,
                                       const octavo_packed_layout *layout) {
    if ((capabilities & OCTAVO_CAPABILITY_SUBGROUP) == 0u ||
        (snapshot->subgroup_operations & VK_SUBGROUP_FEATURE_SHUFFLE_BIT) == 0u ||
        snapshot->max_subgroup_size < APPEND_FEW_LANES ||
        snapshot->min_subgroup_size > OCTAVO_APPEND_ROWS * APPEND_ROW_LANES) {
        return 0u;
    }
    /* the smallest that holds a row: wider ones have fewer registers a lane on some devices */
    uint32_t row_lanes = snapshot->max_subgroup_size < APPEND_ROW_LANES ? APPEND_FEW_LANES : APPEND_ROW_LANES;
    uint32_t size = larger(snapshot->min_subgroup_size, row_lanes);
    uint32_t channels = larger(layout->key_dim_padded, layout->value_dim_padded);
    bool is_wide = channels > (row_lanes == APPEND_FEW_LANES ? APPEND_FEW_LANES_CHANNELS : APPEND_WIDE_CHANNELS);
    return size < APPEND_MANY_REGISTERS && is_wide ? 0u : size;
}

static uint32_t append_row_lanes(uint32_t subgroup_size, uint32_t channels) {
    bool few = subgroup_size == APPEND_FEW_LANES ||
               (subgroup_size == APPEND_MANY_REGISTERS && channels <= APPEND_FEW_LANES_CHANNELS);
    return few ? APPEND_FEW_LANES : APPEND_ROW_LANES;
}

octavo_gpu_pipeline_info octavo_kernel_append_info(const octavo_packed_layout *layout, bool transforms, uint32_t role,
                                                   uint32_t subgroup_size) {
    bool both = role == OCTAVO_APPEND_BOTH, subgroup = subgroup_size != 0u;
    uint32_t module = both       ? subgroup ? OCTAVO_SHADER_APPEND_PAIR_SUBGROUP : OCTAVO_SHADER_APPEND_PAIR
                      : subgroup ? OCTAVO_SHADER_APPEND_SUBGROUP
                                 : OCTAVO_SHADER_APPEND;
    uint32_t channels = role == OCTAVO_APPEND_VALUES ? layout->value_dim_padded : layout->key_dim_padded;
    uint32_t row_lanes = append_row_lanes(subgroup_size, channels);
    octavo_gpu_pipeline_info info = module_info(module, both ? OCTAVO_APPEND_PAIR_VALUES + 1u : OCTAVO_APPEND_POOL + 1u,
                                                OCTAVO_APPEND_ROWS * row_lanes);
    set_layout(&info, layout);
    set_constant(&info, OCTAVO_SPEC_APPEND_ROLE, role);
    set_constant(&info, OCTAVO_SPEC_APPEND_ROW_LANES, row_lanes);
    set_constant(&info, OCTAVO_SPEC_APPEND_TRANSFORMS, transforms ? 1u : 0u);
    info.required_subgroup_size = subgroup_size;
    return info;
}

octavo_gpu_pipeline_info octavo_kernel_walk_info(const octavo_packed_layout *layout,
                                                 const octavo_kernel_variant *variant,
                                                 const octavo_kernel_tuning *tuning) {
    octavo_gpu_pipeline_info info = module_info(tuning->fused ? variant->fused_module : variant->module,
                                                tuning->fused ? OCTAVO_WALK_FUSED_BINDINGS : 3u, tuning->lanes);
    set_layout(&info, layout);
    if (variant->source == OCTAVO_KERNEL_PREFILL_MATRIX)
        set_constant(&info, OCTAVO_SPEC_ROTATED, layout->value_bits != 16u);
    set_constant(&info, OCTAVO_SPEC_ROWS, tuning->rows);
    if (tuning->tokens != 0u) set_constant(&info, OCTAVO_SPEC_TOKENS, tuning->tokens);
    set_constant(&info, OCTAVO_SPEC_LOGITS, tuning->logits);
    if (variant->source == OCTAVO_KERNEL_PREFILL_TILES) set_tiles(&info, &tuning->tiles);
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

octavo_gpu_pipeline_info octavo_kernel_expand_info(const octavo_packed_layout *layout) {
    octavo_gpu_pipeline_info info = module_info(OCTAVO_SHADER_EXPAND, OCTAVO_EXPAND_TILES + 1u, EXPAND_LANES);
    set_layout(&info, layout);
    return info;
}

uint32_t octavo_kernel_operand_tile_words(const octavo_packed_layout *layout) {
    uint32_t step_units = (layout->key_dim_padded + 63u) / 64u + (layout->value_dim_padded + 63u) / 64u;
    return layout->kv_heads * OCTAVO_OPERAND_STEPS * step_units * OCTAVO_OPERAND_UNIT_WORDS;
}

uint32_t octavo_kernel_query_block_words(const octavo_packed_layout *layout) {
    return (layout->key_dim_padded + 127u) / 128u * OCTAVO_OPERAND_UNIT_WORDS;
}

octavo_status octavo_kernel_create_append(octavo_device *device, const octavo_packed_layout *layout, bool transforms,
                                          octavo_append_pipelines *pipelines) {
    const octavo_device_snapshot *snapshot = octavo_gpu_snapshot(device);
    uint32_t subgroup_size = octavo_kernel_append_subgroup(snapshot, octavo_gpu_capabilities(device), layout);
    octavo_gpu_pipeline_info both = octavo_kernel_append_info(layout, transforms, OCTAVO_APPEND_BOTH, subgroup_size);
    octavo_gpu_pipeline_info keys = octavo_kernel_append_info(layout, transforms, OCTAVO_APPEND_KEYS, subgroup_size);
    octavo_gpu_pipeline_info values =
        octavo_kernel_append_info(layout, transforms, OCTAVO_APPEND_VALUES, subgroup_size);
    if (octavo_kernel_appends_both(snapshot, layout)) {
        return octavo_gpu_pipeline_create(device, &both, &pipelines->both);
    }
    octavo_status status = octavo_gpu_pipeline_create(device, &keys, &pipelines->keys);
    if (status == OCTAVO_SUCCESS) status = octavo_gpu_pipeline_create(device, &values, &pipelines->values);
    if (status != OCTAVO_SUCCESS) octavo_kernel_destroy_append(pipelines);
    return status;
}

void octavo_kernel_destroy_append(octavo_append_pipelines *pipelines) {
    octavo_gpu_pipeline_destroy(pipelines->both);
    octavo_gpu_pipeline_destroy(pipelines->keys);
    octavo_gpu_pipeline_destroy(pipelines->values);
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
    if (!tuning->fused && status == OCTAVO_SUCCESS)
        status = octavo_gpu_pipeline_create(device, &rotate, &pipelines->rotate_query);
    if ((!tuning->fused || variant->source == OCTAVO_KERNEL_PREFILL_MATRIX) && status == OCTAVO_SUCCESS)
        status = octavo_gpu_pipeline_create(device, &merge, &pipelines->merge);
    if (variant->source == OCTAVO_KERNEL_PREFILL_MATRIX && status == OCTAVO_SUCCESS) {
        octavo_gpu_pipeline_info expand = octavo_kernel_expand_info(layout);
        status = octavo_gpu_pipeline_create(device, &expand, &pipelines->expand);
    }
    if (status != OCTAVO_SUCCESS) octavo_kernel_destroy_attention(pipelines);
    return status;
}

void octavo_kernel_destroy_attention(octavo_attention_pipelines *pipelines) {
    octavo_gpu_pipeline_destroy(pipelines->rotate_query);
    octavo_gpu_pipeline_destroy(pipelines->walk);
    octavo_gpu_pipeline_destroy(pipelines->merge);
    octavo_gpu_pipeline_destroy(pipelines->expand);
    *pipelines = (octavo_attention_pipelines){NULL, NULL, NULL, NULL};
}
