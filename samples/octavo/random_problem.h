/* Problems for the self test and the tests: a list of small ones by hand, and any number at random. */
#ifndef OCTAVO_RANDOM_PROBLEM_H
#define OCTAVO_RANDOM_PROBLEM_H

#include "attention_problem.h"

/* A problem that depends on the seed and the limit alone: sequences 1..4, queries 1..300 and keys 1..3000 log-uniform,
 * heads 1..32, dimensions 32..256, everything else drawn too. work_limit: most octavo_problem_work; 0: none. */
bool octavo_random_problem_draw(uint64_t seed, double work_limit, octavo_problem *problem, octavo_error_line *error);

/* Fixed problem `index`: its name, or NULL beyond the last. problem may be NULL. */
const char *octavo_fixed_problem(uint32_t index, octavo_problem *problem, octavo_error_line *error, bool *made);

/* Q, K, V from N(0, 1), Q times query_deviation. */
void octavo_random_problem_fill(octavo_problem *problem, uint64_t seed, float query_deviation);

/* Runs the problem on a kernel (NULL: the best); as prefill where the kernel is for nothing else. */
void octavo_random_problem_force(octavo_problem *problem, const char *variant);

#endif
