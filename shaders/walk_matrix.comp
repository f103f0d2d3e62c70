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
// Codes become f16 as 1024 + 2^s code by one mask: keys keep that form (the offset goes to the accumulator at the start,
// the power of two to the query), values are brought to code - (2^bits - 1) / 2, since their sums may cancel.
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

#ifdef OCTAVO_EMULATED_MATRIX
#define ACROSS_WORKGROUPS coherent
#else
#define ACROSS_WORKGROUPS queuefamilycoherent
#endif
layout(set = 0, binding = OCTAVO_WALK_POOL, std430) readonly buffer pool_words { uint pool[]; };
layout(set = 0, binding = OCTAVO_WALK_POOL, std430) readonly buffer pool_quads { uvec4 pool4[]; };
layout(set = 0, binding = OCTAVO_WALK_LISTS, std430) readonly buffer list_words { uint lists[]; };
layout(set = 0, binding = OCTAVO_WALK_SCRATCH, std430) ACROSS_WORKGROUPS buffer scratch_words { uint scratch[]; };
layout(set = 0, binding = OCTAVO_WALK_QUERIES, std430) readonly buffer query_words { uint queries[]; };
layout(set = 0, binding = OCTAVO_WALK_RECORDS, std430) readonly buffer record_words { float records[]; };
layout(set = 0, binding = OCTAVO_WALK_OUTPUT, std430) buffer output_words { uint tensor[]; };
layout(set = 0, binding = OCTAVO_WALK_LSE, std430) writeonly buffer lse_words { float lse[]; };
layout(push_constant) uniform push_block { octavo_attention_push push; };

const uint TEAMS = gl_WorkGroupSize.x / 32u;                // subgroups
const uint HALVES = ROWS > 8u ? 2u : 1u;                    // of the 16 rows of a fragment
const uint KEY_GROUPS = (KEY_PAD / 32u + 3u) / 4u;          // of a lane
const uint KEY_WORDS = KEY_GROUPS * KEY_BITS;               // of a lane and token
const uint CHANNEL_SETS = VALUE_PAD / 32u;                  // a lane has four channels of each
const uint WIDEST_PAD = KEY_PAD > VALUE_PAD ? KEY_PAD : VALUE_PAD;
const uint STAGE = TEAMS * 32u > KEY_PAD ? TEAMS * 32u : KEY_PAD;

// A logit that is not seen. Real logits stay far above it.
const float UNSEEN = -1.0e30;

shared float rows[ROWS * WIDEST_PAD];      // queries, then merged outputs
shared float stage[ROWS * STAGE];          // [team][row][channel of a set]
shared float team_max[TEAMS * ROWS];
shared float team_sum[TEAMS * ROWS];
shared float row_mean[ROWS];
shared float row_max[ROWS];
shared float row_sum[ROWS];
shared uint shared_arrivals;
shared float window_weights[HALVES * 8u * 32u]; // [row][token of the chunk]

uint lane, head, team, g, t;

#include "lib/rotation.glsl"
#include "lib/share_list.glsl"
#include "lib/query_rows.glsl"
#include "lib/finish_rows.glsl"

octavo_sequence_record sequence;
octavo_query_tile tile;

// State of this subgroup; [half]: of row g + 8 half.
fragment_a query[KEY_GROUPS * 8u];
fragment_c result[HALVES * CHANNEL_SETS * 2u]; // [half][set][a]: channels 32 set + 4 g + 2 a and the next, rows 2 t and 2 t + 1
float logit_scale[HALVES], logit_offset[HALVES], logit_mean[HALVES];
float running_max[HALVES], running_sum[HALVES];
float value_reference, value_inverse; // the largest V scale so far; weights are relative to it
int position[HALVES];
bool row_empty[HALVES];

// --- the query ----------------------------------------------------------------------------------------------------

float query_value(uint half_row, uint channel) {
    const uint row = g + 8u * half_row;
    return row < ROWS && channel < KEY_PAD ? rows[row * KEY_PAD + channel] : 0.0;
}

// Pairs (4 c, 4 c + 2) and (4 c + 1, 4 c + 3) of group `group`.
uvec2 query_halves(uint half_row, uint group, uint c, float factor) {
    const uint channel = 32u * group + 4u * c;
    const vec4 q = vec4(query_value(half_row, channel), query_value(half_row, channel + 1u),
                        query_value(half_row, channel + 2u), query_value(half_row, channel + 3u)) * factor;
    return uvec2(packHalf2x16(q.xz), packHalf2x16(q.yw));
}

