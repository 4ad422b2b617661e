# cmake/Warnings.cmake: the target aioxx_warnings, linked by our own programs only; users keep their own flags.

add_library(aioxx_warnings INTERFACE)
if(AIOXX_WARNINGS)
  target_compile_options(aioxx_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion)
endif()
if(AIOXX_WARNINGS_AS_ERRORS)
  target_compile_options(aioxx_warnings INTERFACE -Werror)
endif()
