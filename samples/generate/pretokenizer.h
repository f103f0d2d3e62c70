/*
 * Splits text into the pieces that byte-level BPE merges within, as the regular expressions of the models do:
 *
 * GPT-2:     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 * Llama 3:   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|
 *            \s+(?!\S)|\s+
 * Qwen 2:    as Llama 3 with \p{N} for \p{N}{1,3}
 * SmolLM:    every \p{N} alone, GPT-2 on what is between
 *
 * A byte that is not valid UTF-8 counts as one character that is neither letter, number nor space.
 */
#ifndef OCTAVO_PRETOKENIZER_H
#define OCTAVO_PRETOKENIZER_H

#include "gguf.h"

typedef enum octavo_pretokenizer {
    OCTAVO_PRETOKENIZER_GPT2,
    OCTAVO_PRETOKENIZER_LLAMA3,
    OCTAVO_PRETOKENIZER_QWEN2,
    OCTAVO_PRETOKENIZER_SMOLLM
} octavo_pretokenizer;

/* By the name that GGUF files give in tokenizer.ggml.pre; false: not one that is implemented. */
bool octavo_pretokenizer_of_name(octavo_gguf_string name, octavo_pretokenizer *pretokenizer);

/* Bytes of the first piece of text[0..length), length >= 1; the result is in 1..length. */
size_t octavo_pretokenizer_next(octavo_pretokenizer pretokenizer, const char *text, size_t length);

#endif
