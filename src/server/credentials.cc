#include "server/credentials.h"

#include <sys/stat.h>

#include <utility>

namespace cairn::server {
namespace {

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

Result<std::unique_ptr<Credentials>> Credentials::open(tls::Role role, const tls::Options& options) {
  std::unique_ptr<Credentials> made(new Credentials(role, options));
  made->seen_ = made->stamps();  // before they are read: what is written meanwhile is noticed
  made->current_ = TRY(tls::Context::load(role, options));
  return made;
}

std::vector<Credentials::Stamp> Credentials::stamps() const {
  std::vector<Stamp> all;
  for (const std::string& file :
       {options_.certificate_file, options_.key_file, options_.trusted_ca_file, options_.crl_file}) {
    struct stat found {};
    if (file.empty() || ::stat(file.c_str(), &found) != 0)
      all.emplace_back();
    else
      all.push_back({nanoseconds(found.st_mtim), nanoseconds(found.st_ctim), found.st_size, found.st_ino});
  }
  return all;
}

std::shared_ptr<const tls::Context> Credentials::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

Result<bool> Credentials::look() {
  std::vector<Stamp> now = stamps();
  if (now == seen_) return false;
  seen_ = std::move(now);
  std::shared_ptr<const tls::Context> read = TRY(tls::Context::load(role_, options_));
  const std::lock_guard lock(mutex_);
  current_ = std::move(read);
  return true;
}

}  // namespace cairn::server
