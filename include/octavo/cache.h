/* octavo/cache.h: a paged key-value cache in packed codes of 2, 3 or 4 bits, or f16.
 *
 * A page holds 128 tokens of one layer: the tiles of all its KV heads, K and V. A sequence is a list of pages for each
 * layer; sequences share pages after a fork until one of them writes (copy on write).
 *
 * Numbers. K is stored as codes of k' = T (k - mean), V as codes of v' = R v, in groups of 32 values, with one f16 scale
 * per token and head for K and one for V. R is a signed Hadamard-Hartley rotation, T = R unless a codec record gives
 * another transform. Channels are padded with zeros to a multiple of 32 first. Keys are stored after RoPE.
 * Step search: TurboQuant (arXiv 2504.19874) with uniform levels and a searched scale; unbiased K scale: EDEN
 * (arXiv 2604.18555). The step is searched in whole numbers (magnitudes in 1/4096 of a row's rms; edges in 1/32, for 3
 * bits 1/16), so all devices find the same. f16 caches hold the values as they came: no mean, transform, rotation or scale.
 *
 * A NaN or Inf in a token's K or V makes that token's scale NaN: attention rows that see it are NaN, no others change.
 * Values kept in f16 have no scale: there a row is NaN at least in the channels concerned.
 *
 * Order. The state that the host sees (lengths, pages) advances when an operation is recorded. Recordings that touch one
 * cache are submitted once each, in the order of recording, on one queue; a recording that is never submitted leaves the
 * cache's contents undefined (destroy the sequences it touched). Pages freed are used again by later recordings only,
 * which that order makes safe. A recording that is dropped, not submitted: reset its frame before using it again.
 *
 * Barriers. Operations on one layer are ordered by barriers of the library. Layers have pages of their own: appends to
 * different layers, recorded one after the other into one command buffer with one frame, have one barrier before all of
 * them and may overlap on the GPU, and an append may overlap with the attention over another layer, or with the end of one
 * over its own (octavo/attention.h). An append that copies shared pages waits for all layers.
 *
 * Threads: a cache, with the plans made for it, is used by one thread at a time. */
#ifndef OCTAVO_CACHE_H
#define OCTAVO_CACHE_H

#include <octavo/device.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OCTAVO_PAGE_TOKENS 128

typedef struct octavo_cache octavo_cache;
typedef uint32_t octavo_sequence; /* names a sequence of one cache; 0 is never one */

typedef struct octavo_cache_info {
    size_t struct_size;
    uint32_t layer_count;        /* 1 .. 1024 */
    uint32_t kv_head_count;      /* 1 .. 256 */
    uint32_t key_dim, value_dim; /* channels of a head, 32 .. 256 each */
    uint32_t key_bits, value_bits; /* 2, 3, 4, or 16 for f16 */
    uint64_t token_capacity;     /* tokens of all sequences together, for each layer, 1 .. 2^36; rounded up to whole
                                    pages. A sequence takes whole pages; those of its windows come on top */
    uint32_t sequence_capacity;  /* 1 .. 65536 */
    uint32_t record_count;       /* codec records, 1 .. 256 */
    VkBool32 transforms;         /* room for dense transforms in the codec records */
    uint32_t first_tokens;       /* the first tokens of a sequence are also held in f16 (attention sinks); 0 .. 128. No
                                    effect where K and V are f16 */
    uint32_t recent_tokens;      /* so are the last ones; 0 .. 4096 */
    uint32_t slack_tokens;       /* extra room of the recent window: truncating by more reads packed codes; 0 .. 4096 */
    VkDeviceSize segment_bytes;  /* the pool is cut into buffers of at most this size; 0: the device's binding range */
} octavo_cache_info;
#define OCTAVO_CACHE_INFO_INIT { sizeof(octavo_cache_info), 1, 1, 128, 128, 3, 3, 0, 1, 1, VK_FALSE, 4, 0, 16, 0 }

/* Allocates the pool, compiles and proves the append pipelines (submits under the queue lock and waits).
 * OCTAVO_UNSUPPORTED: the append kernels do not work on this device, or the codec records of all layers, which with
 * transforms are large, are together more than it can bind. */
OCTAVO_API octavo_status octavo_cache_create(octavo_device *device, const octavo_cache_info *info, octavo_cache **cache);
/* The GPU must be done with it. */
OCTAVO_API void octavo_cache_destroy(octavo_cache *cache);

/* The info of the creation with each 0 resolved. */
OCTAVO_API void octavo_cache_get_info(const octavo_cache *cache, octavo_cache_info *info);

typedef struct octavo_cache_statistics {
    uint64_t page_bytes;       /* of a page: 128 tokens, one layer, all heads */
    uint64_t bytes_per_token;  /* page_bytes / 128: one token, one layer, all heads, in full pages */
    uint64_t page_count;       /* pages in the pool, all layers */
    uint64_t free_page_count;
    uint64_t packed_page_count; /* pages that hold packed codes; a shared page counts once */
    uint64_t window_page_count; /* pages that hold the f16 windows */
    uint64_t allocated_bytes;  /* device memory of the pool */
    uint64_t sequence_count;
} octavo_cache_statistics;
OCTAVO_API void octavo_cache_get_statistics(const octavo_cache *cache, octavo_cache_statistics *statistics);

/* --- Codec records ------------------------------------------------------------------------------------------------ */
typedef struct octavo_codec_info {
    size_t struct_size;
    const float *key_mean; /* [kv_head_count][key_dim] or NULL for zeros; subtracted before the transform */
    const float *key_transform; /* [kv_head_count][d'][d'] row-major T with d' = key_dim rounded up to 32, or NULL for the
                                   rotation; invertible (queries get its inverse transposed), else
                                   OCTAVO_INVALID_ARGUMENT; needs octavo_cache_info.transforms */
    uint32_t seed;              /* of the rotations' signs */
} octavo_codec_info;
#define OCTAVO_CODEC_INFO_INIT { sizeof(octavo_codec_info), 0, 0, 0 }

