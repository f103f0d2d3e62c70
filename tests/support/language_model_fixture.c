#include "language_model_fixture.h"

#include <check.h>
#include <stdlib.h>

language_model_fixture language_model_fixture_create(const gguf_tiny_model *tiny) {
    language_model_fixture result = {0};
    gguf_builder builder = GGUF_BUILDER_INIT;
    octavo_generate_error error = {{0}};
    size_t size;
    gguf_add_tiny_model(&builder, tiny);
    result.bytes = gguf_finish(&builder, &size);
    gguf_builder_release(&builder);
    result.gguf = octavo_gguf_parse(result.bytes, size, &error);
    ck_assert_msg(result.gguf != NULL, "%s", error.text);
    result.model = octavo_language_model_create(result.gguf, &error);
    ck_assert_msg(result.model != NULL, "%s", error.text);
    result.tokenizer = octavo_tokenizer_create(result.gguf, &error);
    ck_assert_msg(result.tokenizer != NULL, "%s", error.text);
    return result;
}

void language_model_fixture_destroy(language_model_fixture *fixture) {
    octavo_tokenizer_destroy(fixture->tokenizer);
    octavo_language_model_destroy(fixture->model);
    octavo_gguf_destroy(fixture->gguf);
    free(fixture->bytes);
}
