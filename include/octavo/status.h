/* octavo/status.h: results, the log and host memory. Everything here may be called from any thread. */
#ifndef OCTAVO_STATUS_H
#define OCTAVO_STATUS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(OCTAVO_STATIC)
#define OCTAVO_API
#elif defined(_WIN32)
#if defined(OCTAVO_BUILDING)
#define OCTAVO_API __declspec(dllexport)
#else
#define OCTAVO_API __declspec(dllimport)
#endif
#elif defined(__GNUC__)
#define OCTAVO_API __attribute__((visibility("default")))
#else
#define OCTAVO_API
#endif

#define OCTAVO_VERSION_MAJOR 0
#define OCTAVO_VERSION_MINOR 1
#define OCTAVO_VERSION_PATCH 0

/* What a call returns. The numbers are pinned: they never change their meaning. On every status but OCTAVO_SUCCESS the
 * call has changed nothing that the caller can see, unless its comment says otherwise, and one line that names the
 * argument, its value and the limit went to the log (none where the argument that leads to the log is itself NULL or a
 * structure of unknown size). */
typedef enum octavo_status {
    OCTAVO_SUCCESS = 0,
    OCTAVO_INVALID_ARGUMENT = 1,     /* an argument breaks the contract of its header */
    OCTAVO_OUT_OF_HOST_MEMORY = 2,   /* the host allocator returned NULL */
    OCTAVO_OUT_OF_DEVICE_MEMORY = 3, /* Vulkan could not allocate or map device memory */
    OCTAVO_OUT_OF_PAGES = 4,         /* the cache's pool has too few free pages; free or truncate sequences */
    OCTAVO_FRAME_FULL = 5,           /* the frame's metadata memory is used up; reset it or create a larger one */
    OCTAVO_DEVICE_LOST = 6,          /* VK_ERROR_DEVICE_LOST: destroy everything (that still works) and start again */
    OCTAVO_NO_DEVICE = 7,            /* no Vulkan device, or none that can run Octavo */
    OCTAVO_UNSUPPORTED = 8,          /* legal, but not on this device or not in this build */
    OCTAVO_NOT_PREPARED = 9,         /* the pipelines that this call needs were not prepared (unused yet) */
    OCTAVO_INVALID_STATE = 10,       /* legal arguments at the wrong time, as setting a codec record in use */
    OCTAVO_DRIVER_ERROR = 11,        /* an unexpected VkResult */
    OCTAVO_CORRUPT_DATA = 12,        /* bytes from outside fail their checks (unused yet) */
    OCTAVO_STATUS_MAX = 0x7fffffff
} octavo_status;

/* A short English name, as "invalid argument"; never NULL; static storage. */
OCTAVO_API const char *octavo_status_string(octavo_status status);

/* The version of the library that is linked, as major * 1000000 + minor * 1000 + patch. */
OCTAVO_API uint32_t octavo_version(void);

typedef enum octavo_log_level {
    OCTAVO_LOG_ERROR = 0,   /* why a call failed */
    OCTAVO_LOG_WARNING = 1, /* a variant was skipped, validation spoke */
    OCTAVO_LOG_INFO = 2,    /* what was chosen */
    OCTAVO_LOG_LEVEL_MAX = 0x7fffffff
} octavo_log_level;

/* line: one line of UTF-8 without a newline, valid during the call. Called on the thread whose call speaks; a device that
 * is used by several threads may call it from several at once. It must not call Octavo. */
typedef void (*octavo_log_function)(void *user, octavo_log_level level, const char *line);

/* Host memory. allocate returns memory aligned for any object, or NULL; release takes what allocate returned, with the
 * same size, never NULL. Both are called from the threads that call Octavo. */
typedef struct octavo_allocator {
    void *user;
    void *(*allocate)(void *user, size_t size);
    void (*release)(void *user, void *memory, size_t size);
} octavo_allocator;

/* What every object of a device inherits. All zero: no log, and malloc/free. */
typedef struct octavo_host {
    octavo_log_function log; /* may be NULL */
    void *log_user;
    const octavo_allocator *allocator; /* copied; NULL: malloc and free */
} octavo_host;

#ifdef __cplusplus
}
#endif
#endif
