/* Shared memory that a SPIR-V module declares, for given specialisation constants. */
#ifndef OCTAVO_TEST_SPIRV_SHARED_MEMORY_H
#define OCTAVO_TEST_SPIRV_SHARED_MEMORY_H

#include <stddef.h>
#include <stdint.h>

typedef struct octavo_test_shared_memory {
    uint64_t bytes;
    uint32_t variables;
    const char *problem; /* why it cannot be said, or NULL */
} octavo_test_shared_memory;

/* All workgroup variables, with spec_values[i] for the specialisation constant spec_ids[i] and defaults for others. */
octavo_test_shared_memory octavo_test_shared_memory_of(const uint32_t *words, size_t word_count, uint32_t spec_count,
                                                       const uint32_t *spec_ids, const uint32_t *spec_values);

#endif
