#version 450
// Prefill on matrix units of any vendor: a workgroup of several subgroups owns the ROWS rows of a query tile and walks the
// KV tiles of a share, BLOCK tokens at a time, whose codes it expands once for all rows to f16 in shared memory
// (FlashAttention-2, arXiv 2307.08691). rotate.comp comes before and merge.comp after.
//
// Subgroup (i, j) of ROW_TEAMS x COLUMN_TEAMS owns a stretch of the rows; of these it makes the scores of every
// COLUMN_TEAMS-th fragment of tokens and keeps the outputs of a stretch of channels. Scores go through shared memory, where
// the lanes that own a row weigh them, and come back as f16 weights. Nothing is known of the layout of a fragment.
//
// Codes become levels (code - (2^bits - 1) / 2), exact in f16: the scale of a key multiplies its scores, that of a value its
// weight. Outputs are relative to 2^reference of their row, of logits with the values' scales; it follows the largest one, but
// only by great steps, since each takes a pass over the outputs and f16 weights have room.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "octavo_abi.h"
#include "lib/matrix_tiles.glsl"
#include "lib/group_codes.glsl"
#include "lib/mask.glsl"
#include "lib/page_layout.glsl"

layout(local_size_x_id = OCTAVO_SPEC_LOCAL_SIZE) in;
layout(constant_id = OCTAVO_SPEC_ROWS) const uint ROWS = 16;
layout(constant_id = OCTAVO_SPEC_LOGITS) const uint LOGITS = 0;
layout(constant_id = OCTAVO_SPEC_BLOCK) const uint BLOCK = 16;
layout(constant_id = OCTAVO_SPEC_ROW_TEAMS) const uint ROW_TEAMS = 1;
layout(constant_id = OCTAVO_SPEC_HOLD_QUERY) const uint HOLD_QUERY = 0; // 1: its fragments stay in registers
layout(constant_id = OCTAVO_SPEC_STEPS) const uint STEPS = 1;

layout(set = 0, binding = OCTAVO_WALK_POOL, std430) readonly buffer pool_words { uint pool[]; };
layout(set = 0, binding = OCTAVO_WALK_LISTS, std430) readonly buffer list_words { uint lists[]; };
layout(set = 0, binding = OCTAVO_WALK_SCRATCH, std430) buffer scratch_words { uint scratch[]; };
layout(set = 0, binding = OCTAVO_WALK_SCRATCH, std430) buffer scratch_sums { float scratch_floats[]; };
layout(push_constant) uniform push_block { octavo_attention_push push; };

const uint LANES = gl_WorkGroupSize.x;
const uint TEAMS = LANES > SUBGROUP ? LANES / SUBGROUP : 1u;
const uint COLUMN_TEAMS = TEAMS > ROW_TEAMS ? TEAMS / ROW_TEAMS : 1u;
const uint ROW_TILES = ROWS / MATRIX_M / ROW_TEAMS;                                     // fragments of rows of a subgroup
const uint CHANNEL_TILES_ALL = VALUE_PAD / MATRIX_N;
const uint CHANNEL_TILES = (CHANNEL_TILES_ALL + COLUMN_TEAMS - 1u) / COLUMN_TEAMS;      // of outputs of a subgroup
const bool EVEN_CHANNELS = CHANNEL_TILES * COLUMN_TEAMS == CHANNEL_TILES_ALL;
const uint TOKEN_TILES_ALL = BLOCK / MATRIX_N;
const uint TOKEN_TILES = (TOKEN_TILES_ALL + COLUMN_TEAMS - 1u) / COLUMN_TEAMS;          // of scores of a subgroup
const bool EVEN_TOKENS = TOKEN_TILES * COLUMN_TEAMS == TOKEN_TILES_ALL;
const uint KEY_STEPS = KEY_PAD / MATRIX_K;
const uint STEPS_AT_ONCE = HOLD_QUERY != 0u ? KEY_STEPS : STEPS; // more loads at once take more registers
const bool PREFETCH = STEPS > 1u;
const uint TOKEN_STEPS = BLOCK / MATRIX_K;
const uint BLOCKS = OCTAVO_TILE_TOKENS / BLOCK;                                         // of a KV tile
// Neighbours in a subgroup that weigh a row; some subgroups may have none.
const uint ROW_LANES = LANES / ROWS > SUBGROUP ? SUBGROUP : LANES > ROWS ? LANES / ROWS : 1u;
const bool ALL_WEIGH = ROW_LANES * ROWS >= LANES;
const uint LANE_QUADS = BLOCK / 4u > ROW_LANES ? BLOCK / 4u / ROW_LANES : 1u;           // quads of tokens of a lane
const bool RAW_KEYS = KEY_BITS == 16u, RAW_VALUES = VALUE_BITS == 16u;                  // f16, not codes
const uint KEY_GROUPS = KEY_PAD / 32u;
const uint BLOCK_GROUPS = BLOCK > 32u ? BLOCK / 32u : 1u;
const uint KEY_TASKS = (BLOCK * KEY_GROUPS + LANES - 1u) / LANES;                       // groups of a lane
const uint VALUE_TASKS = (VALUE_PAD * BLOCK_GROUPS + LANES - 1u) / LANES;
const uint KEY_WORDS = RAW_KEYS ? 1u : KEY_TASKS * KEY_BITS;
const uint VALUE_WORDS = RAW_VALUES ? 1u : VALUE_TASKS * VALUE_BITS;

