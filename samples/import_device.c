/* An application that owns its VkInstance, VkDevice and queue lends them to Octavo: it asks beforehand what to enable,
 * says afterwards what it has enabled, and shares its queue by a lock of its own. Then a prompt goes into a 3-bit cache
 * and one token after the other is decoded; the sum of the outputs is printed. */
#include <volk.h> /* the application's own function tables; Octavo fills its own */

#include <math.h>
#include <octavo/octavo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROMPT_TOKENS = 300, DECODE_TOKENS = 8, KV_HEADS = 2, QUERY_HEADS = 4, HEAD_DIM = 64 };
enum { TOKENS = PROMPT_TOKENS + DECODE_TOKENS, KV_ROW = KV_HEADS * HEAD_DIM, QUERY_ROW = QUERY_HEADS * HEAD_DIM };
enum { MAX_DEVICES = 16, MAX_QUEUE_FAMILIES = 16, MAX_EXTENSIONS = 32 };

static void check(octavo_status status, const char *what) {
    if (status == OCTAVO_SUCCESS) return;
    (void)fprintf(stderr, "%s: %s\n", what, octavo_status_string(status));
    exit(1);
}

static void check_vulkan(VkResult result, const char *what) {
    if (result == VK_SUCCESS) return;
    (void)fprintf(stderr, "%s: VkResult %d\n", what, (int)result);
    exit(1);
}

/* --- what the application has anyway ------------------------------------------------------------------------------ */

typedef struct application {
    VkInstance instance;
    VkPhysicalDevice physical_device;
    VkDevice device;
    struct VolkDeviceTable functions;
    VkQueue queue;
    uint32_t queue_family_index;
    uint32_t api_version;
    VkPhysicalDeviceFeatures2 features; /* what is enabled; the chain goes on in the two below */
    VkPhysicalDeviceVulkan12Features features12;
    VkPhysicalDeviceVulkan13Features features13;
    const char *extensions[MAX_EXTENSIONS];
    uint32_t extension_count;
    int queue_locks;
} application;

static void create_instance(application *app) {
    check_vulkan(volkInitialize(), "no Vulkan loader");
    uint32_t version = volkGetInstanceVersion();
    app->api_version = version < VK_API_VERSION_1_3 ? version : VK_API_VERSION_1_3;
    VkApplicationInfo application_info = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                          .pApplicationName = "import_device",
                                          .apiVersion = app->api_version};
    VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                 .pApplicationInfo = &application_info};
    check_vulkan(vkCreateInstance(&info, NULL, &app->instance), "vkCreateInstance");
    volkLoadInstanceOnly(app->instance);
}

static void choose_device(application *app) {
    VkPhysicalDevice devices[MAX_DEVICES];
    uint32_t count = MAX_DEVICES;
    VkResult result = vkEnumeratePhysicalDevices(app->instance, &count, devices);
    if (result < 0 || count == 0) check_vulkan(VK_ERROR_INITIALIZATION_FAILED, "no Vulkan device");
    app->physical_device = devices[0];
    VkQueueFamilyProperties families[MAX_QUEUE_FAMILIES];
    count = MAX_QUEUE_FAMILIES;
    vkGetPhysicalDeviceQueueFamilyProperties(app->physical_device, &count, families);
    while (app->queue_family_index < count && !(families[app->queue_family_index].queueFlags & VK_QUEUE_COMPUTE_BIT)) {
        app->queue_family_index++;
    }
    if (app->queue_family_index == count) check_vulkan(VK_ERROR_FEATURE_NOT_PRESENT, "a queue for compute");
}

/* Chains the feature structures that the device's version has. */
static void chain_features(uint32_t device_version, VkPhysicalDeviceFeatures2 *features,
                           VkPhysicalDeviceVulkan12Features *features12, VkPhysicalDeviceVulkan13Features *features13) {
    memset(features, 0, sizeof *features);
    memset(features12, 0, sizeof *features12);
    memset(features13, 0, sizeof *features13);
    features->sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2;
    features12->sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES;
    features13->sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES;
    if (device_version >= VK_API_VERSION_1_2) features->pNext = features12;
    if (device_version >= VK_API_VERSION_1_3) features12->pNext = features13;
}

