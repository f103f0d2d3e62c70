#version 450
// Appends tokens: rows of the caller's K or V tensor into the basis of the codes, quantised and packed into pages, or as
// rows of an f16 window. A workgroup takes one entry (of codes: at most 32 tokens, all in one group of 32) of one KV head,
// K or V. Each word of a page is written by one invocation of one workgroup: two sequences never share a writable page, two
// entries never share a group. Only the word with a token's two scales has two writers, each with bits of its own.
//
// 8 rows (tokens) are worked on at a time, by 16 lanes each. No subgroup operations: what lanes exchange goes through shared
// memory, a few words of each value.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "octavo_abi.h"
#include "lib/elements.glsl"
#include "lib/group_codes.glsl"
#include "lib/half_bits.glsl"
#include "lib/page_layout.glsl"
#include "lib/rotation_parts.glsl"

layout(local_size_x_id = OCTAVO_SPEC_LOCAL_SIZE) in; // OCTAVO_APPEND_LANES
layout(constant_id = OCTAVO_SPEC_APPEND_ROLE) const uint ROLE = 0;

#ifdef OCTAVO_APPEND_PAIR
layout(set = 0, binding = OCTAVO_APPEND_PAIR_VALUES, std430) readonly buffer value_words { uint value_tensor[]; };
#endif
layout(set = 0, binding = OCTAVO_APPEND_TENSOR, std430) readonly buffer tensor_words { uint tensor[]; };
layout(set = 0, binding = OCTAVO_APPEND_RECORDS, std430) readonly buffer record_words { float records[]; };
layout(set = 0, binding = OCTAVO_APPEND_LISTS, std430) readonly buffer list_words { uint lists[]; };
layout(set = 0, binding = OCTAVO_APPEND_POOL, std430) buffer pool_words { uint pool[]; };
layout(push_constant) uniform push_block { octavo_append_push push; };

const uint BITS = ROLE == OCTAVO_APPEND_VALUES ? VALUE_BITS : KEY_BITS;
const uint CHANNELS = ROLE == OCTAVO_APPEND_VALUES ? VALUE_PAD : KEY_PAD;
const uint LANES = OCTAVO_APPEND_LANES;
const uint ROWS = LANES / 16u;
const uint OWN = CHANNELS / 16u; // channels of a lane: own, own + 16, ..
const uint ROW_STRIDE = CHANNELS + OWN;

#include "lib/quantiser.glsl"

const uint BIN_STRIDE = EDGES + 1u; // odd
const uint COUNT_SHIFT = 22u;       // of a bin: sum of magnitudes, below 2^21, and their number above

shared uint rows[ROWS * ROW_STRIDE];
shared uint bins[ROWS * BIN_STRIDE];
shared uint edges_below[EDGE_PLACES]; // how many edges are at or below a place
shared uvec4 lane_sums[LANES / 4u];
shared uint signs[8];
shared float row_squares[ROWS], row_inverse[ROWS], row_factor[ROWS];
shared int row_inner[ROWS], row_levels[ROWS];

uint lane, row, own, head;
uint page, first, count, source; // of the entry
uint record_at, record_flags;
bool of_values; // V
uint dim, element, head_at, token_stride;
float x[16];      // channel own + 16 i of the row
uint gathered[8]; // V: codes of four tokens, a byte each, of channels own + 32 i in its low half and 16 further in its high

#include "lib/append_rotation.glsl"

void read_entry(uint entry) {
    page = lists[entry];
    first = lists[entry + 1u];
    count = lists[entry + 2u];
    source = lists[entry + 3u] & 0x7fffffffu;
    record_at = lists[entry + 4u];
    record_flags = of_values ? 0u : lists[entry + 5u];
    dim = of_values ? push.value_dim : push.key_dim;
    element = of_values ? push.value_element : push.key_element;
    token_stride = of_values ? push.value_token_stride : push.key_token_stride;
    head_at = head * (of_values ? push.value_head_stride : push.key_head_stride);
}

uint tensor_word(uint at) {
#ifdef OCTAVO_APPEND_PAIR
    if (of_values) {
        return value_tensor[at];
    }
#endif
    return tensor[at];
}

// 0 for what is not there.
float tensor_value(uint token, uint channel) {
    const bool there = token < count && channel < dim;
    const uint at = there ? head_at + (source + token) * token_stride + channel : 0u;
    const float value = element_value(element, at, tensor_word(element_word(element, at)));
    return there ? value : 0.0;
}

