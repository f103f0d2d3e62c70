/* decode_time: GPU time of one decode step over a packed cache, one line of JSON for each number of tokens.
 *
 *   decode_time [--kv-heads N] [--group N] [--dim N] [--bits K/V] [--sequences N] [--queries N] [--variant NAME]
 *               [--workgroups N] [--first N] TOKENS...
 *
 * The layers of a cache larger than 256 MiB take turns, so that no read hits the last-level cache. The time is that of
 * all layers in one command buffer, divided by their number; the median of the rounds. */
#include <volk.h>

#include <octavo/octavo.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 15
#define SOURCE_TOKENS 4096u
#define ROTATED_BYTES (UINT64_C(256) << 20)
#define LAYERS_MAX 512u

typedef struct options {
    uint32_t kv_heads, group, dim, key_bits, value_bits, sequences, queries, workgroups, first_tokens;
    const char *variant;
} options;

typedef struct bench {
    octavo_device *device;
    octavo_commands *commands;
    octavo_frame *frame;
    octavo_cache *cache;
    octavo_attention *plan;
    octavo_buffer *rows, *queries, *output;
    octavo_sequence sequences[256];
    uint32_t counts[256];
} bench;

static void log_line(void *user, octavo_log_level level, const char *line) {
    (void)user;
    if (level <= OCTAVO_LOG_WARNING) (void)fprintf(stderr, "decode_time: %s\n", line);
}

static octavo_tensor tensor_of(octavo_buffer *buffer, uint32_t heads, uint32_t dim) {
    octavo_tensor tensor = {octavo_buffer_handle(buffer), 0, octavo_buffer_size(buffer), OCTAVO_F32, heads * dim, dim};
    return tensor;
}

/* Roughly N(0, 1). */
static float normal(uint32_t *state) {
    float sum = 0.0f;
    for (int i = 0; i < 4; ++i) {
        *state = *state * 1664525u + 1013904223u;
        sum += (float)(*state >> 8) / 16777216.0f - 0.5f;
    }
    return sum * 1.7320508f;
}

static octavo_status fill_buffer(octavo_device *device, uint64_t count, octavo_buffer **buffer) {
    float *values = malloc((size_t)count * sizeof(float));
    uint32_t state = 7u;
    if (values == NULL) return OCTAVO_OUT_OF_HOST_MEMORY;
    for (uint64_t i = 0; i < count; ++i) values[i] = normal(&state);
    octavo_status status = octavo_buffer_create(device, count * sizeof(float), OCTAVO_BUFFER_DEVICE, buffer);
    if (status == OCTAVO_SUCCESS) status = octavo_buffer_write(*buffer, 0, count * sizeof(float), values);
    free(values);
    return status;
}

static octavo_status fill_cache(bench *b, const options *o, uint32_t layers, uint32_t tokens) {
    octavo_append_info info = OCTAVO_APPEND_INFO_INIT;
    info.sequence_count = 1u;
    info.keys = tensor_of(b->rows, o->kv_heads, o->dim);
    info.values = info.keys;
    for (uint32_t s = 0; s < o->sequences; ++s) {
        for (uint32_t done = 0; done < tokens; done += SOURCE_TOKENS) {
            uint32_t count = tokens - done < SOURCE_TOKENS ? tokens - done : SOURCE_TOKENS;
            VkCommandBuffer command_buffer;
            octavo_status status = octavo_commands_begin(b->commands, &command_buffer);
            info.sequences = &b->sequences[s];
            info.token_counts = &count;
            for (uint32_t layer = 0; layer < layers && status == OCTAVO_SUCCESS; ++layer) {
                info.layer = layer;
                status = octavo_cache_record_append(b->cache, b->frame, command_buffer, &info);
            }
            if (status == OCTAVO_SUCCESS) status = octavo_commands_submit_and_wait(b->commands, NULL);
            if (status == OCTAVO_SUCCESS) status = octavo_frame_reset(b->frame);
            if (status != OCTAVO_SUCCESS) return status;
        }
    }
    return OCTAVO_SUCCESS;
}

