#include "support/source_dir.h"

namespace cairn::test {

const char* const kSourceDir = CAIRN_SOURCE_DIR;

}  // namespace cairn::test
