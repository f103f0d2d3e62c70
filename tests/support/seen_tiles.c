#include "seen_tiles.h"

#include <string.h>

static bool visible_by_the_rule(const octavo_mask_rule *rule, int64_t p, int64_t j) {
    int64_t distance = p > j ? p - j : j - p;
    int64_t window = rule->window;
    if (j < (int64_t)rule->prefix) return true;
    if (rule->causal && j > p) return false;
    return window == 0 || j < (int64_t)rule->sink || (rule->causal ? j > p - window : distance < window);
}

void seen_tiles_look(const octavo_mask_rule *rule, bool empty_attends, const octavo_cache_view *view, int64_t p_first,
                     int64_t p_last, seen_tiles *seen) {
    memset(seen->any, 0, sizeof seen->any);
    for (uint32_t t = 0; t < SEEN_TILES_MAX; ++t) {
        seen->all[t] = 128u * t >= view->packed_begin && 128u * (t + 1u) <= view->packed_end;
    }
    seen->p_first = p_first;
    seen->p_last = p_last;
    static bool sees[SEEN_TOKENS_MAX + 1u];
    for (int64_t p = p_first; p <= p_last; ++p) {
        bool is_empty = true;
        for (uint32_t j = 0; j < view->length; ++j) {
            sees[j] = visible_by_the_rule(rule, p, j);
            is_empty = is_empty && !sees[j];
        }
        bool attends_all = is_empty && empty_attends;
        for (uint32_t j = 0; j < view->length; ++j) {
            bool is_packed = j >= view->packed_begin && j < view->packed_end;
            if (sees[j] || attends_all)
                seen->any[j / 128u] = seen->any[j / 128u] || is_packed;
            else
                seen->all[j / 128u] = false;
        }
        /* an empty row that attends to all is told by the edge test only */
        for (uint32_t t = 0; t < SEEN_TILES_MAX; ++t) seen->all[t] = seen->all[t] && !is_empty;
    }
}
