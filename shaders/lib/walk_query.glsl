// Part of the fused walk.comp: the query rows of a tile in the basis of the codes and in the form of the walk, straight
// from the caller's tensor; what rotate.comp does before the other form. All lanes of the workgroup take part.
#ifndef OCTAVO_WALK_QUERY_GLSL
#define OCTAVO_WALK_QUERY_GLSL
#ifdef OCTAVO_INT_DOT
#include "query_parts.glsl"
#endif

const uint GROUP_LANES = gl_WorkGroupSize.x;

// Rows of the caller's tensor into rows[]; those that are not there are 0.
void read_query() {
    const uint element = OCTAVO_ATTENTION_QUERY_ELEMENT(push.flags);
    [[dont_unroll]] for (uint i = lane; i < ROWS * KEY_PAD; i += GROUP_LANES) {
        const uint row = i / KEY_PAD, channel = i % KEY_PAD;
        float x = 0.0;
        if (row < tile.row_count && channel < push.key_dim) {
            const uint index = row_token[row] * push.query_token_stride + row_head[row] * push.query_head_stride + channel;
            x = element_value(element, index, queries[element_word(element, index)]);
        }
        rows[i] = x;
    }
    for (uint row = lane; row < ROWS; row += GROUP_LANES) {
        row_largest[row] = 0u;
        shared_row_mean[row] = 0.0;
#ifdef OCTAVO_INT_DOT
        shared_row_offset[row] = 0;
#endif
    }
}

// What a lane read it also multiplies.
void flip_query() {
    [[dont_unroll]] for (uint i = lane; i < ROWS * KEY_PAD; i += GROUP_LANES) {
        rows[i] *= signed_scale(KEY_PAD, sequence.seed, i % KEY_PAD);
    }
}

// q . mean of each row: what it adds to the logits, without their scale. shared_logits has room for a part of each four
// channels.
void add_means() {
    [[dont_unroll]] for (uint i = lane; i < ROWS * KEY_PAD / 4u; i += GROUP_LANES) {
        const uint mean_at = sequence.record + head * KEY_PAD + 4u * (i % (KEY_PAD / 4u));
        float sum = 0.0;
        [[unroll]] for (uint b = 0u; b < 4u; ++b) {
            sum += rows[4u * i + b] * records[mean_at + b];
        }
        shared_logits[i >> 2][i & 3u] = floatBitsToUint(sum);
    }
    barrier();
    [[dont_unroll]] for (uint row = lane; row < ROWS; row += GROUP_LANES) {
        float sum = 0.0;
        [[dont_unroll]] for (uint i = 0u; i < KEY_PAD / 16u; ++i) {
            const vec4 x = uintBitsToFloat(shared_logits[row * (KEY_PAD / 16u) + i]);
            sum += (x.x + x.y) + (x.z + x.w);
        }
        shared_row_mean[row] = sum;
    }
}

// T^-T of the codec record, row by row, by way of the place behind the rows.
void transform_query() {
    // after the means and the transforms of the keys
    const uint matrix = sequence.record + push.head_count * KEY_PAD * (1u + KEY_PAD) + head * KEY_PAD * KEY_PAD;
    [[dont_unroll]] for (uint row = 0u; row < ROWS; ++row) {
        [[dont_unroll]] for (uint i = lane; i < KEY_PAD; i += GROUP_LANES) {
            float sum = 0.0;
            [[dont_unroll]] for (uint j = 0u; j < KEY_PAD; ++j) {
                sum += records[matrix + i * KEY_PAD + j] * rows[row * KEY_PAD + j];
            }
            rows[ROWS * KEY_PAD + i] = sum;
        }
        barrier();
        [[dont_unroll]] for (uint i = lane; i < KEY_PAD; i += GROUP_LANES) {
            rows[row * KEY_PAD + i] = rows[ROWS * KEY_PAD + i];
        }
        barrier();
    }
}

// Of the quads of channels of this team's rows, by its lanes in turn.
uint team_quads_first() {
    return team_rows_first() * (KEY_PAD / 4u) + team_lane;
}

uint team_quads_end() {
    return team_rows_end() * (KEY_PAD / 4u);
}

vec4 query_quad(uint i) {
    return vec4(rows[4u * i], rows[4u * i + 1u], rows[4u * i + 2u], rows[4u * i + 3u]);
}

