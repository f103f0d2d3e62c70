/* Malformed calls: each gives its status and exactly one clear line, and changes nothing. Files are in
 * test_bad_files.c. Calls with no object to log through are not here: they give OCTAVO_INVALID_ARGUMENT in silence. */
#include "gpu_fixture.h"
#include "run_tests.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADS = 2, DIM = 64, TOKENS = 8, ROW = HEADS * DIM };

/* One of everything, in good order; a case spoils one thing. */
typedef struct setup {
    gpu_fixture gpu, other; /* two devices */
    octavo_cache *cache;
    octavo_attention *plan;
    octavo_sequence sequence, full; /* empty; TOKENS long */
    octavo_buffer *buffer;          /* 64 KiB */
    float *rows;                    /* with a NaN at the front */
} setup;

/* --- good arguments ------------------------------------------------------------------------------------------- */

static octavo_cache_info cache_info(void) {
    octavo_cache_info info = OCTAVO_CACHE_INFO_INIT;
    info.layer_count = 2;
    info.kv_head_count = HEADS;
    info.key_dim = info.value_dim = DIM;
    info.token_capacity = 512;
    info.sequence_capacity = 3;
    info.record_count = 2;
    return info;
}

static octavo_tensor rows_of(const setup *with, uint32_t tokens) {
    return (octavo_tensor){octavo_buffer_handle(with->buffer), 0, (VkDeviceSize)tokens * ROW * 4, OCTAVO_F32, ROW, DIM};
}

static const uint32_t eight = TOKENS, one = 1;

static octavo_append_info append_info(const setup *with) {
    octavo_append_info info = OCTAVO_APPEND_INFO_INIT;
    info.sequence_count = 1;
    info.sequences = &with->sequence;
    info.token_counts = &eight;
    info.keys = info.values = rows_of(with, TOKENS);
    return info;
}

static octavo_attention_info plan_info(const setup *with) {
    octavo_attention_info info = OCTAVO_ATTENTION_INFO_INIT;
    info.cache = with->cache;
    info.query_head_count = HEADS;
    return info;
}

static octavo_attention_run run_info(const setup *with) {
    octavo_attention_run run = OCTAVO_ATTENTION_RUN_INIT;
    run.sequence_count = 1;
    run.sequences = &with->full;
    run.query_counts = &one;
    run.queries = run.output = rows_of(with, 1);
    run.output.offset = 4096;
    return run;
}

/* --- one spoilt call each --------------------------------------------------------------------------------------------
 */

static octavo_status create_cache(setup *with, const octavo_cache_info *info) {
    octavo_cache *cache = NULL;
    octavo_status status = octavo_cache_create(with->gpu.device, info, &cache);
    ck_assert(cache == NULL);
    return status;
}

#define CACHE_CASE(name, member, value)                                                                                \
    static octavo_status name(setup *with) {                                                                           \
        octavo_cache_info info = cache_info();                                                                         \
        info.member = value;                                                                                           \
        return create_cache(with, &info);                                                                              \
    }
CACHE_CASE(cache_struct_size, struct_size, 8)
CACHE_CASE(cache_no_layers, layer_count, 0)
CACHE_CASE(cache_many_layers, layer_count, 1025)
CACHE_CASE(cache_no_heads, kv_head_count, 0)
CACHE_CASE(cache_many_heads, kv_head_count, 257)
CACHE_CASE(cache_small_key_dim, key_dim, 31)
CACHE_CASE(cache_large_value_dim, value_dim, 257)
CACHE_CASE(cache_key_bits, key_bits, 5)
CACHE_CASE(cache_value_bits, value_bits, 0)
CACHE_CASE(cache_no_tokens, token_capacity, 0)
CACHE_CASE(cache_too_many_tokens, token_capacity, UINT64_MAX)
CACHE_CASE(cache_no_sequences, sequence_capacity, 0)
CACHE_CASE(cache_no_records, record_count, 0)
CACHE_CASE(cache_first, first_tokens, 129)
CACHE_CASE(cache_recent, recent_tokens, 4097)
CACHE_CASE(cache_slack, slack_tokens, UINT32_MAX)
CACHE_CASE(cache_small_segments, segment_bytes, 256)

