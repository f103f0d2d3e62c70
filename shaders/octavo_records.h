/* The records that the recorder writes and the kernels read, and the ids and bindings of the kernels. Valid C11 and GLSL;
 * all members are 32 bits wide, so both languages lay them out alike. Included by octavo_abi.h's users through it. */
#ifndef OCTAVO_RECORDS_H
#define OCTAVO_RECORDS_H

/* --- specialisation constants -------------------------------------------------------------------------------- */
#define OCTAVO_SPEC_KEY_BITS 0
#define OCTAVO_SPEC_VALUE_BITS 1
#define OCTAVO_SPEC_KEY_PAD 2   /* d' of K, a multiple of 32 */
#define OCTAVO_SPEC_VALUE_PAD 3 /* d' of V */
#define OCTAVO_SPEC_ROWS 4      /* rows in a query tile; rows of one workgroup of rotate */
#define OCTAVO_SPEC_QUERY_PARTS 5 /* int8 parts of a query value: 1 (8 bits) or 2 (15 bits) */
#define OCTAVO_SPEC_TOKENS 6 /* of a quad, and channels, whose codes a lane has in registers at once: 1, 2 or 4 */
#define OCTAVO_SPEC_LOGITS 7 /* OCTAVO_LOGITS_: what logits go through beside scale and mask */
#define OCTAVO_LOGITS_SOFTCAP 1u
#define OCTAVO_LOGITS_UNIFORM 2u /* rows that see nothing are means */
#define OCTAVO_SPEC_APPEND_ROLE 8 /* OCTAVO_APPEND_ */
#define OCTAVO_SPEC_APPEND_ROW_LANES 9 /* that work on a row side by side: 16 or 8 */
#define OCTAVO_SPEC_TEAMS 10 /* subgroups of a workgroup, each with tiles of its own */
#define OCTAVO_SPEC_ROTATED 11 /* prefill of f16 tiles, 1: values are in the basis of the codes */
#define OCTAVO_SPEC_APPEND_TRANSFORMS 12 /* 1: codec records may have transforms */
/* prefill_tiles.comp: the product (M x K) (K x N) of f16 matrices, and how a workgroup is cut */
#define OCTAVO_SPEC_MATRIX_M 20
#define OCTAVO_SPEC_MATRIX_N 21
#define OCTAVO_SPEC_MATRIX_K 22
#define OCTAVO_SPEC_SUBGROUP 23   /* lanes of a subgroup */
#define OCTAVO_SPEC_BLOCK 24      /* tokens that are expanded at once: 16, 32 or 64 */
#define OCTAVO_SPEC_ROW_TEAMS 25  /* subgroups that share out the rows; the others of the workgroup share the columns */
#define OCTAVO_SPEC_HOLD_QUERY 26 /* 1: fragments of the query stay in registers */
#define OCTAVO_SPEC_STEPS 27      /* of the channels of a query that is not held, unrolled: 1 or 2 */
#define OCTAVO_SPEC_LOCAL_SIZE 253

/* --- bindings, set 0 ------------------------------------------------------------------------------------------ */
#define OCTAVO_ROTATE_INPUT 0
#define OCTAVO_ROTATE_RECORD 1
#define OCTAVO_ROTATE_SCRATCH 2
#define OCTAVO_APPEND_TENSOR 0 /* K or V; K where both are bound */
#define OCTAVO_APPEND_RECORDS 1
#define OCTAVO_APPEND_LISTS 2
#define OCTAVO_APPEND_POOL 3
#define OCTAVO_APPEND_PAIR_VALUES 4
#define OCTAVO_WALK_POOL 0
#define OCTAVO_WALK_LISTS 1
#define OCTAVO_WALK_SCRATCH 2
#define OCTAVO_WALK_QUERIES 3 /* and on: of walks that prepare the queries and finish the rows themselves */
#define OCTAVO_WALK_RECORDS 4
#define OCTAVO_WALK_OUTPUT 5
#define OCTAVO_WALK_LSE 6
#define OCTAVO_WALK_FUSED_BINDINGS 7
#define OCTAVO_EXPAND_POOL 0
#define OCTAVO_EXPAND_LISTS 1
#define OCTAVO_EXPAND_TILES 2
#define OCTAVO_MERGE_SCRATCH 0
#define OCTAVO_MERGE_LISTS 1
#define OCTAVO_MERGE_OUTPUT 2
#define OCTAVO_MERGE_LSE 3

