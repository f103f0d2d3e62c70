#version 450
// Decode and short chunks on matrix units: walks the tiles of packed codes with matrix products whose fragments are made
// in registers, prepares the queries and finishes the rows in the same dispatch.
//
// A product S^T = K Q^T takes 16 tokens by 8 query rows, then O^T = V^T P^T takes 16 channels by 8 query rows. Lane 4 g + t
// owns group t of 32 channels of K and the row g of Q; of S^T the tokens g and g + 8 and the rows 2 t and 2 t + 1, of V^T
// group t of 32 tokens: the softmaxed S changes lanes in shared memory, 16 bytes a lane. A step takes 32 tokens of a tile, of
// which the lanes of g have four: 32 (g mod 4) + 8 m + 4 (g / 4) + j in step m. Steps of a share are dealt to the subgroups of
// the workgroup, which merge their partial results in shared memory; the last workgroup that arrives at a query tile merges
// those of all (Flash-Decoding; nobody waits for another).
//
// Codes become f16 by one mask, as the subnormal numbers that their bits are where they lie. Keys stay so (the power of two
// goes to the query, the zero level to the accumulator at the start); values are brought to code - (2^bits - 1) / 2, since
// their sums may cancel.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "octavo_abi.h"
#include "lib/fragments.glsl"
#include "lib/elements.glsl"
#include "lib/group_codes.glsl"
#include "lib/mask.glsl"
#include "lib/page_layout.glsl"

layout(local_size_x_id = OCTAVO_SPEC_LOCAL_SIZE) in;
layout(constant_id = OCTAVO_SPEC_ROWS) const uint ROWS = 4;
layout(constant_id = OCTAVO_SPEC_LOGITS) const uint LOGITS = 0;

#ifdef OCTAVO_EMULATED_MATRIX
#define ACROSS_WORKGROUPS coherent
#else
#define ACROSS_WORKGROUPS queuefamilycoherent
#endif
layout(set = 0, binding = OCTAVO_WALK_POOL, std430) readonly buffer pool_words { uint pool[]; };
layout(set = 0, binding = OCTAVO_WALK_POOL, std430) readonly buffer pool_quads { uvec4 pool4[]; };
layout(set = 0, binding = OCTAVO_WALK_LISTS, std430) readonly buffer list_words { uint lists[]; };
layout(set = 0, binding = OCTAVO_WALK_SCRATCH, std430) ACROSS_WORKGROUPS buffer scratch_words { uint scratch[]; };
layout(set = 0, binding = OCTAVO_WALK_SCRATCH, std430) ACROSS_WORKGROUPS buffer scratch_quads { vec4 scratch4[]; };
layout(set = 0, binding = OCTAVO_WALK_QUERIES, std430) readonly buffer query_words { uint queries[]; };
layout(set = 0, binding = OCTAVO_WALK_RECORDS, std430) readonly buffer record_words { float records[]; };
layout(set = 0, binding = OCTAVO_WALK_OUTPUT, std430) buffer output_words { uint tensor[]; };
layout(set = 0, binding = OCTAVO_WALK_LSE, std430) writeonly buffer lse_words { float lse[]; };
layout(push_constant) uniform push_block { octavo_attention_push push; };