/* In legal numbers, more than any device binds: 13 GB. */
static octavo_status cache_many_records(setup *with) {
    octavo_cache_info info = cache_info();
    info.layer_count = 1024;
    info.record_count = 256;
    info.kv_head_count = 256;
    info.key_dim = 32;
    info.key_bits = info.value_bits = 2;
    info.token_capacity = info.sequence_capacity = 1;
    info.first_tokens = 0;
    return create_cache(with, &info);
}

static octavo_status cache_no_info(setup *with) {
    return create_cache(with, NULL);
}
static octavo_status cache_no_result(setup *with) {
    octavo_cache_info info = cache_info();
    return octavo_cache_create(with->gpu.device, &info, NULL);
}

static octavo_status codec_of(setup *with, uint32_t record, uint32_t layer, const float *mean, const float *transform) {
    octavo_codec_info info = OCTAVO_CODEC_INFO_INIT;
    info.key_mean = mean;
    info.key_transform = transform;
    return octavo_cache_set_codec(with->cache, record, layer, &info);
}
static octavo_status codec_record(setup *with) {
    return codec_of(with, 2, 0, NULL, NULL);
}
static octavo_status codec_layer(setup *with) {
    return codec_of(with, 1, 2, NULL, NULL);
}
static octavo_status codec_nan_mean(setup *with) {
    return codec_of(with, 1, 0, with->rows, NULL);
}
static octavo_status codec_no_room(setup *with) {
    return codec_of(with, 1, 0, NULL, with->rows);
}
static octavo_status codec_in_use(setup *with) {
    return codec_of(with, 0, 0, NULL, NULL);
}
static octavo_status codec_no_info(setup *with) {
    return octavo_cache_set_codec(with->cache, 1, 0, NULL);
}

static octavo_status sequence_record(setup *with) {
    octavo_sequence sequence;
    return octavo_sequence_create(with->cache, 7, &sequence);
}
static octavo_status sequence_no_result(setup *with) {
    return octavo_sequence_create(with->cache, 0, NULL);
}
static octavo_status sequence_none_left(setup *with) {
    octavo_sequence first = 0, second = 0;
    octavo_status status = octavo_sequence_create(with->cache, 0, &first);
    if (status == OCTAVO_SUCCESS) status = octavo_sequence_create(with->cache, 0, &second);
    ck_assert_uint_eq(second, 0);
    (void)octavo_sequence_destroy(with->cache, first);
    return status;
}
static octavo_status sequence_zero(setup *with) {
    return octavo_sequence_destroy(with->cache, 0);
}
static octavo_status sequence_unknown(setup *with) {
    return octavo_sequence_truncate(with->cache, 0xdeadbeef, 0);
}
static octavo_status sequence_twice(setup *with) {
    octavo_sequence sequence = 0;
    ck_assert_int_eq(octavo_sequence_create(with->cache, 0, &sequence), OCTAVO_SUCCESS);
    ck_assert_int_eq(octavo_sequence_destroy(with->cache, sequence), OCTAVO_SUCCESS);
    return octavo_sequence_destroy(with->cache, sequence);
}
static octavo_status sequence_fork_unknown(setup *with) {
    octavo_sequence sequence;
    return octavo_sequence_fork(with->cache, 77777, &sequence);
}
static octavo_status sequence_length_layer(setup *with) {
    uint32_t length;
    return octavo_sequence_length(with->cache, with->full, 2, &length);
}
static octavo_status sequence_length_no_result(setup *with) {
    return octavo_sequence_length(with->cache, with->full, 0, NULL);
}

static octavo_status record_append(setup *with, octavo_frame *frame, const octavo_append_info *info) {
    gpu_fixture_begin(&with->gpu);
    octavo_status status = octavo_cache_record_append(with->cache, frame, with->gpu.command_buffer, info);
    uint32_t length = UINT32_MAX;
    ck_assert_int_eq(octavo_sequence_length(with->cache, with->sequence, 0, &length), OCTAVO_SUCCESS);
    ck_assert_uint_eq(length, 0);
    return status;
}

