# The debug symbols of `program`, beside the stripped one that is installed already.
set(installed $ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/bin)
file(MAKE_DIRECTORY ${installed}/.debug)
foreach(arguments "--only-keep-debug;${program};${installed}/.debug/cairn.debug"
    "--remove-section=.gnu_debuglink;--add-gnu-debuglink=${installed}/.debug/cairn.debug;${installed}/cairn")
  execute_process(COMMAND ${objcopy} ${arguments} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
