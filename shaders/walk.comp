#version 450
// Walks the tiles of a share: a team (one workgroup) keeps the running maximum, sum and output of the rows of one query
// tile and one KV head, and leaves them as a partial result (FlashAttention-2, arXiv 2307.08691, algorithm 1; split over
// the cache as LeanAttention, arXiv 2405.10480).
//
// OCTAVO_INT_DOT: scores are integer dots of codes with the query in int8 parts, values integer dots of codes with the
// softmax weights times the tokens' V scales in uint8, one scale for each 32 tokens. Else everything is f32.
// OCTAVO_SUBGROUP: the workgroup is one subgroup. Else reductions go through shared memory.
//
// A lane owns four neighbour tokens (a quad) for scores, TOKENS of them at once, and the channels lane, lane + LANES, ..
// for values, TOKENS of them at once. It unpacks their codes into registers and then loops over the rows: the code stays
// small enough for instruction caches and does not grow with the rows. All state of rows is in shared memory.
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
layout(constant_id = OCTAVO_SPEC_TOKENS) const uint TOKENS = 1;
#ifdef OCTAVO_INT_DOT
layout(constant_id = OCTAVO_SPEC_QUERY_PARTS) const uint PARTS = 2;
#endif

layout(set = 0, binding = OCTAVO_WALK_POOL, std430) readonly buffer pool_words { uint pool[]; };
layout(set = 0, binding = OCTAVO_WALK_POOL, std430) readonly buffer pool_parts { uvec4 pool4[]; };
layout(set = 0, binding = OCTAVO_WALK_LISTS, std430) readonly buffer list_words { uint lists[]; };
layout(set = 0, binding = OCTAVO_WALK_SCRATCH, std430) buffer scratch_words { uint scratch[]; };
layout(push_constant) uniform push_block { octavo_attention_push push; };

const uint LANES = gl_WorkGroupSize.x;
const uint QUADS = LANES < 32u ? LANES : 32u; // quads scored at once
const uint PASSES = 32u / QUADS;              // to cover the 32 quads of a tile
const uint LANE_GROUPS = LANES / QUADS;       // lane group i owns the rows i, i + LANE_GROUPS, ..
const uint LANE_ROWS = ROWS / LANE_GROUPS;    // ROWS is a multiple of LANE_GROUPS
const uint LANE_CHANNELS = (VALUE_PAD + LANES - 1u) / LANES;

// A logit that is not seen. Real logits stay far above it.
const float UNSEEN = -1.0e30;
#define NOT_A_NUMBER uintBitsToFloat(0x7fc00000u)

#ifdef OCTAVO_INT_DOT
const bool INT_KEYS = KEY_BITS < 16u;
const bool INT_VALUES = VALUE_BITS < 16u;
const uint QUERY_WORDS = INT_KEYS ? PARTS * KEY_PAD / 4u : KEY_PAD;
const uint WEIGHT_WORDS = INT_VALUES ? 32u : 128u;
#else
const bool INT_KEYS = false;
const bool INT_VALUES = false;
const uint QUERY_WORDS = KEY_PAD;
const uint WEIGHT_WORDS = 128u;
#endif

shared uvec4 shared_query[ROWS * QUERY_WORDS / 4u + 8u]; // [row][part][word], or floats; and what a last chunk may read
shared uvec4 shared_weights[ROWS * WEIGHT_WORDS / 4u];   // [row][quad] bytes, or [row][token] floats
shared uvec4 shared_logits[ROWS * 32u];                  // [row][quad]: dots (integers or floats), then logits
shared float shared_logs[128];                           // [token]: log2 of its V scale
shared float shared_result[ROWS * VALUE_PAD];            // [row][channel]
shared vec4 shared_logit_max[ROWS * 8u];                 // [row][quad]: maximum of its four logits
shared float shared_row_max[2u * ROWS];                  // [tile parity][row]
shared float shared_correction[ROWS];                    // 2^(old maximum - new maximum)
shared float shared_row_scale[ROWS];
shared float shared_row_mean[ROWS];
shared int shared_row_position[ROWS];
#ifdef OCTAVO_INT_DOT
shared int shared_row_offset[ROWS];
shared vec4 shared_weight_max[ROWS * 8u];                // [row][quad]: maximum of log2 of its four weights
shared float shared_weight_scale[ROWS * 4u];             // [row][group of 32 tokens]
shared uint shared_weight_sum[2u * ROWS * 4u];           // [tile parity][row][group]: sum of its uint8 weights
#endif

