// Part of prefill_matrix.comp: from results to output rows, or to partial ones where a tile has several shares.
#ifndef OCTAVO_PREFILL_FINISH_GLSL
#define OCTAVO_PREFILL_FINISH_GLSL

const uint LANE_CHANNELS = 2u * VALUE_FRAGMENTS;

// R^-1 of a row of which lane t has the channels 8 n + 2 t + odd as y[2 n + odd]: see row_registers.glsl.
void rotate_back(uint seed, inout float y[LANE_CHANNELS]) {
    const uint hadamard = hadamard_size(VALUE_PAD), hartley = VALUE_PAD / hadamard, stride = hadamard / 4u;
    const float scale = 1.0 / sqrt(float(hadamard));
    UNROLL for (uint h = 1u; h < stride; h *= 2u) {
        UNROLL for (uint i = 0u; i < LANE_CHANNELS; ++i) {
            if ((i & h) == 0u) {
                const float low = y[i], high = y[i + h];
                y[i] = low + high;
                y[i + h] = low - high;
            }
        }
    }
    UNROLL for (uint distance = 1u; distance < 4u; distance *= 2u) {
        const float side = (t & distance) == 0u ? 1.0 : -1.0;
        UNROLL for (uint i = 0u; i < LANE_CHANNELS; ++i) {
            y[i] = y[i] * side + shuffled(y[i], lane_in_subgroup() ^ distance);
        }
    }
    if (hartley > 1u) {
        UNROLL for (uint j = 0u; j < stride; ++j) {
            float z[7];
            UNROLL for (uint b = 0u; b < hartley; ++b) {
                z[b] = 0.0;
                UNROLL for (uint a = 0u; a < hartley; ++a) {
                    z[b] += hartley_entry(hartley, b, a) * y[a * stride + j];
                }
            }
            UNROLL for (uint b = 0u; b < hartley; ++b) {
                y[b * stride + j] = z[b];
            }
        }
    }
    UNROLL for (uint i = 0u; i < LANE_CHANNELS; ++i) {
        y[i] = flip_sign(y[i] * scale, seed, 8u * (i >> 1) + 2u * t + (i & 1u));
    }
}

void store_partial(uint partial, uint row, float y[LANE_CHANNELS]) {
    const uint at = push.output_offset + ((partial * push.head_count + head) * ROWS + row) * VALUE_PAD + 2u * t;
    UNROLL for (uint i = 0u; i < LANE_CHANNELS; ++i) {
        scratch[at + 8u * (i >> 1) + (i & 1u)] = floatBitsToUint(y[i]);
    }
}

void store_row_outputs(uint row, float y[LANE_CHANNELS]) {
    UNROLL for (uint i = 0u; i < LANE_CHANNELS; i += 2u) {
        const uint channel = 4u * i + 2u * t;
        if (channel < push.value_dim) {
            store_outputs(row, channel, vec2(y[i], y[i + 1u]), channel + 1u < push.value_dim);
        }
    }
}

void finish_rows_of_team(uint partial) {
    const bool whole = tile.partial_count == 1u;
    UNROLL for (uint b = 0u; b < BLOCKS; ++b) {
        UNROLL for (uint half_row = 0u; half_row < 2u; ++half_row) {
            // a value that is not finite makes NaN of its row, in all channels
            float sum = weight_sum[b][half_row];
            UNROLL for (uint n = b * VALUE_FRAGMENTS; n < (b + 1u) * VALUE_FRAGMENTS; ++n) {
                sum += (result[n][2u * half_row] + result[n][2u * half_row + 1u]) * 0.0;
            }
            sum = row_lanes_sum(sum);
            const uint row = block_row(b, half_row);
            if (t == 0u) {
                row_max[row] = base_of(b)[half_row];
                row_sum[row] = sum;
            }
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
    team_sync();
    UNROLL for (uint b = 0u; b < BLOCKS; ++b) {
        UNROLL for (uint half_row = 0u; half_row < 2u; ++half_row) {
            const uint row = block_row(b, half_row);
            float y[LANE_CHANNELS];
            UNROLL for (uint i = 0u; i < LANE_CHANNELS; ++i) {
                y[i] = result[b * VALUE_FRAGMENTS + (i >> 1)][2u * half_row + (i & 1u)];
            }
            if (whole && ROTATED != 0u) {
                rotate_back(sequence.seed, y);
            }
            if (row < tile.row_count && whole) {
                store_row_outputs(row, y);
            } else if (row < tile.row_count) {
                store_partial(partial, row, y);
            }
        }
    }
}
#endif
