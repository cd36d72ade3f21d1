#include "server/auto_tls.h"

#include <filesystem>

#include "io/new_file.h"
#include "tls/issue.h"

namespace cairn::server {
namespace {

constexpr auto kValidity = std::chrono::hours(24 * 365);
constexpr auto kRenewedBefore =
    std::chrono::hours(24 * 30);  // it is not looked at again before the next start

}  // namespace

Status make_auto_tls(const std::string& data_dir, const std::string& port,
                     const std::vector<std::string>& hosts, std::chrono::system_clock::time_point now,
                     tls::Options* options) {
  const std::string folder = data_dir + "/auto-tls";
  options->certificate_file = folder + "/" + port + ".crt";
  options->key_file = folder + "/" + port + ".key";
  tls::Options alone;
  alone.certificate_file = options->certificate_file;
  alone.key_file = options->key_file;
  const auto there = tls::Context::load(tls::Role::server, alone);
  if (there && (*there)->expires() && *(*there)->expires() - now > kRenewedBefore) return {};
  std::error_code error;
  std::filesystem::create_directories(folder,
                                      error);  // of a member that is still to join, the data directory too
  for (const std::string& file : {options->certificate_file, options->key_file})
    std::filesystem::remove(file, error);
  tls::Order order;
  order.common_name = hosts.empty() ? "cairn" : hosts.front();
  order.hosts = hosts;
  order.from = now - std::chrono::hours(1);  // clocks differ
  order.until = now + kValidity;
  order.for_clients = port == "peer";  // who calls the others, too
  const tls::Issued made = TRY(tls::self_signed(order));
  TRY(io::write_new_file(options->certificate_file, made.certificate_pem, io::Readable::by_all));
  return io::write_new_file(options->key_file, made.key_pem, io::Readable::by_owner);
}

}  // namespace cairn::server