#define APPEND_CASE(name, member, value)                                                                               \
    static octavo_status name(setup *with) {                                                                           \
        octavo_append_info info = append_info(with);                                                                   \
        info.member = value;                                                                                           \
        return record_append(with, with->gpu.frame, &info);                                                            \
    }
APPEND_CASE(append_struct_size, struct_size, 0)
APPEND_CASE(append_layer, layer, 2)
APPEND_CASE(append_many_sequences, sequence_count, 4)
APPEND_CASE(append_no_sequences, sequences, NULL)
APPEND_CASE(append_no_counts, token_counts, NULL)
APPEND_CASE(append_no_buffer, keys.buffer, VK_NULL_HANDLE)
APPEND_CASE(append_type, values.type, OCTAVO_TYPE_MAX)
APPEND_CASE(append_small_head_stride, keys.head_stride, 63)
APPEND_CASE(append_small_token_stride, values.token_stride, 10)
APPEND_CASE(append_offset, keys.offset, 4)
APPEND_CASE(append_small_size, values.size, TOKENS *ROW * 4 - 4)
APPEND_CASE(append_huge_stride, keys.token_stride, UINT32_MAX)

static octavo_status append_no_info(setup *with) {
    return record_append(with, with->gpu.frame, NULL);
}
static octavo_status append_no_frame(setup *with) {
    octavo_append_info info = append_info(with);
    return record_append(with, NULL, &info);
}
static octavo_status append_foreign_frame(setup *with) {
    octavo_append_info info = append_info(with);
    return record_append(with, with->other.frame, &info);
}
static octavo_status append_no_command_buffer(setup *with) {
    octavo_append_info info = append_info(with);
    return octavo_cache_record_append(with->cache, with->gpu.frame, VK_NULL_HANDLE, &info);
}
static octavo_status append_unknown_sequence(setup *with) {
    const octavo_sequence unknown = 4242;
    octavo_append_info info = append_info(with);
    info.sequences = &unknown;
    return record_append(with, with->gpu.frame, &info);
}
static octavo_status append_same_sequence_twice(setup *with) {
    const octavo_sequence twice[2] = {with->sequence, with->sequence};
    const uint32_t counts[2] = {4, 4};
    octavo_append_info info = append_info(with);
    info.sequence_count = 2;
    info.sequences = twice;
    info.token_counts = counts;
    return record_append(with, with->gpu.frame, &info);
}
static octavo_status append_odd_rows(setup *with) {
    octavo_append_info info = append_info(with);
    info.keys.type = OCTAVO_F16;
    info.keys.head_stride = 65; /* rows on multiples of 2 bytes */
    info.keys.token_stride = 130;
    return record_append(with, with->gpu.frame, &info);
}
static octavo_status append_too_much(setup *with) {
    const uint32_t many = 2000;
    octavo_append_info info = append_info(with);
    info.token_counts = &many;
    info.keys.token_stride = info.values.token_stride = ROW;
    info.keys.size = info.values.size = (VkDeviceSize)many * ROW * 4;
    return record_append(with, with->gpu.frame, &info);
}
static octavo_status append_overflowing_count(setup *with) {
    const uint32_t many = UINT32_MAX;
    octavo_append_info info = append_info(with);
    info.token_counts = &many;
    return record_append(with, with->gpu.frame, &info);
}
static octavo_status append_small_frame(setup *with) {
    octavo_frame *frame = NULL;
    gpu_fixture_check(&with->gpu, octavo_frame_create(with->gpu.device, 16, &frame), "octavo_frame_create");
    octavo_append_info info = append_info(with);
    octavo_status status = record_append(with, frame, &info);
    octavo_frame_destroy(frame);
    return status;
}

static octavo_status create_plan(setup *with, const octavo_attention_info *info) {
    octavo_attention *plan = NULL;
    octavo_status status = octavo_attention_create(info, &plan);
    (void)with;
    ck_assert(plan == NULL);
    return status;
}
#define PLAN_CASE(name, member, value)                                                                                 \
    static octavo_status name(setup *with) {                                                                           \
        octavo_attention_info info = plan_info(with);                                                                  \
        info.member = value;                                                                                           \
        return create_plan(with, &info);                                                                               \
    }
