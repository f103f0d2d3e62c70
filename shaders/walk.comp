#version 450
// Walks the tiles of a share: a team (one workgroup) keeps the running maximum, sum and output of the rows of one query
// tile and one KV head, and leaves them as a partial result (FlashAttention-2, arXiv 2307.08691, algorithm 1; split over
// the cache as LeanAttention, arXiv 2405.10480).
//
// OCTAVO_INT_DOT: scores are integer dots of codes with the query in int8 parts, values integer dots of codes with the
// softmax weights times the tokens' V scales in uint8, one scale for each 32 tokens.
// OCTAVO_HALF: the same products in f16, two at a time, of query rows whose largest magnitude is 1 and of weights that are
// relative to the largest of 32 tokens; short sums go on in f32. Else, and for f16 pages, whose values may be
// as large and small as f16 is, everything is f32.
// OCTAVO_SUBGROUP: a team is one subgroup. Else it is the workgroup, and reductions go through shared memory.
// OCTAVO_FUSED: the workgroup prepares its query rows itself, its teams walk the tiles of a share and merge their results,
// and the last workgroup that arrives at a query tile finishes it: one dispatch. Else a workgroup is one team, rotate.comp
// comes before and merge.comp after.
//
// A lane owns four neighbour tokens (a quad) for scores, TOKENS of them at once, and the channels lane, lane + LANES, ..
// for values, TOKENS of them at once. It unpacks their codes into registers and then takes one or two rows at a time: the
// code stays small enough for instruction caches and does not grow with the rows. All state of rows is in shared memory.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "octavo_abi.h"
#include "lib/group_codes.glsl"
#include "lib/mask.glsl"
#include "lib/page_layout.glsl"
#include "lib/team.glsl"
#ifdef OCTAVO_INT_DOT
#include "lib/int_dot.glsl"
#endif
#ifdef OCTAVO_HALF
#include "lib/half_levels.glsl"
#endif
#if defined(OCTAVO_INT_DOT) || defined(OCTAVO_HALF)
#define OCTAVO_GROUP_SCALES // weights have a scale for each 32 tokens
#endif
#ifdef OCTAVO_FUSED
#include "lib/elements.glsl"
#define ACROSS_WORKGROUPS coherent
#else
#define ACROSS_WORKGROUPS
#endif

layout(local_size_x_id = OCTAVO_SPEC_LOCAL_SIZE) in;
layout(constant_id = OCTAVO_SPEC_ROWS) const uint ROWS = 4;
layout(constant_id = OCTAVO_SPEC_LOGITS) const uint LOGITS = 0;
layout(constant_id = OCTAVO_SPEC_TOKENS) const uint TOKENS = 1;
#ifdef OCTAVO_INT_DOT
layout(constant_id = OCTAVO_SPEC_QUERY_PARTS) const uint PARTS = 2;
#endif

#if defined(OCTAVO_FUSED) && defined(OCTAVO_SUBGROUP)
layout(constant_id = OCTAVO_SPEC_TEAMS) const uint TEAMS = 1;
#else
const uint TEAMS = 1u;
#endif

layout(set = 0, binding = OCTAVO_WALK_POOL, std430) readonly buffer pool_words { uint pool[]; };
layout(set = 0, binding = OCTAVO_WALK_POOL, std430) readonly buffer pool_parts { uvec4 pool4[]; };
layout(set = 0, binding = OCTAVO_WALK_POOL, std430) readonly buffer pool_pairs { uvec2 pool2[]; };
layout(set = 0, binding = OCTAVO_WALK_LISTS, std430) readonly buffer list_words { uint lists[]; };
layout(set = 0, binding = OCTAVO_WALK_SCRATCH, std430) ACROSS_WORKGROUPS buffer scratch_words { uint scratch[]; };
#ifdef OCTAVO_FUSED
layout(set = 0, binding = OCTAVO_WALK_SCRATCH, std430) ACROSS_WORKGROUPS buffer scratch_pairs { vec2 scratch2[]; };
layout(set = 0, binding = OCTAVO_WALK_SCRATCH, std430) ACROSS_WORKGROUPS buffer scratch_quads { vec4 scratch4[]; };
layout(set = 0, binding = OCTAVO_WALK_QUERIES, std430) readonly buffer query_words { uint queries[]; };
layout(set = 0, binding = OCTAVO_WALK_RECORDS, std430) readonly buffer record_words { float records[]; };
layout(set = 0, binding = OCTAVO_WALK_OUTPUT, std430) buffer output_words { uint tensor[]; };
layout(set = 0, binding = OCTAVO_WALK_LSE, std430) writeonly buffer lse_words { float lse[]; };
#endif
layout(push_constant) uniform push_block { octavo_attention_push push; };

