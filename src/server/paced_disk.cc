#include "server/paced_disk.h"

#include <utility>

namespace cairn::server {
namespace {

class PacedFile final : public io::File {
 public:
  PacedFile(std::unique_ptr<io::File> inner, Pace& pace) : inner_(std::move(inner)), pace_(pace) {}

  Status write_at(std::uint64_t offset, std::span<const std::byte> data) override {
    return rested(inner_->write_at(offset, data));
  }
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) override {
    return rested(inner_->read_at(offset, into));
  }
  Status truncate(std::uint64_t size_bytes) override { return rested(inner_->truncate(size_bytes)); }
  Status sync() override { return rested(inner_->sync()); }
  Result<std::uint64_t> size() override { return inner_->size(); }

 private:
  template <class T>
  T rested(T done) {
    pace_.rest();
    return done;
  }

  const std::unique_ptr<io::File> inner_;
  Pace& pace_;
};

}  // namespace

Result<std::unique_ptr<io::File>> PacedDisk::open(const std::string& path, io::OpenMode mode) {
  return std::make_unique<PacedFile>(TRY(inner_.open(path, mode)), pace_);
}

}  // namespace cairn::server
