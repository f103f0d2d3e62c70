#include "spirv_declarations.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SPV_ENABLE_UTILITY_CODE 0
#include <spirv_cross/spirv.h>

#define OP_TYPE_COOPERATIVE_MATRIX 4456u

typedef struct module_filter {
    const uint32_t *words;
    size_t word_count;
    uint32_t bound, entry; /* entry: id of the entry point */
    bool *dropped;         /* [bound] */
    bool in_function, is_entry;
} module_filter;

static bool is_dropped(const module_filter *filter, uint32_t id) {
    return id < filter->bound && filter->dropped[id];
}

/* Whether one of the operands [first, length) is left out. */
static bool names_dropped(const module_filter *filter, const uint32_t *word, uint32_t first, uint32_t length) {
    for (uint32_t i = first; i < length; i++)
        if (is_dropped(filter, word[i])) return true;
    return false;
}

/* Of the declarations: whether this one stays. */
static bool keep(module_filter *filter, const uint32_t *word, uint32_t length) {
    uint32_t operation = word[0] & 0xffffu, result = 0;
    bool drops = false;
    switch (operation) {
    case OP_TYPE_COOPERATIVE_MATRIX:
        result = word[1], drops = true;
        break;
    case SpvOpTypeArray:
        result = word[1], drops = is_dropped(filter, word[2]);
        break;
    case SpvOpTypePointer:
        result = word[1], drops = is_dropped(filter, word[3]);
        break;
    case SpvOpTypeStruct:
    case SpvOpTypeFunction:
        result = word[1], drops = names_dropped(filter, word, 2, length);
        break;
    case SpvOpSpecConstantOp: /* the length of a matrix */
        result = word[2], drops = names_dropped(filter, word, 4, length < 5 ? length : 5);
        break;
    case SpvOpConstantComposite:
    case SpvOpSpecConstantComposite:
        result = word[2], drops = is_dropped(filter, word[1]) || names_dropped(filter, word, 3, length);
        break;
    case SpvOpConstantNull:
    case SpvOpUndef:
    case SpvOpVariable:
        result = word[2], drops = is_dropped(filter, word[1]);
        break;
    case SpvOpName:
    case SpvOpDecorate:
    case SpvOpMemberDecorate:
        return !is_dropped(filter, word[1]);
    default:
        return true;
    }
    if (drops && result < filter->bound) filter->dropped[result] = true;
    return !drops;
}

/* Writes what stays of one instruction of code. */
static size_t copy_code(module_filter *filter, const uint32_t *word, uint32_t length, uint32_t *kept) {
    uint32_t operation = word[0] & 0xffffu;
    if (operation == SpvOpFunction) {
        filter->in_function = true;
        filter->is_entry = word[2] == filter->entry;
    }
    if (operation == SpvOpFunctionEnd) filter->in_function = false;
    bool stays = operation == SpvOpFunction || operation == SpvOpFunctionEnd || operation == SpvOpLabel;
    if (!filter->is_entry || !stays) return 0;
    memcpy(kept, word, length * sizeof *word);
    if (operation != SpvOpLabel) return length;
    filter->is_entry = false; /* the first label only; the end follows */
    kept[length] = 1u << 16 | SpvOpReturn;
    kept[length + 1] = 1u << 16 | SpvOpFunctionEnd;
    return length + 2;
}

static size_t filter_module(module_filter *filter, uint32_t *kept) {
    size_t count = 5;
    memcpy(kept, filter->words, 5 * sizeof *kept);
    for (size_t at = 5; at < filter->word_count;) {
        const uint32_t *word = filter->words + at;
        uint32_t length = word[0] >> 16, operation = word[0] & 0xffffu;
        if (length == 0 || length > filter->word_count - at) return 0;
        if (operation == SpvOpEntryPoint && length > 2) filter->entry = word[2];
        if (filter->in_function || operation == SpvOpFunction) {
            count += copy_code(filter, word, length, kept + count);
        } else if (keep(filter, word, length)) {
            memcpy(kept + count, word, length * sizeof *word);
            count += length;
        }
        at += length;
    }
    return count;
}

static bool has_matrices(const uint32_t *words, size_t word_count) {
    for (size_t at = 5; at < word_count && words[at] >> 16 != 0; at += words[at] >> 16)
        if ((words[at] & 0xffffu) == OP_TYPE_COOPERATIVE_MATRIX) return true;
    return false;
}

size_t octavo_test_declarations(const uint32_t *words, size_t word_count, uint32_t *kept) {
    if (word_count < 5 || words[0] != SpvMagicNumber) return 0;
    if (!has_matrices(words, word_count)) {
        memcpy(kept, words, word_count * sizeof *words);
        return word_count;
    }
    module_filter filter = {.words = words, .word_count = word_count, .bound = words[3]};
    filter.dropped = calloc(filter.bound, sizeof *filter.dropped);
    size_t count = filter.dropped != NULL ? filter_module(&filter, kept) : 0;
    free(filter.dropped);
    return count;
}
