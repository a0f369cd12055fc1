# llhttp (HTTP/1.1) and nghttp2 (HTTP/2, HPACK): compiled with the flags of the core but not with its warnings.
set(TICKWIRE_LLHTTP "${TICKWIRE_THIRD_PARTY}/llhttp")
set(TICKWIRE_NGHTTP2 "${TICKWIRE_THIRD_PARTY}/nghttp2")
foreach(file "${TICKWIRE_LLHTTP}/llhttp.c" "${TICKWIRE_NGHTTP2}/lib/nghttp2_session.c")
  if(NOT EXISTS "${file}")
    message(FATAL_ERROR "${file} is not there: run `node scripts/third-party.mjs` first")
  endif()
endforeach()

add_library(tw_llhttp STATIC "${TICKWIRE_LLHTTP}/llhttp.c" "${TICKWIRE_LLHTTP}/api.c" "${TICKWIRE_LLHTTP}/http.c")
target_include_directories(tw_llhttp SYSTEM PUBLIC "${TICKWIRE_LLHTTP}")
target_compile_options(tw_llhttp PRIVATE ${TICKWIRE_MARCH} -w)

set(PACKAGE_VERSION 1.64.0)
set(PACKAGE_VERSION_NUM 0x014000)
configure_file("${TICKWIRE_NGHTTP2}/includes/nghttp2/nghttp2ver.h.in" "${CMAKE_BINARY_DIR}/nghttp2/nghttp2/nghttp2ver.h" @ONLY)
file(GLOB nghttp2_sources "${TICKWIRE_NGHTTP2}/lib/*.c")
add_library(tw_nghttp2 STATIC ${nghttp2_sources})
target_include_directories(tw_nghttp2 SYSTEM PUBLIC "${TICKWIRE_NGHTTP2}/includes" "${CMAKE_BINARY_DIR}/nghttp2")
target_compile_definitions(tw_nghttp2 PUBLIC NGHTTP2_STATICLIB
  PRIVATE HAVE_ARPA_INET_H HAVE_NETINET_IN_H HAVE_CLOCK_GETTIME HAVE_DECL_CLOCK_MONOTONIC=1)
target_compile_options(tw_nghttp2 PRIVATE ${TICKWIRE_MARCH} -w)