const uint TEAMS = gl_WorkGroupSize.x / 32u;                // subgroups
const uint HALVES = ROWS > 8u ? 2u : 1u;                    // of up to 16 rows, eight a fragment
const uint SCORES = 2u * HALVES;                            // fragments of a step: [half][x]
const uint KEY_GROUPS = (KEY_PAD / 32u + 3u) / 4u;          // of a lane
const uint KEY_STEPS = KEY_GROUPS * 8u;
const bool RAW_KEYS = KEY_BITS == 16u, RAW_VALUES = VALUE_BITS == 16u; // f16, not codes
const uint KEY_WORDS = RAW_KEYS ? 1u : KEY_GROUPS * KEY_BITS;               // of a lane and token
const uint CHANNEL_SETS = VALUE_PAD / 32u;                  // a lane has four channels of each
const uint RAW_VALUE_QUADS = RAW_VALUES ? 4u * CHANNEL_SETS : 4u; // words of four channels each, f16
const uint WIDEST_PAD = KEY_PAD > VALUE_PAD ? KEY_PAD : VALUE_PAD;
const uint STAGE = TEAMS * 32u;
const float HALF_UNIT = 1.0 / 16777216.0; // of a subnormal f16
#define KEY_UNIT (RAW_KEYS ? 1.0 : HALF_UNIT)
#define KEY_ZERO (RAW_KEYS ? 0.0 : float((1u << (KEY_BITS & 15u)) - 1u) * 0.5)
#define VALUE_UNIT (RAW_VALUES ? 1.0 : 1.0 / 512.0) // of values as f16
#define VALUE_ZERO (float((1u << (VALUE_BITS & 15u)) - 1u) * 0.5)

// A logit that is not seen, and the largest logit before any: real logits stay far above both.
const float UNSEEN = -1.0e30, LOWEST = -1.0e29;

shared uvec2 shared_query[HALVES * KEY_STEPS * 32u]; // [half][step of 16 channels][lane]: fragments B, two words each
shared uvec2 shared_weights[TEAMS * HALVES * 64u];   // [team][half][lane of S^T][row]: see exchange
shared float rows[ROWS * WIDEST_PAD];      // merged outputs
shared float stage[ROWS * STAGE];          // [team][row][channel of a set]
shared float team_max[TEAMS * ROWS];
shared float team_sum[TEAMS * ROWS];
shared uint row_token[ROWS], row_head[ROWS]; // in the caller's tensors
shared float row_mean[ROWS];
shared float row_scale[ROWS];              // logit of one unit of a product
shared float row_offset[ROWS];             // what the zero level of the keys takes from it
shared float row_max[ROWS];
shared float row_sum[ROWS];
shared uint shared_arrivals;

uint lane, head, team, g, t;

#include "lib/rotation.glsl"
#include "lib/share_list.glsl"
#include "lib/row_places.glsl"
#include "lib/row_registers.glsl"
#include "lib/query_rows.glsl"
#include "lib/finish_rows.glsl"

octavo_sequence_record sequence;
octavo_query_tile tile;

// State of this subgroup.
fragment_c result[HALVES * CHANNEL_SETS * 2u]; // [half][set][a]: channels 32 set + 4 g + 2 a and the next, rows 2 t and 2 t + 1
// Of the rows 8 half + 2 t and the next. Weights are relative to 2^running_max value_reference, of which each follows the
// largest logit and V scale so far, but only by great steps: f16 has room, and steps cost a pass over the results.
vec2 logit_scale[HALVES], logit_offset[HALVES], logit_mean[HALVES];
vec2 running_max[HALVES], running_sum[HALVES];
float value_reference;
uint scale_limit;      // f16 in the high half: V scales from here on ask for a greater reference
vec2 exponent[HALVES]; // log2 of what weights are relative to

// --- rows -----------------------------------------------------------------------------------------------------------

// Row `odd` of the two of this lane in a half of the rows; the last one for those that are not there.
uint lane_row(uint h, uint odd) {
    return min(8u * h + 2u * t + odd, ROWS - 1u);
}

fragment_b query_fragment(uint h, uint step) {
    const uvec2 pairs = shared_query[(h * KEY_STEPS + step) * 32u + lane_in_subgroup()];
    return make_b(pairs.x, pairs.y);
}

void start_rows() {
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        const uint even = lane_row(h, 0u), odd = lane_row(h, 1u);
        logit_scale[h] = vec2(row_scale[even], row_scale[odd]);
        logit_offset[h] = vec2(row_offset[even], row_offset[odd]);
        logit_mean[h] = vec2(row_mean[even], row_mean[odd]);
        running_max[h] = vec2(LOWEST);
        running_sum[h] = vec2(0.0);
        exponent[h] = vec2(LOWEST);
    }
    value_reference = 0.0;
    scale_limit = 0u;
    UNROLL for (uint n = 0u; n < HALVES * CHANNEL_SETS * 2u; ++n) {
        result[n] = fragment_c(0.0);
    }
}

