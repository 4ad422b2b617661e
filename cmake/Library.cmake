# cmake/Library.cmake: the library's targets. Their headers are file sets, so that CMake installs them and
# can compile each of them alone (target all_verify_interface_header_sets).

function(aioxx_component name)
  cmake_parse_arguments(arg "" "" "HEADERS;LINK" ${ARGN})
  if(name STREQUAL "aioxx")
    set(target aioxx)
  else()
    set(target aioxx_${name})
  endif()
  add_library(${target} INTERFACE)
  add_library(aioxx::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  target_compile_features(${target} INTERFACE cxx_std_20)
  target_link_libraries(${target} INTERFACE ${arg_LINK})
  target_sources(${target} INTERFACE FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/include FILES ${arg_HEADERS})
endfunction()

set(CMAKE_VERIFY_INTERFACE_HEADER_SETS ${AIOXX_BUILD_TESTS})

file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/aioxx/*.hpp)
set(websocket_headers ${headers})
set(tls_headers ${headers})
list(FILTER websocket_headers INCLUDE REGEX "/include/aioxx/(websocket/.*|websocket)\\.hpp$")
list(FILTER tls_headers INCLUDE REGEX "/include/aioxx/(.*/)?tls(/.*)?\\.hpp$")
list(REMOVE_ITEM headers ${websocket_headers} ${tls_headers})

aioxx_component(aioxx HEADERS ${headers} LINK asio::asio range-v3::range-v3 Threads::Threads)
if(OpenSSL_FOUND)
  aioxx_component(tls HEADERS ${tls_headers} LINK aioxx OpenSSL::SSL)
endif()
if(OpenSSL_FOUND AND ZLIB_FOUND)
  aioxx_component(websocket HEADERS ${websocket_headers} LINK aioxx aioxx_tls OpenSSL::Crypto ZLIB::ZLIB)
endif()
