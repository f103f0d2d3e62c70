# What the library itself needs: Vulkan headers (no loader), xxHash, threads, libm. Used by the build and, installed
# beside OctavoConfig.cmake, by those who link Octavo.
find_path(OCTAVO_VULKAN_INCLUDE_DIR vulkan/vulkan_core.h HINTS ${Vulkan_INCLUDE_DIR} DOC "Vulkan headers, 1.1 or newer")
find_path(OCTAVO_XXHASH_INCLUDE_DIR xxhash.h)
find_library(OCTAVO_XXHASH_LIBRARY xxhash)
mark_as_advanced(OCTAVO_VULKAN_INCLUDE_DIR OCTAVO_XXHASH_INCLUDE_DIR OCTAVO_XXHASH_LIBRARY)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

foreach(variable OCTAVO_VULKAN_INCLUDE_DIR OCTAVO_XXHASH_INCLUDE_DIR OCTAVO_XXHASH_LIBRARY)
  if(NOT ${variable})
    message(FATAL_ERROR "Octavo needs Vulkan headers and xxHash (Debian: libvulkan-dev libxxhash-dev); set ${variable}")
  endif()
endforeach()

if(NOT TARGET octavo::vulkan_headers)
  add_library(octavo::vulkan_headers INTERFACE IMPORTED)
  set_target_properties(octavo::vulkan_headers PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${OCTAVO_VULKAN_INCLUDE_DIR}")
  add_library(octavo::xxhash UNKNOWN IMPORTED)
  set_target_properties(octavo::xxhash PROPERTIES IMPORTED_LOCATION "${OCTAVO_XXHASH_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${OCTAVO_XXHASH_INCLUDE_DIR}")
endif()
