#include "attention/matrix_tuning.h"

#include "octavo_abi.h"

/* Subgroups of a workgroup of the matrix walks: as many as are resident on a core with 255 registers a lane. */
#define MATRIX_TEAMS 8u
#define MATRIX_TEAMS_MAX 12u
#define MATRIX_LONG_TILES 32u /* of a core, from which on more subgroups pay */
#define CORE_REGISTERS 2048u  /* of a lane of each subgroup, together */
/* Of a list, at most, for workgroups of two subgroups and of four. */
#define MATRIX_PAIR_TOKENS 2048u
#define MATRIX_QUAD_TOKENS 16384u

/* Registers of a lane of walk_matrix.comp beside those of matrix_step_registers. */
#define MATRIX_OTHER_REGISTERS 50u

/* What a share of the matrix walk costs beside its tiles, in tiles of a workgroup of MATRIX_TEAMS: its query, merge and
 * arrival (H100: 64 sequences of 1 .. 32768 tokens take 138, 114, 105, 99 us at 0, 6, 8, 10; the same total in equal
 * lengths 91 us; 48 queries of 4 heads each behind 1024 tokens 32 us at 0, 22 at 10). */
#define MATRIX_SHARE_COST 10u

/* Subgroups of a workgroup of the prefill kernel, which share tiles only through the cache, and the results of a
 * subgroup (rows times channels) that 128 registers hold. */
#define PREFILL_TEAMS 4u
#define PREFILL_RESULTS 4096u
#define PREFILL_LONG_TOKENS 8192u
#define PREFILL_LONG_WORK (UINT64_C(1) << 23) /* tokens times rows of a KV head */

/* See SOFTWARE_TILES_MAX of kernel_tuning.c. */
#define EMULATED_TILES_MAX 32u
#define EMULATED_PREFILL_TILES_MAX 16u

static uint32_t matrix_halves(uint32_t rows) {
    return rows > 8u ? 2u : 1u;
}

/* STEP_REGISTERS of walk_matrix.comp: of keys and scales, values, results and scores of two quads of tokens. */
static uint32_t matrix_step_registers(const octavo_packed_layout *layout, uint32_t rows) {
    uint32_t key_words = (layout->key_dim_padded / 32u + 3u) / 4u * layout->key_bits;
    uint32_t value_sets = layout->value_dim_padded / 32u;
    return 8u * (key_words + 1u) + 12u * value_sets + 8u * (value_sets + 2u) * matrix_halves(rows);
}

/* SETS of walk_matrix.comp: the quads of tokens that a lane takes at once. */
static uint32_t matrix_sets(const octavo_packed_layout *layout, uint32_t rows) {
    if (layout->key_bits == 16u || layout->value_bits == 16u) return 1u;
    return matrix_step_registers(layout, rows) > 180u ? 1u : 2u;
}

/* A subgroup alone takes four clocks for an instruction, a core issues four in each: the more are resident, the better,
 * until their registers do not fit. But the fewer there are, the sooner they have merged, and short contexts are all
 * merging (H100, us of 8, 11, 12 subgroups; 3/3 bits, 4 heads: 1024 tokens 12.0, 12.7, 12.8, 65536 34.5, 34.2, 36.9,
 * 1048576 336, 321, 335; 8 heads: 1048576 338, 364; 1 head: 332, 313; 2/2 bits, 4 heads: 262144 87, 76, 73). */
static uint32_t few_lists_teams(const octavo_kernel_shape *shape, uint32_t cores, uint32_t rows) {
    const octavo_packed_layout *layout = shape->layout;
    uint64_t tiles = shape->cached_tokens / OCTAVO_TILE_TOKENS * layout->kv_heads;
    if (rows > 4u || matrix_sets(layout, rows) < 2u || tiles < (uint64_t)MATRIX_LONG_TILES * cores) return MATRIX_TEAMS;
    uint32_t teams = CORE_REGISTERS / (matrix_step_registers(layout, rows) + MATRIX_OTHER_REGISTERS);
    return teams < MATRIX_TEAMS_MAX ? teams : MATRIX_TEAMS_MAX;
}

/* Workgroups of so many subgroups that run at once. */
static uint32_t resident_workgroups(uint32_t cores, uint32_t teams) {
    return cores * (teams < MATRIX_TEAMS ? MATRIX_TEAMS / teams : 1u);
}

/* Whether workgroups of `teams` subgroups have a list each, or nearly. */
static bool has_lists(uint64_t lists, uint32_t cores, uint32_t teams) {
    return 10u * lists >= UINT64_C(9) * resident_workgroups(cores, teams);
}

