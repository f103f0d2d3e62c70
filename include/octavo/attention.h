/* octavo/attention.h: attention of queries over a cache. Plan once for a shape, record many times, for any layer.
 *
 *   logit(i, j) = cap(scale * q_i . k_j),  cap(x) = softcap > 0 ? softcap * tanh(x / softcap) : x
 *   o_i = sum over visible j of softmax(logit(i, .))_j v_j
 *
 * with exp(sink_logit) of the query head added to the denominator when sink logits are given. Query head h reads KV head
 * h / (query_head_count / kv_head_count). Sequences of unequal length and unequal numbers of queries go in one call.
 *
 * Prefill of a chunk, by either of two orders:
 *   packed  the chunk is appended, then attended as the cache holds it: the codes, or f16 of the tokens that a window has
 *           (recent_tokens of octavo_cache_info).
 *   own     attention first, with own_keys and own_values of octavo_attention_run: the queries attend the tokens of the
 *           cache, then their own ones, which are not in it. Those are seen in f16 in the basis of the codes (rotated,
 *           without the mean; of f16 caches as they came), never quantised. What is not finite in a row of V makes the
 *           rows that see it NaN in all channels. Lengths, positions and masks are as if the tokens had been appended.
 *           They may be appended afterwards, or never: an encoder takes an empty sequence, which gives the codec.
 * The append after an attention with own tokens, in the same recording and frame, has no barrier before it where the
 * variant reads the cache's pages in dispatches before the walk (prefill_matrix): it may run beside the walk. The other
 * variants read pages to the end, and words of a page belong to several tokens, so there a barrier stays.
 *
 * Threads: a plan is used by the thread that uses its cache. Functions without a plan may be called from any thread.
 *
 * Work is cut over the length of the cache and merged exactly by (maximum, sum, output) triples, in a fixed order:
 * LeanAttention (arXiv 2405.10480). */
#ifndef OCTAVO_ATTENTION_H
#define OCTAVO_ATTENTION_H

#include <octavo/cache.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Which keys a query sees. The queries of a sequence are its last tokens: query i of n has position p = length - n + i
 * (negative when there are more queries than keys). Key j is visible when
 *   j < prefix, or
 *   (not causal or j <= p) and (window == 0 or j < sink or (causal ? j > p - window : |p - j| < window)). */
typedef struct octavo_mask {
    VkBool32 causal;
    uint32_t window; /* 0: none */
    uint32_t sink;
    uint32_t prefix;
} octavo_mask;

/* What a row gives that sees no key. Its log-sum-exp is -inf in each case. Without any key the output is 0. */
typedef enum octavo_empty_row {
    OCTAVO_EMPTY_ROW_ZERO = 0,       /* 0 */
    OCTAVO_EMPTY_ROW_ATTEND_ALL = 1, /* attention over all keys */
    OCTAVO_EMPTY_ROW_UNIFORM = 2,    /* the mean of all values */
    OCTAVO_EMPTY_ROW_MAX = 0x7fffffff
} octavo_empty_row;

typedef enum octavo_phase {
    OCTAVO_PHASE_AUTO = 0,    /* decode when query_capacity <= 16 * sequence_capacity, else prefill */
    OCTAVO_PHASE_PREFILL = 1,
    OCTAVO_PHASE_DECODE = 2,
    OCTAVO_PHASE_MAX = 0x7fffffff
} octavo_phase;

typedef struct octavo_attention octavo_attention; /* a plan */