/* Sets the codec of one layer in one record; at creation all are {no mean, rotation, seed 0}. Blocks (submits and
 * waits). OCTAVO_INVALID_STATE: a sequence with tokens names the record. Ignored for f16 keys, but for the seed of V. */
OCTAVO_API octavo_status octavo_cache_set_codec(octavo_cache *cache, uint32_t record, uint32_t layer,
                                                const octavo_codec_info *info);

/* --- Sequences ---------------------------------------------------------------------------------------------------- */
/* An empty sequence that uses codec record `record`. OCTAVO_OUT_OF_PAGES: sequence_capacity is reached. */
OCTAVO_API octavo_status octavo_sequence_create(octavo_cache *cache, uint32_t record, octavo_sequence *sequence);
OCTAVO_API octavo_status octavo_sequence_destroy(octavo_cache *cache, octavo_sequence sequence);
/* A new sequence with the same tokens in all layers and the same record, sharing the pages. OCTAVO_OUT_OF_PAGES:
 * sequence_capacity is reached. */
OCTAVO_API octavo_status octavo_sequence_fork(octavo_cache *cache, octavo_sequence source, octavo_sequence *sequence);
/* Keeps the first `length` tokens of each layer that has more; layers that have fewer stay as they are. */
OCTAVO_API octavo_status octavo_sequence_truncate(octavo_cache *cache, octavo_sequence sequence, uint32_t length);
/* Tokens in a layer. */
OCTAVO_API octavo_status octavo_sequence_length(const octavo_cache *cache, octavo_sequence sequence, uint32_t layer,
                                                uint32_t *length);

/* --- Append ------------------------------------------------------------------------------------------------------- */
typedef enum octavo_type {
    OCTAVO_F32 = 0,
    OCTAVO_F16 = 1,
    OCTAVO_BF16 = 2,
    OCTAVO_TYPE_MAX = 0x7fffffff
} octavo_type;

/* Rows of one head each: element (token, head, channel) is at offset + (token * token_stride + head * head_stride +
 * channel) * element size, in bytes. The tokens of all sequences of a call follow each other: sequence s starts at the
 * sum of the counts before it. Rows start on multiples of 4 bytes (else OCTAVO_INVALID_ARGUMENT). The offset is a
 * multiple of minStorageBufferOffsetAlignment or of 256. */
typedef struct octavo_tensor {
    VkBuffer buffer;
    VkDeviceSize offset; /* bytes */
    VkDeviceSize size;   /* bytes readable (writable) from offset on: inside of the buffer, and to the end of the last
                            row, rounded up to 4, which is within maxStorageBufferRange of offset */
    octavo_type type;
    uint32_t token_stride, head_stride; /* elements, at least a row's channels where there is more than one */
} octavo_tensor;

typedef struct octavo_append_info {
    size_t struct_size;
    uint32_t layer;
    uint32_t sequence_count;
    const octavo_sequence *sequences;   /* different from each other */
    const uint32_t *token_counts;       /* [sequence_count], tokens to append; 0 is fine */
    octavo_tensor keys;                 /* [tokens][kv_head_count][key_dim] */
    octavo_tensor values;               /* [tokens][kv_head_count][value_dim] */
} octavo_append_info;
#define OCTAVO_APPEND_INFO_INIT                                                                                        \
    { sizeof(octavo_append_info), 0, 0, 0, 0, {0, 0, 0, OCTAVO_F32, 0, 0}, {0, 0, 0, OCTAVO_F32, 0, 0} }

/* Records an append. Nothing is recorded and nothing advances on an error. The library's barriers order it after what
 * was recorded before for the layer; the caller's writes of keys and values are ordered by the caller (octavo/device.h),
 * as is what the caller does with their memory after it. Takes one dispatch, or two where K and V differ in bits or
 * channels or the device binds only four buffers; more when the tokens' pages lie in several segments of the pool.
 * Never compiles, submits or blocks. OCTAVO_OUT_OF_PAGES, OCTAVO_FRAME_FULL. */
OCTAVO_API octavo_status octavo_cache_record_append(octavo_cache *cache, octavo_frame *frame,
                                                    VkCommandBuffer command_buffer, const octavo_append_info *info);

/* --- Reading back --------------------------------------------------------------------------------------------------
 * All recordings so far must have been submitted; these submit a copy under the queue lock and wait. */

/* Tokens [first, first + count) of a layer as attention sees them, in the original basis: keys [count][kv_head_count]
 * [key_dim], values [count][kv_head_count][value_dim], f32; either may be NULL. Tokens held in an f16 window are read
 * from there. A token whose scale is NaN reads as NaN. */
OCTAVO_API octavo_status octavo_cache_read(octavo_cache *cache, octavo_sequence sequence, uint32_t layer, uint32_t first,
                                           uint32_t count, float *keys, float *values);

/* The same tokens as packed words, without windows: for each token and head key_dim' * key_bits / 32 words of K row,
 * then value words: the codes of this token, channel by channel in the bit order of a K row; then one word with the two
 * f16 scales (K low, V high). words: [count][kv_head_count][octavo_cache_packed_words(cache)]. */
OCTAVO_API uint32_t octavo_cache_packed_words(const octavo_cache *cache);
OCTAVO_API octavo_status octavo_cache_read_packed(octavo_cache *cache, octavo_sequence sequence, uint32_t layer,
                                                  uint32_t first, uint32_t count, uint32_t *words);

#ifdef __cplusplus
}
#endif
#endif
