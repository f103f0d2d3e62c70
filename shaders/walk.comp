#version 450
// Walks the tiles of a share: a team (one workgroup) keeps the running maximum, sum and output of the rows of one query
// tile and one KV head, and leaves them as a partial result (FlashAttention-2, arXiv 2307.08691, algorithm 1; split over
// the cache as LeanAttention, arXiv 2405.10480).
//
// OCTAVO_INT_DOT: scores are integer dots of codes with the query in int8 parts, values integer dots of codes with the
// softmax weights times the tokens' V scales in uint8, one scale for each 32 tokens. Else everything is f32.
// OCTAVO_SUBGROUP: the workgroup is one subgroup. Else reductions go through shared memory.
//
// SHARED_STATE: a tile's logits and the running output live in shared memory, for devices with few registers or lanes;
// else in registers, which needs 32 lanes or more.
//
// Arrays of a lane are indexed by loops that the compilers unroll, and those hold no other loop: Mesa's unroll only
// innermost ones, and an index that is not constant puts the array into memory.
//
// A lane owns four neighbour tokens (a quad) for scores, TOKENS of them at once, and the channels lane, lane + LANES, ..
// for values.
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

layout(local_size_x_id = OCTAVO_SPEC_LOCAL_SIZE) in;
layout(constant_id = OCTAVO_SPEC_ROWS) const uint ROWS = 4;
layout(constant_id = OCTAVO_SPEC_SHARED_STATE) const uint SHARED_STATE = 1;
layout(constant_id = OCTAVO_SPEC_TOKENS) const uint TOKENS = 1;
#ifdef OCTAVO_INT_DOT
layout(constant_id = OCTAVO_SPEC_QUERY_PARTS) const uint PARTS = 2;
#endif

layout(set = 0, binding = OCTAVO_WALK_POOL, std430) readonly buffer pool_words { uint pool[]; };
layout(set = 0, binding = OCTAVO_WALK_POOL, std430) readonly buffer pool_parts { uvec4 pool4[]; };
layout(set = 0, binding = OCTAVO_WALK_LISTS, std430) readonly buffer list_words { uint lists[]; };
layout(set = 0, binding = OCTAVO_WALK_SCRATCH, std430) buffer scratch_words { uint scratch[]; };
layout(push_constant) uniform push_block { octavo_walk_push push; };

const uint LANES = gl_WorkGroupSize.x;
const uint QUADS = LANES < 32u ? LANES : 32u;       // quads scored at once
const uint PASSES = 32u / QUADS;                    // to cover the 32 quads of a tile
const uint LANE_GROUPS = LANES / QUADS;             // lane group i owns the rows i, i + LANE_GROUPS, ..
const uint LANE_ROWS = ROWS / LANE_GROUPS;          // ROWS is a multiple of LANE_GROUPS
const uint LANE_CHANNELS = (VALUE_PAD + LANES - 1u) / LANES;

// A logit that is not seen. Real logits stay far above it.
const float UNSEEN = -1.0e30;
#define NOT_A_NUMBER uintBitsToFloat(0x7fc00000u)

#ifdef OCTAVO_INT_DOT
const bool INT_KEYS = KEY_BITS < 16u;
const bool INT_VALUES = VALUE_BITS < 16u;
#else
const bool INT_KEYS = false;
const bool INT_VALUES = false;
#endif

#ifdef OCTAVO_INT_DOT
const uint QUERY_WORDS = INT_KEYS ? PARTS * KEY_PAD / 4u : KEY_PAD;
const uint WEIGHT_WORDS = INT_VALUES ? 32u : 128u;
#else
const uint QUERY_WORDS = KEY_PAD;
const uint WEIGHT_WORDS = 128u;
#endif

shared uvec4 shared_query[ROWS * QUERY_WORDS / 4u];     // [row][part][word], or floats
shared uvec4 shared_weights[ROWS * WEIGHT_WORDS / 4u];  // [row][quad] bytes, or [row][token] floats
shared vec4 shared_logit_max[ROWS * 8u];                // [row][quad]: maximum of its four logits
shared float shared_correction[ROWS];                   // 2^(old maximum - new maximum)
#ifdef OCTAVO_INT_DOT
shared vec4 shared_weight_max[ROWS * 8u];               // [row][quad]: maximum of log2 of its four weights
shared float shared_weight_scale[ROWS * 4u];            // [row][group of 32 tokens]
shared uint shared_weight_sum[2u * ROWS * 4u];          // [tile parity][row][group]: sum of its uint8 weights
#endif