float query_factor(uint half_row) {
    float largest = 0.0;
    for (uint l = 0u; l < KEY_GROUPS; ++l) {
        for (uint c = 0u; c < 32u; ++c) {
            largest = max(largest, abs(query_value(half_row, 32u * (4u * l + t) + c)));
        }
    }
    largest = quad_max(largest);
    return largest > 1.0e-30 ? 1.0 / largest : 0.0;
}

void prepare_query() {
    const float zero = float((1u << KEY_BITS) - 1u) * 0.5;
    float factor[2] = float[2](0.0, 0.0);
    float offset[2] = float[2](0.0, 0.0);
    [[unroll]] for (uint h = 0u; h < HALVES; ++h) {
        factor[h] = query_factor(h);
    }
    [[unroll]] for (uint l = 0u; l < KEY_GROUPS; ++l) {
        [[unroll]] for (uint c = 0u; c < 8u; ++c) {
            const float power = float(1u << halves_shift(KEY_BITS, c));
            uvec2 pairs[2] = uvec2[2](uvec2(0u), uvec2(0u));
            [[unroll]] for (uint h = 0u; h < HALVES; ++h) {
                pairs[h] = query_halves(h, 4u * l + t, c, factor[h] / power);
                const vec2 low = unpackHalf2x16(pairs[h].x), high = unpackHalf2x16(pairs[h].y);
                offset[h] += ((low.x + low.y) + (high.x + high.y)) * (1024.0 + power * zero);
            }
            query[l * 8u + c] = make_a(pairs[0].x, pairs[0].y, pairs[1].x, pairs[1].y);
        }
    }
    [[unroll]] for (uint h = 0u; h < HALVES; ++h) {
        const uint row = min(g + 8u * h, ROWS - 1u);
        logit_offset[h] = quad_sum(offset[h]);
        // a query that is not finite has factor 0 or NaN; its logits become NaN here
        const float check = quad_sum(query_value(h, 32u * t) * 0.0);
        logit_scale[h] = factor[h] > 0.0 ? push.scale / factor[h] : check;
        logit_mean[h] = row_mean[row];
        position[h] = sequence.position + int((tile.row_first + row) / push.group);
        row_empty[h] = mask_row_is_empty(push.mask, position[h], sequence.key_count);
        running_max[h] = UNSEEN;
        running_sum[h] = 0.0;
    }
    value_reference = 0.0;
    value_inverse = 0.0;
    [[unroll]] for (uint n = 0u; n < HALVES * CHANNEL_SETS * 2u; ++n) {
        result[n] = fragment_c(0.0);
    }
}

// --- softmax ----------------------------------------------------------------------------------------------------------

bool row_sees(uint h, uint token) {
    return row_empty[h] ? mask_empty_mode(push.mask) != 0u : mask_sees(push.mask, position[h], token);
}

float finish_logit(uint h, float x) {
    if (push.softcap > 0.0) {
        const float e = exp2(x * (2.0 * 1.44269504));
        x = push.softcap * (1.0 - 2.0 / (e + 1.0));
    }
    return row_empty[h] && mask_empty_mode(push.mask) == 2u ? 0.0 : x;
}

// Brings the running output to new maxima and a new reference: factor[h] for row g + 8 h.
void scale_results(float factor[2]) {
    [[unroll]] for (uint h = 0u; h < HALVES; ++h) {
        if (any_lane(factor[h] != 1.0)) {
            const float even = shuffled(factor[h], 8u * t), odd = shuffled(factor[h], 8u * t + 4u);
            [[unroll]] for (uint n = h * CHANNEL_SETS * 2u; n < (h + 1u) * CHANNEL_SETS * 2u; ++n) {
                result[n][0] *= even;
                result[n][1] *= odd;
                result[n][2] *= even;
                result[n][3] *= odd;
            }
        }
    }
}

