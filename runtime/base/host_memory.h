/* Host memory through the caller's allocator, or malloc and free. */
#ifndef OCTAVO_HOST_MEMORY_H
#define OCTAVO_HOST_MEMORY_H

#include <octavo/status.h>

/* What an object keeps of the caller's octavo_host: the allocator is copied and never NULL. */
typedef struct octavo_base_host {
    octavo_log_function log;
    void *log_user;
    octavo_allocator allocator;
} octavo_base_host;

/* host may be NULL: no log, malloc and free. */
void octavo_base_host_init(octavo_base_host *result, const octavo_host *host);
/* Zeroed; NULL when there is none left, or for 0 bytes. */
void *octavo_base_allocate(const octavo_base_host *host, size_t size);
/* memory may be NULL; size as it was allocated. */
void octavo_base_release(const octavo_base_host *host, void *memory, size_t size);

#endif
