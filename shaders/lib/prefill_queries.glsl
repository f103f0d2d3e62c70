// Part of prefill_matrix.comp: the query rows of a subgroup as operands A, in scratch memory of the share.
#ifndef OCTAVO_PREFILL_QUERIES_GLSL
#define OCTAVO_PREFILL_QUERIES_GLSL

// Row r of the tile, normalised to its largest magnitude, into its block's operands at word block_at.
void store_query(uint r, uint block_at, float mean, float x[ROW_REGISTERS_MAX]) {
    const uint own = lane_in_subgroup(), pair = own >> 1, row = r & 15u;
    float largest = 0.0, check = 0.0;
    UNROLL for (uint k = 0u; k < KEY_PAD / 32u; ++k) {
        largest = max(largest, abs(x[k]));
        check += x[k] * 0.0;
    }
    largest = subgroup_max(largest);
    check = subgroup_sum(check); // NaN where the row is not finite
    const float factor = largest > 1.0e-30 ? 1.0 / largest : 0.0;
    UNROLL for (uint k = 0u; k < KEY_PAD / 32u; ++k) {
        const float y = x[k] * factor, other = shuffled(y, own ^ 1u);
        if ((own & 1u) == 0u) {
            const uint s = 2u * k + (pair >> 3), place = 4u * (row & 7u) + (pair & 3u);
            const uint at = block_at + (s * 32u + place) * 4u + 2u * ((pair >> 2) & 1u) + (row >> 3);
            scratch[at] = packHalf2x16(vec2(y, other));
        }
    }
    if (own == 0u) {
        row_scale[r] = push.scale * largest + check;
        row_mean[r] = mean * push.scale;
    }
}

// Of share n; ends with operands, scales and means visible to the subgroup. A row that is not there is 0.
void prepare_queries(uint n) {
    const uint team_first = team * TEAM_ROWS;
    query_unit = ((n * push.head_count + head) * ROWS + team_first) / 16u * QUERY_UNITS; // scratch begins with them
    [[dont_unroll]] for (uint r = 0u; r < TEAM_ROWS; ++r) {
        float x[ROW_REGISTERS_MAX];
        const float mean = prepare_row(sequence, team_first + r, team_first + r < tile.row_count, team * KEY_PAD, x);
        store_query(team_first + r, (query_unit + (r >> 4) * QUERY_UNITS) * UNIT_WORDS, mean, x);
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
