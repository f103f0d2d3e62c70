#include "fleet_module.h"

#include <stdlib.h>
#include <string.h>

/* Names and numbers of the SPIR-V specification. */
enum {
    OP_CAPABILITY = 17,
    OP_TYPE_POINTER = 32,
    OP_VARIABLE = 59,
    OP_DECORATE = 71,
    DECORATION_BUFFER_BLOCK = 3,
    DECORATION_BINDING = 33,
    DECORATION_DESCRIPTOR_SET = 34,
    STORAGE_UNIFORM = 2,
    STORAGE_STORAGE_BUFFER = 12,
    MAX_BOUND = 1 << 22
};

typedef struct identifier {
    uint32_t set;
    uint32_t binding;
    uint32_t pointee;
    bool has_binding;
    bool buffer_block; /* how SPIR-V before 1.3 marks a storage buffer */
} identifier;

static const char *add_binding(const identifier *ids, uint32_t bound, const uint32_t *instruction,
                               fleet_module *module) {
    uint32_t type = instruction[1], variable = instruction[2], storage = instruction[3];
    if (type >= bound || variable >= bound) {
        return "an identifier beyond the bound";
    }
    const identifier *id = &ids[variable];
    if (!id->has_binding || (storage != STORAGE_UNIFORM && storage != STORAGE_STORAGE_BUFFER)) {
        return id->has_binding ? "a resource that is no buffer" : NULL;
    }
    for (uint32_t i = 0; i < module->binding_count; i++) {
        if (module->bindings[i].set == id->set && module->bindings[i].binding == id->binding) {
            return NULL; /* two views of one buffer */
        }
    }
    if (module->binding_count == FLEET_MAX_BINDINGS || id->set >= FLEET_MAX_SETS) {
        return "more bindings or sets than this program holds";
    }
    uint32_t pointee = ids[type].pointee;
    bool block = storage == STORAGE_UNIFORM && !(pointee < bound && ids[pointee].buffer_block);
    module->bindings[module->binding_count++] =
        (fleet_binding){.set = id->set, .binding = id->binding, .uniform_buffer = block};
    if (id->set + 1 > module->set_count) {
        module->set_count = id->set + 1;
    }
    return NULL;
}

static const char *read_instruction(identifier *ids, uint32_t bound, const uint32_t *instruction, uint32_t length,
                                    fleet_module *module) {
    switch (instruction[0] & 0xffffu) {
    case OP_CAPABILITY:
        if (length < 2 || module->capability_count == FLEET_MAX_CAPABILITIES) {
            return "too many capabilities";
        }
        module->capabilities[module->capability_count++] = instruction[1];
        return NULL;
    case OP_DECORATE:
        if (length < 3 || instruction[1] >= bound) {
            return "a malformed decoration";
        }
        if (instruction[2] == DECORATION_BUFFER_BLOCK) {
            ids[instruction[1]].buffer_block = true;
        } else if (length >= 4 && instruction[2] == DECORATION_DESCRIPTOR_SET) {
            ids[instruction[1]].set = instruction[3];
        } else if (length >= 4 && instruction[2] == DECORATION_BINDING) {
            ids[instruction[1]].binding = instruction[3];
            ids[instruction[1]].has_binding = true;
        }
        return NULL;
    case OP_TYPE_POINTER:
        if (length < 4 || instruction[1] >= bound) {
            return "a malformed pointer type";
        }
        ids[instruction[1]].pointee = instruction[3];
        return NULL;
    case OP_VARIABLE:
        return length < 4 ? "a malformed variable" : add_binding(ids, bound, instruction, module);
    default:
        return NULL;
    }
}

const char *fleet_module_read(const uint32_t *words, size_t word_count, fleet_module *module) {
    memset(module, 0, sizeof *module);
    if (word_count < 5 || words[3] == 0 || words[3] > MAX_BOUND) {
        return "no SPIR-V header";
    }
    uint32_t bound = words[3];
    identifier *ids = calloc(bound, sizeof *ids);
    if (!ids) {
        return "out of memory";
    }
    const char *reason = NULL;
    for (size_t i = 5; i < word_count && !reason;) {
        uint32_t length = words[i] >> 16;
        if (length == 0 || length > word_count - i) {
            reason = "an instruction that leaves the module";
        } else {
            reason = read_instruction(ids, bound, words + i, length, module);
            i += length;
        }
    }
    free(ids);
    return reason;
}
