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
const float SCALE_ROOM = 8.0; // of V scales above value_reference

// Makes room for logits up to largest[h] of row g + 8 h and a V scale: all results follow. The largest ones so far give
// the new references.
void raise(float largest[2], float value_scale) {
    const float reference = max(max(value_reference, quad_max(value_scale)), 1.0e-8);
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

void score_codes(uvec4 keys[KEY_WORDS], inout fragment_c scores[4]) {
    UNROLL for (uint l = 0u; l < KEY_GROUPS; ++l) {
        UNROLL for (uint c = 0u; c < 8u; ++c) {
            const fragment_a query = query_fragment(l * 8u + c);
            const uint at = (l * KEY_BITS) % KEY_WORDS;
            UNROLL for (uint i = 0u; i < 4u; ++i) {
                const uint w0 = keys[at][i], w1 = keys[(at + 1u) % KEY_WORDS][i];
                const uint w2 = KEY_BITS > 2u ? keys[(at + 2u) % KEY_WORDS][i] : 0u;
                const uint w3 = KEY_BITS > 3u ? keys[(at + 3u) % KEY_WORDS][i] : 0u;
                scores[i] = multiply_add(query,
                                         make_b(code_halves(KEY_BITS, c, w0, w1, w2, w3),
                                                code_halves(KEY_BITS, c, w0 >> 8, w1 >> 8, w2 >> 8, w3 >> 8)),
                                         scores[i]);
            }
        }
    }
}

// f16 keys of four tokens; key_at: of the quad of word 0.
void score_raw(uint key_at, inout fragment_c scores[4]) {
    UNROLL for (uint l = 0u; l < KEY_GROUPS; ++l) {
        const uint group_at = key_at + min(4u * l + t, KEY_PAD / 32u - 1u) * (16u * OCTAVO_TILE_TOKENS / 4u);
        UNROLL for (uint c = 0u; c < 8u; ++c) {
            const uvec4 low = pool4[group_at + (2u * c) * (OCTAVO_TILE_TOKENS / 4u)];
            const uvec4 high = pool4[group_at + (2u * c + 1u) * (OCTAVO_TILE_TOKENS / 4u)];
            const fragment_a query = query_fragment(l * 8u + c);
            UNROLL for (uint i = 0u; i < 4u; ++i) {
                scores[i] = multiply_add(query, make_b(low[i], high[i]), scores[i]);
            }
        }
    }
}

void add_values(uint n, fragment_a channels, uvec2 weights) {
    result[n] = multiply_add(channels, make_b(weights.x, weights.y), result[n]);
}

void add_codes(uint page, uint m, uvec4 values[CHANNEL_SETS], uvec2 weights[STEP_WEIGHTS]) {
    UNROLL for (uint s = 0u; s < CHANNEL_SETS; ++s) {
        if (is_spread(m)) {
            const uint value_at = value_base(page) + 8u * s;
            const uvec4 w1 = pool4[value_at + VALUE_PAD / 4u], w2 = pool4[value_at + VALUE_PAD / 2u];
            UNROLL for (uint j = 0u; j < 4u; ++j) {
                values[s][j] = code_word_pair(VALUE_BITS, 3u, values[s][j], w1[j], w2[j], 0u);
            }
        } else if (VALUE_BITS == 2u) {
            values[s] >>= 4u * (m & 1u);
        }
        const uvec4 shifted = values[s] >> 8;
        UNROLL for (uint e = 0u; e < 2u; ++e) {
            const float unit = VALUE_UNIT / HALF_UNIT / float(1u << (e * (VALUE_BITS & 15u))), zero_term = -VALUE_ZERO * VALUE_UNIT;
            const uint mask = ((1u << (VALUE_BITS & 15u)) - 1u) * 0x00010001u << (e * (VALUE_BITS & 15u));
            uvec2 pairs[4];
            UNROLL for (uint j = 0u; j < 4u; ++j) {
                pairs[j] = uvec2(halves_multiply_add(values[s][j] & mask, unit, zero_term),
                                 halves_multiply_add(shifted[j] & mask, unit, zero_term));
            }
            UNROLL for (uint a = 0u; a < 2u; ++a) {
                const fragment_a channels = make_a(pairs[2u * a].x, pairs[2u * a].y, pairs[2u * a + 1u].x, pairs[2u * a + 1u].y);
                UNROLL for (uint h = 0u; h < HALVES; ++h) {
                    add_values((h * CHANNEL_SETS + s) * 2u + a, channels, weights[h * 2u + e]);
                }
            }
        }
    }
}

bool has_infinite_half(uint pair) {
    return (pair & 0x7c00u) == 0x7c00u || (pair & 0x7c000000u) == 0x7c000000u;
}

uint finite_halves(uint pair) {
    return ((pair & 0x7c00u) == 0x7c00u ? 0u : pair & 0xffffu) | ((pair & 0x7c000000u) == 0x7c000000u ? 0u : pair & 0xffff0000u);
}

// f16 values. Those that are not finite are left out of the products, where they would reach rows that do not see their
// token; returns the tokens (of this lane's eight) that have some.
uint add_raw(uvec4 values[RAW_VALUE_QUADS], uvec2 weights[STEP_WEIGHTS]) {
    uint bad = 0u;
    UNROLL for (uint s = 0u; s < CHANNEL_SETS; ++s) {
        UNROLL for (uint e = 0u; e < 2u; ++e) {
            uvec4 low = values[(4u * s + 2u * e) % RAW_VALUE_QUADS], high = values[(4u * s + 2u * e + 1u) % RAW_VALUE_QUADS];
            bool any_bad = false;
            UNROLL for (uint j = 0u; j < 4u; ++j) {
                any_bad = any_bad || has_infinite_half(low[j]) || has_infinite_half(high[j]);
            }
            if (any_bad) {
                [[dont_unroll]] for (uint j = 0u; j < 4u; ++j) {
                    bad |= ((low[j] & 0x7c00u) == 0x7c00u ? 1u : 0u) << (4u * e);
                    bad |= ((low[j] & 0x7c000000u) == 0x7c000000u ? 2u : 0u) << (4u * e);
                    bad |= ((high[j] & 0x7c00u) == 0x7c00u ? 4u : 0u) << (4u * e);
                    bad |= ((high[j] & 0x7c000000u) == 0x7c000000u ? 8u : 0u) << (4u * e);
                    low[j] = finite_halves(low[j]);
                    high[j] = finite_halves(high[j]);
                }
            }
            UNROLL for (uint a = 0u; a < 2u; ++a) {
                const fragment_a channels = make_a(low[2u * a], high[2u * a], low[2u * a + 1u], high[2u * a + 1u]);
                UNROLL for (uint h = 0u; h < HALVES; ++h) {
                    add_values((h * CHANNEL_SETS + s) * 2u + a, channels, weights[h * 2u + e]);
                }
            }
        }
    }
    return bad;
}

// Rows that see a token whose V is not finite.
void poison_rows(uint bad, float x[HALVES][8], bool may_hide) {
    [[dont_unroll]] for (uint j = 0u; j < 8u; ++j) {
        // of the eight lanes of this lane's tokens
        float found = (bad & (1u << j)) != 0u ? 1.0 : 0.0;
        [[dont_unroll]] for (uint distance = 4u; distance < 32u; distance *= 2u) {
            found = max(found, shuffled(found, lane_in_subgroup() ^ distance));
        }
        UNROLL for (uint h = 0u; h < HALVES; ++h) {
            running_sum[h] += found > 0.0 && !(may_hide && x[h][j] == 0.0) ? uintBitsToFloat(0x7fc00000u) : 0.0;
        }
    }
}

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

// --- merging --------------------------------------------------------------------------------------------------------

// The teams' results into rows[], row_max[], row_sum[].
void merge_teams() {
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        const uint row = g + 8u * h;
        const float sum = quad_sum(running_sum[h]);
        if (row < ROWS && t == 0u) {
            team_max[team * ROWS + row] = running_max[h];
            team_sum[team * ROWS + row] = sum * value_reference;
        }
    }
    barrier();
    for (uint r = lane; r < ROWS; r += gl_WorkGroupSize.x) {
        float largest = UNSEEN, sum = 0.0;
        [[dont_unroll]] for (uint i = 0u; i < TEAMS; ++i) {
            largest = max(largest, team_max[i * ROWS + r]);
        }
        [[dont_unroll]] for (uint i = 0u; i < TEAMS; ++i) {
            const float factor = exp2(team_max[i * ROWS + r] - largest);
            team_max[i * ROWS + r] = factor;
            sum += team_sum[i * ROWS + r] * factor;
        }
        row_max[r] = largest;
        row_sum[r] = sum;
    }
    barrier();
    UNROLL for (uint s = 0u; s < CHANNEL_SETS; ++s) {
        UNROLL for (uint h = 0u; h < HALVES; ++h) {
            UNROLL for (uint j = 0u; j < 2u; ++j) {
                const uint row = 2u * t + j + 8u * h;
                if (row < ROWS) {
                    const float factor = team_max[team * ROWS + row] * (value_reference / VALUE_UNIT);
                    const uint at = (team * ROWS + row) * 32u + 4u * g;
                    UNROLL for (uint a = 0u; a < 2u; ++a) {
                        const uint n = (h * CHANNEL_SETS + s) * 2u + a;
                        stage[at + 2u * a] = result[n][j] * factor;
                        stage[at + 2u * a + 1u] = result[n][2u + j] * factor;
                    }
                }
            }
        }
        barrier();
        [[dont_unroll]] for (uint i = lane; i < ROWS * 32u; i += gl_WorkGroupSize.x) {
            float sum = 0.0;
            [[dont_unroll]] for (uint k = 0u; k < TEAMS; ++k) {
                sum += stage[k * ROWS * 32u + i];
            }
            rows[(i / 32u) * VALUE_PAD + 32u * s + i % 32u] = sum;
        }
        barrier();
    }
}

