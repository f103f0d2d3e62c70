# octavo_compile_options(TARGET): warnings and arithmetic for our own C. -ffp-contract=off: the quantiser and the oracles
# must give the same bits on every processor.
function(octavo_compile_options target)
  if(MSVC)
    target_compile_options(${target} PRIVATE /W4 /fp:precise)
  else()
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wconversion -Wstrict-prototypes
      -Wmissing-prototypes -Wvla -ffp-contract=off)
  endif()
endfunction()

if(OCTAVO_SANITIZERS)
  add_compile_options(-fsanitize=${OCTAVO_SANITIZERS} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${OCTAVO_SANITIZERS})
endif()
if(OCTAVO_BUILD_FUZZERS)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
