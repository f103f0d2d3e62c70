/* An application with its own buffers, descriptors, command buffer and fence puts Octavo between its own dispatches:
 * for each token of a made-up model, one submission of query, key, value += hidden state      (its own dispatches)
 *   append to the cache, decode            (recorded by Octavo)
 *   hidden state += output                 (its own dispatch)
 * Octavo never submits: it gets the command buffer, and is told when a frame's fence has signalled. */
#include <volk.h>

#include <math.h>
#include <octavo/octavo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_DIM 64u
#define STEPS 40u

static const uint32_t add_rows_words[] = {
#include "add_rows.inc"
};

static void check(octavo_status status) {
    if (status == OCTAVO_SUCCESS) return;
    (void)fprintf(stderr, "Octavo: %s\n", octavo_status_string(status));
    exit(1);
}

static void check_vulkan(VkResult result) {
    if (result == VK_SUCCESS) return;
    (void)fprintf(stderr, "Vulkan: VkResult %d\n", (int)result);
    exit(1);
}

/* --- what the application has anyway -------------------------------------------------------------------------------
 */

enum { HIDDEN, QUERY, KEY, VALUE, OUTPUT, BUFFER_COUNT };

typedef struct application {
    octavo_vulkan_handles vulkan;
    VkBuffer buffers[BUFFER_COUNT]; /* [HEAD_DIM] floats each */
    VkDeviceMemory memory[BUFFER_COUNT];
    float *mapped[BUFFER_COUNT];
    VkDescriptorSetLayout set_layout;
    VkDescriptorPool descriptor_pool;
    VkPipelineLayout pipeline_layout;
    VkPipeline add_rows;
    VkCommandPool command_pool;
    VkCommandBuffer command_buffer;
    VkFence fence;
} application;

static uint32_t find_memory_type(VkPhysicalDevice physical_device, uint32_t allowed) {
    const VkMemoryPropertyFlags wanted = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    VkPhysicalDeviceMemoryProperties properties;
    vkGetPhysicalDeviceMemoryProperties(physical_device, &properties);
    for (uint32_t i = 0; i < properties.memoryTypeCount; i++)
        if ((allowed >> i & 1u) != 0 && (properties.memoryTypes[i].propertyFlags & wanted) == wanted) return i;
    check_vulkan(VK_ERROR_FEATURE_NOT_PRESENT);
    return 0;
}

static void create_buffer(application *app, int index) {
    VkDevice device = app->vulkan.device;
    VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                               .size = HEAD_DIM * sizeof(float),
                               .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT};
    check_vulkan(vkCreateBuffer(device, &info, NULL, &app->buffers[index]));
    VkMemoryRequirements requirements;
    vkGetBufferMemoryRequirements(device, app->buffers[index], &requirements);
    VkMemoryAllocateInfo allocation = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                       .allocationSize = requirements.size,
                                       .memoryTypeIndex =
                                           find_memory_type(app->vulkan.physical_device, requirements.memoryTypeBits)};
    check_vulkan(vkAllocateMemory(device, &allocation, NULL, &app->memory[index]));
    check_vulkan(vkBindBufferMemory(device, app->buffers[index], app->memory[index], 0));
    void *mapped;
    check_vulkan(vkMapMemory(device, app->memory[index], 0, VK_WHOLE_SIZE, 0, &mapped));
    app->mapped[index] = mapped;
    memset(mapped, 0, HEAD_DIM * sizeof(float));
}

static void create_pipeline(application *app) {
    VkDevice device = app->vulkan.device;
    VkDescriptorSetLayoutBinding bindings[2];
    for (uint32_t i = 0; i < 2; i++)
        bindings[i] = (VkDescriptorSetLayoutBinding){.binding = i,
                                                     .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                                     .descriptorCount = 1,
                                                     .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT};
    VkDescriptorSetLayoutCreateInfo set_info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO, .bindingCount = 2, .pBindings = bindings};
    check_vulkan(vkCreateDescriptorSetLayout(device, &set_info, NULL, &app->set_layout));
    VkPushConstantRange range = {VK_SHADER_STAGE_COMPUTE_BIT, 0, 8};
    VkPipelineLayoutCreateInfo layout_info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                              .setLayoutCount = 1,
                                              .pSetLayouts = &app->set_layout,
                                              .pushConstantRangeCount = 1,
                                              .pPushConstantRanges = &range};
    check_vulkan(vkCreatePipelineLayout(device, &layout_info, NULL, &app->pipeline_layout));
    VkShaderModuleCreateInfo module_info = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                            .codeSize = sizeof add_rows_words,
                                            .pCode = add_rows_words};
    VkShaderModule module;
    check_vulkan(vkCreateShaderModule(device, &module_info, NULL, &module));
    VkComputePipelineCreateInfo info = {.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
                                        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                                                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                                                  .module = module,
                                                  .pName = "main"},
                                        .layout = app->pipeline_layout};
    check_vulkan(vkCreateComputePipelines(device, VK_NULL_HANDLE, 1, &info, NULL, &app->add_rows));
    vkDestroyShaderModule(device, module, NULL);
    VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 8};
    VkDescriptorPoolCreateInfo pool_info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO, .maxSets = 4, .poolSizeCount = 1, .pPoolSizes = &size};
    check_vulkan(vkCreateDescriptorPool(device, &pool_info, NULL, &app->descriptor_pool));
}

