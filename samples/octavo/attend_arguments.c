#include "attend_arguments.h"

#include "mask_spec.h"
#include "number_text.h"
#include "tensor_type.h"

#include <getopt.h>
#include <string.h>

enum {
    OPTION_QUERY = 1,
    OPTION_KEY,
    OPTION_VALUE,
    OPTION_OUTPUT,
    OPTION_LSE,
    OPTION_KV,
    OPTION_MASK,
    OPTION_SCALE,
    OPTION_PHASE,
    OPTION_VARIANT,
    OPTION_CHECK,
    OPTION_JSON,
    OPTION_LENGTHS,
    OPTION_SOFTCAP,
    OPTION_SINK_LOGIT,
    OPTION_EMPTY_ROW,
    OPTION_FIRST,
    OPTION_RECENT,
    OPTION_CHUNK,
    OPTION_OWN,
    OPTION_DTYPE,
    OPTION_DEVICE,
    OPTION_VERBOSE,
    OPTION_HELP
};

static const struct option options[] = {{"q", required_argument, NULL, OPTION_QUERY},
                                        {"k", required_argument, NULL, OPTION_KEY},
                                        {"v", required_argument, NULL, OPTION_VALUE},
                                        {"out", required_argument, NULL, OPTION_OUTPUT},
                                        {"lse", required_argument, NULL, OPTION_LSE},
                                        {"kv", required_argument, NULL, OPTION_KV},
                                        {"mask", required_argument, NULL, OPTION_MASK},
                                        {"scale", required_argument, NULL, OPTION_SCALE},
                                        {"phase", required_argument, NULL, OPTION_PHASE},
                                        {"variant", required_argument, NULL, OPTION_VARIANT},
                                        {"check", no_argument, NULL, OPTION_CHECK},
                                        {"json", no_argument, NULL, OPTION_JSON},
                                        {"lengths", required_argument, NULL, OPTION_LENGTHS},
                                        {"softcap", required_argument, NULL, OPTION_SOFTCAP},
                                        {"sink-logit", required_argument, NULL, OPTION_SINK_LOGIT},
                                        {"empty-row", required_argument, NULL, OPTION_EMPTY_ROW},
                                        {"first", required_argument, NULL, OPTION_FIRST},
                                        {"recent", required_argument, NULL, OPTION_RECENT},
                                        {"chunk", required_argument, NULL, OPTION_CHUNK},
                                        {"own", no_argument, NULL, OPTION_OWN},
                                        {"dtype", required_argument, NULL, OPTION_DTYPE},
                                        {"device", required_argument, NULL, OPTION_DEVICE},
                                        {"verbose", no_argument, NULL, OPTION_VERBOSE},
                                        {"help", no_argument, NULL, OPTION_HELP},
                                        {NULL, 0, NULL, 0}};

/* The index of text among names, which end with NULL. */
static bool parse_choice(const char *name, const char *text, const char *const *names, uint32_t *choice,
                         octavo_error_line *error) {
    for (uint32_t i = 0; names[i] != NULL; i++) {
        if (strcmp(text, names[i]) != 0) continue;
        *choice = i;
        return true;
    }
    return octavo_error_line_set(error, "%s: '%.32s' is not one of %s, %s, %s", name, text, names[0], names[1],
                                 names[2]);
}

static bool parse_variant(const char *text, octavo_problem *settings, octavo_error_line *error) {
    const char *name;
    for (uint32_t i = 0; (name = octavo_attention_variant_name(i)) != NULL; i++) {
        if (strcmp(name, text) != 0) continue;
        settings->variant = name;
        return true;
    }
    return octavo_error_line_set(error, "--variant: '%.64s' is no variant (octavo devices lists them)", text);
}

static bool parse_count(const char *name, const char *text, uint64_t minimum, uint64_t maximum, uint32_t *count,
                        octavo_error_line *error) {
    uint64_t number = 0;
    if (!octavo_number_parse(name, text, minimum, maximum, &number, error)) return false;
    *count = (uint32_t)number;
    return true;
}

static bool parse_float(const char *name, const char *text, double minimum, float *value, octavo_error_line *error) {
    double number = 0;
    if (!octavo_real_parse(name, text, minimum, 1e30, &number, error)) return false;
    *value = (float)number;
    return true;
}

static bool parse_scale(const char *text, octavo_problem *settings, octavo_error_line *error) {
    if (!parse_float("--scale", text, -1e30, &settings->scale, error)) return false;
    if (settings->scale == 0)
        return octavo_error_line_set(error, "--scale: '%.32s' is 0; leave it out for 1 / sqrt(D)", text);
    return true;
}

