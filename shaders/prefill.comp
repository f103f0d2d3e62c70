#version 450
// Prefill without matrix units: a workgroup keeps the running maximum, sum and output of the rows of one query tile and
// one KV head and walks the tiles of a share, in blocks of 32 tokens (FlashAttention-2, arXiv 2307.08691, algorithm 1).
// It takes the place of walk.comp between rotate.comp and merge.comp, from the same lists, to the same partial results.
//
// Both products are done as dense ones are without matrix units: a stretch of each operand lies in shared memory, where
// codes are unpacked once for all rows, and a lane has a small block of results in registers, LANE_ROWS rows by four
// columns. Columns are tokens for scores and channels for values.
//
// OCTAVO_INT_DOT: as in walk.comp, packed codes are multiplied as integers, with the query in int8 parts and the softmax
// weights times V scales in uint8, one scale for each block. OCTAVO_HALF: also as there, packed codes are multiplied in
// f16, two at a time, with queries and weights of f16. Else, and for f16 pages and windows, everything is f32.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "octavo_abi.h"
#include "lib/group_codes.glsl"
#include "lib/mask.glsl"
#include "lib/page_layout.glsl"
#ifdef OCTAVO_INT_DOT
#include "lib/int_dot.glsl"
#endif
#ifdef OCTAVO_HALF
#include "lib/half_levels.glsl"
#endif
#if defined(OCTAVO_INT_DOT) || defined(OCTAVO_HALF)
#define OCTAVO_BLOCK_SCALES // weights have a scale for each block
#endif

layout(local_size_x_id = OCTAVO_SPEC_LOCAL_SIZE) in;
layout(constant_id = OCTAVO_SPEC_ROWS) const uint ROWS = 32;
layout(constant_id = OCTAVO_SPEC_LOGITS) const uint LOGITS = 0;
#ifdef OCTAVO_INT_DOT
layout(constant_id = OCTAVO_SPEC_QUERY_PARTS) const uint PARTS = 2;
const bool INT_KEYS = KEY_BITS < 16u;
const bool INT_VALUES = VALUE_BITS < 16u;
#else
const uint PARTS = 1u;
const bool INT_KEYS = false;
const bool INT_VALUES = false;
#endif
#ifdef OCTAVO_HALF
const bool HALF_KEYS = KEY_BITS < 16u;
const bool HALF_VALUES = VALUE_BITS < 16u;
#endif

layout(set = 0, binding = OCTAVO_WALK_POOL, std430) readonly buffer pool_words { uint pool[]; };
layout(set = 0, binding = OCTAVO_WALK_POOL, std430) readonly buffer pool_parts { uvec4 pool4[]; };
layout(set = 0, binding = OCTAVO_WALK_LISTS, std430) readonly buffer list_words { uint lists[]; };
layout(set = 0, binding = OCTAVO_WALK_SCRATCH, std430) buffer scratch_words { uint scratch[]; };
layout(set = 0, binding = OCTAVO_WALK_SCRATCH, std430) buffer scratch_quads { uvec4 scratch4[]; };
layout(push_constant) uniform push_block { octavo_attention_push push; };

const uint LANES = gl_WorkGroupSize.x;
const uint BLOCK = 32u;       // tokens
const uint COLUMN_LANES = 8u; // of a row
const uint ROW_LANES = LANES / COLUMN_LANES;
const uint LANE_ROWS = ROWS / ROW_LANES;       // whole
const uint VALUE_CHUNKS = VALUE_PAD / 32u;     // of 32 channels, eight lanes by four

// A logit that is not seen. Real logits stay far above it.
const float UNSEEN = -1.0e30;
#define NOT_A_NUMBER uintBitsToFloat(0x7fc00000u)

// The operands of a product, in parts of four words: rows of queries or weights first, then rows of keys or values. Rows
// are an odd number of parts apart, so that neighbour lanes read from different banks.
const uint FLOAT_PARTS = 8u, FLOAT_STRIDE = 9u; // 32 channels or tokens
const uint KEY_PARTS = 4u, KEY_STRIDE = 5u;     // 64 channels of codes
const uint QUERY_STRIDE = PARTS * KEY_PARTS + 1u;
const uint WEIGHT_STRIDE = 3u;                  // 32 tokens of bytes
const uint HALF_PARTS = 4u, HALF_STRIDE = 5u;   // the same in f16
const uint FLOAT_AREA = (ROWS + BLOCK) * FLOAT_STRIDE;
const uint SCORE_AREA = INT_KEYS ? ROWS * QUERY_STRIDE + BLOCK * KEY_STRIDE : 0u;
const uint VALUE_AREA = INT_VALUES ? (ROWS + VALUE_PAD) * WEIGHT_STRIDE : 0u;
const uint INT_AREA = SCORE_AREA > VALUE_AREA ? SCORE_AREA : VALUE_AREA;
shared uvec4 area[FLOAT_AREA > INT_AREA ? FLOAT_AREA : INT_AREA];
const uint MAXIMA = ROWS * FLOAT_STRIDE; // [row][lane of the row] between the products

