/* Which keys a query sees. Key j of `length` keys is visible to the query at position p (p < 0: before all keys) when
 *   j < prefix, or
 *   (not causal or j <= p) and (window == 0 or j < sink or (causal ? j > p - window : |p - j| < window)). */
#ifndef OCTAVO_MASK_VISIBILITY_H
#define OCTAVO_MASK_VISIBILITY_H

#include <stdbool.h>
#include <stdint.h>

typedef struct octavo_mask_rule {
    bool causal;
    uint32_t window; /* 0: none */
    uint32_t sink;
    uint32_t prefix;
} octavo_mask_rule;

/* Keys [0, head_end) and [window_begin, window_end), not cut to the keys there are; either may be empty. */
typedef struct octavo_mask_row_keys {
    int64_t head_end, window_begin, window_end;
} octavo_mask_row_keys;

octavo_mask_row_keys octavo_mask_keys_of_row(const octavo_mask_rule *rule, int64_t p);
bool octavo_mask_visible(const octavo_mask_rule *rule, int64_t p, int64_t j);
/* No key of [0, length) is visible. */
bool octavo_mask_row_is_empty(const octavo_mask_rule *rule, int64_t p, uint32_t length);

#endif
