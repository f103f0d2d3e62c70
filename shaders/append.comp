#version 450
// Appends tokens: rows of the caller's K or V tensor into the basis of the codes, quantised and packed into pages, or as
// rows of an f16 window. A workgroup takes one entry (of codes: at most 32 tokens, all in one group of 32) of one KV head,
// K or V. Each word of a page is written by one invocation of one workgroup: two sequences never share a writable page, two
// entries never share a group. Only the word with a token's two scales has two writers, each with bits of its own.
//
// 8 rows (tokens) are worked on at a time, by 16 or 8 lanes each; their codes meet in shared memory, a word for four channels
// and their twins 32 further, and become words of the page when all are there. Fewer lanes with more channels each exchange
// less: of the butterflies, only those between lanes are shuffles, and a sum of a row takes fewer of them.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "octavo_abi.h"
#include "lib/elements.glsl"
#include "lib/group_codes.glsl"
#include "lib/half_bits.glsl"
#include "lib/half_finite.glsl"
#include "lib/page_layout.glsl"
#include "lib/rotation_parts.glsl"

layout(local_size_x_id = OCTAVO_SPEC_LOCAL_SIZE) in; // OCTAVO_APPEND_ROWS * ROW_LANES
layout(constant_id = OCTAVO_SPEC_APPEND_ROLE) const uint ROLE = 0;
layout(constant_id = OCTAVO_SPEC_APPEND_TRANSFORMS) const uint TRANSFORMS = 1; // 0: a quarter fewer registers on NVIDIA
layout(constant_id = OCTAVO_SPEC_APPEND_ROW_LANES) const uint ROW_LANES = 16; // or, of at most 128 channels, 8

#ifdef OCTAVO_APPEND_PAIR
layout(set = 0, binding = OCTAVO_APPEND_PAIR_VALUES, std430) readonly buffer value_words { uint value_tensor[]; };
layout(set = 0, binding = OCTAVO_APPEND_PAIR_VALUES, std430) readonly buffer value_twos { uvec2 value_tensor_twos[]; };
layout(set = 0, binding = OCTAVO_APPEND_PAIR_VALUES, std430) readonly buffer value_fours { uvec4 value_tensor_fours[]; };
#endif
layout(set = 0, binding = OCTAVO_APPEND_TENSOR, std430) readonly buffer tensor_words { uint tensor[]; };
layout(set = 0, binding = OCTAVO_APPEND_TENSOR, std430) readonly buffer tensor_twos { uvec2 twos[]; };
layout(set = 0, binding = OCTAVO_APPEND_TENSOR, std430) readonly buffer tensor_fours { uvec4 fours[]; };
layout(set = 0, binding = OCTAVO_APPEND_RECORDS, std430) readonly buffer record_words { float records[]; };
layout(set = 0, binding = OCTAVO_APPEND_LISTS, std430) readonly buffer list_words { uint lists[]; };
layout(set = 0, binding = OCTAVO_APPEND_POOL, std430) buffer pool_words { uint pool[]; };
layout(push_constant) uniform push_block { octavo_append_push push; };

const uint BITS = ROLE == OCTAVO_APPEND_VALUES ? VALUE_BITS : KEY_BITS;
const uint CHANNELS = ROLE == OCTAVO_APPEND_VALUES ? VALUE_PAD : KEY_PAD;
const uint ROWS = OCTAVO_APPEND_ROWS;
const uint LANES = ROWS * ROW_LANES;
const uint OWN = CHANNELS / ROW_LANES; // channels of a lane
const uint CHAINS = OCTAVO_SQUARE_CHAINS / ROW_LANES; // of each 32 of them: x[i] is in sum i % CHAINS
#ifdef OCTAVO_SUBGROUP
const uint RUN = CHAINS; // neighbours among them
#else
const uint RUN = 1u;
#endif
const uint WORD_RUN = RUN == 1u ? 1u : 2u; // of those, halves of a word
const uint BLOCK = RUN * ROW_LANES;        // from a run of a lane to its next

#include "lib/quantiser.glsl"

// Bins of a row: below all edges, one of each lane; then those from the first edge on, an odd number of each lane, so that
// the lanes' are in different banks of shared memory. The last one is that of all above.
const uint OWN_BINS = ((LAST_EDGE - FIRST_EDGE) / ROW_LANES + 1u) | 1u;
const uint BIN_STRIDE = 32u + OWN_BINS * ROW_LANES;
#ifdef OCTAVO_SUBGROUP
const uint ROW_STRIDE = BIN_STRIDE;
#else
const uint VALUE_STRIDE = CHANNELS + OWN; // a row's values, later its bins
const uint ROW_STRIDE = VALUE_STRIDE > BIN_STRIDE ? VALUE_STRIDE : BIN_STRIDE;
#endif

shared uint rows[ROWS * ROW_STRIDE];

uint lane, row, own, head;    // lane `own` of row `row`
bool of_values;               // V
uint entry, first, count;     // word of the entry in the lists; two of its words; what is needed once is read there
uint tensor_at, token_stride; // element of the entry's first row in the tensor, elements to the next
uint dim, element;
bool has_runs;                // all rows begin at whole runs
bool has_mean, has_transform; // the codec record
float x[16];                  // channel own_channel(i) of the row
uint pass_first;              // the entry's token of row 0; those of the other rows follow
bool row_is_there;            // this row has one

// Of x[i].
uint own_channel(uint i) {
    return BLOCK * (i / RUN) + RUN * own + i % RUN;
}