/* --- element types of caller's tensors: octavo_type ------------------------------------------------------------ */
#define OCTAVO_ELEMENT_F32 0u
#define OCTAVO_ELEMENT_F16 1u
#define OCTAVO_ELEMENT_BF16 2u

/* --- rotate: rows of queries -> the query form of the walk ------------------------------------------------------- */
#define OCTAVO_ROTATE_QUERY_INT 0u   /* int8 parts */
#define OCTAVO_ROTATE_QUERY_FLOAT 1u /* f32 */
#define OCTAVO_ROTATE_QUERY_HALF 2u  /* f16, the row's largest magnitude 1 */
/* Of a codec record, K */
#define OCTAVO_ROTATE_HAS_MEAN 1u
#define OCTAVO_ROTATE_HAS_TRANSFORM 2u
#define OCTAVO_ROTATE_RAW 4u /* an f16 cache: the values as they came */

#define OCTAVO_ROW_HEADER_WORDS 4u
/* A query row: header, then d'/4 words of int8 for each part, high part first; or d' floats; or d' f16, of which each four
 * beside packed keys are in the order 0, 2, 1, 3, as their codes are expanded. */
#define OCTAVO_QUERY_SCALE 0u  /* f32: logit = scale * integer dot (of twice the levels), or of one float unit */
#define OCTAVO_QUERY_OFFSET 1u /* i32: (2^bits - 1) * sum of the query integers */
#define OCTAVO_QUERY_MEAN 2u   /* f32: what the mean of K adds to each logit */

OCTAVO_STRUCT(octavo_rotate_push) {
    OCTAVO_U32 role, flags;
    OCTAVO_U32 row_count;      /* tokens * heads */
    OCTAVO_U32 head_count;     /* of the tensor */
    OCTAVO_U32 group;          /* heads of the tensor for each head of the record */
    OCTAVO_U32 dim;            /* channels of the tensor */
    OCTAVO_U32 element;        /* OCTAVO_ELEMENT_ */
    OCTAVO_U32 token_first;    /* first token of the tensor */
    OCTAVO_U32 token_stride, head_stride; /* elements */
    OCTAVO_U32 transform_offset; /* words in the record buffer, which begins with the means: [head][d'][d'] */
    OCTAVO_U32 row_first;      /* token_first, minus the first one of the slice */
    OCTAVO_U32 query_rows;     /* rows of one KV head in scratch */
    OCTAVO_U32 seed;
    OCTAVO_F32T scale; /* of the logits */
} OCTAVO_END(octavo_rotate_push);

/* --- append: rows of K and V -> codes in pages --------------------------------------------------------------------- */
#define OCTAVO_APPEND_ROWS 8u /* that a workgroup works on at once */
#define OCTAVO_APPEND_KEYS 0u
#define OCTAVO_APPEND_VALUES 1u
#define OCTAVO_APPEND_BOTH 2u /* the third index of a workgroup is one of the two above */
#define OCTAVO_APPEND_WINDOW 0x80000000u
OCTAVO_STRUCT(octavo_append_entry) {
    OCTAVO_U32 page;   /* in the segment */
    OCTAVO_U32 first;  /* codes: token in the tile, all in one group of 32; window: row in the page */
    OCTAVO_U32 count;  /* tokens; codes: at most 32; window: as many as follow each other in the page */
    OCTAVO_U32 source; /* first token of the tensors; OCTAVO_APPEND_WINDOW: rows of f16 */
    OCTAVO_U32 record; /* word of the codec record in the buffer of records */
    OCTAVO_U32 record_flags; /* OCTAVO_ROTATE_HAS_ */
    OCTAVO_U32 seed;         /* of the rotations */
    OCTAVO_U32 reserved;
} OCTAVO_END(octavo_append_entry);
#define OCTAVO_APPEND_ENTRY_WORDS 8u

