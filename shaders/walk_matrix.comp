#version 450
// Decode and short chunks on matrix units: walks the tiles of packed codes with matrix products whose fragments are made
// in registers, prepares the queries and finishes the rows in the same dispatch.
//
// A product S = Q K^T takes up to 16 query rows by 8 tokens, then O^T = V^T P^T takes 16 channels by 8 query rows: the
// softmaxed S of one is the fragment B of the other, so that nothing goes through shared memory. Lane 4 g + t owns group
// t of 32 channels of K, and group t of 32 tokens of V. A step takes 32 tokens of a tile, of which lane t has
// 32 t + 8 m + 4 e + i: product i of the four of step m has them in the columns 2 t + e. Steps of a share are dealt to
// the subgroups of the workgroup, which merge their partial results in shared memory; the last workgroup that arrives at a
// query tile merges those of all (Flash-Decoding; nobody waits for another).
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
const uint HALVES = ROWS > 8u ? 2u : 1u;                    // of the 16 rows of a fragment
const uint KEY_GROUPS = (KEY_PAD / 32u + 3u) / 4u;          // of a lane
const uint KEY_STEPS = KEY_GROUPS * 8u;
const uint STEP_WEIGHTS = HALVES * 2u;
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

// A logit that is not seen. Real logits stay far above it.
const float UNSEEN = -1.0e30;

shared uvec2 shared_query[HALVES * KEY_STEPS * 32u]; // [half][step of 16 channels][lane]: fragments A, two words each
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
shared float window_weights[TEAMS * HALVES * 64u]; // [team][row][token of the chunk]

uint lane, head, team, g, t;

#include "lib/rotation.glsl"
#include "lib/share_list.glsl"
#include "lib/row_places.glsl"
#include "lib/row_registers.glsl"
#include "lib/query_rows.glsl"
#include "lib/finish_rows.glsl"

octavo_sequence_record sequence;
octavo_query_tile tile;

// State of this subgroup; [half]: of row g + 8 half.
fragment_c result[HALVES * CHANNEL_SETS * 2u]; // [half][set][a]: channels 32 set + 4 g + 2 a and the next, rows 2 t and 2 t + 1
float logit_scale[HALVES], logit_offset[HALVES], logit_mean[HALVES];
// Weights are relative to 2^running_max value_reference, of which each follows the largest logit and V scale so far, but
// only by great steps: f16 has room, and steps cost a pass over the results.
float running_max[HALVES], running_sum[HALVES];
float value_reference;
float exponent[HALVES]; // log2 of what weights are relative to
int position[HALVES];
bool row_empty[HALVES];

// --- rows -----------------------------------------------------------------------------------------------------------

fragment_a query_fragment(uint step) {
    const uvec2 low = shared_query[step * 32u + lane_in_subgroup()];
    const uvec2 high = HALVES > 1u ? shared_query[(KEY_STEPS + step) * 32u + lane_in_subgroup()] : uvec2(0u);
    return make_a(low.x, low.y, high.x, high.y);
}

void start_rows() {
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        const uint row = min(g + 8u * h, ROWS - 1u);
        logit_scale[h] = row_scale[row];
        logit_offset[h] = row_offset[row];
        logit_mean[h] = row_mean[row];
        position[h] = sequence.position + int(row_token[row] - sequence.token_base);
        row_empty[h] = mask_row_is_empty(push.mask, position[h], sequence.key_count);
        running_max[h] = UNSEEN;
        running_sum[h] = 0.0;
        exponent[h] = UNSEEN;
    }
    value_reference = 0.0;
    UNROLL for (uint n = 0u; n < HALVES * CHANNEL_SETS * 2u; ++n) {
        result[n] = fragment_c(0.0);
    }
}

// --- softmax ----------------------------------------------------------------------------------------------------------

bool row_sees(uint h, uint token) {
    return row_empty[h] ? mask_empty_mode(push.mask) != 0u : mask_sees(push.mask, position[h], token);
}

float finish_logit(uint h, float x) {
    if ((LOGITS & OCTAVO_LOGITS_SOFTCAP) != 0u && push.softcap > 0.0) {
        const float e = exp2(x * (2.0 * 1.44269504));
        x = push.softcap * (1.0 - 2.0 / (e + 1.0));
    }
    return (LOGITS & OCTAVO_LOGITS_UNIFORM) != 0u && row_empty[h] && mask_empty_mode(push.mask) == 2u ? 0.0 : x;
}

const float ROOM = 5.0;       // of logits above running_max, in powers of 2
const float SCALE_PART = 1.0 / 128.0; // value_reference of the largest V scale: weights of small ones stay normal in f16
const float SCALE_ROOM = 8.0 / SCALE_PART; // of V scales above value_reference: with ROOM, half of what f16 has

