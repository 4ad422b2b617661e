# cmake/FindAsio.cmake: finds standalone Asio, whose Debian package brings no CMake config of its own.
#
# Result: the target asio::asio, with ASIO_STANDALONE defined; Asio_VERSION; Asio_FOUND.
# Hint: -DAsio_INCLUDE_DIR=<folder that holds asio.hpp>.

find_path(Asio_INCLUDE_DIR asio.hpp DOC "Folder that holds asio.hpp")
mark_as_advanced(Asio_INCLUDE_DIR)

set(Asio_VERSION "")
if(Asio_INCLUDE_DIR AND EXISTS "${Asio_INCLUDE_DIR}/asio/version.hpp")
  # ASIO_VERSION is one number: major * 100000 + minor * 100 + patch.
  file(STRINGS "${Asio_INCLUDE_DIR}/asio/version.hpp" line REGEX "^#define ASIO_VERSION [0-9]+")
  if(line MATCHES "ASIO_VERSION ([0-9]+)")
    math(EXPR major "${CMAKE_MATCH_1} / 100000")
    math(EXPR minor "${CMAKE_MATCH_1} / 100 % 1000")
    math(EXPR patch "${CMAKE_MATCH_1} % 100")
    set(Asio_VERSION "${major}.${minor}.${patch}")
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  Asio
  REQUIRED_VARS Asio_INCLUDE_DIR
  VERSION_VAR Asio_VERSION
  REASON_FAILURE_MESSAGE
    "Install standalone Asio (Debian and Ubuntu: apt install libasio-dev), or set Asio_INCLUDE_DIR to the folder of asio.hpp")

if(Asio_FOUND AND NOT TARGET asio::asio)
  find_package(Threads REQUIRED)
  add_library(asio::asio INTERFACE IMPORTED)
  set_target_properties(
    asio::asio
    PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${Asio_INCLUDE_DIR}" INTERFACE_COMPILE_DEFINITIONS ASIO_STANDALONE
               INTERFACE_LINK_LIBRARIES Threads::Threads)
endif()