static void create_application(application *app, const octavo_device *device) {
    octavo_device_get_handles(device, &app->vulkan);
    volkLoadInstanceOnly(app->vulkan.instance);
    volkLoadDevice(app->vulkan.device);
    for (int i = 0; i < BUFFER_COUNT; i++) create_buffer(app, i);
    create_pipeline(app);
    VkCommandPoolCreateInfo pool_info = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                         .queueFamilyIndex = app->vulkan.queue_family_index};
    check_vulkan(vkCreateCommandPool(app->vulkan.device, &pool_info, NULL, &app->command_pool));
    VkCommandBufferAllocateInfo command_info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                                .commandPool = app->command_pool,
                                                .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                                .commandBufferCount = 1};
    check_vulkan(vkAllocateCommandBuffers(app->vulkan.device, &command_info, &app->command_buffer));
    VkFenceCreateInfo fence_info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    check_vulkan(vkCreateFence(app->vulkan.device, &fence_info, NULL, &app->fence));
}

static void destroy_application(application *app) {
    VkDevice device = app->vulkan.device;
    vkDestroyFence(device, app->fence, NULL);
    vkDestroyCommandPool(device, app->command_pool, NULL);
    vkDestroyDescriptorPool(device, app->descriptor_pool, NULL);
    vkDestroyPipeline(device, app->add_rows, NULL);
    vkDestroyPipelineLayout(device, app->pipeline_layout, NULL);
    vkDestroyDescriptorSetLayout(device, app->set_layout, NULL);
    for (int i = 0; i < BUFFER_COUNT; i++) {
        vkDestroyBuffer(device, app->buffers[i], NULL);
        vkFreeMemory(device, app->memory[i], NULL);
    }
}

/* target += factor * source */
static void record_add(application *app, int target, float factor, int source) {
    VkDescriptorSetAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                        .descriptorPool = app->descriptor_pool,
                                        .descriptorSetCount = 1,
                                        .pSetLayouts = &app->set_layout};
    VkDescriptorSet set;
    check_vulkan(vkAllocateDescriptorSets(app->vulkan.device, &info, &set));
    VkDescriptorBufferInfo ranges[2] = {{app->buffers[source], 0, VK_WHOLE_SIZE},
                                        {app->buffers[target], 0, VK_WHOLE_SIZE}};
    VkWriteDescriptorSet write = {.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                  .dstSet = set,
                                  .descriptorCount = 2,
                                  .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                  .pBufferInfo = ranges};
    vkUpdateDescriptorSets(app->vulkan.device, 1, &write, 0, NULL);
    struct {
        uint32_t count;
        float factor;
    } parameters = {HEAD_DIM, factor};
    vkCmdBindPipeline(app->command_buffer, VK_PIPELINE_BIND_POINT_COMPUTE, app->add_rows);
    vkCmdBindDescriptorSets(app->command_buffer, VK_PIPELINE_BIND_POINT_COMPUTE, app->pipeline_layout, 0, 1, &set, 0,
                            NULL);
    vkCmdPushConstants(app->command_buffer, app->pipeline_layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, 8, &parameters);
    vkCmdDispatch(app->command_buffer, (HEAD_DIM + 63) / 64, 1, 1);
}

static void record_barrier(const application *app, VkPipelineStageFlags from, VkAccessFlags written,
                           VkPipelineStageFlags to, VkAccessFlags read) {
    VkMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER, .srcAccessMask = written, .dstAccessMask = read};
    vkCmdPipelineBarrier(app->command_buffer, from, to, 0, 1, &barrier, 0, NULL, 0, NULL);
}

/* --- Octavo --------------------------------------------------------------------------------------------------------
 */

static octavo_tensor tensor(VkBuffer buffer) {
    return (octavo_tensor){buffer, 0, HEAD_DIM * sizeof(float), OCTAVO_F32, HEAD_DIM, HEAD_DIM};
}

static void record_octavo(const application *app, octavo_cache *cache, octavo_sequence sequence,
                          octavo_attention *attention, octavo_frame *frame) {
    const uint32_t one = 1;
    octavo_append_info append = OCTAVO_APPEND_INFO_INIT;
    append.sequence_count = 1;
    append.sequences = &sequence;
    append.token_counts = &one;
    append.keys = tensor(app->buffers[KEY]);
    append.values = tensor(app->buffers[VALUE]);
    check(octavo_cache_record_append(cache, frame, app->command_buffer, &append));
    octavo_attention_run run = OCTAVO_ATTENTION_RUN_INIT;
    run.sequence_count = 1;
    run.sequences = &sequence;
    run.query_counts = &one;
    run.queries = tensor(app->buffers[QUERY]);
    run.output = tensor(app->buffers[OUTPUT]);
    check(octavo_attention_record(attention, frame, app->command_buffer, &run));
}

