#include "fleet_constants.h"

#include <stdlib.h>
#include <string.h>

/* Names and numbers of the SPIR-V specification. */
enum {
    OP_CONSTANT_TRUE = 41,
    OP_CONSTANT_FALSE = 42,
    OP_CONSTANT = 43,
    OP_CONSTANT_COMPOSITE = 44,
    OP_SPEC_CONSTANT_TRUE = 48,
    OP_SPEC_CONSTANT_FALSE = 49,
    OP_SPEC_CONSTANT = 50,
    OP_SPEC_CONSTANT_COMPOSITE = 51,
    OP_SPEC_CONSTANT_OP = 52,
    OP_DECORATE = 71,
    DECORATION_SPEC_ID = 1,
    OP_COMPOSITE_EXTRACT = 81,
    OP_SELECT = 169,
    OP_LOGICAL_NOT = 168,
    OP_NOT = 200,
    MAX_BOUND = 1 << 22,
    MAX_DEPTH = 64
};

uint32_t fleet_result_position(uint32_t operation) {
    static const uint16_t without[] = {0,  3,   4,   5,   6,   8,   10,  14,  15,  16,  17,  56,  62,  63,  71,
                                       72, 224, 225, 228, 246, 247, 249, 250, 251, 252, 253, 254, 255, 317, 4458};
    static const uint16_t without_type[] = {7, 11, 248}; /* OpString, OpExtInstImport, OpLabel */
    for (size_t i = 0; i < sizeof without / sizeof without[0]; i++) {
        if (operation == without[i]) {
            return 0;
        }
    }
    for (size_t i = 0; i < sizeof without_type / sizeof without_type[0]; i++) {
        if (operation == without_type[i]) {
            return 1;
        }
    }
    bool type = (operation >= 19 && operation <= 39) || operation == 4456; /* and OpTypeCooperativeMatrixKHR */
    return type ? 1 : 2;
}

static bool read_instruction(fleet_constants *constants, const uint32_t *words, size_t at, uint32_t length) {
    uint32_t operation = words[at] & 0xffffu, position = fleet_result_position(operation);
    if (position != 0) {
        if (position >= length || words[at + position] >= constants->bound) {
            return false;
        }
        constants->definitions[words[at + position]] = at;
    }
    if (operation == OP_DECORATE && length >= 4 && words[at + 2] == DECORATION_SPEC_ID) {
        if (words[at + 1] >= constants->bound) {
            return false;
        }
        constants->spec_ids[words[at + 1]] = words[at + 3] + 1;
    }
    return true;
}

bool fleet_constants_read(const fleet_job *job, fleet_constants *constants) {
    memset(constants, 0, sizeof *constants);
    constants->job = job;
    if (job->word_count < 5 || job->words[3] == 0 || job->words[3] > MAX_BOUND) {
        return false;
    }
    constants->bound = job->words[3];
    constants->definitions = calloc(constants->bound, sizeof constants->definitions[0]);
    constants->spec_ids = calloc(constants->bound, sizeof constants->spec_ids[0]);
    if (!constants->definitions || !constants->spec_ids) {
        return false;
    }
    for (size_t at = 5; at < job->word_count;) {
        uint32_t length = job->words[at] >> 16;
        if (length == 0 || length > job->word_count - at || !read_instruction(constants, job->words, at, length)) {
            return false;
        }
        at += length;
    }
    return true;
}

void fleet_constants_release(fleet_constants *constants) {
    free(constants->definitions);
    free(constants->spec_ids);
    memset(constants, 0, sizeof *constants);
}

