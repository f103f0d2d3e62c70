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

uint share_word(uint i) {
    return GET(share_words[i]);
}

octavo_share share() {
    return OCTAVO_SHARE_FROM(share_word);
}

// --- queries ----------------------------------------------------------------------------------------------------------

uint query_word(uint of_row) {
    const uint first = share().sequence.row_base + share().tile.row_first;
    return push.query_offset + (head * push.query_rows + first + of_row) * push.query_row_words;
}

void start_rows() {
    const octavo_sequence_record sequence = share().sequence;
    const octavo_query_tile tile = share().tile;
    [[dont_unroll]] for (uint r = lane; r < ROWS; r += LANES) {
        const bool exists = r < tile.row_count;
        const uint at = query_word(exists ? r : 0u);
        const int position = sequence.position + int((tile.row_first + r) / push.group);
        PUT(row_scales[r], exists ? uintBitsToFloat(scratch[at + OCTAVO_QUERY_SCALE]) : 0.0);
        PUT(row_means[r], exists ? uintBitsToFloat(scratch[at + OCTAVO_QUERY_MEAN]) : 0.0);
        PUT(row_positions[r], position);
        PUT(row_flags[r], mask_row_is_empty(push.mask, position, sequence.key_count) ? 1u : 0u);
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
        if (r < share().tile.row_count) {
            x = half4_of(scratch[word], scratch[word + 1u]);
        }
        PUT(halves[at + r * stride + c], x);
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
                LOAD_A(query[(r * KEY_STEPS + chunk * (KEY_STEPS / 2u) + k) % HELD],
                       first_row(r) * CHUNK_STRIDE + k * (MATRIX_K / 4u), CHUNK_STRIDE);
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
    const octavo_sequence_record sequence = share().sequence;
    const octavo_query_tile tile = share().tile;
    const int first = sequence.position + int(tile.row_first / push.group);
    const int last = sequence.position + int((tile.row_first + tile.row_count - 1u) / push.group);
    const bool after = (push.mask.flags & OCTAVO_WALK_CAUSAL) != 0u && int(token) > last;
    const bool before = push.mask.window != 0u && token >= push.mask.sink &&
                        int(token + BLOCK) <= first - int(push.mask.window) + 1;
    const bool by_mask = (after || before) && token >= push.mask.prefix && mask_empty_mode(push.mask) == 0u;
    return by_mask || token >= sequence.packed_end || token + BLOCK <= sequence.packed_begin;
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

#include "lib/prefill_tiles_stage.glsl"

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
    if (GET(shared_rise) == block_number) {
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

#include "lib/prefill_tiles_softmax.glsl"
#include "lib/prefill_tiles_window.glsl"

// --- a share ------------------------------------------------------------------------------------------------------------

void walk_share() {
    const uint range_end = share().range_first + share().range_count;
    block_place place;
    place.range_index = share().range_first;
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
        is_block = settle(place, share().range_first + share().range_count);
        workgroup_barrier();
        if (PREFETCH && is_block) { // on their way during the products
            load_keys(place);
        }
        if ((RAW_VALUES || window) && weighs_row() && (GET(shared_bad[0]) | GET(shared_bad[1])) != 0u) {
            poison_row(tokens);
        }
        add_values();
        workgroup_barrier();
    }
}

// Partial rows: [partial][head][row].
void write_partial() {
    const uint partial_row = (share().partial * push.head_count + head) * ROWS;
    const float sum = lanes_sum(running_sum, ROW_LANES);
    if (row_lane == 0u && weighs_row() && row < share().tile.row_count) {
        scratch[push.sum_offset + 2u * (partial_row + row)] = floatBitsToUint(reference > LOWEST ? reference : UNSEEN);
        scratch[push.sum_offset + 2u * (partial_row + row) + 1u] = floatBitsToUint(sum);
    }
    [[unroll]] for (uint r = 0u; r < ROW_TILES; ++r) {
        [[unroll]] for (uint c = 0u; c < CHANNEL_TILES; ++c) {
            const uint channel_tile = column_team * CHANNEL_TILES + c;
            if (EVEN_CHANNELS || channel_tile < CHANNEL_TILES_ALL) {
                const uint at = push.output_offset + (partial_row + first_row(r)) * VALUE_PAD;
                store_output(result[r * CHANNEL_TILES + c], at + channel_tile * MATRIX_N, VALUE_PAD);
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
        PUT(shared_rise, 0u);
    }
    uint begin, end;
    group_shares(gl_WorkGroupID.x, begin, end);
    [[dont_unroll]] for (uint n = begin; n < end; ++n) {
        [[dont_unroll]] for (uint i = lane; i < OCTAVO_SHARE_WORDS; i += LANES) {
            PUT(share_words[i], lists[share_at(n) + i]);
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
