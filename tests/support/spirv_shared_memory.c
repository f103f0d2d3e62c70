/* One pass over the instructions: sizes of types, values of 32-bit constants, then the sum over workgroup variables. */
#include "spirv_shared_memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SPV_ENABLE_UTILITY_CODE 0
#include <spirv_cross/spirv.h>

typedef struct identifier {
    bool has_size, has_value;
    uint64_t size; /* of a type, bytes; of a pointer type: what it points to */
    uint32_t value;
    const uint32_t *parts; /* of a composite constant: ids */
    uint32_t part_count;
} identifier;

static bool evaluate(uint32_t operation, const identifier *a, const identifier *b, uint32_t *value) {
    if (!a->has_value || !b->has_value) return false;
    uint32_t x = a->value, y = b->value;
    switch (operation) {
    case SpvOpIAdd:
        *value = x + y;
        return true;
    case SpvOpISub:
        *value = x - y;
        return true;
    case SpvOpIMul:
        *value = x * y;
        return true;
    case SpvOpUDiv:
    case SpvOpSDiv:
        *value = y ? x / y : 0;
        return y != 0;
    case SpvOpUMod:
    case SpvOpSRem:
    case SpvOpSMod:
        *value = y ? x % y : 0;
        return y != 0;
    case SpvOpShiftRightLogical:
    case SpvOpShiftRightArithmetic:
        *value = x >> (y & 31);
        return true;
    case SpvOpShiftLeftLogical:
        *value = x << (y & 31);
        return true;
    case SpvOpBitwiseOr:
    case SpvOpLogicalOr:
        *value = x | y;
        return true;
    case SpvOpBitwiseAnd:
    case SpvOpLogicalAnd:
        *value = x & y;
        return true;
    case SpvOpBitwiseXor:
        *value = x ^ y;
        return true;
    case SpvOpIEqual:
        *value = x == y;
        return true;
    case SpvOpINotEqual:
        *value = x != y;
        return true;
    case SpvOpUGreaterThan:
    case SpvOpSGreaterThan:
        *value = x > y;
        return true;
    case SpvOpUGreaterThanEqual:
    case SpvOpSGreaterThanEqual:
        *value = x >= y;
        return true;
    case SpvOpULessThan:
    case SpvOpSLessThan:
        *value = x < y;
        return true;
    case SpvOpULessThanEqual:
    case SpvOpSLessThanEqual:
        *value = x <= y;
        return true;
    default:
        return false;
    }
}

static void specialise(identifier *ids, uint32_t bound, const uint32_t *word, uint32_t length) {
    identifier *result = &ids[word[2]];
    if (word[3] == SpvOpSelect && length == 7) {
        if (word[4] < bound && word[5] < bound && word[6] < bound && ids[word[4]].has_value) {
            const identifier *chosen = &ids[ids[word[4]].value ? word[5] : word[6]];
            result->has_value = chosen->has_value;
            result->value = chosen->value;
        }
    } else if (word[3] == SpvOpLogicalNot && length == 5) {
        result->has_value = word[4] < bound && ids[word[4]].has_value;
        result->value = result->has_value && !ids[word[4]].value;
    } else if (word[3] == SpvOpCompositeExtract && length == 6) {
        if (word[4] < bound && word[5] < ids[word[4]].part_count && ids[word[4]].parts[word[5]] < bound) {
            const identifier *part = &ids[ids[word[4]].parts[word[5]]];
            result->has_value = part->has_value;
            result->value = part->value;
        }
    } else if (length == 6 && word[4] < bound && word[5] < bound) {
        result->has_value = evaluate(word[3], &ids[word[4]], &ids[word[5]], &result->value);
    }
}

