/* Reading tokens back: pages are copied to host memory and decoded by the CPU reference. */
#include "attention/cache_object.h"
#include "format/codec_reference.h"

/* One page image at a time; the page that was read last stays. */
typedef struct page_reader {
    octavo_cache *cache;
    uint32_t layer;
    uint32_t slot; /* OCTAVO_CACHE_NO_SLOT: none yet */
    uint32_t *page;
} page_reader;

static octavo_status reader_open(page_reader *reader, octavo_cache *cache, uint32_t layer) {
    reader->cache = cache;
    reader->layer = layer;
    reader->slot = OCTAVO_CACHE_NO_SLOT;
    reader->page = octavo_gpu_allocate(cache->device, 4u * (size_t)cache->layout.page_words);
    return reader->page != NULL ? OCTAVO_SUCCESS : OCTAVO_OUT_OF_HOST_MEMORY;
}

static void reader_close(page_reader *reader) {
    octavo_gpu_release(reader->cache->device, reader->page, 4u * (size_t)reader->cache->layout.page_words);
}

static octavo_status reader_load(page_reader *reader, uint32_t slot) {
    if (slot == reader->slot) return OCTAVO_SUCCESS;
    octavo_cache *cache = reader->cache;
    octavo_gpu_range range = octavo_cache_page_range(cache, slot, reader->layer);
    octavo_page_place place = octavo_cache_page_place(cache, slot, reader->layer);
    reader->slot = OCTAVO_CACHE_NO_SLOT;
    octavo_status status =
        octavo_gpu_buffer_read(cache->segments[place.segment], range.offset, range.size, reader->page);
    if (status == OCTAVO_SUCCESS) reader->slot = slot;
    return status;
}

static octavo_format_basis key_basis(const octavo_cache *cache, const octavo_layer_codec *codec, uint32_t head) {
    const octavo_packed_layout *layout = &cache->layout;
    size_t matrix = (size_t)layout->key_dim_padded * layout->key_dim_padded;
    octavo_format_basis basis = {codec->seed, NULL, NULL, NULL};
    if (codec->mean != NULL) basis.mean = codec->mean + (size_t)head * layout->key_dim;
    if (codec->transform != NULL) {
        basis.transform = codec->transform + head * matrix;
        basis.inverse = codec->inverse + head * matrix;
    }
    return basis;
}

octavo_status octavo_cache_tokens_read(octavo_cache *cache, octavo_sequence sequence, uint32_t layer, uint32_t first,
                                       uint32_t count, float *keys, float *values) {
    const octavo_packed_layout *layout = &cache->layout;
    octavo_cache_view view;
    octavo_status status = octavo_cache_table_view(cache->table, sequence, layer, &view);
    if (status != OCTAVO_SUCCESS) return status;
    const octavo_layer_codec *codec = octavo_cache_codec(cache, view.record, layer);
    octavo_format_basis value_basis = {codec->seed, NULL, NULL, NULL};
    float rotated_key[256], rotated_value[256];
    page_reader reader;
    status = reader_open(&reader, cache, layer);
    for (uint32_t i = 0; i < count && status == OCTAVO_SUCCESS; ++i) {
        uint32_t token = first + i;
        bool packed = token >= view.packed_begin && token < view.packed_end;
        uint32_t ring = cache->info.recent_tokens + cache->info.slack_tokens;
        uint32_t row = token < cache->info.first_tokens || ring == 0u ? token : cache->info.first_tokens + token % ring;
        uint32_t rows_per_page = packed ? 1u : layout->window_rows_per_page;
        status = reader_load(&reader,
                             packed ? view.slots[token / OCTAVO_PAGE_TOKENS] : view.window_slots[row / rows_per_page]);
        for (uint32_t head = 0; head < layout->kv_heads && status == OCTAVO_SUCCESS; ++head) {
            if (packed) {
                octavo_format_unpack_token(layout, reader.page, head, token % OCTAVO_PAGE_TOKENS, rotated_key,
                                           rotated_value);
            } else {
                octavo_format_unpack_window_row(layout, reader.page, head, row % rows_per_page, rotated_key,
                                                rotated_value);
            }
            size_t at = (size_t)i * layout->kv_heads + head;
            octavo_format_basis basis = key_basis(cache, codec, head);
            if (keys != NULL) {
                octavo_format_from_basis(&basis, layout->key_dim, layout->key_bits, rotated_key,
                                         keys + at * layout->key_dim);
            }
            if (values != NULL) {
                octavo_format_from_basis(&value_basis, layout->value_dim, layout->value_bits, rotated_value,
                                         values + at * layout->value_dim);
            }
        }
    }
    reader_close(&reader);
    return status;
}

octavo_status octavo_cache_packed_read(octavo_cache *cache, octavo_sequence sequence, uint32_t layer, uint32_t first,
                                       uint32_t count, uint32_t *words) {
    const octavo_packed_layout *layout = &cache->layout;
    octavo_cache_view view;
    octavo_status status = octavo_cache_table_view(cache->table, sequence, layer, &view);
    if (status != OCTAVO_SUCCESS) return status;
    page_reader reader;
    status = reader_open(&reader, cache, layer);
    for (uint32_t i = 0; i < count && status == OCTAVO_SUCCESS; ++i) {
        uint32_t token = first + i;
        status = reader_load(&reader, view.slots[token / OCTAVO_PAGE_TOKENS]);
        for (uint32_t head = 0; head < layout->kv_heads && status == OCTAVO_SUCCESS; ++head) {
            octavo_format_gather_token(layout, reader.page, head, token % OCTAVO_PAGE_TOKENS,
                                       words + ((size_t)i * layout->kv_heads + head) * layout->token_words);
        }
    }
    reader_close(&reader);
    return status;
}