shared float shared_row_scale[ROWS];
shared float shared_row_mean[ROWS];
shared ivec2 shared_row_place[ROWS]; // position; 1: sees no key by the mask
#ifdef OCTAVO_INT_DOT
shared int shared_row_offset[ROWS];
#endif
shared uint shared_window_words[BLOCK]; // where its tokens lie in the pool
shared uint shared_window_tokens[BLOCK];
const uint NO_TOKEN = 0xffffffffu;

#include "lib/row_rule.glsl"
#include "lib/share_list.glsl"

uint lane, column, row_lane, head;
octavo_sequence_record sequence;
octavo_query_tile tile;

float scores[LANE_ROWS * 4u];                  // [row][token]: dots, then logits
float outputs[VALUE_CHUNKS * LANE_ROWS * 4u];  // [chunk][row][channel]
float lane_max[LANE_ROWS];                     // the same for all lanes of a row
float lane_sum[LANE_ROWS];                     // of this lane's tokens
#ifdef OCTAVO_BLOCK_SCALES
float weight_scale[LANE_ROWS];
#endif

// 32 tokens of a tile or window.
struct token_block {
    uint tile;  // word of the head's tile in the pool
    uint group; // of the tile
    uint first; // token
    uint kind;  // OCTAVO_RUN_
};

bool is_window(token_block block) {
    return block.kind == OCTAVO_RUN_WINDOW;
}

uint row_of(uint k) {
    return row_lane + ROW_LANES * k;
}

// Word of the query row's header in scratch.
uint query_row(uint row) {
    return push.query_offset + (head * push.query_rows + sequence.row_base + tile.row_first + row) * push.query_row_words;
}

float add_dot(vec4 a, vec4 b, float sum) {
    sum += a.x * b.x;
    sum += a.y * b.y;
    sum += a.z * b.z;
    sum += a.w * b.w;
    return sum;
}

#include "lib/prefill_operands.glsl"
#include "lib/prefill_products.glsl"

// --- softmax -------------------------------------------------------------------------------------------------------

// Which of the four tokens of this lane a row sees.
uint seen_tokens(token_block block, row_rule rule) {
    const uint first = block.first + 4u * column;
    uint seen = 15u;
    if (is_window(block)) {
        seen = 0u;
        [[unroll]] for (uint j = 0u; j < 4u; ++j) {
            const uint n = 4u * column + j;
            seen |= shared_window_tokens[n] != NO_TOKEN && row_sees(rule, shared_window_tokens[n]) ? 1u << j : 0u;
        }
    } else if (block.kind == OCTAVO_RUN_EDGE) {
        const uint all = mask_empty_mode(push.mask) != 0u ? 15u : 0u;
        seen = rule.empty ? all : mask_sees_four(push.mask, rule.position, first);
        seen &= ~mask_below(int(sequence.packed_begin), first) & mask_below(int(sequence.packed_end), first);
    }
    return seen;
}

void put_maximum(uint row, uint which, float x) {
    area[MAXIMA + which * ROWS * 2u + row * 2u + (column >> 2)][column & 3u] = floatBitsToUint(x);
}

float row_maximum(uint row, uint which) {
    const uint at = MAXIMA + which * ROWS * 2u + row * 2u;
    return largest_of(max(uintBitsToFloat(area[at]), uintBitsToFloat(area[at + 1u])));
}

// Dots to logits. A token that is seen and not finite poisons the row. logs: log2 of the V scales.
void finish_scores(token_block block, uvec4 scales, vec4 logs) {
    vec4 key_scales = vec4(1.0);
    uint finite = 15u;
    if (!is_window(block)) {
        [[unroll]] for (uint j = 0u; j < 4u; ++j) {
            key_scales[j] = KEY_BITS < 16u ? unpackHalf2x16(scales[j]).x : 1.0;
            const bool good = (KEY_BITS == 16u || half_is_finite(scales[j])) && (VALUE_BITS == 16u || half_is_finite(scales[j] >> 16));
            finite &= good ? 15u : ~(1u << j);
        }
    }
    [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
        const uint row = row_of(k);
        const row_rule rule = load_rule(row);
        const float scale = is_window(block) && INT_KEYS ? 2.0 * rule.scale : rule.scale;
        const uint seen = seen_tokens(block, rule);
        uint good = finite;
        vec4 y;
        [[unroll]] for (uint j = 0u; j < 4u; ++j) {
            const float logit = finish_logit(rule, scores[4u * k + j] * (scale * key_scales[j]) + rule.mean);
            good &= is_finite(logit) ? 15u : ~(1u << j);
            y[j] = ((seen & good) >> j & 1u) != 0u ? logit : UNSEEN;
            scores[4u * k + j] = y[j];
        }
        if ((seen & ~good) != 0u) {
            lane_sum[k] = NOT_A_NUMBER;
        }
        put_maximum(row, 0u, largest_of(y));
#ifdef OCTAVO_BLOCK_SCALES
        if (VALUE_BITS < 16u) {
            put_maximum(row, 1u, max(largest_of(y + logs), UNSEEN));
        }
#endif
    }
}