const uint WINDOW_CHUNK = 32u;
shared uint shared_window_words[WINDOW_CHUNK];           // where its tokens lie in the pool
shared uint shared_window_tokens[WINDOW_CHUNK];

float row_sum[LANE_ROWS]; // of this lane's tokens, for the rows of its lane group
uint lane, quad_lane, lane_group, head, parity;
octavo_sequence_record sequence;

uint row_of(uint k) {
    return lane_group + LANE_GROUPS * k;
}

// row_sum[k] = row_sum[k] * factor + term, without an index that is not constant
void update_sum(uint k, float factor, float term) {
    [[unroll]] for (uint j = 0u; j < LANE_ROWS; ++j) {
        row_sum[j] = j == k ? row_sum[j] * factor + term : row_sum[j];
    }
}

#include "lib/share_list.glsl"

// What a row's logits go through.
struct row_rule {
    float scale, mean;
    int position;
    bool empty; // sees no key by the mask
};

row_rule load_rule(uint row) {
    row_rule rule;
    rule.scale = shared_row_scale[row];
    rule.mean = shared_row_mean[row];
    rule.position = shared_row_position[row];
    rule.empty = mask_row_is_empty(push.mask, rule.position, sequence.key_count);
    return rule;
}

bool row_sees(row_rule rule, uint token) {
    return rule.empty ? mask_empty_mode(push.mask) != 0u : mask_sees(push.mask, rule.position, token);
}

// The soft-cap and the rule of rows that see nothing; x is in units of log2, or of the cap where there is one.
float finish_logit(row_rule rule, float x) {
    if (push.softcap > 0.0) {
        const float e = exp2(x * (2.0 * 1.44269504));
        x = push.softcap * (1.0 - 2.0 / (e + 1.0));
    }
    return rule.empty && mask_empty_mode(push.mask) == 2u ? 0.0 : x;
}

bool is_finite(float x) {
    return (floatBitsToUint(x) & 0x7f800000u) != 0x7f800000u;
}

bool half_is_finite(uint h) {
    return (h & 0x7c00u) != 0x7c00u;
}

bool has_channel(uint i) {
    return lane + LANES * i < VALUE_PAD; // a last batch of channels may go beyond
}

// The running output of channel i of this lane: result = result * factor + term
void update_result(uint i, uint row, float factor, float term) {
    const uint at = row * VALUE_PAD + lane + LANES * i;
    shared_result[at] = shared_result[at] * factor + term;
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
    vec4 m = shared_logit_max[row * 8u];
    [[unroll]] for (uint i = 1u; i < 8u; ++i) {
        m = max(m, shared_logit_max[row * 8u + i]);
    }
    return max(max(m.x, m.y), max(m.z, m.w));
}

// Takes a tile's maximum of row k into the running one; row_sum is brought to it. Returns the new maximum.
float advance_max(uint k, float own) {
    const uint row = row_of(k);
    const float old_max = shared_row_max[parity * ROWS + row], new_max = max(old_max, tile_max(row, own));
    const float correction = exp2(old_max - new_max);
    update_sum(k, correction, 0.0);
    if (quad_lane == 0u) {
        shared_row_max[(parity ^ 1u) * ROWS + row] = new_max;
        shared_correction[row] = correction;
    }
    return new_max;
}

float largest_of(vec4 x) {
    return max(max(x.x, x.y), max(x.z, x.w));
}

#include "lib/walk_window.glsl"

// --- a packed tile ------------------------------------------------------------------------------------------------

// Dots to logits for one quad and row; a token that is seen and not finite poisons the row.
void finish_quad(uint k, uint token_first, bool edge, uint quad, uvec4 scales, vec4 logs) {
    const uint row = row_of(k), at = row * 32u + quad;
    const row_rule rule = load_rule(row);
    vec4 x;
#ifdef OCTAVO_INT_DOT
    if (INT_KEYS) {
        x = vec4(ivec4(shared_logits[at]) - shared_row_offset[row]);
    } else
#endif
    {
        x = uintBitsToFloat(shared_logits[at]);
    }
    bool poisoned = false;
    [[unroll]] for (uint j = 0u; j < 4u; ++j) {
        const uint token = token_first + 4u * quad + j;
        const float key_scale = KEY_BITS < 16u ? unpackHalf2x16(scales[j]).x : 1.0;
        const float logit = finish_logit(rule, x[j] * (rule.scale * key_scale) + rule.mean);
        const bool finite = (KEY_BITS == 16u || half_is_finite(scales[j])) && (VALUE_BITS == 16u || half_is_finite(scales[j] >> 16));
        const bool good = finite && is_finite(logit);
        bool seen = true;
        if (edge) {
            seen = token >= sequence.packed_begin && token < sequence.packed_end && row_sees(rule, token);
        }
        poisoned = poisoned || (seen && !good);
        x[j] = seen && good ? logit : UNSEEN;
    }
    if (poisoned) {
        update_sum(k, 1.0, NOT_A_NUMBER);
    }
    shared_logits[at] = floatBitsToUint(x);
    shared_logit_max[row * 8u + (quad >> 2)][quad & 3u] = largest_of(x);
#ifdef OCTAVO_INT_DOT
    shared_weight_max[row * 8u + (quad >> 2)][quad & 3u] = max(largest_of(x + logs), UNSEEN);
#endif
}