static octavo_status time_round(bench *b, const options *o, uint32_t layers, double *seconds) {
    octavo_attention_run run = OCTAVO_ATTENTION_RUN_INIT;
    run.sequence_count = o->sequences;
    run.sequences = b->sequences;
    run.query_counts = b->counts;
    run.queries = tensor_of(b->queries, o->kv_heads * o->group, o->dim);
    run.output = tensor_of(b->output, o->kv_heads * o->group, o->dim);
    VkCommandBuffer command_buffer;
    octavo_status status = octavo_commands_begin(b->commands, &command_buffer);
    for (uint32_t layer = 0; layer < layers && status == OCTAVO_SUCCESS; ++layer) {
        run.layer = layer;
        status = octavo_attention_record(b->plan, b->frame, command_buffer, &run);
    }
    if (status == OCTAVO_SUCCESS) status = octavo_commands_submit_and_wait(b->commands, seconds);
    *seconds /= layers;
    return status == OCTAVO_SUCCESS ? octavo_frame_reset(b->frame) : status;
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static octavo_status measure(bench *b, const options *o, uint32_t tokens, double *median, uint64_t *bytes) {
    octavo_cache_info cache_info = OCTAVO_CACHE_INFO_INIT;
    cache_info.kv_head_count = o->kv_heads;
    cache_info.key_dim = cache_info.value_dim = o->dim;
    cache_info.key_bits = o->key_bits;
    cache_info.value_bits = o->value_bits;
    cache_info.first_tokens = o->first_tokens;
    cache_info.sequence_capacity = o->sequences;
    cache_info.token_capacity = ((uint64_t)tokens + 128u) * o->sequences;
    cache_info.layer_count = 1u;
    uint64_t token_bytes = (uint64_t)o->kv_heads * (o->dim * (o->key_bits + o->value_bits) / 8u + 4u);
    *bytes = token_bytes * tokens * o->sequences;
    uint64_t layers = ROTATED_BYTES / *bytes + 1u;
    cache_info.layer_count = (uint32_t)(layers < LAYERS_MAX ? layers : LAYERS_MAX);
    octavo_status status = octavo_cache_create(b->device, &cache_info, &b->cache);
    for (uint32_t s = 0; s < o->sequences && status == OCTAVO_SUCCESS; ++s) {
        status = octavo_sequence_create(b->cache, 0u, &b->sequences[s]);
        b->counts[s] = o->queries;
    }
    if (status == OCTAVO_SUCCESS) status = fill_cache(b, o, cache_info.layer_count, tokens);
    octavo_attention_info info = OCTAVO_ATTENTION_INFO_INIT;
    info.cache = b->cache;
    info.query_head_count = o->kv_heads * o->group;
    info.sequence_capacity = o->sequences;
    info.query_capacity = o->sequences * o->queries;
    info.phase = OCTAVO_PHASE_DECODE;
    info.variant = o->variant;
    info.workgroup_target = o->workgroups;
    if (status == OCTAVO_SUCCESS) status = octavo_attention_create(&info, &b->plan);
    double rounds[ROUNDS] = {0.0}, warm_up;
    for (int i = 0; i < 3 && status == OCTAVO_SUCCESS; ++i) status = time_round(b, o, cache_info.layer_count, &warm_up);
    for (int i = 0; i < ROUNDS && status == OCTAVO_SUCCESS; ++i)
        status = time_round(b, o, cache_info.layer_count, &rounds[i]);
    qsort(rounds, ROUNDS, sizeof rounds[0], compare_doubles);
    *median = rounds[ROUNDS / 2];
    if (status == OCTAVO_SUCCESS) {
        (void)printf(
            "{\"tokens\": %u, \"sequences\": %u, \"queries\": %u, \"kv_heads\": %u, \"group\": %u, \"dim\": %u, "
            "\"kv\": \"%u/%u\", \"variant\": \"%s\", \"layers\": %u, \"us\": %.2f, \"us_min\": %.2f, \"us_max\": %.2f, "
            "\"gbytes_per_s\": %.0f}\n",
            tokens, o->sequences, o->queries, o->kv_heads, o->group, o->dim, o->key_bits, o->value_bits,
            octavo_attention_variant(b->plan), cache_info.layer_count, *median * 1e6, rounds[0] * 1e6,
            rounds[ROUNDS - 1] * 1e6, (double)*bytes / *median * 1e-9);
        (void)fflush(stdout);
    }
    octavo_attention_destroy(b->plan);
    octavo_cache_destroy(b->cache);
    b->plan = NULL;
    b->cache = NULL;
    return status;
}

static int usage(void) {
    (void)fprintf(stderr,
                  "usage: decode_time [--kv-heads N] [--group N] [--dim N] [--bits K/V] [--sequences N] [--queries N] "
                  "[--variant NAME] [--workgroups N] [--first N] TOKENS...\n");
    return 2;
}

static int parse(int argc, char **argv, options *o) {
    static const struct option names[] = {{"kv-heads", 1, 0, 'h'},  {"group", 1, 0, 'g'},
                                          {"dim", 1, 0, 'd'},       {"bits", 1, 0, 'b'},
                                          {"sequences", 1, 0, 's'}, {"queries", 1, 0, 'q'},
                                          {"variant", 1, 0, 'v'},   {"workgroups", 1, 0, 'w'},
                                          {"first", 1, 0, 'f'},     {0, 0, 0, 0}};
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        uint32_t number = optarg != NULL ? (uint32_t)strtoul(optarg, NULL, 10) : 0u;
        switch (c) {
        case 'h':
            o->kv_heads = number;
            break;
        case 'g':
            o->group = number;
            break;
        case 'd':
            o->dim = number;
            break;
        case 'b':
            if (sscanf(optarg, "%u/%u", &o->key_bits, &o->value_bits) != 2) return 0;
            break;
        case 's':
            o->sequences = number;
            break;
        case 'q':
            o->queries = number;
            break;
        case 'v':
            o->variant = optarg;
            break;
        case 'f':
            o->first_tokens = number;
            break;
        case 'w':
            o->workgroups = number;
            break;
        default:
            return 0;
        }
    }
    return optind < argc && o->kv_heads > 0u && o->group > 0u && o->dim > 0u && o->sequences > 0u &&
           o->sequences <= 256u && o->queries > 0u;
}