PLAN_CASE(plan_heads, query_head_count, 3)
PLAN_CASE(plan_no_heads, query_head_count, 0)
PLAN_CASE(plan_many_heads, query_head_count, 65 * HEADS)
PLAN_CASE(plan_sequences, sequence_capacity, 4)
PLAN_CASE(plan_no_queries, query_capacity, 0)
PLAN_CASE(plan_phase, phase, (octavo_phase)3)
PLAN_CASE(plan_scale, scale, NAN)
PLAN_CASE(plan_softcap, softcap, -1.0f)
PLAN_CASE(plan_softcap_nan, softcap, NAN)
PLAN_CASE(plan_softcap_least, softcap, 0.9e-9f)
PLAN_CASE(plan_softcap_largest, softcap, 1.1e9f)
PLAN_CASE(plan_empty_row, empty_row, (octavo_empty_row)9)
PLAN_CASE(plan_variant, variant, "warp-specialised")

static octavo_status plan_no_result(setup *with) {
    octavo_attention_info info = plan_info(with);
    return octavo_attention_create(&info, NULL);
}

static octavo_status record_run(setup *with, const octavo_attention_run *run) {
    gpu_fixture_begin(&with->gpu);
    return octavo_attention_record(with->plan, with->gpu.frame, with->gpu.command_buffer, run);
}
#define RUN_CASE(name, member, value)                                                                                  \
    static octavo_status name(setup *with) {                                                                           \
        octavo_attention_run run = run_info(with);                                                                     \
        run.member = value;                                                                                            \
        return record_run(with, &run);                                                                                 \
    }
RUN_CASE(run_struct_size, struct_size, 1000)
RUN_CASE(run_layer, layer, 9)
RUN_CASE(run_many_sequences, sequence_count, 2)
RUN_CASE(run_many_queries, query_counts, &eight)
RUN_CASE(run_output_type, output.type, OCTAVO_BF16)
RUN_CASE(run_output_size, output.size, 0)
RUN_CASE(run_query_offset, queries.offset, 2)
RUN_CASE(run_no_output, output.buffer, VK_NULL_HANDLE)

static octavo_status run_unknown_sequence(setup *with) {
    const octavo_sequence unknown = 99;
    octavo_attention_run run = run_info(with);
    run.sequences = &unknown;
    return record_run(with, &run);
}
static octavo_status run_lse_size(setup *with) {
    octavo_attention_run run = run_info(with);
    run.lse_buffer = octavo_buffer_handle(with->buffer);
    run.lse_size = 4;
    return record_run(with, &run);
}

static octavo_status read_beyond(setup *with) {
    return octavo_cache_read(with->cache, with->full, 0, 1, TOKENS, with->rows, NULL);
}
static octavo_status read_overflow(setup *with) {
    return octavo_cache_read(with->cache, with->full, 0, UINT32_MAX, 2, with->rows, NULL);
}
static octavo_status read_packed_layer(setup *with) {
    uint32_t words[64];
    return octavo_cache_read_packed(with->cache, with->full, 5, 0, 1, words);
}
static octavo_status read_packed_nowhere(setup *with) {
    return octavo_cache_read_packed(with->cache, with->full, 0, 0, 1, NULL);
}

#define CALL_CASE(name, call)                                                                                          \
    static octavo_status name(setup *with) {                                                                           \
        return call;                                                                                                   \
    }
CALL_CASE(buffer_no_result, octavo_buffer_create(with->gpu.device, 16, OCTAVO_BUFFER_HOST, NULL))
CALL_CASE(commands_no_result, octavo_commands_create(with->gpu.device, NULL))
CALL_CASE(begin_no_result, octavo_commands_begin(with->gpu.commands, NULL))
CALL_CASE(frame_no_result, octavo_frame_create(with->gpu.device, 0, NULL))
CALL_CASE(fork_no_result, octavo_sequence_fork(with->cache, with->full, NULL))
CALL_CASE(buffer_write_beyond, octavo_buffer_write(with->buffer, 65536, 1, with->rows))
CALL_CASE(buffer_read_overflow, octavo_buffer_read(with->buffer, UINT64_MAX, 2, with->rows))
CALL_CASE(buffer_write_null, octavo_buffer_write(with->buffer, 0, 4, NULL))

