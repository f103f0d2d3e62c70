#version 450
// Decode and short chunks on matrix units: walks the tiles of packed codes with matrix products whose fragments are made
// in registers, prepares the queries and finishes the rows in the same dispatch.
//
// A product S^T = K Q^T takes 16 tokens by 8 query rows, then O^T = V^T P^T takes 16 channels by 8 query rows. Lane 4 g + t
// owns group t of 32 channels of K and the row g of Q; of S^T the tokens g and g + 8 and the rows 2 t and 2 t + 1, of V^T
// group t of 32 tokens: the softmaxed S changes lanes in shared memory, 16 bytes a lane. A step takes 32 SETS tokens of a
// tile, of which the lanes of g have SETS quads (see token_quad). Steps of a share are dealt to the subgroups of the workgroup
// in turn (see step_places.glsl). Subgroups merge their partial results in shared memory; the last workgroup that arrives at
// a query tile merges those of all (Flash-Decoding; nobody waits for another).
//
// Codes become f16 by one mask, as the subnormal numbers that their bits are where they lie: the power of two goes to the
// query and to the weights. The zero level of the keys goes to the accumulator at the start of a step. That of the values is
// taken from the results once a step, times the sum of the step's weights as they were rounded to f16: a product with rows of
// ones gives it. What cancels then is never more than a step's.
//
// A short context is code that runs once, and more of it than an instruction cache of 32 KiB holds: some three clocks an
// instruction (H200), whatever waits for what. What all run once has to be few instructions.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "octavo_abi.h"
#include "lib/fragments.glsl"
#include "lib/elements.glsl"
#include "lib/group_codes.glsl"
#include "lib/mask.glsl"
#include "lib/page_layout.glsl"
#include "lib/softcap.glsl"

layout(local_size_x_id = OCTAVO_SPEC_LOCAL_SIZE) in;
layout(constant_id = OCTAVO_SPEC_ROWS) const uint ROWS = 4;
layout(constant_id = OCTAVO_SPEC_LOGITS) const uint LOGITS = 0;

#ifdef OCTAVO_EMULATED_MATRIX
#define ACROSS_WORKGROUPS coherent
#else
#define ACROSS_WORKGROUPS queuefamilycoherent
#endif
layout(set = 0, binding = OCTAVO_WALK_POOL, std430) readonly buffer pool_words { uint pool[]; };
layout(set = 0, binding = OCTAVO_WALK_POOL, std430) readonly buffer pool_pairs { uvec2 pool2[]; };
layout(set = 0, binding = OCTAVO_WALK_POOL, std430) readonly buffer pool_quads { uvec4 pool4[]; };
layout(set = 0, binding = OCTAVO_WALK_LISTS, std430) readonly buffer list_words { uint lists[]; };
layout(set = 0, binding = OCTAVO_WALK_SCRATCH, std430) ACROSS_WORKGROUPS buffer scratch_words { uint scratch[]; };
layout(set = 0, binding = OCTAVO_WALK_SCRATCH, std430) ACROSS_WORKGROUPS buffer scratch_pairs { vec2 scratch2[]; };
layout(set = 0, binding = OCTAVO_WALK_SCRATCH, std430) ACROSS_WORKGROUPS buffer scratch_quads { vec4 scratch4[]; };
layout(set = 0, binding = OCTAVO_WALK_QUERIES, std430) readonly buffer query_words { uint queries[]; };
layout(set = 0, binding = OCTAVO_WALK_RECORDS, std430) readonly buffer record_words { float records[]; };
layout(set = 0, binding = OCTAVO_WALK_OUTPUT, std430) buffer output_words { uint tensor[]; };
layout(set = 0, binding = OCTAVO_WALK_LSE, std430) writeonly buffer lse_words { float lse[]; };
layout(push_constant) uniform push_block { octavo_attention_push push; };