// --- softmax ----------------------------------------------------------------------------------------------------------

bool row_is_empty(uint row) {
    return mask_row_is_empty(push.mask, row_position(sequence, row), sequence.key_count);
}

vec2 finish_logits(uint h, vec2 x) {
    if ((LOGITS & OCTAVO_LOGITS_SOFTCAP) != 0u && push.softcap > 0.0) {
        const vec2 e = exp2(x * (2.0 * 1.44269504));
        x = push.softcap * (1.0 - 2.0 / (e + 1.0));
    }
    if ((LOGITS & OCTAVO_LOGITS_UNIFORM) != 0u && mask_empty_mode(push.mask) == 2u) {
        x = mix(x, vec2(0.0), bvec2(row_is_empty(lane_row(h, 0u)), row_is_empty(lane_row(h, 1u))));
    }
    return x;
}

const float ROOM = 5.0;       // of logits above running_max, in powers of 2
const float SCALE_PART = 1.0 / 128.0; // value_reference of the largest V scale: weights of small ones stay normal in f16
const float SCALE_ROOM = 8.0 / SCALE_PART; // of V scales above value_reference: with ROOM, half of what f16 has

// Makes room for logits up to largest[h] of the rows and a V scale: all results follow. The largest ones so far give the new
// references.
void raise(vec2 largest[HALVES], float value_scale) {
    const float reference = max(max(value_reference, column_max(value_scale) * SCALE_PART), 1.0e-8);
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        const vec2 new_max = max(running_max[h], vec2(column_max(largest[h].x), column_max(largest[h].y)));
        const vec2 factor = exp2(running_max[h] - new_max) * (value_reference / reference);
        running_max[h] = new_max;
        running_sum[h] *= factor;
        exponent[h] = new_max + log2(reference);
        UNROLL for (uint n = h * CHANNEL_SETS * 2u; n < (h + 1u) * CHANNEL_SETS * 2u; ++n) {
            result[n][0] *= factor.x;
            result[n][1] *= factor.y;
            result[n][2] *= factor.x;
            result[n][3] *= factor.y;
        }
    }
    value_reference = reference;
    scale_limit = packHalf2x16(vec2(0.0, min(SCALE_ROOM * reference, 65504.0)));
}

// Weights of this lane's tokens and rows to fragments B of O^T = V^T P^T: words[h] has, for the even row and then for the odd
// one, a word of each fragment x: the tokens whose places in S^T are rows g and g + 8 of it. Returns [half]: low words of
// both x, then high words.
void exchange(uvec4 words[HALVES], out uvec4 weights[HALVES]) {
    const uint base = team * HALVES * 64u, own = lane_in_subgroup();
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        shared_weights[base + h * 64u + 2u * own] = words[h].xy;
        shared_weights[base + h * 64u + 2u * own + 1u] = words[h].zw;
    }
    team_sync();
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        // of row g: pairs t and t + 4 of tokens
        weights[h] = uvec4(shared_weights[base + h * 64u + 8u * t + g], shared_weights[base + h * 64u + 32u + 8u * t + g]);
    }
    team_sync();
}

// --- steps -------------------------------------------------------------------------------------------------------

// A step of 32 tokens of the share.
struct step_place {
    octavo_tile_range range;
    uint range_index; // in the lists
    uint step;        // of the range; four a tile
    uint page, next_page;
};

uint page_of(octavo_tile_range range, uint index) {
    return lists[range.pages + min(index, range.count - 1u)];
}

// The next range from `index` on that is no window, in a share that has one.
void enter_range(inout step_place place, uint index) {
    do {
        place.range = load_range(index);
        index += 1u;
    } while (place.range.kind == OCTAVO_RUN_WINDOW);
    place.range_index = index - 1u;
}

