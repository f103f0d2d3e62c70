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
    const uint at = push.tile_offset + index * OCTAVO_QUERY_TILE_WORDS;
    octavo_query_tile tile;
    tile.sequence = lists[at];
    tile.row_first = lists[at + 1u];
    tile.row_count = lists[at + 2u];
    tile.partial_first = lists[at + 3u];
    tile.partial_count = lists[at + 4u];
    return tile;
}

// A share of its words: word i is WORD(i).
#define OCTAVO_SHARE_FROM(WORD)                                                                                              \
    octavo_share(WORD(0u), WORD(1u), WORD(2u), WORD(3u), octavo_query_tile(WORD(4u), WORD(5u), WORD(6u), WORD(7u), WORD(8u)), \
                 WORD(9u), WORD(10u), WORD(11u),                                                                             \
                 octavo_sequence_record(WORD(12u), int(WORD(13u)), WORD(14u), WORD(15u), WORD(16u), WORD(17u), WORD(18u),    \
                                        WORD(19u), WORD(20u), WORD(21u), WORD(22u), WORD(23u)),                              \
                 octavo_tile_range(WORD(24u), WORD(25u), WORD(26u), WORD(27u)), WORD(28u), WORD(29u), WORD(30u), WORD(31u))

uint share_at(uint index) {
    return push.share_offset + index * OCTAVO_SHARE_WORDS;
}

octavo_share load_share(uint index) {
    const uint at = share_at(index);
#define LISTED_WORD(i) lists[at + i]
    return OCTAVO_SHARE_FROM(LISTED_WORD);
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

// Window i of a share; the first one needs no further load.
octavo_tile_range share_window(octavo_share share, uint i) {
    if (i == 0u) {
        return octavo_tile_range(share.window_first, share.window_count, OCTAVO_RUN_WINDOW, share.window_pages);
    }
    return load_range(share.range_first + share.range_count - share.window_ranges + i);
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
