#include "attention/kernel_variants.h"

#include "attention/tile_tuning.h"
#include "octavo_abi.h"
#include "shader_modules.h"

#include <string.h>

#define DRIVER_HONEYKRISP 26u /* VK_DRIVER_ID_MESA_HONEYKRISP */

#define VARIANT(name, source, arithmetic, module, fused_module, one_subgroup)                                          \
    {                                                                                                                  \
        name, OCTAVO_KERNEL_##source, OCTAVO_KERNEL_##arithmetic, OCTAVO_SHADER_##module,                              \
            OCTAVO_SHADER_##fused_module, one_subgroup                                                                 \
    }
const octavo_kernel_variant octavo_kernel_variants[OCTAVO_KERNEL_VARIANT_COUNT] = {
    VARIANT("prefill_matrix", PREFILL_MATRIX, MATRIX, PREFILL_MATRIX, PREFILL_MATRIX, false),
    VARIANT("prefill_tiles", PREFILL_TILES, MATRIX, PREFILL_TILES, PREFILL_TILES, false),
    VARIANT("matrix", WALK_MATRIX, MATRIX, WALK_MATRIX, WALK_MATRIX, false),
    VARIANT("int8_subgroup", WALK, INT_DOT, WALK_INT_SUBGROUP, FUSED_INT_SUBGROUP, true),
    VARIANT("int8_shared", WALK, INT_DOT, WALK_INT_SHARED, FUSED_INT_SHARED, false),
    VARIANT("f16_subgroup", WALK, HALF, WALK_F16_SUBGROUP, FUSED_F16_SUBGROUP, true),
    VARIANT("f16_shared", WALK, HALF, WALK_F16_SHARED, FUSED_F16_SHARED, false),
    VARIANT("f32_subgroup", WALK, FLOAT, WALK_F32_SUBGROUP, FUSED_F32_SUBGROUP, true),
    VARIANT("f32_shared", WALK, FLOAT, WALK_F32_SHARED, FUSED_F32_SHARED, false),
    VARIANT("prefill_int8", PREFILL, INT_DOT, PREFILL_INT, PREFILL_INT, false),
    VARIANT("prefill_f16", PREFILL, HALF, PREFILL_F16, PREFILL_F16, false),
    VARIANT("prefill_f32", PREFILL, FLOAT, PREFILL_F32, PREFILL_F32, false),
    VARIANT("matrix_emulated", WALK_MATRIX, EMULATED_MATRIX, WALK_MATRIX_EMULATED, WALK_MATRIX_EMULATED, false),
    VARIANT("prefill_emulated", PREFILL_MATRIX, EMULATED_MATRIX, PREFILL_EMULATED, PREFILL_EMULATED, false),
    VARIANT("prefill_tiles_emulated", PREFILL_TILES, EMULATED_MATRIX, PREFILL_TILES_EMULATED, PREFILL_TILES_EMULATED,
            false),
};

const octavo_kernel_variant *octavo_kernel_variant_named(const char *name) {
    for (uint32_t i = 0; i < OCTAVO_KERNEL_VARIANT_COUNT; ++i) {
        if (strcmp(octavo_kernel_variants[i].name, name) == 0) return &octavo_kernel_variants[i];
    }
    return NULL;
}

bool octavo_kernel_is_for_prefill(const octavo_kernel_variant *variant) {
    return variant->source >= OCTAVO_KERNEL_PREFILL;
}

bool octavo_kernel_has_one_dispatch(const octavo_kernel_variant *variant) {
    return variant->source == OCTAVO_KERNEL_WALK_MATRIX || variant->source == OCTAVO_KERNEL_PREFILL_MATRIX;
}

/* 16 x 8 x 16, f16 times f16 into f32, by a subgroup. */
static bool has_matrix_shape(const octavo_device_snapshot *snapshot) {
    for (uint32_t i = 0; i < snapshot->matrix_shape_count; ++i) {
        const octavo_gpu_matrix_shape *shape = &snapshot->matrix_shapes[i];
        if (shape->m == 16u && shape->n == 8u && shape->k == 16u && shape->a == VK_COMPONENT_TYPE_FLOAT16_KHR &&
            shape->b == VK_COMPONENT_TYPE_FLOAT16_KHR && shape->c == VK_COMPONENT_TYPE_FLOAT32_KHR &&
            shape->result == VK_COMPONENT_TYPE_FLOAT32_KHR && shape->scope == VK_SCOPE_SUBGROUP_KHR) {
            return true;
        }
    }
    return false;
}