uint tile_at() {
    return (page * push.head_count + head) * HEAD_WORDS + (of_values ? VALUE_TILE : 0u);
}

uint window_at(uint token) {
    return page * push.head_count * HEAD_WORDS + ((first + token) * push.head_count + head) * WINDOW_HEAD_WORDS +
           (of_values ? WINDOW_KEY_WORDS : 0u);
}

// K's scale is the low half of the word, V's the high half.
void store_scale(uint token, uint scale) {
    const uint at = (page * push.head_count + head) * HEAD_WORDS + SCALES + first + token, shift = of_values ? 16u : 0u;
    atomicAnd(pool[at], 0xffff0000u >> shift);
    atomicOr(pool[at], scale << shift);
}

// --- f16, as it came --------------------------------------------------------------------------------------------------

uint raw_pair(uint token, uint channel) {
    return half_bits(tensor_value(token, channel)) | (half_bits(tensor_value(token, channel + 1u)) << 16);
}

void write_raw_window() {
    for (uint i = lane; i < count * (CHANNELS / 2u); i += LANES) {
        const uint token = i / (CHANNELS / 2u), w = i % (CHANNELS / 2u);
        pool[window_at(token) + w] = raw_pair(token, 2u * w);
    }
}

void write_raw_keys() {
    for (uint i = lane; i < count * (CHANNELS / 2u); i += LANES) {
        const uint token = i % count, w = i / count; // neighbours write neighbour words
        pool[tile_at() + tile_word(OCTAVO_TILE_TOKENS, first + token, w)] = raw_pair(token, 2u * w);
    }
}

// Two tokens a word, whose other half stays what it was.
void write_raw_values() {
    const uint pair_first = first / 2u, pairs = (first + count + 1u) / 2u - pair_first;
    for (uint i = lane; i < pairs * CHANNELS; i += LANES) {
        const uint pair = pair_first + i / CHANNELS, channel = i % CHANNELS, token = 2u * pair - first;
        const uint at = tile_at() + tile_word(CHANNELS, channel, pair);
        uint low = half_bits(tensor_value(token, channel)), high = half_bits(tensor_value(token + 1u, channel)) << 16;
        if (token >= count) {
            low = pool[at] & 0xffffu;
        }
        if (token + 1u >= count) {
            high = pool[at] & 0xffff0000u;
        }
        pool[at] = low | high;
    }
}

void write_raw(bool to_window) {
    if (to_window) {
        write_raw_window();
        return;
    }
    if (of_values) {
        write_raw_values();
    } else {
        write_raw_keys();
    }
    for (uint token = lane; token < count; token += LANES) {
        store_scale(token, 0u);
    }
}

// --- codes --------------------------------------------------------------------------------------------------------------

// The token of row r in pass `pass`. Keys: neighbour rows are neighbour words of a page. Values: the four passes of a row
// are the four bytes of a code word.
uint token_of(bool by_fours, uint pass, uint r) {
    return by_fours ? 4u * r + pass - first % 32u : ROWS * pass + r;
}

void place_edges() {
    for (uint i = lane; i < EDGES; i += LANES) {
        const uint end = i + 1u < EDGES ? edge_place(i + 1u) : EDGE_PLACES;
        [[dont_unroll]] for (uint at = edge_place(i); at < end; ++at) {
            edges_below[at] = i + 1u;
        }
    }
    for (uint at = lane; at < edge_place(0u); at += LANES) {
        edges_below[at] = 0u;
    }
}

void load_rows(bool by_fours, uint pass) {
    [[unroll]] for (uint k = 0u; k < OWN; ++k) {
        const uint i = lane + LANES * k;
        x[k] = tensor_value(token_of(by_fours, pass, i / CHANNELS), i % CHANNELS);
    }
    [[unroll]] for (uint k = 0u; k < OWN; ++k) {
        const uint i = lane + LANES * k, channel = i % CHANNELS;
        if ((record_flags & OCTAVO_ROTATE_HAS_MEAN) != 0u && channel < dim) {
            precise float centred = x[k] - records[record_at + head * CHANNELS + channel];
            x[k] = token_of(by_fours, pass, i / CHANNELS) < count ? centred : 0.0;
        }
        rows[row_place(i / CHANNELS, channel)] = floatBitsToUint(x[k]);
    }
}