// Which x[] of the lanes a channel is, and whose.
uint channel_index(uint channel) {
    return RUN * (channel / BLOCK) + channel % RUN;
}

uint channel_lane(uint channel) {
    return channel % BLOCK / RUN;
}

bool has_token(uint r) {
    return pass_first + r < count;
}

#include "lib/row_lanes.glsl"
#include "lib/append_load.glsl"
#include "lib/append_rotation.glsl"

void read_entry() {
    entry = gl_WorkGroupID.x * OCTAVO_APPEND_ENTRY_WORDS;
    first = lists[entry + 1u];
    count = lists[entry + 2u];
    const uint source = lists[entry + 3u] & ~OCTAVO_APPEND_WINDOW, flags = of_values ? 0u : lists[entry + 5u];
    has_mean = (flags & OCTAVO_ROTATE_HAS_MEAN) != 0u;
    has_transform = TRANSFORMS != 0u && (flags & OCTAVO_ROTATE_HAS_TRANSFORM) != 0u;
    dim = of_values ? push.value_dim : push.key_dim;
    element = of_values ? push.value_element : push.key_element;
    token_stride = of_values ? push.value_token_stride : push.key_token_stride;
    const uint head_at = head * (of_values ? push.value_head_stride : push.key_head_stride);
    tensor_at = head_at + source * token_stride;
    has_runs = ((dim | token_stride | head_at) & (RUN - 1u)) == 0u;
}

uint page() {
    return lists[entry];
}

uint tile_at() {
    return (page() * push.head_count + head) * HEAD_WORDS + (of_values ? VALUE_TILE : 0u);
}

uint window_at(uint token) {
    return page() * push.head_count * HEAD_WORDS + ((first + token) * push.head_count + head) * WINDOW_HEAD_WORDS +
           (of_values ? WINDOW_KEY_WORDS : 0u);
}

// K's scale is the low half of the word, V's the high half.
void store_scale(uint token, uint scale) {
    const uint at = (page() * push.head_count + head) * HEAD_WORDS + SCALES + first + token, shift = of_values ? 16u : 0u;
    atomicAnd(pool[at], 0xffff0000u >> shift);
    atomicOr(pool[at], scale << shift);
}

#include "lib/append_raw.glsl"
#include "lib/append_codes.glsl"
#include "lib/append_store.glsl"

// T of the codec record. Barriers inside.
void transform_row() {
    const uint matrix = lists[entry + 4u] + CHANNELS * (push.head_count + head * CHANNELS);
    float sums[16];
    publish_row();
    [[unroll]] for (uint i = 0u; i < OWN; ++i) {
        sums[i] = 0.0;
    }
    [[dont_unroll]] for (uint j = 0u; j < CHANNELS; ++j) {
        const float value = row_value(j);
        [[unroll]] for (uint i = 0u; i < OWN; ++i) {
            precise float product = records[matrix + own_channel(i) * CHANNELS + j] * value;
            precise float sum = sums[i] + product;
            sums[i] = sum;
        }
    }
    [[unroll]] for (uint i = 0u; i < OWN; ++i) {
        x[i] = sums[i];
    }
    row_barrier();
}

// The row in the basis of the codes; returns its sum of squares, 1.
float find_row() {
    row_is_there = has_token(row);
    load_row(pass_first + row);
    if (has_transform) {
        transform_row();
    } else {
        rotate_row();
    }
    float sums[4] = float[4](0.0, 0.0, 0.0, 0.0);
    if (row_works()) {
        [[unroll]] for (uint i = 0u; i < OWN; ++i) {
            precise float square = x[i] * x[i];
            precise float sum = sums[i % CHAINS] + square;
            sums[i % CHAINS] = i < CHAINS ? square : sum;
        }
    }
    return sum_of_chains(sums);
}

// A row that is not finite is NaN in all channels, as its codes are.
void store_window(float squares, uint token) {
    publish_row();
    [[unroll]] for (uint i = 0u; i < OWN; i += WORD_RUN) {
        const uint channel = own_channel(i);
        float neighbour = x[i + WORD_RUN - 1u];
        if (RUN == 1u) {
            neighbour = row_value(channel ^ 1u);
        }
        const uint pair = half_bits(x[i]) | (half_bits(neighbour) << 16);
        if (token < count && (channel & 1u) == 0u) {
            pool[window_at(token) + channel / 2u] = is_not_finite(squares) ? OCTAVO_SCALE_NAN * 0x10001u : pair;
        }
    }
    row_barrier();
}

void write_rows(bool to_window) {
    if (!to_window) {
        clear_codes();
    }
    find_means();
    find_signs(lists[entry + 6u]);
    find_step_bins();
    [[dont_unroll]] for (pass_first = 0u; pass_first < count; pass_first += ROWS) {
        const float squares = find_row();
        if (to_window) {
            store_window(squares, pass_first + row);
        } else {
            gather_codes(squares);
        }
    }
    if (!to_window) {
        store_codes();
    }
}

void main() {
    lane = find_lane();
    row = lane / ROW_LANES;
    own = lane % ROW_LANES;
    head = gl_WorkGroupID.y;
    of_values = ROLE == OCTAVO_APPEND_VALUES || (ROLE == OCTAVO_APPEND_BOTH && gl_WorkGroupID.z == 1u);
    read_entry();
    const bool to_window = (lists[entry + 3u] & OCTAVO_APPEND_WINDOW) != 0u;
    if (BITS == 16u) {
        write_raw(to_window);
    } else {
        write_rows(to_window);
    }
}
