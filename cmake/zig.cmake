# Toolchain file: cross compiling with zig. scripts/zig.mjs writes the wrappers zig-cc, zig-cxx and zig-ar, which carry the
# target, and passes where they are, TICKWIRE_ZIG_SYSTEM and TICKWIRE_ZIG_CPU.
set(TICKWIRE_ZIG ON)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES TICKWIRE_ZIG_WRAPPERS TICKWIRE_ZIG_SYSTEM TICKWIRE_ZIG_CPU)
set(CMAKE_SYSTEM_NAME "${TICKWIRE_ZIG_SYSTEM}")
set(CMAKE_SYSTEM_PROCESSOR "${TICKWIRE_ZIG_CPU}")
set(CMAKE_C_COMPILER "${TICKWIRE_ZIG_WRAPPERS}/zig-cc")
set(CMAKE_CXX_COMPILER "${TICKWIRE_ZIG_WRAPPERS}/zig-cxx")
set(CMAKE_AR "${TICKWIRE_ZIG_WRAPPERS}/zig-ar")
set(CMAKE_RANLIB "${TICKWIRE_ZIG_WRAPPERS}/zig-ranlib")
set(CMAKE_SKIP_RPATH ON)
if(TICKWIRE_ZIG_SYSTEM STREQUAL "Darwin")
  # zig brings the headers and stubs of macOS; there is no SDK, and nothing to change in the linked file afterwards.
  set(CMAKE_OSX_SYSROOT "")
  set(CMAKE_INSTALL_NAME_TOOL "${CMAKE_COMMAND};-E;true")
endif()
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