const uint TEAMS = gl_WorkGroupSize.x / 32u;                // subgroups
const uint HALVES = ROWS > 8u ? 2u : 1u;                    // of up to 16 rows, eight a fragment
const bool RAW_KEYS = KEY_BITS == 16u, RAW_VALUES = VALUE_BITS == 16u; // f16, not codes
const uint KEY_GROUPS = (KEY_PAD / 32u + 3u) / 4u;          // of a lane
const uint KEY_STEPS = KEY_GROUPS * 8u;
const uint CHANNEL_SETS = VALUE_PAD / 32u;                  // a lane has four channels of each
// Quads of tokens of a lane and step: two, if keys and scales, values, results and scores leave room for some 70 more of 255
// registers; twice the products lie between a load and its use then.
const uint STEP_REGISTERS = 8u * (KEY_GROUPS * KEY_BITS + 1u) + 12u * CHANNEL_SETS + 8u * (CHANNEL_SETS + 2u) * HALVES;
const uint SETS = RAW_KEYS || RAW_VALUES || STEP_REGISTERS > 180u ? 1u : 2u;
const uint STEPS = 4u / SETS; // of a tile
const uint PARTS = SETS * HALVES;                           // [set][half]
const uint SCORES = 2u * PARTS;                             // fragments of a step: [set][half][x]
const uint QUAD_LOGITS = 4u * PARTS;                        // [set][half][token]
const uint KEY_WORDS = RAW_KEYS ? 1u : KEY_GROUPS * KEY_BITS; // of a lane and token
const uint KEY_QUADS = SETS * KEY_WORDS;
const uint RAW_VALUE_QUADS = RAW_VALUES ? 4u * CHANNEL_SETS : 4u; // words of four channels each, f16
const uint VALUE_QUADS = SETS * CHANNEL_SETS, SPREAD_QUADS = 2u * CHANNEL_SETS;
const uint WIDEST_PAD = KEY_PAD > VALUE_PAD ? KEY_PAD : VALUE_PAD;
const uint STAGE_MOST = ROWS * TEAMS > 128u ? 1u : ROWS * TEAMS > 64u ? 2u : ROWS * TEAMS > 32u ? 4u : 8u; // 32 KiB
const uint STAGE_SETS = CHANNEL_SETS < STAGE_MOST ? CHANNEL_SETS : STAGE_MOST; // that teams merge at once
const uint STAGE_PAIRS = ROWS * STAGE_SETS * 16u;
const uint QUERY_PAIRS = HALVES * KEY_STEPS * 32u, STEP_PAIRS = QUERY_PAIRS + TEAMS * PARTS * 72u;
const float HALF_UNIT = 1.0 / 16777216.0; // of a subnormal f16
#define KEY_UNIT (RAW_KEYS ? 1.0 : HALF_UNIT)
#define KEY_ZERO (RAW_KEYS ? 0.0 : float((1u << (KEY_BITS & 15u)) - 1u) * 0.5)
#define VALUE_UNIT (RAW_VALUES ? 1.0 : HALF_UNIT) // of values as f16
#define VALUE_MASK (((1u << (VALUE_BITS & 15u)) - 1u) * 0x00010001u) // of a pair of codes; of each, twice the zero level

// A logit that is not seen, and the largest logit before any: real logits stay far above both.
const float UNSEEN = -1.0e30, LOWEST = -1.0e29;

// During steps [half][step of 16 channels][lane], fragments B of the query, two words each, and from QUERY_PAIRS on
// [team][half][set][lane of S^T][row], see exchange. Afterwards [team][row][pair of channels of some sets]: results.
shared uvec2 area[STEP_PAIRS > TEAMS * STAGE_PAIRS ? STEP_PAIRS : TEAMS * STAGE_PAIRS];
shared float rows[ROWS * WIDEST_PAD];      // merged outputs
shared float team_max[TEAMS * ROWS];
shared float team_sum[TEAMS * ROWS];
shared uint row_token[ROWS], row_head[ROWS]; // in the caller's tensors
shared float row_mean[ROWS];
shared float row_scale[ROWS];              // logit of one unit of a product
shared float row_offset[ROWS];             // what the zero level of the keys takes from it
shared float row_max[ROWS];
shared float row_sum[ROWS];
shared uint shared_arrivals;
shared uint share_words[OCTAVO_SHARE_WORDS]; // of the share at hand: registers are for the steps

uint lane, head, team, g, t;

#include "lib/rotation_parts.glsl"
#include "lib/share_list.glsl"

octavo_share share() {
#define SHARED_WORD(i) share_words[i]
    return OCTAVO_SHARE_FROM(SHARED_WORD);
}

#include "lib/row_places.glsl"
#include "lib/row_registers.glsl"
#include "lib/query_rows.glsl"
#include "lib/finish_rows.glsl"
#include "lib/edge_tokens.glsl"