shared vec4 shared_logits[SHARED_STATE != 0u ? ROWS * 32u : 1u]; // [row][quad]
shared float shared_logs[SHARED_STATE != 0u ? 128u : 1u];        // [token]: log2 of its V scale
shared float shared_result[SHARED_STATE != 0u ? ROWS * VALUE_PAD : 1u]; // [row][channel]

const uint WINDOW_CHUNK = 32u;
shared float shared_window[ROWS * WINDOW_CHUNK];        // partial dots, then weights, of the f16 window
shared uint shared_window_words[WINDOW_CHUNK];          // where its tokens lie in the pool
shared uint shared_window_tokens[WINDOW_CHUNK];

// The rows of this lane's group.
float row_scale[LANE_ROWS];
float row_mean[LANE_ROWS];
int row_position[LANE_ROWS];
bool row_empty[LANE_ROWS];
float row_max[LANE_ROWS];
float row_sum[LANE_ROWS]; // of this lane's tokens
#ifdef OCTAVO_INT_DOT
int row_offset[LANE_ROWS];
#endif
float scores[TOKENS * LANE_ROWS]; // [token][row]: dots of the last keys
float logits[SHARED_STATE != 0u ? 1u : 4u * LANE_ROWS];              // [token of the quad][row]
float weight_logs[4];                                                // log2 of the V scales of the quad
float result[SHARED_STATE != 0u ? 1u : LANE_CHANNELS * ROWS];        // [channel of this lane][row]

uint lane, quad_lane, lane_group, head;
octavo_sequence_record sequence;

uint row_of(uint k) {
    return lane_group + LANE_GROUPS * k;
}

octavo_sequence_record load_sequence(uint at) {
    octavo_sequence_record s;
    s.key_count = lists[at];
    s.position = int(lists[at + 1u]);
    s.row_base = lists[at + 2u];
    s.packed_begin = lists[at + 4u];
    s.packed_end = lists[at + 5u];
    s.window_first = lists[at + 6u];
    s.window_ring = lists[at + 7u];
    s.window_base = lists[at + 8u];
    return s;
}

bool row_sees(uint k, uint token) {
    return row_empty[k] ? mask_empty_mode(push.mask) != 0u : mask_sees(push.mask, row_position[k], token);
}

// The soft-cap and the rule of rows that see nothing; x is in units of log2, or of the cap where there is one.
float finish_logit(uint k, float x) {
    if (push.softcap > 0.0) {
        const float e = exp2(x * (2.0 * 1.44269504));
        x = push.softcap * (1.0 - 2.0 / (e + 1.0));
    }
    return row_empty[k] && mask_empty_mode(push.mask) == 2u ? 0.0 : x;
}

bool half_is_finite(uint h) {
    return (h & 0x7c00u) != 0x7c00u;
}

// result[channel number i of this lane][row] = result * factor + term. In registers the index is found by comparing, so
// that a compiler that does not unroll the loop over i needs no memory for it; for one that does, i is a constant.
void update_result(const uint i, const uint row, float factor, float term) {
    if (SHARED_STATE != 0u) {
        const uint at = row * VALUE_PAD + lane + LANES * i;
        shared_result[at] = shared_result[at] * factor + term;
    } else {
        [[unroll]] for (uint j = 0u; j < LANE_CHANNELS; ++j) {
            if (j == i) {
                result[j * ROWS + row] = result[j * ROWS + row] * factor + term;
            }
        }
    }
}

float read_result(const uint i, const uint row) {
    if (SHARED_STATE != 0u) {
        return shared_result[row * VALUE_PAD + lane + LANES * i];
    }
    float x = 0.0;
    [[unroll]] for (uint j = 0u; j < LANE_CHANNELS; ++j) {
        x = j == i ? result[j * ROWS + row] : x;
    }
    return x;
}

void clear_result(const uint i) {
    [[unroll]] for (uint r = 0u; r < ROWS; ++r) {
        if (SHARED_STATE != 0u) {
            shared_result[r * VALUE_PAD + lane + LANES * i] = 0.0;
        } else {
            result[i * ROWS + r] = 0.0;
        }
    }
}

void write_result(const uint i, uint partial_row, uint row_count) {
    const uint channel = lane + LANES * i;
    [[unroll]] for (uint r = 0u; r < ROWS; ++r) {
        if (r < row_count) {
            scratch[push.output_offset + (partial_row + r) * VALUE_PAD + channel] = floatBitsToUint(read_result(i, r));
        }
    }
}

