#include "attention/append_entries.h"

#include "attention/own_rows.h"

/* Bytes from a record to the next one's block of the same layer. */
static uint64_t record_stride(const octavo_cache *cache) {
    return cache->record_bytes * cache->info.layer_count;
}

octavo_append_records octavo_append_next_records(const octavo_cache *cache, uint32_t first) {
    uint64_t limit = octavo_gpu_snapshot(cache->device)->max_storage_buffer_range;
    uint64_t bound = 1u + (limit > cache->record_bytes ? (limit - cache->record_bytes) / record_stride(cache) : 0u);
    uint32_t left = first < cache->info.record_count ? cache->info.record_count - first : 0u;
    return (octavo_append_records){first, left < bound ? left : (uint32_t)bound};
}

octavo_gpu_range octavo_append_records_range(const octavo_cache *cache, const octavo_append_records *records,
                                             uint32_t layer) {
    octavo_gpu_range range = octavo_cache_record_range(cache, records->first, layer);
    range.size += (records->count - 1u) * record_stride(cache);
    return range;
}

uint32_t octavo_append_align_entries(uint32_t count) {
    return (count + OCTAVO_APPEND_ENTRY_ALIGNMENT - 1u) / OCTAVO_APPEND_ENTRY_ALIGNMENT * OCTAVO_APPEND_ENTRY_ALIGNMENT;
}

octavo_append_pages octavo_append_cache_pages(octavo_cache *cache) {
    return (octavo_append_pages){
        cache, cache->segments, cache->segment_entries, cache->segment_count, cache->pages_per_segment, false};
}

/* Where entries of one segment go, or their counts of all segments. */
typedef struct entry_sink {
    const octavo_append_pages *pages;
    uint32_t *counts; /* [segment] when counting */
    uint32_t segment;
    octavo_append_entry *entries;
    uint32_t count;
} entry_sink;

/* The tokens of one sequence that an append brings. */
typedef struct sequence_rows {
    octavo_cache_view view;
    uint32_t layer;
    uint32_t first, last;        /* tokens of the sequence */
    uint32_t source;             /* token `first` among those of the call */
    uint32_t own_page;           /* the sequence's first one, of pages that are not of the cache */
    octavo_append_entry pattern; /* record, flags and seed */
} sequence_rows;

static void emit(entry_sink *sink, const sequence_rows *rows, octavo_page_place place, uint32_t first, uint32_t count,
                 uint32_t source) {
    if (sink->counts != NULL) {
        sink->counts[place.segment] += 1u;
    } else if (place.segment == sink->segment) {
        octavo_append_entry entry = rows->pattern;
        entry.page = place.page;
        entry.first = first;
        entry.count = count;
        entry.source = source;
        sink->entries[sink->count++] = entry;
    }
}

static void emit_codes(entry_sink *sink, const sequence_rows *rows) {
    for (uint32_t token = rows->first; token < rows->last;) {
        uint32_t group_end = (token / OCTAVO_GROUP + 1u) * OCTAVO_GROUP;
        uint32_t end = group_end < rows->last ? group_end : rows->last;
        octavo_page_place place =
            octavo_cache_page_place(sink->pages->cache, rows->view.slots[token / OCTAVO_PAGE_TOKENS], rows->layer);
        emit(sink, rows, place, token % OCTAVO_PAGE_TOKENS, end - token, rows->source + (token - rows->first));
        token = end;
    }
}

/* Of page number n of the sequence's window. */
static octavo_page_place window_place(const entry_sink *sink, const sequence_rows *rows, uint32_t n) {
    const octavo_append_pages *pages = sink->pages;
    if (!pages->own) return octavo_cache_page_place(pages->cache, rows->view.window_slots[n], rows->layer);
    return octavo_page_place_of(rows->own_page + n, pages->pages_per_segment);
}

/* Tokens [first, last) of them, which lie in window rows row_base + token % modulus (modulus 0: row = token). */
static void emit_window(entry_sink *sink, const sequence_rows *rows, uint32_t first, uint32_t last, uint32_t row_base,
                        uint32_t modulus) {
    uint32_t rows_per_page = sink->pages->cache->layout.window_rows_per_page;
    for (uint32_t token = first; token < last;) {
        uint32_t row = modulus == 0u ? token : row_base + token % modulus;
        uint32_t left = last - token;
        uint32_t page_left = rows_per_page - row % rows_per_page;
        uint32_t ring_left = modulus == 0u ? left : modulus - token % modulus;
        uint32_t count = left < page_left ? left : page_left;
        count = count < ring_left ? count : ring_left;
        emit(sink, rows, window_place(sink, rows, row / rows_per_page), row % rows_per_page, count,
             (rows->source + (token - rows->first)) | OCTAVO_APPEND_WINDOW);
        token += count;
    }
}

