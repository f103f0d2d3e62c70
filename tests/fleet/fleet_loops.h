/* The loops of a SPIR-V module as glslang writes them without optimisation, and a module in which the body of one loop
 * stands several times. What a compiler makes longer by one more is the body's instructions. */
#ifndef OCTAVO_TESTS_FLEET_LOOPS_H
#define OCTAVO_TESTS_FLEET_LOOPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fleet_constants.h"

enum { FLEET_MAX_LOOPS = 256, FLEET_TRIPS_UNKNOWN = 0 };

typedef struct fleet_loop {
    size_t merge;           /* word offsets: of its OpLoopMerge, */
    size_t body, next, end; /* of the labels of its body, of what follows the body, and behind the loop */
    uint32_t body_label, next_label;
    uint32_t trips;  /* FLEET_TRIPS_UNKNOWN: known only when it runs */
    bool unrolled;   /* [[unroll]] */
    uint64_t copies; /* in how many places a compiler that inlines all functions puts it */
} fleet_loop;

typedef struct fleet_loops {
    fleet_loop loops[FLEET_MAX_LOOPS]; /* in the order of the module */
    uint32_t count;
} fleet_loops;

/* NULL, or why the module cannot be read. */
const char *fleet_loops_read(const fleet_constants *constants, fleet_loops *loops);

/* Whether a compiler keeps it as a loop: not unrolled, and with more than one trip. */
bool fleet_loop_stays(const fleet_loop *loop);

/* A copy of the module, to be freed, in which loops that stay are marked so; where `copies` are more than one, the body
 * of loop `several` and what follows it stand so often. NULL without memory, or where the loop is not built as
 * expected. */
uint32_t *fleet_loops_rewrite(const fleet_constants *constants, const fleet_loops *loops, const fleet_loop *several,
                              uint32_t copies, size_t *word_count);

/* How often loop `inner` stands in the text from `begin` to `end`, called functions included, but not what is inside of
 * loops that stay. */
uint64_t fleet_loops_inside(const fleet_constants *constants, const fleet_loops *loops, size_t begin, size_t end,
                            const fleet_loop *inner);

#endif
