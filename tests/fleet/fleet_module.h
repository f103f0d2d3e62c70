/* What a compute pipeline must know of a SPIR-V module: its descriptor bindings and the capabilities it declares. */
#ifndef OCTAVO_TESTS_FLEET_MODULE_H
#define OCTAVO_TESTS_FLEET_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FLEET_MAX_BINDINGS = 64, FLEET_MAX_SETS = 8, FLEET_MAX_CAPABILITIES = 64 };

typedef struct fleet_binding {
    uint32_t set;
    uint32_t binding;
    bool uniform_buffer; /* else a storage buffer; Octavo's shaders have no other resource */
} fleet_binding;

typedef struct fleet_module {
    fleet_binding bindings[FLEET_MAX_BINDINGS];
    uint32_t binding_count;
    uint32_t set_count;
    uint32_t capabilities[FLEET_MAX_CAPABILITIES];
    uint32_t capability_count;
} fleet_module;

/* Returns NULL, or the reason why the words cannot be read. */
const char *fleet_module_read(const uint32_t *words, size_t word_count, fleet_module *module);

#endif