// The largest magnitude of each row of this team into row_largest[]; a barrier of the team follows.
void find_largest() {
    [[dont_unroll]] for (uint i = team_quads_first(); i < team_quads_end(); i += LANES) {
        // bits of magnitudes are in their order; those of Inf and NaN come last
        const uvec4 x = floatBitsToUint(query_quad(i)) & 0x7fffffffu;
        atomicMax(row_largest[i / (KEY_PAD / 4u)], max(max(x.x, x.y), max(x.z, x.w)));
    }
}

#ifdef OCTAVO_HALF
void store_query_half() {
    find_largest();
    team_barrier();
    [[dont_unroll]] for (uint i = team_quads_first(); i < team_quads_end(); i += LANES) {
        const uint row = i / (KEY_PAD / 4u);
        const float largest = uintBitsToFloat(row_largest[row]);
        const bool finite = row_largest[row] < 0x7f800000u;
        const uvec2 words = half_quad(finite && largest > 1.0e-30 ? query_quad(i) * (1.0 / largest) : vec4(0.0));
        shared_query[i >> 1][2u * (i & 1u)] = words.x;
        shared_query[i >> 1][2u * (i & 1u) + 1u] = words.y;
    }
    for (uint row = team_rows_first() + team_lane; row < team_rows_end(); row += LANES) {
        const bool finite = row_largest[row] < 0x7f800000u;
        shared_row_scale[row] = finite ? push.scale * uintBitsToFloat(row_largest[row]) : NOT_A_NUMBER;
        shared_row_mean[row] *= push.scale;
    }
}
#endif

#ifdef OCTAVO_INT_DOT
void store_query_int() {
    find_largest();
    team_barrier();
    [[dont_unroll]] for (uint i = team_quads_first(); i < team_quads_end(); i += LANES) {
        const uint row = i / (KEY_PAD / 4u), at = row * QUERY_WORDS + i % (KEY_PAD / 4u), low_at = at + KEY_PAD / 4u;
        const float largest = uintBitsToFloat(row_largest[row]);
        const bool finite = row_largest[row] < 0x7f800000u;
        uint high_word, low_word;
        const vec4 x = finite && largest > 1.0e-30 ? query_quad(i) * (QUERY_STEPS / largest) : vec4(0.0);
        atomicAdd(shared_row_offset[row], int((1u << (KEY_BITS & 15u)) - 1u) * query_parts_of(x, high_word, low_word));
        shared_query[at >> 2][at & 3u] = high_word;
        if (PARTS > 1u) {
            shared_query[low_at >> 2][low_at & 3u] = low_word;
        }
    }
    for (uint row = team_rows_first() + team_lane; row < team_rows_end(); row += LANES) {
        const bool finite = row_largest[row] < 0x7f800000u;
        shared_row_scale[row] = finite ? query_row_scale(push.scale, uintBitsToFloat(row_largest[row])) : NOT_A_NUMBER;
        shared_row_mean[row] *= push.scale;
    }
}
#endif

void store_query_float() {
    [[dont_unroll]] for (uint i = team_quads_first(); i < team_quads_end(); i += LANES) {
        shared_query[i] = floatBitsToUint(query_quad(i));
    }
    for (uint row = team_rows_first() + team_lane; row < team_rows_end(); row += LANES) {
        shared_row_scale[row] = push.scale;
        shared_row_mean[row] *= push.scale;
    }
}

// The whole workgroup reads the rows; then teams work on rows alone. rows[] is free when it returns.
void load_query() {
    place_rows(sequence, tile, 0u, ROWS);
    barrier();
    read_query();
    if ((sequence.record_flags & OCTAVO_ROTATE_HAS_MEAN) != 0u) {
        barrier();
        add_means();
    }
    if ((sequence.record_flags & OCTAVO_ROTATE_HAS_TRANSFORM) != 0u) {
        barrier();
        transform_query();
    } else if ((sequence.record_flags & OCTAVO_ROTATE_RAW) == 0u) {
        flip_query();
        barrier();
        mix_rows(KEY_PAD, team_rows_end() - team_rows_first(), team_rows_first() * KEY_PAD, team_lane, LANES);
    } else {
        barrier();
    }
#ifdef OCTAVO_INT_DOT
    if (INT_KEYS) {
        store_query_int();
    } else
#endif
#ifdef OCTAVO_HALF
    if (HALF_KEYS) {
        store_query_half();
    } else
#endif
    {
        store_query_float();
    }
    barrier();
}
#endif
