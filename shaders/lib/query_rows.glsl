// The query rows of a tile in the basis of the codes, straight from the caller's tensor; a subgroup takes a row at a time.
// Includer defines ROWS, HALVES, KEY_PAD, KEY_BITS, KEY_GROUPS, KEY_STEPS, TEAMS, uint head, team, shared uvec2 area[], which
// begins with the queries, float rows[ROWS * KEY_PAD], row_mean[ROWS], row_scale[ROWS], row_offset[ROWS], shared uint
// row_token[ROWS], row_head[ROWS], the buffers uint queries[] and float records[].
#ifndef OCTAVO_QUERY_ROWS_GLSL
#define OCTAVO_QUERY_ROWS_GLSL

// First element of row r, or of row 0 where that is not there: a load behind a condition would wait for the one before.
uint row_place(octavo_query_tile tile, uint r) {
    const uint row = r < tile.row_count ? r : 0u;
    return row_token[row] * push.query_token_stride + row_head[row] * push.query_head_stride;
}

void load_row(octavo_query_tile tile, uint r, out uint words[ROW_REGISTERS_MAX]) {
    const uint element = OCTAVO_ATTENTION_QUERY_ELEMENT(push.flags), first = row_place(tile, r);
    UNROLL for (uint k = 0u; k < KEY_PAD / 32u; ++k) {
        words[k] = queries[element_word(element, first + min(32u * k + lane_in_subgroup(), push.key_dim - 1u))];
    }
}

void read_row(octavo_query_tile tile, uint r, uint words[ROW_REGISTERS_MAX], out float x[ROW_REGISTERS_MAX]) {
    const uint element = OCTAVO_ATTENTION_QUERY_ELEMENT(push.flags), first = row_place(tile, r);
    UNROLL for (uint k = 0u; k < KEY_PAD / 32u; ++k) {
        const uint channel = 32u * k + lane_in_subgroup();
        const float value = element_value(element, first + channel, words[k]);
        x[k] = r < tile.row_count && channel < push.key_dim ? value : 0.0;
    }
}

float dot_mean(octavo_sequence_record sequence, float x[ROW_REGISTERS_MAX]) {
    float sum = 0.0;
    UNROLL for (uint k = 0u; k < KEY_PAD / 32u; ++k) {
        sum += x[k] * records[sequence.record + head * KEY_PAD + 32u * k + lane_in_subgroup()];
    }
    return subgroup_sum(sum);
}

// T^-T of the codec record; uses the row's place in rows[].
void transform_row(octavo_sequence_record sequence, uint r, inout float x[ROW_REGISTERS_MAX]) {
    // after the means and the transforms of the keys
    const uint matrix = sequence.record + push.head_count * KEY_PAD * (1u + KEY_PAD) + head * KEY_PAD * KEY_PAD;
    UNROLL for (uint k = 0u; k < KEY_PAD / 32u; ++k) {
        rows[r * KEY_PAD + 32u * k + lane_in_subgroup()] = x[k];
        x[k] = 0.0;
    }
    team_sync();
    [[dont_unroll]] for (uint j = 0u; j < KEY_PAD; ++j) {
        const float q = rows[r * KEY_PAD + j];
        UNROLL for (uint k = 0u; k < KEY_PAD / 32u; ++k) {
            x[k] += records[matrix + (32u * k + lane_in_subgroup()) * KEY_PAD + j] * q;
        }
    }
    team_sync();
}

// A row as fragments B: normalised to the largest magnitude, each value divided by the power of two that its keys have
// (see code_halves). Lane 4 g + t of fragment `step` has group t of 32 channels of row g, channels 4 c .. 4 c + 3 as pairs
// (0, 2) and (1, 3) for codes, (0, 1) and (2, 3) for f16.
void store_row(uint r, float mean, float x[ROW_REGISTERS_MAX]) {
    const uint own = lane_in_subgroup(), c = own >> 2;
    const uint shift = halves_shift(KEY_BITS, c);
    const float power = float(1u << shift);
    const uint partner = RAW_KEYS ? 1u : 2u; // of a pair
    float largest = 0.0;
    bool finite = true;
    UNROLL for (uint k = 0u; k < KEY_PAD / 32u; ++k) {
        largest = max(largest, abs(x[k]));
        finite = finite && (floatBitsToUint(x[k]) & 0x7f800000u) != 0x7f800000u;
    }
    largest = subgroup_max(largest);
    const bool spoilt = any_lane(!finite);
    // of a value, divided by the power of two
    const float factor = (largest > 1.0e-30 ? 1.0 / largest : 0.0) * uintBitsToFloat((127u - shift) << 23);
    float offset = 0.0, y[4u * KEY_GROUPS]; // a group that is not there is 0
    UNROLL for (uint k = 0u; k < 4u * KEY_GROUPS; ++k) {
        y[k] = unpackHalf2x16(packHalf2x16(vec2(k < KEY_PAD / 32u ? x[k] * factor : 0.0, 0.0))).x;
        offset += y[k] * power;
    }
    // of two lanes with a pair each stores one in two
    const bool is_second = (own & partner) != 0u;
    UNROLL for (uint k = 0u; k < 4u * KEY_GROUPS; k += 2u) {
        const float other = shuffled(is_second ? y[k] : y[k + 1u], own ^ partner);
        const uint group = k + (is_second ? 1u : 0u), step = (k >> 2) * 8u + c;
        area[((r >> 3) * KEY_STEPS + step) * 32u + 4u * (r & 7u) + (group & 3u)][RAW_KEYS ? (own >> 1) & 1u : own & 1u] =
            packHalf2x16(is_second ? vec2(other, y[k + 1u]) : vec2(y[k], other));
    }
    offset = subgroup_sum(offset);
    if (own == 0u) {
        row_offset[r] = offset * (KEY_ZERO * KEY_UNIT);
        row_scale[r] = spoilt ? uintBitsToFloat(0x7fc00000u) : push.scale * (largest / KEY_UNIT);
        row_mean[r] = mean * push.scale;
    }
}

// A row of fragments B that no query has.
void clear_row(uint r) {
    UNROLL for (uint i = 0u; i < 4u * KEY_STEPS; i += 32u) {
        const uint n = i + lane_in_subgroup();
        area[((r >> 3) * KEY_STEPS + (n >> 2)) * 32u + 4u * (r & 7u) + (n & 3u)] = uvec2(0u);
    }
}

// Rows have their places. Ends with fragments, means, scales and offsets visible to all lanes; a row that is not there is 0.
void load_query_rows(octavo_sequence_record sequence, octavo_query_tile tile) {
    const uint flags = sequence.record_flags;
    uint next[ROW_REGISTERS_MAX]; // a row on its way
    load_row(tile, team, next);
    [[dont_unroll]] for (uint r = team; r < 8u * HALVES; r += TEAMS) {
        if (r >= ROWS) {
            clear_row(r);
            continue;
        }
        float x[ROW_REGISTERS_MAX], mean = 0.0;
        read_row(tile, r, next, x);
        if (TEAMS < ROWS) {
            load_row(tile, r + TEAMS, next);
        }
        if ((flags & OCTAVO_ROTATE_HAS_MEAN) != 0u) {
            mean = dot_mean(sequence, x);
        }
        if ((flags & OCTAVO_ROTATE_HAS_TRANSFORM) != 0u) {
            transform_row(sequence, r, x);
        } else if ((flags & OCTAVO_ROTATE_RAW) == 0u) {
            flip_registers(KEY_PAD, sequence.seed, x);
            mix_registers(KEY_PAD, x);
        }
        store_row(r, mean, x);
    }
    barrier();
}
#endif