// Shared memory in units of four halves; strides keep rows that are read at once in different banks.
const uint KEY_STRIDE = (KEY_PAD + 8u) / 4u;
const uint BLOCK_STRIDE = (BLOCK + 8u) / 4u;
const uint SCORE_STRIDE = BLOCK / 4u + 1u; // floats
const uint KEY_PLACE = BLOCK * KEY_STRIDE, VALUE_PLACE = VALUE_PAD * BLOCK_STRIDE;
const uint QUERY_AT = 0u;
const uint STAGE_AT = HOLD_QUERY != 0u ? 0u : ROWS * KEY_STRIDE; // keys [token][channel], then values [channel][token]
const uint WEIGHTS_AT = STAGE_AT + (KEY_PLACE > VALUE_PLACE ? KEY_PLACE : VALUE_PLACE); // [row][token]
const uint WALK_END = WEIGHTS_AT + ROWS * BLOCK_STRIDE;
const uint QUERY_CHUNK = KEY_PAD / 2u;                       // channels that are staged at once to be held
const uint CHUNK_STRIDE = (QUERY_CHUNK + 8u) / 4u;
const uint CHUNK_END = HOLD_QUERY != 0u ? ROWS * CHUNK_STRIDE : 0u;
const uint HELD = HOLD_QUERY != 0u ? ROW_TILES * KEY_STEPS : 1u;

shared half4 halves[WALK_END > CHUNK_END ? WALK_END : CHUNK_END];
shared vec4 scores[ROWS * SCORE_STRIDE];
shared float factors[ROWS];
shared float row_scales[ROWS], row_means[ROWS]; // logit of one unit of a score; what the mean of K adds
shared int row_positions[ROWS];
shared uint row_flags[ROWS];                    // 1: sees no key by the mask
shared uint share_words[OCTAVO_SHARE_WORDS];    // all that a share needs: registers are few
shared float key_scales[BLOCK], value_scales[BLOCK], value_logs[BLOCK]; // of the tokens of a block; log2
shared uint window_words[BLOCK], window_tokens[BLOCK];                  // where a window token lies; its position
shared uint shared_rise;                                                // the last block in which a reference rose
shared uint shared_bad[2];                                              // a bit a token of the block: V is not finite

// A logit that is not seen, and the largest one before any.
const float UNSEEN = -1.0e30, LOWEST = -1.0e29;
const float ROOM = 15.0, REST = 9.0; // of the largest logit above the reference, at most, and after it rose
#define NOT_A_NUMBER uintBitsToFloat(0x7fc00000u)

uint lane, team, row_team, column_team, head;

#include "lib/matrix_tile_products.glsl"
#include "lib/share_list.glsl"

// State of the row of this lane; the lanes of a row have parts of its sum.
uint row, row_lane;
float reference, running_sum;
// State of this subgroup.
matrix_a query[HELD];                            // [row tile][step]
matrix_c result[ROW_TILES * CHANNEL_TILES];      // [row tile][channel tile]
uint block_number; // of all that this workgroup walked

// --- the share ------------------------------------------------------------------------------------------------------------

