// The tiles of a share, one after the other over its ranges. Includer includes share_list.glsl.
#ifndef OCTAVO_SHARE_TILES_GLSL
#define OCTAVO_SHARE_TILES_GLSL

// A tile of a share.
struct tile_place {
    octavo_tile_range range;
    uint range_index; // in the lists
    uint tile;        // of the range
    uint page, next_page;
};

uint page_of(octavo_tile_range range, uint index) {
    return lists[range.pages + min(index, range.count - 1u)];
}

// The next range from `index` on that is no window, in a share that has one.
void enter_range(inout tile_place place, uint index) {
    do {
        place.range = load_range(index);
        index += 1u;
    } while (place.range.kind == OCTAVO_RUN_WINDOW);
    place.range_index = index - 1u;
}

// Tile n of the share.
tile_place seek_tile(octavo_share share, uint n) {
    tile_place place;
    const bool first = n == 0u;
    place.range = share.range;
    place.range_index = share.range_first; // a window comes last
    while (n >= place.range.count) {
        n -= place.range.count;
        enter_range(place, place.range_index + 1u);
    }
    place.tile = n;
    place.page = first ? share.page : page_of(place.range, n);
    place.next_page = page_of(place.range, n + 1u);
    return place;
}

// The tile after `place`, in a share that has it.
void advance_tile(inout tile_place place) {
    place.tile += 1u;
    place.page = place.next_page;
    if (place.tile == place.range.count) {
        enter_range(place, place.range_index + 1u);
        place.tile = 0u;
        place.page = page_of(place.range, 0u);
    }
    place.next_page = page_of(place.range, place.tile + 1u);
}
#endif