static const char *matrix_refusal(const octavo_device_snapshot *snapshot) {
    const VkSubgroupFeatureFlags operations = VK_SUBGROUP_FEATURE_SHUFFLE_BIT | VK_SUBGROUP_FEATURE_VOTE_BIT;
    if (!has_matrix_shape(snapshot)) return "the device has no 16 x 8 x 16 product of f16 matrices into f32";
    if (snapshot->min_subgroup_size > 32u || snapshot->max_subgroup_size < 32u)
        return "the device has no subgroups of 32";
    if ((snapshot->subgroup_operations & operations) != operations)
        return "the device has no subgroup shuffles and votes";
    if (!snapshot->denorm_preserve_float16 ||
        !octavo_gpu_has_extension(snapshot, OCTAVO_GPU_EXTENSION_SHADER_FLOAT_CONTROLS))
        return "the device does not keep subnormal f16 numbers";
    return NULL;
}

bool octavo_kernel_binds_fused(const octavo_device_snapshot *snapshot) {
    return snapshot->max_stage_storage_buffers >= OCTAVO_WALK_FUSED_BINDINGS;
}

const char *octavo_kernel_variant_refusal(const octavo_kernel_variant *variant, const octavo_device_snapshot *snapshot,
                                          uint32_t capabilities, octavo_phase phase) {
    if (variant->source == OCTAVO_KERNEL_PREFILL_MATRIX && phase == OCTAVO_PHASE_DECODE)
        return "the variant is for prefill"; /* each step would expand the whole cache */
    uint32_t missing = octavo_shader_modules[variant->module].needs & ~capabilities;
    if ((missing & OCTAVO_CAPABILITY_INT_DOT) != 0u) return "the device has no integer dot product";
    if ((missing & OCTAVO_CAPABILITY_SUBGROUP) != 0u) {
        return "the device has no subgroup arithmetic with a required size in compute shaders";
    }
    if ((missing & OCTAVO_CAPABILITY_COOPERATIVE_MATRIX) != 0u) return "the device has no cooperative matrices";
    if ((missing & OCTAVO_CAPABILITY_FLOAT16) != 0u) return "the device has no f16 arithmetic";
    if (missing != 0u) return "the device lacks a capability that the variant needs";
    if (octavo_kernel_has_one_dispatch(variant) && !octavo_kernel_binds_fused(snapshot)) {
        return "the device binds too few storage buffers for a walk in one dispatch";
    }
    if (variant->arithmetic != OCTAVO_KERNEL_MATRIX) return NULL;
    return variant->source == OCTAVO_KERNEL_PREFILL_TILES ? octavo_tile_refusal(snapshot) : matrix_refusal(snapshot);
}

/* Where products of f16 pairs take fewer instructions than those of f32, as compilers count them for each cached value
 * (3 bits, d 128). Decode, one and four query heads: GCN 5 7.1 and 10.1 against 8.2 and 11.5, RDNA 1 3.4 and 8.0
 * against 4.8 and 9.3, Apple 5.1 and 12.0 against 6.5 and 12.3; but Adreno 740, which takes pairs apart, 9.5 and 14.8
 * against 8.8 and 12.1. Prefill: GCN 5 108 against 126, RDNA 1 93 against 123; but Adreno 79 against 71, and Apple
 * 71 against 70. Intel converts a byte where it is used: Skylake 7.8 against 4.9. Mali (G310) spills 57 registers
 * where it spilled 51. */
static bool prefers_half(const octavo_device_snapshot *snapshot, const octavo_kernel_variant *variant) {
    switch (snapshot->vendor_id) {
    case OCTAVO_GPU_VENDOR_AMD:
        return true;
    case OCTAVO_GPU_VENDOR_APPLE:
        return variant->source == OCTAVO_KERNEL_WALK;
    default: /* Apple's chips under a vendor number of Mesa */
        return snapshot->driver_id == DRIVER_HONEYKRISP && variant->source == OCTAVO_KERNEL_WALK;
    }
}