// Step `step` of the share.
step_place seek(octavo_share share, uint step) {
    step_place place;
    place.range = share.range;
    place.range_index = share.range_first; // a window comes last
    while (step >= 4u * place.range.count) {
        step -= 4u * place.range.count;
        enter_range(place, place.range_index + 1u);
    }
    place.page = step < 4u && place.range_index == share.range_first ? share.page : page_of(place.range, step >> 2);
    place.step = step;
    place.next_page = page_of(place.range, (step >> 2) + 1u);
    return place;
}

// The step after `place`; if the share has none, some step, of which loads are harmless.
void advance(inout step_place place, bool has_next) {
    place.step += 1u;
    if ((place.step & 3u) == 0u) {
        place.page = place.next_page;
        if (has_next && place.step == 4u * place.range.count) {
            enter_range(place, place.range_index + 1u);
            place.step = 0u;
            place.page = page_of(place.range, 0u);
        }
        place.next_page = page_of(place.range, (place.step >> 2) + 1u);
    }
}

// --- a step of packed codes ---------------------------------------------------------------------------------------------

// Of a step: a word of four tokens each, the scales of four tokens, and a word of four channels each. Loaded for the next
// step as soon as the last one is done with them.
uvec4 key_quads[KEY_WORDS], scale_quad, value_quads[CHANNEL_SETS];

// In quads of words, as all of the following.
uint tile_base(uint page) {
    return (page * push.head_count + head) * (HEAD_WORDS / 4u);
}

// The codes 2 m and 2 m + 1 of 3 bits lie in all three words when m is 3.
bool is_spread(uint m) {
    return VALUE_BITS == 3u && m == 3u;
}

uint value_base(uint page) {
    return tile_base(page) + VALUE_TILE / 4u + t * (VALUE_BITS * VALUE_PAD / 4u) + g;
}

// The quad of this lane's tokens in a plane of 128.
uint token_quad(uint m) {
    return 8u * (g & 3u) + 2u * m + (g >> 2);
}

void load_keys(uint page, uint m) {
    const uint base = tile_base(page) + token_quad(m);
    UNROLL for (uint l = 0u; l < KEY_GROUPS && !RAW_KEYS; ++l) {
        const uint group_at = base + min(4u * l + t, KEY_PAD / 32u - 1u) * (KEY_BITS * OCTAVO_TILE_TOKENS / 4u);
        UNROLL for (uint n = 0u; n < KEY_BITS; ++n) {
            key_quads[l * KEY_BITS + n] = pool4[group_at + n * (OCTAVO_TILE_TOKENS / 4u)];
        }
    }
    scale_quad = pool4[base + SCALES / 4u];
}

void load_values(uint page, uint m) {
    if (RAW_VALUES) {
        return;
    }
    const uint base = value_base(page), value_at = base + (VALUE_BITS == 2u ? m >> 1 : is_spread(m) ? 0u : m) * (VALUE_PAD / 4u);
    UNROLL for (uint s = 0u; s < CHANNEL_SETS; ++s) {
        value_quads[s] = pool4[value_at + 8u * s];
    }
}

// The largest V scale of those that are finite; scales are not negative, and V has the high halves.
float largest_scale(uvec4 scales) {
    scales = mix(uvec4(0u), scales, lessThan(scales, uvec4(0x7c000000u)));
    return unpackHalf2x16(max(max(scales.x, scales.y), max(scales.z, scales.w))).y;
}

// Which of four tokens are read from packed pages.
uint packed_tokens(uint token_first) {
    return mask_below(int(sequence.packed_end), token_first) & ~mask_below(int(sequence.packed_begin), token_first);
}

// Which of them a row sees.
uint seen_tokens(uint row, uint token_first) {
    const uint sees = row_is_empty(row) ? mask_empty_mode(push.mask) != 0u ? 15u : 0u
                                        : mask_sees_four(push.mask, row_position(sequence, row), token_first);
    return sees & packed_tokens(token_first);
}