// T of the codec record.
void transform_row() {
    const uint matrix = record_at + CHANNELS * (push.head_count + head * CHANNELS);
    [[unroll]] for (uint i = 0u; i < OWN; ++i) {
        x[i] = 0.0;
    }
    [[dont_unroll]] for (uint j = 0u; j < CHANNELS; ++j) {
        const float value = uintBitsToFloat(rows[row_place(row, j)]);
        [[unroll]] for (uint i = 0u; i < OWN; ++i) {
            precise float product = records[matrix + (own + 16u * i) * CHANNELS + j] * value;
            precise float sum = x[i] + product;
            x[i] = sum;
        }
    }
}

// 1. Squares of a lane's channels, then of the lanes in their order.
void add_squares() {
    precise float sum = 0.0;
    [[unroll]] for (uint i = 0u; i < OWN; ++i) {
        precise float square = x[i] * x[i];
        sum = sum + square;
    }
    lane_sums[lane / 4u][lane % 4u] = floatBitsToUint(sum);
}

float sum_of_squares() {
    precise float sum = 0.0;
    [[unroll]] for (uint i = 0u; i < 4u; ++i) {
        const vec4 four = uintBitsToFloat(lane_sums[4u * row + i]);
        sum = sum + four.x;
        sum = sum + four.y;
        sum = sum + four.z;
        sum = sum + four.w;
    }
    return sum;
}

// x as multiples of the row's rms; 0 for a special row.
float normalised(uint i, float inverse) {
    precise float y = x[i] * inverse;
    return inverse == 0.0 ? 0.0 : y;
}

// 5. The magnitudes of each row, counted and summed between neighbour edges. Then each bin becomes the sum of itself and of
// all above.
void fill_bins(float inverse) {
    [[unroll]] for (uint i = 0u; i < OWN; ++i) {
        const uint magnitude = magnitude_of(abs(normalised(i, inverse)));
        const uint bin = edges_below[min(magnitude >> OCTAVO_EDGE_SHIFT, EDGE_PLACES - 1u)];
        atomicAdd(bins[row * BIN_STRIDE + bin], magnitude | (1u << COUNT_SHIFT));
    }
    barrier();
    const uint bins_at = row * BIN_STRIDE + own * STEP_EDGES + 1u;
    uint sum = 0u;
    [[unroll]] for (uint t = 0u; t < STEP_EDGES; ++t) {
        sum += bins[bins_at + t];
    }
    lane_sums[lane / 4u][lane % 4u] = sum;
    barrier();
    sum = 0u;
    [[unroll]] for (uint i = 0u; i < 16u; ++i) {
        const uint other = lane_sums[4u * row + i / 4u][i % 4u];
        sum += i > own ? other : 0u;
    }
    [[unroll]] for (uint t = STEP_EDGES; t > 0u; --t) {
        sum += bins[bins_at + t - 1u];
        bins[bins_at + t - 1u] = sum;
    }
    if (own == 0u) {
        bins[row * BIN_STRIDE] += sum;
    }
    barrier();
}

// (A, C) of step `own`.
void try_step() {
    const uint all = bins[row * BIN_STRIDE], width = step_width(own);
    uint inner = all & ((1u << COUNT_SHIFT) - 1u), levels = all >> COUNT_SHIFT;
    [[unroll]] for (uint t = 1u; t <= STEP_EDGES; ++t) {
        const uint place = (t * width + (1u << (OCTAVO_EDGE_SHIFT - 1u))) >> OCTAVO_EDGE_SHIFT;
        const uint above = bins[row * BIN_STRIDE + edges_below[place]];
        inner += 2u * (above & ((1u << COUNT_SHIFT) - 1u));
        levels += 8u * t * (above >> COUNT_SHIFT);
    }
    rows[2u * lane] = floatBitsToUint(float(inner));
    rows[2u * lane + 1u] = floatBitsToUint(float(levels));
}

