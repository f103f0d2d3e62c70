/* The language model's attention in Octavo: one sequence in a packed cache of all layers, one submission a layer. */
#ifndef OCTAVO_PACKED_ATTENTION_H
#define OCTAVO_PACKED_ATTENTION_H

#include "attention_backend.h"

#include <octavo/attention.h>

typedef struct octavo_packed_attention_info {
    octavo_attention_shape shape; /* context_length: most tokens that the cache will hold */
    uint32_t pass_tokens;         /* most tokens of one call */
    uint32_t key_bits, value_bits;
    uint32_t first_tokens, recent_tokens; /* f16 windows */
    const char *variant;                  /* of decoding; NULL: the best */
} octavo_packed_attention_info;

typedef struct octavo_packed_attention octavo_packed_attention;

/* Compiles and proves everything. The device outlives the result. */
octavo_packed_attention *octavo_packed_attention_create(octavo_device *device, const octavo_packed_attention_info *info,
                                                        octavo_generate_error *error);
void octavo_packed_attention_destroy(octavo_packed_attention *attention);

/* Valid as long as `attention`. */
octavo_attention_backend octavo_packed_attention_backend(octavo_packed_attention *attention);

/* Bytes of the tokens that are held, all layers: packed at the rate of full pages, and what f16 would take. */
void octavo_packed_attention_sizes(const octavo_packed_attention *attention, double *cache_bytes, double *f16_bytes);
/* The kernel that decodes. */
const char *octavo_packed_attention_variant(const octavo_packed_attention *attention);

#endif
