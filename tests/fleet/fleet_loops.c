#include "fleet_loops.h"

#include <stdlib.h>
#include <string.h>

/* Names and numbers of the SPIR-V specification. */
enum {
    OP_EXTENDED = 12,
    OP_ENTRY_POINT = 15,
    OP_FUNCTION_END = 56,
    OP_FUNCTION_CALL = 57,
    OP_LOAD = 61,
    OP_STORE = 62,
    OP_ARRAY_LENGTH = 68,
    OP_VECTOR_SHUFFLE = 79,
    OP_COMPOSITE_EXTRACT = 81,
    OP_COMPOSITE_INSERT = 82,
    OP_ADD = 128,
    OP_UNSIGNED_LESS = 176,
    OP_SIGNED_LESS = 177,
    OP_LOOP_MERGE = 246,
    OP_SELECTION_MERGE = 247,
    OP_LABEL = 248,
    OP_BRANCH = 249,
    OP_BRANCH_CONDITIONAL = 250,
    OP_SWITCH = 251,
    OP_GROUP_FIRST = 349, /* OpGroupNonUniformIAdd .. LogicalXor */
    OP_GROUP_LAST = 364,
    OP_GROUP_BIT_COUNT = 342,
    OP_DOT_FIRST = 4450, /* OpSDot .. OpSUDotAccSat */
    OP_DOT_LAST = 4455,
    OP_MATRIX_LOAD = 4457,
    OP_MATRIX_STORE = 4458,
    OP_MATRIX_PRODUCT = 4459,
    LOOP_UNROLL = 1,
    LOOP_DONT_UNROLL = 2,
    MAX_DEPTH = 32
};

static uint32_t operation_at(const uint32_t *words, size_t at) {
    return words[at] & 0xffffu;
}

static uint32_t length_at(const uint32_t *words, size_t at) {
    return words[at] >> 16;
}

static bool is_branch(uint32_t operation) {
    return operation == OP_BRANCH || operation == OP_BRANCH_CONDITIONAL || operation == OP_SWITCH;
}

bool fleet_loop_stays(const fleet_loop *loop) {
    return !loop->unrolled && loop->trips != 1;
}

static const uint32_t *definition(const fleet_constants *constants, uint32_t id, uint32_t operation) {
    size_t at = id < constants->bound ? constants->definitions[id] : 0;
    return at && operation_at(constants->job->words, at) == operation ? constants->job->words + at : NULL;
}

/* What was last stored to the variable before `at`, in the text. */
static uint32_t stored_before(const uint32_t *words, size_t begin, size_t at, uint32_t variable) {
    uint32_t value = 0;
    for (size_t i = begin; i < at; i += length_at(words, i)) {
        if (operation_at(words, i) == OP_STORE && words[i + 1] == variable) {
            value = words[i + 2];
        }
    }
    return value;
}

/* for (x = first; x < bound; x += step), with constants; a first value that is none counts as 0. */
static uint32_t count_trips(const fleet_constants *constants, size_t function, const fleet_loop *loop,
                            uint32_t condition) {
    const uint32_t *words = constants->job->words;
    const uint32_t *test = definition(constants, condition, OP_UNSIGNED_LESS);
    test = test ? test : definition(constants, condition, OP_SIGNED_LESS);
    const uint32_t *load = test ? definition(constants, test[3], OP_LOAD) : NULL;
    uint32_t bound, first, step;
    if (!load || !fleet_constant_value(constants, test[4], &bound)) {
        return FLEET_TRIPS_UNKNOWN;
    }
    const uint32_t *sum = definition(constants, stored_before(words, loop->next, loop->end, load[3]), OP_ADD);
    if (!sum || !fleet_constant_value(constants, sum[4], &step) || step == 0) {
        return FLEET_TRIPS_UNKNOWN;
    }
    if (!fleet_constant_value(constants, stored_before(words, function, loop->merge, load[3]), &first)) {
        first = 0;
    }
    return first < bound ? (bound - first + step - 1) / step : 1;
}

static const char *read_loop(const fleet_constants *constants, size_t function, size_t merge, fleet_loop *loop) {
    const uint32_t *words = constants->job->words;
    size_t count = constants->job->word_count;
    size_t branch = merge + length_at(words, merge);
    *loop = (fleet_loop){.merge = merge, .next_label = words[merge + 2], .unrolled = words[merge + 3] == LOOP_UNROLL};
    if (words[merge + 1] >= constants->bound || loop->next_label >= constants->bound || branch >= count ||
        operation_at(words, branch) != OP_BRANCH) {
        return "a loop that glslang would not write";
    }
    size_t test = branch + 2;
    while (test < count && operation_at(words, test) != OP_BRANCH_CONDITIONAL &&
           operation_at(words, test) != OP_BRANCH && operation_at(words, test) != OP_SELECTION_MERGE) {
        test += length_at(words, test);
    }
    bool conditional = test < count && operation_at(words, test) == OP_BRANCH_CONDITIONAL;
    loop->body_label = conditional && words[test + 3] == words[merge + 1] ? words[test + 2] : words[branch + 1];
    loop->body = loop->body_label < constants->bound ? constants->definitions[loop->body_label] : 0;
    loop->next = constants->definitions[loop->next_label];
    loop->end = constants->definitions[words[merge + 1]];
    if (loop->body < merge || loop->next < loop->body || loop->end < loop->next) {
        return "a loop whose blocks are not in order";
    }
    loop->trips = conditional ? count_trips(constants, function, loop, words[test + 1]) : FLEET_TRIPS_UNKNOWN;
    return NULL;
}

