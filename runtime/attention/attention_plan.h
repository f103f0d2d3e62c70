/* The inside of octavo_attention: what a shape and a mask decide once. For the files of attention/ only. */
#ifndef OCTAVO_ATTENTION_PLAN_H
#define OCTAVO_ATTENTION_PLAN_H

#include "attention/kernel_pipelines.h"
#include "attention/own_rows.h"
#include "attention/slice_lists.h"
#include "mask/visibility.h"
#include <octavo/attention.h>

/* What the lists of a call have in one segment so far. */
typedef struct octavo_segment_cut {
    uint32_t shares, groups;
    uint32_t room; /* KV tiles that the last workgroup still takes */
} octavo_segment_cut;

struct octavo_attention {
    octavo_cache *cache;
    octavo_attention_info info; /* resolved; `variant` and `tuning` not kept */
    octavo_mask_rule rule;
    uint32_t group; /* query heads for each KV head */
    const octavo_kernel_variant *variant;
    octavo_kernel_tuning tuning;
    octavo_attention_pipelines pipelines;
    bool borrows_pipelines;
    bool spills; /* the driver tells that registers of the walk go to memory */

    octavo_own_rows own;

    /* Scratch memory: query rows, then (maximum, sum) pairs, then outputs of partial rows, then arrivals. */
    octavo_buffer *scratch;
    uint32_t query_row_words;
    uint32_t slice_tokens;              /* query tokens that fit */
    uint32_t partial_capacity;          /* partial results (of all heads) that fit */
    uint32_t sum_offset, output_offset; /* words */
    uint32_t arrival_offset;            /* words: [query tile][head], zero between calls; fused walks only */
    octavo_segment_cut *cuts;           /* [cut_count], of the call that is being recorded */
    uint32_t cut_count;                 /* segments; with expanded tiles: the most windows of a slice */
    /* Of walks of expanded tiles: how many fit; a slice with more is walked in windows of so many. 0: none. */
    uint32_t expanded_capacity;
    octavo_buffer *expanded;
    uint32_t share_capacity; /* query operands of shares (of all heads) that fit; no limit: UINT32_MAX */
    uint32_t *words; /* lists of the slice that is being recorded, and segments of its pages; grows to the largest */
    size_t word_capacity;
    octavo_worklist kept; /* of words, where has_kept: those of a whole call, for the next one to repeat */
    bool has_kept;
    octavo_mask_push mask_push;
    char tuning_text[OCTAVO_TUNING_TEXT_BYTES]; /* the numbers in use as a row; empty in proofs */
};

/* Segments of the pool, then those of own rows. */
uint32_t octavo_attention_segments(const octavo_attention *plan);
octavo_gpu_range octavo_attention_segment_range(const octavo_attention *plan, uint32_t segment);

/* Without argument checks. */
octavo_status octavo_attention_plan_create(const octavo_attention_info *info, octavo_attention **attention);
void octavo_attention_plan_destroy(octavo_attention *attention);
/* The same with one variant and its tuning and, unless NULL, borrowed pipelines; no proof. */
octavo_status octavo_attention_plan_create_with(const octavo_attention_info *info, const octavo_kernel_variant *variant,
                                                const octavo_kernel_tuning *tuning,
                                                const octavo_attention_pipelines *pipelines,
                                                octavo_attention **attention);
octavo_status octavo_attention_record_run(octavo_attention *attention, octavo_frame *frame,
                                          VkCommandBuffer command_buffer, const octavo_attention_run *run);
/* Runs the plan's pipelines on a small cache and compares with the CPU in double precision. OCTAVO_UNSUPPORTED: wrong.
 */
octavo_status octavo_attention_plan_prove(octavo_attention *attention);

#endif