static octavo_status buffer_empty(setup *with) {
    octavo_buffer *buffer = NULL;
    return octavo_buffer_create(with->gpu.device, 0, OCTAVO_BUFFER_DEVICE, &buffer);
}
static octavo_status buffer_huge(setup *with) {
    octavo_buffer *buffer = NULL;
    return octavo_buffer_create(with->gpu.device, UINT64_MAX, OCTAVO_BUFFER_HOST, &buffer);
}
static octavo_status buffer_kind(setup *with) {
    octavo_buffer *buffer = NULL;
    return octavo_buffer_create(with->gpu.device, 16, (octavo_buffer_kind)2, &buffer);
}
static octavo_status submit_nothing(setup *with) {
    octavo_commands *commands = NULL;
    gpu_fixture_check(&with->gpu, octavo_commands_create(with->gpu.device, &commands), "octavo_commands_create");
    octavo_status status = octavo_commands_submit_and_wait(commands, NULL);
    octavo_commands_destroy(commands);
    return status;
}
static octavo_status device_index(setup *with) {
    octavo_device_create_info info = OCTAVO_DEVICE_CREATE_INFO_INIT;
    octavo_device *device = NULL;
    info.host.log = test_log_line;
    info.host.log_user = &with->gpu.log;
    info.get_instance_proc_addr = test_vulkan_loader();
    info.device_index = 1000;
    return octavo_device_create(&info, &device);
}
static octavo_status device_no_loader(setup *with) {
    octavo_device_create_info info = OCTAVO_DEVICE_CREATE_INFO_INIT;
    octavo_device *device = NULL;
    info.host.log = test_log_line;
    info.host.log_user = &with->gpu.log;
    return octavo_device_create(&info, &device);
}
static octavo_status device_no_result(setup *with) {
    octavo_device_create_info info = OCTAVO_DEVICE_CREATE_INFO_INIT;
    info.host.log = test_log_line;
    info.host.log_user = &with->gpu.log;
    info.get_instance_proc_addr = test_vulkan_loader();
    return octavo_device_create(&info, NULL);
}
static octavo_status import_nothing(setup *with) {
    octavo_device_import_info info = OCTAVO_DEVICE_IMPORT_INFO_INIT;
    octavo_device *device = NULL;
    info.host.log = test_log_line;
    info.host.log_user = &with->gpu.log;
    info.get_instance_proc_addr = test_vulkan_loader();
    return octavo_device_import(&info, &device);
}

/* --- the list --------------------------------------------------------------------------------------------------------
 */

typedef struct bad_call {
    octavo_status (*call)(setup *with);
    octavo_status status;
    const char *names; /* what the line must contain */
} bad_call;

