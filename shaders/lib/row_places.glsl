// Where the rows of a query tile lie in the caller's tensors. Includer defines shared uint row_token[], row_head[], uint
// lane, uint head and the block push.
#ifndef OCTAVO_ROW_PLACES_GLSL
#define OCTAVO_ROW_PLACES_GLSL

// `count` rows of the tile from row_first on; a barrier follows.
void place_rows(octavo_sequence_record sequence, octavo_query_tile tile, uint row_first, const uint count) {
    const uint first = tile.row_first + row_first, first_token = first / push.group;
    for (uint r = lane; r < count; r += gl_WorkGroupSize.x) {
        // small enough for a division of floats, of which few instructions are made
        const uint local = first - first_token * push.group + r, token = uint((float(local) + 0.5) / float(push.group));
        row_token[r] = sequence.token_base + first_token + token;
        row_head[r] = head * push.group + local - token * push.group;
    }
}

int row_position(octavo_sequence_record sequence, uint r) {
    return sequence.position + int(row_token[r] - sequence.token_base);
}
#endif
