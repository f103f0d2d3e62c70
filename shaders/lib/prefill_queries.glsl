// Part of prefill_matrix.comp: the query rows of a subgroup, from the caller's tensor into the basis of the codes, as operands
// in scratch memory of the share. Four rows at a time.
#ifndef OCTAVO_PREFILL_QUERIES_GLSL
#define OCTAVO_PREFILL_QUERIES_GLSL

void read_pairs(uint r, out float x[ROW_PAIRS_MAX]) {
    const uint element = OCTAVO_ATTENTION_QUERY_ELEMENT(push.flags);
    const uint first = row_token[r] * push.query_token_stride + row_head[r] * push.query_head_stride;
    UNROLL for (uint i = 0u; i < KEY_PAD / 8u; ++i) {
        const uint channel = 16u * (i >> 1) + 2u * row_lane() + (i & 1u);
        const bool inside = r < tile.row_count && channel < push.key_dim;
        x[i] = inside ? element_value(element, first + channel, queries[element_word(element, first + channel)]) : 0.0;
    }
}

float dot_mean(float x[ROW_PAIRS_MAX]) {
    float sum = 0.0;
    UNROLL for (uint i = 0u; i < KEY_PAD / 8u; ++i) {
        sum += x[i] * records[sequence.record + head * KEY_PAD + 16u * (i >> 1) + 2u * row_lane() + (i & 1u)];
    }
    return row_pairs_sum(sum);
}

// T^-T of the codec record; by four rows of rows[].
void transform_pairs(inout float x[ROW_PAIRS_MAX]) {
    // after the means and the transforms of the keys
    const uint matrix = sequence.record + push.head_count * KEY_PAD * (1u + KEY_PAD) + head * KEY_PAD * KEY_PAD;
    const uint at = team * TEAM_WORDS + (lane_in_subgroup() >> 3) * KEY_PAD;
    UNROLL for (uint i = 0u; i < KEY_PAD / 8u; ++i) {
        rows[at + 16u * (i >> 1) + 2u * row_lane() + (i & 1u)] = x[i];
        x[i] = 0.0;
    }
    team_sync();
    [[dont_unroll]] for (uint j = 0u; j < KEY_PAD; ++j) {
        const float q = rows[at + j];
        UNROLL for (uint i = 0u; i < KEY_PAD / 8u; ++i) {
            x[i] += records[matrix + (16u * (i >> 1) + 2u * row_lane() + (i & 1u)) * KEY_PAD + j] * q;
        }
    }
    team_sync();
}

// Normalised to the row's largest magnitude, into the operands at word block_at.
void store_pairs(uint r, uint block_at, float mean, float x[ROW_PAIRS_MAX]) {
    const uint c = row_lane(), row = r & 15u;
    float largest = 0.0, check = 0.0;
    UNROLL for (uint i = 0u; i < KEY_PAD / 8u; ++i) {
        largest = max(largest, abs(x[i]));
        check += x[i] * 0.0;
    }
    largest = row_pairs_max(largest);
    check = row_pairs_sum(check); // NaN where the row is not finite
    const float factor = largest > 1.0e-30 ? 1.0 / largest : 0.0;
    const uint at = block_at + (4u * (row & 7u) + (c & 3u)) * 4u + 2u * (c >> 2) + (row >> 3);
    UNROLL for (uint s = 0u; s < KEY_STEPS; ++s) {
        scratch[at + 128u * s] = packHalf2x16(vec2(x[2u * s], x[2u * s + 1u]) * factor);
    }
    if (c == 0u) {
        row_scale[r] = push.scale * largest + check;
        row_mean[r] = mean * push.scale;
    }
}

// Of share n; ends with operands, scales and means visible to the subgroup. A row that is not there is 0.
void prepare_queries(uint n) {
    const uint flags = sequence.record_flags, signs = pair_signs(KEY_PAD, sequence.seed);
    query_unit = ((n * push.head_count + head) * ROWS + team * TEAM_ROWS) / 16u * QUERY_UNITS; // scratch begins with them
    [[dont_unroll]] for (uint first = 0u; first < TEAM_ROWS; first += 4u) {
        const uint of_team = first + (lane_in_subgroup() >> 3), r = team * TEAM_ROWS + of_team;
        float x[ROW_PAIRS_MAX], mean = 0.0;
        read_pairs(r, x);
        if ((flags & OCTAVO_ROTATE_HAS_MEAN) != 0u) {
            mean = dot_mean(x);
        }
        if ((flags & OCTAVO_ROTATE_HAS_TRANSFORM) != 0u) {
            transform_pairs(x);
        } else if ((flags & OCTAVO_ROTATE_RAW) == 0u) {
            flip_pairs(KEY_PAD, signs, x);
            mix_pairs(KEY_PAD, x);
        }
        store_pairs(r, (query_unit + (of_team >> 4) * QUERY_UNITS) * UNIT_WORDS, mean, x);
    }
#ifdef OCTAVO_EMULATED_MATRIX
    memoryBarrierBuffer();
    barrier();
#else
    subgroupMemoryBarrierBuffer();
    team_sync();
#endif
}
#endif
