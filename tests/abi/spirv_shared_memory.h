/* Shared memory of a SPIR-V compute module, which the spirv-cross C API does not tell. */
#ifndef SPIRV_SHARED_MEMORY_H
#define SPIRV_SHARED_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of all workgroup variables, laid out without padding, with specialisation constant spec_id at spec_value and
 * the others at their defaults. Returns 0 and sets *problem when the module has what this small reader does not know.
 */
uint64_t octavo_test_shared_memory(const uint32_t *words, size_t word_count, uint32_t spec_id, uint32_t spec_value,
                                   const char **problem);

#endif
