#include "mask/tile_runs.h"

#define TILE ((int64_t)OCTAVO_MASK_TILE_TOKENS)

typedef struct span {
    int64_t begin, end;
} span;

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static span intersect(span a, int64_t begin, int64_t end) {
    return (span){most(a.begin, begin), least(a.end, end)};
}

/* Tiles that touch keys (not negative), or tiles that lie inside of them. */
static span tiles_touching(span keys) {
    if (keys.begin >= keys.end) return (span){0, 0};
    return (span){keys.begin / TILE, (keys.end + TILE - 1) / TILE};
}

static span tiles_inside(span keys) {
    if (keys.begin >= keys.end) return (span){0, 0};
    span tiles = {(keys.begin + TILE - 1) / TILE, keys.end / TILE};
    return tiles.begin < tiles.end ? tiles : (span){0, 0};
}

static bool contains(span tiles, int64_t tile) {
    return tile >= tiles.begin && tile < tiles.end;
}

/* Cuts the tiles at every bound and merges pieces of one kind. touched and full: two spans each. */
static uint32_t write_runs(const span touched[2], const span full[2], octavo_mask_run *runs) {
    int64_t bounds[8] = {touched[0].begin, touched[0].end, touched[1].begin, touched[1].end,
                         full[0].begin,    full[0].end,    full[1].begin,    full[1].end};
    for (int i = 1; i < 8; ++i) {
        for (int j = i; j > 0 && bounds[j - 1] > bounds[j]; --j) {
            int64_t bound = bounds[j];
            bounds[j] = bounds[j - 1];
            bounds[j - 1] = bound;
        }
    }
    uint32_t count = 0;
    for (int i = 0; i + 1 < 8; ++i) {
        int64_t tile = bounds[i];
        uint32_t length = (uint32_t)(bounds[i + 1] - tile);
        bool is_full = contains(full[0], tile) || contains(full[1], tile);
        if (length == 0u || !(is_full || contains(touched[0], tile) || contains(touched[1], tile))) continue;
        octavo_mask_kind kind = is_full ? OCTAVO_MASK_TILE_FULL : OCTAVO_MASK_TILE_EDGE;
        octavo_mask_run *last = count == 0u ? 0 : &runs[count - 1u];
        if (last != 0 && last->kind == kind && (int64_t)last->first + last->count == tile) {
            last->count += length;
        } else {
            runs[count++] = (octavo_mask_run){(uint32_t)tile, length, kind};
        }
    }
    return count;
}

uint32_t octavo_mask_tile_runs(const octavo_mask_rule *rule, bool attend_empty_rows, int64_t p_first, int64_t p_last,
                               uint32_t length, uint32_t packed_begin, uint32_t packed_end,
                               octavo_mask_run runs[OCTAVO_TILE_RUNS_MAX]) {
    span range = {packed_begin, least(packed_end, length)};
    /* Empty rows are the first of all (before the keys) or the last (window past the keys). */
    if (attend_empty_rows &&
        (octavo_mask_row_is_empty(rule, p_first, length) || octavo_mask_row_is_empty(rule, p_last, length))) {
        span tiles = tiles_touching(range);
        if (tiles.begin >= tiles.end) return 0;
        runs[0] = (octavo_mask_run){(uint32_t)tiles.begin, (uint32_t)(tiles.end - tiles.begin), OCTAVO_MASK_TILE_EDGE};
        return 1;
    }

    /* Head and window move up with p, by at most one key a row, so the rows' union is two intervals. */
    octavo_mask_row_keys first = octavo_mask_keys_of_row(rule, p_first);
    octavo_mask_row_keys last = octavo_mask_keys_of_row(rule, p_last);
    span touched[2] = {tiles_touching(intersect(range, 0, last.head_end)),
                       tiles_touching(intersect(range, first.window_begin, last.window_end))};

    /* All rows see a tile that ends below the first row's end, unless the last row has a gap there, between its head
     * and its window: a row has a gap only where its head no longer grows, and the last row's gap covers the others'.
     */
    int64_t end = most(first.head_end, first.window_end);
    bool has_gap = last.window_begin > last.head_end;
    span full[2] = {tiles_inside(intersect(range, 0, has_gap ? least(end, last.head_end) : end)),
                    tiles_inside(intersect(range, last.window_begin, end))};
    return write_runs(touched, full, runs);
}