static const bad_call bad_calls[] = {
    {cache_struct_size, OCTAVO_INVALID_ARGUMENT, "struct_size"},
    {cache_no_layers, OCTAVO_INVALID_ARGUMENT, "layer_count"},
    {cache_many_layers, OCTAVO_INVALID_ARGUMENT, "1025"},
    {cache_no_heads, OCTAVO_INVALID_ARGUMENT, "kv_head_count"},
    {cache_many_heads, OCTAVO_INVALID_ARGUMENT, "257"},
    {cache_small_key_dim, OCTAVO_INVALID_ARGUMENT, "key_dim"},
    {cache_large_value_dim, OCTAVO_INVALID_ARGUMENT, "value_dim"},
    {cache_key_bits, OCTAVO_INVALID_ARGUMENT, "key_bits"},
    {cache_value_bits, OCTAVO_INVALID_ARGUMENT, "value_bits"},
    {cache_no_tokens, OCTAVO_INVALID_ARGUMENT, "token_capacity"},
    {cache_too_many_tokens, OCTAVO_INVALID_ARGUMENT, "token_capacity"},
    {cache_no_sequences, OCTAVO_INVALID_ARGUMENT, "sequence_capacity"},
    {cache_no_records, OCTAVO_INVALID_ARGUMENT, "record_count"},
    {cache_first, OCTAVO_INVALID_ARGUMENT, "first_tokens"},
    {cache_recent, OCTAVO_INVALID_ARGUMENT, "recent_tokens"},
    {cache_slack, OCTAVO_INVALID_ARGUMENT, "slack_tokens"},
    {cache_small_segments, OCTAVO_INVALID_ARGUMENT, "segment_bytes"},
    {cache_many_records, OCTAVO_UNSUPPORTED, "record_count"},
    {cache_no_info, OCTAVO_INVALID_ARGUMENT, "info"},
    {cache_no_result, OCTAVO_INVALID_ARGUMENT, "cache"},
    {codec_record, OCTAVO_INVALID_ARGUMENT, "record"},
    {codec_layer, OCTAVO_INVALID_ARGUMENT, "layer"},
    {codec_nan_mean, OCTAVO_INVALID_ARGUMENT, "key_mean"},
    {codec_no_room, OCTAVO_INVALID_ARGUMENT, "key_transform"},
    {codec_in_use, OCTAVO_INVALID_STATE, "in use"},
    {codec_no_info, OCTAVO_INVALID_ARGUMENT, "info"},
    {sequence_record, OCTAVO_INVALID_ARGUMENT, "record"},
    {sequence_no_result, OCTAVO_INVALID_ARGUMENT, "sequence"},
    {sequence_none_left, OCTAVO_OUT_OF_PAGES, "sequence"},
    {sequence_zero, OCTAVO_INVALID_ARGUMENT, "sequence"},
    {sequence_unknown, OCTAVO_INVALID_ARGUMENT, "sequence"},
    {sequence_twice, OCTAVO_INVALID_ARGUMENT, "sequence"},
    {sequence_fork_unknown, OCTAVO_INVALID_ARGUMENT, "sequence"},
    {sequence_length_layer, OCTAVO_INVALID_ARGUMENT, "layer"},
    {sequence_length_no_result, OCTAVO_INVALID_ARGUMENT, "length"},
    {append_struct_size, OCTAVO_INVALID_ARGUMENT, "struct_size"},
    {append_layer, OCTAVO_INVALID_ARGUMENT, "layer"},
    {append_many_sequences, OCTAVO_INVALID_ARGUMENT, "sequence_count"},
    {append_no_sequences, OCTAVO_INVALID_ARGUMENT, "sequences"},
    {append_no_counts, OCTAVO_INVALID_ARGUMENT, "token_counts"},
    {append_no_buffer, OCTAVO_INVALID_ARGUMENT, "keys.buffer"},
    {append_type, OCTAVO_INVALID_ARGUMENT, "values.type"},
    {append_small_head_stride, OCTAVO_INVALID_ARGUMENT, "keys.head_stride"},
    {append_small_token_stride, OCTAVO_INVALID_ARGUMENT, "values.token_stride"},
    {append_offset, OCTAVO_INVALID_ARGUMENT, "keys.offset"},
    {append_small_size, OCTAVO_INVALID_ARGUMENT, "values.size"},
    {append_huge_stride, OCTAVO_INVALID_ARGUMENT, "keys"},
    {append_no_info, OCTAVO_INVALID_ARGUMENT, "info"},
    {append_no_frame, OCTAVO_INVALID_ARGUMENT, "frame"},
    {append_foreign_frame, OCTAVO_INVALID_ARGUMENT, "another device"},
    {append_no_command_buffer, OCTAVO_INVALID_ARGUMENT, "command_buffer"},
    {append_unknown_sequence, OCTAVO_INVALID_ARGUMENT, "sequence"},
    {append_same_sequence_twice, OCTAVO_INVALID_ARGUMENT, "sequence"},
    {append_odd_rows, OCTAVO_INVALID_ARGUMENT, "multiples of 4 bytes"},
    {append_too_much, OCTAVO_OUT_OF_PAGES, "2000 tokens"},
    {append_overflowing_count, OCTAVO_INVALID_ARGUMENT, "4294967295"},
    {append_small_frame, OCTAVO_FRAME_FULL, "frame"},
    {plan_heads, OCTAVO_INVALID_ARGUMENT, "query_head_count"},
    {plan_no_heads, OCTAVO_INVALID_ARGUMENT, "query_head_count"},
    {plan_many_heads, OCTAVO_INVALID_ARGUMENT, "query_head_count"},
    {plan_sequences, OCTAVO_INVALID_ARGUMENT, "sequence_capacity"},
    {plan_no_queries, OCTAVO_INVALID_ARGUMENT, "query_capacity"},
    {plan_phase, OCTAVO_INVALID_ARGUMENT, "phase"},
    {plan_scale, OCTAVO_INVALID_ARGUMENT, "scale"},
    {plan_softcap, OCTAVO_INVALID_ARGUMENT, "softcap"},
    {plan_softcap_nan, OCTAVO_INVALID_ARGUMENT, "softcap: nan is not 0 or in 1e-09 .. 1e+09"},
    {plan_softcap_least, OCTAVO_INVALID_ARGUMENT, "softcap: 9e-10 is not 0 or in 1e-09 .. 1e+09"},
    {plan_softcap_largest, OCTAVO_INVALID_ARGUMENT, "softcap: 1.1e+09 is not 0 or in 1e-09 .. 1e+09"},
    {plan_empty_row, OCTAVO_INVALID_ARGUMENT, "empty_row"},
    {plan_no_result, OCTAVO_INVALID_ARGUMENT, "attention is NULL"},
    {plan_variant, OCTAVO_INVALID_ARGUMENT, "warp-specialised"},
    {run_struct_size, OCTAVO_INVALID_ARGUMENT, "struct_size"},
    {run_layer, OCTAVO_INVALID_ARGUMENT, "layer"},
    {run_many_sequences, OCTAVO_INVALID_ARGUMENT, "sequence_count"},
    {run_many_queries, OCTAVO_INVALID_ARGUMENT, "query"},
    {run_output_type, OCTAVO_INVALID_ARGUMENT, "output.type"},
    {run_output_size, OCTAVO_INVALID_ARGUMENT, "output.size"},
    {run_query_offset, OCTAVO_INVALID_ARGUMENT, "queries.offset"},
    {run_no_output, OCTAVO_INVALID_ARGUMENT, "output.buffer"},
    {run_unknown_sequence, OCTAVO_INVALID_ARGUMENT, "sequence"},
    {run_lse_size, OCTAVO_INVALID_ARGUMENT, "lse_size"},
    {read_beyond, OCTAVO_INVALID_ARGUMENT, "count"},
    {read_overflow, OCTAVO_INVALID_ARGUMENT, "count"},
    {read_packed_layer, OCTAVO_INVALID_ARGUMENT, "layer"},
    {read_packed_nowhere, OCTAVO_INVALID_ARGUMENT, "words"},
    {buffer_empty, OCTAVO_INVALID_ARGUMENT, "0"},
    {buffer_huge, OCTAVO_INVALID_ARGUMENT, "maxStorageBufferRange"},
    {buffer_kind, OCTAVO_INVALID_ARGUMENT, "kind"},
    {buffer_write_beyond, OCTAVO_INVALID_ARGUMENT, "65536"},
    {buffer_read_overflow, OCTAVO_INVALID_ARGUMENT, "beyond"},
    {buffer_write_null, OCTAVO_INVALID_ARGUMENT, "data"},
    {buffer_no_result, OCTAVO_INVALID_ARGUMENT, "buffer"},
    {commands_no_result, OCTAVO_INVALID_ARGUMENT, "commands"},
    {begin_no_result, OCTAVO_INVALID_ARGUMENT, "command_buffer"},
    {frame_no_result, OCTAVO_INVALID_ARGUMENT, "frame"},
    {fork_no_result, OCTAVO_INVALID_ARGUMENT, "sequence"},
    {submit_nothing, OCTAVO_INVALID_STATE, "begin"},
    {device_index, OCTAVO_NO_DEVICE, "1000"},
    {device_no_loader, OCTAVO_INVALID_ARGUMENT, "get_instance_proc_addr"},
    {device_no_result, OCTAVO_INVALID_ARGUMENT, "device is NULL"},
    {import_nothing, OCTAVO_INVALID_ARGUMENT, "instance"},
};

