#version 450
// Prefill on matrix units: FlashAttention-2 (arXiv 2307.08691, algorithm 1) over keys and values that expand.comp has laid
// out as operands.
//
// A subgroup owns BLOCKS blocks of 16 query rows and walks alone: no barrier, no shared memory in the loop. A product
// S = Q K^T takes 16 rows by 8 keys, O = P V 16 rows by 8 channels. Lane 4 g + t owns of S the rows g and g + 8 and the
// keys 2 t and 2 t + 1 of the product: what it has of two of them, softmaxed, is an operand of the second product.
//
// Weights are 2^(logit - reference) in f16. A row's reference follows its largest logit, and only by great steps, since
// they cost a pass over the results; the step that asks for one is done again.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "octavo_abi.h"
#include "lib/fragments.glsl"
#include "lib/elements.glsl"
#include "lib/mask.glsl"
#include "lib/softcap.glsl"

layout(local_size_x_id = OCTAVO_SPEC_LOCAL_SIZE) in;
layout(constant_id = OCTAVO_SPEC_ROWS) const uint ROWS = 128;
layout(constant_id = OCTAVO_SPEC_LOGITS) const uint LOGITS = 0;
layout(constant_id = OCTAVO_SPEC_KEY_PAD) const uint KEY_PAD = 64;
layout(constant_id = OCTAVO_SPEC_VALUE_PAD) const uint VALUE_PAD = 64;
layout(constant_id = OCTAVO_SPEC_ROTATED) const uint ROTATED = 1; // values are in the basis of the codes

#include "lib/operand_layout.glsl"

const uint SECTORS = 128u; // of 32 bytes, of a unit

#ifdef OCTAVO_EMULATED_MATRIX
#define SUBGROUP_MEMORY coherent
#else
#define SUBGROUP_MEMORY nonprivate
#endif
layout(set = 0, binding = OCTAVO_WALK_POOL, std430) readonly buffer tile_units { operand_unit tiles[]; };
layout(set = 0, binding = OCTAVO_WALK_POOL, std430) readonly buffer tile_masks { uvec4 masks[]; };
layout(set = 0, binding = OCTAVO_WALK_POOL, std430) readonly buffer tile_sectors { uint sectors[][SECTORS][8]; };
layout(set = 0, binding = OCTAVO_WALK_LISTS, std430) readonly buffer list_words { uint lists[]; };
layout(set = 0, binding = OCTAVO_WALK_SCRATCH, std430) SUBGROUP_MEMORY buffer scratch_words { uint scratch[]; };
layout(set = 0, binding = OCTAVO_WALK_SCRATCH, std430) SUBGROUP_MEMORY readonly buffer scratch_units { operand_unit query_units[]; };
layout(set = 0, binding = OCTAVO_WALK_QUERIES, std430) readonly buffer query_words { uint queries[]; };
layout(set = 0, binding = OCTAVO_WALK_RECORDS, std430) readonly buffer record_words { float records[]; };
layout(set = 0, binding = OCTAVO_WALK_OUTPUT, std430) buffer output_words { uint tensor[]; };
layout(set = 0, binding = OCTAVO_WALK_LSE, std430) writeonly buffer lse_words { float lse[]; };
layout(push_constant) uniform push_block { octavo_attention_push push; };

const uint TEAMS = gl_WorkGroupSize.x / 32u; // subgroups
const uint TEAM_ROWS = ROWS / TEAMS;
const uint BLOCKS = TEAM_ROWS / 16u;
const uint KEY_STEPS = KEY_PAD / 16u;
const uint VALUE_FRAGMENTS = VALUE_PAD / 8u;
const uint SCORES = BLOCKS * 4u;
const uint RESULTS = BLOCKS * VALUE_FRAGMENTS;
const uint BLOCKS_TWICE = 2u * BLOCKS;

