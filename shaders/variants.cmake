# THE list of shader modules. octavo_variant() is explained in cmake/octavo_shaders.cmake.