bool has_channel(uint i) {
    return VALUE_PAD % LANES == 0u || lane + LANES * i < VALUE_PAD;
}

// Calls f(i) for the channels of this lane. Results in registers need constant indices.
#define FOR_EACH_CHANNEL(f)                                                                                            \
    if (SHARED_STATE != 0u) {                                                                                          \
        [[dont_unroll]] for (uint i = 0u; i < LANE_CHANNELS; ++i) {                                                    \
            if (has_channel(i)) {                                                                                      \
                f;                                                                                                     \
            }                                                                                                          \
        }                                                                                                              \
    } else {                                                                                                           \
        [[unroll]] for (uint i = 0u; i < LANE_CHANNELS; ++i) {                                                         \
            if (has_channel(i)) {                                                                                      \
                f;                                                                                                     \
            }                                                                                                          \
        }                                                                                                              \
    }

#include "lib/walk_scores.glsl"
#include "lib/walk_values.glsl"

// --- softmax ----------------------------------------------------------------------------------------------------

// The maximum over the tile of the logits of row k, of which `own` is this lane's and shared_logit_max holds all.
float tile_max(uint k, float own) {
#ifdef OCTAVO_SUBGROUP
    if (LANE_GROUPS == 1u) {
        return subgroupMax(own);
    }
#endif
    vec4 m = shared_logit_max[row_of(k) * 8u];
    [[unroll]] for (uint i = 1u; i < 8u; ++i) {
        m = max(m, shared_logit_max[row_of(k) * 8u + i]);
    }
    return max(max(m.x, m.y), max(m.z, m.w));
}

#include "lib/walk_window.glsl"

// --- a packed tile ------------------------------------------------------------------------------------------------

// Logits of one quad: into shared memory or registers, and their maxima into shared memory. Returns nothing else: the
// lane's own maxima of logits go on in own_max.
void score_quad(uint tile, uint token_first, bool edge, uint quad, inout float own_max[LANE_ROWS]) {
    const uvec4 scales = pool4[((tile + SCALES) >> 2) + quad];
    float quad_max[LANE_ROWS], quad_weight_max[LANE_ROWS];
    [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
        quad_max[k] = UNSEEN;
        quad_weight_max[k] = UNSEEN;
    }
    [[unroll]] for (uint j = 0u; j < 4u; ++j) {
        weight_logs[j] = VALUE_BITS < 16u ? max(log2(unpackHalf2x16(scales[j]).y), UNSEEN) : 0.0;
        if (SHARED_STATE != 0u && lane_group == 0u) {
            shared_logs[4u * quad + j] = weight_logs[j];
        }
    }
    for (uint first = 0u; first < 4u; first += TOKENS) {
#ifdef OCTAVO_INT_DOT
        if (INT_KEYS) {
            score_int(tile, 4u * quad + first);
        } else
#endif
        {
            score_float(tile, 4u * quad + first);
        }
        [[unroll]] for (uint t = 0u; t < TOKENS; ++t) {
            const uint j = first + t, token = token_first + 4u * quad + j, scale = scales[j];
            const bool finite = (KEY_BITS == 16u || half_is_finite(scale)) && (VALUE_BITS == 16u || half_is_finite(scale >> 16));
            const bool in_range = !edge || (token >= sequence.packed_begin && token < sequence.packed_end);
            const float key_scale = KEY_BITS < 16u ? unpackHalf2x16(scale).x : 1.0;
            const float weight_log = VALUE_BITS < 16u ? max(log2(unpackHalf2x16(scale).y), UNSEEN) : 0.0;
            [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
                const bool seen = in_range && (!edge || row_sees(k, token));
                const float logit = finish_logit(k, scores[t * LANE_ROWS + k] * (row_scale[k] * key_scale) + row_mean[k]);
                const bool good = finite && (floatBitsToUint(logit) & 0x7f800000u) != 0x7f800000u;
                row_sum[k] = seen && !good ? NOT_A_NUMBER : row_sum[k];
                const float y = seen && good ? logit : UNSEEN;
                quad_max[k] = max(quad_max[k], y);
                quad_weight_max[k] = max(quad_weight_max[k], seen && good ? y + weight_log : UNSEEN);
                if (SHARED_STATE != 0u) {
                    shared_logits[row_of(k) * 32u + quad][j] = y;
                } else {
                    logits[t * LANE_ROWS + k] = y; // all four tokens at once
                }
            }
        }
    }
    [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
        own_max[k] = max(own_max[k], quad_max[k]);
        shared_logit_max[row_of(k) * 8u + (quad >> 2)][quad & 3u] = quad_max[k];
#ifdef OCTAVO_INT_DOT
        shared_weight_max[row_of(k) * 8u + (quad >> 2)][quad & 3u] = max(quad_weight_max[k], UNSEEN);
#endif
    }
}