typedef struct octavo_attention_info {
    size_t struct_size;
    octavo_cache *cache;
    uint32_t query_head_count;    /* a multiple of kv_head_count, up to 64 times */
    uint32_t sequence_capacity;   /* most sequences in one call, 1 .. that of the cache */
    uint32_t query_capacity;      /* most query tokens in one call, all sequences together. Kernels and their numbers are
                                     chosen for calls of so many tokens and sequences: decoding one token and decoding
                                     several are fastest by two plans, one sequence and 64 too */
    octavo_phase phase;
    octavo_mask mask;
    float scale;   /* of the logits, finite; 0: 1 / sqrt(key_dim) */
    float softcap; /* 0: none; else 1e-9 .. 1e9; it adds about 3e-7 of a logit to the error of that logit */
    octavo_empty_row empty_row;
    const char *variant;        /* NULL: the best for the device; else a name of octavo_attention_variant_name */
    VkBool32 skip_proof;        /* do not run the variant on a small known case before it is trusted */
    VkDeviceSize scratch_bytes; /* most device memory for queries, partial results and, half of it, the operands that
                                   the variant prefill_matrix makes of the cache; 0: 64 MiB, of prefill_matrix 256 MiB.
                                   Larger calls run in slices; what one query token takes is the least */
    uint32_t workgroup_target;  /* workgroups that a call is cut into, about, if it can be; 0: what suits the device */
    uint64_t slice_work;        /* most query rows times tokens in one dispatch (drivers kill long ones); 0: what suits */
    const char *tuning;         /* NULL or rows of numbers for the kernels, see below; read during the call */
    VkBool32 own_tokens;        /* calls may bring own_keys and own_values. Their f16 rows take device memory beside
                                   scratch_bytes: for each of query_capacity 2 bytes a channel of K and of V, in pages,
                                   of which each sequence of a call takes whole ones */
    uint64_t expected_tokens;   /* cached tokens that a call usually reads, all sequences together: kernels and their
                                   numbers are chosen for so many, others take as right a way. 0: what the cache holds
                                   when it is full */
} octavo_attention_info;
#define OCTAVO_ATTENTION_INFO_INIT                                                                                     \
    {                                                                                                                  \
        sizeof(octavo_attention_info), 0, 1, 1, 1, OCTAVO_PHASE_AUTO, {VK_TRUE, 0, 0, 0}, 0.0f, 0.0f,                  \
            OCTAVO_EMPTY_ROW_ZERO, 0, VK_FALSE, 0, 0, 0, 0, VK_FALSE, 0                                                \
    }

/* Tuning rows are text, one a line, words name=value with blanks between; '#' where a word could begin starts a comment.
 *
 *   device="NVIDIA H200" variant=matrix key=128 value=128 kv=3/3 group=4 tokens=1 rows=4 workgroups=132 # 11.2 us
 *
 * Selectors say where a row holds; one that is left out holds everywhere:
 *   device   the name in octavo_device_description, in quotes when it has blanks; in quotes a backslash stands for the
 *            byte after it
 *   variant  a name of octavo_attention_variant_name; others match nothing
 *   key, value  key_dim and value_dim of the cache
 *   kv       bits of K and of V: 2, 3, 4 or f16
 *   group    query heads for each KV head
 *   tokens   query tokens of a sequence: query_capacity / sequence_capacity, rounded up
 * Settings take the place of the library's numbers, each alone:
 *   lanes       of a workgroup, whole subgroups up to 1024; only of walks of subgroups in one dispatch, and of
 *               prefill_int8, prefill_f16 and prefill_f32 a power of two from 8 to 128, eight for each row
 *   rows        query rows of a tile: 1, 2, 4 or 8, of the matrix variants also 16; of prefill_matrix 16, 32 or 64 for
 *               each subgroup, of the other prefill variants powers of two
 *   unpack      tokens, and channels, that a lane unpacks at once: 1, 2 or 4; not of the matrix and prefill variants
 *   dispatches  1: the walk prepares the queries and merges the results; 3: other dispatches do; the matrix variants
 *               take one, prefill_tiles, prefill_int8, prefill_f16 and prefill_f32 three
 *   query_bits  of an integer query: 8 or 15; only where K has integer codes in a variant of integer dots
 *   workgroups  that a call is cut into, about, up to 1048576; workgroup_target in octavo_attention_info goes before it
 *   slice_work  as in octavo_attention_info, which goes before it
 * The first row that matches device, variant and shape is used. It is proven like the library's own numbers. One that
 * does not fit the device's limits, does not compile or computes wrong results is ignored with a warning, and the next
 * one that matches is tried. Rows do not change which variant is chosen. `octavo bench --tune` writes them. */

/* Chooses, compiles and proves the pipelines (submits under the queue lock and waits), allocates scratch memory. A
 * variant that fails to compile or computes wrong results is skipped with a warning, and so is one whose registers spill
 * to memory, as far as the driver tells, where another does not spill. The cache outlives the plan.
 * OCTAVO_UNSUPPORTED: no variant works, or the forced one cannot run here (the log says why). OCTAVO_INVALID_ARGUMENT
 * also for a variant that the build does not have, and for tuning that does not parse (the log names line and word). */
