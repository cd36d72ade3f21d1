# The web console: console/ becomes one script and one style sheet by Debian's esbuild, and these, the page and its icon
# a source file of constants (src/api/console_files.h). Everything made stays in the build folder.
find_program(CAIRN_ESBUILD esbuild REQUIRED)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(CAIRN_NODE_PATH /usr/share/nodejs CACHE PATH "Where Debian's node-preact is")

function(cairn_console target)
  set(folder ${CMAKE_SOURCE_DIR}/console)
  set(made ${CMAKE_BINARY_DIR}/console)
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/src/*.ts ${folder}/src/*.tsx)
  add_custom_command(OUTPUT ${made}/console_files.cc
    COMMAND ${CMAKE_COMMAND} -E env NODE_PATH=${CAIRN_NODE_PATH} ${CAIRN_ESBUILD} ${folder}/src/main.tsx --bundle --minify
            --target=es2020 --jsx-factory=h --log-level=warning --outfile=${made}/console.js
    COMMAND ${CAIRN_ESBUILD} ${folder}/console.css --minify --log-level=warning --outfile=${made}/console.css
    COMMAND ${Python3_EXECUTABLE} -B ${folder}/embed.py ${made}/console_files.cc ${folder}/index.html ${made}/console.js
            ${made}/console.css ${folder}/icon.svg
    DEPENDS ${sources} ${folder}/index.html ${folder}/console.css ${folder}/icon.svg ${folder}/embed.py
    COMMENT "Making the console" VERBATIM)
  target_sources(${target} PRIVATE ${made}/console_files.cc)
endfunction()
