/* IEEE 754 binary16 <-> binary32, round to nearest even, independent of the compiler's f16 support. */
#ifndef OCTAVO_HALF_PRECISION_H
#define OCTAVO_HALF_PRECISION_H

#include <stdint.h>

float octavo_half_to_float(uint16_t half);
uint16_t octavo_half_from_float(float value);

#endif