const uint LANES = gl_WorkGroupSize.x / TEAMS; // of a team
const uint QUADS = LANES < 32u ? LANES : 32u;  // quads scored at once
const uint PASSES = 32u / QUADS;               // to cover the 32 quads of a tile
const uint LANE_GROUPS = LANES / QUADS;        // lane group i owns the rows i, i + LANE_GROUPS, ..
const uint LANE_ROWS = ROWS / LANE_GROUPS;     // ROWS is a multiple of LANE_GROUPS
const uint LANE_CHANNELS = (VALUE_PAD + LANES - 1u) / LANES;

// A logit that is not seen. Real logits stay far above it.
const float UNSEEN = -1.0e30, LOWEST = 0.5 * UNSEEN;
#define NOT_A_NUMBER uintBitsToFloat(0x7fc00000u)

const bool CODED_VALUES = VALUE_BITS < 16u;
#ifdef OCTAVO_INT_DOT
const bool INT_KEYS = KEY_BITS < 16u;
const float LARGEST_WEIGHT = 255.0;
const uint QUERY_WORDS = INT_KEYS ? PARTS * KEY_PAD / 4u : KEY_PAD;
const uint WEIGHT_WORDS = CODED_VALUES ? 32u : 128u;
// Few rows leave registers for all keys of a quad, those of the next tile on their way during the softmax, and for values
// that are loaded before the scores.
const bool PIPELINED = INT_KEYS && ROWS <= 2u && TOKENS == 4u && PASSES == 1u && KEY_PAD <= 128u;
#else
const bool INT_KEYS = false;
const bool PIPELINED = false;
#ifdef OCTAVO_HALF
const bool HALF_KEYS = KEY_BITS < 16u;
const uint QUERY_WORDS = HALF_KEYS ? KEY_PAD / 2u : KEY_PAD;
const uint WEIGHT_WORDS = CODED_VALUES ? 64u : 128u;
#else
const uint QUERY_WORDS = KEY_PAD;
const uint WEIGHT_WORDS = 128u;
#endif
#endif
#ifdef OCTAVO_FUSED // the query rows, one of them twice, and then the results
const uint PREPARED = (ROWS + 1u) * KEY_PAD;
#else
const uint PREPARED = 0u;
#endif
const uint RESULTS = TEAMS * ROWS * VALUE_PAD;

// Of all teams
shared uvec4 shared_query[ROWS * QUERY_WORDS / 4u + 8u];  // [row][part][word], f16 pairs or floats; what a last chunk reads
shared float shared_row_scale[ROWS];
shared float shared_row_mean[ROWS];
shared ivec2 shared_row_place[ROWS]; // position; 1: sees no key by the mask
#ifdef OCTAVO_INT_DOT
shared int shared_row_offset[ROWS];
#endif
shared float rows[RESULTS > PREPARED ? RESULTS : PREPARED]; // [team][row][channel]: results
// Of each team
shared uvec4 shared_weights[TEAMS * ROWS * WEIGHT_WORDS / 4u]; // [team][row][quad] bytes or f16, [team][row][token] floats
shared uvec4 shared_logits[TEAMS * ROWS * 32u];           // [team][row][quad]: dots (integers or floats), then logits
shared vec4 shared_value_scale[TEAMS * 32u];              // [team][quad]: V scales of its tokens; log2 of them, where groups have scales
shared vec4 shared_logit_max[TEAMS * ROWS * 8u];          // [team][row][quad]: maximum of its four logits
shared float shared_row_max[TEAMS * 2u * ROWS];           // [team][tile parity][row]
shared float shared_correction[TEAMS * ROWS];             // 2^(old maximum - new maximum)
shared float team_max[TEAMS * ROWS];
shared vec2 team_sums[TEAMS * ROWS]; // see lane_sum and lane_zero
#ifdef OCTAVO_GROUP_SCALES
shared vec4 shared_weight_max[TEAMS * ROWS * 8u];         // [team][row][quad]: maximum of log2 of its four weights
shared float shared_weight_scale[TEAMS * ROWS * 4u];      // [team][row][group of 32 tokens]
#endif
#ifdef OCTAVO_FUSED
shared uint row_token[ROWS], row_head[ROWS]; // in the caller's tensors
shared float row_max[ROWS];
shared float row_sum[ROWS];
shared uint row_largest[ROWS];
shared uint shared_arrivals;
#endif

