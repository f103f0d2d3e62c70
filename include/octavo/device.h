/* octavo/device.h: a Vulkan device, created here or brought by the application; buffers and command buffers for those who
 * have none of their own.
 *
 * Threads. An octavo_device may be used by several threads at once; objects made from it (buffers, commands, frames,
 * caches, plans) are each used by one thread at a time, but different ones at the same time. Submissions of the library
 * take the queue lock: its own mutex on a created device, the caller's callbacks on an imported one.
 *
 * Lifetime. A device outlives what was made from it. destroy(NULL) does nothing. After OCTAVO_DEVICE_LOST every object
 * can still be destroyed. */
#ifndef OCTAVO_DEVICE_H
#define OCTAVO_DEVICE_H

#include <octavo/status.h>
#include <vulkan/vulkan_core.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct octavo_device octavo_device;

/* Optional abilities of a device that Octavo uses, each with a fallback. */
typedef enum octavo_capability {
    OCTAVO_CAPABILITY_INT_DOT = 1u << 0,           /* shaderIntegerDotProduct */
    OCTAVO_CAPABILITY_SUBGROUP = 1u << 1,          /* arithmetic in compute, full subgroups of a size known beforehand */
    OCTAVO_CAPABILITY_PUSH_DESCRIPTOR = 1u << 2,   /* VK_KHR_push_descriptor */
    OCTAVO_CAPABILITY_TIMESTAMPS = 1u << 3,        /* the queue family writes timestamps */
    OCTAVO_CAPABILITY_PIPELINE_STATISTICS = 1u << 4, /* VK_KHR_pipeline_executable_properties */
    OCTAVO_CAPABILITY_FLOAT16 = 1u << 5,           /* shaderFloat16: the f16 and the matrix kernels */
    OCTAVO_CAPABILITY_COOPERATIVE_MATRIX = 1u << 6, /* VK_KHR_cooperative_matrix in compute */
    OCTAVO_CAPABILITY_DEBUG_NAMES = 1u << 7,       /* VK_EXT_debug_utils on the instance */
    OCTAVO_CAPABILITY_PIPELINE_ROBUSTNESS = 1u << 8, /* VK_EXT_pipeline_robustness: Octavo's kernels stay inside their
                                                        buffers and are compiled without checks of it */
    OCTAVO_CAPABILITY_MAX = 0x7fffffff
} octavo_capability;

/* One physical device as octavo_enumerate_devices sees it, or the device in use. */
typedef struct octavo_device_description {
    char name[256];        /* UTF-8 */
    char driver[256];      /* driver name and version, as text */
    uint32_t api_version;  /* VK_MAKE_API_VERSION, the lower of device and instance */
    uint32_t vendor_id, device_id;
    uint8_t device_uuid[16], driver_uuid[16];
    VkPhysicalDeviceType type;
    uint32_t capabilities; /* octavo_capability bits */
    uint32_t subgroup_size;       /* the reported default */
    uint32_t shared_memory_bytes; /* per workgroup */
    uint64_t device_memory_bytes; /* largest device-local heap */
    VkBool32 usable;
    char reason[256]; /* why not usable; empty when usable */
} octavo_device_description;

/* Where compiled pipelines are kept between runs. The library picks no path. key: lower-case hexadecimal text, derived
 * from driver and shaders; a blob carries its own checked header, so any bytes may come back. Called from the threads
 * that prepare (create caches and plans), for one device by one at a time. Must not call Octavo. */
typedef struct octavo_pipeline_store {
    void *user;
    /* Copies up to *size bytes of the blob of key to data and sets *size to its whole size; data may be NULL to ask for
     * the size. Returns VK_FALSE when there is none. */
    VkBool32 (*get)(void *user, const char *key, void *data, size_t *size);
    void (*set)(void *user, const char *key, const void *data, size_t size);
} octavo_pipeline_store;

#define OCTAVO_DEVICE_BEST UINT32_MAX

