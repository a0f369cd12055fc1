# tickwire.node: native/addon/*.cc over all layers.
tickwire_sources(addon_sources "${CMAKE_SOURCE_DIR}/native/addon")

# The entry point comes first on the link line: where it and other files hold the same inline function, the linker keeps
# the first copy, so what runs before the CPU check never holds an instruction that the check is there to rule out.
set(addon_entry "${CMAKE_SOURCE_DIR}/native/addon/module.cc")
list(REMOVE_ITEM addon_sources "${addon_entry}")
set_source_files_properties("${addon_entry}" PROPERTIES COMPILE_OPTIONS "${TICKWIRE_MARCH_BASELINE}")

add_library(tickwire SHARED "${addon_entry}" ${addon_sources} ${CMAKE_JS_SRC})
set_target_properties(tickwire PROPERTIES UNITY_BUILD ${TICKWIRE_UNITY} UNITY_BUILD_BATCH_SIZE 12)
set_target_properties(tickwire PROPERTIES PREFIX "" SUFFIX ".node" OUTPUT_NAME tickwire)
target_compile_definitions(tickwire PRIVATE NAPI_VERSION=9 NODE_GYP_MODULE_NAME=tickwire NODE_ADDON_API_DISABLE_DEPRECATED)
file(READ "${CMAKE_SOURCE_DIR}/package.json" package_json)
string(JSON package_version GET "${package_json}" version)
if(APPLE OR TICKWIRE_KQUEUE)
  set(poller_name kqueue)
else()
  set(poller_name epoll)
endif()
target_compile_definitions(tickwire PRIVATE
  TICKWIRE_VERSION="${package_version}" TICKWIRE_POLLER="${poller_name}" NODE_ADDON_API_CPP_EXCEPTIONS
  # While an environment is being terminated nothing can be thrown into it any more; that must not end the process.
  NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS)
target_include_directories(tickwire SYSTEM PRIVATE ${CMAKE_JS_INC} "${TICKWIRE_NODE_INCLUDE}")
target_link_libraries(tickwire PRIVATE tw_feed tw_http tw_hub tw_sign tw_options ${CMAKE_JS_LIB})

if(APPLE)
  target_link_options(tickwire PRIVATE "LINKER:-undefined,dynamic_lookup")
else()
  # -z now: a host that lacks a symbol refuses the file at load time, where it can be caught, and does not die at the
  # first call. The version script keeps every other symbol from being bound to a namesake in the host.
  # -z nodelete: Node unloads an addon when the last environment that used it ends, but a resolver thread that is stuck in the
  # system's resolver may come back into this code later.
  target_link_options(tickwire PRIVATE
    "LINKER:--version-script=${CMAKE_SOURCE_DIR}/native/addon/exports.map"
    "LINKER:-z,now" "LINKER:-z,nodelete" "LINKER:-Bsymbolic" "LINKER:--gc-sections")
  set_target_properties(tickwire PROPERTIES LINK_DEPENDS "${CMAKE_SOURCE_DIR}/native/addon/exports.map")
  if(NOT TICKWIRE_ZIG)
    # zig links its own C++ library statically and knows neither option.
    target_link_options(tickwire PRIVATE "LINKER:--exclude-libs,ALL" -static-libgcc -static-libstdc++)
  endif()
endif()
