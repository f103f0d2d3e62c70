// Where the rows of a query tile lie in the caller's tensors. Includer defines shared uint row_token[], row_head[], uint
// lane, uint head and the block push.
#ifndef OCTAVO_ROW_PLACES_GLSL
#define OCTAVO_ROW_PLACES_GLSL

// `count` rows of the tile from row_first on; a barrier follows.
void place_rows(octavo_sequence_record sequence, octavo_query_tile tile, uint row_first, const uint count) {
    for (uint r = lane; r < count; r += gl_WorkGroupSize.x) {
        const uint local = tile.row_first + row_first + r;
        row_token[r] = sequence.token_base + local / push.group;
        row_head[r] = head * push.group + local % push.group;
    }
}

int row_position(octavo_sequence_record sequence, uint r) {
    return sequence.position + int(row_token[r] - sequence.token_base);
}
#endif
