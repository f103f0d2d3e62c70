#version 450
// Walks the tiles of a share: a team (one workgroup) keeps the running maximum, sum and output of the rows of one query
// tile and one KV head, and leaves them as a partial result (FlashAttention-2, arXiv 2307.08691, algorithm 1; split over
// the cache as LeanAttention, arXiv 2405.10480).
//
// OCTAVO_INT_DOT: scores are integer dots of codes with the query in int8 parts, values integer dots of codes with the
// softmax weights times the tokens' V scales in uint8, one scale for each 32 tokens. Else everything is f32.
// OCTAVO_SUBGROUP: the workgroup is one subgroup. Else reductions go through shared memory.
//
// A lane owns four neighbour tokens (a quad) for scores, and the channels lane, lane + LANES, .. for values.
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
#ifdef OCTAVO_INT_DOT
layout(constant_id = OCTAVO_SPEC_QUERY_PARTS) const uint PARTS = 2;
#endif

layout(set = 0, binding = OCTAVO_WALK_POOL, std430) readonly buffer pool_words { uint pool[]; };
layout(set = 0, binding = OCTAVO_WALK_POOL, std430) readonly buffer pool_parts { uvec4 pool4[]; };
layout(set = 0, binding = OCTAVO_WALK_LISTS, std430) readonly buffer list_words { uint lists[]; };
layout(set = 0, binding = OCTAVO_WALK_SCRATCH, std430) buffer scratch_words { uint scratch[]; };
layout(push_constant) uniform push_block { octavo_walk_push push; };

const uint LANES = gl_WorkGroupSize.x;
const uint QUADS = LANES < 32u ? LANES : 32u;       // quads scored at once
const uint PASSES = 32u / QUADS;                    // to cover the 32 quads of a tile
const uint LANE_GROUPS = LANES / QUADS;             // lane group i owns the rows i, i + LANE_GROUPS, ..
const uint LANE_ROWS = ROWS / LANE_GROUPS;          // ROWS is a multiple of LANE_GROUPS
const uint LANE_CHANNELS = (VALUE_PAD + LANES - 1u) / LANES;

// A logit that is not seen. Real logits stay far above it.
const float UNSEEN = -1.0e30;
#define NOT_A_NUMBER uintBitsToFloat(0x7fc00000u)

#ifdef OCTAVO_INT_DOT
const bool INT_KEYS = KEY_BITS < 16u;
const bool INT_VALUES = VALUE_BITS < 16u;
#else
const bool INT_KEYS = false;
const bool INT_VALUES = false;
#endif

#ifdef OCTAVO_INT_DOT
const uint QUERY_WORDS = INT_KEYS ? PARTS * KEY_PAD / 4u : KEY_PAD;
const uint WEIGHT_WORDS = INT_VALUES ? 32u : 128u;
#else
const uint QUERY_WORDS = KEY_PAD;
const uint WEIGHT_WORDS = 128u;
#endif

shared uvec4 shared_query[ROWS * QUERY_WORDS / 4u];     // [row][part][word], or floats
shared uvec4 shared_weights[ROWS * WEIGHT_WORDS / 4u];  // [row][quad] bytes, or [row][token] floats
shared vec4 shared_logit_max[ROWS * 8u];                // [row][quad]: maximum of its four logits
shared float shared_correction[ROWS];                   // 2^(old maximum - new maximum)
#ifdef OCTAVO_INT_DOT
shared vec4 shared_weight_max[ROWS * 8u];               // [row][quad]: maximum of log2 of its four weights
shared float shared_weight_scale[ROWS * 4u];            // [row][group of 32 tokens]
shared uint shared_weight_sum[2u * ROWS * 4u];          // [tile parity][row][group]: sum of its uint8 weights
#endif

const uint WINDOW_CHUNK = 32u;
shared float shared_window[ROWS * WINDOW_CHUNK];        // logits, then weights, of the f16 window