static const fleet_loop *loop_at(const fleet_loops *loops, size_t merge) {
    for (uint32_t i = 0; i < loops->count; i++) {
        if (loops->loops[i].merge == merge) {
            return &loops->loops[i];
        }
    }
    return NULL;
}

/* `through`: goes on inside of loops that stay. */
static uint64_t count_inside(const fleet_constants *constants, const fleet_loops *loops, size_t begin, size_t end,
                             const fleet_loop *inner, bool through, uint32_t depth) {
    const uint32_t *words = constants->job->words;
    uint64_t found = 0;
    for (size_t at = begin; at < end && depth < MAX_DEPTH;) {
        uint32_t operation = operation_at(words, at);
        if (operation == OP_FUNCTION_CALL && words[at + 3] < constants->bound) {
            size_t first = constants->definitions[words[at + 3]], last = first;
            while (first && operation_at(words, last) != OP_FUNCTION_END) {
                last += length_at(words, last);
            }
            found += count_inside(constants, loops, first, last, inner, through, depth + 1);
        }
        const fleet_loop *loop = operation == OP_LOOP_MERGE ? loop_at(loops, at) : NULL;
        found += loop && loop == inner;
        at = loop && fleet_loop_stays(loop) && !through ? loop->end : at + length_at(words, at);
    }
    return found;
}

uint64_t fleet_loops_inside(const fleet_constants *constants, const fleet_loops *loops, size_t begin, size_t end,
                            const fleet_loop *inner) {
    return count_inside(constants, loops, begin, end, inner, false, 0);
}

const char *fleet_loops_read(const fleet_constants *constants, fleet_loops *loops) {
    const uint32_t *words = constants->job->words;
    size_t count = constants->job->word_count, function = 5, entry = 0;
    loops->count = 0;
    for (size_t at = 5; at < count; at += length_at(words, at)) {
        uint32_t operation = operation_at(words, at);
        if (operation == OP_ENTRY_POINT && words[at + 2] < constants->bound) {
            entry = constants->definitions[words[at + 2]];
        }
        if (operation == OP_FUNCTION_END) {
            function = at;
        }
        if (operation == OP_LOOP_MERGE) {
            if (loops->count == FLEET_MAX_LOOPS) {
                return "more loops than this program holds";
            }
            const char *problem = read_loop(constants, function, at, &loops->loops[loops->count]);
            if (problem) {
                return problem;
            }
            loops->count++;
        }
    }
    size_t end = entry;
    while (entry && operation_at(words, end) != OP_FUNCTION_END) {
        end += length_at(words, end);
    }
    for (uint32_t i = 0; i < loops->count; i++) {
        loops->loops[i].copies = count_inside(constants, loops, entry, end, &loops->loops[i], true, 0);
    }
    return NULL;
}

/* Whether word `n` of an instruction is a number, not an identifier. */
static bool is_literal(const uint32_t *instruction, uint32_t n) {
    uint32_t operation = instruction[0] & 0xffffu;
    switch (operation) {
    case OP_EXTENDED:
    case OP_LOAD:
    case OP_ARRAY_LENGTH:
    case OP_COMPOSITE_EXTRACT:
    case OP_MATRIX_LOAD: /* layout and stride are identifiers, memory operands are not used */
        return operation == OP_MATRIX_LOAD ? n >= 6 : operation == OP_EXTENDED ? n == 4 : n >= 4;
    case OP_VECTOR_SHUFFLE:
    case OP_COMPOSITE_INSERT:
    case OP_MATRIX_STORE:
        return n >= 5;
    case OP_STORE:
    case OP_LOOP_MERGE:
        return n >= 3;
    case OP_SELECTION_MERGE:
        return n >= 2;
    case OP_BRANCH_CONDITIONAL:
        return n >= 4;
    case OP_SWITCH:
        return n >= 3 && n % 2 == 1;
    case OP_GROUP_BIT_COUNT:
        return n == 4;
    case OP_MATRIX_PRODUCT:
        return n >= 6;
    default:
        return (operation >= OP_GROUP_FIRST && operation <= OP_GROUP_LAST && n == 4) ||
               (operation >= OP_DOT_FIRST && operation <= OP_DOT_LAST && n >= 5);
    }
}

typedef struct writer {
    uint32_t *words;
    size_t count;
} writer;