// A logit that is not seen, and the largest logit before any: real logits stay far above both.
const float UNSEEN = -1.0e30, LOWEST = -1.0e29;
// The reference is so far below the largest logit when it is set, and weights may grow to 2^ROOM, in powers of 2: f16 is
// normal from 2^-14 to 2^15.
const float BELOW = 8.0, ROOM = 13.0;

shared uint row_token[ROWS], row_head[ROWS]; // in the caller's tensors
shared float row_mean[ROWS];
shared float row_scale[ROWS];
shared float row_max[ROWS];
shared float row_sum[ROWS];
const uint ROW_STRIDE = VALUE_PAD + 8u; // rows of one channel lie in other banks
const uint TEAM_WORDS = 8u * ROW_STRIDE > 4u * KEY_PAD ? 8u * ROW_STRIDE : 4u * KEY_PAD;
shared float rows[TEAMS * TEAM_WORDS]; // [team]: queries that are transformed, four; rows of results, eight

uint lane, head, team, g, t;

#include "lib/rotation_parts.glsl"
#include "lib/share_list.glsl"
#include "lib/row_places.glsl"
#include "lib/row_pairs.glsl"
#include "lib/finish_rows.glsl"

octavo_sequence_record sequence;
octavo_query_tile tile;
uint query_unit; // of this subgroup: [block][unit]

// State of this subgroup: of each block the rows g (x) and g + 8 (y).
fragment_c result[RESULTS]; // [block][n]: channels 8 n + 2 t and the next
vec2 logit_scale[BLOCKS], logit_mean[BLOCKS];
vec2 reference[BLOCKS]; // LOWEST before the first logit
vec2 weight_sum[BLOCKS];
uint touched = 0u;

// What logits are relative to.
vec2 base_of(uint b) {
    return mix(reference[b], vec2(0.0), lessThanEqual(reference[b], vec2(LOWEST)));
}

// Of the four lanes of a row.
float row_lanes_max(float x) {
    x = max(x, shuffled(x, lane_in_subgroup() ^ 1u));
    return max(x, shuffled(x, lane_in_subgroup() ^ 2u));
}

float row_lanes_sum(float x) {
    x += shuffled(x, lane_in_subgroup() ^ 1u);
    return x + shuffled(x, lane_in_subgroup() ^ 2u);
}

// Row `half_row` (0: g, 1: g + 8) of block b, in the tile.
uint block_row(uint b, uint half_row) {
    return team * TEAM_ROWS + 16u * b + 8u * half_row + g;
}

#include "lib/prefill_queries.glsl"

void start_rows() {
    UNROLL for (uint b = 0u; b < BLOCKS; ++b) {
        logit_scale[b] = vec2(row_scale[block_row(b, 0u)], row_scale[block_row(b, 1u)]);
        logit_mean[b] = vec2(row_mean[block_row(b, 0u)], row_mean[block_row(b, 1u)]);
        reference[b] = vec2(LOWEST);
        weight_sum[b] = vec2(0.0);
    }
    UNROLL for (uint n = 0u; n < RESULTS; ++n) {
        result[n] = fragment_c(0.0);
    }
}

// --- a step of 32 keys ------------------------------------------------------------------------------------------------

// What rows g (0) and g + 8 (1) of each block see of tokens from `first` on: positions in spans are relative to it.
void spans_of_rows(uint first, out mask_span spans[BLOCKS_TWICE]) {
    UNROLL for (uint i = 0u; i < BLOCKS_TWICE; ++i) {
        spans[i] = mask_span_of(push.mask, row_position(sequence, block_row(i >> 1, i & 1u)), sequence.key_count, first);
    }
}

