/*
 * Text <-> token numbers, with the vocabulary of a GGUF file.
 *
 * tokenizer.ggml.model "llama": SentencePiece BPE (scores, byte fallback, spaces as U+2581).
 * tokenizer.ggml.model "gpt2":  byte-level BPE (merges; see pretokenizer.h for the splitting rules known by name).
 * Every other model is refused by its name.
 *
 * A tokenizer is immutable and may be used by several threads.
 */
#ifndef OCTAVO_TOKENIZER_H
#define OCTAVO_TOKENIZER_H

#include "gguf.h"

#define OCTAVO_NO_TOKEN UINT32_MAX

typedef struct octavo_tokenizer octavo_tokenizer;

/* Copies what it needs: the file may go away afterwards. NULL, with the reason in `error`, when it cannot be used. */
octavo_tokenizer *octavo_tokenizer_create(const octavo_gguf *gguf, octavo_generate_error *error);
void octavo_tokenizer_destroy(octavo_tokenizer *tokenizer);

uint32_t octavo_tokenizer_vocabulary_size(const octavo_tokenizer *tokenizer);
uint32_t octavo_tokenizer_begin_token(const octavo_tokenizer *tokenizer); /* OCTAVO_NO_TOKEN: has none */

/* True for the tokens after which a model has nothing more to say: end of sequence, of turn, of text. */
bool octavo_tokenizer_ends_text(const octavo_tokenizer *tokenizer, uint32_t token);

/* Starts as zeros; released by octavo_token_list_release. */
typedef struct octavo_token_list {
    uint32_t *tokens;
    size_t count;
    size_t capacity;
} octavo_token_list;

bool octavo_token_list_push(octavo_token_list *list, uint32_t token); /* false: no memory */
void octavo_token_list_release(octavo_token_list *list);

typedef struct octavo_tokenizer_encode_options {
    bool begin;         /* put the begin token first, if the file asks for it and the text does not start with it */
    bool parse_special; /* the text of a control token (<|im_start|>) becomes that token, not ordinary text */
} octavo_tokenizer_encode_options;

/*
 * Appends the tokens of text[0..length), at most 64 MiB. Bytes that are not UTF-8 are kept, byte by byte, where the
 * vocabulary can say them. User-defined tokens are always taken whole, as SentencePiece does. False: error says why.
 */
bool octavo_tokenizer_encode(const octavo_tokenizer *tokenizer, const char *text, size_t length,
                             octavo_tokenizer_encode_options options, octavo_token_list *list,
                             octavo_generate_error *error);

/* Bytes that grow. Starts as zeros; released by octavo_text_release. */
typedef struct octavo_text {
    char *bytes;
    size_t length;
    size_t capacity;
} octavo_text;

bool octavo_text_append(octavo_text *text, const char *bytes, size_t length); /* false: no memory */
void octavo_text_release(octavo_text *text);

/* Appends the bytes a token stands for: possibly part of a character. Control tokens give none unless `show_special`.
 */
bool octavo_tokenizer_append_piece(const octavo_tokenizer *tokenizer, uint32_t token, bool show_special,
                                   octavo_text *text);

/*
 * Streaming: each push appends the characters that are complete, holds back the first bytes of one that is not, and
 * writes U+FFFD for bytes that are not UTF-8, so that `text` is valid UTF-8 at any time. Both return false: no memory.
 */
typedef struct octavo_detokenizer {
    const octavo_tokenizer *tokenizer;
    bool show_special;
    octavo_text pending;
} octavo_detokenizer;

bool octavo_detokenizer_push(octavo_detokenizer *detokenizer, uint32_t token, octavo_text *text);
bool octavo_detokenizer_finish(octavo_detokenizer *detokenizer, octavo_text *text); /* also releases its memory */

#endif