// Hides what a row of half h does not see of four tokens; bit j of bad: the V of token j is not finite.
void hide_tokens(uint h, uint token_first, uint bad, inout vec2 x[4]) {
    const uint even = seen_tokens(lane_row(h, 0u), token_first), odd = seen_tokens(lane_row(h, 1u), token_first);
    UNROLL for (uint j = 0u; j < 4u; ++j) {
        x[j] = vec2((even & (1u << j)) != 0u ? x[j].x : UNSEEN, (odd & (1u << j)) != 0u ? x[j].y : UNSEEN);
    }
    const float not_a_number = uintBitsToFloat(0x7fc00000u);
    running_sum[h] += vec2((bad & even) != 0u ? not_a_number : 0.0, (bad & odd) != 0u ? not_a_number : 0.0);
}

// At the end of a list: scales beside the packed tokens may be anything, and those of tokens that some rows do not see.
// Returns the tokens whose V is not finite.
uint clear_scales(uint token_first, inout uvec4 scales) {
    const uint packed = packed_tokens(token_first);
    uint bad = 0u;
    UNROLL for (uint j = 0u; j < 4u; ++j) {
        const bool inside = (packed & (1u << j)) != 0u;
        bad |= inside && scales[j] >= 0x7c000000u ? 1u << j : 0u;
        scales[j] = !inside ? 0u : scales[j] >= 0x7c000000u ? scales[j] & 0xffffu : scales[j];
    }
    return bad;
}

// Token of fragment x of S^T in row g (b 0) or g + 8 (b 1): pairs are those of a word of V.
uint token_of(uint x, uint b) {
    return RAW_VALUES ? 2u * x + b : x + 2u * b;
}

#include "lib/walk_matrix_products.glsl"