// The weights of one quad and row, from its logits: into shared memory; the row's sum grows.
void weigh_quad(const uint k, uint quad, uint parity) {
    const uint row = row_of(k);
    vec4 y, logs;
    if (SHARED_STATE != 0u) {
        y = shared_logits[row * 32u + quad];
        logs = vec4(shared_logs[4u * quad], shared_logs[4u * quad + 1u], shared_logs[4u * quad + 2u], shared_logs[4u * quad + 3u]);
    } else {
        y = vec4(logits[k], logits[LANE_ROWS + k], logits[2u * LANE_ROWS + k], logits[3u * LANE_ROWS + k]);
        logs = vec4(weight_logs[0], weight_logs[1], weight_logs[2], weight_logs[3]);
    }
    const bvec4 seen = greaterThan(y, vec4(0.5 * UNSEEN));
    const vec4 p = mix(vec4(0.0), exp2(y - row_max[k]), seen);
    row_sum[k] += (p.x + p.y) + (p.z + p.w);
#ifdef OCTAVO_INT_DOT
    if (INT_VALUES) {
        const vec4 m4 = max(shared_weight_max[row * 8u + (quad >> 3) * 2u], shared_weight_max[row * 8u + (quad >> 3) * 2u + 1u]);
        const float group_max = max(max(m4.x, m4.y), max(m4.z, m4.w));
        const uvec4 w = uvec4(mix(vec4(0.0), exp2(y + logs - group_max) * 255.0 + 0.5, seen));
        shared_weights[row * 8u + (quad >> 2)][quad & 3u] = w.x | (w.y << 8) | (w.z << 16) | (w.w << 24);
        atomicAdd(shared_weight_sum[(parity * ROWS + row) * 4u + (quad >> 3)],
                  ((1u << (VALUE_BITS & 15u)) - 1u) * ((w.x + w.y) + (w.z + w.w)));
        if ((quad & 7u) == 0u) {
            shared_weight_scale[row * 4u + (quad >> 3)] = exp2(group_max - row_max[k]) * (0.5 / 255.0);
        }
        return;
    }
#endif
    shared_weights[row * 32u + quad] = floatBitsToUint(VALUE_BITS < 16u ? mix(vec4(0.0), exp2(y + logs - row_max[k]), seen) : p);
}

void walk_tile(uint page, uint token_first, bool edge, uint parity) {
    const uint tile = (page * push.head_count + head) * HEAD_WORDS;
    float own_max[LANE_ROWS];
    [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
        own_max[k] = UNSEEN;
    }
    for (uint pass = 0u; pass < PASSES; ++pass) {
        score_quad(tile, token_first, edge, quad_lane + QUADS * pass, own_max);
    }
    team_barrier();

#ifdef OCTAVO_INT_DOT
    for (uint i = lane; i < ROWS * 4u; i += LANES) {
        shared_weight_sum[(parity ^ 1u) * ROWS * 4u + i] = 0u; // of the next tile; its readers are past the barrier above
    }
#endif
    [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
        const float new_max = max(row_max[k], tile_max(k, own_max[k]));
        const float correction = exp2(row_max[k] - new_max);
        row_max[k] = new_max;
        row_sum[k] *= correction;
        if (quad_lane == 0u) {
            shared_correction[row_of(k)] = correction;
        }
    }
    for (uint pass = 0u; pass < PASSES; ++pass) {
        [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
            weigh_quad(k, quad_lane + QUADS * pass, parity);
        }
    }
    team_barrier();
#ifdef OCTAVO_INT_DOT
    if (INT_VALUES) {
        FOR_EACH_CHANNEL(add_channel_int(tile + VALUE_TILE, i, parity))
        return;
    }
#endif
    FOR_EACH_CHANNEL(add_channel_float(tile + VALUE_TILE, i))
}

// --- a share ----------------------------------------------------------------------------------------------------------