const uint WINDOW_CHUNK = 32u;
shared uint shared_window_words[WINDOW_CHUNK]; // where its tokens lie in the pool; one team walks a window
shared uint shared_window_tokens[WINDOW_CHUNK];

// Of this lane's tokens, for the rows of its lane group: the sum of exponentials, and what the zero level of the values
// takes from each output.
float lane_sum[LANE_ROWS];
#ifdef OCTAVO_INT_DOT
float lane_zero[LANE_ROWS];
#endif
uint lane;                 // of the workgroup
uint team, team_lane, quad_lane, lane_group, head, parity;
octavo_sequence_record sequence;
octavo_query_tile tile;

uint row_of(uint k) {
    return lane_group + LANE_GROUPS * k;
}

// Place of a row in what each team has.
uint team_row(uint row) {
    return team * ROWS + row;
}

// First of what each team and tile parity has for each row.
uint team_parity(uint of_tile) {
    return (team * 2u + of_tile) * ROWS;
}

// Row k's sums, each = itself * factor + a term, without an index that is not constant
void update_sums(uint k, float factor, float term, float zero) {
    [[unroll]] for (uint j = 0u; j < LANE_ROWS; ++j) {
        lane_sum[j] = j == k ? lane_sum[j] * factor + term : lane_sum[j];
#ifdef OCTAVO_INT_DOT
        lane_zero[j] = CODED_VALUES && j == k ? lane_zero[j] * factor + zero : lane_zero[j];
#endif
    }
}

// A token that is seen and not finite.
void poison_row(uint k) {
    update_sums(k, 1.0, NOT_A_NUMBER, 0.0);
}

#include "lib/share_list.glsl"

#include "lib/row_rule.glsl"

bool has_channel(uint i) {
    return team_lane + LANES * i < VALUE_PAD; // a last batch of channels may go beyond
}

// The running output of channel i of this lane: result = result * factor + term
void update_result(uint i, uint row, float factor, float term) {
    const uint at = team_row(row) * VALUE_PAD + team_lane + LANES * i;
    rows[at] = rows[at] * factor + term;
}

#include "lib/walk_scores.glsl"
#include "lib/walk_values.glsl"

// --- softmax ----------------------------------------------------------------------------------------------------

// The maximum over the tile of the logits of a row, of which `own` is this lane's and shared_logit_max holds all.
float tile_max(uint row, float own) {
#ifdef OCTAVO_SUBGROUP
    if (LANE_GROUPS == 1u) {
        return subgroupMax(own);
    }
#endif
    vec4 m = shared_logit_max[team_row(row) * 8u];
    [[unroll]] for (uint i = 1u; i < 8u; ++i) {
        m = max(m, shared_logit_max[team_row(row) * 8u + i]);
    }
    return max(max(m.x, m.y), max(m.z, m.w));
}

// Takes a tile's maximum of row k into the running one, which it returns; sums are still to be multiplied by `correction`.
float advance_max(uint k, float own, out float correction) {
    const uint row = row_of(k);
    const float old_max = shared_row_max[team_parity(parity) + row], new_max = max(old_max, tile_max(row, own));
    correction = exp2(old_max - new_max);
    if (quad_lane == 0u) {
        shared_row_max[team_parity(parity ^ 1u) + row] = new_max;
        shared_correction[team_row(row)] = correction;
    }
    return new_max;
}

#include "lib/walk_window.glsl"

// --- a packed tile ------------------------------------------------------------------------------------------------

#include "lib/walk_weights.glsl"

uint page_base(uint page) {
    return (page * push.head_count + head) * HEAD_WORDS;
}

uvec4 scale_quad; // PIPELINED: of the tile that comes

// What walk_tile wants first from memory.
void load_first_keys(uint page) {
#ifdef OCTAVO_INT_DOT
    if (PIPELINED) {
        load_key_words(page_base(page), 4u * quad_lane, 0u);
        scale_quad = pool4[((page_base(page) + SCALES) >> 2) + quad_lane];
    }
#endif
}