// The tokens of a step, of which keys and scales are here: leaves their places and loads the next ones'.
void walk_step(inout step_place place, bool has_next) {
    const uint m = place.step & 3u, page = place.page;
    const uint token_first = (place.range.first + (place.step >> 2)) * OCTAVO_TILE_TOKENS + 4u * token_quad(m);
    const bool edge = place.range.kind == OCTAVO_RUN_EDGE;
    uvec4 raw_values[RAW_VALUE_QUADS];
    if (RAW_VALUES) { // on their way during the scores
        const uint value_at = tile_base(page) + VALUE_TILE / 4u + (16u * t + 4u * m) * (VALUE_PAD / 4u) + g;
        UNROLL for (uint s = 0u; s < CHANNEL_SETS; ++s) {
            UNROLL for (uint n = 0u; n < 4u; ++n) {
                raw_values[(4u * s + n) % RAW_VALUE_QUADS] = pool4[value_at + n * (VALUE_PAD / 4u) + 8u * s];
            }
        }
    }
    fragment_c scores[SCORES]; // [half][x]
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        UNROLL for (uint i = 0u; i < 2u; ++i) {
            scores[2u * h + i][0] = scores[2u * h + i][2] = -logit_offset[h].x;
            scores[2u * h + i][1] = scores[2u * h + i][3] = -logit_offset[h].y;
        }
    }
    if (RAW_KEYS) {
        score_raw(tile_base(page) + token_quad(m), scores);
    } else {
        score_codes(scores);
    }
    uvec4 scales = scale_quad;
    advance(place, has_next);
    load_keys(place.page, place.step & 3u);

    uint bad = 0u;
    if (edge) {
        bad = clear_scales(token_first, scales);
    }
    vec2 x[HALVES * 4u], largest[HALVES]; // [half][token]
    bool rises = !RAW_VALUES && max(max(scales.x, scales.y), max(scales.z, scales.w)) >= scale_limit;
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        vec2 y[4];
        UNROLL for (uint i = 0u; i < 2u; ++i) {
            UNROLL for (uint b = 0u; b < 2u; ++b) {
                const uint j = token_of(i, b);
                const float key_scale = RAW_KEYS ? 1.0 : unpackHalf2x16(scales[j]).x;
                const vec2 sum = vec2(scores[2u * h + i][2u * b], scores[2u * h + i][2u * b + 1u]);
                y[j] = finish_logits(h, sum * (key_scale * logit_scale[h]) + logit_mean[h]);
            }
        }
        if (edge) {
            hide_tokens(h, token_first, bad, y);
        }
        largest[h] = max(max(y[0], y[1]), max(y[2], y[3]));
        rises = rises || any(greaterThan(largest[h], running_max[h] + ROOM));
        UNROLL for (uint j = 0u; j < 4u; ++j) {
            x[4u * h + j] = y[j];
        }
    }
    if (any_lane(rises)) {
        raise(largest, RAW_VALUES ? 1.0 : largest_scale(scales));
    }
    uvec4 words[HALVES], weights[HALVES];
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        vec2 p[4], sum = vec2(0.0);
        UNROLL for (uint j = 0u; j < 4u; ++j) {
            p[j] = exp2(x[4u * h + j] - exponent[h]);
            sum += p[j];
            p[j] *= RAW_VALUES ? 1.0 : unpackHalf2x16(scales[j]).y;
        }
        running_sum[h] += sum;
        const vec2 low[2] = vec2[2](p[token_of(0u, 0u)], p[token_of(1u, 0u)]), high[2] = vec2[2](p[token_of(0u, 1u)], p[token_of(1u, 1u)]);
        words[h] = uvec4(packHalf2x16(vec2(low[0].x, high[0].x)), packHalf2x16(vec2(low[1].x, high[1].x)),
                         packHalf2x16(vec2(low[0].y, high[0].y)), packHalf2x16(vec2(low[1].y, high[1].y)));
    }
    exchange(words, weights);
    if (RAW_VALUES) {
        const uint bad_values = add_raw(raw_values, weights);
        if (any_lane(bad_values != 0u)) {
            poison_rows(bad_values, token_first);
        }
    } else {
        add_codes(page, m, weights);
        load_values(place.page, place.step & 3u);
    }
}

#include "lib/walk_matrix_window.glsl"

// --- a share --------------------------------------------------------------------------------------------------------

void walk_share(octavo_share share) {
    const uint steps = 4u * share.tile_count, begin = steps * team / TEAMS, end = steps * (team + 1u) / TEAMS;
    step_place place;
    if (begin < end) { // the first codes are on their way while the query is made
        place = seek(share, begin);
        load_keys(place.page, place.step & 3u);
        load_values(place.page, place.step & 3u);
    }
    load_query_rows(sequence, tile);
    start_rows();
    [[dont_unroll]] for (uint step = begin; step < end; ++step) {
        walk_step(place, step + 1u < end);
    }
    [[dont_unroll]] for (uint r = 0u; r < share.range_count; ++r) {
        const octavo_tile_range window = load_range(share.range_first + r);
        if (window.kind == OCTAVO_RUN_WINDOW) {
            walk_window(window);
        }
    }
}

#include "lib/walk_matrix_merge.glsl"

void main() {
    lane = gl_LocalInvocationID.x;
    head = gl_WorkGroupID.y;
    team = subgroup_of_lane();
    g = lane_in_subgroup() >> 2;
    t = lane_in_subgroup() & 3u;
    uint begin, end;
    group_shares(gl_WorkGroupID.x, begin, end);
    [[dont_unroll]] for (uint n = begin; n < end; ++n) {
        const octavo_share share = load_share(n);
        tile = share.tile;
        sequence = share.sequence;
        walk_share(share);
        merge_teams();
        if (tile.partial_count == 1u || arrive(share.partial, share.tile_index)) {
            if (tile.partial_count > 1u) {
                merge_partials();
            }
            finish_tile();
        }
        barrier();
    }
}
