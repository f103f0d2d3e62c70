#include "bench_options.h"

#include "mask_spec.h"
#include "number_text.h"
#include "tensor_type.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

const char octavo_bench_help[] =
    "usage: octavo bench [OPTION]...\n"
    "       octavo bench --tune [--out FILE] [OPTION]...\n"
    "       octavo bench --compare A.json B.json\n"
    "Measures the product of the lists: time, bandwidth, and the error against an oracle, of each case.\n\n"
    "  --phase LIST       of decode, prefill, append (default decode)\n"
    "  --d LIST           channels of a head, 32 .. 256 (default 128)\n"
    "  --dv N             channels of a value's head (default: as --d)\n"
    "  --kv-heads LIST    (default 8)\n"
    "  --gqa LIST         query heads for each KV head, 1 .. 64 (default 4)\n"
    "  --tokens LIST      in each sequence, or A..B: log-uniform lengths from the seed (default 4096)\n"
    "  --equal-total      after each A..B also the same total in equal lengths\n"
    "  --batch LIST       sequences (default 1)\n"
    "  --queries LIST     new tokens of each sequence, or all (default 1; of prefill: all); of append: tokens that it\n"
    "                     brings to each\n"
    "  --chunk LIST       of packed, own: a step also appends the tokens of its queries, the last ones: before the\n"
    "                     attention, which reads them packed; or behind it, which reads their own K and V in f16\n"
    "  --kv LIST          bits of K and V: 2, 3, 4, f16, or two as 4/3 (default 3)\n"
    "  --dtype LIST       of the tensors of queries, new K and V: f32, f16, bf16 (default f32); outputs are f16 but "
    "for\n"
    "                     f32\n"
    "  --mask SPEC        causal,window=N,sink=N,prefix=N or none; may be given again (default causal)\n"
    "  --preset LIST      instead of --d, --kv-heads, --gqa and --mask: llama-3-8b, qwen3-8b, gemma-3-1b, "
    "gemma-3-27b,\n"
    "                     phi-4, gpt-oss-20b, lfm2-1.2b, esm-2-650m\n"
    "  --first N          first tokens also held in f16, 0 .. 128 (default 4)\n"
    "  --warm             one cache again and again; default: caches of --set MiB or more take turns\n"
    "  --set MIB          (default 256, on software devices 64)\n"
    "  --variant NAME     force a kernel (octavo devices lists them)\n"
    "  --workgroups N     workgroups that a call is cut into, about\n"
    "  --tuning FILE      rows of numbers for the kernels, as --tune writes them\n"
    "  --tune             try other numbers for the cases' kernels and write rows of those that are faster\n"
    "  --rounds N         samples of a case, at least 3 (default 15)\n"
    "  --min-ms N         go on for so long (default 50)\n"
    "  --max-ms N         but end after 3 samples when so long has passed (default 2000)\n"
    "  --seed N           of lengths, data and checked rows (default 1)\n"
    "  --device DEVICE    an index or a part of a name (octavo devices lists them)\n"
    "  --format FORMAT    md, csv or json (default: by the ending of --out, else md)\n"
    "  --out FILE         instead of stdout\n"
    "  --list             name the cases and run none\n"
    "  --compare          two results: the times of the cases that both have\n"
    "  --verbose          what the library logs\n"
    "  --help             this text\n"
    "Ctrl-C ends after the current case and writes what there is; a second one ends at once.\n";

enum {
    OPTION_PHASE = 1,
    OPTION_D,
    OPTION_DV,
    OPTION_KV_HEADS,
    OPTION_GQA,
    OPTION_TOKENS,
    OPTION_EQUAL_TOTAL,
    OPTION_BATCH,
    OPTION_QUERIES,
    OPTION_CHUNK,
    OPTION_KV,
    OPTION_DTYPE,
    OPTION_MASK,
    OPTION_PRESET,
    OPTION_FIRST,
    OPTION_WARM,
    OPTION_SET,
    OPTION_VARIANT,
    OPTION_WORKGROUPS,
    OPTION_TUNING,
    OPTION_TUNE,
    OPTION_ROUNDS,
    OPTION_MIN_MS,
    OPTION_MAX_MS,
    OPTION_SEED,
    OPTION_DEVICE,
    OPTION_FORMAT,
    OPTION_OUT,
    OPTION_LIST,
    OPTION_COMPARE,
    OPTION_VERBOSE,
    OPTION_HELP
};

