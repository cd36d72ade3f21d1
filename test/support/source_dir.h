// Where this source tree lies, for tests that read data from it. One object file knows, so that every other
// one can be shared by all checkouts through the compiler cache.
#pragma once

namespace cairn::test {

extern const char* const kSourceDir;

}  // namespace cairn::test