// Makes room for logits up to largest (relative to base_of) of the rows: all results follow.
void raise(vec2 largest[BLOCKS]) {
    UNROLL for (uint b = 0u; b < BLOCKS; ++b) {
        const vec2 base = base_of(b), old = reference[b];
        const vec2 of_rows = vec2(row_lanes_max(largest[b].x), row_lanes_max(largest[b].y));
        // LOWEST where nothing is seen so far; else at least as before
        reference[b] = mix(old, max(old, of_rows + base - BELOW), greaterThan(of_rows, vec2(LOWEST)));
        const vec2 factor = mix(exp2(base - base_of(b)), vec2(0.0), lessThanEqual(old, vec2(LOWEST))); // nothing to move yet
        weight_sum[b] *= factor;
        UNROLL for (uint n = b * VALUE_FRAGMENTS; n < (b + 1u) * VALUE_FRAGMENTS; ++n) {
            result[n][0] *= factor.x;
            result[n][1] *= factor.x;
            result[n][2] *= factor.y;
            result[n][3] *= factor.y;
        }
    }
}

// The soft-cap and the rule of rows that see nothing; x: two tokens of row g, two of row g + 8.
vec4 finish_logits(uint b, vec4 x) {
    if ((LOGITS & OCTAVO_LOGITS_SOFTCAP) != 0u && push.softcap > 0.0) {
        UNROLL for (uint n = 0u; n < 4u; ++n) {
            x[n] = soft_capped(push.softcap, x[n]);
        }
    }
    if ((LOGITS & OCTAVO_LOGITS_UNIFORM) != 0u && mask_empty_mode(push.mask) == 2u) {
        const bvec2 empty = bvec2(mask_row_is_empty(push.mask, row_position(sequence, block_row(b, 0u)), sequence.key_count),
                                  mask_row_is_empty(push.mask, row_position(sequence, block_row(b, 1u)), sequence.key_count));
        x = mix(x, vec4(0.0), empty.xxyy);
    }
    return x;
}

// Logits of 32 keys relative to base_of, and the largest of each row: x[block][j] has the tokens 8 j + 2 t and the next of
// row g, then of row g + 8. edge: rows see what spans have, `token` is that of x[block][0].x there.
void score_step(uint unit, const bool edge, mask_span spans[BLOCKS_TWICE], int token, out vec4 x[SCORES], out vec2 largest[BLOCKS]) {
    const uint own = lane_in_subgroup();
    fragment_c scores[SCORES]; // [block][j]
    UNROLL for (uint n = 0u; n < SCORES; ++n) {
        scores[n] = fragment_c(0.0);
    }
    UNROLL for (uint s = 0u; s < KEY_STEPS; ++s) {
        fragment_b keys[4];
        UNROLL for (uint p = 0u; p < 2u; ++p) {
            const uvec4 k = tiles[unit + (s >> 2)].quads[2u * (s & 3u) + p][own];
            keys[2u * p] = make_b(k.x, k.y);
            keys[2u * p + 1u] = make_b(k.z, k.w);
        }
        UNROLL for (uint b = 0u; b < BLOCKS; ++b) {
            const uvec4 q = query_units[query_unit + b * QUERY_UNITS + (s >> 3)].quads[s & 7u][own];
            const fragment_a queries_of_block = make_a(q.x, q.z, q.y, q.w);
            UNROLL for (uint j = 0u; j < 4u; ++j) {
                scores[4u * b + j] = multiply_add(queries_of_block, keys[j], scores[4u * b + j]);
            }
        }
    }
    UNROLL for (uint b = 0u; b < BLOCKS; ++b) {
        const vec2 base = base_of(b);
        const vec4 scale = logit_scale[b].xxyy, bias = (logit_mean[b] - base).xxyy;
        largest[b] = vec2(UNSEEN);
        UNROLL for (uint j = 0u; j < 4u; ++j) {
            const uint n = 4u * b + j;
            vec4 y = vec4(scores[n][0], scores[n][1], scores[n][2], scores[n][3]) * scale;
            y = LOGITS == 0u ? y + bias : finish_logits(b, y + logit_mean[b].xxyy) - base.xxyy;
            if (edge) {
                UNROLL for (uint i = 0u; i < 4u; ++i) {
                    y[i] = span_has(spans[2u * b + (i >> 1)], token + int(8u * j + (i & 1u))) ? y[i] : UNSEEN;
                }
            }
            largest[b] = max(largest[b], max(y.xz, y.yw));
            x[n] = y;
        }
    }
}

