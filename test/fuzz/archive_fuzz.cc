// An archive of changes. The first byte chooses: bit 0, the rest is the body of one frame, which is refused
// or says the same once it is written again; else it is a file, of which a part can be read and written on,
// or it is refused with a named error.
#include <cstdint>
#include <string>

#include "archive/reader.h"
#include "archive/writer.h"
#include "base/check.h"
#include "sim_disk/sim_disk.h"

namespace {

using namespace cairn;
using namespace cairn::archive;

void read_body(std::string_view body) {
  const auto frame = decode_body(body);
  if (!frame) {
    CHECK(frame.error().code == Code::data_loss);
    return;
  }
  std::string again;
  append(*frame, &again);
  CHECK(std::string_view(again).substr(kFrontBytes) == body);
}

void read_file(const std::string& content) {
  sim::SimDisk disk;
  disk.put("data/a", content);
  const auto writer = Writer::reopen(disk, "data/a");
  if (!writer) {
    CHECK(writer.error().message.starts_with("E_ARCHIVE_DAMAGED"));
    CHECK(disk.contents("data/a") == content);
    return;
  }
  CHECK((*writer)->changes(0, {{true, "x"}}).has_value());
  const auto reader = Reader::open(disk, "data/a");
  CHECK(reader.has_value());
  for (;;) {
    const auto frame = (*reader)->next();
    CHECK(frame.has_value());
    if (*frame == nullptr) break;
  }
  CHECK(!(*reader)->torn() && (*reader)->revision() == (*writer)->revision());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string rest(reinterpret_cast<const char*>(data + 1), size - 1);
  if ((data[0] & 1) != 0)
    read_body(rest);
  else
    read_file(rest);
  return 0;
}
