/* The arguments of `octavo attend`, and the problem that they and their files make. */
#ifndef OCTAVO_ATTEND_ARGUMENTS_H
#define OCTAVO_ATTEND_ARGUMENTS_H

#include "attention_problem.h"

typedef struct octavo_attend_arguments {
    const char *query_path, *key_path, *value_path, *sink_path; /* sink_path may be NULL */
    const char *output_path, *lse_path;                         /* NULL: not written */
    const char *lengths;                                        /* NULL: all keys of the file */
    const char *device;
    bool check, json, verbose, help;
    octavo_problem settings; /* everything but the data; owns no arrays */
} octavo_attend_arguments;

typedef enum octavo_arguments_state {
    OCTAVO_ARGUMENTS_GOOD = 0,
    OCTAVO_ARGUMENTS_BAD = 1,    /* error says why */
    OCTAVO_ARGUMENTS_UNKNOWN = 2 /* getopt_long has said why */
} octavo_arguments_state;

octavo_arguments_state octavo_attend_arguments_parse(int argc, char **argv, octavo_attend_arguments *arguments,
                                                     octavo_error_line *error);

/* Reads the files and checks their shapes against each other. problem: released by the caller after success; queries of
 * the file's [B, Lq, Hq, D] in *query_shape. */
bool octavo_attend_arguments_load(const octavo_attend_arguments *arguments, octavo_problem *problem,
                                  uint64_t query_shape[4], octavo_error_line *error);

#endif