bool asks_for_room(vec2 largest[BLOCKS]) {
    bool asks = false;
    UNROLL for (uint b = 0u; b < BLOCKS; ++b) {
        const vec2 limit = mix(vec2(ROOM), vec2(LOWEST), lessThanEqual(reference[b], vec2(LOWEST)));
        asks = asks || any(greaterThan(largest[b], limit));
    }
    return any_lane(asks);
}

// Weights of 32 keys and their values.
void value_step(uint unit, vec4 x[SCORES]) {
    const uint own = lane_in_subgroup();
    fragment_a weights[BLOCKS_TWICE]; // [block][k]: tokens 16 k ..
    UNROLL for (uint b = 0u; b < BLOCKS; ++b) {
        UNROLL for (uint k = 0u; k < 2u; ++k) {
            const vec4 p = exp2(x[4u * b + 2u * k]), q = exp2(x[4u * b + 2u * k + 1u]);
            weight_sum[b] += p.xz + p.yw + q.xz + q.yw;
            weights[2u * b + k] = make_a(packHalf2x16(p.xy), packHalf2x16(q.xy), packHalf2x16(p.zw), packHalf2x16(q.zw));
        }
    }
    UNROLL for (uint n = 0u; n < VALUE_PAD / 16u; ++n) {
        UNROLL for (uint k = 0u; k < 2u; ++k) {
            const uvec4 v = tiles[unit + KEY_UNITS + (n >> 2)].quads[2u * (n & 3u) + k][own];
            UNROLL for (uint b = 0u; b < BLOCKS; ++b) {
                const uint at = b * VALUE_FRAGMENTS + 2u * n;
                result[at] = multiply_add(weights[2u * b + k], make_b(v.x, v.y), result[at]);
                result[at + 1u] = multiply_add(weights[2u * b + k], make_b(v.z, v.w), result[at + 1u]);
            }
        }
    }
}

// Bits 8 j and 8 j + 1 of bad: the tokens token + 8 j and the next.
void poison_rows(uint bad, mask_span spans[BLOCKS_TWICE], int token) {
    UNROLL for (uint b = 0u; b < BLOCKS; ++b) {
        bvec2 poisoned = bvec2(false);
        [[dont_unroll]] for (uint left = bad & 0x03030303u; left != 0u; left &= left - 1u) {
            const int at = token + findLSB(left);
            poisoned = bvec2(poisoned.x || span_has(spans[2u * b], at), poisoned.y || span_has(spans[2u * b + 1u], at));
        }
        weight_sum[b] += mix(vec2(0.0), vec2(uintBitsToFloat(0x7fc00000u)), poisoned);
    }
}

// Tokens of V that are not finite are left out of operands: they make NaN of the rows that see them.
uvec4 bad_tokens(uint place) {
    return masks[push.bad_offset / 4u + place];
}

// Brings the unit's sectors into the first cache; what they hold keeps the loads alive.
uint touch_step(uint unit) {
    uint words = 0u;
    UNROLL for (uint i = 0u; i < STEP_UNITS * SECTORS; i += gl_WorkGroupSize.x) {
        const uint sector = min(i + lane, STEP_UNITS * SECTORS - 1u);
        words |= sectors[unit + sector / SECTORS][sector % SECTORS][0];
    }
    return words;
}

