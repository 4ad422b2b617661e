# cmake/aioxxTest.cmake: aioxx_test(), aioxx_test_threads(), aioxx_test_32bit(), aioxx_test_arm64(),
# aioxx_test_portable_wait(), aioxx_compile_fail() and aioxx_fuzz().

find_path(CATCH_INCLUDE_DIR NAMES catch2/catch_all.hpp catch2/catch.hpp)
mark_as_advanced(CATCH_INCLUDE_DIR)
if(NOT CATCH_INCLUDE_DIR)
  message(FATAL_ERROR "Catch2 was not found. Debian and Ubuntu: apt install catch2 (or set AIOXX_BUILD_TESTS=OFF)")
endif()

# The system's python3 first: it is the one whose modules come from packages (the peers need websockets).
find_program(AIOXX_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH)
find_program(AIOXX_PYTHON python3)

# What all test programs share; one set of options, because they share one precompiled header as well.
add_library(aioxx_test_options INTERFACE)
target_include_directories(aioxx_test_options INTERFACE ${PROJECT_SOURCE_DIR}/tests)
target_include_directories(aioxx_test_options SYSTEM INTERFACE ${CATCH_INCLUDE_DIR})
target_compile_definitions(
  aioxx_test_options
  INTERFACE AIOXX_TESTS_DIR="${PROJECT_SOURCE_DIR}/tests" AIOXX_PYTHON="${AIOXX_PYTHON}"
            # Asio 1.22 does not find the coroutines of clang with libstdc++ by itself.
            $<$<CXX_COMPILER_ID:Clang>:ASIO_HAS_CO_AWAIT> $<$<CXX_COMPILER_ID:Clang>:ASIO_HAS_STD_COROUTINE>)
# Optimising takes most of the time of a build, and -O2 a fourth more than -O1. The examples, which tests run as well, and
# the benchmarks have -O2.
target_compile_options(aioxx_test_options INTERFACE $<$<AND:$<CONFIG:Release>,$<CXX_COMPILER_ID:GNU>>:-O1>)
# A time stamp in the precompiled header defeats ccache.
target_compile_options(aioxx_test_options INTERFACE "$<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>")
target_link_libraries(aioxx_test_options INTERFACE aioxx::aioxx aioxx_warnings)
if(EXISTS ${CATCH_INCLUDE_DIR}/catch2/catch_all.hpp)
  find_package(Catch2 3 REQUIRED)
  target_link_libraries(aioxx_test_options INTERFACE Catch2::Catch2)
endif()

add_library(aioxx_test_main OBJECT ${PROJECT_SOURCE_DIR}/tests/support/main.cpp)
target_link_libraries(aioxx_test_main PRIVATE aioxx_test_options)

# The precompiled header of all test programs: only the framework and the standard library, because the library's
# own headers change too often, and with them a build takes nearly twice as long. It is apart from main.cpp, which must see
# the framework's header in its own way.
file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/precompiled.cpp CONTENT "// Owns the precompiled header.\n")
add_library(aioxx_test_precompiled OBJECT ${CMAKE_CURRENT_BINARY_DIR}/precompiled.cpp)
target_link_libraries(aioxx_test_precompiled PRIVATE aioxx_test_options)
target_precompile_headers(
  aioxx_test_precompiled
  PRIVATE
  <chrono>
  <coroutine>
  <cstring>
  <exception>
  <functional>
  <memory>
  <optional>
  <span>
  <string>
  <string_view>
  <system_error>
  <utility>
  <variant>
  <vector>
  "${PROJECT_SOURCE_DIR}/tests/support/catch.hpp")

