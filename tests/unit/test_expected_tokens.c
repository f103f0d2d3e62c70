/* A plan's kernel and its numbers are those for the tokens that a call is expected to read, where the cache holds more. */
#include "attention/attention_plan.h"
#include "fake_device.h"
#include "run_tests.h"

#define ROOM 4000000u /* tokens: enough for integer dots to go before matrices, and for more subgroups */

static octavo_device_snapshot snapshot; /* the fake Vulkan reads it */
static octavo_device *device;
static octavo_cache *cache;

static void open_cache(void) {
    octavo_device_create_info device_info = OCTAVO_DEVICE_CREATE_INFO_INIT;
    octavo_cache_info cache_info = OCTAVO_CACHE_INFO_INIT;
    ck_assert_int_eq(fake_device_open(FABRICATED_HOPPER, &snapshot, &device_info, NULL, &device), OCTAVO_SUCCESS);
    cache_info.token_capacity = ROOM;
    cache_info.key_dim = cache_info.value_dim = 32;
    ck_assert_int_eq(octavo_cache_object_create(device, &cache_info, NULL, &cache), OCTAVO_SUCCESS);
}

static void close_cache(void) {
    octavo_cache_object_destroy(cache);
    octavo_device_destroy(device);
    ck_assert_uint_eq(fake_live_objects(), 0);
}

static octavo_attention *plan_for(uint64_t tokens, uint32_t heads) {
    octavo_attention_info info = OCTAVO_ATTENTION_INFO_INIT;
    octavo_attention *plan;
    info.cache = cache;
    info.query_head_count = heads;
    info.skip_proof = VK_TRUE;
    info.expected_tokens = tokens;
    ck_assert_int_eq(octavo_attention_create(&info, &plan), OCTAVO_SUCCESS);
    return plan;
}

static void check(uint64_t tokens, uint32_t heads, const char *variant, uint32_t lanes) {
    octavo_attention *plan = plan_for(tokens, heads);
    ck_assert_str_eq(octavo_attention_variant(plan), variant);
    ck_assert_msg(plan->tuning.lanes == lanes, "%llu tokens: %u lanes, not %u", (unsigned long long)tokens,
                  plan->tuning.lanes, lanes);
    octavo_attention_destroy(plan);
}

START_TEST(one_head) {
    open_cache();
    check(0, 1, "int8_subgroup", 128);
    check(ROOM, 1, "int8_subgroup", 128);
    check((uint64_t)ROOM * 1000000u, 1, "int8_subgroup", 128); /* no more than there is room for */
    check(4096, 1, "matrix", 256);
    close_cache();
}
END_TEST

START_TEST(four_heads) {
    open_cache();
    check(0, 4, "matrix", 384);
    check(1, 4, "matrix", 256);
    check(UINT64_MAX, 4, "matrix", 384);
    close_cache();
}
END_TEST

int main(void) {
    const TTest *tests[] = {one_head, four_heads};
    return run_tests("expected_tokens", tests, sizeof tests / sizeof tests[0], 60.0);
}
