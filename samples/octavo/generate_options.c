#include "generate_options.h"

#include "mask_spec.h"
#include "number_text.h"

#include <octavo/attention.h>

#include <getopt.h>
#include <string.h>

const char octavo_generate_help[] =
    "usage: octavo generate [OPTION]...\n"
    "Generates text with a language model of the Llama architecture. Its attention and cache are Octavo's.\n\n"
    "  --model FILE.gguf   F32, F16 or Q8_0 (default: the small model that ships)\n"
    "  --prompt TEXT       what to continue\n"
    "  --prompt-file FILE  the same from a file\n"
    "  --tokens N          most tokens to generate (default 128)\n"
    "  --kv BITS           of the cache: 2, 3, 4 or f16, or two of them for K/V, as 4/3 (default 3)\n"
    "  --first N           first tokens that are also held in f16, 0 .. 128 (default 4)\n"
    "  --recent N          last tokens that are also held in f16, 0 .. 4096 (default 0)\n"
    "  --temperature X     0 takes the most likely token (default 0)\n"
    "  --top-k N           sample among the N most likely; 0: all (default 0)\n"
    "  --top-p X           sample among the most likely that sum to X (default 1)\n"
    "  --seed N            of the sampling (default 1)\n"
    "  --special           control tokens written in the prompt count as such, and are shown\n"
    "  --ignore-end        go on after a token that ends the text\n"
    "  --pass N            prompt tokens read at once, 1 .. 65536 (default 256)\n"
    "  --reference         attention on the CPU in f32 over a cache rounded to f16: no device is needed\n"
    "  --variant NAME      the kernel that decodes (octavo devices lists them; default the best)\n"
    "  --device DEVICE     an index or a part of a name (octavo devices lists them)\n"
    "  --json              one JSON object on stdout instead of the text\n"
    "  --verbose           what the library logs\n"
    "  --help              this text\n";

enum {
    OPTION_MODEL = 1,
    OPTION_PROMPT,
    OPTION_PROMPT_FILE,
    OPTION_TOKENS,
    OPTION_KV,
    OPTION_FIRST,
    OPTION_RECENT,
    OPTION_TEMPERATURE,
    OPTION_TOP_K,
    OPTION_TOP_P,
    OPTION_SEED,
    OPTION_SPECIAL,
    OPTION_IGNORE_END,
    OPTION_PASS,
    OPTION_REFERENCE,
    OPTION_VARIANT,
    OPTION_DEVICE,
    OPTION_JSON,
    OPTION_VERBOSE,
    OPTION_HELP
};

static const struct option long_options[] = {{"model", required_argument, NULL, OPTION_MODEL},
                                             {"prompt", required_argument, NULL, OPTION_PROMPT},
                                             {"prompt-file", required_argument, NULL, OPTION_PROMPT_FILE},
                                             {"tokens", required_argument, NULL, OPTION_TOKENS},
                                             {"kv", required_argument, NULL, OPTION_KV},
                                             {"first", required_argument, NULL, OPTION_FIRST},
                                             {"recent", required_argument, NULL, OPTION_RECENT},
                                             {"temperature", required_argument, NULL, OPTION_TEMPERATURE},
                                             {"top-k", required_argument, NULL, OPTION_TOP_K},
                                             {"top-p", required_argument, NULL, OPTION_TOP_P},
                                             {"seed", required_argument, NULL, OPTION_SEED},
                                             {"special", no_argument, NULL, OPTION_SPECIAL},
                                             {"ignore-end", no_argument, NULL, OPTION_IGNORE_END},
                                             {"pass", required_argument, NULL, OPTION_PASS},
                                             {"reference", no_argument, NULL, OPTION_REFERENCE},
                                             {"variant", required_argument, NULL, OPTION_VARIANT},
                                             {"device", required_argument, NULL, OPTION_DEVICE},
                                             {"json", no_argument, NULL, OPTION_JSON},
                                             {"verbose", no_argument, NULL, OPTION_VERBOSE},
                                             {"help", no_argument, NULL, OPTION_HELP},
                                             {NULL, 0, NULL, 0}};

static bool parse_count(const char *name, const char *text, uint64_t minimum, uint64_t maximum, uint32_t *count,
                        octavo_error_line *error) {
    uint64_t number = 0;
    if (!octavo_number_parse(name, text, minimum, maximum, &number, error)) return false;
    *count = (uint32_t)number;
    return true;
}