// next_page: of the tile that this team walks next, if has_next.
void walk_tile(uint page, uint token_first, bool edge, bool has_next, uint next_page) {
    const uint base = page_base(page);
    if (PIPELINED) {
        load_first_values(base + VALUE_TILE);
    }
    for (uint pass = 0u; pass < PASSES; ++pass) {
        const uint quad = quad_lane + QUADS * pass;
        const uvec4 scales = PIPELINED ? scale_quad : pool4[((base + SCALES) >> 2) + quad];
        [[dont_unroll]] for (uint first = 0u; first < 4u; first += TOKENS) {
#ifdef OCTAVO_INT_DOT
            if (INT_KEYS) {
                score_int(base, quad, first);
            } else
#endif
#ifdef OCTAVO_HALF
            if (HALF_KEYS) {
                score_half(base, quad, first);
            } else
#endif
            {
                score_float(base, quad, first);
            }
        }
        if (has_next) {
            load_first_keys(next_page);
        }
        vec4 key_scale, value_scale;
        unpack_scales(scales, key_scale, value_scale);
        shared_value_scale[team * 32u + quad] = value_scale;
        [[dont_unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
            finish_quad(k, token_first, edge, quad, key_scale, value_scale);
        }
    }
    if (!PIPELINED) {
        load_first_values(base + VALUE_TILE); // the loads overlap with the softmax
    }
    team_barrier();

    [[dont_unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
        const uint row = row_of(k);
        float own = UNSEEN, sum = 0.0, zero = 0.0, correction;
        for (uint pass = 0u; pass < PASSES; ++pass) {
            const uint quad = quad_lane + QUADS * pass;
            own = max(own, shared_logit_max[team_row(row) * 8u + (quad >> 2)][quad & 3u]);
        }
        const float new_max = advance_max(k, own, correction);
        for (uint pass = 0u; pass < PASSES; ++pass) {
            sum += weigh_quad(row, quad_lane + QUADS * pass, new_max, zero);
        }
        update_sums(k, correction, sum, zero);
    }
    team_barrier();
    add_values(base + VALUE_TILE);
    parity ^= 1u;
}

// --- a share ----------------------------------------------------------------------------------------------------------

#ifdef OCTAVO_FUSED
#define mix_barrier team_barrier
#include "lib/rotation.glsl"

// Where teams work on rows alone, each has some in a row.
const uint TEAM_ROWS = (ROWS + TEAMS - 1u) / TEAMS;

uint team_rows_first() {
    return min(team * TEAM_ROWS, ROWS);
}

uint team_rows_end() {
    return min((team + 1u) * TEAM_ROWS, ROWS);
}

#include "lib/row_places.glsl"
#include "lib/finish_rows.glsl"
#include "lib/walk_query.glsl"
#include "lib/walk_merge.glsl"
#else
void load_query() {
    const uint query_at = push.query_offset + (head * push.query_rows + sequence.row_base + tile.row_first) * push.query_row_words;
    for (uint i = lane; i < ROWS * QUERY_WORDS; i += LANES) {
        const uint row = i / QUERY_WORDS, w = i % QUERY_WORDS;
        shared_query[i >> 2][i & 3u] = row < tile.row_count ? scratch[query_at + row * push.query_row_words + OCTAVO_ROW_HEADER_WORDS + w] : 0u;
    }
    for (uint row = lane; row < ROWS; row += LANES) {
        const bool exists = row < tile.row_count;
        const uint at = query_at + (exists ? row : 0u) * push.query_row_words;
        shared_row_scale[row] = exists ? uintBitsToFloat(scratch[at + OCTAVO_QUERY_SCALE]) : 0.0;
        shared_row_mean[row] = exists ? uintBitsToFloat(scratch[at + OCTAVO_QUERY_MEAN]) : 0.0;
#ifdef OCTAVO_INT_DOT
        shared_row_offset[row] = exists ? int(scratch[at + OCTAVO_QUERY_OFFSET]) : 0;
#endif
    }
}

// Partial rows: [partial][head][row].
void write_partial(uint partial) {
    const uint partial_row = (partial * push.head_count + head) * ROWS;
    for (uint row = lane; row < tile.row_count; row += LANES) {
        const uint at = push.sum_offset + 2u * (partial_row + row);
        scratch[at] = floatBitsToUint(team_max[row]);
        scratch[at + 1u] = floatBitsToUint(team_sums[row].x);
    }
    for (uint i = lane; i < tile.row_count * VALUE_PAD; i += LANES) {
        scratch[push.output_offset + partial_row * VALUE_PAD + i] = floatBitsToUint(rows[i] - team_sums[i / VALUE_PAD].y);
    }
}
#endif

// The state of this team's rows; a barrier follows.
void start_rows() {
    for (uint row = team_lane; row < ROWS; row += LANES) {
        if (team == 0u) {
            const int position = sequence.position + int((tile.row_first + row) / push.group);
            shared_row_place[row] = ivec2(position, mask_row_is_empty(push.mask, position, sequence.key_count) ? 1 : 0);
        }
        shared_row_max[team_parity(0u) + row] = UNSEEN;
    }
    for (uint i = team_lane; i < ROWS * VALUE_PAD; i += LANES) {
        rows[team_row(0u) * VALUE_PAD + i] = 0.0;
    }
    [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
        lane_sum[k] = 0.0;
#ifdef OCTAVO_INT_DOT
        lane_zero[k] = 0.0;
#endif
    }
    parity = 0u;
}

// The sum over the lanes of row k's lane group, which all of them get.
float sum_of_lanes(uint k, float x) {
#ifdef OCTAVO_SUBGROUP
    if (LANE_GROUPS == 1u) {
        return subgroupAdd(x);
    }
#endif
    const uint at = team_row(row_of(k)) * 8u;
    team_barrier();
    shared_logit_max[at + (quad_lane >> 2)][quad_lane & 3u] = x;
    team_barrier();
    float sum = 0.0;
    for (uint i = 0u; i < QUADS; ++i) {
        sum += shared_logit_max[at + (i >> 2)][i & 3u];
    }
    return sum;
}

// This team's maxima and sums into team_max[] and team_sums[]; a barrier follows.
void finish_team() {
    team_barrier();
    [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
        vec2 sums = vec2(sum_of_lanes(k, lane_sum[k]), 0.0);
#ifdef OCTAVO_INT_DOT
        sums.y = CODED_VALUES ? sum_of_lanes(k, lane_zero[k]) : 0.0;
#endif
        if (quad_lane == 0u) {
            team_max[team_row(row_of(k))] = shared_row_max[team_parity(parity) + row_of(k)];
            team_sums[team_row(row_of(k))] = sums;
        }
    }
}

// Tiles [begin, end) of a range; the keys of the first one are on their way if is_loaded.
void walk_tiles(octavo_tile_range range, uint begin, uint end, bool is_loaded) {
    uint page = lists[range.pages + min(begin, range.count - 1u)]; // the next one is always on its way
    if (begin < end && !is_loaded) {
        load_first_keys(page);
    }
    [[dont_unroll]] for (uint t = begin; t < end; ++t) {
        const uint next = lists[range.pages + min(t + 1u, range.count - 1u)];
        walk_tile(page, (range.first + t) * OCTAVO_TILE_TOKENS, range.kind == OCTAVO_RUN_EDGE, t + 1u < end, next);
        page = next;
    }
}

void walk_share(octavo_share share) {
    // teams take stretches of the tiles; the first one, which has the least of them, the window too
    const uint begin = share.tile_count * team / TEAMS, end = share.tile_count * (team + 1u) / TEAMS;
    const bool is_loaded = PIPELINED && begin < min(end, share.range.count);
    if (is_loaded) { // while the query is made
        load_first_keys(lists[share.range.pages + begin]);
    }
    load_query();
    start_rows();
    barrier();
    uint passed = 0u; // tiles of the ranges before
    [[dont_unroll]] for (uint r = 0u; r < share.range_count; ++r) {
        const octavo_tile_range range = load_range(share.range_first + r);
        if (range.kind != OCTAVO_RUN_WINDOW) {
            const uint count = range.count, first = clamp(begin, passed, passed + count);
            walk_tiles(range, first - passed, clamp(end, passed, passed + count) - passed, is_loaded && passed <= begin && begin < passed + count);
            passed += count;
        } else if (team == 0u) {
            walk_window(range, tile.row_count);
        }
    }
    finish_team();
    barrier();
}

void main() {
    lane = gl_LocalInvocationID.x;
#ifdef OCTAVO_SUBGROUP
    team = TEAMS == 1u ? 0u : gl_SubgroupID;
    team_lane = TEAMS == 1u ? lane : gl_SubgroupInvocationID;
#else
    team = 0u;
    team_lane = lane;
#endif
    quad_lane = team_lane % QUADS;
    lane_group = LANE_GROUPS == 1u ? 0u : team_lane / QUADS; // the compilers see that a row is the same for all lanes
    head = gl_WorkGroupID.y;
    uint begin, end;
    group_shares(gl_WorkGroupID.x, begin, end);
    for (uint n = begin; n < end; ++n) {
        const octavo_share share = load_share(n);
        tile = share.tile;
        sequence = share.sequence;
        walk_share(share);
#ifdef OCTAVO_FUSED
        finish_share(share.partial, share.tile_index);
#else
        write_partial(share.partial);
#endif
        barrier();
    }
}