// Makes room for logits up to largest[h] of row g + 8 h and a V scale: all results follow. The largest ones so far give
// the new references.
void raise(float largest[2], float value_scale) {
    const float reference = max(max(value_reference, quad_max(value_scale) * SCALE_PART), 1.0e-8);
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        const float new_max = max(running_max[h], quad_max(largest[h]));
        const float factor = exp2(running_max[h] - new_max) * (value_reference / reference);
        running_max[h] = new_max;
        running_sum[h] *= factor;
        exponent[h] = new_max + log2(reference);
        const float even = shuffled(factor, 8u * t), odd = shuffled(factor, 8u * t + 4u);
        UNROLL for (uint n = h * CHANNEL_SETS * 2u; n < (h + 1u) * CHANNEL_SETS * 2u; ++n) {
            result[n][0] *= even;
            result[n][1] *= odd;
            result[n][2] *= even;
            result[n][3] *= odd;
        }
    }
    value_reference = reference;
}

float largest_of(float x[8]) {
    return max(max(max(x[0], x[1]), max(x[2], x[3])), max(max(x[4], x[5]), max(x[6], x[7])));
}

// Logits of eight tokens of row g + 8 h become weights.
void weigh(uint h, inout float x[8], bool may_hide) {
    UNROLL for (uint j = 0u; j < 8u; ++j) {
        const float p = exp2(x[j] - exponent[h]);
        x[j] = may_hide && x[j] == UNSEEN ? 0.0 : p;
    }
    running_sum[h] += ((x[0] + x[1]) + (x[2] + x[3])) + ((x[4] + x[5]) + (x[6] + x[7]));
}

// --- a step of packed codes ---------------------------------------------------------------------------------------------

// Of the next step, on their way: a word of four tokens each, the scales of eight tokens, and a word of four channels each.
uvec4 key_quads[KEY_WORDS], scale_quads[2], value_quads[CHANNEL_SETS];

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

void load_step(uint page, uint m) {
    const uint base = tile_base(page), key_at = base + 8u * (g >> 1) + 2u * m + (g & 1u);
    UNROLL for (uint l = 0u; l < KEY_GROUPS && !RAW_KEYS; ++l) {
        const uint group_at = key_at + min(4u * l + t, KEY_PAD / 32u - 1u) * (KEY_BITS * OCTAVO_TILE_TOKENS / 4u);
        UNROLL for (uint n = 0u; n < KEY_BITS; ++n) {
            key_quads[l * KEY_BITS + n] = pool4[group_at + n * (OCTAVO_TILE_TOKENS / 4u)];
        }
    }
    const uint scale_at = base + SCALES / 4u + 8u * t + 2u * m;
    scale_quads[0] = pool4[scale_at];
    scale_quads[1] = pool4[scale_at + 1u];
    if (RAW_VALUES) {
        return;
    }
    const uint value_at = value_base(page) + (VALUE_BITS == 2u ? m >> 1 : is_spread(m) ? 0u : m) * (VALUE_PAD / 4u);
    UNROLL for (uint s = 0u; s < CHANNEL_SETS; ++s) {
        value_quads[s] = pool4[value_at + 8u * s];
    }
}

// The word with the largest V scale, of those that are finite; scales are not negative, and V has the high halves.
uint largest_scale(uvec4 scales[2]) {
    uvec4 m = max(scales[0], scales[1]);
    uint largest = max(max(m.x, m.y), max(m.z, m.w));
    if (largest >= 0x7c000000u) {
        m = max(mix(uvec4(0u), scales[0], lessThan(scales[0], uvec4(0x7c000000u))),
                mix(uvec4(0u), scales[1], lessThan(scales[1], uvec4(0x7c000000u))));
        largest = max(max(m.x, m.y), max(m.z, m.w));
    }
    return largest;
}

// Which of eight packed tokens a row sees.
uint seen_tokens(uint h, uint token_first) {
    uint seen = 0u;
    [[dont_unroll]] for (uint j = 0u; j < 8u; ++j) {
        const uint token = token_first + j;
        seen |= token >= sequence.packed_begin && token < sequence.packed_end && row_sees(h, token) ? 1u << j : 0u;
    }
    return seen;
}

#include "lib/walk_matrix_products.glsl"