static void choose_extensions(application *app) {
    uint32_t count = 0, wanted_count = 0;
    check_vulkan(vkEnumerateDeviceExtensionProperties(app->physical_device, NULL, &count, NULL), "extensions");
    VkExtensionProperties *present = calloc(count + 1, sizeof *present);
    if (!present) check_vulkan(VK_ERROR_OUT_OF_HOST_MEMORY, "extensions");
    check_vulkan(vkEnumerateDeviceExtensionProperties(app->physical_device, NULL, &count, present), "extensions");
    const char *const *wanted = octavo_recommended_device_extensions(&wanted_count);
    for (uint32_t i = 0; i < wanted_count; i++) {
        for (uint32_t j = 0; j < count && app->extension_count < MAX_EXTENSIONS; j++) {
            if (strcmp(wanted[i], present[j].extensionName) == 0) app->extensions[app->extension_count++] = wanted[i];
        }
    }
    free(present);
}

static void create_device(application *app) {
    VkPhysicalDeviceProperties properties;
    vkGetPhysicalDeviceProperties(app->physical_device, &properties);
    uint32_t version = properties.apiVersion < app->api_version ? properties.apiVersion : app->api_version;
    VkPhysicalDeviceFeatures2 supported;
    VkPhysicalDeviceVulkan12Features supported12;
    VkPhysicalDeviceVulkan13Features supported13;
    chain_features(version, &supported, &supported12, &supported13);
    vkGetPhysicalDeviceFeatures2(app->physical_device, &supported);
    chain_features(version, &app->features, &app->features12, &app->features13);
    octavo_recommend_features(&supported, &app->features);
    choose_extensions(app);

    const float priority = 1.0f;
    VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                     .queueFamilyIndex = app->queue_family_index,
                                     .queueCount = 1,
                                     .pQueuePriorities = &priority};
    VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                               .pNext = &app->features,
                               .queueCreateInfoCount = 1,
                               .pQueueCreateInfos = &queue,
                               .enabledExtensionCount = app->extension_count,
                               .ppEnabledExtensionNames = app->extensions};
    check_vulkan(vkCreateDevice(app->physical_device, &info, NULL, &app->device), "vkCreateDevice");
    volkLoadDeviceTable(&app->functions, app->device);
    app->functions.vkGetDeviceQueue(app->device, app->queue_family_index, 0, &app->queue);
}

/* An application with several threads takes its mutex here. */
static void lock_queue(void *user) {
    ((application *)user)->queue_locks++;
}

static void unlock_queue(void *user) {
    (void)user;
}

/* --- Octavo on that device ---------------------------------------------------------------------------------------- */

static octavo_device *import_device(application *app) {
    octavo_device_import_info info = OCTAVO_DEVICE_IMPORT_INFO_INIT;
    info.get_instance_proc_addr = vkGetInstanceProcAddr;
    info.instance = app->instance;
    info.instance_api_version = app->api_version;
    info.physical_device = app->physical_device;
    info.device = app->device;
    info.queue = app->queue;
    info.queue_family_index = app->queue_family_index;
    info.enabled_features = &app->features;
    info.enabled_extension_count = app->extension_count;
    info.enabled_extensions = app->extensions;
    info.lock_queue = lock_queue;
    info.unlock_queue = unlock_queue;
    info.queue_user = app;
    octavo_device *device;
    check(octavo_device_import(&info, &device), "octavo_device_import");
    return device;
}

typedef struct session {
    octavo_cache *cache;
    octavo_sequence sequence;
    octavo_attention *prefill, *decode;
    octavo_frame *frame;
    octavo_commands *commands;
    octavo_buffer *keys, *values, *queries, *output;
} session;