static bool parse_float(const char *name, const char *text, double maximum, float *value, octavo_error_line *error) {
    double number = 0;
    if (!octavo_real_parse(name, text, 0, maximum, &number, error)) return false;
    *value = (float)number;
    return true;
}

static bool parse_top_p(const char *text, float *top_p, octavo_error_line *error) {
    if (!parse_float("--top-p", text, 1, top_p, error)) return false;
    return *top_p > 0 || octavo_error_line_set(error, "--top-p: '%.32s' leaves no token to sample", text);
}

static bool parse_variant(const char *text, octavo_generate_options *options, octavo_error_line *error) {
    const char *name;
    for (uint32_t i = 0; (name = octavo_attention_variant_name(i)) != NULL; i++) {
        if (strcmp(name, text) != 0) continue;
        options->variant = name;
        return true;
    }
    return octavo_error_line_set(error, "--variant: '%.64s' is no variant (octavo devices lists them)", text);
}

static bool take_number(int option, const char *text, octavo_generate_options *options, octavo_error_line *error) {
    octavo_generation_options *generation = &options->generation;
    switch (option) {
    case OPTION_TOKENS:
        return parse_count("--tokens", text, 0, 1u << 30, &generation->token_limit, error);
    case OPTION_KV:
        return octavo_cache_spec_parse(text, &options->key_bits, &options->value_bits, error);
    case OPTION_FIRST:
        return parse_count("--first", text, 0, 128, &options->first_tokens, error);
    case OPTION_RECENT:
        return parse_count("--recent", text, 0, 4096, &options->recent_tokens, error);
    case OPTION_TEMPERATURE:
        return parse_float("--temperature", text, 1000, &generation->sampling.temperature, error);
    case OPTION_TOP_K:
        return parse_count("--top-k", text, 0, UINT32_MAX, &generation->sampling.top_k, error);
    case OPTION_TOP_P:
        return parse_top_p(text, &generation->sampling.top_p, error);
    case OPTION_SEED:
        return octavo_number_parse("--seed", text, 0, UINT64_MAX, &generation->sampling.seed, error);
    case OPTION_PASS:
        return parse_count("--pass", text, 1, 65536, &generation->pass_tokens, error);
    default:
        return parse_variant(text, options, error);
    }
}

/* Options that are a text or a flag; false: it is another one. */
static bool take_plain(int option, const char *text, octavo_generate_options *options) {
    switch (option) {
    case OPTION_MODEL:
        options->model_path = text;
        return true;
    case OPTION_PROMPT:
        options->prompt_text = text;
        return true;
    case OPTION_PROMPT_FILE:
        options->prompt_path = text;
        return true;
    case OPTION_SPECIAL:
        options->generation.parse_special = true;
        return true;
    case OPTION_IGNORE_END:
        options->generation.ignore_end = true;
        return true;
    case OPTION_REFERENCE:
        options->reference = true;
        return true;
    case OPTION_DEVICE:
        options->device = text;
        return true;
    case OPTION_JSON:
        options->json = true;
        return true;
    case OPTION_VERBOSE:
        options->verbose = true;
        return true;
    case OPTION_HELP:
        options->help = true;
        return true;
    default:
        return false;
    }
}

int octavo_generate_options_parse(int argc, char **argv, octavo_generate_options *options, octavo_error_line *error) {
    octavo_cache_info defaults = OCTAVO_CACHE_INFO_INIT;
    octavo_generation_options generation = OCTAVO_GENERATION_OPTIONS_INIT;
    memset(options, 0, sizeof *options);
    options->generation = generation;
    options->key_bits = defaults.key_bits;
    options->value_bits = defaults.value_bits;
    options->first_tokens = defaults.first_tokens;
    options->recent_tokens = defaults.recent_tokens;
    int option;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (option == '?') return 2;
        if (!take_plain(option, optarg, options) && !take_number(option, optarg, options, error)) return 1;
    }
    if (options->help) return 0;
    if (optind != argc) {
        (void)octavo_error_line_set(error, "'%.64s' is not an option", argv[optind]);
        return 1;
    }
    if (options->prompt_text != NULL && options->prompt_path != NULL) {
        (void)octavo_error_line_set(error, "--prompt and --prompt-file exclude each other");
        return 1;
    }
    return 0;
}