static void size_of(identifier *ids, uint32_t bound, const uint32_t *word, uint32_t length) {
    identifier *type = &ids[word[1]];
    type->has_size = true;
    switch (word[0] & 0xffff) {
    case SpvOpTypeBool:
        type->size = 4;
        break;
    case SpvOpTypeInt:
    case SpvOpTypeFloat:
        type->size = word[2] / 8;
        break;
    case SpvOpTypeVector:
    case SpvOpTypeMatrix:
        type->has_size = word[2] < bound && ids[word[2]].has_size;
        type->size = type->has_size ? ids[word[2]].size * word[3] : 0;
        break;
    case SpvOpTypeArray:
        type->has_size = word[2] < bound && word[3] < bound && ids[word[2]].has_size && ids[word[3]].has_value;
        type->size = type->has_size ? ids[word[2]].size * ids[word[3]].value : 0;
        break;
    case SpvOpTypeStruct:
        type->size = 0;
        for (uint32_t i = 2; i < length; i++) {
            type->has_size = type->has_size && word[i] < bound && ids[word[i]].has_size;
            type->size += type->has_size ? ids[word[i]].size : 0;
        }
        break;
    case SpvOpTypePointer:
        type->has_size = word[3] < bound && ids[word[3]].has_size;
        type->size = type->has_size ? ids[word[3]].size : 0;
        break;
    default:
        type->has_size = false;
    }
}

static void decorate(identifier *id, uint32_t spec_id, uint32_t spec_count, const uint32_t *spec_ids,
                     const uint32_t *spec_values) {
    for (uint32_t i = 0; i < spec_count; i++) {
        if (spec_ids[i] == spec_id) { /* decorations stand before the constants */
            id->has_value = true;
            id->value = spec_values[i];
        }
    }
}

/* The same array for all modules: it is large, and memory that is large comes from the kernel each time. */
static identifier *cleared_identifiers(uint32_t count) {
    static identifier *ids;
    static uint32_t capacity;
    if (count > capacity) {
        free(ids);
        ids = malloc(count * sizeof *ids);
        capacity = ids ? count : 0;
    }
    if (ids) memset(ids, 0, count * sizeof *ids);
    return ids;
}

octavo_test_shared_memory octavo_test_shared_memory_of(const uint32_t *words, size_t word_count, uint32_t spec_count,
                                                       const uint32_t *spec_ids, const uint32_t *spec_values) {
    octavo_test_shared_memory result = {0, 0, NULL};
    if (word_count < 5 || words[0] != SpvMagicNumber) {
        result.problem = "no SPIR-V module";
        return result;
    }
    uint32_t bound = words[3];
    identifier *ids = cleared_identifiers(bound);
    if (!ids) {
        result.problem = "out of memory";
        return result;
    }
    for (size_t at = 5; at < word_count && !result.problem;) {
        const uint32_t *word = words + at;
        uint32_t length = word[0] >> 16, operation = word[0] & 0xffff;
        if (length == 0 || length > word_count - at) {
            result.problem = "an instruction runs over the end";
            break;
        }
        if (operation == SpvOpFunction) break; /* all declarations stand before */
        bool has_result = length > 2 && word[2] < bound;
        if (operation >= SpvOpTypeVoid && operation <= SpvOpTypePointer && length > 1 && word[1] < bound) {
            size_of(ids, bound, word, length);
        } else if (operation == SpvOpDecorate && length == 4 && word[1] < bound && word[2] == SpvDecorationSpecId) {
            decorate(&ids[word[1]], word[3], spec_count, spec_ids, spec_values);
        } else if ((operation == SpvOpConstant || operation == SpvOpSpecConstant) && length == 4 && has_result) {
            if (!ids[word[2]].has_value) ids[word[2]].value = word[3];
            ids[word[2]].has_value = true;
        } else if ((operation == SpvOpConstantComposite || operation == SpvOpSpecConstantComposite) && has_result) {
            ids[word[2]].parts = word + 3;
            ids[word[2]].part_count = length - 3;
        } else if ((operation == SpvOpConstantTrue || operation == SpvOpSpecConstantTrue) && has_result) {
            ids[word[2]].has_value = true;
            ids[word[2]].value = 1;
        } else if ((operation == SpvOpConstantFalse || operation == SpvOpSpecConstantFalse) && has_result) {
            ids[word[2]].has_value = true;
        } else if (operation == SpvOpSpecConstantOp && length > 4 && has_result) {
            specialise(ids, bound, word, length);
        } else if (operation == SpvOpVariable && length > 3 && word[3] == SpvStorageClassWorkgroup) {
            if (word[1] >= bound || !ids[word[1]].has_size)
                result.problem = "a workgroup variable of unknown size";
            else
                result.bytes += ids[word[1]].size;
            result.variables += 1;
        }
        at += length;
    }
    return result;
}
