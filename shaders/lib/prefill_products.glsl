// Part of prefill.comp: queries times keys, and weights times values, of the operands in shared memory.
#ifndef OCTAVO_PREFILL_PRODUCTS_GLSL
#define OCTAVO_PREFILL_PRODUCTS_GLSL

void score_floats(token_block block) {
    [[dont_unroll]] for (uint group = 0u; group < KEY_PAD / 32u; ++group) {
        barrier();
        place_floats(block, group);
        barrier();
        [[dont_unroll]] for (uint i = 0u; i < FLOAT_PARTS; ++i) {
            vec4 keys[4];
            [[unroll]] for (uint j = 0u; j < 4u; ++j) {
                keys[j] = uintBitsToFloat(area[(ROWS + COLUMN_LANES * j + column) * FLOAT_STRIDE + i]);
            }
            [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
                const vec4 q = uintBitsToFloat(area[row_of(k) * FLOAT_STRIDE + i]);
                [[unroll]] for (uint j = 0u; j < 4u; ++j) {
                    scores[4u * k + j] = add_dot(q, keys[j], scores[4u * k + j]);
                }
            }
        }
    }
}

// select: a value whose weight is 0 may be NaN.
void add_floats(const uint chunk, const bool select) {
    [[dont_unroll]] for (uint i = 0u; i < FLOAT_PARTS; ++i) {
        vec4 values[4];
        [[unroll]] for (uint j = 0u; j < 4u; ++j) {
            values[j] = uintBitsToFloat(area[(ROWS + COLUMN_LANES * j + column) * FLOAT_STRIDE + i]);
        }
        [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
            const vec4 w = uintBitsToFloat(area[row_of(k) * FLOAT_STRIDE + i]);
            [[unroll]] for (uint j = 0u; j < 4u; ++j) {
                const uint at = (chunk * LANE_ROWS + k) * 4u + j;
                const vec4 value = select ? mix(vec4(0.0), values[j], notEqual(w, vec4(0.0))) : values[j];
                outputs[at] = add_dot(w, value, outputs[at]);
            }
        }
    }
}

#ifdef OCTAVO_HALF
f16vec2 half_sums[LANE_ROWS * 4u]; // [row][column]

void clear_halves() {
    [[unroll]] for (uint n = 0u; n < LANE_ROWS * 4u; ++n) {
        half_sums[n] = f16vec2(0.0);
    }
}

// Adds the products of part i of the rows of this lane with that of its columns to half_sums.
void multiply_halves(uint i) {
    half_eight columns[4];
    [[unroll]] for (uint j = 0u; j < 4u; ++j) {
        columns[j] = unpack_eight(area[(ROWS + COLUMN_LANES * j + column) * HALF_STRIDE + i]);
    }
    [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
        const half_eight x = unpack_eight(area[row_of(k) * HALF_STRIDE + i]);
        [[unroll]] for (uint j = 0u; j < 4u; ++j) {
            half_sums[4u * k + j] = add_products(x, columns[j], half_sums[4u * k + j]);
        }
    }
}

void score_halves(token_block block) {
    [[dont_unroll]] for (uint group = 0u; group < KEY_PAD / 32u; ++group) {
        barrier();
        place_halves(block, group);
        barrier();
        [[dont_unroll]] for (uint i = 0u; i < HALF_PARTS; ++i) {
            clear_halves();
            multiply_halves(i);
            [[unroll]] for (uint n = 0u; n < LANE_ROWS * 4u; ++n) {
                scores[n] += sum_of_pair(half_sums[n]);
            }
        }
    }
}

void add_halves(const uint chunk) {
    [[dont_unroll]] for (uint i = 0u; i < HALF_PARTS / 2u; ++i) {
        clear_halves();
        multiply_halves(2u * i);
        multiply_halves(2u * i + 1u);
        [[unroll]] for (uint n = 0u; n < LANE_ROWS * 4u; ++n) {
            outputs[chunk * LANE_ROWS * 4u + n] += sum_of_pair(half_sums[n]) * weight_scale[n / 4u];
        }
    }
}
#endif

