/* Reads every SPIR-V module of the build and compares it with what C believes: storage buffers of set 0 only and no
 * more than variants.cmake allows, size of the push constants, ids of the specialisation constants, the workgroup size
 * by constant 253, at most 16 KiB of shared memory for 128 invocations and the other constants at their defaults, and
 * the capabilities.
 */
#include "octavo_abi.h"
#include "shader_modules.h"
#include "spirv_declarations.h"
#include "spirv_shared_memory.h"

#include <octavo/device.h>

#include <check.h>
#include <spirv_cross/spirv_cross_c.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHARED_MEMORY_LIMIT (16u * 1024u)
#define WORKGROUP_SIZE 128u
#define PUSH_CONSTANT_LIMIT 128u

#define SPEC_IDS_MAX 64
static uint32_t spec_ids[SPEC_IDS_MAX];
static size_t spec_id_count;

/* The numbers of `#define OCTAVO_SPEC_... n` in the header that both sides include. */
static void read_spec_ids(void) {
    FILE *file = fopen(OCTAVO_SOURCE_DIR "/shaders/octavo_records.h", "r");
    ck_assert_ptr_nonnull(file);
    char line[512], name[128];
    unsigned id;
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "#define OCTAVO_SPEC_%127s %u", name, &id) == 2) {
            ck_assert_uint_lt(spec_id_count, SPEC_IDS_MAX);
            for (size_t i = 0; i < spec_id_count; i++)
                ck_assert_msg(spec_ids[i] != id, "specialisation id %u has two names", id);
            spec_ids[spec_id_count++] = id;
        }
    }
    fclose(file);
    ck_assert_uint_gt(spec_id_count, 0);
}

static bool is_spec_id(uint32_t id) {
    for (size_t i = 0; i < spec_id_count; i++)
        if (spec_ids[i] == id) return true;
    return false;
}

static void check_bindings(const octavo_shader_module *module, spvc_compiler compiler, spvc_resources resources) {
    static const spvc_resource_type others[] = {
        SPVC_RESOURCE_TYPE_UNIFORM_BUFFER, SPVC_RESOURCE_TYPE_STORAGE_IMAGE,
        SPVC_RESOURCE_TYPE_SAMPLED_IMAGE,  SPVC_RESOURCE_TYPE_ATOMIC_COUNTER,
        SPVC_RESOURCE_TYPE_SEPARATE_IMAGE, SPVC_RESOURCE_TYPE_SEPARATE_SAMPLERS,
        SPVC_RESOURCE_TYPE_SUBPASS_INPUT,  SPVC_RESOURCE_TYPE_ACCELERATION_STRUCTURE,
        SPVC_RESOURCE_TYPE_STAGE_INPUT,    SPVC_RESOURCE_TYPE_STAGE_OUTPUT,
    };
    const spvc_reflected_resource *list;
    size_t count;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        ck_assert_int_eq(spvc_resources_get_resource_list_for_type(resources, others[i], &list, &count), SPVC_SUCCESS);
        ck_assert_msg(count == 0, "%s: has a resource of kind %d; only storage buffers are bound", module->name,
                      (int)others[i]);
    }
    ck_assert_int_eq(
        spvc_resources_get_resource_list_for_type(resources, SPVC_RESOURCE_TYPE_STORAGE_BUFFER, &list, &count),
        SPVC_SUCCESS);
    uint32_t used = 0; /* bit i: binding i; two views of one binding are one buffer */
    for (size_t i = 0; i < count; i++) {
        uint32_t set = spvc_compiler_get_decoration(compiler, list[i].id, SpvDecorationDescriptorSet);
        uint32_t binding = spvc_compiler_get_decoration(compiler, list[i].id, SpvDecorationBinding);
        ck_assert_msg(set == 0, "%s: a buffer is in set %u, not 0", module->name, set);
        ck_assert_msg(binding < module->binding_limit, "%s: binding %u; variants.cmake allows %u buffers", module->name,
                      binding, module->binding_limit);
        used |= 1u << binding;
    }
    ck_assert_msg(used != 0 && (used & (used + 1)) == 0, "%s: bindings 0x%x are not 0, 1, 2, ...", module->name, used);
}

static void check_push_constants(const octavo_shader_module *module, spvc_compiler compiler, spvc_resources resources) {
    const spvc_reflected_resource *list;
    size_t count, size = 0;
    ck_assert_int_eq(
        spvc_resources_get_resource_list_for_type(resources, SPVC_RESOURCE_TYPE_PUSH_CONSTANT, &list, &count),
        SPVC_SUCCESS);
    ck_assert_uint_le(count, 1);
    if (count == 1) {
        spvc_type type = spvc_compiler_get_type_handle(compiler, list[0].base_type_id);
        ck_assert_int_eq(spvc_compiler_get_declared_struct_size(compiler, type, &size), SPVC_SUCCESS);
    }
    ck_assert_msg(size == module->push_bytes, "%s: %zu bytes of push constants in SPIR-V, %zu in C", module->name, size,
                  module->push_bytes);
    ck_assert_msg(size <= PUSH_CONSTANT_LIMIT, "%s: %zu bytes of push constants, the limit is %u", module->name, size,
                  PUSH_CONSTANT_LIMIT);
}