int main(int argc, char **argv) {
    options o = {8u, 4u, 128u, 3u, 3u, 1u, 1u, 0u, 4u, NULL};
    if (!parse(argc, argv, &o)) return usage();
    octavo_device_create_info device_info = OCTAVO_DEVICE_CREATE_INFO_INIT;
    if (volkInitialize() != VK_SUCCESS) return 3;
    device_info.get_instance_proc_addr = vkGetInstanceProcAddr;
    device_info.host.log = log_line;
    bench b = {0};
    octavo_status status = octavo_device_create(&device_info, &b.device);
    if (status != OCTAVO_SUCCESS) return 3;
    status = octavo_commands_create(b.device, &b.commands);
    if (status == OCTAVO_SUCCESS) status = octavo_frame_create(b.device, 64u << 20, &b.frame);
    uint64_t query_values = (uint64_t)o.sequences * o.queries * o.kv_heads * o.group * o.dim;
    if (status == OCTAVO_SUCCESS) status = fill_buffer(b.device, (uint64_t)SOURCE_TOKENS * o.kv_heads * o.dim, &b.rows);
    if (status == OCTAVO_SUCCESS) status = fill_buffer(b.device, query_values, &b.queries);
    if (status == OCTAVO_SUCCESS)
        status = octavo_buffer_create(b.device, query_values * 4u, OCTAVO_BUFFER_DEVICE, &b.output);
    for (int i = optind; i < argc && status == OCTAVO_SUCCESS; ++i) {
        double median;
        uint64_t bytes;
        status = measure(&b, &o, (uint32_t)strtoul(argv[i], NULL, 10), &median, &bytes);
    }
    octavo_buffer_destroy(b.output);
    octavo_buffer_destroy(b.queries);
    octavo_buffer_destroy(b.rows);
    octavo_frame_destroy(b.frame);
    octavo_commands_destroy(b.commands);
    octavo_device_destroy(b.device);
    if (status != OCTAVO_SUCCESS) (void)fprintf(stderr, "decode_time: %s\n", octavo_status_string(status));
    return status == OCTAVO_SUCCESS ? 0 : 1;
}
