// Part of the fused walk.comp: the results of the teams, then of the workgroups, and the rows that are done.
#ifndef OCTAVO_WALK_MERGE_GLSL
#define OCTAVO_WALK_MERGE_GLSL
#include "arrivals.glsl"
#include "team_sums.glsl"

// The teams' results into the first one's place in rows[] and row_max[], row_sum[].
void merge_teams() {
    merge_team_sums();
    if (TEAMS > 1u) {
        [[dont_unroll]] for (uint i = lane; i < ROWS * VALUE_PAD; i += GROUP_LANES) {
            float x = 0.0;
            [[dont_unroll]] for (uint k = 0u; k < TEAMS; ++k) {
                x += rows[k * ROWS * VALUE_PAD + i] * team_max[k * ROWS + i / VALUE_PAD];
            }
            rows[i] = x;
        }
        barrier();
    }
}

// Units of four channels of a row; where lanes are left, groups of them take partial results in turn.
const uint UNITS = ROWS * VALUE_PAD / 4u;
const uint MERGE_GROUPS = GROUP_LANES > UNITS ? GROUP_LANES / UNITS : 1u;
const uint AT_ONCE = 8u; // loads first, so that they overlap

// Partial results group, group + MERGE_GROUPS, .. of a unit: their sum relative to 2^largest.
vec4 merge_unit(uint unit, uint group, out float largest, out float sum) {
    const uint row = unit / (VALUE_PAD / 4u), stride = push.head_count * ROWS, first_row = partial_row(tile.partial_first, row);
    const uint sum_at = push.sum_offset + 2u * first_row;
    const uint output_at = (push.output_offset + first_row * VALUE_PAD) / 4u + unit % (VALUE_PAD / 4u);
    vec4 x = vec4(0.0);
    largest = UNSEEN;
    sum = 0.0;
    [[dont_unroll]] for (uint first = group; first < tile.partial_count; first += AT_ONCE * MERGE_GROUPS) {
        vec4 values[AT_ONCE];
        float maxima[AT_ONCE], sums[AT_ONCE];
        [[unroll]] for (uint j = 0u; j < AT_ONCE; ++j) {
            const uint p = min(first + j * MERGE_GROUPS, tile.partial_count - 1u) * stride;
            values[j] = scratch4[output_at + p * (VALUE_PAD / 4u)];
            maxima[j] = uintBitsToFloat(scratch[sum_at + 2u * p]);
            sums[j] = uintBitsToFloat(scratch[sum_at + 2u * p + 1u]);
        }
        float new_max = largest;
        [[unroll]] for (uint j = 0u; j < AT_ONCE; ++j) {
            new_max = max(new_max, maxima[j]); // a last one again changes nothing
        }
        const float correction = exp2(largest - new_max);
        x *= correction;
        sum *= correction;
        largest = new_max;
        [[unroll]] for (uint j = 0u; j < AT_ONCE; ++j) {
            const bool exists = first + j * MERGE_GROUPS < tile.partial_count;
            const float factor = exp2(maxima[j] - largest);
            x += exists ? factor * values[j] : vec4(0.0);
            sum += exists ? factor * sums[j] : 0.0;
        }
    }
    return x;
}

void store_unit(uint unit, vec4 x, float largest, float sum) {
    [[unroll]] for (uint c = 0u; c < 4u; ++c) {
        rows[4u * unit + c] = x[c];
    }
    if (unit % (VALUE_PAD / 4u) == 0u) {
        row_max[unit / (VALUE_PAD / 4u)] = largest;
        row_sum[unit / (VALUE_PAD / 4u)] = sum;
    }
}

// All partial results of the tile into rows[], row_max[], row_sum[]; the order of their sums is always the same.
void merge_partials() {
    float largest, sum;
    const uint units = tile.row_count * (VALUE_PAD / 4u);
    if (MERGE_GROUPS == 1u) {
        [[dont_unroll]] for (uint unit = lane; unit < units; unit += GROUP_LANES) {
            const vec4 x = merge_unit(unit, 0u, largest, sum);
            store_unit(unit, x, largest, sum);
        }
    } else {
        const uint unit = lane % UNITS, group = lane / UNITS;
        if (unit < units && group < MERGE_GROUPS) {
            const vec4 x = merge_unit(unit, group, largest, sum);
            shared_logits[group * UNITS + unit] = floatBitsToUint(x);
            if (unit % (VALUE_PAD / 4u) == 0u) {
                shared_logit_max[group * ROWS + unit / (VALUE_PAD / 4u)].xy = vec2(largest, sum);
            }
        }
        barrier();
        if (lane < units) {
            vec4 x = vec4(0.0);
            const uint row = lane / (VALUE_PAD / 4u);
            largest = UNSEEN;
            sum = 0.0;
            [[dont_unroll]] for (uint i = 0u; i < MERGE_GROUPS; ++i) {
                largest = max(largest, shared_logit_max[i * ROWS + row].x);
            }
            [[dont_unroll]] for (uint i = 0u; i < MERGE_GROUPS; ++i) {
                const float factor = exp2(shared_logit_max[i * ROWS + row].x - largest);
                x += factor * uintBitsToFloat(shared_logits[i * UNITS + lane]);
                sum += factor * shared_logit_max[i * ROWS + row].y;
            }
            store_unit(lane, x, largest, sum);
        }
    }
    barrier();
}

// The rows of the tile are complete: their sums are finished, the rotation of V undone, the output written.
void finish_tile() {
    for (uint r = lane; r < tile.row_count; r += GROUP_LANES) {
        finish_sum(sequence, r);
    }
    if (VALUE_BITS < 16u) {
        rotate_rows_back(VALUE_PAD, ROWS, sequence.seed);
    }
    barrier();
    const uint pairs = (push.value_dim + 1u) / 2u;
    [[dont_unroll]] for (uint i = lane; i < tile.row_count * pairs; i += GROUP_LANES) {
        const uint r = i / pairs, channel = 2u * (i % pairs), at = r * VALUE_PAD + channel;
        store_outputs(r, channel, vec2(rows[at], rows[at + 1u]), channel + 1u < push.value_dim);
    }
}

// What this workgroup found in its share, all its teams.
void finish_share(uint partial, uint tile_index) {
    merge_teams();
    if (tile.partial_count == 1u || arrive(tile, partial, tile_index)) {
        if (tile.partial_count > 1u) {
            merge_partials();
        }
        finish_tile();
    }
}
#endif
