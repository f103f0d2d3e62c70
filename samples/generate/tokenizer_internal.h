/* What the tokenizer's files share; nobody else includes this. */
#ifndef OCTAVO_TOKENIZER_INTERNAL_H
#define OCTAVO_TOKENIZER_INTERNAL_H

#include "pair_merge.h"
#include "pretokenizer.h"
#include "string_table.h"
#include "tokenizer.h"

/* Numbers of tokenizer.ggml.token_type. */
typedef enum octavo_token_kind {
    OCTAVO_TOKEN_UNDEFINED = 0, /* as NORMAL */
    OCTAVO_TOKEN_NORMAL = 1,
    OCTAVO_TOKEN_UNKNOWN = 2,
    OCTAVO_TOKEN_CONTROL = 3,
    OCTAVO_TOKEN_USER_DEFINED = 4,
    OCTAVO_TOKEN_UNUSED = 5,
    OCTAVO_TOKEN_BYTE = 6
} octavo_token_kind;

#define OCTAVO_LONGEST_SPECIAL_TOKEN 256u /* bytes */

typedef struct octavo_token {
    const char *bytes;
    size_t length;
    float score; /* SentencePiece only */
    octavo_token_kind kind;
} octavo_token;

struct octavo_tokenizer {
    bool byte_level; /* else SentencePiece */
    octavo_pretokenizer pretokenizer;
    bool whole_words_first; /* a piece that is a token is taken without merging (Llama 3) */
    bool add_begin;
    bool add_space_prefix;

    char *strings; /* the bytes of all tokens and merges */
    octavo_token *tokens;
    uint32_t token_count;
    octavo_string_table ordinary; /* tokens that text can become */
    octavo_string_table special;  /* control and user-defined tokens */
    octavo_string_table merges;   /* "left right" -> rank */

    bool special_starts[256]; /* first bytes of special tokens */
    bool special_lengths[OCTAVO_LONGEST_SPECIAL_TOKEN + 1];

    uint32_t byte_tokens[256]; /* SentencePiece's fallback */
    uint32_t begin_token;
    uint32_t end_token;
    uint32_t end_of_turn_token;
    uint32_t unknown_token;
};

/* One call's working memory. */
typedef struct octavo_encoder {
    const octavo_tokenizer *tokenizer;
    octavo_token_list *list;
    octavo_pair_merger merger;
    octavo_text buffer;
    octavo_generate_error *error;
} octavo_encoder;

/* Append the tokens of ordinary text, length >= 1. */
bool octavo_tokenizer_encode_spm(octavo_encoder *encoder, const char *text, size_t length, bool space_prefix);
bool octavo_tokenizer_encode_byte_level(octavo_encoder *encoder, const char *text, size_t length);

/* The byte that a code point of a byte-level vocabulary stands for; false: none. */
bool octavo_byte_level_byte(uint32_t code_point, unsigned char *byte);

/* Parses "<0x0A>". */
bool octavo_parse_byte_token(const char *bytes, size_t length, unsigned char *byte);

#endif