static void open_setup(setup *with) {
    gpu_fixture_open(&with->gpu);
    gpu_fixture_open(&with->other);
    octavo_cache_info info = cache_info();
    gpu_fixture_check(&with->gpu, octavo_cache_create(with->gpu.device, &info, &with->cache), "octavo_cache_create");
    gpu_fixture_check(&with->gpu, octavo_sequence_create(with->cache, 0, &with->sequence), "octavo_sequence_create");
    gpu_fixture_check(&with->gpu, octavo_sequence_create(with->cache, 0, &with->full), "octavo_sequence_create");
    with->buffer = gpu_fixture_buffer(&with->gpu, 65536, NULL);
    with->rows = calloc(65536, sizeof *with->rows);
    ck_assert_ptr_nonnull(with->rows);
    gpu_fixture_check(&with->gpu, octavo_buffer_write(with->buffer, 0, 65536, with->rows), "octavo_buffer_write");
    with->rows[0] = NAN;
    octavo_append_info append = append_info(with);
    append.sequences = &with->full;
    gpu_fixture_begin(&with->gpu);
    gpu_fixture_check(&with->gpu,
                      octavo_cache_record_append(with->cache, with->gpu.frame, with->gpu.command_buffer, &append),
                      "octavo_cache_record_append");
    gpu_fixture_submit(&with->gpu);
    octavo_attention_info plan = plan_info(with);
    gpu_fixture_check(&with->gpu, octavo_attention_create(&plan, &with->plan), "octavo_attention_create");
}