// The rows of this lane's group.
float row_scale[LANE_ROWS];
float row_mean[LANE_ROWS];
int row_position[LANE_ROWS];
bool row_empty[LANE_ROWS];
float row_max[LANE_ROWS];
float row_sum[LANE_ROWS]; // of this lane's tokens
#ifdef OCTAVO_INT_DOT
int row_offset[LANE_ROWS];
#endif
float result[LANE_CHANNELS * ROWS]; // [channel of this lane][row]
float scores[4u * LANE_ROWS];       // [token of the quad][row]: dots of the last quad

uint lane, quad_lane, lane_group, head;
octavo_sequence_record sequence;

uint row_of(uint k) {
    return lane_group + LANE_GROUPS * k;
}

octavo_sequence_record load_sequence(uint at) {
    octavo_sequence_record s;
    s.key_count = lists[at];
    s.position = int(lists[at + 1u]);
    s.row_base = lists[at + 2u];
    s.packed_begin = lists[at + 4u];
    s.packed_end = lists[at + 5u];
    s.window_first = lists[at + 6u];
    s.window_ring = lists[at + 7u];
    s.window_base = lists[at + 8u];
    return s;
}

bool row_sees(uint k, uint token) {
    return row_empty[k] ? mask_empty_mode(push.mask) != 0u : mask_sees(push.mask, row_position[k], token);
}

// The soft-cap and the rule of rows that see nothing; x is in units of log2, or of the cap where there is one.
float finish_logit(uint k, float x) {
    if (push.softcap > 0.0) {
        const float e = exp2(x * (2.0 * 1.44269504));
        x = push.softcap * (1.0 - 2.0 / (e + 1.0));
    }
    return row_empty[k] && mask_empty_mode(push.mask) == 2u ? 0.0 : x;
}

bool half_is_finite(uint h) {
    return (h & 0x7c00u) != 0x7c00u;
}

// --- scores -----------------------------------------------------------------------------------------------------

float query_float(uint row, uint i) {
#ifdef OCTAVO_INT_DOT
    if (INT_KEYS) {
        const uint at = row * QUERY_WORDS + (i >> 2), shift = 8u * (i & 3u);
        const int high = bitfieldExtract(int(shared_query[at >> 2][at & 3u]), int(shift), 8);
        if (PARTS == 1u) {
            return float(high);
        }
        const uint low_at = at + KEY_PAD / 4u;
        return float(128 * high + bitfieldExtract(int(shared_query[low_at >> 2][low_at & 3u]), int(shift), 8));
    }
#endif
    const uint at = row * KEY_PAD + i;
    return uintBitsToFloat(shared_query[at >> 2][at & 3u]);
}

uint load_word(uint tile, const uint W, const uint rows, uint row, uint w) {
    return pool[tile + tile_word(W, rows, row, w)];
}

// Words 4 n .. 4 n + 3 of a row; those at or beyond W are 0.
uvec4 load_part(uint tile, const uint W, const uint rows, uint row, const uint n) {
    const uint parts = W / 4u;
    if (n < parts) {
        return pool4[(tile >> 2) + n * rows + row];
    }
    const uint at = tile + parts * rows * 4u + row * (W & 3u), tail = W - 4u * parts;
    return uvec4(tail > 0u ? pool[at] : 0u, tail > 1u ? pool[at + 1u] : 0u, tail > 2u ? pool[at + 2u] : 0u, 0u);
}

