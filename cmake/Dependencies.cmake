# cmake/Dependencies.cmake: what the library is built on, with the name of the Debian package in every complaint.

find_package(Asio 1.22.1 REQUIRED)
find_package(Threads REQUIRED)
find_package(range-v3 CONFIG QUIET)
if(NOT range-v3_FOUND)
  message(FATAL_ERROR "range-v3 was not found. Debian and Ubuntu: apt install librange-v3-dev")
endif()

# The components: a project without WebSocket and TLS needs neither of the two.
find_package(OpenSSL 3.0 QUIET)
find_package(ZLIB QUIET)
if(NOT OpenSSL_FOUND)
  message(STATUS "aioxx: no OpenSSL 3 (Debian: libssl-dev), so aioxx::tls and aioxx::websocket are left out")
elseif(NOT ZLIB_FOUND)
  message(STATUS "aioxx: no zlib (Debian: zlib1g-dev), so aioxx::websocket is left out")
endif()