// State of this subgroup.
fragment_c result[HALVES * CHANNEL_SETS * 2u]; // [half][set][a]: channels 32 set + 4 g + 2 a and the next, rows 2 t and 2 t + 1
// Of the rows 8 half + 2 t and the next. Weights are relative to 2^running_max value_reference, of which each follows the
// largest logit and V scale so far, but only by great steps: f16 has room, and steps cost a pass over the results.
vec2 logit_scale[HALVES], logit_mean[HALVES];
fragment_c score_start[HALVES]; // what the zero level of the keys takes
vec2 running_max[HALVES], running_sum[HALVES];
float value_reference;
uint scale_limit;      // f16 in the high half: V scales from here on ask for a greater reference
vec2 exponent[HALVES]; // log2 of what weights are relative to; 0 while a row has seen nothing
vec2 logit_limit[HALVES]; // logits less the exponent from here on ask for a greater one
vec2 rescale[HALVES];  // of the results, which a raise leaves to the values' products

// --- rows -----------------------------------------------------------------------------------------------------------

// Row `odd` of the two of this lane in a half of the rows; the last one for those that are not there.
uint lane_row(uint h, uint odd) {
    return min(8u * h + 2u * t + odd, ROWS - 1u);
}

fragment_b query_fragment(uint h, uint step) {
    const uvec2 pairs = area[(h * KEY_STEPS + step) * 32u + lane_in_subgroup()];
    return make_b(pairs.x, pairs.y);
}

void start_rows() {
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        const uint even = lane_row(h, 0u), odd = lane_row(h, 1u);
        logit_scale[h] = vec2(row_scale[even], row_scale[odd]);
        score_start[h] = fragment_c(0.0);
        score_start[h][0] = score_start[h][2] = -row_offset[even];
        score_start[h][1] = score_start[h][3] = -row_offset[odd];
        logit_mean[h] = vec2(row_mean[even], row_mean[odd]);
        running_max[h] = vec2(LOWEST);
        running_sum[h] = vec2(0.0);
        exponent[h] = vec2(0.0);
        logit_limit[h] = vec2(LOWEST);
    }
    value_reference = 0.0;
    scale_limit = 0u;
    UNROLL for (uint n = 0u; n < HALVES * CHANNEL_SETS * 2u; ++n) {
        result[n] = fragment_c(0.0);
    }
}

// --- softmax ----------------------------------------------------------------------------------------------------------

vec2 finish_logits(uint h, vec2 x) {
    if ((LOGITS & OCTAVO_LOGITS_SOFTCAP) != 0u && push.softcap > 0.0) {
        x = vec2(soft_capped(push.softcap, x.x), soft_capped(push.softcap, x.y));
    }
    if ((LOGITS & OCTAVO_LOGITS_UNIFORM) != 0u && mask_empty_mode(push.mask) == 2u) {
        x = mix(x, vec2(0.0), bvec2(row_is_empty(lane_row(h, 0u)), row_is_empty(lane_row(h, 1u))));
    }
    return x;
}

const float ROOM = 4.0;       // of logits above running_max, in powers of 2
// value_reference of the largest V scale: weights of small ones stay normal in f16, also where odd codes divide them by up to 16.
const float SCALE_PART = 1.0 / 1024.0;
const float SCALE_ROOM = 2.0 / SCALE_PART; // of V scales above value_reference: with ROOM, half of what f16 has

// Makes room for logits up to largest[h] of the rows and a V scale; the largest ones so far give the new references. Results
// are still to be multiplied by rescale[].
void raise(vec2 largest[HALVES], float value_scale) {
    const float reference = max(max(value_reference, column_max(value_scale) * SCALE_PART), 1.0e-8);
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        const vec2 new_max = max(running_max[h], vec2(column_max(largest[h].x), column_max(largest[h].y)));
        const bvec2 seen = greaterThan(new_max, vec2(LOWEST));
        rescale[h] = exp2(running_max[h] - new_max) * (value_reference / reference);
        running_max[h] = new_max;
        running_sum[h] *= rescale[h];
        exponent[h] = mix(vec2(0.0), new_max + log2(reference), seen);
        logit_limit[h] = mix(vec2(LOWEST), vec2(ROOM - log2(reference)), seen);
    }
    value_reference = reference;
    scale_limit = packHalf2x16(vec2(0.0, min(SCALE_ROOM * reference, 65504.0)));
}

void keep_results() {
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        rescale[h] = vec2(1.0);
    }
}