/* --- expand: pages -> operands of matrix products (lib/operand_layout.glsl) ----------------------------------------- */
#define OCTAVO_OPERAND_UNIT_WORDS 1024u
#define OCTAVO_OPERAND_STEPS 4u /* of a tile; each has a unit for every 64 channels of K and of V */
/* Entries of codes and of windows write different tokens, so that both are made at the same time. */
OCTAVO_STRUCT(octavo_expand_entry) {
    OCTAVO_U32 page;  /* in the segment */
    OCTAVO_U32 tile;  /* of operands */
    OCTAVO_U32 count; /* 0: the page's codes; else tokens that follow each other in a window page */
    OCTAVO_U32 first; /* of these tokens, in the tile */
    OCTAVO_U32 row;   /* of the first one in the window page */
    OCTAVO_U32 begin, end, resume; /* of codes: the tokens begin .. end - 1 and resume .. of the tile; windows have the rest */
} OCTAVO_END(octavo_expand_entry);
#define OCTAVO_EXPAND_ENTRY_WORDS 8u

OCTAVO_STRUCT(octavo_expand_push) {
    OCTAVO_U32 head_count;
    OCTAVO_U32 entry_offset; /* word in the lists of the dispatch's first entry */
    OCTAVO_U32 bad_offset;   /* word behind the tiles: [tile][head][step] a bit for each token whose V is not finite */
} OCTAVO_END(octavo_expand_push);

OCTAVO_STRUCT(octavo_append_push) {
    OCTAVO_U32 head_count;
    OCTAVO_U32 key_dim, value_dim;         /* channels of K and V */
    OCTAVO_U32 key_element, value_element; /* OCTAVO_ELEMENT_ */
    OCTAVO_U32 key_token_stride, key_head_stride; /* elements */
    OCTAVO_U32 value_token_stride, value_head_stride;
} OCTAVO_END(octavo_append_push);

/* --- walk and merge ------------------------------------------------------------------------------------------------ */
#define OCTAVO_RUN_FULL 0u
#define OCTAVO_RUN_EDGE 1u
#define OCTAVO_RUN_WINDOW 2u
/* Tiles [first, first + count) of a sequence; pages: word index in the lists of the page of tile `first`. A window run
 * names window tokens instead: number n is token n while n < window_first, then token packed_end + n - window_first;
 * pages is the word index of the sequence's window pages. */
OCTAVO_STRUCT(octavo_tile_range) {
    OCTAVO_U32 first, count, kind, pages;
} OCTAVO_END(octavo_tile_range);

OCTAVO_STRUCT(octavo_query_tile) {
    OCTAVO_U32 sequence;  /* record of the sequence */
    OCTAVO_U32 row_first; /* of the sequence's rows; row = query token * group + head in group */
    OCTAVO_U32 row_count;
    OCTAVO_U32 partial_first, partial_count;
} OCTAVO_END(octavo_query_tile);
#define OCTAVO_QUERY_TILE_WORDS 5u

OCTAVO_STRUCT(octavo_sequence_record) {
    OCTAVO_U32 key_count;
    OCTAVO_I32 position;        /* of the sequence's query token 0 */
    OCTAVO_U32 row_base;        /* row of query token 0 in the slice's query rows (may be "negative", modulo 2^32) */
    OCTAVO_U32 token_base;      /* query token 0 in the caller's tensors */
    OCTAVO_U32 packed_begin, packed_end; /* tokens read from packed pages */
    OCTAVO_U32 window_first;    /* tokens [0, window_first) are window rows 0 .. */
    OCTAVO_U32 window_ring;     /* token j >= window_base is window row window_base + j % window_ring */
    OCTAVO_U32 window_base;
    OCTAVO_U32 seed;            /* of the rotations */
    OCTAVO_U32 record;          /* word of the codec record in the buffer of records */
    OCTAVO_U32 record_flags;    /* OCTAVO_ROTATE_HAS_ and OCTAVO_ROTATE_RAW, of K */
} OCTAVO_END(octavo_sequence_record);

