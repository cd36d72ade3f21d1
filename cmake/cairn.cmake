# cairn_library(NAME DEPENDS cairn_lib... [ONLY header...] [PRIVATE_DEPENDS lib...] [TEST_DEPENDS lib...])
#
# One folder is one library: every .cc beside the CMakeLists.txt belongs to cairn_NAME, every *_test.cc to its
# GoogleTest program NAME_test, which ctest runs as one test. DEPENDS is the whole list of our folders that this
# one may include: what those link does not count (tools/tidy.py checks the #include lines against the same table).
# ONLY: of the folders of these headers it may include no other header. PRIVATE_DEPENDS are libraries that no header
# of the folder shows, TEST_DEPENDS those that only its tests and what only these include may use.
function(cairn_library name)
  cmake_parse_arguments(arg "" "" "DEPENDS;ONLY;PRIVATE_DEPENDS;TEST_DEPENDS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")

  if(sources)
    add_library(cairn_${name} STATIC ${sources})
    target_include_directories(cairn_${name} PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/src>
                               $<INSTALL_INTERFACE:include/cairn>)
    target_link_libraries(cairn_${name} PUBLIC ${arg_DEPENDS} PRIVATE ${arg_PRIVATE_DEPENDS} $<BUILD_INTERFACE:cairn_warnings>)
  else()
    add_library(cairn_${name} INTERFACE)
    target_include_directories(cairn_${name} INTERFACE ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(cairn_${name} INTERFACE ${arg_DEPENDS} ${arg_PRIVATE_DEPENDS})
  endif()
  if(tests AND NOT CAIRN_RAFT_ONLY)
    cairn_test(${name}_test SOURCES ${tests} DEPENDS cairn_${name} ${arg_TEST_DEPENDS})
  endif()
endfunction()

# cairn_test(NAME SOURCES file... DEPENDS lib...): a GoogleTest program that ctest runs as one test.
function(cairn_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
  find_package(GTest REQUIRED)
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS} cairn_test_support GTest::gtest GTest::gtest_main cairn_warnings)
  add_test(NAME ${name} COMMAND ${name} --gtest_brief=1)
  # rapidcheck draws a new seed for each run unless told one: tests are deterministic, other seeds are for a person.
  set_tests_properties(${name} PROPERTIES LABELS unit ENVIRONMENT RC_PARAMS=seed=1)
  if(NOT TARGET unit)
    add_custom_target(unit)  # every unit test, and nothing else
  endif()
  add_dependencies(unit ${name})
endfunction()