#ifdef OCTAVO_INT_DOT
// Dots of twice the levels of the keys of a quad with the query integers of this lane group's rows.
void score_quad_int(uint tile, uint quad) {
    int sums[4u * LANE_ROWS * PARTS];
    [[unroll]] for (uint i = 0u; i < 4u * LANE_ROWS * PARTS; ++i) {
        sums[i] = 0;
    }
    // four groups (128 channels) are KEY_BITS whole parts; the last chunk may have fewer groups
    for (uint chunk = 0u; chunk < (KEY_PAD + 127u) / 128u; ++chunk) {
        uint words[4u * 16u];
        [[unroll]] for (uint j = 0u; j < 4u; ++j) {
            [[unroll]] for (uint n = 0u; n < KEY_BITS; ++n) {
                if (chunk * KEY_BITS + n < (KEY_ROW_WORDS + 3u) / 4u) {
                    const uvec4 part = load_part(tile, KEY_ROW_WORDS, OCTAVO_TILE_TOKENS, 4u * quad + j, chunk * KEY_BITS + n);
                    words[j * 16u + n * 4u] = part.x;
                    words[j * 16u + n * 4u + 1u] = part.y;
                    words[j * 16u + n * 4u + 2u] = part.z;
                    words[j * 16u + n * 4u + 3u] = part.w;
                }
            }
        }
        [[unroll]] for (uint g = 0u; g < 4u; ++g) {
            if (4u * chunk + g < KEY_PAD / 32u) {
                [[unroll]] for (uint half_group = 0u; half_group < 2u; ++half_group) {
                    uint codes[16];
                    [[unroll]] for (uint j = 0u; j < 4u; ++j) {
                        const uint at = j * 16u + g * KEY_BITS;
                        [[unroll]] for (uint c = 0u; c < 4u; ++c) {
                            codes[j * 4u + c] =
                                codes_of(KEY_BITS, half_group * 4u + c, words[at], words[at + 1u],
                                         KEY_BITS > 2u ? words[at + 2u] : 0u, KEY_BITS > 3u ? words[at + 3u] : 0u);
                        }
                    }
                    [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
                        [[unroll]] for (uint part = 0u; part < PARTS; ++part) {
                            const uvec4 q = shared_query[(row_of(k) * QUERY_WORDS + part * (KEY_PAD / 4u)) / 4u +
                                                         (4u * chunk + g) * 2u + half_group];
                            [[unroll]] for (uint j = 0u; j < 4u; ++j) {
                                int sum = sums[(j * LANE_ROWS + k) * PARTS + part];
                                [[unroll]] for (uint c = 0u; c < 4u; ++c) {
                                    sum = dot_s8(codes[j * 4u + c], q[c], sum);
                                }
                                sums[(j * LANE_ROWS + k) * PARTS + part] = sum;
                            }
                        }
                    }
                }
            }
        }
    }
    [[unroll]] for (uint j = 0u; j < 4u; ++j) {
        [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
            const uint i = (j * LANE_ROWS + k) * PARTS;
            const int sum = PARTS == 1u ? sums[i] : 128 * sums[i] + sums[i + PARTS - 1u];
            scores[j * LANE_ROWS + k] = float(2 * sum - row_offset[k]);
        }
    }
}
#endif

// The same in f32: dots of levels (or f16 values) with the query.
void score_quad_float(uint tile, uint quad) {
    [[unroll]] for (uint i = 0u; i < 4u * LANE_ROWS; ++i) {
        scores[i] = 0.0;
    }
    const float zero = float((1u << (KEY_BITS & 15u)) - 1u) * 0.5;
    for (uint g = 0u; g < KEY_PAD / 32u; ++g) {
        for (uint j = 0u; j < 4u; ++j) {
            const uint row = 4u * quad + j;
            uint words[4];
            if (KEY_BITS < 16u) {
                [[unroll]] for (uint n = 0u; n < 4u; ++n) {
                    words[n] = n < KEY_BITS ? load_word(tile, KEY_ROW_WORDS, OCTAVO_TILE_TOKENS, row, g * KEY_BITS + n) : 0u;
                }
            }
            [[unroll]] for (uint c = 0u; c < 8u; ++c) {
                vec4 key;
                if (KEY_BITS < 16u) {
                    const uint codes = codes_of(KEY_BITS, c, words[0], words[1], words[2], words[3]);
                    key = vec4(float(codes & 0xffu), float((codes >> 8) & 0xffu), float((codes >> 16) & 0xffu), float(codes >> 24)) - zero;
                } else {
                    key = vec4(unpackHalf2x16(load_word(tile, KEY_ROW_WORDS, OCTAVO_TILE_TOKENS, row, g * 16u + 2u * c)),
                               unpackHalf2x16(load_word(tile, KEY_ROW_WORDS, OCTAVO_TILE_TOKENS, row, g * 16u + 2u * c + 1u)));
                }
                [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
                    const vec4 q = uintBitsToFloat(shared_query[(row_of(k) * KEY_PAD) / 4u + g * 8u + c]);
                    scores[j * LANE_ROWS + k] += dot(key, q);
                }
            }
        }
    }
}

