/* The public headers in C11: each alone (headers_alone in the build), all together here; what is pinned stays. */
#include <octavo/octavo.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(test_status_numbers_are_pinned) {
    static const struct {
        octavo_status status;
        int number;
    } pinned[] = {
        {OCTAVO_SUCCESS, 0},
        {OCTAVO_INVALID_ARGUMENT, 1},
        {OCTAVO_OUT_OF_HOST_MEMORY, 2},
        {OCTAVO_OUT_OF_PAGES, 4},
        {OCTAVO_OUT_OF_DEVICE_MEMORY, 3},
        {OCTAVO_FRAME_FULL, 5},
        {OCTAVO_DEVICE_LOST, 6},
        {OCTAVO_NO_DEVICE, 7},
        {OCTAVO_UNSUPPORTED, 8},
        {OCTAVO_NOT_PREPARED, 9},
        {OCTAVO_INVALID_STATE, 10},
        {OCTAVO_DRIVER_ERROR, 11},
        {OCTAVO_CORRUPT_DATA, 12},
    };
    for (size_t i = 0; i < sizeof pinned / sizeof pinned[0]; i++) {
        ck_assert_int_eq((int)pinned[i].status, pinned[i].number);
        const char *text = octavo_status_string(pinned[i].status);
        ck_assert_ptr_nonnull(text);
        for (size_t j = 0; j < i; j++) ck_assert_str_ne(text, octavo_status_string(pinned[j].status));
    }
    ck_assert_ptr_nonnull(octavo_status_string((octavo_status)12345));
}
END_TEST

START_TEST(test_capability_bits_are_pinned) {
    ck_assert_uint_eq((unsigned)OCTAVO_CAPABILITY_INT_DOT, 1);
    ck_assert_uint_eq((unsigned)OCTAVO_CAPABILITY_SUBGROUP, 2);
    ck_assert_uint_eq((unsigned)OCTAVO_CAPABILITY_PUSH_DESCRIPTOR, 4);
    ck_assert_uint_eq((unsigned)OCTAVO_CAPABILITY_TIMESTAMPS, 8);
    ck_assert_uint_eq((unsigned)OCTAVO_CAPABILITY_PIPELINE_STATISTICS, 16);
    ck_assert_uint_eq((unsigned)OCTAVO_CAPABILITY_FLOAT16, 32);
    ck_assert_uint_eq((unsigned)OCTAVO_CAPABILITY_COOPERATIVE_MATRIX, 64);
    ck_assert_uint_eq((unsigned)OCTAVO_CAPABILITY_DEBUG_NAMES, 128);
    ck_assert_uint_eq((unsigned)OCTAVO_CAPABILITY_PIPELINE_ROBUSTNESS, 256);
}
END_TEST

START_TEST(test_initialisers) {
    octavo_device_create_info create = OCTAVO_DEVICE_CREATE_INFO_INIT;
    octavo_device_import_info import = OCTAVO_DEVICE_IMPORT_INFO_INIT;
    octavo_cache_info cache = OCTAVO_CACHE_INFO_INIT;
    octavo_codec_info codec = OCTAVO_CODEC_INFO_INIT;
    octavo_append_info append = OCTAVO_APPEND_INFO_INIT;
    octavo_attention_info attention = OCTAVO_ATTENTION_INFO_INIT;
    octavo_attention_run run = OCTAVO_ATTENTION_RUN_INIT;
    ck_assert_uint_eq(create.struct_size, sizeof create);
    ck_assert_uint_eq(create.device_index, OCTAVO_DEVICE_BEST);
    ck_assert_uint_eq(import.struct_size, sizeof import);
    ck_assert_uint_eq(cache.struct_size, sizeof cache);
    ck_assert_uint_eq(cache.key_bits, 3);
    ck_assert_uint_eq(cache.value_bits, 3);
    ck_assert_uint_eq(cache.key_dim, 128);
    ck_assert_uint_eq(cache.value_dim, 128);
    ck_assert_uint_eq(cache.first_tokens, 4);
    ck_assert_uint_eq(cache.recent_tokens, 0);
    ck_assert_uint_eq(cache.slack_tokens, 16);
    ck_assert_uint_eq(codec.struct_size, sizeof codec);
    ck_assert_uint_eq(append.struct_size, sizeof append);
    ck_assert_uint_eq(attention.struct_size, sizeof attention);
    ck_assert(attention.mask.causal == VK_TRUE);
    ck_assert_int_eq((int)attention.empty_row, (int)OCTAVO_EMPTY_ROW_ZERO);
    ck_assert_uint_eq(run.struct_size, sizeof run);
}
END_TEST

START_TEST(test_version) {
    ck_assert_uint_eq(octavo_version(),
                      OCTAVO_VERSION_MAJOR * 1000000u + OCTAVO_VERSION_MINOR * 1000u + OCTAVO_VERSION_PATCH);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("headers");
    TCase *tests = tcase_create("c");
    tcase_add_test(tests, test_status_numbers_are_pinned);
    tcase_add_test(tests, test_capability_bits_are_pinned);
    tcase_add_test(tests, test_initialisers);
    tcase_add_test(tests, test_version);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
