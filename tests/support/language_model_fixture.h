/* A small language model with random weights, made as a file in memory and loaded from it. */
#ifndef OCTAVO_LANGUAGE_MODEL_FIXTURE_H
#define OCTAVO_LANGUAGE_MODEL_FIXTURE_H

#include "gguf_builder.h"
#include "language_model.h"
#include "tokenizer.h"

typedef struct language_model_fixture {
    unsigned char *bytes; /* the file */
    octavo_gguf *gguf;
    octavo_language_model *model;
    octavo_tokenizer *tokenizer;
} language_model_fixture;

/* Fails the test when it cannot be made. */
language_model_fixture language_model_fixture_create(const gguf_tiny_model *tiny);
void language_model_fixture_destroy(language_model_fixture *fixture);

#endif
