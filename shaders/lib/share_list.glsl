// Records of the lists of a call: see octavo_records.h. Includer declares the buffer uint lists[] and the block push.
#ifndef OCTAVO_SHARE_LIST_GLSL
#define OCTAVO_SHARE_LIST_GLSL

octavo_sequence_record load_sequence(uint index) {
    const uint at = push.sequence_offset + index * 12u;
    octavo_sequence_record s;
    s.key_count = lists[at];
    s.position = int(lists[at + 1u]);
    s.row_base = lists[at + 2u];
    s.token_base = lists[at + 3u];
    s.packed_begin = lists[at + 4u];
    s.packed_end = lists[at + 5u];
    s.window_first = lists[at + 6u];
    s.window_ring = lists[at + 7u];
    s.window_base = lists[at + 8u];
    s.seed = lists[at + 9u];
    s.record = lists[at + 10u];
    s.record_flags = lists[at + 11u];
    return s;
}

octavo_query_tile load_tile(uint index) {
    const uint at = push.tile_offset + index * 8u;
    octavo_query_tile tile;
    tile.sequence = lists[at];
    tile.row_first = lists[at + 1u];
    tile.row_count = lists[at + 2u];
    tile.partial_first = lists[at + 3u];
    tile.partial_count = lists[at + 4u];
    return tile;
}

octavo_share load_share(uint index) {
    const uint at = push.share_offset + index * OCTAVO_SHARE_WORDS;
    octavo_share share;
    share.tile_index = lists[at];
    share.partial = lists[at + 1u];
    share.range_first = lists[at + 2u];
    share.range_count = lists[at + 3u];
    share.tile = octavo_query_tile(lists[at + 4u], lists[at + 5u], lists[at + 6u], lists[at + 7u], lists[at + 8u], 0u, 0u, 0u);
    share.sequence = octavo_sequence_record(lists[at + 12u], int(lists[at + 13u]), lists[at + 14u], lists[at + 15u],
                                            lists[at + 16u], lists[at + 17u], lists[at + 18u], lists[at + 19u],
                                            lists[at + 20u], lists[at + 21u], lists[at + 22u], lists[at + 23u]);
    share.range = octavo_tile_range(lists[at + 24u], lists[at + 25u], lists[at + 26u], lists[at + 27u]);
    share.page = lists[at + 28u];
    share.tile_count = lists[at + 29u];
    return share;
}

// Shares [begin, end) of workgroup i of the dispatch.
void group_shares(uint i, out uint begin, out uint end) {
    if (push.group_offset == 0u) {
        begin = push.group_first + i;
        end = begin + 1u;
    } else {
        begin = lists[push.group_offset + i];
        end = lists[push.group_offset + i + 1u];
    }
}

octavo_tile_range load_range(uint index) {
    const uint at = push.range_offset + index * 4u;
    return octavo_tile_range(lists[at], lists[at + 1u], lists[at + 2u], lists[at + 3u]);
}

#ifdef OCTAVO_PAGE_LAYOUT_GLSL
// Word of the K part of window token n of a range in the pool; its position goes to token.
uint window_word(octavo_sequence_record sequence, octavo_tile_range range, uint head, uint n, out uint token) {
    token = n < sequence.window_first ? n : sequence.packed_end + n - sequence.window_first;
    const uint row = token < sequence.window_base ? token : sequence.window_base + token % sequence.window_ring;
    const uint page = lists[range.pages + row / push.window_rows_per_page];
    return page * push.head_count * HEAD_WORDS + ((row % push.window_rows_per_page) * push.head_count + head) * WINDOW_HEAD_WORDS;
}
#endif
#endif
