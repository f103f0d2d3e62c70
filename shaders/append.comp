#version 450
// Appends tokens: rows of the caller's K or V tensor into the basis of the codes, quantised and packed into pages, or as
// rows of an f16 window. A workgroup takes one entry (of codes: at most 32 tokens, all in one group of 32) of one KV head,
// K or V. Each word of a page is written by one invocation of one workgroup: two sequences never share a writable page, two
// entries never share a group. Only the word with a token's two scales has two writers, each with bits of its own.
//
// 8 rows (tokens) are worked on at a time, by 16 or 8 lanes each: of codes, row r takes the tokens at 4 r .. 4 r + 3 of the
// group one after the other, so that a lane gathers their codes as the four bytes of a word. Fewer lanes with more channels
// each exchange less: of the butterflies, only those between lanes are shuffles, and a sum of a row takes fewer of them.
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
#endif
layout(set = 0, binding = OCTAVO_APPEND_TENSOR, std430) readonly buffer tensor_words { uint tensor[]; };
layout(set = 0, binding = OCTAVO_APPEND_TENSOR, std430) readonly buffer tensor_twos { uvec2 twos[]; };
layout(set = 0, binding = OCTAVO_APPEND_RECORDS, std430) readonly buffer record_words { float records[]; };
layout(set = 0, binding = OCTAVO_APPEND_LISTS, std430) readonly buffer list_words { uint lists[]; };
layout(set = 0, binding = OCTAVO_APPEND_POOL, std430) buffer pool_words { uint pool[]; };
layout(set = 0, binding = OCTAVO_APPEND_POOL, std430) writeonly buffer pool_quads { uvec4 pool4[]; };
layout(push_constant) uniform push_block { octavo_append_push push; };

const uint BITS = ROLE == OCTAVO_APPEND_VALUES ? VALUE_BITS : KEY_BITS;
const uint CHANNELS = ROLE == OCTAVO_APPEND_VALUES ? VALUE_PAD : KEY_PAD;
const uint ROWS = OCTAVO_APPEND_ROWS;
const uint LANES = ROWS * ROW_LANES;
const uint CHAINS = 16u / ROW_LANES;   // of the 16 whose squares are summed first, neighbours that a lane has
const uint OWN = CHANNELS / ROW_LANES; // channels of a lane

#include "lib/quantiser.glsl"

const uint BIN_STRIDE = ROW_LANES + EDGES + 1u; // odd; the first ones are below all edges, each of a lane; the last is not used
const uint OWN_BINS = EDGES / ROW_LANES;
const uint OWN_STEPS = OCTAVO_STEP_COUNT / ROW_LANES;
const uint STEP_WORDS = (STEP_EDGES + 3u) / 4u;
const uint COUNT_SHIFT = 22u;       // of a bin: sum of magnitudes, below 2^21, and their number above
const uint COUNT_ONE = 1u << COUNT_SHIFT;
const uint COUNT_PLACE = COUNT_ONE >> OCTAVO_EDGE_SHIFT; // what a one in the number adds to a place
const uint LAST_PLACE = COUNT_PLACE + EDGE_PLACES - 1u;
const uint CODE_STRIDE = 17u * (CHANNELS / 32u); // gathered codes of a row
#ifdef OCTAVO_SUBGROUP
const uint ROW_STRIDE = CODE_STRIDE > BIN_STRIDE ? CODE_STRIDE : BIN_STRIDE; // a row's bins, then its codes
const uint BINS_AT = 0u;
#else
const uint ROW_STRIDE = CHANNELS + OWN + BIN_STRIDE; // a row's values, then its codes; and its bins
const uint BINS_AT = CHANNELS + OWN;
#endif

shared uint rows[ROWS * ROW_STRIDE];
shared uint place_bins[EDGE_PLACES]; // the bin where the last edge at or below a place begins, 0 below all edges

