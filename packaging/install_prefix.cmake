# What depends on where it is installed: the unit, the settings that it names, and where zsh looks.
# `source` and `pages` are folders of the build; a package is made with the prefix /usr and a DESTDIR.
set(BIN_DIR ${CMAKE_INSTALL_PREFIX}/bin)
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  set(CONFIG_DIR /etc/cairn)
  set(zsh vendor-completions)
else()
  set(CONFIG_DIR ${CMAKE_INSTALL_PREFIX}/etc/cairn)
  set(zsh site-functions)
endif()
set(root "$ENV{DESTDIR}")
set(files OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
configure_file(${source}/cairn.service.in ${root}${CMAKE_INSTALL_PREFIX}/lib/systemd/system/cairn.service
  FILE_PERMISSIONS ${files} @ONLY)
configure_file(${pages}/cairn.zsh ${root}${CMAKE_INSTALL_PREFIX}/share/zsh/${zsh}/_cairn FILE_PERMISSIONS ${files} COPYONLY)
if(root OR NOT EXISTS ${CONFIG_DIR}/cairn.toml)  # what somebody has written stays
  configure_file(${source}/cairn.toml ${root}${CONFIG_DIR}/cairn.toml FILE_PERMISSIONS ${files} COPYONLY)
endif()
message(STATUS "Installed below ${CMAKE_INSTALL_PREFIX}; settings: ${CONFIG_DIR}/cairn.toml")