// Multiplies the results and takes `zero` from each: always, since a branch around them would copy their registers.
void rescale_results(vec2 zero[HALVES]) {
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        UNROLL for (uint n = h * CHANNEL_SETS * 2u; n < (h + 1u) * CHANNEL_SETS * 2u; ++n) {
            result[n][0] = fma(result[n][0], rescale[h].x, -zero[h].x);
            result[n][1] = fma(result[n][1], rescale[h].y, -zero[h].y);
            result[n][2] = fma(result[n][2], rescale[h].x, -zero[h].x);
            result[n][3] = fma(result[n][3], rescale[h].y, -zero[h].y);
        }
    }
}

// Weights of this lane's tokens and rows become fragments B of O^T = V^T P^T through shared memory. `words` has, for the even
// row and then for the odd one, a word of each fragment x: the tokens whose places in S^T are rows g and g + 8 of it. Quads of
// lanes lie 36 words of 8 bytes apart, so that all reads spread over the banks.
uint quad_at(uint h, uint u, uint quad) {
    return QUERY_PAIRS + ((team * HALVES + h) * SETS + u) * 72u + (quad >> 2) * 36u + (quad & 3u) * 8u;
}

void leave_weights(uint h, uint u, uvec4 words) {
    const uint at = quad_at(h, u, g) + 2u * t;
    area[at] = words.xy;
    area[at + 1u] = words.zw;
}

// words[set][half]; returns, of each pair of codes of this lane's V, [pair][half]: words of the even code, then of the odd one.
void exchange(uvec4 words[PARTS], out uvec4 weights[PARTS]) {
    UNROLL for (uint n = 0u; n < PARTS; ++n) {
        leave_weights(n % HALVES, n / HALVES, words[n]);
    }
    team_sync();
    UNROLL for (uint n = 0u; n < PARTS; ++n) {
        // of row g, of two quads of lanes: t and t + 4 or, of two sets, 4 (t & 1) + 2 u and the next; see token_quad
        const uint h = n % HALVES, u = n / HALVES;
        const uint at = g + (SETS == 1u ? quad_at(h, 0u, t) : quad_at(h, t >> 1, 4u * (t & 1u)) + 16u * u);
        weights[n] = uvec4(area[at], area[at + (SETS == 1u ? 36u : 8u)]);
    }
    team_sync();
}

// --- steps -------------------------------------------------------------------------------------------------------

#include "lib/step_places.glsl"

// --- a step of packed codes ---------------------------------------------------------------------------------------------

// Of a step: a word of four tokens each, and the scales of four tokens. Loaded for the next step as soon as the last one is
// done with them.
uvec4 key_quads[KEY_QUADS], scale_quads[SETS];
// A word of four channels each, loaded at the start of the step: of the codes of pair u, and what the spread ones want beside.
uvec4 value_quads[VALUE_QUADS], spread_quads[SPREAD_QUADS];

// In quads of words, as all of the following.
uint tile_base(uint page) {
    return (page * push.head_count + head) * (HEAD_WORDS / 4u);
}

// The pair of codes 2 m and 2 m + 1 of 3 bits lies in all three words when m is 3.
bool is_spread(uint m) {
    return VALUE_BITS == 3u && m == 3u;
}

// The quad of this lane's tokens in a plane of 128: set u of step m. Those of group a are 8 a .. 8 a + 7, one a code; step m
// has the codes 2 SETS m .. of all four groups. With two sets a load takes 64 bytes in a row. Values that are no codes have
// no such groups: 32 tokens in a row.
uint token_quad(uint m, uint u) {
    return RAW_VALUES ? 8u * m + 2u * (g & 3u) + (g >> 2) : SETS == 1u ? 8u * (g & 3u) + 2u * m + (g >> 2) : 8u * (2u * u + (g >> 2)) + 4u * m + (g & 3u);
}

void load_keys(uint page, uint m) {
    UNROLL for (uint u = 0u; u < SETS; ++u) {
        const uint base = tile_base(page) + token_quad(m, u);
        UNROLL for (uint l = 0u; l < KEY_GROUPS && !RAW_KEYS; ++l) {
            const uint group_at = base + min(4u * l + t, KEY_PAD / 32u - 1u) * (KEY_BITS * OCTAVO_TILE_TOKENS / 4u);
            UNROLL for (uint n = 0u; n < KEY_BITS; ++n) {
                key_quads[u * KEY_WORDS + l * KEY_BITS + n] = pool4[group_at + n * (OCTAVO_TILE_TOKENS / 4u)];
            }
        }
        scale_quads[u] = pool4[base + SCALES / 4u];
    }
}