void walk_step(uint page, uint token_tile, uint m, bool edge, bool has_next, uint next_page, uint next_m) {
    const uint token_first = 32u * t + 8u * m;
    uvec4 scales[2] = uvec4[2](scale_quads[0], scale_quads[1]);
    if (edge) { // what lies beside the packed tokens may be anything
        const int begin = int(sequence.packed_begin) - int(token_tile + token_first), end = int(sequence.packed_end) - int(token_tile + token_first);
        UNROLL for (uint j = 0u; j < 8u; ++j) {
            scales[j >> 2][j & 3u] = int(j) >= begin && int(j) < end ? scales[j >> 2][j & 3u] : 0u;
        }
    }
    uvec4 keys[KEY_WORDS], values[CHANNEL_SETS];
    UNROLL for (uint n = 0u; n < KEY_WORDS; ++n) {
        keys[n] = key_quads[n];
    }
    UNROLL for (uint s = 0u; s < CHANNEL_SETS; ++s) {
        values[s] = value_quads[s];
    }
    if (has_next) {
        load_step(next_page, next_m);
    }

    uvec4 raw_values[RAW_VALUE_QUADS];
    if (RAW_VALUES) { // on their way during the scores
        const uint value_at = tile_base(page) + VALUE_TILE / 4u + (16u * t + 4u * m) * (VALUE_PAD / 4u) + g;
        UNROLL for (uint s = 0u; s < CHANNEL_SETS; ++s) {
            UNROLL for (uint n = 0u; n < 4u; ++n) {
                raw_values[(4u * s + n) % RAW_VALUE_QUADS] = pool4[value_at + n * (VALUE_PAD / 4u) + 8u * s];
            }
        }
    }
    fragment_c scores[4];
    UNROLL for (uint i = 0u; i < 4u; ++i) {
        scores[i][0] = scores[i][1] = -logit_offset[0];
        scores[i][2] = scores[i][3] = -logit_offset[HALVES - 1u];
    }
    if (RAW_KEYS) {
        score_raw(tile_base(page) + 8u * (g >> 1) + 2u * m + (g & 1u), scores);
    } else {
        score_codes(keys, scores);
    }

    float x[HALVES][8], largest[2]; // [half][e, i]
    const float value_scale = RAW_VALUES ? 1.0 : unpackHalf2x16(largest_scale(scales)).y;
    bool rises = value_scale >= SCALE_ROOM * value_reference;
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        UNROLL for (uint j = 0u; j < 8u; ++j) {
            const float key_scale = RAW_KEYS ? 1.0 : unpackHalf2x16(scales[j >> 2][j & 3u]).x;
            x[h][j] = finish_logit(h, scores[j & 3u][2u * h + (j >> 2)] * (key_scale * logit_scale[h]) + logit_mean[h]);
        }
        if (edge) {
            const uint seen = seen_tokens(h, token_tile + token_first);
            UNROLL for (uint j = 0u; j < 8u; ++j) {
                x[h][j] = (seen & (1u << j)) != 0u ? x[h][j] : UNSEEN;
            }
        }
        largest[h] = largest_of(x[h]);
        rises = rises || largest[h] > running_max[h] + ROOM;
    }
    if (any_lane(rises)) {
        raise(largest, value_scale);
    }
    uvec2 weights[STEP_WEIGHTS]; // [half][e]
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        weigh(h, x[h], edge);
        UNROLL for (uint e = 0u; e < 2u; ++e) {
            float p[4];
            UNROLL for (uint i = 0u; i < 4u; ++i) {
                p[i] = x[h][4u * e + i] * (RAW_VALUES ? 1.0 : unpackHalf2x16(scales[e][i]).y);
                p[i] = edge && x[h][4u * e + i] == 0.0 ? 0.0 : p[i];
            }
            // paired as their values are
            weights[h * 2u + e] = RAW_VALUES ? uvec2(packHalf2x16(vec2(p[0], p[1])), packHalf2x16(vec2(p[2], p[3])))
                                             : uvec2(packHalf2x16(vec2(p[0], p[2])), packHalf2x16(vec2(p[1], p[3])));
        }
    }
    if (RAW_VALUES) {
        const uint bad = add_raw(raw_values, weights);
        if (any_lane(bad != 0u)) {
            poison_rows(bad, x, edge);
        }
    } else {
        add_codes(page, m, values, weights);
    }
}

#include "lib/walk_matrix_window.glsl"

// --- a share --------------------------------------------------------------------------------------------------------

// A step of 32 tokens of the share.
struct step_place {
    octavo_tile_range range;
    uint range_index; // in the lists
    uint tile, m;     // of the range, of the tile
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
    place.tile = step >> 2;
    place.m = step & 3u;
    place.next_page = page_of(place.range, place.tile + 1u);
    return place;
}

// The step after `place`, in a share that has it.
void advance(inout step_place place) {
    place.m += 1u;
    if (place.m == 4u) {
        place.m = 0u;
        place.tile += 1u;
        place.page = place.next_page;
        if (place.tile == place.range.count) {
            enter_range(place, place.range_index + 1u);
            place.tile = 0u;
            place.page = page_of(place.range, 0u);
        }
        place.next_page = page_of(place.range, place.tile + 1u);
    }
}

void walk_share(octavo_share share) {
    const uint steps = 4u * share.tile_count, begin = steps * team / TEAMS, end = steps * (team + 1u) / TEAMS;
    step_place place;
    if (begin < end) { // the first codes are on their way while the query is made
        place = seek(share, begin);
        load_step(place.page, place.m);
    }
    load_query_rows(sequence, tile);
    start_rows();
    [[dont_unroll]] for (uint step = begin; step < end; ++step) {
        const uint page = place.page, m = place.m, token = (place.range.first + place.tile) * OCTAVO_TILE_TOKENS;
        const bool edge = place.range.kind == OCTAVO_RUN_EDGE, has_next = step + 1u < end;
        if (has_next) {
            advance(place);
        }
        walk_step(page, token, m, edge, has_next, place.page, place.m);
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
