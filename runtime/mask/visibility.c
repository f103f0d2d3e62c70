#include "mask/visibility.h"

#define UNBOUNDED ((int64_t)1 << 40) /* beyond all positions */

octavo_mask_row_keys octavo_mask_keys_of_row(const octavo_mask_rule *rule, int64_t p) {
    octavo_mask_row_keys keys;
    int64_t window = rule->window;
    keys.head_end = rule->prefix;
    if (window != 0) {
        int64_t sink_end = rule->causal && p + 1 < (int64_t)rule->sink ? p + 1 : (int64_t)rule->sink;
        if (sink_end > keys.head_end) keys.head_end = sink_end;
    }
    keys.window_begin = window == 0 ? -UNBOUNDED : p - window + 1;
    keys.window_end = rule->causal ? p + 1 : window == 0 ? UNBOUNDED : p + window;
    return keys;
}

bool octavo_mask_visible(const octavo_mask_rule *rule, int64_t p, int64_t j) {
    octavo_mask_row_keys keys = octavo_mask_keys_of_row(rule, p);
    return j < keys.head_end || (j >= keys.window_begin && j < keys.window_end);
}

bool octavo_mask_row_is_empty(const octavo_mask_rule *rule, int64_t p, uint32_t length) {
    octavo_mask_row_keys keys = octavo_mask_keys_of_row(rule, p);
    int64_t begin = keys.window_begin > 0 ? keys.window_begin : 0;
    int64_t end = keys.window_end < (int64_t)length ? keys.window_end : (int64_t)length;
    return length == 0u || (keys.head_end <= 0 && begin >= end);
}
