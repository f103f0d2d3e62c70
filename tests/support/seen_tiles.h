/* Which KV tiles the rows of a query tile see, key by key, from what the mask says. */
#ifndef OCTAVO_SEEN_TILES_H
#define OCTAVO_SEEN_TILES_H

#include "cache/sequence_table.h"
#include "mask/visibility.h"

#include <stdbool.h>

#define SEEN_TILES_MAX 48u /* KV tiles of a sequence */
#define SEEN_TOKENS_MAX 5000u

typedef struct seen_tiles {
    int64_t p_first, p_last;
    bool any[SEEN_TILES_MAX]; /* a row sees a packed key of the tile */
    bool all[SEEN_TILES_MAX]; /* all rows see all 128 keys, all of them packed */
} seen_tiles;

/* Queries at [p_first, p_last]. empty_attends: a row that sees no key attends to all. */
void seen_tiles_look(const octavo_mask_rule *rule, bool empty_attends, const octavo_cache_view *view, int64_t p_first,
                     int64_t p_last, seen_tiles *seen);

#endif
