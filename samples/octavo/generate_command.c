#define _POSIX_C_SOURCE 200809L

#include "commands.h"
#include "cpu_attention.h"
#include "embedded_model.h"
#include "file_mapping.h"
#include "generate_options.h"
#include "json_output.h"
#include "packed_attention.h"
#include "vulkan_host.h"
#include "whole_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROMPT_LIMIT ((uint64_t)64 << 20)

/* Everything that one run holds; released in one place. */
typedef struct generate_run {
    octavo_generate_options options;
    octavo_file_mapping mapping;
    octavo_gguf *gguf;
    octavo_tokenizer *tokenizer;
    octavo_language_model *model;
    uint8_t *prompt_bytes;
    octavo_vulkan_host host;
    octavo_device *device;
    octavo_packed_attention *packed;
    octavo_cpu_attention *reference;
    octavo_generation_result result;
    float *margins; /* of each token that was picked, with --json */
    size_t margin_count;
    bool progress; /* the line on stderr is to be wiped */
    octavo_generate_error error;
} generate_run;

static octavo_exit fail(generate_run *run, octavo_exit code) {
    octavo_error_line error;
    (void)octavo_error_line_set(&error, "%s", run->error.text);
    return octavo_command_fail("generate", code, &error);
}

/* --- model and prompt --------------------------------------------------------------------------------------------- */

/* The bytes of the model that ships; NULL when the build has none. */
static const void *default_model(size_t *size) {
#ifdef OCTAVO_EMBEDDED_MODEL
    *size = (size_t)(octavo_embedded_model_end - octavo_embedded_model);
    return octavo_embedded_model;
#else
    *size = 0;
    return NULL;
#endif
}

static bool load_model(generate_run *run) {
    const void *bytes;
    size_t size = 0;
    if (run->options.model_path != NULL) {
        if (!octavo_file_mapping_open(run->options.model_path, &run->mapping, &run->error)) return false;
        bytes = run->mapping.bytes;
        size = run->mapping.size;
    } else if ((bytes = default_model(&size)) == NULL) {
        return octavo_generate_fail(&run->error, "this build ships no model: give --model FILE.gguf");
    }
    run->gguf = octavo_gguf_parse(bytes, size, &run->error);
    if (run->gguf != NULL) run->tokenizer = octavo_tokenizer_create(run->gguf, &run->error);
    if (run->tokenizer != NULL) run->model = octavo_language_model_create(run->gguf, &run->error);
    return run->model != NULL;
}

static bool load_prompt(generate_run *run) {
    octavo_generation_options *generation = &run->options.generation;
    generation->prompt = run->options.prompt_text != NULL ? run->options.prompt_text : "It was a dark night, and";
    generation->prompt_length = strlen(generation->prompt);
    if (run->options.prompt_path == NULL) return true;
    octavo_error_line error;
    if (!octavo_whole_file_read(run->options.prompt_path, PROMPT_LIMIT, &run->prompt_bytes, &generation->prompt_length,
                                &error))
        return octavo_generate_fail(&run->error, "--prompt-file: %s", error.text);
    generation->prompt = (const char *)run->prompt_bytes;
    return true;
}

/* Tokens that the cache will hold: the prompt's and those to come. */
static bool count_tokens(generate_run *run, uint32_t *context_length) {
    octavo_token_list tokens = {NULL, 0, 0};
    const octavo_generation_options *generation = &run->options.generation;
    octavo_tokenizer_encode_options encode = {.begin = true, .parse_special = generation->parse_special};
    bool encoded = octavo_tokenizer_encode(run->tokenizer, generation->prompt, generation->prompt_length, encode,
                                           &tokens, &run->error);
    uint64_t prompt = tokens.count, total = prompt + generation->token_limit + 1;
    octavo_token_list_release(&tokens);
    uint32_t most = octavo_language_model_configuration(run->model)->context_length;
    *context_length = total < most ? (uint32_t)total : most;
    if (!encoded || total <= (uint64_t)most + 2) return encoded; /* the last token is not read again */
    return octavo_generate_fail(&run->error, "%llu prompt tokens and %u to generate exceed the model's context of %u",
                                (unsigned long long)prompt, (unsigned)generation->token_limit, (unsigned)most);
}

/* --- attention ---------------------------------------------------------------------------------------------------- */

