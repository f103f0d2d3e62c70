/* Numbers and lists of numbers in arguments: the whole text must be one, inside its limits. */
#ifndef OCTAVO_NUMBER_TEXT_H
#define OCTAVO_NUMBER_TEXT_H

#include "error_line.h"

#include <stddef.h>
#include <stdint.h>

/* name is what the message calls the value, as "--chunk". Decimal digits only. */
bool octavo_number_parse(const char *name, const char *text, uint64_t minimum, uint64_t maximum, uint64_t *value,
                         octavo_error_line *error);
/* A finite decimal number, as strtod reads it in the C locale. */
bool octavo_real_parse(const char *name, const char *text, double minimum, double maximum, double *value,
                       octavo_error_line *error);
/* "N,N,..": *values is allocated with malloc. */
bool octavo_number_list_parse(const char *name, const char *text, uint64_t maximum, uint32_t **values, uint32_t *count,
                              octavo_error_line *error);

#endif