// Logits of eight tokens of row g + 8 h become weights relative to the running maximum. Returns what the row's results
// are to be multiplied by.
float weigh(uint h, inout float x[8], bool may_hide) {
    float largest = x[0];
    [[unroll]] for (uint j = 1u; j < 8u; ++j) {
        largest = max(largest, x[j]);
    }
    const float old_max = running_max[h], new_max = max(old_max, quad_max(largest));
    const float correction = exp2(old_max - new_max);
    float sum = 0.0;
    [[unroll]] for (uint j = 0u; j < 8u; ++j) {
        const float p = exp2(x[j] - new_max);
        x[j] = may_hide && x[j] == UNSEEN ? 0.0 : p;
        sum += x[j];
    }
    running_sum[h] = running_sum[h] * correction + sum;
    running_max[h] = new_max;
    return correction;
}

// --- a step of packed codes ---------------------------------------------------------------------------------------------

uvec4 key_quads[KEY_WORDS]; // of the next step: a word of four tokens
struct step_place {
    uint range, tile, m; // of the share; tile of the range
    uint page, next_page;
};
octavo_tile_range range; // of the current place

uint tile_word_base(uint page) {
    return (page * push.head_count + head) * HEAD_WORDS;
}

void load_keys(uint page, uint m) {
    const uint at = tile_word_base(page) + 32u * (g >> 1) + 8u * m + 4u * (g & 1u);
    [[unroll]] for (uint l = 0u; l < KEY_GROUPS; ++l) {
        const uint group = min(4u * l + t, KEY_PAD / 32u - 1u);
        [[unroll]] for (uint n = 0u; n < KEY_BITS; ++n) {
            key_quads[l * KEY_BITS + n] = pool4[(at + (group * KEY_BITS + n) * OCTAVO_TILE_TOKENS) >> 2];
        }
    }
}