static bool apply(uint32_t operation, uint32_t a, uint32_t b, uint32_t *value) {
    int32_t signed_a = (int32_t)a, signed_b = (int32_t)b;
    if (operation >= 134 && operation <= 139 && b == 0) {
        return false;
    }
    switch (operation) {
    case 128:
        *value = a + b;
        return true;
    case 130:
        *value = a - b;
        return true;
    case 132:
        *value = a * b;
        return true;
    case 134:
        *value = a / b;
        return true;
    case 137:
        *value = a % b;
        return true;
    case 164:
        *value = (a != 0) == (b != 0);
        return true;
    case 165:
        *value = (a != 0) != (b != 0);
        return true;
    case 166:
        *value = a != 0 || b != 0;
        return true;
    case 167:
        *value = a != 0 && b != 0;
        return true;
    case 170:
        *value = a == b;
        return true;
    case 171:
        *value = a != b;
        return true;
    case 172:
        *value = a > b;
        return true;
    case 173:
        *value = signed_a > signed_b;
        return true;
    case 174:
        *value = a >= b;
        return true;
    case 175:
        *value = signed_a >= signed_b;
        return true;
    case 176:
        *value = a < b;
        return true;
    case 177:
        *value = signed_a < signed_b;
        return true;
    case 178:
        *value = a <= b;
        return true;
    case 179:
        *value = signed_a <= signed_b;
        return true;
    case 194:
        *value = b < 32 ? a >> b : 0;
        return true;
    case 196:
        *value = b < 32 ? a << b : 0;
        return true;
    case 197:
        *value = a | b;
        return true;
    case 198:
        *value = a ^ b;
        return true;
    case 199:
        *value = a & b;
        return true;
    default:
        return false;
    }
}

static bool evaluate(const fleet_constants *constants, uint32_t id, uint32_t depth, uint32_t *value);

static bool evaluate_operation(const fleet_constants *constants, const uint32_t *instruction, uint32_t depth,
                               uint32_t *value) {
    uint32_t length = instruction[0] >> 16, operation = length > 4 ? instruction[3] : 0, a, b;
    if (operation == OP_COMPOSITE_EXTRACT && length == 6) {
        uint32_t composite = instruction[4];
        size_t at = composite < constants->bound ? constants->definitions[composite] : 0;
        const uint32_t *words = constants->job->words + at;
        uint32_t kind = at ? words[0] & 0xffffu : 0;
        bool is_composite = kind == OP_CONSTANT_COMPOSITE || kind == OP_SPEC_CONSTANT_COMPOSITE;
        return is_composite && instruction[5] < (words[0] >> 16) - 3 &&
               evaluate(constants, words[3 + instruction[5]], depth, value);
    }
    if (length < 5 || !evaluate(constants, instruction[4], depth, &a)) {
        return false;
    }
    if (operation == OP_SELECT) {
        return length == 7 && evaluate(constants, instruction[a ? 5 : 6], depth, value);
    }
    if (operation == OP_LOGICAL_NOT || operation == OP_NOT) {
        *value = operation == OP_NOT ? ~a : a == 0;
        return true;
    }
    return length == 6 && evaluate(constants, instruction[5], depth, &b) && apply(operation, a, b, value);
}

static bool evaluate(const fleet_constants *constants, uint32_t id, uint32_t depth, uint32_t *value) {
    if (id >= constants->bound || constants->definitions[id] == 0 || depth == MAX_DEPTH) {
        return false;
    }
    const uint32_t *instruction = constants->job->words + constants->definitions[id];
    uint32_t operation = instruction[0] & 0xffffu;
    for (uint32_t i = 0; constants->spec_ids[id] != 0 && i < constants->job->constant_count; i++) {
        if (constants->job->constants[i].id + 1 == constants->spec_ids[id]) {
            *value = constants->job->constants[i].value;
            return true;
        }
    }
    switch (operation) {
    case OP_CONSTANT_TRUE:
    case OP_SPEC_CONSTANT_TRUE:
    case OP_CONSTANT_FALSE:
    case OP_SPEC_CONSTANT_FALSE:
        *value = operation == OP_CONSTANT_TRUE || operation == OP_SPEC_CONSTANT_TRUE;
        return true;
    case OP_CONSTANT:
    case OP_SPEC_CONSTANT:
        *value = instruction[3];
        return (instruction[0] >> 16) == 4;
    case OP_SPEC_CONSTANT_OP:
        return evaluate_operation(constants, instruction, depth + 1, value);
    default:
        return false;
    }
}

bool fleet_constant_value(const fleet_constants *constants, uint32_t id, uint32_t *value) {
    return evaluate(constants, id, 0, value);
}