octavo_query_tile share_tile() {
    return octavo_query_tile(share_words[4], share_words[5], share_words[6], share_words[7], share_words[8], 0u, 0u, 0u);
}

octavo_sequence_record share_sequence() {
    return octavo_sequence_record(share_words[12], int(share_words[13]), share_words[14], share_words[15], share_words[16],
                                  share_words[17], share_words[18], share_words[19], share_words[20], share_words[21],
                                  share_words[22], share_words[23]);
}

// --- queries ----------------------------------------------------------------------------------------------------------

uint query_word(uint of_row) {
    const uint first = share_sequence().row_base + share_tile().row_first;
    return push.query_offset + (head * push.query_rows + first + of_row) * push.query_row_words;
}

void start_rows() {
    const octavo_sequence_record sequence = share_sequence();
    const octavo_query_tile tile = share_tile();
    [[dont_unroll]] for (uint r = lane; r < ROWS; r += LANES) {
        const bool exists = r < tile.row_count;
        const uint at = query_word(exists ? r : 0u);
        const int position = sequence.position + int((tile.row_first + r) / push.group);
        row_scales[r] = exists ? uintBitsToFloat(scratch[at + OCTAVO_QUERY_SCALE]) : 0.0;
        row_means[r] = exists ? uintBitsToFloat(scratch[at + OCTAVO_QUERY_MEAN]) : 0.0;
        row_positions[r] = position;
        row_flags[r] = mask_row_is_empty(push.mask, position, sequence.key_count) ? 1u : 0u;
    }
    reference = LOWEST;
    running_sum = 0.0;
}

// Channels [first, first + count) of the query rows.
void stage_query(uint first, const uint count, uint at, const uint stride) {
    [[dont_unroll]] for (uint i = lane; i < ROWS * (count / 4u); i += LANES) {
        const uint r = i / (count / 4u), c = i % (count / 4u);
        const uint word = query_word(r) + OCTAVO_ROW_HEADER_WORDS + first / 2u + 2u * c;
        half4 x = half4_of(0u, 0u);
        if (r < share_tile().row_count) {
            x = half4_of(scratch[word], scratch[word + 1u]);
        }
        halves[at + r * stride + c] = x;
    }
}

uint first_row(uint r) {
    return (row_team * ROW_TILES + r) * MATRIX_M;
}

void load_query() {
    if (HOLD_QUERY == 0u) {
        stage_query(0u, KEY_PAD, QUERY_AT, KEY_STRIDE);
        return;
    }
    [[unroll]] for (uint chunk = 0u; chunk < 2u; ++chunk) {
        workgroup_barrier();
        stage_query(chunk * QUERY_CHUNK, QUERY_CHUNK, 0u, CHUNK_STRIDE);
        workgroup_barrier();
        [[unroll]] for (uint r = 0u; r < ROW_TILES; ++r) {
            [[unroll]] for (uint k = 0u; k < KEY_STEPS / 2u; ++k) {
                LOAD_A(query[(r * KEY_STEPS + chunk * (KEY_STEPS / 2u) + k) % HELD], first_row(r) * CHUNK_STRIDE + k * (MATRIX_K / 4u), CHUNK_STRIDE);
            }
        }
    }
    workgroup_barrier();
}

// --- blocks -----------------------------------------------------------------------------------------------------------------

// BLOCK tokens of a share, in packed pages or in a window.

struct block_place {
    octavo_tile_range range;
    uint range_index, step; // in blocks of the range
};

uint place_token(block_place place) {
    return place.range.first * OCTAVO_TILE_TOKENS + place.step * BLOCK;
}

// Whether no row of the tile sees any token of the block.
bool is_hidden(block_place place) {
    const uint token = place_token(place);
    if (place.range.kind != OCTAVO_RUN_EDGE) {
        return false;
    }
    const octavo_sequence_record sequence = share_sequence();
    const octavo_query_tile tile = share_tile();
    const int last = sequence.position + int((tile.row_first + tile.row_count - 1u) / push.group);
    const bool after = (push.mask.flags & OCTAVO_WALK_CAUSAL) != 0u && mask_empty_mode(push.mask) == 0u &&
                       token >= push.mask.prefix && int(token) > last;
    return after || token >= sequence.packed_end || token + BLOCK <= sequence.packed_begin;
}