void walk_step(uint page, uint token_tile, uint m, bool edge, bool has_next, uint next_page, uint next_m) {
    const uint base = tile_word_base(page), token_first = 32u * t + 8u * m;
    uvec4 scales[2];
    [[unroll]] for (uint e = 0u; e < 2u; ++e) {
        scales[e] = pool4[(base + SCALES + token_first + 4u * e) >> 2];
    }
    // the word with the codes 2 m and 2 m + 1, but for those of 3 bits that lie in all three words
    uvec4 value_quads[CHANNEL_SETS];
    const bool spread = VALUE_BITS == 3u && m == 3u;
    const uint word = VALUE_BITS == 2u ? m >> 1 : spread ? 0u : m;
    const uint value_at = base + VALUE_TILE + (t * VALUE_BITS) * VALUE_PAD + 4u * g;
    [[unroll]] for (uint s = 0u; s < CHANNEL_SETS; ++s) {
        value_quads[s] = pool4[(value_at + word * VALUE_PAD + 32u * s) >> 2];
    }
    uvec4 keys[KEY_WORDS];
    [[unroll]] for (uint n = 0u; n < KEY_WORDS; ++n) {
        keys[n] = key_quads[n];
    }
    if (has_next) {
        load_keys(next_page, next_m);
    }

    // scores
    fragment_c scores[4];
    [[unroll]] for (uint i = 0u; i < 4u; ++i) {
        scores[i][0] = scores[i][1] = -logit_offset[0];
        scores[i][2] = scores[i][3] = -logit_offset[HALVES - 1u];
    }
    [[unroll]] for (uint l = 0u; l < KEY_GROUPS; ++l) {
        [[unroll]] for (uint c = 0u; c < 8u; ++c) {
            [[unroll]] for (uint i = 0u; i < 4u; ++i) {
                const uint w0 = keys[l * KEY_BITS][i], w1 = keys[l * KEY_BITS + 1u][i];
                const uint w2 = KEY_BITS > 2u ? keys[l * KEY_BITS + min(2u, KEY_BITS - 1u)][i] : 0u;
                const uint w3 = KEY_BITS > 3u ? keys[l * KEY_BITS + min(3u, KEY_BITS - 1u)][i] : 0u;
                scores[i] = multiply_add(query[l * 8u + c],
                                         make_b(code_halves(KEY_BITS, c, w0, w1, w2, w3),
                                                code_halves(KEY_BITS, c, w0 >> 8, w1 >> 8, w2 >> 8, w3 >> 8)),
                                         scores[i]);
            }
        }
    }

    // the largest V scale, of those that are finite
    uint largest = 0u;
    [[unroll]] for (uint e = 0u; e < 2u; ++e) {
        [[unroll]] for (uint i = 0u; i < 4u; ++i) {
            largest = max(largest, scales[e][i] < 0x7c000000u ? scales[e][i] : 0u);
        }
    }
    const float step_reference = quad_max(unpackHalf2x16(largest).y);
    float factor[2] = float[2](1.0, 1.0);
    float reference_factor = 1.0;
    if (step_reference > value_reference) { // the same for all lanes
        reference_factor = value_reference / step_reference;
        value_reference = step_reference;
        value_inverse = 1.0 / step_reference;
    }
    uvec2 weights[HALVES * 2u]; // [half][e]
    [[unroll]] for (uint h = 0u; h < HALVES; ++h) {
        float x[8]; // [e][i]
        [[unroll]] for (uint e = 0u; e < 2u; ++e) {
            [[unroll]] for (uint i = 0u; i < 4u; ++i) {
                x[4u * e + i] = finish_logit(h, scores[i][2u * h + e] * (unpackHalf2x16(scales[e][i]).x * logit_scale[h]) + logit_mean[h]);
                if (edge) {
                    const uint token = token_tile + token_first + 4u * e + i;
                    const bool seen = token >= sequence.packed_begin && token < sequence.packed_end && row_sees(h, token);
                    x[4u * e + i] = seen ? x[4u * e + i] : UNSEEN;
                }
            }
        }
        factor[h] = weigh(h, x, edge) * reference_factor;
        [[unroll]] for (uint e = 0u; e < 2u; ++e) {
            float p[4];
            [[unroll]] for (uint i = 0u; i < 4u; ++i) {
                const float weighted = x[4u * e + i] * (unpackHalf2x16(scales[e][i]).y * value_inverse);
                p[i] = edge && x[4u * e + i] == 0.0 ? 0.0 : weighted;
            }
            weights[h * 2u + e] = uvec2(packHalf2x16(vec2(p[0], p[2])), packHalf2x16(vec2(p[1], p[3])));
        }
    }
    scale_results(factor);

    // values
    const float zero = float((1u << VALUE_BITS) - 1u) * 0.5, power = float(1u << VALUE_BITS);
    [[unroll]] for (uint s = 0u; s < CHANNEL_SETS; ++s) {
        if (spread) {
            const uvec4 w1 = pool4[(value_at + VALUE_PAD + 32u * s) >> 2], w2 = pool4[(value_at + 2u * VALUE_PAD + 32u * s) >> 2];
            [[unroll]] for (uint j = 0u; j < 4u; ++j) {
                value_quads[s][j] = code_word_pair(VALUE_BITS, 3u, value_quads[s][j], w1[j], w2[j], 0u);
            }
        } else if (VALUE_BITS == 2u) {
            value_quads[s] >>= 4u * (m & 1u);
        }
        uvec4 shifted = value_quads[s] >> 8;
        [[unroll]] for (uint e = 0u; e < 2u; ++e) {
            const float inverse = e == 0u ? 1.0 : 1.0 / power;
            const float first = e == 0u ? -1024.0 : -1024.0 / power - zero, second = e == 0u ? -zero : 0.0;
            uvec2 pairs[4];
            [[unroll]] for (uint j = 0u; j < 4u; ++j) {
                const uint mask = ((1u << VALUE_BITS) - 1u) * 0x00010001u << (e * VALUE_BITS);
                pairs[j] = uvec2(halves_multiply_add((value_quads[s][j] & mask) | 0x64006400u, inverse, first, second),
                                 halves_multiply_add((shifted[j] & mask) | 0x64006400u, inverse, first, second));
            }
            [[unroll]] for (uint a = 0u; a < 2u; ++a) {
                const fragment_a channels = make_a(pairs[2u * a].x, pairs[2u * a].y, pairs[2u * a + 1u].x, pairs[2u * a + 1u].y);
                [[unroll]] for (uint h = 0u; h < HALVES; ++h) {
                    const uint n = (h * CHANNEL_SETS + s) * 2u + a;
                    result[n] = multiply_add(channels, make_b(weights[h * 2u + e].x, weights[h * 2u + e].y), result[n]);
                }
            }
        }
    }
}

#include "lib/walk_matrix_window.glsl"

// --- a share --------------------------------------------------------------------------------------------------------

uint share_steps(octavo_share share) {
    uint steps = 0u;
    for (uint r = 0u; r < share.range_count; ++r) {
        const octavo_tile_range candidate = load_range(share.range_first + r);
        steps += candidate.kind == OCTAVO_RUN_WINDOW ? 0u : 4u * candidate.count;
    }
    return steps;
}

uint page_of(uint index) {
    return lists[range.pages + min(index, range.count - 1u)];
}