static const struct option long_options[] = {{"phase", required_argument, NULL, OPTION_PHASE},
                                             {"d", required_argument, NULL, OPTION_D},
                                             {"dv", required_argument, NULL, OPTION_DV},
                                             {"kv-heads", required_argument, NULL, OPTION_KV_HEADS},
                                             {"gqa", required_argument, NULL, OPTION_GQA},
                                             {"tokens", required_argument, NULL, OPTION_TOKENS},
                                             {"equal-total", no_argument, NULL, OPTION_EQUAL_TOTAL},
                                             {"batch", required_argument, NULL, OPTION_BATCH},
                                             {"queries", required_argument, NULL, OPTION_QUERIES},
                                             {"chunk", required_argument, NULL, OPTION_CHUNK},
                                             {"kv", required_argument, NULL, OPTION_KV},
                                             {"dtype", required_argument, NULL, OPTION_DTYPE},
                                             {"mask", required_argument, NULL, OPTION_MASK},
                                             {"preset", required_argument, NULL, OPTION_PRESET},
                                             {"first", required_argument, NULL, OPTION_FIRST},
                                             {"warm", no_argument, NULL, OPTION_WARM},
                                             {"set", required_argument, NULL, OPTION_SET},
                                             {"variant", required_argument, NULL, OPTION_VARIANT},
                                             {"workgroups", required_argument, NULL, OPTION_WORKGROUPS},
                                             {"tuning", required_argument, NULL, OPTION_TUNING},
                                             {"tune", no_argument, NULL, OPTION_TUNE},
                                             {"rounds", required_argument, NULL, OPTION_ROUNDS},
                                             {"min-ms", required_argument, NULL, OPTION_MIN_MS},
                                             {"max-ms", required_argument, NULL, OPTION_MAX_MS},
                                             {"seed", required_argument, NULL, OPTION_SEED},
                                             {"device", required_argument, NULL, OPTION_DEVICE},
                                             {"format", required_argument, NULL, OPTION_FORMAT},
                                             {"out", required_argument, NULL, OPTION_OUT},
                                             {"list", no_argument, NULL, OPTION_LIST},
                                             {"compare", no_argument, NULL, OPTION_COMPARE},
                                             {"verbose", no_argument, NULL, OPTION_VERBOSE},
                                             {"help", no_argument, NULL, OPTION_HELP},
                                             {NULL, 0, NULL, 0}};

/* --- lists: each entry of a comma list goes to one function ---------------------------------------------------------
 */

typedef struct entry_context {
    const char *name; /* of the option */
    uint32_t minimum, maximum;
    octavo_bench_list *list;
    octavo_bench_options *options;
} entry_context;
typedef bool (*entry_parser)(const entry_context *context, const char *text, octavo_error_line *error);

static bool for_each_entry(const entry_context *context, const char *text, entry_parser parse,
                           octavo_error_line *error) {
    for (const char *start = text;;) {
        char entry[64];
        size_t length = strcspn(start, ",");
        if (length >= sizeof entry)
            return octavo_error_line_set(error, "%s: an entry of '%.64s' is too long", context->name, text);
        memcpy(entry, start, length);
        entry[length] = '\0';
        if (!parse(context, entry, error)) return false;
        if (start[length] == '\0') return true;
        start += length + 1;
    }
}

static bool add(const entry_context *context, uint32_t value, octavo_error_line *error) {
    octavo_bench_list *list = context->list;
    if (list->count == OCTAVO_BENCH_LIST_LIMIT)
        return octavo_error_line_set(error, "%s: more than %u entries", context->name, OCTAVO_BENCH_LIST_LIMIT);
    list->values[list->count++] = value;
    return true;
}

