# Compiler, linker and warning settings for every target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_library(cairn_warnings INTERFACE)
target_compile_options(cairn_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Werror
  # TRY() is a statement expression, which both supported compilers have.
  $<$<CXX_COMPILER_ID:Clang>:-Wno-gnu-statement-expression>)

if(CAIRN_SANITIZE)
  add_compile_options(-fsanitize=${CAIRN_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${CAIRN_SANITIZE})
  add_compile_definitions(_GLIBCXX_ASSERTIONS)  # an index past the end inside the capacity is no sanitizer's business
endif()
if(CAIRN_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Its documentation warns of false reports when sanitizers are on, and gcc 12 has them on std::optional.
  add_compile_options(-Wno-maybe-uninitialized)
endif()

if(CAIRN_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)  # coverage of our libraries is what guides the fuzzer
endif()

find_program(CAIRN_MOLD mold)
if(CAIRN_MOLD AND NOT CAIRN_SANITIZE)
  add_link_options(-fuse-ld=mold)
endif()
find_program(CAIRN_CCACHE ccache)
if(CAIRN_CCACHE)
  # Paths relative to the source tree, so that every checkout shares one cache.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env LC_ALL=C.UTF-8 CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
      ${CAIRN_CCACHE})
endif()
