// Part of prefill_matrix.comp: the query rows of a subgroup, from the caller's tensor into the basis of the codes, as operands
// in scratch memory of the share. Two times four rows at once, so that the shuffles of one overlap those of the other.
#ifndef OCTAVO_PREFILL_QUERIES_GLSL
#define OCTAVO_PREFILL_QUERIES_GLSL

const uint FOURS = KEY_PAD > 128u ? 1u : 2u; // at once: each takes a register for eight channels, and its load another

uint pair_channel(uint i) {
    return 16u * (i >> 1) + 2u * row_lane() + (i & 1u);
}

// Words of a row's elements, some others for those that are not there: a load behind a condition waits for the one before.
void load_pairs(uint r, out uint words[ROW_PAIRS_MAX]) {
    const uint element = OCTAVO_ATTENTION_QUERY_ELEMENT(push.flags), row = min(r, tile.row_count - 1u);
    const uint first = row_token[row] * push.query_token_stride + row_head[row] * push.query_head_stride;
    UNROLL for (uint i = 0u; i < KEY_PAD / 8u; ++i) {
        words[i] = queries[element_word(element, first + min(pair_channel(i), push.key_dim - 1u))];
    }
}

void read_pairs(uint r, uint words[ROW_PAIRS_MAX], out float x[ROW_PAIRS_MAX]) {
    const uint element = OCTAVO_ATTENTION_QUERY_ELEMENT(push.flags), row = min(r, tile.row_count - 1u);
    const uint first = row_token[row] * push.query_token_stride + row_head[row] * push.query_head_stride;
    UNROLL for (uint i = 0u; i < KEY_PAD / 8u; ++i) {
        const float value = element_value(element, first + pair_channel(i), words[i]);
        x[i] = r < tile.row_count && pair_channel(i) < push.key_dim ? value : 0.0;
    }
}

float dot_mean(float x[ROW_PAIRS_MAX]) {
    float sum = 0.0;
    UNROLL for (uint i = 0u; i < KEY_PAD / 8u; ++i) {
        sum += x[i] * records[sequence.record + head * KEY_PAD + pair_channel(i)];
    }
    return row_pairs_sum(sum);
}

// T^-T of the codec record; by four rows of rows[].
void transform_pairs(inout float x[ROW_PAIRS_MAX]) {
    // after the means and the transforms of the keys
    const uint matrix = sequence.record + push.head_count * KEY_PAD * (1u + KEY_PAD) + head * KEY_PAD * KEY_PAD;
    const uint at = team * TEAM_WORDS + (lane_in_subgroup() >> 3) * KEY_PAD;
    UNROLL for (uint i = 0u; i < KEY_PAD / 8u; ++i) {
        rows[at + pair_channel(i)] = x[i];
        x[i] = 0.0;
    }
    team_sync();
    [[dont_unroll]] for (uint j = 0u; j < KEY_PAD; ++j) {
        const float q = rows[at + j];
        UNROLL for (uint i = 0u; i < KEY_PAD / 8u; ++i) {
            x[i] += records[matrix + pair_channel(i) * KEY_PAD + j] * q;
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
    const uint quarter = lane_in_subgroup() >> 3;
    uint next[FOURS][ROW_PAIRS_MAX]; // rows on their way
    UNROLL for (uint f = 0u; f < FOURS; ++f) {
        load_pairs(team * TEAM_ROWS + 4u * f + quarter, next[f]);
    }
    [[dont_unroll]] for (uint first = 0u; first < TEAM_ROWS; first += 4u * FOURS) {
        float x[FOURS][ROW_PAIRS_MAX], mean[FOURS];
        UNROLL for (uint f = 0u; f < FOURS; ++f) {
            const uint r = team * TEAM_ROWS + first + 4u * f + quarter;
            read_pairs(r, next[f], x[f]);
            load_pairs(r + 4u * FOURS, next[f]);
            mean[f] = 0.0;
        }
        if ((flags & OCTAVO_ROTATE_HAS_MEAN) != 0u) {
            UNROLL for (uint f = 0u; f < FOURS; ++f) {
                mean[f] = dot_mean(x[f]);
            }
        }
        if ((flags & OCTAVO_ROTATE_HAS_TRANSFORM) != 0u) {
            UNROLL for (uint f = 0u; f < FOURS; ++f) {
                transform_pairs(x[f]);
            }
        } else if ((flags & OCTAVO_ROTATE_RAW) == 0u) {
            UNROLL for (uint f = 0u; f < FOURS; ++f) {
                flip_pairs(KEY_PAD, signs, x[f]);
                mix_pairs(KEY_PAD, x[f]);
            }
        }
        UNROLL for (uint f = 0u; f < FOURS; ++f) {
            const uint of_team = first + 4u * f + quarter;
            store_pairs(team * TEAM_ROWS + of_team, (query_unit + (of_team >> 4) * QUERY_UNITS) * UNIT_WORDS, mean[f], x[f]);
        }
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