// Logits to weights, where the queries lay; the outputs and sums are brought to the new maximum.
void weigh_scores(token_block block, vec4 logs) {
    [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
        const uint row = row_of(k);
        const float new_max = max(lane_max[k], row_maximum(row, 0u)), correction = exp2(lane_max[k] - new_max);
        const vec4 y = vec4(scores[4u * k], scores[4u * k + 1u], scores[4u * k + 2u], scores[4u * k + 3u]);
        const bvec4 seen = greaterThan(y, vec4(0.5 * UNSEEN));
        const vec4 p = mix(vec4(0.0), exp2(y - new_max), seen);
        lane_max[k] = new_max;
        lane_sum[k] = lane_sum[k] * correction + ((p.x + p.y) + (p.z + p.w));
        [[unroll]] for (uint i = 0u; i < VALUE_CHUNKS; ++i) {
            [[unroll]] for (uint j = 0u; j < 4u; ++j) {
                outputs[(i * LANE_ROWS + k) * 4u + j] *= correction;
            }
        }
#ifdef OCTAVO_INT_DOT
        if (INT_VALUES && !is_window(block)) {
            const float largest = row_maximum(row, 1u);
            const uvec4 w = uvec4(mix(vec4(0.0), exp2(y + logs - largest) * 255.0 + 0.5, seen));
            area[row * WEIGHT_STRIDE + (column >> 2)][column & 3u] = w.x | (w.y << 8) | (w.z << 16) | (w.w << 24);
            weight_scale[k] = exp2(largest - new_max) * (0.5 / 255.0);
            continue;
        }
#endif
#ifdef OCTAVO_HALF
        if (HALF_VALUES && !is_window(block)) {
            const float largest = row_maximum(row, 1u);
            const uvec2 w = half_quad(mix(vec4(0.0), exp2(y + logs - largest) * LARGEST_WEIGHT, seen));
            area[row * HALF_STRIDE + (column >> 1)][2u * (column & 1u)] = w.x;
            area[row * HALF_STRIDE + (column >> 1)][2u * (column & 1u) + 1u] = w.y;
            weight_scale[k] = exp2(largest - new_max) * (1.0 / LARGEST_WEIGHT);
            continue;
        }
#endif
        const bool scaled = VALUE_BITS < 16u && !is_window(block);
        area[row * FLOAT_STRIDE + column] = floatBitsToUint(scaled ? mix(vec4(0.0), exp2(y + logs - new_max), seen) : p);
    }
}

void walk_block(token_block block) {
    score_block(block);
    uvec4 scales = uvec4(0u);
    vec4 logs = vec4(0.0);
    if (!is_window(block)) {
        scales = pool4[((block.tile + SCALES) >> 2) + 8u * block.group + column];
        [[unroll]] for (uint j = 0u; j < 4u; ++j) {
            logs[j] = VALUE_BITS < 16u ? max(log2(unpackHalf2x16(scales[j]).y), UNSEEN) : 0.0;
        }
    }
    barrier();
    finish_scores(block, scales, logs);
    barrier();
    weigh_scores(block, logs);
    add_block(block);
}

// --- a share -------------------------------------------------------------------------------------------------------

void start_rows() {
    for (uint row = lane; row < ROWS; row += LANES) {
        const bool exists = row < tile.row_count;
        const uint at = query_row(exists ? row : 0u);
        const int position = sequence.position + int((tile.row_first + row) / push.group);
        shared_row_scale[row] = exists ? uintBitsToFloat(scratch[at + OCTAVO_QUERY_SCALE]) : 0.0;
        shared_row_mean[row] = exists ? uintBitsToFloat(scratch[at + OCTAVO_QUERY_MEAN]) : 0.0;
        shared_row_place[row] = ivec2(position, mask_row_is_empty(push.mask, position, sequence.key_count) ? 1 : 0);
#ifdef OCTAVO_INT_DOT
        shared_row_offset[row] = exists ? int(scratch[at + OCTAVO_QUERY_OFFSET]) : 0;
#endif
    }
    [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
        lane_max[k] = UNSEEN;
        lane_sum[k] = 0.0;
    }
    [[unroll]] for (uint i = 0u; i < VALUE_CHUNKS * LANE_ROWS * 4u; ++i) {
        outputs[i] = 0.0;
    }
}

