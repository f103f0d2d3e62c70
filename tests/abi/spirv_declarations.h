/* A SPIR-V module without its code, for a reflection library that is older than cooperative matrices. */
#ifndef OCTAVO_TEST_SPIRV_DECLARATIONS_H
#define OCTAVO_TEST_SPIRV_DECLARATIONS_H

#include <stddef.h>
#include <stdint.h>

/* Copies the module to kept[word_count]. Of one with types of cooperative matrices it leaves out these, what is made of
 * them, and the code: the entry point is an empty function. Returns the words of the copy, or 0: no module. */
size_t octavo_test_declarations(const uint32_t *words, size_t word_count, uint32_t *kept);

#endif