// --- softmax ----------------------------------------------------------------------------------------------------

// The maximum over the tile of the logits of row k, of which `own` is this lane's and shared_logit_max holds all.
float tile_max(uint k, float own) {
#ifdef OCTAVO_SUBGROUP
    if (LANE_GROUPS == 1u) {
        return subgroupMax(own);
    }
#endif
    vec4 m = shared_logit_max[row_of(k) * 8u];
    [[unroll]] for (uint i = 1u; i < 8u; ++i) {
        m = max(m, shared_logit_max[row_of(k) * 8u + i]);
    }
    return max(max(m.x, m.y), max(m.z, m.w));
}

// --- values -----------------------------------------------------------------------------------------------------

#ifdef OCTAVO_INT_DOT
void add_values_int(uint tile, uint parity) {
    for (uint i = 0u; i < LANE_CHANNELS; ++i) {
        const uint channel = lane + LANES * i;
        if (VALUE_PAD % LANES != 0u && channel >= VALUE_PAD) {
            break;
        }
        float sums[ROWS];
        [[unroll]] for (uint r = 0u; r < ROWS; ++r) {
            sums[r] = 0.0;
        }
        uint words[16];
        [[unroll]] for (uint n = 0u; n < VALUE_BITS; ++n) {
            const uvec4 part = pool4[(tile >> 2) + n * VALUE_PAD + channel];
            words[4u * n] = part.x;
            words[4u * n + 1u] = part.y;
            words[4u * n + 2u] = part.z;
            words[4u * n + 3u] = part.w;
        }
        [[unroll]] for (uint g = 0u; g < 4u; ++g) {
            uint codes[8];
            const uint at = g * VALUE_BITS;
            [[unroll]] for (uint c = 0u; c < 8u; ++c) {
                codes[c] = codes_of(VALUE_BITS, c, words[at], words[at + 1u], VALUE_BITS > 2u ? words[at + 2u] : 0u,
                                    VALUE_BITS > 3u ? words[at + 3u] : 0u);
            }
            [[unroll]] for (uint r = 0u; r < ROWS; ++r) {
                const uvec4 w0 = shared_weights[r * 8u + 2u * g], w1 = shared_weights[r * 8u + 2u * g + 1u];
                uint sum = 0u;
                [[unroll]] for (uint c = 0u; c < 4u; ++c) {
                    sum = dot_u8(codes[c], w0[c], sum);
                    sum = dot_u8(codes[4u + c], w1[c], sum);
                }
                const int level = 2 * int(sum) - int(shared_weight_sum[(parity * ROWS + r) * 4u + g]);
                sums[r] += float(level) * shared_weight_scale[r * 4u + g];
            }
        }
        [[unroll]] for (uint r = 0u; r < ROWS; ++r) {
            result[i * ROWS + r] = result[i * ROWS + r] * shared_correction[r] + sums[r];
        }
    }
}
#endif