static bool parse_number(const entry_context *context, const char *text, octavo_error_line *error) {
    uint64_t number = 0;
    return octavo_number_parse(context->name, text, context->minimum, context->maximum, &number, error) &&
           add(context, (uint32_t)number, error);
}

static bool parse_queries(const entry_context *context, const char *text, octavo_error_line *error) {
    if (strcmp(text, "all") == 0) return add(context, OCTAVO_BENCH_ALL_QUERIES, error);
    return parse_number(context, text, error);
}

static bool parse_phase(const entry_context *context, const char *text, octavo_error_line *error) {
    for (uint32_t i = 0; i < OCTAVO_BENCH_PHASE_COUNT; i++)
        if (strcmp(text, octavo_bench_phase_name((octavo_bench_phase)i)) == 0) return add(context, i, error);
    return octavo_error_line_set(error, "--phase: '%s' is none of decode, prefill, append", text);
}

static bool parse_preset(const entry_context *context, const char *text, octavo_error_line *error) {
    const octavo_bench_preset *preset;
    for (uint32_t i = 0; (preset = octavo_bench_preset_at(i)) != NULL; i++)
        if (strcmp(text, preset->name) == 0) return add(context, i, error);
    return octavo_error_line_set(error, "--preset: '%s' is none (octavo bench --help lists them)", text);
}

static bool parse_chunk(const entry_context *context, const char *text, octavo_error_line *error) {
    for (uint32_t chunk = OCTAVO_BENCH_CHUNK_PACKED; chunk < OCTAVO_BENCH_CHUNK_COUNT; chunk++)
        if (strcmp(text, octavo_bench_chunk_name((octavo_bench_chunk)chunk)) == 0) return add(context, chunk, error);
    return octavo_error_line_set(error, "--chunk: '%.64s' is none of packed, own", text);
}

static bool parse_type(const entry_context *context, const char *text, octavo_error_line *error) {
    octavo_type type;
    if (octavo_tensor_type_named(text, &type)) return add(context, type, error);
    return octavo_error_line_set(error, "--dtype: '%.64s' is none of f32, f16, bf16", text);
}

static bool parse_tokens(const entry_context *context, const char *text, octavo_error_line *error) {
    octavo_bench_options *options = context->options;
    char low_text[64];
    uint64_t low = 0, high = 0;
    const char *dots = strstr(text, "..");
    size_t length = dots != NULL ? (size_t)(dots - text) : strlen(text);
    if (options->token_count == OCTAVO_BENCH_LIST_LIMIT)
        return octavo_error_line_set(error, "--tokens: more than %u entries", OCTAVO_BENCH_LIST_LIMIT);
    memcpy(low_text, text, length); /* an entry is shorter than the array */
    low_text[length] = '\0';
    if (!octavo_number_parse("--tokens", low_text, 1, OCTAVO_BENCH_TOKEN_LIMIT, &low, error)) return false;
    high = low;
    if (dots != NULL && !octavo_number_parse("--tokens", dots + 2, low, OCTAVO_BENCH_TOKEN_LIMIT, &high, error))
        return false;
    options->tokens[options->token_count++] = (octavo_bench_tokens){(uint32_t)low, (uint32_t)high, false};
    return true;
}

static bool parse_kv(const entry_context *context, const char *text, octavo_error_line *error) {
    octavo_bench_options *options = context->options;
    if (options->kv_count == OCTAVO_BENCH_LIST_LIMIT)
        return octavo_error_line_set(error, "--kv: more than %u entries", OCTAVO_BENCH_LIST_LIMIT);
    uint32_t i = options->kv_count++;
    return octavo_cache_spec_parse(text, &options->key_bits[i], &options->value_bits[i], error);
}