// The weights of one quad and row, from its logits: into shared memory. Returns the sum of exponentials.
float weigh_quad(uint row, uint quad, float row_max) {
    const vec4 y = uintBitsToFloat(shared_logits[row * 32u + quad]);
    const vec4 logs = vec4(shared_logs[4u * quad], shared_logs[4u * quad + 1u], shared_logs[4u * quad + 2u], shared_logs[4u * quad + 3u]);
    const bvec4 seen = greaterThan(y, vec4(0.5 * UNSEEN));
    const vec4 p = mix(vec4(0.0), exp2(y - row_max), seen);
#ifdef OCTAVO_INT_DOT
    if (INT_VALUES) {
        const float group_max = largest_of(max(shared_weight_max[row * 8u + (quad >> 3) * 2u], shared_weight_max[row * 8u + (quad >> 3) * 2u + 1u]));
        const uvec4 w = uvec4(mix(vec4(0.0), exp2(y + logs - group_max) * 255.0 + 0.5, seen));
        shared_weights[row * 8u + (quad >> 2)][quad & 3u] = w.x | (w.y << 8) | (w.z << 16) | (w.w << 24);
        atomicAdd(shared_weight_sum[(parity * ROWS + row) * 4u + (quad >> 3)],
                  ((1u << (VALUE_BITS & 15u)) - 1u) * ((w.x + w.y) + (w.z + w.w)));
        if ((quad & 7u) == 0u) {
            shared_weight_scale[row * 4u + (quad >> 3)] = exp2(group_max - row_max) * (0.5 / 255.0);
        }
        return (p.x + p.y) + (p.z + p.w);
    }
#endif
    shared_weights[row * 32u + quad] = floatBitsToUint(VALUE_BITS < 16u ? mix(vec4(0.0), exp2(y + logs - row_max), seen) : p);
    return (p.x + p.y) + (p.z + p.w);
}

