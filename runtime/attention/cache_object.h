/* The inside of octavo_cache: the pool's segments, the codec records, the append pipelines. For the files of attention/
 * only; the bookkeeping of sequences is cache/'s. */
#ifndef OCTAVO_CACHE_OBJECT_H
#define OCTAVO_CACHE_OBJECT_H

#include "cache/sequence_table.h"
#include "format/packed_layout.h"
#include "gpu/gpu.h"
#include "octavo_abi.h"
#include <octavo/cache.h>

#include <stdbool.h>

/* The codec of one layer in one record. mean, transform and inverse are host copies for reading back, or NULL. */
typedef struct octavo_layer_codec {
    uint32_t seed;
    float *mean;      /* [kv_heads][key_dim] */
    float *transform; /* [kv_heads][d'][d'] */
    float *inverse;
} octavo_layer_codec;

typedef struct octavo_append_pipelines {
    octavo_gpu_pipeline *both;          /* K and V in one dispatch; or NULL and */
    octavo_gpu_pipeline *keys, *values; /* a dispatch for each */
} octavo_append_pipelines;

/* See cache_order.h. */
typedef struct octavo_cache_order {
    bool *layer_used;               /* [layer_count] */
    VkCommandBuffer command_buffer; /* that these are of */
    uint64_t number;                /* that the frame is marked with; 0: of no recording */
    uint64_t last_number;
} octavo_cache_order;

struct octavo_cache {
    octavo_device *device;
    octavo_cache_info info; /* resolved */
    octavo_packed_layout layout;
    octavo_cache_table *table;

    uint32_t slot_count, pages_per_segment, segment_count;
    octavo_buffer **segments;  /* [segment_count] */
    uint32_t *segment_entries; /* [segment_count], of the append that is being recorded */

    /* A block for each record and layer: means [head][d'], then transforms of keys and of queries [head][d'][d']. */
    octavo_buffer *records;
    VkDeviceSize record_bytes;
    octavo_layer_codec *codecs; /* [record][layer] */

    octavo_append_pipelines pipelines;
    bool borrows_pipelines;
    octavo_cache_order order;
};

/* Without argument checks. pipelines: borrowed from another cache of the same layout, or NULL: compiled here. */
octavo_status octavo_cache_object_create(octavo_device *device, const octavo_cache_info *info,
                                         const octavo_append_pipelines *pipelines, octavo_cache **cache);
void octavo_cache_object_destroy(octavo_cache *cache);

/* Where a page lies: page number `page` of segments of so many. */
typedef struct octavo_page_place {
    uint32_t segment, page;
} octavo_page_place;
octavo_page_place octavo_page_place_of(uint64_t page, uint32_t pages_per_segment);
/* Of a layer's page. */
octavo_page_place octavo_cache_page_place(const octavo_cache *cache, uint32_t slot, uint32_t layer);
octavo_gpu_range octavo_cache_page_range(const octavo_cache *cache, uint32_t slot, uint32_t layer);
octavo_gpu_range octavo_cache_segment_range(const octavo_cache *cache, uint32_t segment);

octavo_layer_codec *octavo_cache_codec(const octavo_cache *cache, uint32_t record, uint32_t layer);
octavo_gpu_range octavo_cache_record_range(const octavo_cache *cache, uint32_t record, uint32_t layer);
octavo_gpu_range octavo_cache_records_range(const octavo_cache *cache); /* of all */
/* Words in the range of one record and layer. */
uint32_t octavo_cache_key_transform_offset(const octavo_cache *cache);
uint32_t octavo_cache_query_transform_offset(const octavo_cache *cache);
/* OCTAVO_ROTATE_HAS_ flags of K and Q. */
uint32_t octavo_cache_key_flags(const octavo_cache *cache, const octavo_layer_codec *codec);

/* The operations behind octavo/cache.h, after its argument checks. */
octavo_status octavo_cache_codec_set(octavo_cache *cache, uint32_t record, uint32_t layer,
                                     const octavo_codec_info *info);
octavo_status octavo_cache_append_record(octavo_cache *cache, octavo_frame *frame, VkCommandBuffer command_buffer,
                                         const octavo_append_info *info);
octavo_status octavo_cache_tokens_read(octavo_cache *cache, octavo_sequence sequence, uint32_t layer, uint32_t first,
                                       uint32_t count, float *keys, float *values);
octavo_status octavo_cache_packed_read(octavo_cache *cache, octavo_sequence sequence, uint32_t layer, uint32_t first,
                                       uint32_t count, uint32_t *words);
/* Appends known rows to a small cache with this cache's pipelines and compares the pages bit for bit with the CPU. */
octavo_status octavo_cache_append_prove(octavo_cache *cache);

#endif