bool is_window(block_place place) {
    return place.range.kind == OCTAVO_RUN_WINDOW;
}

// Moves on to a block that is not hidden; false: there is none.
bool settle(inout block_place place, uint range_end) {
    [[dont_unroll]] while (place.range_index < range_end) {
        const uint steps = is_window(place) ? (place.range.count + BLOCK - 1u) / BLOCK : place.range.count * BLOCKS;
        [[dont_unroll]] for (; place.step < steps; ++place.step) {
            if (!is_hidden(place)) {
                return true;
            }
        }
        place.range_index += 1u;
        place.step = 0u;
        if (place.range_index < range_end) {
            place.range = load_range(place.range_index);
        }
    }
    return false;
}

uint tile_base(block_place place) {
    return (lists[place.range.pages + place.step / BLOCKS] * push.head_count + head) * HEAD_WORDS;
}

uint first_in_tile(block_place place) {
    return place.step % BLOCKS * BLOCK;
}

// Words of codes on their way.
uint key_words[KEY_WORDS], value_words[VALUE_WORDS];

uint key_task(uint n) {
    return min(lane + LANES * n, BLOCK * KEY_GROUPS - 1u);
}

bool has_key_task(uint n) {
    return BLOCK * KEY_GROUPS % LANES == 0u || lane + LANES * n < BLOCK * KEY_GROUPS;
}

uint value_task(uint n) {
    return min(lane + LANES * n, VALUE_PAD * BLOCK_GROUPS - 1u);
}

bool has_value_task(uint n) {
    return VALUE_PAD * BLOCK_GROUPS % LANES == 0u || lane + LANES * n < VALUE_PAD * BLOCK_GROUPS;
}

void load_keys(block_place place) {
    if (RAW_KEYS || is_window(place)) {
        return;
    }
    const uint base = tile_base(place) + first_in_tile(place);
    [[unroll]] for (uint n = 0u; n < KEY_TASKS; ++n) {
        const uint i = key_task(n);
        [[unroll]] for (uint w = 0u; w < KEY_BITS; ++w) {
            key_words[(n * KEY_BITS + w) % KEY_WORDS] = pool[base + tile_word(OCTAVO_TILE_TOKENS, i % BLOCK, i / BLOCK * KEY_BITS + w)];
        }
    }
}

void load_values(block_place place) {
    if (RAW_VALUES) {
        return;
    }
    const uint base = tile_base(place) + VALUE_TILE, first = first_in_tile(place) / 32u;
    [[unroll]] for (uint n = 0u; n < VALUE_TASKS; ++n) {
        const uint i = value_task(n);
        [[unroll]] for (uint w = 0u; w < VALUE_BITS; ++w) {
            value_words[(n * VALUE_BITS + w) % VALUE_WORDS] =
                pool[base + tile_word(VALUE_PAD, i % VALUE_PAD, (first + i / VALUE_PAD) * VALUE_BITS + w)];
        }
    }
}

// Four codes, a byte each, as levels in the order 0, 2, 1, 3: 256 + code is exact in f16, and so is the difference.
half4 levels(const uint bits, uint codes) {
    const uint even = codes & 0x00ff00ffu, odd = (codes >> 8) & 0x00ff00ffu;
    const float zero = 256.0 + float((1u << (bits & 15u)) - 1u) * 0.5;
    return half4_of(halves_less((even << 2) | 0x5c005c00u, zero), halves_less((odd << 2) | 0x5c005c00u, zero));
}

bool half_is_finite(uint h) {
    return (h & 0x7c00u) != 0x7c00u;
}

