/* octavo/status.h */
#include <octavo/status.h>

const char *octavo_status_string(octavo_status status) {
    switch (status) {
    case OCTAVO_SUCCESS: return "success";
    case OCTAVO_INVALID_ARGUMENT: return "invalid argument";
    case OCTAVO_OUT_OF_HOST_MEMORY: return "out of host memory";
    case OCTAVO_OUT_OF_DEVICE_MEMORY: return "out of device memory";
    case OCTAVO_OUT_OF_PAGES: return "out of pages";
    case OCTAVO_FRAME_FULL: return "frame full";
    case OCTAVO_DEVICE_LOST: return "device lost";
    case OCTAVO_NO_DEVICE: return "no device";
    case OCTAVO_UNSUPPORTED: return "unsupported";
    case OCTAVO_NOT_PREPARED: return "not prepared";
    case OCTAVO_INVALID_STATE: return "invalid state";
    case OCTAVO_DRIVER_ERROR: return "driver error";
    case OCTAVO_CORRUPT_DATA: return "corrupt data";
    case OCTAVO_STATUS_MAX: break;
    }
    return "unknown status";
}

uint32_t octavo_version(void) {
    return OCTAVO_VERSION_MAJOR * 1000000u + OCTAVO_VERSION_MINOR * 1000u + OCTAVO_VERSION_PATCH;
}