uint lane, row, own, head; // lane `own` of row `row`
uint page, first, count, source; // of the entry
uint record_at, record_flags;
bool of_values; // V
uint dim, element, head_at, token_stride;
float x[16];      // channel own_channel(i) of the row
uint row_token_0, row_token_step; // row r has the token row_token_0 + r * row_token_step of the entry,
bool row_is_there;                // this one, if there is such a token
float token_squares, token_inverse, token_inner, token_levels; // of the token of pass `own` of the row
uint gathered[8]; // codes of four tokens, a byte each: of channel 32 (i / CHAINS) + CHAINS own + i % CHAINS in its low half,
                  // of 16 further in its high one
uint step_bins[OWN_STEPS * STEP_WORDS]; // of steps own, own + ROW_LANES, ..: the bins that begin at their edges, bytes

// Of x[i].
uint own_channel(uint i) {
    return 16u * (i / CHAINS) + CHAINS * own + i % CHAINS;
}

bool has_token(uint r) {
    return row_token_0 + r * row_token_step < count;
}

#include "lib/row_lanes.glsl"
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

uint tensor_word(bool values, uint at) {
#ifdef OCTAVO_APPEND_PAIR
    if (values) {
        return value_tensor[at];
    }
#endif
    return tensor[at];
}

uvec2 tensor_two(bool values, uint at) {
#ifdef OCTAVO_APPEND_PAIR
    if (values) {
        return value_tensor_twos[at];
    }
#endif
    return twos[at];
}

