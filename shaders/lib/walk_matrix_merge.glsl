// Part of walk_matrix.comp: the results of the teams, then of the workgroups, and the rows that are done.
#ifndef OCTAVO_WALK_MATRIX_MERGE_GLSL
#define OCTAVO_WALK_MATRIX_MERGE_GLSL
#include "arrivals.glsl"
#include "merge_unit.glsl"

// The teams' results into rows[], row_max[], row_sum[]; into scratch memory where other workgroups have parts of the tile.
void merge_teams() {
    const bool whole = share().tile.partial_count == 1u;
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        UNROLL for (uint odd = 0u; odd < 2u; ++odd) {
            const uint row = 8u * h + 2u * t + odd;
            if (row < ROWS && g == 0u) {
                team_max[team * ROWS + row] = running_max[h][odd];
            }
        }
    }
    vec2 sum[HALVES];
    UNROLL for (uint h = 0u; h < HALVES; ++h) {
        sum[h] = vec2(column_sum(running_sum[h].x), column_sum(running_sum[h].y)) * value_reference;
    }
    barrier();
    float factor[2u * HALVES]; // of this team's results
    UNROLL for (uint n = 0u; n < 2u * HALVES; ++n) {
        const uint row = lane_row(n >> 1, n & 1u);
        float largest = UNSEEN;
        UNROLL for (uint i = 0u; i < TEAMS; ++i) {
            largest = max(largest, team_max[i * ROWS + row]);
        }
        const float relative = exp2(running_max[n >> 1][n & 1u] - largest);
        factor[n] = relative * (value_reference / VALUE_UNIT);
        if (8u * (n >> 1) + 2u * t + (n & 1u) < ROWS && g == 0u) {
            team_sum[team * ROWS + row] = sum[n >> 1][n & 1u] * relative;
            if (team == 0u) {
                row_max[row] = largest;
            }
        }
    }
    UNROLL for (uint first = 0u; first < CHANNEL_SETS; first += STAGE_SETS) {
        UNROLL for (uint h = 0u; h < HALVES; ++h) {
            UNROLL for (uint j = 0u; j < 2u; ++j) {
                const uint row = 2u * t + j + 8u * h, at = team * STAGE_PAIRS + row * (STAGE_SETS * 16u) + 2u * g;
                if (row < ROWS) {
                    UNROLL for (uint s = 0u; s < STAGE_SETS; ++s) {
                        UNROLL for (uint a = 0u; a < 2u; ++a) {
                            const uint n = (h * CHANNEL_SETS + min(first + s, CHANNEL_SETS - 1u)) * 2u + a;
                            area[at + 16u * s + a] = floatBitsToUint(vec2(result[n][j], result[n][2u + j]) * factor[2u * h + j]);
                        }
                    }
                }
            }
        }
        barrier();
        if (first == 0u && lane < share().tile.row_count) {
            float row_total = 0.0;
            UNROLL for (uint i = 0u; i < TEAMS; ++i) {
                row_total += team_sum[i * ROWS + lane];
            }
            if (whole) {
                row_sum[lane] = row_total;
            } else {
                leave_sum(share().partial, lane, row_max[lane], row_total);
            }
        }
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
                } else if (row < share().tile.row_count) {
                    leave_output(share().partial, row, channel, sum.x);
                    leave_output(share().partial, row, channel + 1u, sum.y);
                }
            }
        }
        barrier();
    }
}
// All partial results of the tile into rows[], row_max[], row_sum[], in the order of their numbers.
void merge_partials() {
    [[dont_unroll]] for (uint unit = lane; unit < share().tile.row_count * (VALUE_PAD / 4u); unit += gl_WorkGroupSize.x) {
        float largest, sum;
        const vec4 x = merge_unit(share().tile, unit, 0u, 1u, largest, sum);
        store_unit(unit, x, largest, sum);
    }
    barrier();
}

// A team takes a row at a time: the sum is finished, the rotation of V undone, the output written.
void finish_tile() {
    [[dont_unroll]] for (uint r = team; r < share().tile.row_count; r += TEAMS) {
        // by all lanes, beside the rotation
        const float factor = finished_factor(share().sequence, r, writes_lse() && lane_in_subgroup() == 0u);
        float x[ROW_REGISTERS_MAX];
        UNROLL for (uint k = 0u; k < CHANNEL_SETS; ++k) {
            x[k] = rows[r * VALUE_PAD + 32u * k + lane_in_subgroup()];
        }
        if (!RAW_VALUES) {
            mix_registers(VALUE_PAD, x);
            flip_registers(VALUE_PAD, share().sequence.seed, x);
        }
        team_sync();
        if (lane_in_subgroup() == 0u) {
            row_sum[r] = factor;
        }
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