// Keys of the block, and the scales of its tokens.
void store_keys(block_place place) {
    const uint base = tile_base(place) + first_in_tile(place);
    [[dont_unroll]] for (uint i = lane; i < BLOCK; i += LANES) {
        const uint word = pool[base + SCALES + i];
        const bool bad_key = !RAW_KEYS && !half_is_finite(word), bad_value = !RAW_VALUES && !half_is_finite(word >> 16);
        const vec2 scale = unpackHalf2x16(word);
        const float value_scale = RAW_VALUES ? 1.0 : bad_value ? 0.0 : max(scale.y, 0.0);
        key_scales[i] = bad_key || bad_value ? NOT_A_NUMBER : RAW_KEYS ? 1.0 : scale.x;
        value_scales[i] = value_scale;
        value_logs[i] = max(log2(value_scale), -32.0);
    }
    [[unroll]] for (uint n = 0u; n < KEY_TASKS; ++n) {
        const uint i = key_task(n), token = i % BLOCK, group = i / BLOCK;
        const uint at = STAGE_AT + token * KEY_STRIDE + 8u * group, word = 16u * group;
        if (!has_key_task(n)) {
            continue;
        }
        [[unroll]] for (uint c = 0u; c < 8u; ++c) {
            if (RAW_KEYS) {
                halves[at + c] = half4_of(pool[base + tile_word(OCTAVO_TILE_TOKENS, token, word + 2u * c)],
                                          pool[base + tile_word(OCTAVO_TILE_TOKENS, token, word + 2u * c + 1u)]);
            } else {
                const uint w = n * KEY_BITS;
                halves[at + c] = levels(KEY_BITS, codes_of(KEY_BITS, c, key_words[w % KEY_WORDS], key_words[(w + 1u) % KEY_WORDS],
                                                           key_words[(w + 2u) % KEY_WORDS], key_words[(w + 3u) % KEY_WORDS]));
            }
        }
    }
}

// A pair of f16 without what is not finite; bits of bad: which were not.
uint finite_pair(uint pair, out uint bad) {
    const bool low = half_is_finite(pair), high = half_is_finite(pair >> 16);
    bad = (low ? 0u : 1u) | (high ? 0u : 2u);
    return (low ? pair & 0xffffu : 0u) | (high ? pair & 0xffff0000u : 0u);
}

// Four f16 tokens of the block from token 4 quad on.
void store_raw_values(uint at, uint quad, uint low, uint high) {
    uint bad_low, bad_high;
    low = finite_pair(low, bad_low);
    high = finite_pair(high, bad_high);
    if ((bad_low | bad_high) != 0u) {
        atomicOr(shared_bad[quad >> 3], (bad_low | (bad_high << 2)) << (4u * (quad & 7u)));
    }
    halves[at] = half4_of(low, high);
}

void store_values(block_place place) {
    const uint base = tile_base(place) + VALUE_TILE, first = first_in_tile(place);
    [[unroll]] for (uint n = 0u; n < VALUE_TASKS; ++n) {
        const uint i = value_task(n), channel = i % VALUE_PAD, group = i / VALUE_PAD;
        const uint at = STAGE_AT + channel * BLOCK_STRIDE + 8u * group;
        if (!has_value_task(n)) {
            continue;
        }
        if (RAW_VALUES) {
            [[dont_unroll]] for (uint c = 0u; c < min(BLOCK, 32u) / 4u; ++c) {
                const uint word = first / 2u + 16u * group + 2u * c;
                store_raw_values(at + c, 8u * group + c, pool[base + tile_word(VALUE_PAD, channel, word)],
                                 pool[base + tile_word(VALUE_PAD, channel, word + 1u)]);
            }
        } else {
            const uint w = n * VALUE_BITS;
            [[unroll]] for (uint c = 0u; c < 8u; ++c) {
                if (BLOCK >= 32u || c / (BLOCK / 4u) == first % 32u / BLOCK) { // the quads of the block
                    halves[at + c % (BLOCK >= 32u ? 8u : BLOCK / 4u)] =
                        levels(VALUE_BITS, codes_of(VALUE_BITS, c, value_words[w % VALUE_WORDS], value_words[(w + 1u) % VALUE_WORDS],
                                                    value_words[(w + 2u) % VALUE_WORDS], value_words[(w + 3u) % VALUE_WORDS]));
                }
            }
        }
    }
}

// --- products ---------------------------------------------------------------------------------------------------------