// For row `lane`.
void choose_step() {
    const uint at = 32u * lane;
    vec2 best = vec2(uintBitsToFloat(rows[at]), uintBitsToFloat(rows[at + 1u]));
    uint step = 0u;
    [[unroll]] for (uint j = 1u; j < OCTAVO_STEP_COUNT; ++j) {
        const vec2 tried = vec2(uintBitsToFloat(rows[at + 2u * j]), uintBitsToFloat(rows[at + 2u * j + 1u]));
        const bool better = step_is_better(tried, best);
        best = better ? tried : best;
        step = better ? j : step;
    }
    row_factor[lane] = row_inverse[lane] == 0.0 ? 0.0 : inverse_step(step);
}

// 6.
void find_codes(bool is_there, uint pass) {
    const float inverse = row_inverse[row], factor = row_factor[row];
    int inner = 0, levels = 0;
    uint pair = 0u;
    [[unroll]] for (uint i = 0u; i < OWN; ++i) {
        const float y = normalised(i, inverse);
        const uint code = code_of(y, factor);
        const int level = 2 * int(code) + 1 - (1 << int(BITS)), magnitude = int(magnitude_of(abs(y)));
        inner += (y < 0.0 ? -magnitude : magnitude) * level;
        levels += level * level;
        if ((i & 1u) == 0u) {
            pair = code;
        } else if (of_values) {
            gathered[i / 2u] |= is_there ? (pair | (code << 4)) << (8u * pass) : 0u;
        } else {
            rows[row * ROW_STRIDE + 17u * (i / 2u) + own] = pair | (code << 4);
        }
    }
    atomicAdd(row_inner[row], inner);
    atomicAdd(row_levels[row], levels);
}

// 7. For row r.
uint find_scale(uint r) {
    const float squares = row_squares[r], inverse = row_inverse[r];
    const float inner = float(row_inner[r]) * (0.5 / OCTAVO_MAGNITUDE_ONE), levels = 0.25 * float(row_levels[r]);
    precise float numerator = of_values ? inner : squares * inverse;
    precise float denominator = of_values ? inverse * levels : inner;
    return is_not_finite(squares) ? OCTAVO_SCALE_NAN : inverse == 0.0 ? 0u : half_quotient(numerator, denominator);
}

void store_keys(uint pass) {
    for (uint i = lane; i < ROWS * (CHANNELS / 32u); i += LANES) {
        const uint r = i % ROWS, g = i / ROWS, token = token_of(false, pass, r);
        const uint at = r * ROW_STRIDE + 17u * g;
        uint codes[8], words[4];
        [[unroll]] for (uint c = 0u; c < 4u; ++c) {
            const uint two = rows[at + 4u * c] | (rows[at + 4u * c + 1u] << 8) | (rows[at + 4u * c + 2u] << 16) |
                             (rows[at + 4u * c + 3u] << 24);
            codes[c] = two & 0x0f0f0f0fu;
            codes[c + 4u] = (two >> 4) & 0x0f0f0f0fu;
        }
        words_of_codes(BITS, codes, words);
        if (token < count) {
            [[unroll]] for (uint w = 0u; w < BITS; ++w) {
                pool[tile_at() + tile_word(OCTAVO_TILE_TOKENS, first + token, g * BITS + w)] = words[w];
            }
        }
    }
}

// Bytes of code word c of the group that belong to tokens of this entry.
uint own_bytes(uint c) {
    uint bytes = 0u;
    [[unroll]] for (uint i = 0u; i < 4u; ++i) {
        bytes |= 4u * c + i - first % 32u < count ? 0xffu << (8u * i) : 0u;
    }
    return bytes;
}

// A channel's words of this group keep the codes of the tokens that were there.
void store_values() {
    [[unroll]] for (uint i = 0u; i < OWN / 2u; ++i) {
        rows[row * ROW_STRIDE + 17u * i + own] = gathered[i];
    }
    barrier();
    for (uint channel = lane; channel < CHANNELS; channel += LANES) {
        uint codes[8], words[4];
        [[unroll]] for (uint c = 0u; c < 8u; ++c) {
            const uint two = rows[c * ROW_STRIDE + 17u * (channel / 32u) + channel % 16u];
            codes[c] = (two >> (4u * (channel / 16u & 1u))) & 0x0f0f0f0fu;
        }
        words_of_codes(BITS, codes, words);
        const uint at = tile_at() + tile_word(CHANNELS, channel, first / 32u * BITS);
        if (count < 32u) {
            uint mask[4];
            [[unroll]] for (uint c = 0u; c < 8u; ++c) {
                codes[c] = own_bytes(c) & (((1u << BITS) - 1u) * 0x01010101u);
            }
            words_of_codes(BITS, codes, mask);
            [[unroll]] for (uint w = 0u; w < BITS; ++w) {
                words[w] |= pool[at + w * CHANNELS] & ~mask[w];
            }
        }
        [[unroll]] for (uint w = 0u; w < BITS; ++w) {
            pool[at + w * CHANNELS] = words[w];
        }
    }
}

