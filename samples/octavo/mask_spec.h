/* Text of masks and caches in arguments: --mask SPEC and --kv. */
#ifndef OCTAVO_MASK_SPEC_H
#define OCTAVO_MASK_SPEC_H

#include "error_line.h"

#include <octavo/attention.h>

/* SPEC is a comma list of causal, window=N (N >= 1), sink=N, prefix=N, each at most once, or none alone. */
bool octavo_mask_spec_parse(const char *text, octavo_mask *mask, octavo_error_line *error);
/* The SPEC of a mask; text has room for OCTAVO_MASK_SPEC_LENGTH bytes. */
#define OCTAVO_MASK_SPEC_LENGTH 64
void octavo_mask_spec_format(const octavo_mask *mask, char *text);

/* "3" for both, "4/3" for K and V; each of 2, 3, 4, f16 (or 16). */
bool octavo_cache_spec_parse(const char *text, uint32_t *key_bits, uint32_t *value_bits, octavo_error_line *error);
#define OCTAVO_CACHE_SPEC_LENGTH 16
void octavo_cache_spec_format(uint32_t key_bits, uint32_t value_bits, char *text);

#endif