// Tiles that all rows see whole.
void walk_full(octavo_tile_range range) {
    mask_span unused[BLOCKS_TWICE];
    [[dont_unroll]] for (uint i = 0u; i < range.count; ++i) {
        const uint place = lists[range.pages + i] * push.head_count + head;
        uint unit = place * OPERAND_TILE_UNITS;
        if (any(notEqual(bad_tokens(place), uvec4(0u)))) {
            UNROLL for (uint b = 0u; b < BLOCKS; ++b) {
                weight_sum[b] += vec2(uintBitsToFloat(0x7fc00000u));
            }
        }
        const uint next_tile = (lists[range.pages + min(i + 1u, range.count - 1u)] * push.head_count + head) * OPERAND_TILE_UNITS;
        bool raised = false; // once a step: a NaN may hide from max what asks for room
        [[dont_unroll]] for (uint n = 0u; n < TILE_STEPS;) {
            const uint ahead = touch_step(n + 1u < TILE_STEPS ? unit + STEP_UNITS : next_tile);
            vec4 x[SCORES];
            vec2 largest[BLOCKS];
            score_step(unit, false, unused, 0, x, largest);
            if (!raised && asks_for_room(largest)) {
                raise(largest);
                raised = true;
                continue;
            }
            raised = false;
            value_step(unit, x);
            touched |= ahead;
            unit += STEP_UNITS;
            n += 1u;
        }
    }
}

// Tiles of which rows see parts; steps that none of them sees are left out.
void walk_edge(octavo_tile_range range) {
    [[dont_unroll]] for (uint i = 0u; i < range.count; ++i) {
        const uint place = lists[range.pages + i] * push.head_count + head;
        const uvec4 bad = bad_tokens(place);
        mask_span spans[BLOCKS_TWICE];
        spans_of_rows((range.first + i) * OCTAVO_TILE_TOKENS, spans);
        bool raised = false; // once a step: a NaN may hide from max what asks for room
        [[dont_unroll]] for (uint n = 0u; n < TILE_STEPS;) {
            const int step_first = int(n * STEP_TOKENS), token = step_first + int(2u * t);
            bool any_seen = false;
            UNROLL for (uint r = 0u; r < BLOCKS_TWICE; ++r) {
                any_seen = any_seen || span_meets(spans[r], step_first, step_first + int(STEP_TOKENS));
            }
            if (any_lane(any_seen)) {
                const uint unit = place * OPERAND_TILE_UNITS + n * STEP_UNITS;
                vec4 x[SCORES];
                vec2 largest[BLOCKS];
                score_step(unit, true, spans, token, x, largest);
                if (!raised && asks_for_room(largest)) {
                    raise(largest);
                    raised = true;
                    continue;
                }
                raised = false;
                value_step(unit, x);
                if (bad[n] != 0u) {
                    poison_rows(bad[n] >> (2u * t), spans, token);
                }
            }
            n += 1u;
        }
    }
}

#include "lib/prefill_finish.glsl"

void main() {
    lane = gl_LocalInvocationID.x;
    const bool heads_first = (push.flags & OCTAVO_ATTENTION_HEADS_FIRST) != 0u;
    head = heads_first ? gl_WorkGroupID.x : gl_WorkGroupID.y;
    team = subgroup_of_lane();
    g = lane_in_subgroup() >> 2;
    t = lane_in_subgroup() & 3u;
    uint begin, end;
    group_shares(heads_first ? gl_WorkGroupID.y : gl_WorkGroupID.x, begin, end);
    [[dont_unroll]] for (uint n = begin; n < end; ++n) {
        const octavo_share share = load_share(n);
        tile = share.tile;
        sequence = share.sequence;
        place_rows(sequence, tile, 0u, ROWS);
        barrier();
        if (team * TEAM_ROWS < tile.row_count) { // rows of this subgroup are there
            prepare_queries(n);
            start_rows();
            [[dont_unroll]] for (uint r = 0u; r < share.range_count; ++r) {
                const octavo_tile_range range = load_range(share.range_first + r);
                if (range.kind == OCTAVO_RUN_FULL) {
                    walk_full(range);
                } else {
                    walk_edge(range);
                }
            }
            if (push.head_count == 0u) { // never
                weight_sum[0].x += float(touched);
            }
            finish_rows_of_team(share.partial);
        }
        barrier();
    }
}
