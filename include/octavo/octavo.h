/* octavo/octavo.h: attention over packed 3-bit caches on any Vulkan GPU. Includes all public headers. */
#ifndef OCTAVO_H
#define OCTAVO_H
#include <octavo/attention.h>
#include <octavo/cache.h>
#include <octavo/device.h>
#include <octavo/status.h>
#endif
