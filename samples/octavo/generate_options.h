/* The arguments of `octavo generate`. */
#ifndef OCTAVO_GENERATE_OPTIONS_H
#define OCTAVO_GENERATE_OPTIONS_H

#include "error_line.h"
#include "generation.h"

typedef struct octavo_generate_options {
    const char *model_path;  /* NULL: the model that ships */
    const char *prompt_text; /* NULL: see prompt_path, else the default prompt */
    const char *prompt_path;
    const char *device, *variant;
    uint32_t key_bits, value_bits, first_tokens, recent_tokens;
    bool json, verbose, help, reference;
    octavo_generation_options generation; /* the prompt is filled in by the command */
} octavo_generate_options;

/* 0: good; 1: error says why not; 2: getopt_long has said why. */
int octavo_generate_options_parse(int argc, char **argv, octavo_generate_options *options, octavo_error_line *error);

extern const char octavo_generate_help[];

#endif