static octavo_exit open_device(generate_run *run) {
    octavo_error_line error;
    if (octavo_vulkan_host_start(&run->host, run->options.verbose, &error) &&
        octavo_vulkan_host_open(&run->host, run->options.device, &run->device, &error))
        return OCTAVO_EXIT_SUCCESS;
    return octavo_command_fail("generate", OCTAVO_EXIT_NO_DEVICE, &error);
}

static bool create_attention(generate_run *run, uint32_t context_length, octavo_attention_backend *backend) {
    octavo_attention_shape shape =
        octavo_language_model_attention_shape(octavo_language_model_configuration(run->model), context_length);
    if (run->options.reference) {
        run->reference = octavo_cpu_attention_create(shape, true, &run->error);
        if (run->reference == NULL) return false;
        *backend = octavo_cpu_attention_backend(run->reference);
        return true;
    }
    octavo_packed_attention_info info = {.shape = shape,
                                         .pass_tokens = run->options.generation.pass_tokens,
                                         .key_bits = run->options.key_bits,
                                         .value_bits = run->options.value_bits,
                                         .first_tokens = run->options.first_tokens,
                                         .recent_tokens = run->options.recent_tokens,
                                         .variant = run->options.variant};
    run->packed = octavo_packed_attention_create(run->device, &info, &run->error);
    if (run->packed == NULL) return false;
    *backend = octavo_packed_attention_backend(run->packed);
    return true;
}

/* --- progress and text -------------------------------------------------------------------------------------------- */

static void show_prompt(void *context, uint32_t tokens_read, uint32_t token_count) {
    generate_run *run = context;
    if (isatty(STDERR_FILENO) == 0) return;
    (void)fprintf(stderr, "\rprompt: %u of %u tokens", (unsigned)tokens_read, (unsigned)token_count);
    run->progress = true;
    if (tokens_read != token_count) return;
    (void)fprintf(stderr, "\r\033[K");
    run->progress = false;
    if (!run->options.json) {
        (void)fwrite(run->options.generation.prompt, 1, run->options.generation.prompt_length, stderr);
        (void)fflush(stderr);
    }
}

static bool show_text(void *context, const char *bytes, size_t length) {
    const generate_run *run = context;
    if (run->options.json) return true;
    return fwrite(bytes, 1, length, stdout) == length && fflush(stdout) == 0;
}

static void note_token(void *context, octavo_sample sample, const float *logits) {
    generate_run *run = context;
    (void)logits;
    if (run->margins != NULL && run->margin_count < run->options.generation.token_limit)
        run->margins[run->margin_count++] = sample.margin;
}

/* --- results ------------------------------------------------------------------------------------------------------ */

static double tokens_per_second(const octavo_generation_result *result) {
    return result->generate_seconds > 0 ? result->generated_tokens / result->generate_seconds : 0.0;
}

static void cache_sizes(const generate_run *run, double *cache_bytes, double *f16_bytes) {
    if (run->packed != NULL) {
        octavo_packed_attention_sizes(run->packed, cache_bytes, f16_bytes);
        return;
    }
    const octavo_language_model_config *config = octavo_language_model_configuration(run->model);
    *f16_bytes = 2.0 * (double)run->result.tokens.count * config->layer_count * config->kv_head_count *
                 (config->key_dimension + config->value_dimension);
    *cache_bytes = *f16_bytes;
}

static bool print_json(const generate_run *run) {
    const octavo_generation_result *result = &run->result;
    octavo_device_description description = {.name = "CPU"};
    double cache_bytes = 0, f16_bytes = 0;
    cache_sizes(run, &cache_bytes, &f16_bytes);
    if (run->device != NULL) octavo_device_describe(run->device, &description);
    char *text = malloc(result->text.length + 1);
    if (text == NULL) return false;
    if (result->text.length > 0) memcpy(text, result->text.bytes, result->text.length);
    text[result->text.length] = '\0';
    cJSON *object = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(object, "text", text);
    free(text);
    (void)cJSON_AddNumberToObject(object, "tokens", result->generated_tokens);
    (void)cJSON_AddNumberToObject(object, "tokens_per_s", tokens_per_second(result));
    (void)cJSON_AddNumberToObject(object, "prompt_tokens", result->prompt_tokens);
    (void)cJSON_AddNumberToObject(object, "prompt_seconds", result->prompt_seconds);
    (void)cJSON_AddNumberToObject(object, "cache_bytes", cache_bytes);
    (void)cJSON_AddNumberToObject(object, "f16_bytes", f16_bytes);
    (void)cJSON_AddBoolToObject(object, "ended", result->ended);
    (void)cJSON_AddStringToObject(object, "device", description.name);
    (void)cJSON_AddStringToObject(object, "variant",
                                  run->packed != NULL ? octavo_packed_attention_variant(run->packed) : "reference");
    cJSON *ids = cJSON_AddArrayToObject(object, "token_ids"), *margins = cJSON_AddArrayToObject(object, "margins");
    for (size_t i = result->prompt_tokens; i < result->tokens.count; i++)
        (void)cJSON_AddItemToArray(ids, cJSON_CreateNumber(result->tokens.tokens[i]));
    for (size_t i = 0; i < run->margin_count; i++)
        (void)cJSON_AddItemToArray(margins, cJSON_CreateNumber((double)run->margins[i]));
    return octavo_json_print(object);
}

