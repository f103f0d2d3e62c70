// Part of the fused walk.comp: the results of the teams, then of the workgroups, and the rows that are done.
#ifndef OCTAVO_WALK_MERGE_GLSL
#define OCTAVO_WALK_MERGE_GLSL
#include "arrivals.glsl"
#include "merge_unit.glsl"
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

// All partial results of the tile into rows[], row_max[], row_sum[]; the order of their sums is always the same.
void merge_partials() {
    float largest, sum;
    const uint units = tile.row_count * (VALUE_PAD / 4u);
    if (MERGE_GROUPS == 1u) {
        [[dont_unroll]] for (uint unit = lane; unit < units; unit += GROUP_LANES) {
            const vec4 x = merge_unit(tile, unit, 0u, 1u, largest, sum);
            store_unit(unit, x, largest, sum);
        }
    } else {
        const uint unit = lane % UNITS, group = lane / UNITS;
        if (unit < units && group < MERGE_GROUPS) {
            const vec4 x = merge_unit(tile, unit, group, MERGE_GROUPS, largest, sum);
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
    if (tile.partial_count > 1u) {
        leave_rows(tile, partial);
    }
    if (tile.partial_count == 1u || arrive(tile, tile_index)) {
        if (tile.partial_count > 1u) {
            merge_partials();
        }
        finish_tile();
    }
}
#endif