static uint32_t at_most(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static uint32_t at_least(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

static void emit_windows(entry_sink *sink, const sequence_rows *rows) {
    const octavo_cache_info *info = &sink->pages->cache->info;
    uint32_t first_end = at_most(rows->last, info->first_tokens);
    if (rows->first < first_end) emit_window(sink, rows, rows->first, first_end, 0u, 0u);
    if (info->recent_tokens == 0u) return;
    uint32_t recent = octavo_cache_recent_write_begin(sink->pages->cache->table, rows->first, rows->last - rows->first);
    recent = at_least(recent, info->first_tokens);
    if (recent < rows->last) {
        emit_window(sink, rows, recent, rows->last, info->first_tokens, info->recent_tokens + info->slack_tokens);
    }
}

/* False: none of them, or the sequence's record is not among `records`. */
static bool find_rows(const octavo_append_pages *pages, const octavo_append_info *info,
                      const octavo_append_records *records, uint32_t s, uint32_t source, sequence_rows *rows) {
    const octavo_cache *cache = pages->cache;
    uint32_t count = info->token_counts[s];
    if (count == 0u ||
        octavo_cache_table_view(cache->table, info->sequences[s], info->layer, &rows->view) != OCTAVO_SUCCESS ||
        rows->view.record - records->first >= records->count) {
        return false;
    }
    const octavo_layer_codec *codec = octavo_cache_codec(cache, rows->view.record, info->layer);
    rows->layer = info->layer;
    rows->first = pages->own ? rows->view.length : rows->view.length - count;
    rows->last = rows->first + count;
    rows->source = source;
    rows->pattern = (octavo_append_entry){0};
    rows->pattern.record = (uint32_t)((rows->view.record - records->first) * record_stride(cache) / 4u);
    rows->pattern.record_flags = octavo_cache_key_flags(cache, codec);
    rows->pattern.seed = codec->seed;
    return true;
}

static void emit_all(const octavo_append_info *info, const octavo_append_records *records, entry_sink *sink) {
    const octavo_append_pages *pages = sink->pages;
    uint32_t token = 0, page = 0; /* of the call */
    for (uint32_t s = 0; s < info->sequence_count; ++s) {
        sequence_rows rows;
        rows.own_page = page;
        if (find_rows(pages, info, records, s, token, &rows)) {
            if (pages->own) {
                emit_window(sink, &rows, rows.first, rows.last, 0u, rows.last - rows.first);
            } else {
                emit_codes(sink, &rows);
                emit_windows(sink, &rows);
            }
        }
        token += info->token_counts[s];
        if (pages->own) page += octavo_own_pages(pages->cache, info->token_counts[s]);
    }
}

/* Entries of a call, at most. */
static uint64_t most_entries(const octavo_append_pages *pages, uint64_t tokens, uint64_t sequences) {
    const octavo_cache *cache = pages->cache;
    uint64_t rows_per_page = at_least(cache->layout.window_rows_per_page, 1u);
    if (pages->own) return tokens / rows_per_page + 2u * sequences; /* a ring ends, and begins, inside a page */
    uint64_t ring = (uint64_t)cache->info.recent_tokens + cache->info.slack_tokens;
    uint64_t window_pieces =
        cache->info.first_tokens + ring > 0u ? (cache->info.first_tokens + ring) / rows_per_page + 6u : 0u;
    /* a sequence's ends cut a group each */
    return tokens / OCTAVO_GROUP + (2u + window_pieces) * sequences;
}

octavo_append_needs octavo_append_needs_of(const octavo_append_pages *pages, const octavo_append_info *info,
                                           uint32_t tokens) {
    const octavo_cache *cache = pages->cache;
    uint64_t sequences = at_most(info->sequence_count, tokens);
    uint64_t pieces = most_entries(pages, tokens, sequences);
    uint64_t bound = octavo_append_next_records(cache, 0u).count;
    uint64_t lists = at_most((uint32_t)((cache->info.record_count + bound - 1u) / bound), (uint32_t)sequences);
    uint64_t parts = lists * at_most(pages->segment_count, pieces > UINT32_MAX ? UINT32_MAX : (uint32_t)pieces);
    octavo_append_needs needs;
    needs.bytes = pieces * sizeof(octavo_append_entry) + (parts + lists) * 256u;
    uint64_t dispatches = parts + pieces / OCTAVO_APPEND_DISPATCH_ENTRIES;
    needs.dispatches = dispatches > UINT32_MAX ? UINT32_MAX : (uint32_t)dispatches;
    return needs;
}

uint32_t octavo_append_count_entries(const octavo_append_pages *pages, const octavo_append_info *info,
                                     const octavo_append_records *records) {
    for (uint32_t i = 0; i < pages->segment_count; ++i) pages->entries[i] = 0u;
    entry_sink sink = {pages, pages->entries, 0u, NULL, 0u};
    emit_all(info, records, &sink);
    uint32_t end = 0, aligned = 0;
    for (uint32_t i = 0; i < pages->segment_count; ++i) {
        if (pages->entries[i] == 0u) continue;
        end = aligned + pages->entries[i];
        aligned = octavo_append_align_entries(end);
    }
    return end;
}

void octavo_append_fill_entries(const octavo_append_pages *pages, const octavo_append_info *info,
                                const octavo_append_records *records, octavo_append_entry *entries) {
    for (uint32_t segment = 0; segment < pages->segment_count; ++segment) {
        if (pages->entries[segment] == 0u) continue;
        entry_sink sink = {pages, NULL, segment, entries, 0u};
        emit_all(info, records, &sink);
        entries += octavo_append_align_entries(sink.count);
    }
}