uint partial_row(uint partial, uint row) {
    return (partial * push.head_count + head) * ROWS + row;
}

// What all lanes wrote before is there for who sees what one of them writes after.
void release_writes() {
#ifdef OCTAVO_EMULATED_MATRIX
    memoryBarrierBuffer();
    barrier();
#else
    controlBarrier(gl_ScopeWorkgroup, gl_ScopeQueueFamily, gl_StorageSemanticsBuffer, gl_SemanticsRelease);
#endif
}

void acquire_writes() {
#ifdef OCTAVO_EMULATED_MATRIX
    memoryBarrierBuffer();
#else
    memoryBarrier(gl_ScopeQueueFamily, gl_StorageSemanticsBuffer, gl_SemanticsAcquire);
#endif
}

// Leaves this workgroup's partial result; true in the workgroup that brought the last one of the tile.
bool arrive(uint partial, uint tile_index) {
    [[dont_unroll]] for (uint i = lane; i < tile.row_count * VALUE_PAD; i += gl_WorkGroupSize.x) {
        scratch[push.output_offset + partial_row(partial, 0u) * VALUE_PAD + i] = floatBitsToUint(rows[i]);
    }
    for (uint r = lane; r < tile.row_count; r += gl_WorkGroupSize.x) {
        scratch[push.sum_offset + 2u * partial_row(partial, r)] = floatBitsToUint(row_max[r]);
        scratch[push.sum_offset + 2u * partial_row(partial, r) + 1u] = floatBitsToUint(row_sum[r]);
    }
    release_writes();
    if (lane == 0u) {
        const uint at = push.arrival_offset + tile_index * push.head_count + head;
        const uint arrivals = atomicAdd(scratch[at], 1u) + 1u;
        shared_arrivals = arrivals;
        if (arrivals == tile.partial_count) {
            scratch[at] = 0u; // for the next call
        }
    }
    barrier();
    if (shared_arrivals != tile.partial_count) {
        return false;
    }
    acquire_writes();
    return true;
}

