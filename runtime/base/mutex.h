/* A mutex on POSIX threads or on Windows. (C11's own is missing on macOS and on older Android.) */
#ifndef OCTAVO_MUTEX_H
#define OCTAVO_MUTEX_H

#if defined(_WIN32)
typedef struct octavo_mutex {
    void *lock; /* an SRWLOCK, which is one pointer, without <windows.h> in every file */
} octavo_mutex;
#else
#include <pthread.h>
typedef struct octavo_mutex {
    pthread_mutex_t lock;
} octavo_mutex;
#endif

/* 0 on failure. */
int octavo_mutex_init(octavo_mutex *mutex);
void octavo_mutex_destroy(octavo_mutex *mutex);
void octavo_mutex_lock(octavo_mutex *mutex);
void octavo_mutex_unlock(octavo_mutex *mutex);

#endif