// A row that is not finite is NaN in all channels, as its codes are.
void store_window(uint pass) {
    [[unroll]] for (uint i = 0u; i < OWN; ++i) {
        rows[row_place(row, own + 16u * i)] = floatBitsToUint(x[i]);
    }
    barrier();
    for (uint i = lane; i < ROWS * (CHANNELS / 2u); i += LANES) {
        const uint r = i / (CHANNELS / 2u), w = i % (CHANNELS / 2u), token = token_of(false, pass, r);
        const float low = uintBitsToFloat(rows[row_place(r, 2u * w)]), high = uintBitsToFloat(rows[row_place(r, 2u * w + 1u)]);
        if (token < count) {
            pool[window_at(token) + w] = is_not_finite(row_squares[r]) ? OCTAVO_SCALE_NAN * 0x10001u
                                                                       : half_bits(low) | (half_bits(high) << 16);
        }
    }
}

// The rows of a pass into x, their sums of squares and what follows of them.
float rotate_pass(bool by_fours, uint pass) {
    load_rows(by_fours, pass);
    barrier();
    if ((record_flags & OCTAVO_ROTATE_HAS_TRANSFORM) != 0u) {
        transform_row();
    } else {
        mix_neighbours();
        barrier();
        mix_rest();
    }
    add_squares();
    for (uint i = own; i < BIN_STRIDE; i += 16u) {
        bins[row * BIN_STRIDE + i] = 0u;
    }
    barrier();
    const float squares = sum_of_squares();
    const bool special = is_not_finite(squares) || squares < OCTAVO_SQUARES_MIN;
    const float inverse = special ? 0.0 : find_inverse_rms(squares);
    if (own == 0u) {
        row_squares[row] = squares;
        row_inverse[row] = inverse;
        row_inner[row] = 0;
        row_levels[row] = 0;
    }
    return inverse;
}

void write_codes(uint pass) {
    const float inverse = rotate_pass(of_values, pass);
    fill_bins(inverse);
    try_step();
    barrier();
    if (lane < ROWS) {
        choose_step();
    }
    barrier();
    find_codes(token_of(of_values, pass, row) < count, pass);
    barrier();
    if (!of_values) {
        store_keys(pass);
    }
    const uint r = LANES - 1u - lane;
    if (r < ROWS && token_of(of_values, pass, r) < count) {
        store_scale(token_of(of_values, pass, r), find_scale(r));
    }
    barrier();
}

void main() {
    lane = gl_LocalInvocationID.x;
    row = lane / 16u;
    own = lane % 16u;
    head = gl_WorkGroupID.y;
    of_values = ROLE == OCTAVO_APPEND_VALUES || (ROLE == OCTAVO_APPEND_BOTH && gl_WorkGroupID.z == 1u);
    const uint entry = gl_WorkGroupID.x * OCTAVO_APPEND_ENTRY_WORDS;
    read_entry(entry);
    const bool to_window = lists[entry + 3u] != source;
    if (BITS == 16u) {
        write_raw(to_window);
        return;
    }
    if (lane < 8u) {
        signs[lane] = 0u;
    }
    barrier();
    find_signs(lists[entry + 6u]);
    if (to_window) {
        [[dont_unroll]] for (uint pass = 0u; pass * ROWS < count; ++pass) {
            rotate_pass(false, pass);
            barrier();
            store_window(pass);
            barrier();
        }
        return;
    }
    place_edges();
    [[unroll]] for (uint i = 0u; i < OWN / 2u; ++i) {
        gathered[i] = 0u;
    }
    const uint slot = first % 32u, passes = of_values ? 4u : (count + ROWS - 1u) / ROWS;
    [[dont_unroll]] for (uint pass = 0u; pass < passes; ++pass) {
        const bool is_empty = of_values && ((pass - slot) & 3u) >= count; // no token in this byte
        if (!is_empty) {
            write_codes(pass);
        }
    }
    if (of_values) {
        store_values();
    }
}
