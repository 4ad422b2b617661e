# cmake/Warnings.cmake: the target aioxx_warnings, linked by our own programs only; users keep their own flags.

add_library(aioxx_warnings INTERFACE)
if(AIOXX_WARNINGS)
  target_compile_options(aioxx_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion)
  # g++ 12 sees writes beyond the end in `"text" + std::string()` when it optimises (GCC bug 105329 and its kin).
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    target_compile_options(aioxx_warnings INTERFACE -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds)
  endif()
endif()
if(AIOXX_WARNINGS_AS_ERRORS)
  target_compile_options(aioxx_warnings INTERFACE -Werror)
endif()