void walk_tile(uint page, uint token_first, bool edge) {
    const uint tile = (page * push.head_count + head) * HEAD_WORDS;
    for (uint pass = 0u; pass < PASSES; ++pass) {
        const uint quad = quad_lane + QUADS * pass;
        const uvec4 scales = pool4[((tile + SCALES) >> 2) + quad];
        [[dont_unroll]] for (uint first = 0u; first < 4u; first += TOKENS) {
#ifdef OCTAVO_INT_DOT
            if (INT_KEYS) {
                score_int(tile, quad, first);
            } else
#endif
            {
                score_float(tile, quad, first);
            }
        }
        vec4 logs = vec4(0.0);
        [[unroll]] for (uint j = 0u; j < 4u; ++j) {
            logs[j] = VALUE_BITS < 16u ? max(log2(unpackHalf2x16(scales[j]).y), UNSEEN) : 0.0;
            shared_logs[4u * quad + j] = logs[j];
        }
        [[dont_unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
            finish_quad(k, token_first, edge, quad, scales, logs);
        }
    }
    load_first_values(tile + VALUE_TILE); // early: the loads overlap with the softmax
    team_barrier();

#ifdef OCTAVO_INT_DOT
    for (uint i = lane; i < ROWS * 4u; i += LANES) {
        shared_weight_sum[(parity ^ 1u) * ROWS * 4u + i] = 0u; // of the next tile; its readers are past the barrier above
    }
#endif
    [[dont_unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
        const uint row = row_of(k);
        float own = UNSEEN, sum = 0.0;
        for (uint pass = 0u; pass < PASSES; ++pass) {
            const uint quad = quad_lane + QUADS * pass;
            own = max(own, shared_logit_max[row * 8u + (quad >> 2)][quad & 3u]);
        }
        const float row_max = advance_max(k, own);
        for (uint pass = 0u; pass < PASSES; ++pass) {
            sum += weigh_quad(row, quad_lane + QUADS * pass, row_max);
        }
        update_sum(k, 1.0, sum);
    }
    team_barrier();
    add_values(tile + VALUE_TILE);
    parity ^= 1u;
}

// --- a share ----------------------------------------------------------------------------------------------------------

void load_rows(uint scratch_row, uint row_first, uint row_count) {
    const uint query_at = push.query_offset + scratch_row * push.query_row_words;
    for (uint i = lane; i < ROWS * QUERY_WORDS; i += LANES) {
        const uint row = i / QUERY_WORDS, w = i % QUERY_WORDS;
        shared_query[i >> 2][i & 3u] = row < row_count ? scratch[query_at + row * push.query_row_words + OCTAVO_ROW_HEADER_WORDS + w] : 0u;
    }
    for (uint row = lane; row < ROWS; row += LANES) {
        const bool exists = row < row_count;
        const uint at = query_at + (exists ? row : 0u) * push.query_row_words;
        shared_row_scale[row] = exists ? uintBitsToFloat(scratch[at + OCTAVO_QUERY_SCALE]) : 0.0;
        shared_row_mean[row] = exists ? uintBitsToFloat(scratch[at + OCTAVO_QUERY_MEAN]) : 0.0;
        shared_row_position[row] = sequence.position + int((row_first + row) / push.group);
        shared_row_max[row] = UNSEEN;
#ifdef OCTAVO_INT_DOT
        shared_row_offset[row] = exists ? int(scratch[at + OCTAVO_QUERY_OFFSET]) : 0;
#endif
    }
    for (uint i = lane; i < ROWS * VALUE_PAD; i += LANES) {
        shared_result[i] = 0.0;
    }
#ifdef OCTAVO_INT_DOT
    for (uint i = lane; i < 2u * ROWS * 4u; i += LANES) {
        shared_weight_sum[i] = 0u;
    }
#endif
    [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
        row_sum[k] = 0.0;
    }
    parity = 0u;
    team_barrier();
}

// Partial rows: [partial][head][row].
void write_partial(uint partial, uint row_count) {
    const uint partial_row = (partial * push.head_count + head) * ROWS;
    team_barrier();
    [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
        const uint row = row_of(k);
        float sum = row_sum[k];
#ifdef OCTAVO_SUBGROUP
        if (LANE_GROUPS == 1u) {
            sum = subgroupAdd(sum);
        } else
#endif
        {
            shared_logit_max[row * 8u + (quad_lane >> 2)][quad_lane & 3u] = sum;
            team_barrier();
            sum = 0.0;
            for (uint i = 0u; i < QUADS; ++i) {
                sum += shared_logit_max[row * 8u + (i >> 2)][i & 3u];
            }
        }
        if (row < row_count && quad_lane == 0u) {
            const uint at = push.sum_offset + 2u * (partial_row + row);
            scratch[at] = floatBitsToUint(shared_row_max[parity * ROWS + row]);
            scratch[at + 1u] = floatBitsToUint(sum);
        }
    }
    for (uint i = lane; i < row_count * VALUE_PAD; i += LANES) {
        scratch[push.output_offset + partial_row * VALUE_PAD + i] = floatBitsToUint(shared_result[i]);
    }
}

void walk_share(octavo_share share) {
    const octavo_query_tile tile = share.tile;
    sequence = share.sequence;
    load_rows(head * push.query_rows + sequence.row_base + tile.row_first, tile.row_first, tile.row_count);

    for (uint r = 0u; r < share.range_count; ++r) {
        const octavo_tile_range range = load_range(share.range_first + r);
        uint page = lists[range.pages]; // the next one is always on its way
        if (range.kind == OCTAVO_RUN_WINDOW) {
            walk_window(range, tile.row_count);
        } else {
            for (uint t = 0u; t < range.count; ++t) {
                const uint next = lists[range.pages + min(t + 1u, range.count - 1u)];
                walk_tile(page, (range.first + t) * OCTAVO_TILE_TOKENS, range.kind == OCTAVO_RUN_EDGE);
                page = next;
            }
        }
    }
    write_partial(share.partial, tile.row_count);
    team_barrier();
}

void main() {
    lane = gl_LocalInvocationID.x;
    quad_lane = lane % QUADS;
    lane_group = LANE_GROUPS == 1u ? 0u : lane / QUADS; // the compilers see that a row is the same for all lanes
    head = gl_WorkGroupID.y;
    uint begin, end;
    group_shares(gl_WorkGroupID.x, begin, end);
    for (uint n = begin; n < end; ++n) {
        walk_share(load_share(n));
    }
}
