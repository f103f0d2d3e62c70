/* libFuzzer: any bytes as a model file. Reader, tokenizer, model checks, and a pass of a model that is small enough. */
#include "cpu_attention.h"
#include "language_model.h"

#include <stdint.h>
#include <stdlib.h>

#define MOST_PARAMETERS 100000u
#define MOST_VOCABULARY 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A refusal must say why. */
static void require_message(bool done, const octavo_generate_error *error) {
    if (!done && error->text[0] == '\0') abort();
}

static void use_tokenizer(const octavo_gguf *gguf, octavo_generate_error *error) {
    static const char text[] = "hello world, it's 2345 \n\n <|end|></s>\xc3\xa9\xe4\xb8\xad\xf0\x9f\x99\x82\xff";
    octavo_tokenizer *tokenizer = octavo_tokenizer_create(gguf, error);
    require_message(tokenizer != NULL, error);
    if (tokenizer == NULL) return;
    octavo_token_list list = {0};
    octavo_detokenizer detokenizer = {.tokenizer = tokenizer, .show_special = true};
    octavo_text back = {0};
    octavo_tokenizer_encode_options options = {.begin = true, .parse_special = true};
    octavo_generate_error encode_error = {{0}};
    require_message(octavo_tokenizer_encode(tokenizer, text, sizeof text - 1, options, &list, &encode_error),
                    &encode_error);
    for (size_t i = 0; i < list.count; i++) {
        if (list.tokens[i] >= octavo_tokenizer_vocabulary_size(tokenizer)) abort();
        octavo_detokenizer_push(&detokenizer, list.tokens[i], &back);
    }
    octavo_detokenizer_finish(&detokenizer, &back);
    octavo_text_release(&back);
    octavo_token_list_release(&list);
    octavo_tokenizer_destroy(tokenizer);
}

static void use_model(const octavo_gguf *gguf, octavo_generate_error *error) {
    octavo_language_model_config config;
    static float logits[MOST_VOCABULARY];
    bool runs = octavo_language_model_check(gguf, &config, error);
    require_message(runs, error);
    if (!runs || config.parameter_count > MOST_PARAMETERS || config.vocabulary_size > MOST_VOCABULARY) return;
    octavo_language_model *model = octavo_language_model_create(gguf, error);
    require_message(model != NULL, error);
    if (model == NULL) return;
    octavo_cpu_attention *attention =
        octavo_cpu_attention_create(octavo_language_model_attention_shape(&config, 8), true, error);
    octavo_attention_backend backend = octavo_cpu_attention_backend(attention);
    octavo_language_session *session = octavo_language_session_create(model, &backend, 2, error);
    const uint32_t tokens[2] = {0, config.vocabulary_size - 1};
    if (attention != NULL && session != NULL && octavo_language_session_forward(session, tokens, 2, 1, logits, error))
        octavo_language_session_forward(session, tokens, 1, 1, logits, error);
    octavo_language_session_destroy(session);
    octavo_cpu_attention_destroy(attention);
    octavo_language_model_destroy(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    octavo_generate_error error = {{0}};
    octavo_gguf *gguf = octavo_gguf_parse(data, size, &error);
    require_message(gguf != NULL, &error);
    if (gguf == NULL) return 0;
    use_tokenizer(gguf, &error);
    error.text[0] = '\0';
    use_model(gguf, &error);
    octavo_gguf_destroy(gguf);
    return 0;
}