#ifdef OCTAVO_INT_DOT
// The dots are of twice the levels: codes less the row's offset.
void score_integers(token_block block) {
    int sums[LANE_ROWS * 4u], low_sums[LANE_ROWS * 4u];
    [[unroll]] for (uint n = 0u; n < LANE_ROWS * 4u; ++n) {
        sums[n] = low_sums[n] = 0;
    }
    [[dont_unroll]] for (uint chunk = 0u; chunk < (KEY_PAD + 63u) / 64u; ++chunk) {
        barrier();
        place_integers(block, chunk);
        barrier();
        [[dont_unroll]] for (uint i = 0u; i < KEY_PARTS; ++i) {
            uvec4 keys[4];
            [[unroll]] for (uint j = 0u; j < 4u; ++j) {
                keys[j] = area[ROWS * QUERY_STRIDE + (COLUMN_LANES * j + column) * KEY_STRIDE + i];
            }
            [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
                const uvec4 q = area[row_of(k) * QUERY_STRIDE + i];
                const uvec4 low = PARTS == 1u ? uvec4(0u) : area[row_of(k) * QUERY_STRIDE + KEY_PARTS + i];
                [[unroll]] for (uint j = 0u; j < 4u; ++j) {
                    [[unroll]] for (uint b = 0u; b < 4u; ++b) {
                        sums[4u * k + j] = dot_s8(keys[j][b], q[b], sums[4u * k + j]);
                        if (PARTS > 1u) {
                            low_sums[4u * k + j] = dot_s8(keys[j][b], low[b], low_sums[4u * k + j]);
                        }
                    }
                }
            }
        }
    }
    [[unroll]] for (uint n = 0u; n < LANE_ROWS * 4u; ++n) {
        const int sum = PARTS == 1u ? sums[n] : 128 * sums[n] + low_sums[n];
        scores[n] = float(2 * sum - shared_row_offset[row_of(n / 4u)]);
    }
}

void add_integers(const uint chunk, int weight_sums[LANE_ROWS]) {
    int sums[LANE_ROWS * 4u];
    [[unroll]] for (uint n = 0u; n < LANE_ROWS * 4u; ++n) {
        sums[n] = 0;
    }
    [[unroll]] for (uint i = 0u; i < 2u; ++i) {
        uvec4 codes[4];
        [[unroll]] for (uint j = 0u; j < 4u; ++j) {
            codes[j] = area[(ROWS + 32u * chunk + COLUMN_LANES * j + column) * WEIGHT_STRIDE + i];
        }
        [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
            const uvec4 w = area[row_of(k) * WEIGHT_STRIDE + i];
            [[unroll]] for (uint j = 0u; j < 4u; ++j) {
                [[unroll]] for (uint b = 0u; b < 4u; ++b) {
                    sums[4u * k + j] = int(dot_u8(codes[j][b], w[b], uint(sums[4u * k + j])));
                }
            }
        }
    }
    [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
        [[unroll]] for (uint j = 0u; j < 4u; ++j) {
            outputs[(chunk * LANE_ROWS + k) * 4u + j] += float(2 * sums[4u * k + j] - weight_sums[k]) * weight_scale[k];
        }
    }
}

void add_value_codes(token_block block) {
    place_value_codes(block);
    barrier();
    int weight_sums[LANE_ROWS];
    [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
        uint sum = 0u;
        [[unroll]] for (uint n = 0u; n < 8u; ++n) {
            sum = dot_u8(area[row_of(k) * WEIGHT_STRIDE + n / 4u][n & 3u], 0x01010101u, sum);
        }
        weight_sums[k] = int(((1u << (VALUE_BITS & 15u)) - 1u) * sum);
    }
    [[unroll]] for (uint chunk = 0u; chunk < VALUE_CHUNKS; ++chunk) {
        add_integers(chunk, weight_sums);
    }
}
#endif

// Dots of the block's keys with the rows, into scores.
void score_block(token_block block) {
#ifdef OCTAVO_INT_DOT
    if (INT_KEYS && !is_window(block)) {
        score_integers(block);
        return;
    }
#endif
    [[unroll]] for (uint n = 0u; n < LANE_ROWS * 4u; ++n) {
        scores[n] = 0.0;
    }
#ifdef OCTAVO_HALF
    if (HALF_KEYS && !is_window(block)) {
        score_halves(block);
        return;
    }
#endif
    score_floats(block);
}

void add_chunk(token_block block, const uint chunk) {
    if (chunk >= VALUE_CHUNKS) {
        return;
    }
    if (chunk > 0u) {
        barrier();
    }
#ifdef OCTAVO_HALF
    if (HALF_VALUES && !is_window(block)) {
        place_value_halves(block, chunk);
        barrier();
        add_halves(chunk);
        return;
    }
#endif
    place_values(block, chunk);
    barrier();
    if (VALUE_BITS == 16u || is_window(block)) {
        add_floats(chunk, true);
    } else {
        add_floats(chunk, false);
    }
}

// Adds the block's weighted values to the outputs. The chunks are no loop: compilers do not unroll one that has loops in
// it, and then results that an index chooses lie in memory.
void add_block(token_block block) {
    barrier();
#ifdef OCTAVO_INT_DOT
    if (INT_VALUES && !is_window(block)) {
        add_value_codes(block);
        return;
    }
#endif
    add_chunk(block, 0u);
    add_chunk(block, 1u);
    add_chunk(block, 2u);
    add_chunk(block, 3u);
    add_chunk(block, 4u);
    add_chunk(block, 5u);
    add_chunk(block, 6u);
    add_chunk(block, 7u);
}
#endif