static octavo_buffer *create_buffer(octavo_device *device, const float *data, size_t count) {
    octavo_buffer *buffer;
    check(octavo_buffer_create(device, count * sizeof *data, OCTAVO_BUFFER_DEVICE, &buffer), "octavo_buffer_create");
    if (data) check(octavo_buffer_write(buffer, 0, count * sizeof *data, data), "octavo_buffer_write");
    return buffer;
}

static octavo_attention *create_plan(octavo_cache *cache, octavo_phase phase, uint32_t query_capacity) {
    octavo_attention_info info = OCTAVO_ATTENTION_INFO_INIT;
    info.cache = cache;
    info.query_head_count = QUERY_HEADS;
    info.query_capacity = query_capacity;
    info.phase = phase;
    octavo_attention *plan;
    check(octavo_attention_create(&info, &plan), "octavo_attention_create");
    return plan;
}

static session create_session(octavo_device *device, const float *keys, const float *values, const float *queries) {
    session s;
    octavo_cache_info info = OCTAVO_CACHE_INFO_INIT;
    info.kv_head_count = KV_HEADS;
    info.key_dim = info.value_dim = HEAD_DIM;
    info.token_capacity = TOKENS;
    check(octavo_cache_create(device, &info, &s.cache), "octavo_cache_create");
    check(octavo_sequence_create(s.cache, 0, &s.sequence), "octavo_sequence_create");
    s.prefill = create_plan(s.cache, OCTAVO_PHASE_PREFILL, PROMPT_TOKENS);
    s.decode = create_plan(s.cache, OCTAVO_PHASE_DECODE, 1);
    check(octavo_frame_create(device, 0, &s.frame), "octavo_frame_create");
    check(octavo_commands_create(device, &s.commands), "octavo_commands_create");
    s.keys = create_buffer(device, keys, (size_t)TOKENS * KV_ROW);
    s.values = create_buffer(device, values, (size_t)TOKENS * KV_ROW);
    s.queries = create_buffer(device, queries, (size_t)TOKENS * QUERY_ROW);
    s.output = create_buffer(device, NULL, (size_t)TOKENS * QUERY_ROW);
    return s;
}

/* Rows of heads from token `first` on. */
static octavo_tensor rows(const octavo_buffer *buffer, uint32_t first, uint32_t count, uint32_t row) {
    VkDeviceSize bytes = row * sizeof(float);
    return (octavo_tensor){octavo_buffer_handle(buffer), first * bytes, count * bytes, OCTAVO_F32, row, HEAD_DIM};
}

/* Appends `count` tokens from `first` on and lets their queries see the cache. */
static void step(session *s, octavo_attention *plan, uint32_t first, uint32_t count) {
    VkCommandBuffer command_buffer;
    check(octavo_commands_begin(s->commands, &command_buffer), "octavo_commands_begin");
    octavo_append_info append = OCTAVO_APPEND_INFO_INIT;
    append.sequence_count = 1;
    append.sequences = &s->sequence;
    append.token_counts = &count;
    append.keys = rows(s->keys, first, count, KV_ROW);
    append.values = rows(s->values, first, count, KV_ROW);
    check(octavo_cache_record_append(s->cache, s->frame, command_buffer, &append), "octavo_cache_record_append");
    octavo_attention_run run = OCTAVO_ATTENTION_RUN_INIT;
    run.sequence_count = 1;
    run.sequences = &s->sequence;
    run.query_counts = &count;
    run.queries = rows(s->queries, first, count, QUERY_ROW);
    run.output = rows(s->output, first, count, QUERY_ROW);
    check(octavo_attention_record(plan, s->frame, command_buffer, &run), "octavo_attention_record");
    check(octavo_commands_submit_and_wait(s->commands, NULL), "octavo_commands_submit_and_wait");
    check(octavo_frame_reset(s->frame), "octavo_frame_reset");
}

static void destroy_session(session *s) {
    octavo_buffer_destroy(s->keys);
    octavo_buffer_destroy(s->values);
    octavo_buffer_destroy(s->queries);
    octavo_buffer_destroy(s->output);
    octavo_commands_destroy(s->commands);
    octavo_frame_destroy(s->frame);
    octavo_attention_destroy(s->prefill);
    octavo_attention_destroy(s->decode);
    octavo_cache_destroy(s->cache);
}