// 0 for what is not there.
float tensor_value(uint token, uint channel) {
    const bool there = token < count && channel < dim;
    const uint at = there ? head_at + (source + token) * token_stride + channel : 0u;
    const float value = element_value(element, at, tensor_word(of_values, element_word(element, at)));
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

#include "lib/append_raw.glsl"

// --- codes --------------------------------------------------------------------------------------------------------------

// The lanes of a row go from an edge to the next: some are far apart.
void place_edges() {
    for (uint at = lane; at < edge_place(0u); at += LANES) {
        place_bins[at] = 0u;
    }
    for (uint i = row; i < EDGES; i += ROWS) {
        const uint end = i + 1u < EDGES ? edge_place(i + 1u) : EDGE_PLACES;
        [[dont_unroll]] for (uint at = edge_place(i) + own; at < end; at += ROW_LANES) {
            place_bins[at] = ROW_LANES + i;
        }
    }
}

// Once the edges are placed and all lanes see them, for all rows.
void find_step_bins() {
    [[unroll]] for (uint n = 0u; n < OWN_STEPS; ++n) {
        const uint width = step_width(n * ROW_LANES + own);
        [[unroll]] for (uint t = 0u; t < STEP_EDGES; ++t) {
            const uint at = n * STEP_WORDS + t / 4u;
            const uint place = ((t + 1u) * width + (1u << (OCTAVO_EDGE_SHIFT - 1u))) >> OCTAVO_EDGE_SHIFT;
            step_bins[at] = (t % 4u == 0u ? 0u : step_bins[at]) | place_bins[place] << (8u * (t % 4u));
        }
    }
}

// Whether the tensor has the channel of x[i]; CHANNELS is dim rounded up to whole 32.
bool has_channel(uint i) {
    return i + 2u * CHAINS < OWN || own_channel(i) < dim;
}

// Into x[], a row that begins with element `at`: at a whole word. Neighbours that a lane has come by one load, if all rows
// of f32 begin at even words. Which tensor is decided once for all.
void load_words(const bool values, uint at) {
    const uint two_at = (at + CHAINS * own) >> 1; // pair, or word of halves, of x[0]; those of x[CHAINS], .. are 8 apart
    if (element == OCTAVO_ELEMENT_F32) {
        if (CHAINS == 2u && ((dim | token_stride | head_at) & 1u) == 0u) {
            [[unroll]] for (uint i = 0u; i < OWN; i += CHAINS) {
                const uvec2 two = has_channel(i) ? tensor_two(values, two_at + 8u * (i / CHAINS)) : uvec2(0u);
                x[i] = uintBitsToFloat(two.x);
                x[i + CHAINS - 1u] = uintBitsToFloat(two.y);
            }
            return;
        }
        [[unroll]] for (uint i = 0u; i < OWN; ++i) {
            x[i] = has_channel(i) ? uintBitsToFloat(tensor_word(values, at + own_channel(i))) : 0.0;
        }
        return;
    }
    [[unroll]] for (uint i = 0u; i < OWN; i += CHAINS) {
        const uint last = i + CHAINS - 1u;
        const uint word = has_channel(i) ? tensor_word(values, two_at + 8u * (i / CHAINS)) : 0u;
        x[i] = element_value(element, own_channel(i), word);
        x[last] = has_channel(last) ? element_value(element, own_channel(last), word) : 0.0;
    }
}

// Into x[]; 0 for what is not there.
void load_row(uint token) {
    const uint at = head_at + (source + token) * token_stride;
    if (token >= count) {
        [[unroll]] for (uint i = 0u; i < OWN; ++i) {
            x[i] = 0.0;
        }
        return;
    }
    if (of_values) {
        load_words(true, at);
    } else {
        load_words(false, at);
    }
    if ((record_flags & OCTAVO_ROTATE_HAS_MEAN) != 0u) {
        [[unroll]] for (uint i = 0u; i < OWN; ++i) {
            precise float centred = x[i] - records[record_at + head * CHANNELS + own_channel(i)];
            x[i] = has_channel(i) ? centred : 0.0;
        }
    }
}

// T of the codec record. Barriers inside.
void transform_row() {
    const uint matrix = record_at + CHANNELS * (push.head_count + head * CHANNELS);
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

// Of chain CHAINS own + c of the 16.
float chain_squares(const uint c) {
    float sum = 0.0;
    [[unroll]] for (uint i = c; i < OWN; i += CHAINS) {
        precise float square = x[i] * x[i];
        precise float more = sum + square;
        sum = more;
    }
    return sum;
}

// The rows at token_0, token_0 + step, .. in the basis of the codes; returns the sum of squares of one's own, 1.
float find_row(uint token_0, uint step) {
    row_token_0 = token_0;
    row_token_step = step;
    row_is_there = has_token(row);
    load_row(token_0 + row * step);
    if (TRANSFORMS != 0u && (record_flags & OCTAVO_ROTATE_HAS_TRANSFORM) != 0u) {
        transform_row();
    } else {
        rotate_row();
    }
    float sum = 0.0;
    if (row_works()) {
        sum = chain_squares(0u);
        if (CHAINS == 2u) {
            precise float both = sum + chain_squares(1u);
            sum = both;
        }
    }
    return row_sum(sum);
}

// 2., 3. x becomes t; of a special row 0, and 0 is returned.
float scale_row(float squares) {
    if (!row_works()) {
        return 0.0;
    }
    const bool special = is_not_finite(squares) || squares < OCTAVO_SQUARES_MIN;
    const float inverse = special ? 0.0 : find_inverse_rms(squares), factor = inverse * OCTAVO_MAGNITUDE_ONE;
    [[unroll]] for (uint i = 0u; i < OWN; ++i) {
        precise float scaled = x[i] * factor;
        x[i] = scaled;
    }
    if (is_not_finite(squares)) {
        [[unroll]] for (uint i = 0u; i < OWN; ++i) {
            x[i] = 0.0;
        }
    }
    return inverse;
}

// 5. Of step n of this lane, from the sums in the bins; below: of all magnitudes below all edges.
uint key_of_step(uint bins_at, uint below, uint n) {
    const uint all = below + rows[bins_at + ROW_LANES];
    uint inner = 0u, levels = 0u;
    [[unroll]] for (uint t = 0u; t < STEP_EDGES; ++t) {
        const uint above = rows[bins_at + (step_bins[n * STEP_WORDS + t / 4u] >> (8u * (t % 4u)) & 0xffu)];
        inner += above & (COUNT_ONE - 1u);
        levels += (t + 1u) * (above >> COUNT_SHIFT);
    }
    return step_key(float((all & (COUNT_ONE - 1u)) + 2u * inner), float(CHANNELS + 8u * levels), n * ROW_LANES + own);
}

// Adds up the magnitudes of x[] between neighbour edges. A third of a row and more is below all edges: in one bin these
// would wait for each other. The edges of two are looked up at once: of four, DG2 spills.
void count_magnitudes(uint bins_at) {
    const uint below_at = bins_at + own;
    uint seen = 0u;
    [[unroll]] for (uint first = 0u; first < OWN; first += 2u) {
        uint counted[2], bins[2];
        [[unroll]] for (uint i = 0u; i < 2u; ++i) {
            counted[i] = magnitude_bits(x[first + i]) - (MAGNITUDE_BITS - COUNT_ONE);
            bins[i] = place_bins[min(counted[i] >> OCTAVO_EDGE_SHIFT, LAST_PLACE) - COUNT_PLACE];
        }
        [[unroll]] for (uint i = 0u; i < 2u; ++i) {
            seen |= atomicAdd(rows[max(bins_at + bins[i], below_at)], counted[i]);
        }
    }
    // No sum has all bits. Where old sums are of no use, NVIDIA's compiler compares the places of all lanes before each
    // atomic, to add up in registers what goes to one.
    if (seen == ~0u) {
        rows[below_at] = seen;
    }
}

// 5. The magnitudes of each row, counted and summed between neighbour edges; then each bin becomes the sum of itself and of
// all above.
uint choose_step() {
    const uint bins_at = row * ROW_STRIDE + BINS_AT, own_bins = bins_at + ROW_LANES + own * OWN_BINS, below_at = bins_at + own;
    uint sum = 0u, below = 0u, key = 0u;
    rows[below_at] = 0u;
    [[unroll]] for (uint i = 0u; i < OWN_BINS; ++i) {
        rows[own_bins + i] = 0u;
    }
    row_barrier();
    if (row_works()) {
        count_magnitudes(bins_at);
    }
    row_barrier();
    if (row_works()) {
        below = rows[below_at];
        [[unroll]] for (uint i = 0u; i < OWN_BINS; ++i) {
            sum += rows[own_bins + i];
        }
    }
    below = row_sum(below);
    sum = row_sum_above(sum);
    if (row_works()) {
        [[unroll]] for (uint i = OWN_BINS; i > 0u; --i) {
            sum += rows[own_bins + i - 1u];
            rows[own_bins + i - 1u] = sum;
        }
    }
    row_barrier();
    if (row_works()) {
        [[unroll]] for (uint n = 0u; n < OWN_STEPS; ++n) {
            key = max(key, key_of_step(bins_at, below, n));
        }
    }
    return 15u - (row_largest(key) & 15u);
}

// 6. Of the token that is byte `pass` of the row's words. The sums of levels are of halves and quarters below 2^24 of them:
// exact.
void find_codes(float squares, float inverse, float factor, uint pass) {
    float inner = 0.0, levels = 0.0;
    if (row_works()) {
        [[unroll]] for (uint i = 0u; i < OWN / 2u; ++i) {
            float codes[2];
            [[unroll]] for (uint n = 0u; n < 2u; ++n) {
                const float t = x[CHAINS * (2u * (i / CHAINS) + n) + i % CHAINS];
                codes[n] = code_of(t, factor);
                const float level = codes[n] - 0.5 * float(LARGEST_CODE);
                inner = fma(signed_magnitude(t), level, inner);
                levels = fma(level, level, levels);
            }
            const uint pair = whole_bits(fma(codes[1], 16.0, codes[0]));
            gathered[i] = (gathered[i] >> 8) | (pair << 24);
        }
    } else {
        [[unroll]] for (uint i = 0u; i < OWN / 2u; ++i) {
            gathered[i] >>= 8;
        }
    }
    inner = row_sum(inner);
    if (of_values) { // a key's scale needs none
        levels = row_sum(levels);
    }
    if (own == pass) {
        token_squares = squares;
        token_inverse = inverse;
        token_inner = inner;
        token_levels = levels;
    }
}

void gather_codes(float squares, uint pass) {
    const float inverse = scale_row(squares);
    const float factor = inverse_step(choose_step()) * (1.0 / OCTAVO_MAGNITUDE_ONE);
    find_codes(squares, inverse, factor, pass);
    row_barrier();
}

// 7.
uint find_scale() {
    const float inner = token_inner * (1.0 / OCTAVO_MAGNITUDE_ONE);
    precise float numerator = of_values ? inner : token_squares * token_inverse;
    precise float denominator = of_values ? token_inverse * token_levels : inner;
    return is_not_finite(token_squares) ? OCTAVO_SCALE_NAN : token_inverse == 0.0 ? 0u : half_quotient(numerator, denominator);
}

#include "lib/append_store.glsl"

// A row that is not finite is NaN in all channels, as its codes are.
void store_window(float squares, uint token) {
    publish_row();
    [[unroll]] for (uint i = 0u; i < OWN; i += CHAINS) {
        const uint channel = own_channel(i);
        float neighbour = x[i + CHAINS - 1u];
        if (CHAINS == 1u) {
            neighbour = row_value(channel ^ 1u);
        }
        const uint pair = half_bits(x[i]) | (half_bits(neighbour) << 16);
        if (token < count && (channel & 1u) == 0u) {
            pool[window_at(token) + channel / 2u] = is_not_finite(squares) ? OCTAVO_SCALE_NAN * 0x10001u : pair;
        }
    }
    row_barrier();
}

// Row r of a pass is token 4 r + pass of the group, or, for a window, token 8 pass + r of the entry.
void write_rows(bool to_window, uint seed) {
    const uint slot = first % 32u, step = to_window ? 1u : 4u;
    // one token has one byte of each word of codes, more may have all
    const bool is_single = !to_window && count == 1u;
    const uint pass_first = is_single ? slot & 3u : 0u;
    const uint pass_end = is_single ? pass_first + 1u : to_window ? (count + ROWS - 1u) / ROWS : 4u;
    [[unroll]] for (uint i = 0u; i < OWN / 2u; ++i) {
        gathered[i] = 0u;
    }
    if (!to_window) {
        place_edges();
    }
    find_signs(seed);
    if (!to_window) {
        find_step_bins();
    }
    [[dont_unroll]] for (uint pass = pass_first; pass < pass_end; ++pass) {
        const uint token_0 = to_window ? ROWS * pass : pass - slot, token = token_0 + step * row;
        const float squares = find_row(token_0, step);
        if (to_window) {
            store_window(squares, token);
        } else {
            gather_codes(squares, pass);
        }
    }
    if (!to_window) {
        store_codes(8u * (4u - pass_end));
    }
}

void main() {
    lane = find_lane();
    row = lane / ROW_LANES;
    own = lane % ROW_LANES;
    head = gl_WorkGroupID.y;
    of_values = ROLE == OCTAVO_APPEND_VALUES || (ROLE == OCTAVO_APPEND_BOTH && gl_WorkGroupID.z == 1u);
    const uint entry = gl_WorkGroupID.x * OCTAVO_APPEND_ENTRY_WORDS;
    read_entry(entry);
    const bool to_window = lists[entry + 3u] != source;
    if (BITS == 16u) {
        write_raw(to_window);
        return;
    }
    write_rows(to_window, lists[entry + 6u]);
}
