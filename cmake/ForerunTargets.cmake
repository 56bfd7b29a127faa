# One library a folder: forerun_library(base PUBLIC ... PRIVATE ...) compiles every .cpp of the folder and of the rooms in it.
# A room named cuda is left to forerun_cuda_sources.
# forerun_embed(target variable files...) puts text files into the library, so that the program needs no files beside it.
include_guard(GLOBAL)

add_library(forerun_options INTERFACE)
target_compile_features(forerun_options INTERFACE cxx_std_20)
target_compile_options(forerun_options INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wconversion -Wshadow -Werror -Wno-missing-field-initializers>)
# False alarms of GCC 12 about std::string, once it inlines it: temporaries that it destroys on a path of its own
# invention, and "text" + string (its bug 105651). The sanitizers watch for the real thing.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(forerun_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-maybe-uninitialized -Wno-restrict>)
endif()
# The standard library's own std::stable_sort calls what it has deprecated, which clang reports where it is used.
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(forerun_options INTERFACE -Wno-deprecated-declarations)
endif()
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

function(forerun_library name)
  cmake_parse_arguments(arg "" "" "PUBLIC;PRIVATE;EMBED" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.hpp)
  list(FILTER sources EXCLUDE REGEX "/cuda/")
  list(FILTER headers EXCLUDE REGEX "/cuda/")
  add_library(forerun_${name} STATIC ${sources})
  add_library(forerun::${name} ALIAS forerun_${name})
  target_compile_features(forerun_${name} PUBLIC cxx_std_20)
  set_property(GLOBAL APPEND PROPERTY FORERUN_LIBRARIES forerun_${name})
  set_target_properties(forerun_${name} PROPERTIES EXPORT_NAME ${name} VERIFY_INTERFACE_HEADER_SETS ON)
  target_sources(forerun_${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${headers})
  target_link_libraries(forerun_${name} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE} $<BUILD_INTERFACE:forerun_options>)
  if(arg_EMBED)
    forerun_embed(forerun_${name} ${name} ${arg_EMBED})
  endif()
endfunction()

# Every file that matches the patterns (relative to the root) becomes an entry {path, text} of
# `std::span<const EmbeddedFile> embedded_<name>()`, sorted by path (declared in base/files/embedded.hpp).
function(forerun_embed target name)
  list(TRANSFORM ARGN PREPEND ${PROJECT_SOURCE_DIR}/ OUTPUT_VARIABLE patterns)
  file(GLOB files CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} ${patterns})
  list(SORT files)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/embedded_${name}.cpp)
  list(TRANSFORM files PREPEND ${PROJECT_SOURCE_DIR}/ OUTPUT_VARIABLE absolute)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} -DNAME=${name} -DROOT=${PROJECT_SOURCE_DIR} "-DFILES=${files}"
            -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${absolute} ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()