static void close_setup(setup *with) {
    octavo_attention_destroy(with->plan);
    octavo_cache_destroy(with->cache);
    octavo_buffer_destroy(with->buffer);
    free(with->rows);
    gpu_fixture_close(&with->other);
    gpu_fixture_close(&with->gpu);
}

/* After all of it the objects still work. */
static void check_still_works(setup *with) {
    octavo_attention_run run = run_info(with);
    octavo_append_info append = append_info(with);
    gpu_fixture_begin(&with->gpu);
    gpu_fixture_check(&with->gpu,
                      octavo_cache_record_append(with->cache, with->gpu.frame, with->gpu.command_buffer, &append),
                      "octavo_cache_record_append");
    gpu_fixture_check(&with->gpu, octavo_attention_record(with->plan, with->gpu.frame, with->gpu.command_buffer, &run),
                      "octavo_attention_record");
    gpu_fixture_submit(&with->gpu);
}

START_TEST(malformed_calls) {
    static setup with;
    unsigned wrong = 0;
    open_setup(&with);
    for (size_t i = 0; i < sizeof bad_calls / sizeof bad_calls[0]; i++) {
        test_log *log = &with.gpu.log;
        unsigned before = log->lines[OCTAVO_LOG_ERROR];
        log->last[OCTAVO_LOG_ERROR][0] = '\0';
        octavo_status status = bad_calls[i].call(&with);
        unsigned lines = log->lines[OCTAVO_LOG_ERROR] - before;
        const char *line = log->last[OCTAVO_LOG_ERROR];
        if (status == bad_calls[i].status && lines == 1 && strstr(line, bad_calls[i].names) != NULL) continue;
        (void)fprintf(stderr, "call %zu (%s): status %d (%s) instead of %d, %u lines: %s\n", i, bad_calls[i].names,
                      (int)status, octavo_status_string(status), (int)bad_calls[i].status, lines, line);
        wrong++;
    }
    check_still_works(&with);
    close_setup(&with);
    ck_assert_msg(wrong == 0, "%u of %zu calls", wrong, sizeof bad_calls / sizeof bad_calls[0]);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {malformed_calls};
    return run_tests("bad_input", tests, sizeof tests / sizeof tests[0], 300);
}