void load_values(uint page, uint m) {
    if (RAW_VALUES) {
        return;
    }
    const uint base = tile_base(page) + VALUE_TILE / 4u + t * (VALUE_BITS * VALUE_PAD / 4u) + g;
    UNROLL for (uint u = 0u; u < SETS; ++u) {
        const uint pair = SETS * m + u, word = VALUE_BITS == 2u ? pair >> 1 : is_spread(pair) ? 0u : pair;
        UNROLL for (uint s = 0u; s < CHANNEL_SETS; ++s) {
            value_quads[u * CHANNEL_SETS + s] = pool4[base + word * (VALUE_PAD / 4u) + 8u * s];
        }
    }
    if (is_spread(SETS * m + SETS - 1u)) {
        UNROLL for (uint s = 0u; s < CHANNEL_SETS; ++s) {
            spread_quads[s] = pool4[base + VALUE_PAD / 4u + 8u * s];
            if (SETS == 1u) { // the other pair has it
                spread_quads[CHANNEL_SETS + s] = pool4[base + VALUE_PAD / 2u + 8u * s];
            }
        }
    }
}

#include "lib/walk_matrix_edges.glsl"

// Token of fragment x of S^T in row g (b 0) or g + 8 (b 1): pairs are those of a word of V.
uint token_of(uint x, uint b) {
    return RAW_VALUES ? 2u * x + b : x + 2u * b;
}

#include "lib/walk_matrix_products.glsl"

// Logits of a half's rows, less the exponent.
vec2 relative_logits(uint h, vec2 sum, float key_scale) {
    const vec2 factor = key_scale * logit_scale[h];
    return LOGITS == 0u ? sum * factor + (logit_mean[h] - exponent[h]) : finish_logits(h, sum * factor + logit_mean[h]) - exponent[h];
}

// The tokens of a step, of which keys and scales are here: leaves their places and loads the next ones'.
void walk_step(inout step_place place, uint distance, bool has_next) {
    const uint m = place.step % STEPS, page = place.page, following = next_page(place, distance);
    const uint tile_first = (place.range.first + place.step / STEPS) * OCTAVO_TILE_TOKENS;
    const bool edge = place.range.kind == OCTAVO_RUN_EDGE;
    uvec4 raw_values[RAW_VALUE_QUADS];
    if (RAW_VALUES) { // on their way during the scores, as codes
        const uint value_at = tile_base(page) + VALUE_TILE / 4u + (16u * m + 4u * t) * (VALUE_PAD / 4u) + g;
        UNROLL for (uint s = 0u; s < CHANNEL_SETS; ++s) {
            UNROLL for (uint n = 0u; n < 4u; ++n) {
                raw_values[(4u * s + n) % RAW_VALUE_QUADS] = pool4[value_at + n * (VALUE_PAD / 4u) + 8u * s];
            }
        }
    }
    load_values(page, m);
    fragment_c scores[SCORES]; // [set][half][x]
    UNROLL for (uint n = 0u; n < SCORES; ++n) {
        scores[n] = score_start[(n >> 1) % HALVES];
    }
    if (RAW_KEYS) {
        score_raw(tile_base(page) + token_quad(m, 0u), scores);
    } else {
        score_codes(scores);
    }
    uvec4 scales[SETS];
    vec2 x[QUAD_LOGITS], largest[HALVES];
    UNROLL for (uint u = 0u; u < SETS; ++u) {
        scales[u] = scale_quads[u];
        UNROLL for (uint h = 0u; h < HALVES; ++h) {
            UNROLL for (uint i = 0u; i < 2u; ++i) {
                UNROLL for (uint b = 0u; b < 2u; ++b) {
                    const uint j = token_of(i, b), part = u * HALVES + h, n = 2u * part + i;
                    const float key_scale = RAW_KEYS ? 1.0 : unpackHalf2x16(scales[u][j]).x;
                    x[4u * part + j] = relative_logits(h, vec2(scores[n][2u * b], scores[n][2u * b + 1u]), key_scale);
                }
            }
        }
    }
    if (edge) {
        hide_tokens(tile_first, m, scales, x);
    }
    bool rises = false;
    UNROLL for (uint u = 0u; u < SETS && !RAW_VALUES; ++u) {
        rises = rises || max(max(scales[u].x, scales[u].y), max(scales[u].z, scales[u].w)) >= scale_limit;
    }
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        largest[h] = vec2(UNSEEN);
        UNROLL for (uint n = 0u; n < 4u * SETS; ++n) {
            largest[h] = max(largest[h], x[4u * ((n >> 2) * HALVES + h) + (n & 3u)]);
        }
        rises = rises || any(greaterThan(largest[h], logit_limit[h]));
    }
    keep_results();
    if (any_lane(rises)) {
        vec2 before[HALVES];
        float value_scale = RAW_VALUES ? 1.0 : 0.0;
        UNROLL for (uint u = 0u; u < SETS && !RAW_VALUES; ++u) {
            value_scale = max(value_scale, largest_scale(scales[u]));
        }
        UNROLL for (uint h = 0u; h < HALVES; ++h) {
            before[h] = exponent[h];
            largest[h] += exponent[h];
        }
        raise(largest, value_scale);
        UNROLL for (uint n = 0u; n < QUAD_LOGITS; ++n) {
            const uint h = (n >> 2) % HALVES;
            x[n] += before[h] - exponent[h];
        }
    }
    // here the last keys are used up, and the branch keeps the loads behind: the same registers take the next ones
    advance(place, distance, following, has_next);
    load_keys(place.page, place.step % STEPS);

    uvec4 words[PARTS], weights[PARTS];
    UNROLL for (uint n = 0u; n < PARTS; ++n) {
        vec2 p[4], sum = vec2(0.0);
        UNROLL for (uint j = 0u; j < 4u; ++j) {
            p[j] = exp2(x[4u * n + j]);
            sum += p[j];
            p[j] *= RAW_VALUES ? 1.0 : unpackHalf2x16(scales[n / HALVES][j]).y;
        }
        running_sum[n % HALVES] += sum;
        const vec2 low[2] = vec2[2](p[token_of(0u, 0u)], p[token_of(1u, 0u)]), high[2] = vec2[2](p[token_of(0u, 1u)], p[token_of(1u, 1u)]);
        words[n] = uvec4(packHalf2x16(vec2(low[0].x, high[0].x)), packHalf2x16(vec2(low[1].x, high[1].x)),
                         packHalf2x16(vec2(low[0].y, high[0].y)), packHalf2x16(vec2(low[1].y, high[1].y)));
    }
    exchange(words, weights);
    if (RAW_VALUES) {
        vec2 zero[HALVES];
        UNROLL for (uint h = 0u; h < HALVES; ++h) {
            zero[h] = vec2(0.0);
        }
        rescale_results(zero);
        const uint bad_values = add_raw(raw_values, weights);
        if (any_lane(bad_values != 0u)) {
            poison_raw(bad_values, tile_first + 4u * token_quad(m, 0u));
        }
    } else {
        add_codes(m, weights);
    }
}