/* Where there are lists for more workgroups they are smaller: of those of a core one prepares its query or merges while
 * others walk (H100, us of 8, 4, 2 subgroups; 3/3 bits, 8 x 4 heads, decode: 16 sequences of 1024 tokens 15.9, 17.6,
 * 20.8; 64 52.6, 39.2, 35.9; 256 196, 147, 130; 32 of 4096 59.8, 52.1, 66.0; 64 of 8192 190, 178, 180; 64 of 1 .. 32768
 * 87.9, 78.9, 92.3; 128 of 1 .. 4096 80.4, 71.8, 63.0; 64 rows behind 512 tokens in 8 sequences 34.2, 24.8, 32.5,
 * behind 2048 tokens in 32 202, 172, 239; us of 8 and 4, 512 rows behind 4096 tokens 73.9, 66.0, 16384 203.8, 203.3,
 * 65536 723, 769). */
static uint32_t matrix_teams(const octavo_kernel_shape *shape, uint32_t cores, uint32_t rows) {
    uint64_t tiles = (octavo_kernel_rows(shape) + rows - 1u) / rows;
    uint64_t lists = octavo_kernel_sequences(shape) * shape->layout->kv_heads * tiles;
    uint64_t tokens = octavo_kernel_sequence_tokens(shape);
    if (rows <= 8u && tokens <= MATRIX_PAIR_TOKENS && has_lists(lists, cores, 2u)) return 2u;
    if (tokens <= MATRIX_QUAD_TOKENS && has_lists(lists, cores, 4u)) return 4u;
    return few_lists_teams(shape, cores, rows);
}

/* Shared memory of walk_matrix.comp in bytes. */
static uint32_t matrix_shared_bytes(const octavo_kernel_variant *variant, const octavo_packed_layout *layout,
                                    const octavo_kernel_tuning *tuning) {
    uint32_t teams = tuning->lanes / 32u, halves = matrix_halves(tuning->rows);
    uint32_t pad = layout->key_dim_padded, key_steps = (pad / 32u + 3u) / 4u * 8u;
    uint32_t widest = pad > layout->value_dim_padded ? pad : layout->value_dim_padded;
    uint32_t sets = matrix_sets(layout, tuning->rows);
    uint32_t merged = tuning->rows * teams;
    uint32_t staged = merged > 128u ? 1u : merged > 64u ? 2u : merged > 32u ? 4u : 8u; /* sets of 32 channels */
    if (staged > layout->value_dim_padded / 32u) staged = layout->value_dim_padded / 32u;
    uint32_t stepped = halves * (key_steps * 64u + teams * sets * 144u); /* queries, weights */
    uint32_t words = stepped > merged * staged * 32u ? stepped : merged * staged * 32u;
    words += tuning->rows * (widest + 2u * teams + 7u) + OCTAVO_SHARE_WORDS + 1u;
    if (variant->arithmetic == OCTAVO_KERNEL_EMULATED_MATRIX) words += 32u * 7u;
    return 4u * words;
}

/* The same for prefill_matrix.comp. */
static uint32_t prefill_shared_bytes(const octavo_kernel_variant *variant, const octavo_packed_layout *layout,
                                     const octavo_kernel_tuning *tuning) {
    uint32_t staged = 8u * (layout->value_dim_padded + 8u), pad = 4u * layout->key_dim_padded;
    uint32_t words = tuning->rows * 6u + tuning->teams * (staged > pad ? staged : pad);
    if (variant->arithmetic == OCTAVO_KERNEL_EMULATED_MATRIX) words += 32u * 7u;
    return 4u * words;
}

uint32_t octavo_matrix_shared_bytes(const octavo_kernel_variant *variant, const octavo_packed_layout *layout,
                                    const octavo_kernel_tuning *tuning) {
    return variant->source == OCTAVO_KERNEL_PREFILL_MATRIX ? prefill_shared_bytes(variant, layout, tuning)
                                                           : matrix_shared_bytes(variant, layout, tuning);
}

/* As long for any workgroup, but fewer subgroups take longer for a tile. */
uint32_t octavo_matrix_share_cost(uint32_t teams) {
    return teams >= MATRIX_TEAMS ? MATRIX_SHARE_COST : MATRIX_SHARE_COST * teams / MATRIX_TEAMS + 1u;
}

uint32_t octavo_matrix_workgroups(uint32_t cores, const octavo_kernel_tuning *tuning) {
    return resident_workgroups(cores, tuning->lanes / 32u); /* both kernels have as many on a core */
}

/* Teams of 32 lanes that share a query tile; the emulation is one team. Codes are unpacked once for the sixteen rows of
 * a tile (H200, 65536 tokens: 57 us; two tiles of eight 73 us). A rung less is half the rows. */