void score_block() {
    [[unroll]] for (uint n = 0u; n < TOKEN_TILES; ++n) {
        const uint token_tile = column_team + COLUMN_TEAMS * n;
        if (EVEN_TOKENS || token_tile < TOKEN_TILES_ALL) {
            matrix_c sums[ROW_TILES];
            [[unroll]] for (uint r = 0u; r < ROW_TILES; ++r) {
                sums[r] = zero_c();
            }
            [[dont_unroll]] for (uint first = 0u; first < KEY_STEPS; first += STEPS_AT_ONCE) {
                [[unroll]] for (uint j = 0u; j < STEPS_AT_ONCE; ++j) {
                    const uint at = (first + j) * (MATRIX_K / 4u);
                    matrix_b keys;
                    LOAD_B(keys, STAGE_AT + token_tile * MATRIX_N * KEY_STRIDE + at, KEY_STRIDE);
                    [[unroll]] for (uint r = 0u; r < ROW_TILES; ++r) {
                        if (HOLD_QUERY != 0u) {
                            sums[r] = multiply_add(query[(r * KEY_STEPS + j) % HELD], keys, sums[r]);
                        } else {
                            matrix_a rows;
                            LOAD_A(rows, QUERY_AT + first_row(r) * KEY_STRIDE + at, KEY_STRIDE);
                            sums[r] = multiply_add(rows, keys, sums[r]);
                        }
                    }
                }
            }
            [[unroll]] for (uint r = 0u; r < ROW_TILES; ++r) {
                store_scores(sums[r], first_row(r) * SCORE_STRIDE + token_tile * (MATRIX_N / 4u), SCORE_STRIDE);
            }
        }
    }
}

void add_values() {
    if (shared_rise == block_number) {
        [[unroll]] for (uint r = 0u; r < ROW_TILES; ++r) {
            const matrix_c factor = load_factors(first_row(r));
            [[unroll]] for (uint c = 0u; c < CHANNEL_TILES; ++c) {
                result[r * CHANNEL_TILES + c] = multiply_elements(result[r * CHANNEL_TILES + c], factor);
            }
        }
    }
    [[unroll]] for (uint k = 0u; k < TOKEN_STEPS; ++k) {
        matrix_a weights[ROW_TILES];
        [[unroll]] for (uint r = 0u; r < ROW_TILES; ++r) {
            LOAD_A(weights[r], WEIGHTS_AT + first_row(r) * BLOCK_STRIDE + k * (MATRIX_K / 4u), BLOCK_STRIDE);
        }
        [[unroll]] for (uint c = 0u; c < CHANNEL_TILES; ++c) {
            const uint channel_tile = column_team * CHANNEL_TILES + c;
            if (EVEN_CHANNELS || channel_tile < CHANNEL_TILES_ALL) {
                matrix_b values;
                LOAD_B(values, STAGE_AT + channel_tile * MATRIX_N * BLOCK_STRIDE + k * (MATRIX_K / 4u), BLOCK_STRIDE);
                [[unroll]] for (uint r = 0u; r < ROW_TILES; ++r) {
                    result[r * CHANNEL_TILES + c] = multiply_add(weights[r], values, result[r * CHANNEL_TILES + c]);
                }
            }
        }
    }
}

bool weighs_row() {
    return ALL_WEIGH || lane < ROW_LANES * ROWS;
}

// --- softmax ----------------------------------------------------------------------------------------------------------

// The tokens of a block: OCTAVO_RUN_ kind, position of the first packed one, or the number of window tokens.
struct block_tokens {
    uint kind, first, count;
};

// Which tokens of quad `quad` the row sees.
uint seen_quad(block_tokens tokens, uint quad) {
    if (tokens.kind == OCTAVO_RUN_FULL) {
        return 15u;
    }
    const uint sees_empty = mask_empty_mode(push.mask) != 0u ? 15u : 0u;
    const bool row_empty = row_flags[row] != 0u;
    const int row_at = row_positions[row];
    if (tokens.kind == OCTAVO_RUN_EDGE) {
        const uint token = tokens.first + 4u * quad;
        const uint sees = row_empty ? sees_empty : mask_sees_four(push.mask, row_at, token);
        const octavo_sequence_record sequence = share_sequence();
        return sees & mask_below(int(sequence.packed_end), token) & ~mask_below(int(sequence.packed_begin), token);
    }
    uint seen = 0u;
    [[dont_unroll]] for (uint j = 0u; j < 4u; ++j) {
        const uint n = 4u * quad + j;
        const bool sees = row_empty ? sees_empty != 0u : mask_sees(push.mask, row_at, window_tokens[n]);
        seen |= n < tokens.count && sees ? 1u << j : 0u;
    }
    return seen;
}