void add_values_float(uint tile) {
    const float zero = float((1u << (VALUE_BITS & 15u)) - 1u) * 0.5;
    for (uint i = 0u; i < LANE_CHANNELS; ++i) {
        const uint channel = lane + LANES * i;
        if (VALUE_PAD % LANES != 0u && channel >= VALUE_PAD) {
            break;
        }
        float sums[ROWS];
        [[unroll]] for (uint r = 0u; r < ROWS; ++r) {
            sums[r] = 0.0;
        }
        for (uint g = 0u; g < 4u; ++g) {
            uint words[4];
            if (VALUE_BITS < 16u) {
                [[unroll]] for (uint n = 0u; n < 4u; ++n) {
                    words[n] = n < VALUE_BITS ? load_word(tile, VALUE_ROW_WORDS, VALUE_PAD, channel, g * VALUE_BITS + n) : 0u;
                }
            }
            [[unroll]] for (uint c = 0u; c < 8u; ++c) {
                vec4 value;
                if (VALUE_BITS < 16u) {
                    const uint codes = codes_of(VALUE_BITS, c, words[0], words[1], words[2], words[3]);
                    value = vec4(float(codes & 0xffu), float((codes >> 8) & 0xffu), float((codes >> 16) & 0xffu), float(codes >> 24)) - zero;
                } else {
                    value = vec4(unpackHalf2x16(load_word(tile, VALUE_ROW_WORDS, VALUE_PAD, channel, g * 16u + 2u * c)),
                                 unpackHalf2x16(load_word(tile, VALUE_ROW_WORDS, VALUE_PAD, channel, g * 16u + 2u * c + 1u)));
                }
                [[unroll]] for (uint r = 0u; r < ROWS; ++r) {
                    const vec4 w = uintBitsToFloat(shared_weights[r * 32u + g * 8u + c]);
                    // select: an unused slot of an f16 page may hold NaN
                    sums[r] += dot(w, mix(vec4(0.0), value, notEqual(w, vec4(0.0))));
                }
            }
        }
        [[unroll]] for (uint r = 0u; r < ROWS; ++r) {
            result[i * ROWS + r] = result[i * ROWS + r] * shared_correction[r] + sums[r];
        }
    }
}

// --- a packed tile ------------------------------------------------------------------------------------------------