static bool tune_walk(const octavo_device_snapshot *snapshot, const octavo_kernel_variant *variant,
                      const octavo_kernel_shape *shape, uint32_t cores, uint32_t rung, octavo_kernel_tuning *tuning) {
    const bool emulated = variant->arithmetic == OCTAVO_KERNEL_EMULATED_MATRIX;
    tuning->rows = 16u;
    while (shape->phase == OCTAVO_PHASE_DECODE && tuning->rows / 2u >= octavo_kernel_rows(shape)) tuning->rows /= 2u;
    uint32_t teams = emulated ? 1u : matrix_teams(shape, cores, tuning->rows);
    while (teams > 1u && !octavo_gpu_fits_workgroup(snapshot, 32u * teams, teams)) teams /= 2u;
    tuning->lanes = 32u * teams;
    tuning->subgroup_size = emulated ? 0u : 32u;
    while (tuning->rows > 1u &&
           octavo_matrix_shared_bytes(variant, shape->layout, tuning) > snapshot->max_compute_shared_memory_size)
        tuning->rows /= 2u;
    while (teams > 1u &&
           octavo_matrix_shared_bytes(variant, shape->layout, tuning) > snapshot->max_compute_shared_memory_size) {
        teams /= 2u;
        tuning->lanes = 32u * teams;
    }
    if (rung > 3u || tuning->rows >> rung == 0u) return false;
    tuning->rows >>= rung;
    tuning->shared_bytes = octavo_matrix_shared_bytes(variant, shape->layout, tuning);
    tuning->fused = true;
    tuning->teams = teams;
    if (emulated) tuning->tiles_max = EMULATED_TILES_MAX;
    tuning->share_cost = octavo_matrix_share_cost(teams);
    tuning->free_windows = true;
    tuning->merge_lanes = 32u;
    return true;
}

/* Blocks of 16 rows for each subgroup, as many as its registers hold; a rung less is half of them. */
static bool tune_prefill(const octavo_device_snapshot *snapshot, const octavo_kernel_variant *variant,
                         const octavo_kernel_shape *shape, uint32_t cores, uint32_t rung,
                         octavo_kernel_tuning *tuning) {
    const octavo_packed_layout *layout = shape->layout;
    const bool emulated = variant->arithmetic == OCTAVO_KERNEL_EMULATED_MATRIX;
    uint64_t wanted = octavo_kernel_rows(shape);
    uint32_t blocks = 4u, teams = emulated ? 1u : PREFILL_TEAMS;
    while (blocks > 1u && blocks * 16u * layout->value_dim_padded > PREFILL_RESULTS) blocks /= 2u;
    if (emulated && blocks > 2u) blocks = 2u;
    /* few rows in many subgroups: each works on a row after the other before and after it walks */
    while (blocks > 1u && (uint64_t)teams * blocks / 2u * 16u >= wanted) blocks /= 2u;
    while (teams > 1u && (uint64_t)teams / 2u * blocks * 16u >= wanted) teams /= 2u;
    /* fewer rows a workgroup where there are too few workgroups (H100, 1024 queries of 20 heads of 64 channels: 44 us;
     * with twice the rows 98 us), unless lists are so long that they are cut: then rows that share what they load count
     * (us of 64 and 128 rows a workgroup, 8 KV heads; 1024 rows: 4096 tokens 127, 128, 8192 212, 190, 65536 1850, 1397;
     * 256 rows: 16384 tokens 148, 142, 32768 297, 257; 128 rows: 32768 tokens 206, 222, 65536 460, 451) */
    uint64_t rows = (uint64_t)shape->query_total * shape->group * layout->kv_heads;
    uint64_t filling = (uint64_t)cores * MATRIX_TEAMS * 16u;
    uint64_t tokens = octavo_kernel_sequence_tokens(shape);
    bool is_long = tokens >= PREFILL_LONG_TOKENS && wanted >= PREFILL_LONG_WORK / tokens;
    while (rows > 0u && blocks > 1u && rows < filling * blocks && !is_long) blocks /= 2u;
    while (teams > 1u && !octavo_gpu_fits_workgroup(snapshot, 32u * teams, teams)) teams /= 2u;
    if (rung > 2u || blocks >> rung == 0u) return false;
    blocks >>= rung;
    tuning->subgroup_size = emulated ? 0u : 32u;
    tuning->fused = true;
    for (;; teams /= 2u) {
        tuning->teams = teams;
        tuning->lanes = 32u * teams;
        tuning->rows = 16u * blocks * teams;
        tuning->shared_bytes = octavo_matrix_shared_bytes(variant, layout, tuning);
        if (teams == 1u || tuning->shared_bytes <= snapshot->max_compute_shared_memory_size) break;
    }
    tuning->whole_lists = true;
    tuning->one_share = true;
    if (emulated) tuning->tiles_max = EMULATED_PREFILL_TILES_MAX;
    tuning->merge_lanes = emulated ? 32u : 128u;
    return true;
}

bool octavo_matrix_tune(const octavo_device_snapshot *snapshot, const octavo_kernel_variant *variant,
                        const octavo_kernel_shape *shape, uint32_t cores, uint32_t rung, octavo_kernel_tuning *tuning) {
    bool has_rung = variant->source == OCTAVO_KERNEL_PREFILL_MATRIX
                        ? tune_prefill(snapshot, variant, shape, cores, rung, tuning)
                        : tune_walk(snapshot, variant, shape, cores, rung, tuning);
    if (!has_rung || tuning->lanes > snapshot->max_compute_work_group_invocations ||
        tuning->shared_bytes > snapshot->max_compute_shared_memory_size)
        return false;
    tuning->workgroups = octavo_matrix_workgroups(cores, tuning);
    return true;
}
