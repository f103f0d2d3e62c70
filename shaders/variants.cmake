# THE list of shader modules. octavo_variant() is explained in cmake/octavo_shaders.cmake.
octavo_variant(NAME rotate SOURCE rotate.comp PUSH octavo_rotate_push)
octavo_variant(NAME append SOURCE append.comp PUSH octavo_append_push)
octavo_variant(NAME append_subgroup SOURCE append.comp PUSH octavo_append_push DEFINES OCTAVO_SUBGROUP=1 NEEDS subgroup)
octavo_variant(NAME append_pair SOURCE append.comp PUSH octavo_append_push BINDINGS 5 DEFINES OCTAVO_APPEND_PAIR=1)
octavo_variant(NAME append_pair_subgroup SOURCE append.comp PUSH octavo_append_push BINDINGS 5
               DEFINES OCTAVO_APPEND_PAIR=1 OCTAVO_SUBGROUP=1 NEEDS subgroup)
octavo_variant(NAME expand SOURCE expand.comp PUSH octavo_expand_push)
octavo_variant(NAME merge SOURCE merge.comp PUSH octavo_attention_push)

octavo_variant(NAME walk_int_subgroup SOURCE walk.comp PUSH octavo_attention_push
               DEFINES OCTAVO_INT_DOT=1 OCTAVO_SUBGROUP=1 NEEDS int_dot subgroup)
octavo_variant(NAME walk_int_shared SOURCE walk.comp PUSH octavo_attention_push DEFINES OCTAVO_INT_DOT=1 NEEDS int_dot)
octavo_variant(NAME walk_f16_subgroup SOURCE walk.comp PUSH octavo_attention_push
               DEFINES OCTAVO_HALF=1 OCTAVO_SUBGROUP=1 NEEDS float16 subgroup)
octavo_variant(NAME walk_f16_shared SOURCE walk.comp PUSH octavo_attention_push DEFINES OCTAVO_HALF=1 NEEDS float16)
octavo_variant(NAME walk_f32_subgroup SOURCE walk.comp PUSH octavo_attention_push DEFINES OCTAVO_SUBGROUP=1 NEEDS subgroup)
octavo_variant(NAME walk_f32_shared SOURCE walk.comp PUSH octavo_attention_push)

# Many rows at once: for prefill without matrix units.
octavo_variant(NAME prefill_int SOURCE prefill.comp PUSH octavo_attention_push DEFINES OCTAVO_INT_DOT=1 NEEDS int_dot)
octavo_variant(NAME prefill_f16 SOURCE prefill.comp PUSH octavo_attention_push DEFINES OCTAVO_HALF=1 NEEDS float16)
octavo_variant(NAME prefill_f32 SOURCE prefill.comp PUSH octavo_attention_push)

# walk.comp in one dispatch, where a device binds so many buffers: for decoding.
octavo_variant(NAME fused_int_subgroup SOURCE walk.comp PUSH octavo_attention_push BINDINGS 7
               DEFINES OCTAVO_FUSED=1 OCTAVO_INT_DOT=1 OCTAVO_SUBGROUP=1 NEEDS int_dot subgroup)
octavo_variant(NAME fused_int_shared SOURCE walk.comp PUSH octavo_attention_push BINDINGS 7
               DEFINES OCTAVO_FUSED=1 OCTAVO_INT_DOT=1 NEEDS int_dot)
octavo_variant(NAME fused_f16_subgroup SOURCE walk.comp PUSH octavo_attention_push BINDINGS 7
               DEFINES OCTAVO_FUSED=1 OCTAVO_HALF=1 OCTAVO_SUBGROUP=1 NEEDS float16 subgroup)
octavo_variant(NAME fused_f16_shared SOURCE walk.comp PUSH octavo_attention_push BINDINGS 7
               DEFINES OCTAVO_FUSED=1 OCTAVO_HALF=1 NEEDS float16)
octavo_variant(NAME fused_f32_subgroup SOURCE walk.comp PUSH octavo_attention_push BINDINGS 7
               DEFINES OCTAVO_FUSED=1 OCTAVO_SUBGROUP=1 NEEDS subgroup)
octavo_variant(NAME fused_f32_shared SOURCE walk.comp PUSH octavo_attention_push BINDINGS 7 DEFINES OCTAVO_FUSED=1)

octavo_variant(NAME walk_matrix SOURCE walk_matrix.comp PUSH octavo_attention_push BINDINGS 7 GLSLANG 14
               NEEDS subgroup cooperative_matrix float16)
octavo_variant(NAME walk_matrix_emulated SOURCE walk_matrix.comp PUSH octavo_attention_push BINDINGS 7
               DEFINES OCTAVO_EMULATED_MATRIX=1)

octavo_variant(NAME prefill_matrix SOURCE prefill_matrix.comp PUSH octavo_attention_push BINDINGS 7 GLSLANG 14
               NEEDS subgroup cooperative_matrix float16)
octavo_variant(NAME prefill_emulated SOURCE prefill_matrix.comp PUSH octavo_attention_push BINDINGS 7
               DEFINES OCTAVO_EMULATED_MATRIX=1)

# Prefill on matrix units of any layout, between rotate and merge.
octavo_variant(NAME prefill_tiles SOURCE prefill_tiles.comp PUSH octavo_attention_push GLSLANG 14
               NEEDS subgroup cooperative_matrix float16)
octavo_variant(NAME prefill_tiles_emulated SOURCE prefill_tiles.comp PUSH octavo_attention_push
               DEFINES OCTAVO_EMULATED_MATRIX=1)