// Whether no row of the tile sees any of the block's tokens, as far as the diagonal tells.
bool is_behind(uint first) {
    const int last = sequence.position + int((tile.row_first + tile.row_count - 1u) / push.group);
    const bool causal = (push.mask.flags & OCTAVO_WALK_CAUSAL) != 0u && mask_empty_mode(push.mask) == 0u;
    return first >= sequence.packed_end || (causal && int(first) > last && first >= push.mask.prefix);
}

// Tokens of a window, from number n on.
token_block window_block(octavo_tile_range range, uint n) {
    const uint count = min(BLOCK, range.count - n);
    barrier();
    for (uint i = lane; i < BLOCK; i += LANES) {
        uint token = NO_TOKEN;
        shared_window_words[i] = i < count ? window_word(sequence, range, head, range.first + n + i, token) : 0u;
        shared_window_tokens[i] = token;
    }
    return token_block(0u, 0u, 0u, range.kind);
}

token_block tile_block(octavo_tile_range range, uint n) {
    const uint base = (lists[range.pages + n / 4u] * push.head_count + head) * HEAD_WORDS;
    return token_block(base, n % 4u, range.first * OCTAVO_TILE_TOKENS + BLOCK * n, range.kind);
}

uint block_count(octavo_tile_range range) {
    if (range.kind == OCTAVO_RUN_WINDOW) {
        return (range.count + BLOCK - 1u) / BLOCK;
    }
    uint count = 4u * range.count;
    [[dont_unroll]] while (range.kind == OCTAVO_RUN_EDGE && count > 0u &&
                           is_behind(range.first * OCTAVO_TILE_TOKENS + BLOCK * (count - 1u))) {
        count -= 1u;
    }
    return count;
}

// One loop for blocks of all kinds: some compilers keep a copy of what loops carry for each loop in another.
void walk_range(octavo_tile_range range) {
    const uint count = block_count(range);
    [[dont_unroll]] for (uint n = 0u; n < count; ++n) {
        token_block block;
        if (range.kind == OCTAVO_RUN_WINDOW) {
            block = window_block(range, BLOCK * n);
        } else {
            block = tile_block(range, n);
        }
        walk_block(block); // which begins with a barrier
    }
}

// Partial rows: [partial][head][row].
void write_partial(uint partial) {
    const uint partial_row = (partial * push.head_count + head) * ROWS;
    barrier();
    [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
        put_maximum(row_of(k), 0u, lane_sum[k]);
    }
    barrier();
    [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
        const uint row = row_of(k);
        if (row >= tile.row_count) {
            continue;
        }
        if (column == 0u) {
            const vec4 sums = uintBitsToFloat(area[MAXIMA + row * 2u]) + uintBitsToFloat(area[MAXIMA + row * 2u + 1u]);
            const uint at = push.sum_offset + 2u * (partial_row + row);
            scratch[at] = floatBitsToUint(lane_max[k]);
            scratch[at + 1u] = floatBitsToUint((sums.x + sums.y) + (sums.z + sums.w));
        }
        const uint at = push.output_offset + (partial_row + row) * VALUE_PAD + column;
        [[unroll]] for (uint i = 0u; i < VALUE_CHUNKS; ++i) {
            [[unroll]] for (uint j = 0u; j < 4u; ++j) {
                scratch[at + 32u * i + 8u * j] = floatBitsToUint(outputs[(i * LANE_ROWS + k) * 4u + j]);
            }
        }
    }
}

void walk_share(octavo_share share) {
    start_rows();
    [[dont_unroll]] for (uint r = 0u; r < share.range_count; ++r) {
        walk_range(load_range(share.range_first + r));
    }
    write_partial(share.partial);
}

void main() {
    lane = gl_LocalInvocationID.x;
    column = lane % COLUMN_LANES;
    row_lane = lane / COLUMN_LANES;
    head = gl_WorkGroupID.y;
    uint begin, end;
    group_shares(gl_WorkGroupID.x, begin, end);
    for (uint n = begin; n < end; ++n) {
        const octavo_share share = load_share(n);
        tile = share.tile;
        sequence = share.sequence;
        walk_share(share);
        barrier();
    }
}