static bool take_list(int option, const char *text, octavo_bench_options *options, octavo_error_line *error) {
    entry_context context = {"", 0, 0, NULL, options};
    entry_parser parser = parse_number;
    switch (option) {
    case OPTION_PHASE:
        context.name = "--phase", context.list = &options->phases, parser = parse_phase;
        break;
    case OPTION_D:
        context = (entry_context){"--d", 32, 256, &options->dims, options};
        break;
    case OPTION_KV_HEADS:
        context = (entry_context){"--kv-heads", 1, 256, &options->kv_heads, options};
        break;
    case OPTION_GQA:
        context = (entry_context){"--gqa", 1, 64, &options->gqas, options};
        break;
    case OPTION_BATCH:
        context = (entry_context){"--batch", 1, OCTAVO_BENCH_BATCH_LIMIT, &options->batches, options};
        break;
    case OPTION_QUERIES:
        context = (entry_context){"--queries", 1, OCTAVO_BENCH_TOKEN_LIMIT, &options->queries, options};
        parser = parse_queries;
        break;
    case OPTION_CHUNK:
        context.name = "--chunk", context.list = &options->chunks, parser = parse_chunk;
        break;
    case OPTION_DTYPE:
        context.name = "--dtype", context.list = &options->types, parser = parse_type;
        break;
    case OPTION_TOKENS:
        context.name = "--tokens", parser = parse_tokens;
        break;
    case OPTION_KV:
        context.name = "--kv", parser = parse_kv;
        break;
    default:
        context.name = "--preset", context.list = &options->presets, parser = parse_preset;
    }
    return for_each_entry(&context, text, parser, error);
}

/* --- single values --------------------------------------------------------------------------------------------------
 */

static bool take_count(const char *name, const char *text, uint32_t minimum, uint32_t maximum, uint32_t *value,
                       octavo_error_line *error) {
    uint64_t number = 0;
    if (!octavo_number_parse(name, text, minimum, maximum, &number, error)) return false;
    *value = (uint32_t)number;
    return true;
}

static bool take_mask(const char *text, octavo_bench_options *options, octavo_error_line *error) {
    if (options->mask_count == OCTAVO_BENCH_LIST_LIMIT)
        return octavo_error_line_set(error, "--mask: given more than %u times", OCTAVO_BENCH_LIST_LIMIT);
    return octavo_mask_spec_parse(text, &options->masks[options->mask_count++], error);
}

static bool take_variant(const char *text, octavo_bench_options *options, octavo_error_line *error) {
    for (uint32_t i = 0; (options->variant = octavo_attention_variant_name(i)) != NULL; i++)
        if (strcmp(options->variant, text) == 0) return true;
    return octavo_error_line_set(error, "--variant: '%.64s' is no variant (octavo devices lists them)", text);
}

static bool take_format(const char *name, const char *text, octavo_bench_format *format, octavo_error_line *error) {
    static const char *const names[3] = {"md", "csv", "json"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) != 0) continue;
        *format = (octavo_bench_format)i;
        return true;
    }
    return octavo_error_line_set(error, "%s: '%.64s' is none of md, csv, json", name, text);
}

static bool take_single(int option, const char *text, octavo_bench_options *options, octavo_error_line *error) {
    switch (option) {
    case OPTION_DV:
        return take_count("--dv", text, 32, 256, &options->value_dim, error);
    case OPTION_MASK:
        return take_mask(text, options, error);
    case OPTION_FIRST:
        return take_count("--first", text, 0, 128, &options->first_tokens, error);
    case OPTION_SET:
        return take_count("--set", text, 1, 1u << 16, &options->set_mib, error);
    case OPTION_VARIANT:
        return take_variant(text, options, error);
    case OPTION_WORKGROUPS:
        return take_count("--workgroups", text, 1, 1u << 20, &options->workgroups, error);
    case OPTION_TUNING:
        options->tuning = text;
        return true;
    case OPTION_ROUNDS:
        return take_count("--rounds", text, 3, 10000, &options->rounds, error);
    case OPTION_MIN_MS:
        return take_count("--min-ms", text, 0, 600000, &options->least_ms, error);
    case OPTION_MAX_MS:
        return take_count("--max-ms", text, 1, 600000, &options->most_ms, error);
    case OPTION_SEED:
        return octavo_number_parse("--seed", text, 0, UINT64_MAX, &options->seed, error);
    case OPTION_DEVICE:
        options->device = text;
        return true;
    default:
        options->out = text;
        return true;
    }
}

