// The web console: files of the program itself below /ui/, which ask the REST API of this member, and its
// fellow members for their status. Nothing here knows what they show. Owner: none, it has no state.
// Threading: the Api's.
#pragma once

#include "api/rest.h"

namespace cairn::api {

// A browser, and not a program, asks for this path.
bool wants_page(const RestCall& rest);

void console_root(const Rest& rest);  // "/" of a browser: leads to /ui/
void console_file(const Rest& rest);  // /ui/{file}

}  // namespace cairn::api