OCTAVO_API octavo_status octavo_attention_create(const octavo_attention_info *info, octavo_attention **attention);
/* The GPU must be done with it. */
OCTAVO_API void octavo_attention_destroy(octavo_attention *attention);

/* All variants of the build, whether or not a device can run them. index 0 .. count-1; NULL beyond. Static storage. */
OCTAVO_API const char *octavo_attention_variant_name(uint32_t index);
/* Why a variant cannot serve this device and phase; NULL when it can. Static storage. Whether it compiles and computes
 * rightly for a shape shows when a plan is made. One that can serve a phase may still be slow for few or many rows; a plan
 * that chooses itself knows. */
OCTAVO_API const char *octavo_attention_variant_refusal(const octavo_device *device, uint32_t index, octavo_phase phase);
/* The variant that the plan uses. */
OCTAVO_API const char *octavo_attention_variant(const octavo_attention *attention);
/* The numbers that the plan uses, as a tuning row for its device, variant and shape, without the end of the line. It
 * lives as long as the plan. */
OCTAVO_API const char *octavo_attention_tuning(const octavo_attention *attention);
/* The phase that the plan resolved to: never OCTAVO_PHASE_AUTO. */
OCTAVO_API octavo_phase octavo_attention_phase(const octavo_attention *attention);

typedef struct octavo_attention_run {
    size_t struct_size;
    uint32_t layer;
    uint32_t sequence_count;
    const octavo_sequence *sequences;
    const uint32_t *query_counts; /* [sequence_count], query tokens of each; 0 is fine */
    octavo_tensor queries;        /* [tokens][query_head_count][key_dim], any type */
    octavo_tensor output;         /* [tokens][query_head_count][value_dim], f32 or f16 */
    /* VK_NULL_HANDLE: none. f32 [tokens][query_head_count]: the natural logarithm of the sum of the exponentials of the
     * capped logits, without the sink logit. */
    VkBuffer lse_buffer;
    VkDeviceSize lse_offset;  /* bytes, a multiple of minStorageBufferOffsetAlignment or of 256 */
    VkDeviceSize lse_size;    /* bytes writable from lse_offset on */
    const float *sink_logits; /* NULL or [query_head_count], host memory, read during the call */
    /* Buffers VK_NULL_HANDLE: none. Else [tokens][kv_head_count][key_dim or value_dim], any type, of a plan with
     * own_tokens: keys and values of the query tokens, which are attended behind those of the cache, as if they had been
     * appended but for their precision. The cache is not changed; see the head of this file. */
    octavo_tensor own_keys, own_values;
} octavo_attention_run;
#define OCTAVO_ATTENTION_RUN_INIT                                                                                      \
    {                                                                                                                  \
        sizeof(octavo_attention_run), 0, 0, 0, 0, {0, 0, 0, OCTAVO_F32, 0, 0}, {0, 0, 0, OCTAVO_F32, 0, 0}, 0, 0, 0,   \
            0, {0, 0, 0, OCTAVO_F32, 0, 0}, {0, 0, 0, OCTAVO_F32, 0, 0}                                                \
    }

/* Records attention over what the cache holds at this point of the recording. Never compiles, submits or blocks, and
 * allocates nothing but frame memory (a plan keeps host memory for the lists of its largest call so far). Recordings of
 * one plan share its scratch memory and run one after the other: the library's barriers see to it, and order them after
 * the appends recorded before. The caller's own work on queries, output and lse is ordered by the caller
 * (octavo/device.h). OCTAVO_FRAME_FULL: nothing was recorded.
 * A call with the sequences, lengths and counts of the plan's last one, of whatever layer, takes the processor a sixth of the
 * time: record a model's layers with one plan, one after the other. */
OCTAVO_API octavo_status octavo_attention_record(octavo_attention *attention, octavo_frame *frame,
                                                 VkCommandBuffer command_buffer, const octavo_attention_run *run);

#ifdef __cplusplus
}
#endif
#endif
