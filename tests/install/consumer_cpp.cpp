// An application in C++ that is built against an installed Octavo.
#include <octavo/octavo.h>

#include <cstdio>
#include <string>

int main() {
    octavo_device_create_info info = OCTAVO_DEVICE_CREATE_INFO_INIT;
    octavo_device *device = nullptr;
    const octavo_status status = octavo_device_create(&info, &device); // without get_instance_proc_addr
    uint32_t count = 0;
    octavo_required_device_extensions(&count);
    const std::string text = octavo_status_string(status);
    std::printf("octavo %u: %s\n", unsigned(octavo_version()), text.c_str());
    return status == OCTAVO_INVALID_ARGUMENT && device == nullptr ? 0 : 1;
}