#include "lib/walk_matrix_window.glsl"

// --- a share --------------------------------------------------------------------------------------------------------

// Chunks of a window are dealt to the teams in turn, from the last team on: the first ones have the steps of a short share.
void walk_share() {
    const uint steps = STEPS * share().tile_count, own_chunk = 16u * (TEAMS - 1u - team);
    step_place place;
    window_rows rows;
    turn = steps_of_turn();
    // the first codes are on their way while the query is made, and where the first rows of a window lie
    if (team * turn < steps) {
        place = seek(team * turn);
        load_keys(place.page, place.step % STEPS);
    }
    if (own_chunk < share().window_count) {
        rows = place_window(share_window(share(), 0u), own_chunk);
    }
    load_query_rows(share().sequence, share().tile);
    start_rows();
    [[dont_unroll]] for (uint step = team * turn; step < steps;) {
        const uint distance = distance_after(step);
        walk_step(place, distance, step + distance < steps);
        step += distance;
    }
    [[dont_unroll]] for (uint i = 0u; i < share().window_ranges; ++i) {
        const octavo_tile_range window = share_window(share(), i);
        [[dont_unroll]] for (uint first = own_chunk; first < window.count; first += 16u * TEAMS) {
            if (i > 0u || first > own_chunk) {
                rows = place_window(window, first);
            }
            walk_window(rows, chunk_tokens(window, first));
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
        if (team == 0u) {
            const uint word = lane_in_subgroup();
            if (word < OCTAVO_SHARE_WORDS) {
                share_words[word] = lists[share_at(n) + word];
            }
            team_sync();
            place_rows(share().sequence, share().tile, 0u, ROWS);
        }
        barrier();
        walk_share();
        merge_teams();
        if (share().tile.partial_count == 1u || arrive(share().tile, share().tile_index)) {
            if (share().tile.partial_count > 1u) {
                merge_partials();
            }
            finish_tile();
        }
        barrier();
    }
}
