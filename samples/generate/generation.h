/* From a prompt to text: tokens, prompt in passes, sampling, streaming. */
#ifndef OCTAVO_GENERATION_H
#define OCTAVO_GENERATION_H

#include "language_model.h"
#include "sampler.h"
#include "tokenizer.h"

typedef struct octavo_generation_options {
    const char *prompt;
    size_t prompt_length;
    bool parse_special; /* control tokens written in the prompt count as such, and are shown in the text */
    bool ignore_end;    /* go on after a token that ends the text */
    uint32_t token_limit;
    uint32_t pass_tokens; /* prompt tokens a pass, 1..65536 */
    octavo_sampler_options sampling;
    void *context; /* of the callbacks; each may be NULL */
    void (*on_prompt)(void *context, uint32_t tokens_read, uint32_t token_count);
    /* Valid UTF-8, possibly empty. False stops. */
    bool (*on_text)(void *context, const char *bytes, size_t length);
    /* logits[vocabulary]: those the token was picked from. */
    void (*on_token)(void *context, octavo_sample sample, const float *logits);
} octavo_generation_options;

#define OCTAVO_GENERATION_OPTIONS_INIT                                                                                 \
    { .token_limit = 128, .pass_tokens = 256, .sampling = OCTAVO_SAMPLER_OPTIONS_INIT }

typedef struct octavo_generation_result {
    octavo_text text;         /* what was generated, without the prompt, valid UTF-8 */
    octavo_token_list tokens; /* the prompt's, then the generated ones */
    uint32_t prompt_tokens;
    uint32_t generated_tokens;
    bool ended; /* by a token that ends the text, which is counted but not shown */
    double prompt_seconds;
    double generate_seconds; /* from the end of the prompt; tokens/s = generated_tokens / generate_seconds */
} octavo_generation_result;

/*
 * An empty prompt starts with the begin token, if there is one. `result` starts as zeros and is released by the caller
 * whatever this returns; after a failure it holds what was generated until then.
 */
bool octavo_generation_run(const octavo_language_model *model, const octavo_tokenizer *tokenizer,
                           const octavo_attention_backend *backend, const octavo_generation_options *options,
                           octavo_generation_result *result, octavo_generate_error *error);
void octavo_generation_result_release(octavo_generation_result *result);

#endif