void main() {
    lane = gl_LocalInvocationID.x;
    quad_lane = lane % QUADS;
    lane_group = LANE_GROUPS == 1u ? 0u : lane / QUADS; // the compilers see that a row is the same for all lanes
    head = gl_WorkGroupID.y;

    const uint share_at = push.share_offset + gl_WorkGroupID.x * 4u;
    const uint tile_index = lists[share_at], range_first = lists[share_at + 1u], range_count = lists[share_at + 2u];
    const uint partial = lists[share_at + 3u];
    const uint tile_at = push.tile_offset + tile_index * 8u;
    const uint row_first = lists[tile_at + 1u], row_count = lists[tile_at + 2u];
    sequence = load_sequence(push.sequence_offset + lists[tile_at] * 12u);

    const uint scratch_row = head * push.query_rows + sequence.row_base + row_first;
    const uint query_at = push.query_offset + scratch_row * push.query_row_words;
    for (uint i = lane; i < ROWS * QUERY_WORDS; i += LANES) {
        const uint row = i / QUERY_WORDS, w = i % QUERY_WORDS;
        shared_query[i >> 2][i & 3u] = row < row_count ? scratch[query_at + row * push.query_row_words + OCTAVO_ROW_HEADER_WORDS + w] : 0u;
    }
    [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
        const uint row = row_of(k);
        const bool exists = row < row_count;
        const uint at = query_at + (exists ? row : 0u) * push.query_row_words;
        row_scale[k] = exists ? uintBitsToFloat(scratch[at + OCTAVO_QUERY_SCALE]) : 0.0;
        row_mean[k] = exists ? uintBitsToFloat(scratch[at + OCTAVO_QUERY_MEAN]) : 0.0;
#ifdef OCTAVO_INT_DOT
        row_offset[k] = exists ? int(scratch[at + OCTAVO_QUERY_OFFSET]) : 0;
#endif
        row_position[k] = sequence.position + int((row_first + row) / push.group);
        row_empty[k] = mask_row_is_empty(push.mask, row_position[k], sequence.key_count);
        row_max[k] = UNSEEN;
        row_sum[k] = 0.0;
    }
    FOR_EACH_CHANNEL(clear_result(i))
#ifdef OCTAVO_INT_DOT
    for (uint i = lane; i < 2u * ROWS * 4u; i += LANES) {
        shared_weight_sum[i] = 0u;
    }
#endif
    team_barrier();

    uint parity = 0u;
    for (uint r = 0u; r < range_count; ++r) {
        const uint at = push.range_offset + (range_first + r) * 4u;
        octavo_tile_range range;
        range.first = lists[at];
        range.count = lists[at + 1u];
        range.kind = lists[at + 2u];
        range.pages = lists[at + 3u];
        if (range.kind == OCTAVO_RUN_WINDOW) {
            walk_window(range, row_count);
        } else {
            for (uint t = 0u; t < range.count; ++t) {
                walk_tile(lists[range.pages + t], (range.first + t) * OCTAVO_TILE_TOKENS, range.kind == OCTAVO_RUN_EDGE, parity);
                parity ^= 1u;
            }
        }
    }

    // partial rows: [partial][head][row]
    const uint partial_row = (partial * push.head_count + head) * ROWS;
    float sums[LANE_ROWS];
    team_barrier();
    [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
        sums[k] = row_sum[k];
#ifdef OCTAVO_SUBGROUP
        if (LANE_GROUPS == 1u) {
            sums[k] = subgroupAdd(sums[k]);
        } else
#endif
        {
            shared_logit_max[row_of(k) * 8u + (quad_lane >> 2)][quad_lane & 3u] = sums[k];
            sums[k] = 0.0;
        }
    }
#ifdef OCTAVO_SUBGROUP
    if (LANE_GROUPS != 1u)
#endif
    {
        team_barrier();
        for (uint i = 0u; i < QUADS; ++i) {
            [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
                sums[k] += shared_logit_max[row_of(k) * 8u + (i >> 2)][i & 3u];
            }
        }
    }
    [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
        const uint row = row_of(k);
        if (row < row_count && quad_lane == 0u) {
            const uint at = push.sum_offset + 2u * (partial_row + row);
            scratch[at] = floatBitsToUint(row_max[k]);
            scratch[at + 1u] = floatBitsToUint(sums[k]);
        }
    }
    FOR_EACH_CHANNEL(write_result(i, partial_row, row_count))
}