// The place of step `step` of the share.
step_place seek(octavo_share share, uint step) {
    step_place place;
    place.range = share.range_first;
    range = load_range(place.range);
    while (range.kind == OCTAVO_RUN_WINDOW || step >= 4u * range.count) {
        step -= range.kind == OCTAVO_RUN_WINDOW ? 0u : 4u * range.count;
        place.range += 1u;
        range = load_range(place.range);
    }
    place.tile = step >> 2;
    place.m = step & 3u;
    place.page = page_of(place.tile);
    place.next_page = page_of(place.tile + 1u);
    return place;
}

// The place after `place`, in a share that has it.
step_place next_place(step_place place) {
    place.m += 1u;
    if (place.m == 4u) {
        place.m = 0u;
        place.tile += 1u;
        place.page = place.next_page;
        if (place.tile == range.count) {
            do {
                place.range += 1u;
                range = load_range(place.range);
            } while (range.kind == OCTAVO_RUN_WINDOW);
            place.tile = 0u;
            place.page = page_of(0u);
        }
        place.next_page = page_of(place.tile + 1u);
    }
    return place;
}

void walk_share(octavo_share share) {
    const uint steps = share_steps(share), begin = steps * team / TEAMS, end = steps * (team + 1u) / TEAMS;
    if (begin < end) {
        step_place place = seek(share, begin);
        load_keys(place.page, place.m);
        for (uint step = begin; step < end; ++step) {
            const octavo_tile_range here = range;
            const step_place now = place;
            const bool has_next = step + 1u < end;
            if (has_next) {
                place = next_place(place);
            }
            walk_step(now.page, (here.first + now.tile) * OCTAVO_TILE_TOKENS, now.m, here.kind == OCTAVO_RUN_EDGE, has_next,
                      place.page, place.m);
        }
    }
    if (team == TEAMS - 1u) {
        for (uint r = 0u; r < share.range_count; ++r) {
            const octavo_tile_range window = load_range(share.range_first + r);
            if (window.kind == OCTAVO_RUN_WINDOW) {
                walk_window(window);
            }
        }
    }
}

// --- merging --------------------------------------------------------------------------------------------------------

