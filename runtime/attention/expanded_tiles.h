/* What expand.comp makes of the pages of a slice and of its own rows: tiles of f16, in the order of its sequences'
 * tiles. Where there are more than fit, they are made and walked in windows, one after the other. */
#ifndef OCTAVO_EXPANDED_TILES_H
#define OCTAVO_EXPANDED_TILES_H

#include "attention/attention_worklist.h"

/* Entries are in groups, each of which one dispatch expands: [window][codes, then rows of f16][segment].
 */
typedef struct octavo_expanded_tiles {
    uint32_t window_count, group_count, entry_count;
} octavo_expanded_tiles;

/* words NULL: only counted. Else writes the entries, and before them the first entry of each group and the end. */
octavo_expanded_tiles octavo_expanded_tiles_of(const octavo_attention *plan, const octavo_attention_run *run,
                                               const octavo_attention_slice *slice, const octavo_worklist *list,
                                               uint32_t *words);

/* Words of the tiles, behind which the masks of tokens that are not finite lie; 4 words for each tile and head. */
uint32_t octavo_expanded_bad_offset(const octavo_attention *plan);
octavo_gpu_range octavo_expanded_range(const octavo_attention *plan);

/* Records the dispatches of a window, and the barrier before what reads the tiles. */
octavo_status octavo_expanded_tiles_record(const octavo_attention *plan, octavo_frame *frame,
                                           VkCommandBuffer command_buffer, const octavo_worklist *list,
                                           octavo_gpu_range lists, uint32_t window);
/* Dispatches of a slice, at most. */
uint32_t octavo_expanded_tiles_dispatches(const octavo_attention *plan, const octavo_worklist *list);

#endif