vec4 finish_logits(vec4 x) {
    if ((LOGITS & OCTAVO_LOGITS_SOFTCAP) != 0u && push.softcap > 0.0) {
        const vec4 e = exp2(x * (2.0 * 1.44269504));
        x = push.softcap * (1.0 - 2.0 / (e + 1.0));
    }
    if ((LOGITS & OCTAVO_LOGITS_UNIFORM) != 0u && row_flags[row] != 0u && mask_empty_mode(push.mask) == 2u) {
        x = vec4(0.0);
    }
    return x;
}

vec4 four_of(const uint which, uint quad) {
    vec4 x;
    [[unroll]] for (uint j = 0u; j < 4u; ++j) {
        x[j] = which == 0u ? key_scales[4u * quad + j] : which == 1u ? value_scales[4u * quad + j] : value_logs[4u * quad + j];
    }
    return x;
}

uint largest_of(uvec4 x) {
    return max(max(x.x, x.y), max(x.z, x.w));
}

uint lane_quad(uint n) {
    return min(row_lane + ROW_LANES * n, BLOCK / 4u - 1u);
}

// Logits of quad `quad` of the row.
vec4 quad_logits(uint quad) {
    return finish_logits(scores[row * SCORE_STRIDE + quad] * (row_scales[row] * four_of(0u, quad)) + row_means[row]);
}

// Logits in place of the scores of this lane, UNSEEN where the row does not see a token. A token that is seen and not finite
// poisons the row.
void hide_tokens(block_tokens tokens) {
    [[dont_unroll]] for (uint quad = row_lane; quad < BLOCK / 4u; quad += ROW_LANES) {
        vec4 x = quad_logits(quad);
        const uint seen = seen_quad(tokens, quad);
        [[unroll]] for (uint j = 0u; j < 4u; ++j) {
            const bool sees = (seen & (1u << j)) != 0u, finite = (floatBitsToUint(x[j]) & 0x7f800000u) != 0x7f800000u;
            running_sum += sees && !finite ? NOT_A_NUMBER : 0.0;
            x[j] = sees && finite ? x[j] : UNSEEN;
        }
        scores[row * SCORE_STRIDE + quad] = x;
    }
}

// Scores of the block to weights.
void weigh_block(block_tokens tokens) {
    vec4 logits[LANE_QUADS];
    float largest;
    const bool has_quad = row_lane < BLOCK / 4u;
    bool hidden = tokens.kind != OCTAVO_RUN_FULL;
    [[dont_unroll]] for (uint attempt = 0u; attempt < 2u; ++attempt) { // the second one where a logit is not finite
        if (hidden) {
            hide_tokens(tokens);
        }
        uint bits = 0u; // of the largest magnitude
        largest = UNSEEN;
        [[unroll]] for (uint n = 0u; n < LANE_QUADS; ++n) {
            const uint quad = lane_quad(n);
            logits[n] = hidden ? scores[row * SCORE_STRIDE + quad] : quad_logits(quad);
            bits = max(bits, largest_of(floatBitsToUint(logits[n]) & 0x7fffffffu));
            const vec4 y = logits[n] + four_of(2u, quad);
            largest = max(largest, max(max(y.x, y.y), max(y.z, y.w)));
        }
        if (hidden || bits < 0x7f800000u) {
            break;
        }
        hidden = true;
    }
    largest = lanes_max(largest, ROW_LANES);
    float factor = 1.0;
    if (largest > reference + ROOM) {
        factor = exp2(reference - (largest - REST));
        reference = largest - REST;
        running_sum *= factor;
        shared_rise = block_number;
    }
    if (row_lane == 0u) {
        factors[row] = factor;
    }
    if (has_quad) {
        [[unroll]] for (uint n = 0u; n < LANE_QUADS; ++n) {
            const uint quad = lane_quad(n);
            const vec4 p = exp2(logits[n] - reference), weights = p * four_of(1u, quad);
            running_sum += (p.x + p.y) + (p.z + p.w);
            halves[WEIGHTS_AT + row * BLOCK_STRIDE + quad] = half4_from(RAW_VALUES ? weights : weights.xzyw);
        }
    }
}

// Rows that see a token whose V is not finite.
void poison_row(block_tokens tokens) {
    [[dont_unroll]] for (uint quad = row_lane; quad < BLOCK / 4u; quad += ROW_LANES) {
        if ((seen_quad(tokens, quad) & (shared_bad[quad >> 3] >> (4u * (quad & 7u)))) != 0u) {
            running_sum = NOT_A_NUMBER;
        }
    }
}

