#define _POSIX_C_SOURCE 200809L

#include "generation.h"

#include <stdlib.h>
#include <time.h>

typedef struct generation {
    const octavo_generation_options *options;
    const octavo_tokenizer *tokenizer;
    octavo_language_session *session;
    octavo_sampler *sampler;
    octavo_detokenizer detokenizer;
    float *logits;
    octavo_generation_result *result;
    octavo_generate_error *error;
} generation;

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static bool encode_prompt(generation *run) {
    octavo_token_list *tokens = &run->result->tokens;
    const octavo_generation_options *options = run->options;
    octavo_tokenizer_encode_options encode = {.begin = true, .parse_special = options->parse_special};
    if (!octavo_tokenizer_encode(run->tokenizer, options->prompt_length > 0 ? options->prompt : "",
                                 options->prompt_length, encode, tokens, run->error))
        return false;
    uint32_t begin = octavo_tokenizer_begin_token(run->tokenizer);
    if (tokens->count == 0 && begin == OCTAVO_NO_TOKEN)
        return octavo_generate_fail(run->error, "generate: the prompt is empty and the model has no begin token");
    if (tokens->count == 0 && !octavo_token_list_push(tokens, begin))
        return octavo_generate_fail(run->error, "generate: no memory for the prompt");
    if (tokens->count > UINT32_MAX)
        return octavo_generate_fail(run->error, "generate: the prompt has %zu tokens, more than a model can read",
                                    tokens->count);
    run->result->prompt_tokens = (uint32_t)tokens->count;
    return true;
}

static bool check_context(const generation *run, const octavo_language_model *model) {
    uint32_t context = octavo_language_model_configuration(model)->context_length;
    uint64_t needed = (uint64_t)run->result->prompt_tokens + run->options->token_limit;
    /* The last token is generated but not read again. */
    if (needed > (uint64_t)context + 1)
        return octavo_generate_fail(run->error,
                                    "generate: %u prompt tokens and %u to generate exceed the model's context of %u",
                                    run->result->prompt_tokens, run->options->token_limit, context);
    return true;
}

static bool read_prompt(generation *run) {
    uint32_t count = run->result->prompt_tokens, pass = run->options->pass_tokens;
    for (uint32_t read = 0; read < count;) {
        uint32_t tokens = count - read < pass ? count - read : pass;
        bool is_last = read + tokens == count;
        if (!octavo_language_session_forward(run->session, run->result->tokens.tokens + read, tokens, is_last ? 1 : 0,
                                             run->logits, run->error))
            return false;
        read += tokens;
        if (run->options->on_prompt != NULL) run->options->on_prompt(run->options->context, read, count);
    }
    return true;
}

/* Hands out what the text has grown by since `start`; false when the receiver has had enough. */
static bool hand_out(const generation *run, size_t start) {
    const octavo_text *text = &run->result->text;
    if (run->options->on_text == NULL || text->length == start) return true;
    return run->options->on_text(run->options->context, text->bytes + start, text->length - start);
}

static bool write_text(generation *run) {
    octavo_generation_result *result = run->result;
    for (;;) {
        octavo_sample sample;
        if (!octavo_sampler_next(run->sampler, run->logits, &sample, run->error)) return false;
        if (!octavo_token_list_push(&result->tokens, sample.token))
            return octavo_generate_fail(run->error, "generate: no memory for the tokens");
        result->generated_tokens++;
        if (run->options->on_token != NULL) run->options->on_token(run->options->context, sample, run->logits);
        if (!run->options->ignore_end && octavo_tokenizer_ends_text(run->tokenizer, sample.token)) {
            result->ended = true;
            return true;
        }
        size_t start = result->text.length;
        if (!octavo_detokenizer_push(&run->detokenizer, sample.token, &result->text))
            return octavo_generate_fail(run->error, "generate: no memory for the text");
        if (!hand_out(run, start) || result->generated_tokens == run->options->token_limit) return true;
        if (!octavo_language_session_forward(run->session, &sample.token, 1, 1, run->logits, run->error)) return false;
    }
}

static bool run_timed(generation *run) {
    double start = seconds_now();
    bool done = read_prompt(run);
    double after_prompt = seconds_now();
    run->result->prompt_seconds = after_prompt - start;
    if (done && run->options->token_limit > 0) done = write_text(run);
    run->result->generate_seconds = seconds_now() - after_prompt;
    size_t text_start = run->result->text.length;
    if (!octavo_detokenizer_finish(&run->detokenizer, &run->result->text) && done)
        done = octavo_generate_fail(run->error, "generate: no memory for the text");
    if (done) hand_out(run, text_start);
    return done;
}

bool octavo_generation_run(const octavo_language_model *model, const octavo_tokenizer *tokenizer,
                           const octavo_attention_backend *backend, const octavo_generation_options *options,
                           octavo_generation_result *result, octavo_generate_error *error) {
    const octavo_language_model_config *config = octavo_language_model_configuration(model);
    generation run = {.options = options, .tokenizer = tokenizer, .result = result, .error = error};
    if (!octavo_language_model_check_vocabulary(config, tokenizer, error)) return false;
    run.detokenizer = (octavo_detokenizer){.tokenizer = tokenizer, .show_special = options->parse_special};
    run.session = octavo_language_session_create(model, backend, options->pass_tokens, error);
    run.sampler = run.session != NULL ? octavo_sampler_create(options->sampling, config->vocabulary_size, error) : NULL;
    bool done = run.sampler != NULL;
    if (done) {
        run.logits = malloc((size_t)config->vocabulary_size * sizeof *run.logits);
        done = run.logits != NULL || octavo_generate_fail(error, "generate: no memory for the logits");
    }
    done = done && encode_prompt(&run) && check_context(&run, model) && run_timed(&run);
    free(run.logits);
    octavo_sampler_destroy(run.sampler);
    octavo_language_session_destroy(run.session);
    return done;
}

void octavo_generation_result_release(octavo_generation_result *result) {
    octavo_text_release(&result->text);
    octavo_token_list_release(&result->tokens);
}
