/* Instructions for each cached value of the decode walk that the library chooses on a device.
 *
 * A driver tells the instructions of a kernel as they stand, but they run in loops. So the module is compiled once as
 * it is, and once for each loop with that loop's body twice: the difference is the body. Bodies times their trips,
 * which the module's constants tell, add up to what a lane executes for one tile; instructions that a branch skips
 * count too. */
#ifndef OCTAVO_TESTS_FLEET_VALUES_H
#define OCTAVO_TESTS_FLEET_VALUES_H

#include "fleet_list.h"

/* Compiles and prints a JSON object in one line, which begins with "chip": `chip`. False: it does not compile,
 * and nothing is printed. */
bool fleet_values_print(const fleet_device *device, const fleet_job *job, const char *chip);

#endif