/* --- a check in plain C ------------------------------------------------------------------------------------------- */

static void attend(const float *keys, const float *values, const float *query, uint32_t token, uint32_t kv_head,
                   double *output) {
    double weights[TOKENS], sum = 0.0, largest = -INFINITY;
    for (uint32_t j = 0; j <= token; j++) {
        weights[j] = 0.0;
        for (uint32_t i = 0; i < HEAD_DIM; i++) {
            weights[j] += (double)query[i] * (double)keys[j * KV_ROW + kv_head * HEAD_DIM + i];
        }
        weights[j] /= sqrt((double)HEAD_DIM);
        if (weights[j] > largest) largest = weights[j];
    }
    memset(output, 0, HEAD_DIM * sizeof *output);
    for (uint32_t j = 0; j <= token; j++) sum += weights[j] = exp(weights[j] - largest);
    for (uint32_t j = 0; j <= token; j++) {
        for (uint32_t i = 0; i < HEAD_DIM; i++) {
            output[i] += weights[j] / sum * (double)values[j * KV_ROW + kv_head * HEAD_DIM + i];
        }
    }
}

/* Cosine between the cache's outputs and attention over the keys and values before they were packed. */
static double compare(const float *keys, const float *values, const float *queries, const float *output) {
    double product = 0.0, square = 0.0, expected_square = 0.0, expected[HEAD_DIM];
    for (uint32_t row = 0; row < TOKENS * QUERY_HEADS; row++) {
        uint32_t kv_head = row % QUERY_HEADS / (QUERY_HEADS / KV_HEADS);
        attend(keys, values, queries + (size_t)row * HEAD_DIM, row / QUERY_HEADS, kv_head, expected);
        for (uint32_t i = 0; i < HEAD_DIM; i++) {
            double o = (double)output[row * HEAD_DIM + i];
            product += o * expected[i];
            square += o * o;
            expected_square += expected[i] * expected[i];
        }
    }
    return product / sqrt(square * expected_square);
}

static void fill_random(float *values, size_t count, float scale) {
    static uint32_t state = 1;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        values[i] = scale * ((float)(state >> 8) / 8388608.0f - 1.0f);
    }
}

int main(void) {
    static float keys[TOKENS * KV_ROW], values[TOKENS * KV_ROW], queries[TOKENS * QUERY_ROW],
        output[TOKENS * QUERY_ROW];
    fill_random(keys, TOKENS * KV_ROW, 2.0f);
    fill_random(values, TOKENS * KV_ROW, 1.0f);
    fill_random(queries, TOKENS * QUERY_ROW, 2.0f);

    application app = {.queue_locks = 0};
    create_instance(&app);
    choose_device(&app);
    create_device(&app);

    octavo_device *device = import_device(&app);
    session s = create_session(device, keys, values, queries);
    step(&s, s.prefill, 0, PROMPT_TOKENS);
    for (uint32_t token = PROMPT_TOKENS; token < TOKENS; token++) step(&s, s.decode, token, 1);
    check(octavo_buffer_read(s.output, 0, sizeof output, output), "octavo_buffer_read");

    double sum = 0.0, cosine = compare(keys, values, queries, output);
    for (uint32_t i = 0; i < TOKENS * QUERY_ROW; i++) sum += fabs((double)output[i]);
    octavo_device_description description;
    octavo_device_describe(device, &description);
    (void)printf(
        "%s: prefill %s, decode %s, sum %.3f, cosine to attention without a cache %.4f, queue locked %d times\n",
        description.name, octavo_attention_variant(s.prefill), octavo_attention_variant(s.decode), sum, cosine,
        app.queue_locks);

    destroy_session(&s);
    octavo_device_destroy(device); /* leaves the application's device alone */
    app.functions.vkDestroyDevice(app.device, NULL);
    vkDestroyInstance(app.instance, NULL);
    return cosine > 0.95 && app.queue_locks >= 1 + DECODE_TOKENS ? 0 : 1;
}
