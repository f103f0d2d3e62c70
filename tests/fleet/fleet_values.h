/* Instructions for each cached value of the decode walk that the library chooses on a device.
 *
 * A driver tells the instructions of a kernel as they stand, but they run in loops. So for each loop the module is
 * compiled with that loop's body twice and three times: the difference is the body. (Not twice and once: Mesa 26.2
 * makes of Intel's loop over the values, 181 instructions as its assembly shows, 327 more when it stands twice, since
 * what is behind a condition of the first trip stands twice then.) Bodies times their trips, which the module's
 * constants tell, add up to what a lane executes for one tile; instructions that a branch skips count too. */
#ifndef OCTAVO_TESTS_FLEET_VALUES_H
#define OCTAVO_TESTS_FLEET_VALUES_H

#include "fleet_list.h"

/* Compiles and prints a JSON object in one line, which begins with "chip": `chip`. False: it does not compile,
 * and nothing is printed. */
bool fleet_values_print(const fleet_device *device, const fleet_job *job, const char *chip);

#endif