void clear_bad() {
    if (lane < 2u) {
        shared_bad[lane] = 0u;
    }
}

#include "lib/prefill_tiles_window.glsl"

// --- a share ------------------------------------------------------------------------------------------------------------

void walk_share() {
    const uint range_end = share_words[2] + share_words[3];
    block_place place;
    place.range_index = share_words[2];
    place.step = 0u;
    place.range = load_range(place.range_index);
    bool is_block = place.range_index < range_end && settle(place, range_end);
    if (PREFETCH && is_block) {
        load_keys(place);
    }
    [[dont_unroll]] while (is_block) {
        const bool window = is_window(place);
        block_tokens tokens = block_tokens(place.range.kind, place_token(place), BLOCK);
        block_number += 1u;
        clear_bad();
        if (window) {
            tokens.count = min(BLOCK, place.range.count - place.step * BLOCK);
            place_window(place.range, place.range.first + place.step * BLOCK, tokens.count);
            workgroup_barrier();
            stage_window_keys();
        } else {
            if (!PREFETCH) {
                load_keys(place);
            }
            store_keys(place);
            if (PREFETCH) {
                load_values(place);
            }
        }
        workgroup_barrier();
        score_block();
        workgroup_barrier();
        if (window) {
            stage_window_values();
        } else {
            if (!PREFETCH) {
                load_values(place);
            }
            store_values(place);
        }
        if (weighs_row()) {
            weigh_block(tokens);
        }
        place.step += 1u;
        is_block = settle(place, share_words[2] + share_words[3]);
        workgroup_barrier();
        if (PREFETCH && is_block) { // on their way during the products
            load_keys(place);
        }
        if ((RAW_VALUES || window) && weighs_row() && (shared_bad[0] | shared_bad[1]) != 0u) {
            poison_row(tokens);
        }
        add_values();
        workgroup_barrier();
    }
}

// Partial rows: [partial][head][row].
void write_partial() {
    const uint partial_row = (share_words[1] * push.head_count + head) * ROWS;
    const float sum = lanes_sum(running_sum, ROW_LANES);
    if (row_lane == 0u && weighs_row() && row < share_tile().row_count) {
        scratch[push.sum_offset + 2u * (partial_row + row)] = floatBitsToUint(reference > LOWEST ? reference : UNSEEN);
        scratch[push.sum_offset + 2u * (partial_row + row) + 1u] = floatBitsToUint(sum);
    }
    [[unroll]] for (uint r = 0u; r < ROW_TILES; ++r) {
        [[unroll]] for (uint c = 0u; c < CHANNEL_TILES; ++c) {
            const uint channel_tile = column_team * CHANNEL_TILES + c;
            if (EVEN_CHANNELS || channel_tile < CHANNEL_TILES_ALL) {
                store_output(result[r * CHANNEL_TILES + c],
                             push.output_offset + (partial_row + first_row(r)) * VALUE_PAD + channel_tile * MATRIX_N, VALUE_PAD);
            }
        }
    }
}

void main() {
    lane = lane_of_workgroup();
    team = team_of_lane();
    row_team = team / COLUMN_TEAMS;
    column_team = team % COLUMN_TEAMS;
    row = min(lane / ROW_LANES, ROWS - 1u);
    row_lane = lane % ROW_LANES;
    head = gl_WorkGroupID.y;
    block_number = 0u;
    if (lane == 0u) {
        shared_rise = 0u;
    }
    uint begin, end;
    group_shares(gl_WorkGroupID.x, begin, end);
    [[dont_unroll]] for (uint n = begin; n < end; ++n) {
        [[dont_unroll]] for (uint i = lane; i < OCTAVO_SHARE_WORDS; i += LANES) {
            share_words[i] = lists[push.share_offset + n * OCTAVO_SHARE_WORDS + i];
        }
        workgroup_barrier();
        start_rows();
        load_query();
        [[unroll]] for (uint i = 0u; i < ROW_TILES * CHANNEL_TILES; ++i) {
            result[i] = zero_c();
        }
        walk_share();
        write_partial();
        workgroup_barrier();
    }
}