// The teams' results into rows[], row_max[], row_sum[].
void merge_teams() {
    [[unroll]] for (uint h = 0u; h < HALVES; ++h) {
        const uint row = g + 8u * h;
        const float sum = quad_sum(running_sum[h]);
        if (row < ROWS && t == 0u) {
            team_max[team * ROWS + row] = running_max[h];
            team_sum[team * ROWS + row] = sum;
        }
    }
    barrier();
    for (uint r = lane; r < ROWS; r += gl_WorkGroupSize.x) {
        float largest = UNSEEN, sum = 0.0;
        for (uint i = 0u; i < TEAMS; ++i) {
            largest = max(largest, team_max[i * ROWS + r]);
        }
        for (uint i = 0u; i < TEAMS; ++i) {
            const float factor = exp2(team_max[i * ROWS + r] - largest);
            team_max[i * ROWS + r] = factor;
            sum += team_sum[i * ROWS + r] * factor;
        }
        row_max[r] = largest;
        row_sum[r] = sum;
    }
    barrier();
    [[unroll]] for (uint s = 0u; s < CHANNEL_SETS; ++s) {
        [[unroll]] for (uint h = 0u; h < HALVES; ++h) {
            [[unroll]] for (uint j = 0u; j < 2u; ++j) {
                const uint row = 2u * t + j + 8u * h;
                if (row < ROWS) {
                    const float factor = team_max[team * ROWS + row] * value_reference;
                    const uint at = (team * ROWS + row) * 32u + 4u * g;
                    [[unroll]] for (uint a = 0u; a < 2u; ++a) {
                        const uint n = (h * CHANNEL_SETS + s) * 2u + a;
                        stage[at + 2u * a] = result[n][j] * factor;
                        stage[at + 2u * a + 1u] = result[n][2u + j] * factor;
                    }
                }
            }
        }
        barrier();
        for (uint i = lane; i < ROWS * 32u; i += gl_WorkGroupSize.x) {
            float sum = 0.0;
            for (uint k = 0u; k < TEAMS; ++k) {
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

void order_writes() {
#ifdef OCTAVO_EMULATED_MATRIX
    memoryBarrierBuffer();
    barrier();
#else
    controlBarrier(gl_ScopeWorkgroup, gl_ScopeQueueFamily, gl_StorageSemanticsBuffer | gl_StorageSemanticsShared,
                   gl_SemanticsAcquireRelease);
#endif
}

// Leaves this workgroup's partial result; true in the workgroup that brought the last one of the tile.
bool arrive(uint partial, uint tile_index) {
    for (uint i = lane; i < tile.row_count * VALUE_PAD; i += gl_WorkGroupSize.x) {
        scratch[push.output_offset + partial_row(partial, 0u) * VALUE_PAD + i] = floatBitsToUint(rows[i]);
    }
    for (uint r = lane; r < tile.row_count; r += gl_WorkGroupSize.x) {
        scratch[push.sum_offset + 2u * partial_row(partial, r)] = floatBitsToUint(row_max[r]);
        scratch[push.sum_offset + 2u * partial_row(partial, r) + 1u] = floatBitsToUint(row_sum[r]);
    }
    order_writes();
    if (lane == 0u) {
        const uint at = push.arrival_offset + tile_index * push.head_count + head;
        const uint arrivals = atomicAdd(scratch[at], 1u) + 1u;
        shared_arrivals = arrivals;
        if (arrivals == tile.partial_count) {
            scratch[at] = 0u; // for the next call
        }
    }
    order_writes();
    return shared_arrivals == tile.partial_count;
}

// All partial results of the tile into rows[], row_max[], row_sum[], in the order of their numbers.
void merge_partials() {
    for (uint r = lane; r < ROWS; r += gl_WorkGroupSize.x) {
        float largest = UNSEEN, sum = 0.0;
        if (r < tile.row_count) {
            for (uint p = 0u; p < tile.partial_count; ++p) {
                largest = max(largest, uintBitsToFloat(scratch[push.sum_offset + 2u * partial_row(tile.partial_first + p, r)]));
            }
            for (uint p = 0u; p < tile.partial_count; ++p) {
                const uint at = push.sum_offset + 2u * partial_row(tile.partial_first + p, r);
                sum += exp2(uintBitsToFloat(scratch[at]) - largest) * uintBitsToFloat(scratch[at + 1u]);
            }
        }
        row_max[r] = largest;
        row_sum[r] = sum;
    }
    barrier();
    for (uint i = lane; i < tile.row_count * VALUE_PAD; i += gl_WorkGroupSize.x) {
        const uint r = i / VALUE_PAD, stride = push.head_count * ROWS;
        const uint sum_at = push.sum_offset + 2u * partial_row(tile.partial_first, r);
        const uint output_at = push.output_offset + partial_row(tile.partial_first, r) * VALUE_PAD + i % VALUE_PAD;
        float x = 0.0;
        [[dont_unroll]] for (uint first = 0u; first < tile.partial_count; first += 4u) {
            float values[4], maxima[4]; // loads first, so that they overlap
            [[unroll]] for (uint j = 0u; j < 4u; ++j) {
                const uint p = min(first + j, tile.partial_count - 1u);
                values[j] = uintBitsToFloat(scratch[output_at + p * stride * VALUE_PAD]);
                maxima[j] = uintBitsToFloat(scratch[sum_at + 2u * p * stride]);
            }
            [[unroll]] for (uint j = 0u; j < 4u; ++j) {
                x += first + j < tile.partial_count ? exp2(maxima[j] - row_max[r]) * values[j] : 0.0;
            }
        }
        rows[i] = x;
    }
    barrier();
}

void main() {
    lane = gl_LocalInvocationID.x;
    head = gl_WorkGroupID.y;
    team = subgroup_of_lane();
    g = lane_in_subgroup() >> 2;
    t = lane_in_subgroup() & 3u;
    const uint group_at = push.group_offset + gl_WorkGroupID.x, last = lists[group_at + 1u];
    for (uint n = lists[group_at]; n < last; ++n) {
        const octavo_share share = load_share(n);
        tile = load_tile(share.tile);
        sequence = load_sequence(tile.sequence);
        load_query_rows(sequence, tile);
        prepare_query();
        walk_share(share);
        barrier(); // the query rows have been read
        merge_teams();
        if (tile.partial_count == 1u || arrive(share.partial, share.tile)) {
            if (tile.partial_count > 1u) {
                merge_partials();
            }
            finish_rows(sequence, tile, 0u, ROWS);
        }
        barrier();
    }
}