typedef struct octavo_device_create_info {
    size_t struct_size;
    octavo_host host;
    PFN_vkGetInstanceProcAddr get_instance_proc_addr; /* required, from the Vulkan loader or a driver */
    uint32_t device_index; /* in the order of octavo_enumerate_devices, or OCTAVO_DEVICE_BEST: the usable device of the
                              first type there is of discrete, integrated, virtual, software; then of most memory */
    VkBool32 validation;   /* load VK_LAYER_KHRONOS_validation; its messages go to the log. OCTAVO_UNSUPPORTED where the
                              layer is not installed */
    uint32_t hidden_capabilities; /* octavo_capability bits to treat as absent (to try a fallback) */
    const octavo_pipeline_store *pipeline_store; /* copied; may be NULL */
    VkDeviceSize allocation_block_bytes;         /* size of device memory blocks; 0: 64 MiB, less on small heaps */
} octavo_device_create_info;
#define OCTAVO_DEVICE_CREATE_INFO_INIT                                                                                 \
    { sizeof(octavo_device_create_info), {0, 0, 0}, 0, OCTAVO_DEVICE_BEST, VK_FALSE, 0, 0, 0 }

typedef struct octavo_device_import_info {
    size_t struct_size;
    octavo_host host;
    PFN_vkGetInstanceProcAddr get_instance_proc_addr; /* required */
    VkInstance instance;
    uint32_t instance_api_version; /* apiVersion given at the creation of the instance; at least 1.1 */
    VkPhysicalDevice physical_device;
    VkDevice device;
    VkQueue queue; /* has VK_QUEUE_COMPUTE_BIT */
    uint32_t queue_family_index;
    const VkPhysicalDeviceFeatures2 *enabled_features; /* the chain given to vkCreateDevice, or NULL: none enabled.
                                                          Only what is enabled here is used. Not kept. */
    uint32_t enabled_extension_count;
    const char *const *enabled_extensions; /* device extensions given to vkCreateDevice. Not kept. */
    void (*lock_queue)(void *user);   /* both or none; none: the caller promises that nobody else uses the queue while a */
    void (*unlock_queue)(void *user); /* function runs whose comment says that it submits */
    void *queue_user;
    uint32_t hidden_capabilities;
    const octavo_pipeline_store *pipeline_store;
    VkDeviceSize allocation_block_bytes;
} octavo_device_import_info;
#define OCTAVO_DEVICE_IMPORT_INFO_INIT                                                                                 \
    { sizeof(octavo_device_import_info), {0, 0, 0}, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/* Device extensions that an application enables, where the device has them, before it imports its device; static
 * storage. None is required on a Vulkan 1.1 device. */
OCTAVO_API const char *const *octavo_recommended_device_extensions(uint32_t *count);
OCTAVO_API const char *const *octavo_required_device_extensions(uint32_t *count);

/* Recommended features: sets, in the structures of the caller's pNext chain that Octavo knows (VkPhysicalDeviceFeatures2
 * itself, Vulkan11/12/13Features and the single-extension structures of int dot, subgroup size control, f16/int8,
 * cooperative matrix, pipeline statistics and pipeline robustness), each member that Octavo would use and `supported` (a
 * chain of the same structures, as vkGetPhysicalDeviceFeatures2 filled it) has; leaves all others as they are. No
 * feature is required. */
OCTAVO_API void octavo_recommend_features(const VkPhysicalDeviceFeatures2 *supported, VkPhysicalDeviceFeatures2 *enable);

/* Lists the physical devices. *count: in, the capacity of descriptions; out, how many there are. descriptions may be
 * NULL to ask for the count. info gives host, get_instance_proc_addr, validation, hidden_capabilities. Creates and
 * destroys an instance of its own. OCTAVO_NO_DEVICE: no instance could be made. Zero devices is a success. */
OCTAVO_API octavo_status octavo_enumerate_devices(const octavo_device_create_info *info, uint32_t *count,
                                                  octavo_device_description *descriptions);

/* Makes instance and device. OCTAVO_NO_DEVICE: none, or the chosen one is not usable (the log says why). */
OCTAVO_API octavo_status octavo_device_create(const octavo_device_create_info *info, octavo_device **device);
/* Uses the caller's instance, device and queue, which outlive the result. Nothing is submitted. OCTAVO_NO_DEVICE: the
 * device is not usable (the log says why). */
OCTAVO_API octavo_status octavo_device_import(const octavo_device_import_info *info, octavo_device **device);
OCTAVO_API void octavo_device_destroy(octavo_device *device);
OCTAVO_API void octavo_device_describe(const octavo_device *device, octavo_device_description *description);

/* The handles in use, owned by the device (or by the importer). */
typedef struct octavo_vulkan_handles {
    VkInstance instance;
    VkPhysicalDevice physical_device;
    VkDevice device;
    VkQueue queue;
    uint32_t queue_family_index;
    PFN_vkGetInstanceProcAddr get_instance_proc_addr;
} octavo_vulkan_handles;
OCTAVO_API void octavo_device_get_handles(const octavo_device *device, octavo_vulkan_handles *handles);

/* How a caller synchronises its buffers with recorded operations: make writes available to these stages and accesses
 * before a recording, and wait on them after it. Name no more than these: with VK_ACCESS_MEMORY_READ_BIT and _WRITE_BIT
 * a barrier takes NVIDIA's driver 3.3 us longer (H100; a dispatch after a barrier 2.0 us otherwise). */
#define OCTAVO_PIPELINE_STAGES (VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT)
#define OCTAVO_READ_ACCESS (VK_ACCESS_SHADER_READ_BIT)
#define OCTAVO_WRITE_ACCESS (VK_ACCESS_SHADER_WRITE_BIT)

/* --- Buffers, for applications without their own ----------------------------------------------------------------- */
typedef struct octavo_buffer octavo_buffer;
typedef enum octavo_buffer_kind {
    OCTAVO_BUFFER_DEVICE = 0, /* device local; write and read go through staging unless the memory is host visible */
    OCTAVO_BUFFER_HOST = 1,   /* host visible: write and read only copy */
    OCTAVO_BUFFER_KIND_MAX = 0x7fffffff
} octavo_buffer_kind;

/* size: bytes, 1 .. maxStorageBufferRange. Usage: storage buffer, transfer source and destination. Contents undefined. */
OCTAVO_API octavo_status octavo_buffer_create(octavo_device *device, VkDeviceSize size, octavo_buffer_kind kind,
                                              octavo_buffer **buffer);
/* The GPU must be done with it. */
OCTAVO_API void octavo_buffer_destroy(octavo_buffer *buffer);
OCTAVO_API VkBuffer octavo_buffer_handle(const octavo_buffer *buffer);
OCTAVO_API VkDeviceSize octavo_buffer_size(const octavo_buffer *buffer);
/* Copies between host memory and bytes [offset, offset + size) of the buffer; done when it returns. May submit and wait
 * under the queue lock. The GPU must not be using those bytes. */
OCTAVO_API octavo_status octavo_buffer_write(octavo_buffer *buffer, VkDeviceSize offset, VkDeviceSize size, const void *data);
OCTAVO_API octavo_status octavo_buffer_read(octavo_buffer *buffer, VkDeviceSize offset, VkDeviceSize size, void *data);

/* --- Submit and wait, for applications without their own command buffers ------------------------------------------ */
typedef struct octavo_commands octavo_commands;
OCTAVO_API octavo_status octavo_commands_create(octavo_device *device, octavo_commands **commands);
OCTAVO_API void octavo_commands_destroy(octavo_commands *commands);
/* Begins recording (what was recorded and not submitted is dropped). *command_buffer is owned by commands. */
OCTAVO_API octavo_status octavo_commands_begin(octavo_commands *commands, VkCommandBuffer *command_buffer);
/* Ends, submits under the queue lock, waits; what the commands wrote is visible to the host then. *gpu_seconds (may be
 * NULL): time between the first and the last command on the GPU, or a negative number without timestamps.
 * OCTAVO_INVALID_STATE: begin has not come before. */
OCTAVO_API octavo_status octavo_commands_submit_and_wait(octavo_commands *commands, double *gpu_seconds);

/* --- Frames --------------------------------------------------------------------------------------------------------
 * What recorded operations need on the GPU until they have run: lists, descriptor sets. Use one frame for each set of
 * command buffers that is submitted together, and reset it when the fence of that submission has signalled; nothing of
 * it is reused before. */
typedef struct octavo_frame octavo_frame;
/* metadata_bytes: memory for lists, at most maxStorageBufferRange; 0: 1 MiB. A decode step takes about 4 bytes a page
 * and sequence, 64 bytes a split, for each layer. */
OCTAVO_API octavo_status octavo_frame_create(octavo_device *device, VkDeviceSize metadata_bytes, octavo_frame **frame);
/* The GPU must be done with it. */
OCTAVO_API void octavo_frame_destroy(octavo_frame *frame);
/* Likewise. */
OCTAVO_API octavo_status octavo_frame_reset(octavo_frame *frame);

#ifdef __cplusplus
}
#endif
#endif
