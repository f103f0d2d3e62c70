/* A small known case that pipelines prove themselves on: a cache of one layer and sequence with the shape of another
 * cache, its rows in host memory, buffers and a frame. */
#ifndef OCTAVO_PROOF_CASE_H
#define OCTAVO_PROOF_CASE_H

#include "attention/cache_object.h"

#define OCTAVO_PROOF_TOKENS 150u /* more than a page, and no whole group */
#define OCTAVO_PROOF_CHUNK 100u  /* the first append; the second goes on in the middle of a group */
#define OCTAVO_PROOF_SOURCE 64u  /* row of the second append's first token: its offset is a multiple of 256 bytes */

typedef struct octavo_proof_case {
    octavo_cache *cache;
    octavo_sequence sequence;
    octavo_frame *frame;
    octavo_commands *commands;
    octavo_buffer *keys, *values; /* f32 [tokens][kv_heads][dim] */
    float *key_rows, *value_rows; /* what they hold; token t is row octavo_proof_row(t) */
} octavo_proof_case;

/* Appends the tokens in two recordings and waits. pipelines are borrowed from `like`. On failure there is nothing to
 * close. */
octavo_status octavo_proof_open(const octavo_cache *like, octavo_proof_case *proof);
void octavo_proof_close(octavo_proof_case *proof);

uint32_t octavo_proof_row(uint32_t token);

/* The next number of a fixed sequence, roughly N(0, 1). */
float octavo_proof_normal(uint32_t *state);

#endif
