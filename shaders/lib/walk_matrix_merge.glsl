// Part of walk_matrix.comp: the results of the teams, then of the workgroups, and the rows that are done.
#ifndef OCTAVO_WALK_MATRIX_MERGE_GLSL
#define OCTAVO_WALK_MATRIX_MERGE_GLSL
#include "arrivals.glsl"
#include "merge_unit.glsl"

// The teams' results into rows[], row_max[], row_sum[]; into scratch memory where other workgroups have parts of the tile.
void merge_teams() {
    const bool whole = share.tile.partial_count == 1u;
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        const vec2 sum = vec2(column_sum(running_sum[h].x), column_sum(running_sum[h].y)) * value_reference;
        UNROLL for (uint odd = 0u; odd < 2u; ++odd) {
            const uint row = 8u * h + 2u * t + odd;
            if (row < ROWS && g == 0u) {
                team_max[team * ROWS + row] = running_max[h][odd];
                team_sum[team * ROWS + row] = sum[odd];
            }
        }
    }
    barrier();
    float factor[2u * HALVES]; // of this team's results
    UNROLL for (uint n = 0u; n < 2u * HALVES; ++n) {
        const uint row = lane_row(n >> 1, n & 1u);
        float largest = UNSEEN;
        UNROLL for (uint i = 0u; i < TEAMS; ++i) {
            largest = max(largest, team_max[i * ROWS + row]);
        }
        factor[n] = exp2(running_max[n >> 1][n & 1u] - largest) * (value_reference / VALUE_UNIT);
    }
    if (lane < ROWS) {
        float largest = UNSEEN, sum = 0.0;
        UNROLL for (uint i = 0u; i < TEAMS; ++i) {
            largest = max(largest, team_max[i * ROWS + lane]);
        }
        UNROLL for (uint i = 0u; i < TEAMS; ++i) {
            sum += team_sum[i * ROWS + lane] * exp2(team_max[i * ROWS + lane] - largest);
        }
        if (whole) {
            row_max[lane] = largest;
            row_sum[lane] = sum;
        } else if (lane < share.tile.row_count) {
            leave_sum(share.partial, lane, largest, sum);
        }
    }
    UNROLL for (uint first = 0u; first < CHANNEL_SETS; first += STAGE_SETS) {
        UNROLL for (uint s = first; s < min(first + STAGE_SETS, CHANNEL_SETS); ++s) {
            UNROLL for (uint h = 0u; h < HALVES; ++h) {
                UNROLL for (uint j = 0u; j < 2u; ++j) {
                    const uint row = 2u * t + j + 8u * h;
                    if (row < ROWS) {
                        const uint at = team * STAGE_PAIRS + (row * STAGE_SETS + s - first) * 16u + 2u * g;
                        UNROLL for (uint a = 0u; a < 2u; ++a) {
                            const uint n = (h * CHANNEL_SETS + s) * 2u + a;
                            area[at + a] = floatBitsToUint(vec2(result[n][j], result[n][2u + j]) * factor[2u * h + j]);
                        }
                    }
                }
            }
        }
        barrier();
        [[dont_unroll]] for (uint i = lane; i < STAGE_PAIRS; i += gl_WorkGroupSize.x) {
            const uint row = i / (STAGE_SETS * 16u), channel = 32u * first + 2u * (i % (STAGE_SETS * 16u));
            if (channel < VALUE_PAD) {
                vec2 sum = vec2(0.0);
                UNROLL for (uint k = 0u; k < TEAMS; ++k) {
                    sum += uintBitsToFloat(area[k * STAGE_PAIRS + i]);
                }
                if (whole) {
                    rows[row * VALUE_PAD + channel] = sum.x;
                    rows[row * VALUE_PAD + channel + 1u] = sum.y;
                } else if (row < share.tile.row_count) {
                    leave_output(share.partial, row, channel, sum.x);
                    leave_output(share.partial, row, channel + 1u, sum.y);
                }
            }
        }
        barrier();
    }
}
// All partial results of the tile into rows[], row_max[], row_sum[], in the order of their numbers.
void merge_partials() {
    [[dont_unroll]] for (uint unit = lane; unit < share.tile.row_count * (VALUE_PAD / 4u); unit += gl_WorkGroupSize.x) {
        float largest, sum;
        const vec4 x = merge_unit(share.tile, unit, 0u, 1u, largest, sum);
        store_unit(unit, x, largest, sum);
    }
    barrier();
}

// A team takes a row at a time: the sum is finished, the rotation of V undone, the output written.
void finish_tile() {
    [[dont_unroll]] for (uint r = team; r < share.tile.row_count; r += TEAMS) {
        if (lane_in_subgroup() == 0u) {
            finish_sum(share.sequence, r);
        }
        float x[ROW_REGISTERS_MAX];
        UNROLL for (uint k = 0u; k < CHANNEL_SETS; ++k) {
            x[k] = rows[r * VALUE_PAD + 32u * k + lane_in_subgroup()];
        }
        if (!RAW_VALUES) {
            mix_registers(VALUE_PAD, x);
            flip_registers(VALUE_PAD, share.sequence.seed, x);
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
#endif
