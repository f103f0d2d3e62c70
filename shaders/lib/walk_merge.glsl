// Part of the fused walk.comp: the results of the teams, then of the workgroups, and the rows that are done.
#ifndef OCTAVO_WALK_MERGE_GLSL
#define OCTAVO_WALK_MERGE_GLSL
#include "arrivals.glsl"
#include "merge_unit.glsl"

// What this workgroup found in its share, all its teams: left as a partial result, or the only one, into rows[], row_max[]
// and row_sum[].
void merge_teams(bool leaves, uint partial) {
    [[dont_unroll]] for (uint i = lane; i < ROWS * VALUE_PAD; i += GROUP_LANES) {
        const uint r = i / VALUE_PAD, channel = i % VALUE_PAD;
        float largest = UNSEEN, x = 0.0;
        vec2 sums = vec2(0.0);
        [[dont_unroll]] for (uint k = 0u; k < TEAMS; ++k) {
            largest = max(largest, team_max[k * ROWS + r]);
        }
        [[dont_unroll]] for (uint k = 0u; k < TEAMS; ++k) {
            const float factor = exp2(team_max[k * ROWS + r] - largest);
            sums += team_sums[k * ROWS + r] * factor;
            x += rows[k * ROWS * VALUE_PAD + i] * factor;
        }
        x -= sums.y;
        if (!leaves) {
            rows[i] = x;
            if (channel == 0u) {
                row_max[r] = largest;
                row_sum[r] = sums.x;
            }
        } else if (r < tile.row_count) {
            leave_output(partial, r, channel, x);
            if (channel == 0u) {
                leave_sum(partial, r, largest, sums.x);
            }
        }
    }
    if (!leaves) {
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
        mix_rows(VALUE_PAD, team_rows_end() - team_rows_first(), team_rows_first() * VALUE_PAD, team_lane, LANES);
    }
    barrier();
    const uint pairs = (push.value_dim + 1u) / 2u;
    [[dont_unroll]] for (uint i = lane; i < tile.row_count * pairs; i += GROUP_LANES) {
        const uint r = i / pairs, channel = 2u * (i % pairs), first = r * VALUE_PAD;
        const vec2 x = VALUE_BITS < 16u ? rotated_back(VALUE_PAD, sequence.seed, first, channel)
                                        : vec2(rows[first + channel], rows[first + channel + 1u]);
        store_outputs(r, channel, x, channel + 1u < push.value_dim);
    }
}

void finish_share(uint partial, uint tile_index) {
    const bool is_part = tile.partial_count > 1u;
    merge_teams(is_part, partial);
    if (!is_part || arrive(tile, tile_index)) {
        if (is_part) {
            merge_partials();
        }
        finish_tile();
    }
}
#endif