static bool take_flag(int option, octavo_bench_options *options) {
    bool *flag = option == OPTION_EQUAL_TOTAL ? &options->equal_total
                 : option == OPTION_WARM      ? &options->warm
                 : option == OPTION_LIST      ? &options->list_only
                 : option == OPTION_TUNE      ? &options->tune
                 : option == OPTION_VERBOSE   ? &options->verbose
                 : option == OPTION_HELP      ? &options->help
                                              : NULL;
    if (flag != NULL) *flag = true;
    return flag != NULL;
}

static bool is_list(int option) {
    return option == OPTION_PHASE || option == OPTION_D || option == OPTION_KV_HEADS || option == OPTION_GQA ||
           option == OPTION_BATCH || option == OPTION_QUERIES || option == OPTION_TOKENS || option == OPTION_KV ||
           option == OPTION_CHUNK || option == OPTION_DTYPE || option == OPTION_PRESET;
}

static void set_default(octavo_bench_list *list, uint32_t value) {
    if (list->count == 0) *list = (octavo_bench_list){1, {value}};
}

static void set_defaults(octavo_bench_options *options) {
    set_default(&options->phases, OCTAVO_BENCH_DECODE);
    set_default(&options->dims, 128);
    set_default(&options->kv_heads, 8);
    set_default(&options->gqas, 4);
    set_default(&options->batches, 1);
    set_default(&options->chunks, OCTAVO_BENCH_CHUNK_NONE);
    set_default(&options->types, OCTAVO_F32);
    if (options->token_count == 0) options->tokens[options->token_count++] = (octavo_bench_tokens){4096, 4096, false};
    if (options->kv_count == 0) options->key_bits[0] = options->value_bits[0] = 3, options->kv_count = 1;
    if (options->mask_count == 0) options->masks[options->mask_count++] = (octavo_mask){VK_TRUE, 0, 0, 0};
}

static bool finish(int argc, char **argv, bool compare, bool format_given, octavo_bench_options *options,
                   octavo_error_line *error) {
    if (compare) {
        if (argc - optind != 2)
            return octavo_error_line_set(error, "--compare takes two files, here are %d", argc - optind);
        options->compare[0] = argv[optind];
        options->compare[1] = argv[optind + 1];
        return true;
    }
    if (optind != argc) return octavo_error_line_set(error, "'%.64s' is not an option", argv[optind]);
    if (options->presets.count > 0 && (options->dims.count > 0 || options->kv_heads.count > 0 ||
                                       options->gqas.count > 0 || options->mask_count > 0 || options->value_dim > 0))
        return octavo_error_line_set(error, "--preset: excludes --d, --dv, --kv-heads, --gqa and --mask");
    if (options->tune && (options->tuning != NULL || options->workgroups > 0 || format_given))
        return octavo_error_line_set(error, "--tune: excludes --tuning, --workgroups and --format");
    const char *ending = options->out != NULL && !options->tune ? strrchr(options->out, '.') : NULL;
    if (ending != NULL && strchr(ending, '/') != NULL) ending = NULL; /* of a folder, as in ../result */
    if (ending != NULL && !format_given && !take_format("--out", ending + 1, &options->format, error)) return false;
    set_defaults(options);
    return true;
}

int octavo_bench_options_parse(int argc, char **argv, octavo_bench_options *options, octavo_error_line *error) {
    memset(options, 0, sizeof *options);
    options->first_tokens = 4;
    options->rounds = 15;
    options->least_ms = 50;
    options->most_ms = 2000;
    options->seed = 1;
    bool compare = false, format_given = false, taken = true;
    int option;
    while (taken && (option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (option == '?') return 2;
        if (option == OPTION_COMPARE)
            compare = true;
        else if (option == OPTION_FORMAT)
            format_given = taken = take_format("--format", optarg, &options->format, error);
        else if (is_list(option))
            taken = take_list(option, optarg, options, error);
        else if (!take_flag(option, options))
            taken = take_single(option, optarg, options, error);
    }
    if (!taken) return 1;
    return options->help || finish(argc, argv, compare, format_given, options, error) ? 0 : 1;
}
