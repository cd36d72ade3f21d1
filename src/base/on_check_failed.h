// Who is told of a broken CHECK before the process ends: the log's, in a server. Nobody: a line on standard
// error. Threading: set once at the start; told on whichever thread broke it, and only of the first.
#pragma once

namespace cairn {

using CheckReporter = void (*)(const char* file, int line, const char* what);
void on_check_failed(CheckReporter reporter);

}  // namespace cairn