static void check_constants(const octavo_shader_module *module, spvc_compiler compiler) {
    const spvc_specialization_constant *constants;
    size_t count;
    ck_assert_int_eq(spvc_compiler_get_specialization_constants(compiler, &constants, &count), SPVC_SUCCESS);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(is_spec_id(constants[i].constant_id), "%s: specialisation id %u has no name in octavo_records.h",
                      module->name, constants[i].constant_id);

    spvc_specialization_constant x, y, z;
    spvc_compiler_get_work_group_size_specialization_constants(compiler, &x, &y, &z);
    ck_assert_msg(x.id != 0 && x.constant_id == OCTAVO_SPEC_LOCAL_SIZE,
                  "%s: the workgroup size is not specialisation constant %d", module->name, OCTAVO_SPEC_LOCAL_SIZE);
    ck_assert_msg(y.id == 0 && z.id == 0, "%s: the workgroup is not one-dimensional", module->name);
    for (unsigned axis = 1; axis < 3; axis++)
        ck_assert_msg(spvc_compiler_get_execution_mode_argument_by_index(compiler, SpvExecutionModeLocalSize, axis) <=
                          1,
                      "%s: the workgroup is not one-dimensional", module->name);
}

/* What the SPIR-V declares is what variants.cmake says that it needs: the device's choice of modules goes by that. */
static void check_capabilities(const octavo_shader_module *module) {
    static const struct {
        uint32_t number, needs; /* of the SPIR-V specification; octavo_capability */
    } known[] = {
        {1, 0}, /* Shader */
        {9, OCTAVO_CAPABILITY_FLOAT16},
        {61, OCTAVO_CAPABILITY_SUBGROUP}, /* GroupNonUniform, then Vote, Arithmetic, .. Quad */
        {62, OCTAVO_CAPABILITY_SUBGROUP}, /* and Shuffle: the matrix variant asks for these two itself */
        {63, OCTAVO_CAPABILITY_SUBGROUP},
        {65, OCTAVO_CAPABILITY_SUBGROUP},
        {4464, OCTAVO_CAPABILITY_COOPERATIVE_MATRIX}, /* DenormPreserve of f16; that it holds is what a plan proves */
        {5345, OCTAVO_CAPABILITY_COOPERATIVE_MATRIX}, /* VulkanMemoryModel: a device without has no matrices */
        {6018, OCTAVO_CAPABILITY_INT_DOT},            /* DotProductInput4x8BitPacked */
        {6019, OCTAVO_CAPABILITY_INT_DOT},            /* DotProduct */
        {6022, OCTAVO_CAPABILITY_COOPERATIVE_MATRIX},
    };
    uint32_t needs = 0;
    for (size_t at = 5; at < module->size / 4 && (module->words[at] & 0xffff) == SpvOpCapability; at += 2) {
        bool is_known = false;
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
            if (known[i].number != module->words[at + 1]) continue;
            is_known = true;
            needs |= known[i].needs;
        }
        ck_assert_msg(is_known, "%s: declares capability %u, which no device is asked for", module->name,
                      module->words[at + 1]);
    }
    ck_assert_msg(needs == module->needs, "%s: declares capabilities 0x%x, variants.cmake names 0x%x", module->name,
                  needs, module->needs);
}

START_TEST(test_module) {
    const octavo_shader_module *module = &octavo_shader_modules[_i];
    ck_assert_ptr_nonnull(module->name);
    ck_assert_uint_eq(module->size % 4, 0);
    read_spec_ids();

    spvc_context context = NULL;
    spvc_parsed_ir ir = NULL;
    spvc_compiler compiler = NULL;
    spvc_resources resources = NULL;
    uint32_t *words = malloc(module->size);
    ck_assert_ptr_nonnull(words);
    size_t word_count = octavo_test_declarations(module->words, module->size / 4, words);
    ck_assert_msg(word_count > 5, "%s: the instructions do not end where the module ends", module->name);
    ck_assert_int_eq(spvc_context_create(&context), SPVC_SUCCESS);
    ck_assert_msg(spvc_context_parse_spirv(context, words, word_count, &ir) == SPVC_SUCCESS &&
                      spvc_context_create_compiler(context, SPVC_BACKEND_NONE, ir, SPVC_CAPTURE_MODE_TAKE_OWNERSHIP,
                                                   &compiler) == SPVC_SUCCESS &&
                      spvc_compiler_create_shader_resources(compiler, &resources) == SPVC_SUCCESS,
                  "%s: %s", module->name, spvc_context_get_last_error_string(context));
    ck_assert_msg(spvc_compiler_get_execution_model(compiler) == SpvExecutionModelGLCompute, "%s", module->name);
    check_bindings(module, compiler, resources);
    check_push_constants(module, compiler, resources);
    check_constants(module, compiler);
    spvc_context_destroy(context);
    free(words);
    check_capabilities(module);

    const uint32_t id = OCTAVO_SPEC_LOCAL_SIZE, lanes = WORKGROUP_SIZE;
    octavo_test_shared_memory shared = octavo_test_shared_memory_of(module->words, module->size / 4, 1, &id, &lanes);
    ck_assert_msg(!shared.problem, "%s: %s", module->name, shared.problem);
    ck_assert_msg(shared.bytes <= SHARED_MEMORY_LIMIT, "%s: %llu bytes of shared memory, the limit is %u", module->name,
                  (unsigned long long)shared.bytes, SHARED_MEMORY_LIMIT);
}
END_TEST

START_TEST(test_table) {
    ck_assert_ptr_null(octavo_shader_modules[OCTAVO_SHADER_COUNT].name);
    for (int i = 0; i < OCTAVO_SHADER_COUNT; i++)
        for (int j = 0; j < i; j++) ck_assert_str_ne(octavo_shader_modules[i].name, octavo_shader_modules[j].name);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("abi");
    TCase *tests = tcase_create("modules");
    tcase_add_test(tests, test_table);
    tcase_add_loop_test(tests, test_module, 0, OCTAVO_SHADER_COUNT);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