// All partial results of the tile into rows[], row_max[], row_sum[], in the order of their numbers; a team takes a row of
// sums at a time, a lane four channels of a row.
void merge_partials() {
    const uint stride = push.head_count * ROWS, first_row = partial_row(tile.partial_first, 0u);
    [[dont_unroll]] for (uint r = team; r < tile.row_count; r += TEAMS) {
        float largest = UNSEEN, sum = 0.0;
        [[dont_unroll]] for (uint first = 0u; first < tile.partial_count; first += 32u) {
            const uint p = first + lane_in_subgroup(), at = push.sum_offset + 2u * (first_row + r + min(p, tile.partial_count - 1u) * stride);
            const float own = uintBitsToFloat(scratch[at]), own_sum = p < tile.partial_count ? uintBitsToFloat(scratch[at + 1u]) : 0.0;
            const float new_max = max(largest, subgroup_max(own));
            sum = sum * exp2(largest - new_max) + subgroup_sum(own_sum * exp2(own - new_max));
            largest = new_max;
        }
        if (lane_in_subgroup() == 0u) {
            row_max[r] = largest;
            row_sum[r] = sum;
        }
    }
    barrier();
    [[dont_unroll]] for (uint i = lane; i < tile.row_count * (VALUE_PAD / 4u); i += gl_WorkGroupSize.x) {
        const uint r = i / (VALUE_PAD / 4u), sum_at = push.sum_offset + 2u * (first_row + r);
        const uint output_at = (push.output_offset + (first_row + r) * VALUE_PAD) / 4u + i % (VALUE_PAD / 4u);
        const float largest = row_max[r];
        vec4 x = vec4(0.0);
        [[dont_unroll]] for (uint first = 0u; first < tile.partial_count; first += 8u) {
            vec4 values[8]; // loads first, so that they overlap
            float maxima[8];
            UNROLL for (uint j = 0u; j < 8u; ++j) {
                const uint p = min(first + j, tile.partial_count - 1u) * stride;
                values[j] = scratch4[output_at + p * (VALUE_PAD / 4u)];
                maxima[j] = uintBitsToFloat(scratch[sum_at + 2u * p]);
            }
            UNROLL for (uint j = 0u; j < 8u; ++j) {
                x += first + j < tile.partial_count ? exp2(maxima[j] - largest) * values[j] : vec4(0.0);
            }
        }
        UNROLL for (uint c = 0u; c < 4u; ++c) {
            rows[4u * i + c] = x[c];
        }
    }
    barrier();
}

// A team takes a row at a time: the sum is finished, the rotation of V undone, the output written.
void finish_tile() {
    [[dont_unroll]] for (uint r = team; r < tile.row_count; r += TEAMS) {
        if (lane_in_subgroup() == 0u) {
            finish_sum(sequence, r);
        }
        float x[ROW_REGISTERS_MAX];
        UNROLL for (uint k = 0u; k < CHANNEL_SETS; ++k) {
            x[k] = rows[r * VALUE_PAD + 32u * k + lane_in_subgroup()];
        }
        if (!RAW_VALUES) {
            mix_registers(VALUE_PAD, x);
            flip_registers(VALUE_PAD, sequence.seed, x);
        }
        team_sync();
        UNROLL for (uint k = 0u; k < CHANNEL_SETS; ++k) {
            rows[r * VALUE_PAD + 32u * k + lane_in_subgroup()] = x[k];
        }
        team_sync();
        [[dont_unroll]] for (uint channel = 2u * lane_in_subgroup(); channel < push.value_dim; channel += 64u) {
            const uint at = r * VALUE_PAD + channel;
            store_outputs(r, channel, vec2(rows[at], rows[at + 1u]), channel + 1u < push.value_dim);
        }
    }
}

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