void walk_tile(uint page, uint token_first, bool edge, uint parity) {
    const uint tile = (page * push.head_count + head) * HEAD_WORDS;
    float logits[PASSES * 4u * LANE_ROWS];
    float weight_logs[PASSES * 4u]; // log2 of the V scale of each token
    for (uint pass = 0u; pass < PASSES; ++pass) {
        const uint quad = quad_lane + QUADS * pass;
        const uvec4 scales = pool4[((tile + SCALES) >> 2) + quad];
        if (INT_KEYS) {
#ifdef OCTAVO_INT_DOT
            score_quad_int(tile, quad);
#endif
        } else {
            score_quad_float(tile, quad);
        }
        bool finite[4];
        [[unroll]] for (uint j = 0u; j < 4u; ++j) {
            weight_logs[pass * 4u + j] = VALUE_BITS < 16u ? max(log2(unpackHalf2x16(scales[j]).y), UNSEEN) : 0.0;
            finite[j] = (KEY_BITS == 16u || half_is_finite(scales[j])) && (VALUE_BITS == 16u || half_is_finite(scales[j] >> 16));
        }
        [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
            float own_max = UNSEEN, own_weight_max = UNSEEN;
            [[unroll]] for (uint j = 0u; j < 4u; ++j) {
                const uint token = token_first + 4u * quad + j;
                const bool seen = !edge || (token >= sequence.packed_begin && token < sequence.packed_end && row_sees(k, token));
                const float key_scale = KEY_BITS < 16u ? unpackHalf2x16(scales[j]).x : 1.0;
                const float logit = finish_logit(k, scores[j * LANE_ROWS + k] * (row_scale[k] * key_scale) + row_mean[k]);
                const bool good = finite[j] && (floatBitsToUint(logit) & 0x7f800000u) != 0x7f800000u;
                row_sum[k] = seen && !good ? NOT_A_NUMBER : row_sum[k];
                const float y = seen && good ? logit : UNSEEN;
                logits[(pass * 4u + j) * LANE_ROWS + k] = y;
                own_max = max(own_max, y);
                own_weight_max = max(own_weight_max, seen && good ? y + weight_logs[pass * 4u + j] : UNSEEN);
            }
            shared_logit_max[row_of(k) * 8u + (quad >> 2)][quad & 3u] = own_max;
#ifdef OCTAVO_INT_DOT
            shared_weight_max[row_of(k) * 8u + (quad >> 2)][quad & 3u] = max(own_weight_max, UNSEEN);
#endif
        }
    }
    team_barrier();

#ifdef OCTAVO_INT_DOT
    for (uint i = lane; i < ROWS * 4u; i += LANES) {
        shared_weight_sum[(parity ^ 1u) * ROWS * 4u + i] = 0u; // of the next tile; its readers are past the barrier above
    }
#endif
    [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
        const uint row = row_of(k);
        float own = UNSEEN;
        for (uint i = 0u; i < PASSES * 4u; ++i) {
            own = max(own, logits[i * LANE_ROWS + k]);
        }
        const float new_max = max(row_max[k], tile_max(k, own));
        const float correction = exp2(row_max[k] - new_max);
        row_max[k] = new_max;
        row_sum[k] *= correction;
        for (uint pass = 0u; pass < PASSES; ++pass) {
            const uint quad = quad_lane + QUADS * pass;
            vec4 y = vec4(logits[(pass * 4u) * LANE_ROWS + k], logits[(pass * 4u + 1u) * LANE_ROWS + k],
                          logits[(pass * 4u + 2u) * LANE_ROWS + k], logits[(pass * 4u + 3u) * LANE_ROWS + k]);
            const bvec4 seen = greaterThan(y, vec4(0.5 * UNSEEN));
            const vec4 p = mix(vec4(0.0), exp2(y - new_max), seen);
            row_sum[k] += (p.x + p.y) + (p.z + p.w);
            const vec4 logs = vec4(weight_logs[pass * 4u], weight_logs[pass * 4u + 1u], weight_logs[pass * 4u + 2u], weight_logs[pass * 4u + 3u]);
            if (INT_VALUES) {
#ifdef OCTAVO_INT_DOT
                const vec4 m4 = max(shared_weight_max[row * 8u + (quad >> 3) * 2u], shared_weight_max[row * 8u + (quad >> 3) * 2u + 1u]);
                const float group_max = max(max(m4.x, m4.y), max(m4.z, m4.w));
                const uvec4 w = uvec4(mix(vec4(0.0), exp2(y + logs - group_max) * 255.0 + 0.5, seen));
                shared_weights[row * 8u + (quad >> 2)][quad & 3u] = w.x | (w.y << 8) | (w.z << 16) | (w.w << 24);
                atomicAdd(shared_weight_sum[(parity * ROWS + row) * 4u + (quad >> 3)],
                          ((1u << (VALUE_BITS & 15u)) - 1u) * ((w.x + w.y) + (w.z + w.w)));
                if ((quad & 7u) == 0u) {
                    shared_weight_scale[row * 4u + (quad >> 3)] = exp2(group_max - new_max) * (0.5 / 255.0);
                }
#endif
            } else {
                shared_weights[row * 32u + quad] = floatBitsToUint(VALUE_BITS < 16u ? mix(vec4(0.0), exp2(y + logs - new_max), seen) : p);
            }
        }
        if (quad_lane == 0u) {
            shared_correction[row] = correction;
        }
    }
    team_barrier();
    if (INT_VALUES) {
#ifdef OCTAVO_INT_DOT
        add_values_int(tile + VALUE_TILE, parity);
#endif
    } else {
        add_values_float(tile + VALUE_TILE);
    }
}

// --- the f16 window -------------------------------------------------------------------------------------------------

// Word of the K part of window token n in the pool; its position goes to token.
uint window_word(octavo_tile_range range, uint n, out uint token) {
    token = n < sequence.window_first ? n : sequence.packed_end + n - sequence.window_first;
    const uint row = token < sequence.window_base ? token : sequence.window_base + token % sequence.window_ring;
    const uint page = lists[range.pages + row / push.window_rows_per_page];
    return page * push.head_count * HEAD_WORDS + ((row % push.window_rows_per_page) * push.head_count + head) * WINDOW_HEAD_WORDS;
}

