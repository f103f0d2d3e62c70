#include "base/mutex.h"

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

int octavo_mutex_init(octavo_mutex *mutex) {
    InitializeSRWLock((PSRWLOCK)&mutex->lock);
    return 1;
}
void octavo_mutex_destroy(octavo_mutex *mutex) {
    (void)mutex;
}
void octavo_mutex_lock(octavo_mutex *mutex) {
    AcquireSRWLockExclusive((PSRWLOCK)&mutex->lock);
}
void octavo_mutex_unlock(octavo_mutex *mutex) {
    ReleaseSRWLockExclusive((PSRWLOCK)&mutex->lock);
}
#else
int octavo_mutex_init(octavo_mutex *mutex) {
    return pthread_mutex_init(&mutex->lock, NULL) == 0;
}
void octavo_mutex_destroy(octavo_mutex *mutex) {
    pthread_mutex_destroy(&mutex->lock);
}
void octavo_mutex_lock(octavo_mutex *mutex) {
    pthread_mutex_lock(&mutex->lock);
}
void octavo_mutex_unlock(octavo_mutex *mutex) {
    pthread_mutex_unlock(&mutex->lock);
}
#endif