/* A part of the list of a query tile, with all that a walk wants first in one place: loads that wait for each other are
 * what a short context pays for. */
OCTAVO_STRUCT(octavo_share) {
    OCTAVO_U32 tile_index;
    OCTAVO_U32 partial; /* where its (maximum, sum, output) goes */
    OCTAVO_U32 range_first, range_count;
    octavo_query_tile tile;
    OCTAVO_U32 window_first, window_count, window_pages; /* the first range that is a window */
    octavo_sequence_record sequence;
    octavo_tile_range range;  /* the first one that is no window; count 0: none */
    OCTAVO_U32 page;          /* of its first tile */
    OCTAVO_U32 tile_count;    /* KV tiles of all ranges */
    OCTAVO_U32 window_ranges; /* how many ranges are windows: the last ones */
    OCTAVO_U32 reserved;
} OCTAVO_END(octavo_share);
#define OCTAVO_SHARE_WORDS 32u

#define OCTAVO_WALK_CAUSAL 1u
#define OCTAVO_WALK_EMPTY_SHIFT 1u /* two bits: octavo_empty_row */
OCTAVO_STRUCT(octavo_mask_push) {
    OCTAVO_U32 flags, window, sink, prefix;
} OCTAVO_END(octavo_mask_push);

/* What a call of attention tells its kernels. */
#define OCTAVO_ATTENTION_QUERY_ELEMENT(flags) ((flags)&3u)
#define OCTAVO_ATTENTION_OUTPUT_ELEMENT(flags) (((flags) >> 2) & 3u)
#define OCTAVO_ATTENTION_WRITE_LSE 16u
#define OCTAVO_ATTENTION_HEADS_FIRST 64u /* prefill_matrix: a workgroup's first number is its head, the second its share */
#define OCTAVO_ATTENTION_MERGE_SPLIT 32u /* merge: only tiles of several shares; others are finished */
OCTAVO_STRUCT(octavo_attention_push) {
    octavo_mask_push mask;
    OCTAVO_U32 flags;           /* elements of Q and O, OCTAVO_ATTENTION_WRITE_LSE */
    OCTAVO_U32 group_offset;    /* word in the lists of the dispatch's first[]: workgroup i walks the shares first[i] ..
                                   first[i + 1] - 1; 0: workgroup i walks share group_first + i */
    OCTAVO_U32 group_first;
    OCTAVO_U32 share_offset;    /* word of share 0 */
    OCTAVO_U32 range_offset;    /* word of range 0 */
    OCTAVO_U32 tile_offset;     /* word of query tile 0 */
    OCTAVO_U32 sequence_offset; /* word of sequence record 0 */
    OCTAVO_U32 sink_offset;     /* word of [query head] sink logits; 0: none */
    OCTAVO_U32 head_count;      /* KV heads */
    OCTAVO_U32 group;           /* query heads for each */
    OCTAVO_U32 query_rows;      /* rotated queries: rows of one KV head in scratch */
    OCTAVO_U32 query_offset;    /* scratch words */
    OCTAVO_U32 query_row_words;
    OCTAVO_U32 sum_offset;      /* scratch words: (maximum, sum) of partial rows */
    OCTAVO_U32 output_offset;   /* scratch words: outputs of partial rows */
    OCTAVO_U32 arrival_offset;  /* scratch words: [query tile][head], how many of its partial results are there */
    OCTAVO_U32 window_rows_per_page;
    OCTAVO_F32T softcap; /* softcap * log2(e), or 0 */
    OCTAVO_F32T scale;   /* of the logits, in units of log2 or of the cap */
    OCTAVO_U32 key_dim, value_dim; /* channels of Q and O */
    OCTAVO_U32 query_token_stride, query_head_stride;   /* elements */
    OCTAVO_U32 output_token_stride, output_head_stride;
    OCTAVO_U32 tile_first; /* merge: first query tile of this dispatch */
    OCTAVO_U32 bad_offset; /* of expanded tiles: see octavo_expand_push */
} OCTAVO_END(octavo_attention_push);

#endif