void walk_window(octavo_tile_range range, uint row_count) {
    for (uint chunk = 0u; chunk < range.count; chunk += WINDOW_CHUNK) {
        const uint first = range.first + chunk, count = min(WINDOW_CHUNK, range.count - chunk);
        team_barrier();
        for (uint i = lane; i < ROWS * WINDOW_CHUNK; i += LANES) {
            const uint row = i / WINDOW_CHUNK, n = i % WINDOW_CHUNK;
            float logit = UNSEEN;
            if (n < count && row < row_count) {
                uint token;
                const uint at = window_word(range, first + n, token);
                float sum = 0.0;
                for (uint w = 0u; w < WINDOW_KEY_WORDS; ++w) {
                    const vec2 key = unpackHalf2x16(pool[at + w]);
                    sum += key.x * query_float(row, 2u * w) + key.y * query_float(row, 2u * w + 1u);
                }
                shared_window[i] = sum;
            } else {
                shared_window[i] = UNSEEN;
            }
        }
        team_barrier();
        // the lanes that own a row finish its logits (all of them alike; each knows the row's numbers)
        [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
            const uint row = row_of(k);
            if (row < row_count) {
                float new_max = row_max[k];
                bool poisoned = false;
                for (uint n = 0u; n < count; ++n) {
                    uint token;
                    window_word(range, first + n, token);
                    const float dot_scale = INT_KEYS ? 2.0 * row_scale[k] : row_scale[k];
                    const float logit = finish_logit(k, shared_window[row * WINDOW_CHUNK + n] * dot_scale + row_mean[k]);
                    const bool seen = row_sees(k, token), good = (floatBitsToUint(logit) & 0x7f800000u) != 0x7f800000u;
                    poisoned = poisoned || (seen && !good);
                    new_max = seen && good ? max(new_max, logit) : new_max;
                }
                const float correction = exp2(row_max[k] - new_max);
                row_max[k] = new_max;
                row_sum[k] = poisoned ? NOT_A_NUMBER : row_sum[k] * correction;
                if (quad_lane == 0u) {
                    shared_correction[row] = correction;
                }
            }
        }
        team_barrier();
        [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
            const uint row = row_of(k);
            if (row < row_count) {
                for (uint n = quad_lane; n < count; n += QUADS) {
                    uint token;
                    window_word(range, first + n, token);
                    const float dot_scale = INT_KEYS ? 2.0 * row_scale[k] : row_scale[k];
                    const float logit = finish_logit(k, shared_window[row * WINDOW_CHUNK + n] * dot_scale + row_mean[k]);
                    const bool good = (floatBitsToUint(logit) & 0x7f800000u) != 0x7f800000u;
                    const float p = row_sees(k, token) && good ? exp2(logit - row_max[k]) : 0.0;
                    row_sum[k] += p;
                    shared_window[row * WINDOW_CHUNK + n] = p;
                }
            }
        }
        team_barrier();
        for (uint i = 0u; i < LANE_CHANNELS; ++i) {
            const uint channel = lane + LANES * i;
            if (VALUE_PAD % LANES != 0u && channel >= VALUE_PAD) {
                break;
            }
            [[unroll]] for (uint r = 0u; r < ROWS; ++r) {
                if (r < row_count) {
                    result[i * ROWS + r] *= shared_correction[r];
                }
            }
            for (uint n = 0u; n < count; ++n) {
                uint token;
                const uint at = window_word(range, first + n, token) + WINDOW_KEY_WORDS;
                const vec2 pair = unpackHalf2x16(pool[at + (channel >> 1)]);
                const float value = (channel & 1u) == 0u ? pair.x : pair.y;
                [[unroll]] for (uint r = 0u; r < ROWS; ++r) {
                    if (r < row_count) {
                        const float p = shared_window[r * WINDOW_CHUNK + n];
                        result[i * ROWS + r] += p > 0.0 ? p * value : 0.0;
                    }
                }
            }
        }
    }
    team_barrier();
}

// --- a share ----------------------------------------------------------------------------------------------------------