/* Where one row of queries, or two short ones, read one long list of codes, integer dots read them faster than
 * fragments are made of them: matrices multiply eight rows for the one (H200, 3 bits, 8 KV heads of one query head, us
 * of matrix and int8_subgroup: 16384 tokens 14.1, 14.4, 32768 18.7, 18.8, 65536 27.2, 25.3, 131072 42.4, 38.4; 2 and 4
 * bits, 65536 tokens 28.8, 21.4, 31.5, 28.6; d 256, 32768 tokens 32.4, 28.5; one KV head, 524288 tokens 32.3, 29.6;
 * d 64, 32768 and 131072 tokens 16.9, 14.8, 35.0, 26.2, with two query heads 17.2, 17.9, 35.7, 31.7). Of two query
 * heads of 128 channels matrices are faster also behind 1048576 tokens (H100, 312, 341), and of batches they share out
 * what a share costs beside its tiles. The length that is known may be what the cache holds at most: 1024 tokens
 * take 9.0 and 10.8 us. */
#define LONG_TILES 24u /* of a core */
#define SHORT_ROWS 64u /* most channels where there are two rows */
static bool reads_one_long_list(const octavo_device_snapshot *snapshot, const octavo_kernel_shape *shape) {
    const octavo_packed_layout *layout = shape->layout;
    if (layout->key_bits == 16u || layout->value_bits == 16u || shape->query_total != 1u) return false;
    if (shape->group > 2u || (shape->group == 2u && layout->key_dim_padded > SHORT_ROWS)) return false;
    uint64_t tiles = shape->cached_tokens / OCTAVO_TILE_TOKENS * layout->kv_heads;
    return snapshot->core_count != 0u && tiles >= (uint64_t)LONG_TILES * snapshot->core_count;
}

uint32_t octavo_kernel_rows(const octavo_kernel_shape *shape) {
    uint64_t rows = (uint64_t)shape->group * shape->query_tokens;
    return rows < UINT32_MAX ? (uint32_t)rows : UINT32_MAX;
}

uint64_t octavo_kernel_sequences(const octavo_kernel_shape *shape) {
    return ((uint64_t)shape->query_total + shape->query_tokens - 1u) / shape->query_tokens;
}

uint64_t octavo_kernel_sequence_tokens(const octavo_kernel_shape *shape) {
    uint64_t sequences = octavo_kernel_sequences(shape);
    return sequences > 0u ? shape->cached_tokens / sequences : 0u;
}

/* Few rows of packed codes are prefilled faster by the matrix walk, which unpacks the cache for each 16 of them, than
 * by what expands it first (H100, 3 bits, 8 KV heads, us of matrix and prefill_matrix; d 128, 2048 tokens: 128 rows 32,
 * 77, 512 rows 53, 78; 32768 tokens: 128 rows 121, 206, 512 rows 377, 395, 1024 rows 774, 609; d 64, 8192 tokens: 256
 * rows 50, 66, 512 rows 97, 75; d 256: 128 rows 87, 236), where few workgroups have them or their lists are long: 256
 * times 96 rows and keys take 1065 and 199. Of batches (sequences, rows of each, tokens of each): 8, 64, 512 25, 49;
 * 32, 64, 512 90, 92; 32, 64, 2048 172, 416; 16, 128, 1024 115, 106; 16, 128, 2048 165, 265; 8, 256, 2048 200, 144; 8,
 * 256, 4096 261, 337. Own tokens it takes sixteen at a time. */
#define FEW_ROWS_MAX 512u
#define FEW_ROWS_OF_A_CHANNEL 4u
#define FEW_TILES_OF_A_CORE 2u
#define WALKED_TOKENS_OF_A_ROW 10u
static bool walks_few_rows(const octavo_device_snapshot *snapshot, const octavo_kernel_shape *shape) {
    const octavo_packed_layout *layout = shape->layout;
    uint32_t rows = octavo_kernel_rows(shape);
    uint64_t sequences = octavo_kernel_sequences(shape);
    if (shape->phase != OCTAVO_PHASE_PREFILL || shape->own_tokens || sequences == 0u) return false;
    if (rows > FEW_ROWS_MAX || rows > FEW_ROWS_OF_A_CHANNEL * layout->key_dim_padded) return false;
    if (layout->key_bits == 16u || layout->value_bits == 16u) return false;
    uint64_t tiles = sequences * layout->kv_heads * ((rows + 15u) / 16u);
    return tiles <= (uint64_t)FEW_TILES_OF_A_CORE * snapshot->core_count ||
           octavo_kernel_sequence_tokens(shape) >= (uint64_t)WALKED_TOKENS_OF_A_ROW * rows;
}

