/* Pipeline blobs and the store, on the fake Vulkan, which aborts on a cache that it has not written. */
#include "fake_device.h"
#include "gpu/pipeline_blob.h"
#include "rng.h"
#include "run_tests.h"

#include <string.h>

static octavo_device *open_with_store(octavo_device_snapshot *snapshot, octavo_pipeline_store *callbacks,
                                      test_log *log) {
    octavo_device *device = NULL;
    octavo_device_create_info info = OCTAVO_DEVICE_CREATE_INFO_INIT;
    info.pipeline_store = callbacks;
    ck_assert_int_eq(fake_device_open(FABRICATED_RDNA3, snapshot, &info, log, &device), OCTAVO_SUCCESS);
    return device;
}

static void create_pipeline(octavo_device *device, uint32_t factor) {
    octavo_gpu_pipeline *pipeline = NULL;
    octavo_gpu_pipeline_info info = test_scale_pipeline_info(factor, 64);
    ck_assert_int_eq(octavo_gpu_pipeline_create(device, &info, &pipeline), OCTAVO_SUCCESS);
    octavo_gpu_pipeline_destroy(pipeline);
}

START_TEST(test_round_trip) {
    octavo_device_snapshot s;
    memory_store store = {0};
    octavo_pipeline_store callbacks = memory_store_callbacks(&store);
    octavo_device *device = open_with_store(&s, &callbacks, NULL);
    create_pipeline(device, 3);
    ck_assert_uint_eq(store.sets, 1);
    ck_assert_uint_eq(strlen(store.key), 32);
    ck_assert_uint_eq(strspn(store.key, "0123456789abcdef"), 32);
    create_pipeline(device, 3);
    ck_assert_uint_eq(store.sets, 1); /* found */
    char key[128];
    memcpy(key, store.key, sizeof key);
    create_pipeline(device, 4);
    ck_assert_uint_eq(store.sets, 2);
    ck_assert_str_ne(key, store.key);
    octavo_device_destroy(device);
    ck_assert_uint_eq(fake_live_objects(), 0);
    memory_store_finish(&store);
}
END_TEST

/* The blob with one change of each kind: always ignored with a warning, then written anew. */
START_TEST(test_corrupted_blobs) {
    const uint64_t seed = rng_test_seed(5);
    rng random;
    rng_seed(&random, seed);
    octavo_device_snapshot s;
    test_log log;
    test_log_init(&log);
    memory_store store = {0};
    octavo_pipeline_store callbacks = memory_store_callbacks(&store);
    octavo_device *device = open_with_store(&s, &callbacks, &log);
    create_pipeline(device, 3);
    const size_t whole = store.size;
    for (size_t i = 0; i < whole * 3; i++) {
        const unsigned before = store.sets, warnings = log.lines[OCTAVO_LOG_WARNING];
        if (i < whole) {
            store.blob[i] ^= (unsigned char)(1u << rng_below(&random, 8)); /* each byte once */
        } else if (i < 2 * whole) {
            store.size = 1 + rng_below(&random, (uint32_t)whole - 1); /* cut */
        } else {
            size_t at = rng_below(&random, (uint32_t)whole - 8);
            for (size_t j = at; j < at + 8; j++) store.blob[j] = (unsigned char)~store.blob[j];
        }
        create_pipeline(device, 3);
        ck_assert_msg(store.sets == before + 1 && log.lines[OCTAVO_LOG_WARNING] == warnings + 1,
                      "seed %llu change %zu: taken", (unsigned long long)seed, i);
        ck_assert_uint_eq(store.size, whole);
    }
    store.claimed_size = (size_t)1 << 40;
    create_pipeline(device, 3);
    store.claimed_size = 0;
    store.grows = VK_TRUE;
    create_pipeline(device, 3);
    octavo_device_destroy(device);
    ck_assert_uint_eq(fake_live_objects(), 0);
    memory_store_finish(&store);
    test_log_finish(&log);
}
END_TEST

/* Each part of the identity counts. */
START_TEST(test_identity) {
    unsigned char blob[OCTAVO_GPU_BLOB_HEADER_BYTES + 40] = {0};
    octavo_gpu_blob_identity good = {.vendor_id = 0x10de, .device_id = 7, .key = 0x123456789abcdef0u};
    memset(good.driver_uuid, 3, sizeof good.driver_uuid);
    memset(good.pipeline_cache_uuid, 9, sizeof good.pipeline_cache_uuid);
    unsigned char *cache = blob + OCTAVO_GPU_BLOB_HEADER_BYTES;
    const unsigned char header[16] = {32, 0, 0, 0, 1, 0, 0, 0, 0xde, 0x10, 0, 0, 7, 0, 0, 0};
    memcpy(cache, header, sizeof header);
    memset(cache + 16, 9, 16);
    octavo_gpu_blob_seal(&good, blob, 40);
    const void *payload;
    size_t size;
    ck_assert_ptr_null(octavo_gpu_blob_check(&good, blob, sizeof blob, &payload, &size));
    ck_assert(payload == cache && size == 40);
    octavo_gpu_blob_identity other = good;
    other.key ^= (uint64_t)1 << 63;
    ck_assert_str_eq(octavo_gpu_blob_check(&other, blob, sizeof blob, &payload, &size), "another pipeline's blob");
    ck_assert(payload == NULL && size == 0);
    other = good;
    other.driver_uuid[15] = 0;
    ck_assert_str_eq(octavo_gpu_blob_check(&other, blob, sizeof blob, &payload, &size), "another driver's blob");
    other = good;
    other.vendor_id = 1;
    ck_assert_str_eq(octavo_gpu_blob_check(&other, blob, sizeof blob, &payload, &size), "another vendor's cache");
    other = good;
    other.device_id = 8;
    ck_assert_str_eq(octavo_gpu_blob_check(&other, blob, sizeof blob, &payload, &size), "another device's cache");
    other = good;
    other.pipeline_cache_uuid[0] = 0;
    ck_assert_str_eq(octavo_gpu_blob_check(&other, blob, sizeof blob, &payload, &size),
                     "another driver version's cache");
    /* sealed again after a change, so that only the driver's header is wrong */
    cache[0] = 31;
    octavo_gpu_blob_seal(&good, blob, 40);
    ck_assert_str_eq(octavo_gpu_blob_check(&good, blob, sizeof blob, &payload, &size),
                     "the driver's header has a wrong size");
    octavo_gpu_blob_seal(&good, blob, 31);
    ck_assert_str_eq(octavo_gpu_blob_check(&good, blob, OCTAVO_GPU_BLOB_HEADER_BYTES + 31, &payload, &size),
                     "the driver's header is cut off");
    ck_assert_str_eq(octavo_gpu_blob_check(&good, blob, 0, &payload, &size), "too short");
}
END_TEST

int main(void) {
    const TTest *const tests[] = {test_round_trip, test_corrupted_blobs, test_identity};
    return run_tests("gpu_pipeline_store", tests, sizeof tests / sizeof *tests, 60);
}