void main() {
    lane = gl_LocalInvocationID.x;
    quad_lane = lane % QUADS;
    lane_group = lane / QUADS;
    head = gl_WorkGroupID.y;

    const uint share_at = push.share_offset + gl_WorkGroupID.x * 4u;
    const uint tile_index = lists[share_at], range_first = lists[share_at + 1u], range_count = lists[share_at + 2u];
    const uint partial = lists[share_at + 3u];
    const uint tile_at = push.tile_offset + tile_index * 8u;
    const uint row_first = lists[tile_at + 1u], row_count = lists[tile_at + 2u];
    sequence = load_sequence(push.sequence_offset + lists[tile_at] * 12u);

    const uint scratch_row = head * push.query_rows + sequence.row_base + row_first;
    const uint query_at = push.query_offset + scratch_row * push.query_row_words;
    for (uint i = lane; i < ROWS * QUERY_WORDS; i += LANES) {
        const uint row = i / QUERY_WORDS, w = i % QUERY_WORDS;
        shared_query[i >> 2][i & 3u] = row < row_count ? scratch[query_at + row * push.query_row_words + OCTAVO_ROW_HEADER_WORDS + w] : 0u;
    }
    [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
        const uint row = row_of(k);
        const bool exists = row < row_count;
        const uint at = query_at + (exists ? row : 0u) * push.query_row_words;
        row_scale[k] = exists ? uintBitsToFloat(scratch[at + OCTAVO_QUERY_SCALE]) : 0.0;
        row_mean[k] = exists ? uintBitsToFloat(scratch[at + OCTAVO_QUERY_MEAN]) : 0.0;
#ifdef OCTAVO_INT_DOT
        row_offset[k] = exists ? int(scratch[at + OCTAVO_QUERY_OFFSET]) : 0;
#endif
        row_position[k] = sequence.position + int((row_first + row) / push.group);
        row_empty[k] = mask_row_is_empty(push.mask, row_position[k], sequence.key_count);
        row_max[k] = UNSEEN;
        row_sum[k] = 0.0;
    }
    for (uint i = 0u; i < LANE_CHANNELS * ROWS; ++i) {
        result[i] = 0.0;
    }
#ifdef OCTAVO_INT_DOT
    for (uint i = lane; i < 2u * ROWS * 4u; i += LANES) {
        shared_weight_sum[i] = 0u;
    }
#endif
    team_barrier();

    uint parity = 0u;
    for (uint r = 0u; r < range_count; ++r) {
        const uint at = push.range_offset + (range_first + r) * 4u;
        octavo_tile_range range;
        range.first = lists[at];
        range.count = lists[at + 1u];
        range.kind = lists[at + 2u];
        range.pages = lists[at + 3u];
        if (range.kind == OCTAVO_RUN_WINDOW) {
            walk_window(range, row_count);
        } else {
            for (uint t = 0u; t < range.count; ++t) {
                walk_tile(lists[range.pages + t], (range.first + t) * OCTAVO_TILE_TOKENS, range.kind == OCTAVO_RUN_EDGE, parity);
                parity ^= 1u;
            }
        }
    }

    // partial rows: [partial][head][row]
    const uint partial_row = (partial * push.head_count + head) * ROWS;
    [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
        const uint row = row_of(k);
        float sum = row_sum[k];
#ifdef OCTAVO_SUBGROUP
        if (LANE_GROUPS == 1u) {
            sum = subgroupAdd(sum);
        } else
#endif
        {
            team_barrier();
            shared_logit_max[row * 8u + (quad_lane >> 2)][quad_lane & 3u] = sum;
            team_barrier();
            sum = 0.0;
            for (uint i = 0u; i < QUADS; ++i) {
                sum += shared_logit_max[row * 8u + (i >> 2)][i & 3u];
            }
        }
        if (row < row_count && quad_lane == 0u) {
            const uint at = push.sum_offset + 2u * (partial_row + row);
            scratch[at] = floatBitsToUint(row_max[k]);
            scratch[at + 1u] = floatBitsToUint(sum);
        }
    }
    for (uint i = 0u; i < LANE_CHANNELS; ++i) {
        const uint channel = lane + LANES * i;
        if (VALUE_PAD % LANES != 0u && channel >= VALUE_PAD) {
            break;
        }
        [[unroll]] for (uint r = 0u; r < ROWS; ++r) {
            if (r < row_count) {
                scratch[push.output_offset + (partial_row + r) * VALUE_PAD + channel] = floatBitsToUint(result[i * ROWS + r]);
            }
        }
    }
}