static bool parse_setting(int option, const char *text, octavo_problem *settings, octavo_error_line *error) {
    static const char *const phases[] = {"auto", "prefill", "decode", NULL};
    static const char *const empty_rows[] = {"zero", "all", "uniform", NULL};
    uint32_t choice = 0;
    switch (option) {
    case OPTION_KV:
        return octavo_cache_spec_parse(text, &settings->key_bits, &settings->value_bits, error);
    case OPTION_MASK:
        return octavo_mask_spec_parse(text, &settings->mask, error);
    case OPTION_SCALE:
        return parse_scale(text, settings, error);
    case OPTION_PHASE:
        if (!parse_choice("--phase", text, phases, &choice, error)) return false;
        settings->phase = (octavo_phase)choice;
        return true;
    case OPTION_VARIANT:
        return parse_variant(text, settings, error);
    case OPTION_SOFTCAP:
        return parse_float("--softcap", text, 0, &settings->softcap, error);
    case OPTION_EMPTY_ROW:
        if (!parse_choice("--empty-row", text, empty_rows, &choice, error)) return false;
        settings->empty_row = (octavo_empty_row)choice;
        return true;
    case OPTION_FIRST:
        return parse_count("--first", text, 0, 128, &settings->first_tokens, error);
    case OPTION_RECENT:
        return parse_count("--recent", text, 0, 4096, &settings->recent_tokens, error);
    case OPTION_CHUNK:
        return parse_count("--chunk", text, 1, INT32_MAX, &settings->chunk_tokens, error);
    case OPTION_OWN:
        settings->own_tokens = true;
        return true;
    case OPTION_DTYPE:
        if (!octavo_tensor_type_named(text, &settings->query_type))
            return octavo_error_line_set(error, "--dtype: '%.32s' is not one of f32, f16, bf16", text);
        settings->key_type = settings->value_type = settings->query_type;
        return true;
    default:
        return octavo_error_line_set(error, "unknown option");
    }
}

/* Options that are a text or a flag; false: it is another one. */
static bool take_plain(int option, const char *text, octavo_attend_arguments *arguments) {
    switch (option) {
    case OPTION_QUERY:
        arguments->query_path = text;
        return true;
    case OPTION_KEY:
        arguments->key_path = text;
        return true;
    case OPTION_VALUE:
        arguments->value_path = text;
        return true;
    case OPTION_OUTPUT:
        arguments->output_path = text;
        return true;
    case OPTION_LSE:
        arguments->lse_path = text;
        return true;
    case OPTION_SINK_LOGIT:
        arguments->sink_path = text;
        return true;
    case OPTION_LENGTHS:
        arguments->lengths = text;
        return true;
    case OPTION_DEVICE:
        arguments->device = text;
        return true;
    case OPTION_CHECK:
        arguments->check = true;
        return true;
    case OPTION_JSON:
        arguments->json = true;
        return true;
    case OPTION_VERBOSE:
        arguments->verbose = true;
        return true;
    case OPTION_HELP:
        arguments->help = true;
        return true;
    default:
        return false;
    }
}

octavo_arguments_state octavo_attend_arguments_parse(int argc, char **argv, octavo_attend_arguments *arguments,
                                                     octavo_error_line *error) {
    memset(arguments, 0, sizeof *arguments);
    octavo_problem_init(&arguments->settings);
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == '?' || option == ':') return OCTAVO_ARGUMENTS_UNKNOWN;
        if (take_plain(option, optarg, arguments)) continue;
        if (!parse_setting(option, optarg, &arguments->settings, error)) return OCTAVO_ARGUMENTS_BAD;
    }
    if (arguments->help) return OCTAVO_ARGUMENTS_GOOD;
    if (optind != argc) {
        (void)octavo_error_line_set(error, "'%.64s' is not an option", argv[optind]);
        return OCTAVO_ARGUMENTS_BAD;
    }
    if (arguments->query_path == NULL || arguments->key_path == NULL || arguments->value_path == NULL) {
        const char *missing = arguments->query_path == NULL ? "--q" : arguments->key_path == NULL ? "--k" : "--v";
        (void)octavo_error_line_set(error, "%s FILE.npy is missing", missing);
        return OCTAVO_ARGUMENTS_BAD;
    }
    if (arguments->output_path != NULL && arguments->lse_path != NULL &&
        strcmp(arguments->output_path, arguments->lse_path) == 0) {
        (void)octavo_error_line_set(error, "--lse: '%.64s' is the file of --out", arguments->lse_path);
        return OCTAVO_ARGUMENTS_BAD;
    }
    return OCTAVO_ARGUMENTS_GOOD;
}
