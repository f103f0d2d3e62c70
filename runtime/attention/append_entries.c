#include "attention/append_entries.h"

#define WINDOW_BIT 0x80000000u

uint32_t octavo_append_value_offset(const octavo_cache *cache) {
    return cache->scratch_tokens * cache->layout.kv_heads * (OCTAVO_ROW_HEADER_WORDS + cache->layout.key_dim_padded);
}

/* Where entries of one segment go; NULL entries: only counted, for all segments. */
typedef struct entry_sink {
    uint32_t *counts; /* [segment] when counting */
    uint32_t segment;
    octavo_pack_entry *entries;
    uint32_t count;
} entry_sink;

static void emit(const octavo_cache *cache, entry_sink *sink, uint32_t slot, uint32_t layer, octavo_pack_entry entry) {
    octavo_page_place place = octavo_cache_page_place(cache, slot, layer);
    if (sink->counts != NULL) {
        sink->counts[place.segment] += 1u;
    } else if (place.segment == sink->segment) {
        entry.page = place.page;
        sink->entries[sink->count++] = entry;
    }
}

/* Tokens [first, last) of a sequence, whose token `first` is row `source` of scratch: codes. */
static void emit_codes(const octavo_cache *cache, entry_sink *sink, const octavo_cache_view *view, uint32_t layer,
                       uint32_t first, uint32_t last, uint32_t source) {
    for (uint32_t token = first; token < last;) {
        uint32_t group_end = (token / OCTAVO_GROUP + 1u) * OCTAVO_GROUP;
        uint32_t end = group_end < last ? group_end : last;
        octavo_pack_entry entry = {0u, token % OCTAVO_PAGE_TOKENS, end - token, source + (token - first)};
        emit(cache, sink, view->slots[token / OCTAVO_PAGE_TOKENS], layer, entry);
        token = end;
    }
}

/* The same, for tokens that lie in window rows row_base + token % modulus (modulus 0: row = token). */
static void emit_window(const octavo_cache *cache, entry_sink *sink, const octavo_cache_view *view, uint32_t layer,
                        uint32_t first, uint32_t last, uint32_t source, uint32_t row_base, uint32_t modulus) {
    uint32_t rows_per_page = cache->layout.window_rows_per_page;
    for (uint32_t token = first; token < last;) {
        uint32_t row = modulus == 0u ? token : row_base + token % modulus;
        uint32_t left = last - token;
        uint32_t page_left = rows_per_page - row % rows_per_page;
        uint32_t ring_left = modulus == 0u ? left : modulus - token % modulus;
        uint32_t count = left < page_left ? left : page_left;
        count = count < ring_left ? count : ring_left;
        octavo_pack_entry entry = {0u, row % rows_per_page, count, (source + (token - first)) | WINDOW_BIT};
        emit(cache, sink, view->window_slots[row / rows_per_page], layer, entry);
        token += count;
    }
}

static uint32_t at_most(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static uint32_t at_least(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

static void emit_all(const octavo_cache *cache, const octavo_append_info *info, const octavo_append_slice *slice,
                     entry_sink *sink) {
    uint32_t token = 0; /* of the call */
    for (uint32_t s = 0; s < info->sequence_count; ++s) {
        uint32_t count = info->token_counts[s];
        uint32_t first = at_least(token, slice->token_first);
        uint32_t last = at_most(token + count, slice->token_first + slice->token_count);
        octavo_cache_view view;
        if (first < last &&
            octavo_cache_table_view(cache->table, info->sequences[s], info->layer, &view) == OCTAVO_SUCCESS) {
            uint32_t old_length = view.length - count;
            uint32_t begin = old_length + (first - token), end = old_length + (last - token);
            uint32_t source = first - slice->token_first;
            emit_codes(cache, sink, &view, info->layer, begin, end, source);
            uint32_t first_end = at_most(end, cache->info.first_tokens);
            if (begin < first_end) emit_window(cache, sink, &view, info->layer, begin, first_end, source, 0u, 0u);
            if (cache->info.recent_tokens > 0u) {
                uint32_t recent = octavo_cache_recent_write_begin(cache->table, old_length, count);
                recent = at_least(at_least(recent, begin), cache->info.first_tokens);
                if (recent < end) {
                    emit_window(cache, sink, &view, info->layer, recent, end, source + (recent - begin),
                                cache->info.first_tokens, cache->info.recent_tokens + cache->info.slack_tokens);
                }
            }
        }
        token += count;
    }
}

octavo_append_needs octavo_append_needs_of(const octavo_cache *cache, const octavo_append_info *info, uint32_t tokens) {
    uint64_t slices = (tokens + (uint64_t)cache->scratch_tokens - 1u) / cache->scratch_tokens;
    uint64_t rows_per_page = at_least(cache->layout.window_rows_per_page, 1u);
    uint64_t ring = (uint64_t)cache->info.recent_tokens + cache->info.slack_tokens;
    uint64_t window_pieces =
        cache->info.first_tokens + ring > 0u ? (cache->info.first_tokens + ring) / rows_per_page + 6u : 0u;
    /* a slice boundary or a sequence's ends may cut a group or a window piece once more */
    uint64_t pieces = tokens / OCTAVO_GROUP + 2u * (uint64_t)info->sequence_count + slices +
                      window_pieces * ((uint64_t)info->sequence_count + slices);
    octavo_append_needs needs;
    needs.bytes = pieces * sizeof(octavo_pack_entry) + slices * 256u;
    uint64_t sets =
        slices * (uint64_t)(2u * at_most(info->sequence_count, tokens) + at_most(cache->segment_count, 2u * tokens));
    needs.sets = sets > UINT32_MAX ? UINT32_MAX : (uint32_t)sets;
    return needs;
}

uint32_t octavo_append_count_entries(octavo_cache *cache, const octavo_append_info *info,
                                     const octavo_append_slice *slice) {
    for (uint32_t i = 0; i < cache->segment_count; ++i) cache->segment_entries[i] = 0u;
    entry_sink sink = {cache->segment_entries, 0u, NULL, 0u};
    emit_all(cache, info, slice, &sink);
    uint32_t total = 0;
    for (uint32_t i = 0; i < cache->segment_count; ++i) total += cache->segment_entries[i];
    return total;
}

void octavo_append_fill_entries(const octavo_cache *cache, const octavo_append_info *info,
                                const octavo_append_slice *slice, octavo_pack_entry *entries) {
    for (uint32_t segment = 0; segment < cache->segment_count; ++segment) {
        if (cache->segment_entries[segment] == 0u) continue;
        entry_sink sink = {NULL, segment, entries, 0u};
        emit_all(cache, info, slice, &sink);
        entries += sink.count;
    }
}