# aioxx_test(<folder> [NEEDS <component>...])
#
# Makes the program test_<folder> from tests/<folder>/*_test.cpp and registers it with ctest. NEEDS: components
# without which the folder is left out. The other folders link every component there is, and a file whose name
# starts with the name of a missing component (websocket_echo_test.cpp) is left out.
function(aioxx_test folder)
  cmake_parse_arguments(arg "" "" NEEDS ${ARGN})
  foreach(component IN LISTS arg_NEEDS)
    if(NOT TARGET aioxx::${component})
      return()
    endif()
  endforeach()
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${folder}/*_test.cpp)
  set(components "")
  foreach(component tls websocket)
    if(TARGET aioxx::${component})
      list(APPEND components aioxx::${component})
    else()
      list(FILTER sources EXCLUDE REGEX "/${component}[^/]*$")
    endif()
  endforeach()
  if(NOT sources)
    return()
  endif()
  string(REPLACE "/" "_" name ${folder})
  add_executable(test_${name} ${sources})
  target_link_libraries(test_${name} PRIVATE aioxx_test_options aioxx_test_main ${components})
  target_precompile_headers(test_${name} REUSE_FROM aioxx_test_precompiled)
  add_test(NAME ${name} COMMAND test_${name})
  set_tests_properties(
    ${name} PROPERTIES LABELS ${name} TIMEOUT 300
                       ENVIRONMENT "NODE_PATH=${PROJECT_SOURCE_DIR}/build/node/node_modules:/usr/share/nodejs")
endfunction()

# aioxx_test_threads()
#
# The target test_threads, built on demand: all files in which a test has the tag [threads], so that nothing else has to
# be built for `test_threads '[threads]'` under ThreadSanitizer.
function(aioxx_test_threads)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/*_test.cpp)
  set(sources "")
  foreach(file IN LISTS files)
    file(STRINGS ${file} tagged REGEX "\\[threads\\]" LIMIT_COUNT 1)
    if(NOT tagged STREQUAL "")
      list(APPEND sources ${file})
    endif()
  endforeach()
  add_executable(test_threads EXCLUDE_FROM_ALL ${sources})
  target_link_libraries(test_threads PRIVATE aioxx_test_options aioxx_test_main)
  target_precompile_headers(test_threads REUSE_FROM aioxx_test_precompiled)
endfunction()

# Sets a variable to whether a compiler, a command with its options, makes programs of the standard library. Found out anew each
# time, because what is missing may be installed in between.
function(aioxx_can_make result)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/probe)
  file(WRITE ${folder}/probe.cpp "#include <string>\nint main() { return std::string().empty() ? 0 : 1; }\n")
  execute_process(COMMAND ${ARGN} ${folder}/probe.cpp -o ${folder}/probe RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
  if(failed)
    set(${result} OFF PARENT_SCOPE)
  else()
    set(${result} ON PARENT_SCOPE)
  endif()
endfunction()

# Says that the tests for another machine are left out. Where everything is meant to be tested it is an error.
option(AIOXX_TEST_OTHER_MACHINES "Fail where tests for other kinds of machines cannot be built" OFF)
function(aioxx_leave_out tests wanted)
  if(AIOXX_TEST_OTHER_MACHINES)
    message(FATAL_ERROR "The tests for ${tests} cannot be built; they take ${wanted}")
  endif()
  message(STATUS "Left out: the tests for ${tests}; they take ${wanted}")
endfunction()

# aioxx_test_32bit(<folder>...)
#
# The tests of folders that need no library, as one program for words of 32 bits, where this compiler can make one.
function(aioxx_test_32bit)
  if(NOT CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
    return()
  endif()
  aioxx_can_make(has_32bit ${CMAKE_CXX_COMPILER} -m32)
  if(NOT has_32bit)
    aioxx_leave_out("words of 32 bits" "a compiler that has -m32 (Debian: g++-multilib)")
    return()
  endif()
  set(sources ${PROJECT_SOURCE_DIR}/tests/support/main.cpp)
  foreach(folder IN LISTS ARGN)
    file(GLOB tests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${folder}/*_test.cpp)
    list(APPEND sources ${tests})
  endforeach()
  add_executable(test_32bit ${sources})
  target_compile_options(test_32bit PRIVATE -m32 -O0)
  target_link_options(test_32bit PRIVATE -m32)
  target_link_libraries(test_32bit PRIVATE aioxx_test_options)
  add_test(NAME 32bit COMMAND test_32bit)
  set_tests_properties(32bit PROPERTIES LABELS 32bit TIMEOUT 120)
endfunction()

# aioxx_test_arm64(<file>...)
#
# The tests of files that need no library, as one program for 64-bit ARM that is run in an emulator, where Clang can make one.
# Not g++, because Debian's for ARM excludes that for words of 32 bits.
function(aioxx_test_arm64)
  if(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
    return() # all tests are
  endif()
  find_program(AIOXX_CLANG NAMES clang++-19 clang++)
  find_program(AIOXX_ARM64_EMULATOR qemu-aarch64)
  mark_as_advanced(AIOXX_CLANG AIOXX_ARM64_EMULATOR)
  if(NOT AIOXX_CLANG OR NOT AIOXX_ARM64_EMULATOR)
    aioxx_leave_out("64-bit ARM" "Clang and qemu-aarch64 (Debian: clang-19, qemu-user)")
    return()
  endif()
  set(compile ${AIOXX_CLANG} --target=aarch64-linux-gnu -std=c++20 -O1)
  aioxx_can_make(has_arm64 ${compile} -static)
  if(NOT has_arm64)
    aioxx_leave_out("64-bit ARM" "libraries for it (Debian: libstdc++-12-dev-arm64-cross, binutils-aarch64-linux-gnu)")
    return()
  endif()
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/arm64)
  file(MAKE_DIRECTORY ${folder})
  set(objects "")
  foreach(source IN ITEMS support/main.cpp LISTS ARGN)
    string(REPLACE "/" "_" name ${source})
    set(object ${folder}/${name}.o)
    add_custom_command(
      OUTPUT ${object}
      COMMAND ${compile} -I${PROJECT_SOURCE_DIR}/include -I${PROJECT_SOURCE_DIR}/tests -MD -MF ${object}.d -c
              ${PROJECT_SOURCE_DIR}/tests/${source} -o ${object}
      DEPENDS ${PROJECT_SOURCE_DIR}/tests/${source}
      DEPFILE ${object}.d
      VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  add_custom_command(
    OUTPUT ${folder}/test_arm64
    COMMAND ${compile} -static ${objects} -o ${folder}/test_arm64
    DEPENDS ${objects}
    VERBATIM)
  add_custom_target(test_arm64 ALL DEPENDS ${folder}/test_arm64)
  add_test(NAME arm64 COMMAND ${AIOXX_ARM64_EMULATOR} ${folder}/test_arm64)
  set_tests_properties(arm64 PROPERTIES LABELS arm64 TIMEOUT 120)
endfunction()

# aioxx_test_portable_wait(<file>...)
#
# The tests of files as one program that waits for descriptors as on systems without epoll.
function(aioxx_test_portable_wait)
  list(TRANSFORM ARGN PREPEND ${PROJECT_SOURCE_DIR}/tests/ OUTPUT_VARIABLE sources)
  add_executable(test_portable_wait ${sources})
  target_compile_definitions(test_portable_wait PRIVATE AIOXX_PORTABLE_WAIT)
  target_compile_options(test_portable_wait PRIVATE -O0)
  target_link_libraries(test_portable_wait PRIVATE aioxx_test_options aioxx_test_main)
  add_test(NAME portable_wait COMMAND test_portable_wait)
  set_tests_properties(portable_wait PROPERTIES LABELS portable_wait TIMEOUT 120)
endfunction()

# aioxx_compile_fail(<name> <complaint>...)
#
# tests/compile_fail/<name>.cpp must compile as it is, and must not with AIOXX_MISUSE defined; then the compiler has
# to print one of the complaints (regular expressions), so that a case cannot fail for the wrong reason.
function(aioxx_compile_fail name)
  set(source ${PROJECT_SOURCE_DIR}/tests/compile_fail/${name}.cpp)
  add_library(compile_fail_${name}_control OBJECT ${source})
  target_link_libraries(compile_fail_${name}_control PRIVATE aioxx::aioxx aioxx_warnings)
  add_library(compile_fail_${name} OBJECT EXCLUDE_FROM_ALL ${source})
  target_link_libraries(compile_fail_${name} PRIVATE aioxx::aioxx)
  target_compile_definitions(compile_fail_${name} PRIVATE AIOXX_MISUSE)
  add_test(NAME compile_fail_${name} COMMAND ${CMAKE_COMMAND} --build ${PROJECT_BINARY_DIR} --target
                                             compile_fail_${name})
  set_tests_properties(
    compile_fail_${name} PROPERTIES LABELS compile_fail TIMEOUT 120 RUN_SERIAL ON PASS_REGULAR_EXPRESSION "${ARGN}")
endfunction()

# aioxx_fuzz(<name> [NEEDS <component>...])
#
# Makes fuzz_<name> from tests/fuzz/<name>.cpp and registers the replay of the inputs in tests/fuzz/seeds/<name>.
# With AIOXX_FUZZ the program looks for new inputs instead (libFuzzer, so it takes Clang).
option(AIOXX_FUZZ "Build the fuzz targets with libFuzzer instead of replaying their seeds" OFF)
function(aioxx_fuzz name)
  cmake_parse_arguments(arg "" "" NEEDS ${ARGN})
  foreach(component IN LISTS arg_NEEDS)
    if(NOT TARGET aioxx::${component})
      return()
    endif()
  endforeach()
  list(TRANSFORM arg_NEEDS PREPEND aioxx::)
  set(folder ${PROJECT_SOURCE_DIR}/tests/fuzz)
  add_executable(fuzz_${name} ${folder}/${name}.cpp)
  target_link_libraries(fuzz_${name} PRIVATE aioxx_test_options ${arg_NEEDS})
  if(AIOXX_FUZZ)
    target_compile_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(fuzz_${name} PRIVATE ${folder}/replay_main.cpp)
    add_test(NAME fuzz_${name} COMMAND fuzz_${name} ${folder}/seeds/${name})
    set_tests_properties(fuzz_${name} PROPERTIES LABELS fuzz TIMEOUT 120)
  endif()
endfunction()
