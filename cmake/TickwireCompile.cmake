# Flags of everything that is compiled here. tw_options carries them; every target of the project links it.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
# Before position independence, which CMake would ask of the program that it tries for this, as -fPIE.
find_package(Threads REQUIRED)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O3 -DNDEBUG")

string(TOLOWER "${CMAKE_SYSTEM_PROCESSOR}" TICKWIRE_CPU)
if(TICKWIRE_CPU MATCHES "^(x86_64|amd64|x64)$")
  # AVX2, BMI, FMA: every server sold since 2015. The addon's entry point is compiled for plain x86-64 and checks.
  # PCLMUL is in all of those CPUs without being part of the level; simdjson picks its AVX2 kernels only with it.
  set(TICKWIRE_MARCH -march=x86-64-v3 -mpclmul)
  set(TICKWIRE_MARCH_BASELINE -march=x86-64 -mtune=generic)
elseif(TICKWIRE_CPU MATCHES "^(aarch64|arm64)$" AND NOT APPLE)
  set(TICKWIRE_MARCH -march=armv8-a+crc)
endif()
if(TICKWIRE_ZIG AND TICKWIRE_CPU MATCHES "^(x86_64|amd64|x64)$")
  set(TICKWIRE_MARCH -mcpu=x86_64_v3+pclmul)
  set(TICKWIRE_MARCH_BASELINE -mcpu=x86_64)
elseif(TICKWIRE_ZIG)
  # zig names CPUs its own way, and its default for arm64 is one without CRC, on macOS too.
  if(APPLE)
    set(TICKWIRE_MARCH -mcpu=apple_m1)
  else()
    set(TICKWIRE_MARCH -mcpu=generic+crc)
  endif()
endif()

add_library(tw_options INTERFACE)
target_include_directories(tw_options INTERFACE "${CMAKE_SOURCE_DIR}/native")
target_compile_options(tw_options INTERFACE ${TICKWIRE_MARCH} -Wall -Wextra -Wshadow)
target_link_libraries(tw_options INTERFACE Threads::Threads)
if(TICKWIRE_WERROR)
  target_compile_options(tw_options INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # The layout of structs that cross threads follows the cache line of the CPU family, whatever -mtune says.
  target_compile_options(tw_options INTERFACE -Wno-interference-size)
  # GCC 12 warns about std::string's own operator+ (GCC bug 105651).
  target_compile_options(tw_options INTERFACE -Wno-restrict)
endif()

if(TICKWIRE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(TICKWIRE_SANITIZE)
  set(TICKWIRE_SANITIZE_FLAGS "-fsanitize=${TICKWIRE_SANITIZE}" -fno-omit-frame-pointer -g1)
  if(TICKWIRE_SANITIZE MATCHES "undefined")
    list(APPEND TICKWIRE_SANITIZE_FLAGS -fno-sanitize-recover=undefined)
    if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
      # It looks at objects through a pipe, and takes every object for a bad one in the tests that use up all descriptors.
      list(APPEND TICKWIRE_SANITIZE_FLAGS -fno-sanitize=vptr)
    endif()
  endif()
  if(TICKWIRE_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC warns that the sanitizer does not model fences; code that relies on one is told apart in review.
    target_compile_options(tw_options INTERFACE -Wno-tsan)
  endif()
  # Globally, so that third-party code is instrumented as well.
  add_compile_options(${TICKWIRE_SANITIZE_FLAGS})
  add_link_options(${TICKWIRE_SANITIZE_FLAGS})
endif()