/* Steps with fewer rows of a KV head would unpack the cache for rows of a tile that are not there (H100, 65536 tokens,
 * us of int8_subgroup and prefill_int8, f32_subgroup and prefill_f32: 32 rows 398, 514, 1396, 1109, 64 rows 560, 524,
 * 1663, 1107, 128 rows 1372, 999, 6077, 2131). The walks have become faster since: int8_subgroup takes 272, 525 and
 * 1027 on an H200, where the others were not measured again. */
#define DECODE_BLOCK_ROWS 64u

/* Whether a decode step is left to variants with smaller query tiles. */
static bool is_too_large(const octavo_device_snapshot *snapshot, const octavo_kernel_variant *variant,
                         const octavo_kernel_shape *shape) {
    if (shape->phase != OCTAVO_PHASE_DECODE || !octavo_kernel_is_for_prefill(variant)) return false;
    bool has_tiles = variant->source == OCTAVO_KERNEL_PREFILL_TILES;
    return octavo_kernel_rows(shape) < (has_tiles ? octavo_tile_decode_rows(snapshot) : DECODE_BLOCK_ROWS);
}

/* 0: best. An expanded integer dot costs more than the float product it stands for, and f16 pages have no codes. Where
 * a variant with large query tiles can run, it reads and unpacks the cache for more rows at once than the others.
 * Matrices of a processor are a loop: lavapipe, 512 queries and 4096 keys, d 128: 3.8 s with them, 1.2 s in f32, 0.9 s
 * by dots.
 */
#define RANK_COUNT 8u
static uint32_t rank(const octavo_device_snapshot *snapshot, const octavo_kernel_variant *variant,
                     const octavo_kernel_shape *shape) {
    bool has_codes = shape->layout->key_bits != 16u || shape->layout->value_bits != 16u;
    bool prefer_int = has_codes && snapshot->int_dot_accelerated != VK_FALSE;
    bool dots_first = prefer_int && shape->phase == OCTAVO_PHASE_DECODE && reads_one_long_list(snapshot, shape);
    bool has_tiles = variant->source == OCTAVO_KERNEL_PREFILL_TILES;
    if (has_tiles && snapshot->type == VK_PHYSICAL_DEVICE_TYPE_CPU) return 7u;
    if (is_too_large(snapshot, variant, shape)) return 7u;
    if (variant->arithmetic == OCTAVO_KERNEL_MATRIX) {
        bool walk_first = shape->phase == OCTAVO_PHASE_DECODE || walks_few_rows(snapshot, shape);
        return dots_first || (walk_first && octavo_kernel_is_for_prefill(variant)) ? 1u : 0u;
    }
    if (variant->arithmetic == OCTAVO_KERNEL_INT_DOT && variant->one_subgroup && dots_first) return 0u;
    uint32_t first = octavo_kernel_is_for_prefill(variant) ? 1u : 4u;
    if (variant->arithmetic == OCTAVO_KERNEL_INT_DOT) return prefer_int ? first : first + 2u;
    bool prefer_half = has_codes && prefers_half(snapshot, variant);
    bool preferred = (variant->arithmetic == OCTAVO_KERNEL_HALF) == prefer_half;
    return first + (prefer_int ? 1u : 0u) + (preferred ? 0u : 1u);
}

uint32_t octavo_kernel_variant_order(const octavo_device_snapshot *snapshot, uint32_t capabilities,
                                     const octavo_kernel_shape *shape, uint32_t order[OCTAVO_KERNEL_VARIANT_COUNT]) {
    uint32_t count = 0;
    for (uint32_t wanted = 0; wanted < RANK_COUNT; ++wanted) {
        for (uint32_t i = 0; i < OCTAVO_KERNEL_VARIANT_COUNT; ++i) {
            const octavo_kernel_variant *variant = &octavo_kernel_variants[i];
            if (variant->arithmetic != OCTAVO_KERNEL_EMULATED_MATRIX && rank(snapshot, variant, shape) == wanted &&
                octavo_kernel_variant_refusal(variant, snapshot, capabilities, shape->phase) == NULL) {
                order[count++] = i;
            }
        }
    }
    return count;
}