static void print_summary(const generate_run *run) {
    const octavo_generation_result *result = &run->result;
    double cache_bytes = 0, f16_bytes = 0;
    cache_sizes(run, &cache_bytes, &f16_bytes);
    (void)fprintf(
        stderr,
        "\n\n%u prompt tokens in %.2f s, %u tokens at %.1f tokens/s; cache %.0f bytes, in f16 %.0f (%.2f times)\n",
        (unsigned)result->prompt_tokens, result->prompt_seconds, (unsigned)result->generated_tokens,
        tokens_per_second(result), cache_bytes, f16_bytes, cache_bytes > 0 ? f16_bytes / cache_bytes : 0.0);
}

static octavo_exit run_generation(generate_run *run) {
    octavo_attention_backend backend;
    uint32_t context_length = 0;
    if (!load_prompt(run) || !load_model(run) || !count_tokens(run, &context_length))
        return fail(run, OCTAVO_EXIT_USAGE);
    if (!run->options.reference) {
        octavo_exit opened = open_device(run);
        if (opened != OCTAVO_EXIT_SUCCESS) return opened;
    }
    if (!create_attention(run, context_length, &backend)) return fail(run, OCTAVO_EXIT_FAILED);
    if (run->options.json) run->margins = calloc((size_t)run->options.generation.token_limit + 1, sizeof *run->margins);
    run->options.generation.context = run;
    run->options.generation.on_prompt = show_prompt;
    run->options.generation.on_text = show_text;
    run->options.generation.on_token = note_token;
    if (!octavo_generation_run(run->model, run->tokenizer, &backend, &run->options.generation, &run->result,
                               &run->error)) {
        if (run->progress) (void)fprintf(stderr, "\n");
        return fail(run, OCTAVO_EXIT_FAILED);
    }
    if (!run->options.json) {
        (void)puts("");
        (void)fflush(stdout);
        print_summary(run);
    } else if (!print_json(run)) {
        (void)octavo_generate_fail(&run->error, "no memory for the report");
        return fail(run, OCTAVO_EXIT_FAILED);
    }
    return OCTAVO_EXIT_SUCCESS;
}

static void release(generate_run *run) {
    octavo_generation_result_release(&run->result);
    octavo_packed_attention_destroy(run->packed);
    octavo_cpu_attention_destroy(run->reference);
    octavo_device_destroy(run->device);
    octavo_language_model_destroy(run->model);
    octavo_tokenizer_destroy(run->tokenizer);
    octavo_gguf_destroy(run->gguf);
    octavo_file_mapping_close(&run->mapping);
    free(run->prompt_bytes);
    free(run->margins);
    free(run);
}

octavo_exit octavo_generate_command(int argc, char **argv) {
    octavo_error_line error = {""};
    generate_run *run = calloc(1, sizeof *run);
    if (run == NULL) {
        (void)octavo_error_line_set(&error, "no memory");
        return octavo_command_fail(argv[0], OCTAVO_EXIT_FAILED, &error);
    }
    octavo_exit code;
    int parsed = octavo_generate_options_parse(argc, argv, &run->options, &error);
    if (parsed == 2) {
        code = octavo_command_usage(argv[0]);
    } else if (parsed == 1) {
        code = octavo_command_fail(argv[0], OCTAVO_EXIT_USAGE, &error);
    } else if (run->options.help) {
        (void)fputs(octavo_generate_help, stdout);
        code = OCTAVO_EXIT_SUCCESS;
    } else {
        code = run_generation(run);
    }
    release(run);
    return code;
}
