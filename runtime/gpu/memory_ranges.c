#include "gpu/memory_ranges.h"

#include <string.h>

/* Giving back adds at most one entry, and n taken ranges leave at most n + 1 free ones. */
static bool make_room(octavo_gpu_ranges *ranges, const octavo_base_host *host, uint32_t needed) {
    if (needed <= ranges->capacity) return true;
    uint32_t capacity = needed * 2;
    octavo_gpu_free_range *list = octavo_base_allocate(host, capacity * sizeof *list);
    if (!list) return false;
    if (ranges->count) memcpy(list, ranges->list, ranges->count * sizeof *list);
    octavo_base_release(host, ranges->list, ranges->capacity * sizeof *list);
    ranges->list = list;
    ranges->capacity = capacity;
    return true;
}

bool octavo_gpu_ranges_init(octavo_gpu_ranges *ranges, const octavo_base_host *host, uint64_t size) {
    *ranges = (octavo_gpu_ranges){NULL, 0, 0, 0};
    if (!make_room(ranges, host, 8)) return false;
    ranges->list[0] = (octavo_gpu_free_range){0, size};
    ranges->count = 1;
    return true;
}

void octavo_gpu_ranges_finish(octavo_gpu_ranges *ranges, const octavo_base_host *host) {
    octavo_base_release(host, ranges->list, ranges->capacity * sizeof *ranges->list);
    *ranges = (octavo_gpu_ranges){NULL, 0, 0, 0};
}

static void insert_at(octavo_gpu_ranges *ranges, uint32_t at, octavo_gpu_free_range range) {
    memmove(ranges->list + at + 1, ranges->list + at, (ranges->count - at) * sizeof range);
    ranges->list[at] = range;
    ranges->count++;
}

static void remove_at(octavo_gpu_ranges *ranges, uint32_t at) {
    ranges->count--;
    memmove(ranges->list + at, ranges->list + at + 1, (ranges->count - at) * sizeof *ranges->list);
}

bool octavo_gpu_ranges_take(octavo_gpu_ranges *ranges, const octavo_base_host *host, uint64_t size, uint64_t alignment,
                            uint64_t *offset) {
    uint32_t best = UINT32_MAX;
    for (uint32_t i = 0; i < ranges->count; i++) {
        uint64_t waste = (alignment - (ranges->list[i].offset & (alignment - 1))) & (alignment - 1);
        if (ranges->list[i].size < waste || ranges->list[i].size - waste < size) continue;
        if (best == UINT32_MAX || ranges->list[i].size < ranges->list[best].size) best = i;
    }
    /* The ranges before and behind this one become entries of their own: used + 1 taken, one more for its return. */
    if (best == UINT32_MAX || !make_room(ranges, host, ranges->used + 3)) return false;
    octavo_gpu_free_range found = ranges->list[best];
    uint64_t start = (found.offset + alignment - 1) & ~(alignment - 1);
    octavo_gpu_free_range before = {found.offset, start - found.offset};
    octavo_gpu_free_range behind = {start + size, found.offset + found.size - (start + size)};
    if (behind.size) {
        ranges->list[best] = behind;
        if (before.size) insert_at(ranges, best, before);
    } else if (before.size) {
        ranges->list[best] = before;
    } else {
        remove_at(ranges, best);
    }
    ranges->used++;
    *offset = start;
    return true;
}

void octavo_gpu_ranges_give(octavo_gpu_ranges *ranges, uint64_t offset, uint64_t size) {
    uint32_t at = 0;
    while (at < ranges->count && ranges->list[at].offset < offset) at++;
    octavo_gpu_free_range *before = at > 0 ? &ranges->list[at - 1] : NULL;
    octavo_gpu_free_range *behind = at < ranges->count ? &ranges->list[at] : NULL;
    bool joins_before = before && before->offset + before->size == offset;
    bool joins_behind = behind && offset + size == behind->offset;
    if (joins_before && joins_behind) {
        before->size += size + behind->size;
        remove_at(ranges, at);
    } else if (joins_before) {
        before->size += size;
    } else if (joins_behind) {
        *behind = (octavo_gpu_free_range){offset, size + behind->size};
    } else {
        insert_at(ranges, at, (octavo_gpu_free_range){offset, size});
    }
    ranges->used--;
}
