// Part of walk_matrix.comp: the results of the teams, then of the workgroups, and the rows that are done.
#ifndef OCTAVO_WALK_MATRIX_MERGE_GLSL
#define OCTAVO_WALK_MATRIX_MERGE_GLSL
#include "arrivals.glsl"

// The teams' results into rows[], row_max[], row_sum[].
void merge_teams() {
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
        row_max[lane] = largest;
        row_sum[lane] = sum;
    }
    UNROLL for (uint first = 0u; first < CHANNEL_SETS; first += STAGE_SETS) {
        UNROLL for (uint s = first; s < min(first + STAGE_SETS, CHANNEL_SETS); ++s) {
            UNROLL for (uint h = 0u; h < HALVES; ++h) {
                UNROLL for (uint j = 0u; j < 2u; ++j) {
                    const uint row = 2u * t + j + 8u * h;
                    if (row < ROWS) {
                        const uint at = (team * ROWS + row) * (STAGE_SETS * 32u) + (s - first) * 32u + 4u * g;
                        UNROLL for (uint a = 0u; a < 2u; ++a) {
                            const uint n = (h * CHANNEL_SETS + s) * 2u + a;
                            stage[at + 2u * a] = result[n][j] * factor[2u * h + j];
                            stage[at + 2u * a + 1u] = result[n][2u + j] * factor[2u * h + j];
                        }
                    }
                }
            }
        }
        barrier();
        [[dont_unroll]] for (uint i = lane; i < ROWS * STAGE_SETS * 32u; i += gl_WorkGroupSize.x) {
            const uint row = i / (STAGE_SETS * 32u), channel = 32u * first + i % (STAGE_SETS * 32u);
            if (channel < VALUE_PAD) {
                float sum = 0.0;
                UNROLL for (uint k = 0u; k < TEAMS; ++k) {
                    sum += stage[k * (ROWS * STAGE_SETS * 32u) + i];
                }
                rows[row * VALUE_PAD + channel] = sum;
            }
        }
        barrier();
    }
}

// All partial results of the tile into rows[], row_max[], row_sum[], in the order of their numbers; a team takes a row of
// sums at a time, a lane four channels of a row.
void merge_partials() {
    const uint stride = push.head_count * ROWS, first_row = partial_row(share.tile.partial_first, 0u);
    [[dont_unroll]] for (uint r = team; r < share.tile.row_count; r += TEAMS) {
        float largest = UNSEEN, sum = 0.0;
        [[dont_unroll]] for (uint first = 0u; first < share.tile.partial_count; first += 32u) {
            const uint p = first + lane_in_subgroup(), at = push.sum_offset + 2u * (first_row + r + min(p, share.tile.partial_count - 1u) * stride);
            const float own = uintBitsToFloat(scratch[at]), own_sum = p < share.tile.partial_count ? uintBitsToFloat(scratch[at + 1u]) : 0.0;
            const float new_max = max(largest, subgroup_max(own));
            sum = sum * exp2(largest - new_max) + subgroup_sum(own_sum * exp2(own - new_max));
            largest = new_max;
        }
        if (lane_in_subgroup() == 0u) {
            row_max[r] = largest;
            row_sum[r] = sum;
        }
    }
    barrier();
    [[dont_unroll]] for (uint i = lane; i < share.tile.row_count * (VALUE_PAD / 4u); i += gl_WorkGroupSize.x) {
        const uint r = i / (VALUE_PAD / 4u), sum_at = push.sum_offset + 2u * (first_row + r);
        const uint output_at = (push.output_offset + (first_row + r) * VALUE_PAD) / 4u + i % (VALUE_PAD / 4u);
        const float largest = row_max[r];
        vec4 x = vec4(0.0);
        [[dont_unroll]] for (uint first = 0u; first < share.tile.partial_count; first += 8u) {
            vec4 values[8]; // loads first, so that they overlap
            float maxima[8];
            UNROLL for (uint j = 0u; j < 8u; ++j) {
                const uint p = min(first + j, share.tile.partial_count - 1u) * stride;
                values[j] = scratch4[output_at + p * (VALUE_PAD / 4u)];
                maxima[j] = uintBitsToFloat(scratch[sum_at + 2u * p]);
            }
            UNROLL for (uint j = 0u; j < 8u; ++j) {
                x += first + j < share.tile.partial_count ? exp2(maxima[j] - largest) * values[j] : vec4(0.0);
            }
        }
        UNROLL for (uint c = 0u; c < 4u; ++c) {
            rows[4u * i + c] = x[c];
        }
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
