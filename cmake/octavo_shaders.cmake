# Compiles shaders/*.comp to SPIR-V modules at build time and embeds them as C arrays.
#
# octavo_variant(NAME name SOURCE file.comp
#                [DEFINES A=1 ...]      preprocessor definitions; OCTAVO_GLSL=1 is always there
#                [NEEDS int_dot ...]    capabilities a device must have: octavo_capability, in lower case, no prefix
#                [PUSH struct]          type of the push constants, declared for C and GLSL in octavo_abi.h
#                [BINDINGS n]           most storage buffers of the module, 4 by default
#                [TARGET_ENV vulkan1.1] for the compiler and for spirv-val
#                [GLSLANG n])           first major version of glslang that compiles it; an older one takes the
#                                       checked-in shaders/prebuilt/NAME.spv
#
# Gives shader_modules.h: octavo_spirv_NAME[] and the table octavo_shader_modules[] of all modules, indexed by
# OCTAVO_SHADER_NAME. The modules are also left as BUILD/shaders/NAME.spv.
find_program(OCTAVO_GLSLANG_VALIDATOR NAMES glslangValidator glslang REQUIRED)
find_program(OCTAVO_SPIRV_VAL spirv-val REQUIRED)
mark_as_advanced(OCTAVO_GLSLANG_VALIDATOR OCTAVO_SPIRV_VAL)

execute_process(COMMAND ${OCTAVO_GLSLANG_VALIDATOR} --version OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
if(NOT text MATCHES "Glslang Version: [0-9]+:([0-9]+)")
  message(FATAL_ERROR "${OCTAVO_GLSLANG_VALIDATOR} --version names no version: ${text}")
endif()
set(octavo_glslang_version ${CMAKE_MATCH_1} CACHE INTERNAL "Major version of the shader compiler; samples read it too")
if(octavo_glslang_version LESS 12)
  message(FATAL_ERROR "Octavo needs glslang 12 or newer, found ${octavo_glslang_version}")
endif()

set(octavo_shader_dir ${PROJECT_SOURCE_DIR}/shaders)
set(octavo_shader_sources "") # generated
set(octavo_shader_enum "")
set(octavo_shader_declarations "")
set(octavo_shader_arrays "")
set(octavo_shader_rows "")
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/shaders ${octavo_generated_dir})

function(octavo_variant)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;SOURCE;PUSH;BINDINGS;TARGET_ENV;GLSLANG" "DEFINES;NEEDS")
  if(arg_UNPARSED_ARGUMENTS OR arg_KEYWORDS_MISSING_VALUES OR NOT arg_NAME MATCHES "^[a-z][a-z0-9_]*$" OR NOT arg_SOURCE)
    message(FATAL_ERROR "octavo_variant(${ARGV}): bad arguments: ${arg_UNPARSED_ARGUMENTS} ${arg_KEYWORDS_MISSING_VALUES}")
  endif()
  set(source ${octavo_shader_dir}/${arg_SOURCE})
  if(NOT EXISTS ${source})
    message(FATAL_ERROR "octavo_variant(${arg_NAME}): no file shaders/${arg_SOURCE}")
  endif()
  if(NOT arg_TARGET_ENV)
    set(arg_TARGET_ENV vulkan1.1)
  endif()
  if(NOT arg_BINDINGS)
    set(arg_BINDINGS 4)
  endif()
  list(TRANSFORM arg_DEFINES PREPEND -D)
  string(TOUPPER ${arg_NAME} upper_name)

  set(spirv ${PROJECT_BINARY_DIR}/shaders/${arg_NAME}.spv)
  set(words ${octavo_generated_dir}/spirv_${arg_NAME}.inc)
  set(depfile ${octavo_generated_dir}/${arg_NAME}.spv.d)
  set(validate COMMAND ${OCTAVO_SPIRV_VAL} --target-env ${arg_TARGET_ENV} ${spirv})
  if(arg_GLSLANG AND octavo_glslang_version LESS arg_GLSLANG)
    set(prebuilt ${octavo_shader_dir}/prebuilt/${arg_NAME}.spv)
    if(NOT EXISTS ${prebuilt})
      message(FATAL_ERROR "octavo_variant(${arg_NAME}): needs glslang ${arg_GLSLANG} or shaders/prebuilt/${arg_NAME}.spv")
    endif()
    message(STATUS "Shader ${arg_NAME}: glslang ${octavo_glslang_version} is too old, taking the checked-in module")
    # spirv-val is as old as glslang: it does not know what the module uses
    add_custom_command(OUTPUT ${spirv} COMMAND ${CMAKE_COMMAND} -E copy ${prebuilt} ${spirv} DEPENDS ${prebuilt} VERBATIM)
  else()
    add_custom_command(OUTPUT ${spirv}
      COMMAND ${OCTAVO_GLSLANG_VALIDATOR} --quiet -V --target-env ${arg_TARGET_ENV} $<IF:$<BOOL:${OCTAVO_SHADER_DEBUG}>,-g,-g0>
        -DOCTAVO_GLSL=1 ${arg_DEFINES} -I${octavo_shader_dir} -I${octavo_shader_dir}/lib
        --depfile ${depfile} -o ${spirv} ${source}
      ${validate}
      DEPENDS ${source} DEPFILE ${depfile} COMMENT "Compiling shader ${arg_NAME}" VERBATIM)
  endif()
  add_custom_command(OUTPUT ${words}
    COMMAND ${CMAKE_COMMAND} -D INPUT=${spirv} -D OUTPUT=${words} -P ${PROJECT_SOURCE_DIR}/cmake/embed_spirv.cmake
    DEPENDS ${spirv} ${PROJECT_SOURCE_DIR}/cmake/embed_spirv.cmake COMMENT "Embedding shader ${arg_NAME}" VERBATIM)

  set(needs 0)
  if(arg_NEEDS)
    list(TRANSFORM arg_NEEDS TOUPPER)
    list(TRANSFORM arg_NEEDS PREPEND "(uint32_t)OCTAVO_CAPABILITY_")
    list(JOIN arg_NEEDS " | " needs)
  endif()
  set(push_bytes 0)
  if(arg_PUSH)
    set(push_bytes "sizeof(${arg_PUSH})")
  endif()
  string(APPEND octavo_shader_enum "    OCTAVO_SHADER_${upper_name},\n")
  string(APPEND octavo_shader_declarations "extern const uint32_t octavo_spirv_${arg_NAME}[];\n")
  string(APPEND octavo_shader_arrays "const uint32_t octavo_spirv_${arg_NAME}[] = {\n"
    "#include \"spirv_${arg_NAME}.inc\"\n};\n")
  string(APPEND octavo_shader_rows "    {\"${arg_NAME}\", octavo_spirv_${arg_NAME}, sizeof octavo_spirv_${arg_NAME}, "
    "${needs}, ${arg_BINDINGS}, ${push_bytes}},\n")
  list(APPEND octavo_shader_sources ${words})
  foreach(variable enum declarations arrays rows sources)
    set(octavo_shader_${variable} "${octavo_shader_${variable}}" PARENT_SCOPE)
  endforeach()
endfunction()

# Writes the header and the table, when they change.
macro(octavo_shader_modules_finish)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/shader_modules.h.in ${octavo_generated_dir}/shader_modules.h @ONLY)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/shader_modules.c.in ${octavo_generated_dir}/shader_modules.c @ONLY)
endmacro()
