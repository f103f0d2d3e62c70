// The query rows of a tile in the basis of the codes, straight from the caller's tensor. Includer defines ROWS, KEY_PAD,
// shared float rows[ROWS * KEY_PAD], shared float stage[ROWS * KEY_PAD], shared float row_mean[ROWS], uint lane, uint
// head, the buffers uint queries[] and float records[].
#ifndef OCTAVO_QUERY_ROWS_GLSL
#define OCTAVO_QUERY_ROWS_GLSL

uint query_index(octavo_sequence_record sequence, octavo_query_tile tile, uint row) {
    const uint local = tile.row_first + row;
    return (sequence.token_base + local / push.group) * push.query_token_stride +
           (head * push.group + local % push.group) * push.query_head_stride;
}

// q . mean of each row, in a fixed order; in the units of the logits.
void find_row_means(octavo_sequence_record sequence) {
    for (uint r = lane; r < ROWS; r += gl_WorkGroupSize.x) {
        float sum = 0.0;
        if ((sequence.record_flags & OCTAVO_ROTATE_HAS_MEAN) != 0u) {
            for (uint c = 0u; c < KEY_PAD; ++c) {
                sum += rows[r * KEY_PAD + c] * records[sequence.record + head * KEY_PAD + c];
            }
        }
        row_mean[r] = sum * push.scale;
    }
}

void transform_rows(octavo_sequence_record sequence) {
    // after the means and the transforms of the keys
    const uint matrix = sequence.record + push.head_count * KEY_PAD * (1u + KEY_PAD) + head * KEY_PAD * KEY_PAD;
    barrier();
    for (uint i = lane; i < ROWS * KEY_PAD; i += gl_WorkGroupSize.x) {
        const uint r = i / KEY_PAD, at = matrix + (i % KEY_PAD) * KEY_PAD;
        float sum = 0.0;
        for (uint j = 0u; j < KEY_PAD; ++j) {
            sum += records[at + j] * rows[r * KEY_PAD + j];
        }
        stage[i] = sum;
    }
    barrier();
    for (uint i = lane; i < ROWS * KEY_PAD; i += gl_WorkGroupSize.x) {
        rows[i] = stage[i];
    }
    barrier();
}

// Ends with the rows and means visible to all lanes; a row that is not there is 0.
void load_query_rows(octavo_sequence_record sequence, octavo_query_tile tile) {
    const uint element = OCTAVO_ATTENTION_QUERY_ELEMENT(push.flags), flags = sequence.record_flags;
    const bool plain = (flags & (OCTAVO_ROTATE_HAS_TRANSFORM | OCTAVO_ROTATE_RAW)) == 0u;
    const bool needs_means = (flags & OCTAVO_ROTATE_HAS_MEAN) != 0u;
    for (uint i = lane; i < ROWS * KEY_PAD; i += gl_WorkGroupSize.x) {
        const uint row = i / KEY_PAD, channel = i % KEY_PAD;
        float x = 0.0;
        if (row < tile.row_count && channel < push.key_dim) {
            const uint index = query_index(sequence, tile, row) + channel;
            x = element_value(element, index, queries[element_word(element, index)]);
        }
        rows[i] = plain && !needs_means ? flip_sign(x, sequence.seed, channel) : x;
    }
    barrier();
    find_row_means(sequence);
    if ((flags & OCTAVO_ROTATE_HAS_TRANSFORM) != 0u) {
        transform_rows(sequence);
    } else if (plain) {
        if (needs_means) {
            barrier();
            for (uint i = lane; i < ROWS * KEY_PAD; i += gl_WorkGroupSize.x) {
                rows[i] = flip_sign(rows[i], sequence.seed, i % KEY_PAD);
            }
            barrier();
        }
        hartley_hadamard(KEY_PAD, ROWS);
    }
    barrier();
}
#endif
