// Part of prefill_matrix.comp: from results to output rows, or to partial ones where a tile has several shares. Loops, not
// straight lines: it runs once a tile, and code that runs once is paid for in misses of the instruction cache.
#ifndef OCTAVO_PREFILL_FINISH_GLSL
#define OCTAVO_PREFILL_FINISH_GLSL

// Maxima and sums of the rows.
void finish_sums(uint partial, bool whole) {
    UNROLL for (uint b = 0u; b < BLOCKS; ++b) {
        const vec2 base = base_of(b), sum = vec2(row_lanes_sum(weight_sum[b].x), row_lanes_sum(weight_sum[b].y));
        if (t == 0u) {
            row_max[block_row(b, 0u)] = base.x;
            row_max[block_row(b, 1u)] = base.y;
            row_sum[block_row(b, 0u)] = sum.x;
            row_sum[block_row(b, 1u)] = sum.y;
        }
    }
    team_sync();
    [[dont_unroll]] for (uint i = lane_in_subgroup(); i < TEAM_ROWS; i += 32u) {
        const uint row = team * TEAM_ROWS + i;
        if (row < tile.row_count && whole) {
            finish_sum(sequence, row);
        } else if (row < tile.row_count) {
            const uint at = push.sum_offset + 2u * ((partial * push.head_count + head) * ROWS + row);
            scratch[at] = floatBitsToUint(row_sum[row] == 0.0 ? UNSEEN : row_max[row]);
            scratch[at + 1u] = floatBitsToUint(row_sum[row]);
        }
    }
}

// Results of the rows 8 piece .. of this subgroup into rows[].
void stage_results(uint piece) {
    const uint at = team * TEAM_WORDS + g * ROW_STRIDE + 2u * t;
    UNROLL for (uint b = 0u; b < BLOCKS; ++b) {
        UNROLL for (uint half_row = 0u; half_row < 2u; ++half_row) {
            if (piece == 2u * b + half_row) {
                UNROLL for (uint n = 0u; n < VALUE_FRAGMENTS; ++n) {
                    rows[at + 8u * n] = result[b * VALUE_FRAGMENTS + n][2u * half_row];
                    rows[at + 8u * n + 1u] = result[b * VALUE_FRAGMENTS + n][2u * half_row + 1u];
                }
            }
        }
    }
}

// Four rows at a time, see row_pairs.glsl.
void finish_rows_of_team(uint partial) {
    const bool whole = tile.partial_count == 1u;
    const uint signs = pair_signs(VALUE_PAD, sequence.seed);
    finish_sums(partial, whole);
    [[dont_unroll]] for (uint first = 0u; first < TEAM_ROWS; first += 4u) {
        if ((first & 7u) == 0u) {
            team_sync();
            stage_results(first >> 3);
            team_sync();
        }
        const uint of_team = first + (lane_in_subgroup() >> 3), row = team * TEAM_ROWS + of_team;
        const uint at = team * TEAM_WORDS + (of_team & 7u) * ROW_STRIDE + 2u * row_lane();
        float x[ROW_PAIRS_MAX];
        UNROLL for (uint i = 0u; i < VALUE_PAD / 8u; ++i) {
            x[i] = rows[at + 16u * (i >> 1) + (i & 1u)];
        }
        if (whole && ROTATED != 0u) {
            mix_pairs(VALUE_PAD, x);
            flip_pairs(VALUE_PAD, signs, x);
        }
        if (row < tile.row_count && whole) {
            UNROLL for (uint i = 0u; i < VALUE_PAD / 8u; i += 2u) {
                const uint channel = 8u * i + 2u * row_lane();
                if (channel < push.value_dim) {
                    store_outputs(row, channel, vec2(x[i], x[i + 1u]), channel + 1u < push.value_dim);
                }
            }
        } else if (row < tile.row_count) {
            const uint partial_at = push.output_offset + ((partial * push.head_count + head) * ROWS + row) * VALUE_PAD + 2u * row_lane();
            UNROLL for (uint i = 0u; i < VALUE_PAD / 8u; ++i) {
                scratch[partial_at + 16u * (i >> 1) + (i & 1u)] = floatBitsToUint(x[i]);
            }
        }
    }
}
#endif