static void run_step(application *app, octavo_cache *cache, octavo_sequence sequence, octavo_attention *attention,
                     octavo_frame *frame) {
    const VkPipelineStageFlags compute = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT;
    VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                      .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT};
    check_vulkan(vkBeginCommandBuffer(app->command_buffer, &begin));
    record_add(app, QUERY, 0.5f, HIDDEN);
    record_add(app, KEY, -0.25f, HIDDEN);
    record_add(app, VALUE, 1.0f, HIDDEN);
    record_barrier(app, compute, VK_ACCESS_SHADER_WRITE_BIT, OCTAVO_PIPELINE_STAGES, OCTAVO_READ_ACCESS);
    record_octavo(app, cache, sequence, attention, frame);
    record_barrier(app, OCTAVO_PIPELINE_STAGES, OCTAVO_WRITE_ACCESS, compute, VK_ACCESS_SHADER_READ_BIT);
    record_add(app, HIDDEN, -0.125f, OUTPUT);
    record_barrier(app, compute, VK_ACCESS_SHADER_WRITE_BIT, VK_PIPELINE_STAGE_HOST_BIT, VK_ACCESS_HOST_READ_BIT);
    check_vulkan(vkEndCommandBuffer(app->command_buffer));

    VkSubmitInfo submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &app->command_buffer};
    check_vulkan(vkQueueSubmit(app->vulkan.queue, 1, &submit, app->fence));
    check_vulkan(vkWaitForFences(app->vulkan.device, 1, &app->fence, VK_TRUE, UINT64_MAX));
    check_vulkan(vkResetFences(app->vulkan.device, 1, &app->fence));
    check_vulkan(vkResetCommandPool(app->vulkan.device, app->command_pool, 0));
    check_vulkan(vkResetDescriptorPool(app->vulkan.device, app->descriptor_pool, 0));
    check(octavo_frame_reset(frame)); /* the fence has signalled */
}

/* The same model in double on the CPU, over the keys and values that the cache holds. Returns the largest difference of
 * the outputs. */
static double compare_last_step(const application *app, octavo_cache *cache, octavo_sequence sequence) {
    static float keys[STEPS][HEAD_DIM], values[STEPS][HEAD_DIM];
    double logits[STEPS], largest = -HUGE_VAL, sum = 0, worst = 0;
    check(octavo_cache_read(cache, sequence, 0, 0, STEPS, keys[0], values[0]));
    for (uint32_t j = 0; j < STEPS; j++) {
        logits[j] = 0;
        for (uint32_t i = 0; i < HEAD_DIM; i++) logits[j] += (double)app->mapped[QUERY][i] * (double)keys[j][i];
        logits[j] /= sqrt((double)HEAD_DIM);
        if (logits[j] > largest) largest = logits[j];
    }
    for (uint32_t j = 0; j < STEPS; j++) sum += exp(logits[j] - largest);
    for (uint32_t i = 0; i < HEAD_DIM; i++) {
        double expected = 0;
        for (uint32_t j = 0; j < STEPS; j++) expected += exp(logits[j] - largest) / sum * (double)values[j][i];
        worst = fmax(worst, fabs(expected - (double)app->mapped[OUTPUT][i]));
    }
    return worst;
}

int main(void) {
    octavo_device_create_info device_info = OCTAVO_DEVICE_CREATE_INFO_INIT;
    octavo_device *device;
    if (volkInitialize() != VK_SUCCESS) check(OCTAVO_NO_DEVICE);
    device_info.get_instance_proc_addr = vkGetInstanceProcAddr;
    check(octavo_device_create(&device_info, &device)); /* import_device.c shows how to bring one's own */
    application app;
    memset(&app, 0, sizeof app);
    create_application(&app, device);

    octavo_cache_info cache_info = OCTAVO_CACHE_INFO_INIT;
    cache_info.key_dim = cache_info.value_dim = HEAD_DIM;
    cache_info.token_capacity = 1024;
    octavo_cache *cache;
    octavo_sequence sequence;
    check(octavo_cache_create(device, &cache_info, &cache));
    check(octavo_sequence_create(cache, 0, &sequence));
    octavo_attention_info attention_info = OCTAVO_ATTENTION_INFO_INIT;
    attention_info.cache = cache;
    octavo_attention *attention;
    octavo_frame *frame;
    check(octavo_attention_create(&attention_info, &attention));
    check(octavo_frame_create(device, 0, &frame));

    for (uint32_t i = 0; i < HEAD_DIM; i++) app.mapped[HIDDEN][i] = sinf((float)(i * i));
    for (uint32_t step = 0; step < STEPS; step++) run_step(&app, cache, sequence, attention, frame);
    double worst = compare_last_step(&app, cache, sequence);
    (void)printf("%u steps, hidden state %.4f %.4f ..; largest difference from the CPU %.2g\n", STEPS,
                 (double)app.mapped[HIDDEN][0], (double)app.mapped[HIDDEN][1], worst);

    octavo_frame_destroy(frame);
    octavo_attention_destroy(attention);
    octavo_cache_destroy(cache);
    destroy_application(&app);
    octavo_device_destroy(device);
    return worst < 0.05 ? 0 : 1;
}