static void copy(writer *out, const uint32_t *words, size_t begin, size_t end) {
    memcpy(out->words + out->count, words + begin, (end - begin) * sizeof words[0]);
    out->count += end - begin;
}

/* Of a copy of a body: its identifiers are `offset` higher than those of the module, and its branches to label `from`
 * go to label `to`. */
typedef struct rewriting {
    size_t first, last; /* where what is renamed is made */
    uint32_t offset;
    uint32_t from, to;
} rewriting;

static void copy_rewritten(writer *out, const fleet_constants *constants, size_t begin, size_t end,
                           const rewriting *how) {
    const uint32_t *words = constants->job->words;
    for (size_t at = begin; at < end; at += length_at(words, at)) {
        bool branches = is_branch(operation_at(words, at));
        out->words[out->count++] = words[at];
        for (uint32_t n = 1; n < length_at(words, at); n++) {
            uint32_t word = words[at + n];
            bool identifier = !is_literal(words + at, n);
            bool renamed = identifier && word < constants->bound && constants->definitions[word] >= how->first &&
                           constants->definitions[word] < how->last;
            bool redirected = identifier && branches && word == how->from;
            out->words[out->count++] = redirected ? how->to : renamed ? how->offset + word : word;
        }
    }
}

/* Labels of copies, and of what leads to them, lie above all others. */
static uint32_t identifiers_of_copy(const fleet_constants *constants, uint32_t copy_number) {
    return copy_number * (constants->bound + 1);
}

static uint32_t label_before_copy(const fleet_constants *constants, uint32_t copy_number) {
    return identifiers_of_copy(constants, copy_number) - 1;
}

/* Whether the body comes to its end in one place: a `continue` would leave the constructs of the copy it stands in. */
static bool ends_once(const fleet_constants *constants, const fleet_loop *loop) {
    const uint32_t *words = constants->job->words;
    uint32_t ends = 0;
    for (size_t at = loop->body; at < loop->next; at += length_at(words, at)) {
        bool branches = is_branch(operation_at(words, at));
        for (uint32_t n = 1; branches && n < length_at(words, at); n++) {
            ends += words[at + n] == loop->next_label && !is_literal(words + at, n) ? 1u : 0u;
        }
    }
    return ends == 1;
}

/* body, next, body, next ..: from the second body on values are those of the next trip. */
static bool write_copies(writer *out, const fleet_constants *constants, const fleet_loop *loop, uint32_t copies) {
    const uint32_t *words = constants->job->words;
    size_t step = loop->next + 2, step_end = step;
    if (!ends_once(constants, loop)) {
        return false;
    }
    while (operation_at(words, step_end) < OP_BRANCH || operation_at(words, step_end) > 255) {
        step_end += length_at(words, step_end);
    }
    if (operation_at(words, step_end) != OP_BRANCH && operation_at(words, step_end) != OP_BRANCH_CONDITIONAL) {
        return false; /* the second is do .. while */
    }
    copy(out, words, 0, loop->body);
    out->words[3] = identifiers_of_copy(constants, copies) - 1;
    for (uint32_t i = 0; i < copies; i++) {
        const uint32_t offset = identifiers_of_copy(constants, i);
        const rewriting body = {loop->body, i > 0 ? loop->next : loop->body, offset, loop->next_label,
                                i + 1 < copies ? label_before_copy(constants, i + 1) : loop->next_label};
        const rewriting next = {step, step_end, offset, 0, 0};
        if (i > 0) {
            out->words[out->count++] = (2u << 16) | OP_LABEL;
            out->words[out->count++] = label_before_copy(constants, i);
            copy_rewritten(out, constants, step, step_end, &next);
            out->words[out->count++] = (2u << 16) | OP_BRANCH;
            out->words[out->count++] = offset + loop->body_label;
        }
        copy_rewritten(out, constants, loop->body, loop->next, &body);
    }
    copy(out, words, loop->next, constants->job->word_count);
    return true;
}

uint32_t *fleet_loops_rewrite(const fleet_constants *constants, const fleet_loops *loops, const fleet_loop *several,
                              uint32_t copies, size_t *word_count) {
    size_t count = constants->job->word_count;
    writer out = {.words = malloc(((size_t)copies * count + 8u * copies) * sizeof(uint32_t))};
    if (!out.words) {
        return NULL;
    }
    if (copies == 1) {
        copy(&out, constants->job->words, 0, count);
    } else if (!write_copies(&out, constants, several, copies)) {
        free(out.words);
        return NULL;
    }
    /* the marks: a loop may stand in each copy now */
    for (size_t at = 5; at < out.count; at += length_at(out.words, at)) {
        for (uint32_t i = 0; operation_at(out.words, at) == OP_LOOP_MERGE && i < loops->count; i++) {
            uint32_t label = out.words[at + 2] % (constants->bound + 1);
            if (label == loops->loops[i].next_label && fleet_loop_stays(&loops->loops[i])) {
                out.words[at + 3] = LOOP_DONT_UNROLL;
            }
        }
    }
    *word_count = out.count;
    return out.words;
}
