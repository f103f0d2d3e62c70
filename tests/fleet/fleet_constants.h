/* Constants of a SPIR-V module with a job's specialisation: scalars of 32 bits, as glslang writes them. */
#ifndef OCTAVO_TESTS_FLEET_CONSTANTS_H
#define OCTAVO_TESTS_FLEET_CONSTANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fleet_list.h"

typedef struct fleet_constants {
    const fleet_job *job;
    size_t *definitions; /* word offset of the instruction that makes an identifier; 0: none */
    uint32_t *spec_ids;  /* specialisation id + 1; 0: none */
    uint32_t bound;
} fleet_constants;

/* False without memory, or when the words are no sequence of instructions. Release is right after either outcome. */
bool fleet_constants_read(const fleet_job *job, fleet_constants *constants);
void fleet_constants_release(fleet_constants *constants);

/* Whether identifier `id` is a constant of an operation known here. */
bool fleet_constant_value(const fleet_constants *constants, uint32_t id, uint32_t *value);

/* Position of an instruction's result identifier among its words; 0: it has none. */
uint32_t fleet_result_position(uint32_t operation);

#endif
