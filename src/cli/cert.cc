// cert: certificates for TLS, each made by one line. Keys are for their owner's eyes, and nothing that is
// there is written over.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>

#include "cli/commands.h"
#include "cli/json.h"
#include "io/new_file.h"
#include "tls/issue.h"

namespace cairn::cli {
namespace {

using std::chrono::system_clock;

constexpr std::int64_t kDaysOfCa = 3650, kDaysOfOthers = 365;
constexpr std::size_t kPemBytesMax = std::size_t{1} << 20;
constexpr auto kClocksDiffer = std::chrono::hours(1);

struct Made {
  tls::Issued issued;
  std::string certificate_file, key_file;
};

std::string path_in(const CertOptions& options, const std::string& file) { return options.dir + "/" + file; }

Result<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(kPemBytesMax, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.empty()) return fail(Code::not_found, "cannot read " + path + ": cairn cert ca makes it");
  return text;
}

// What goes wrong there is found when files are made in it.
void make_folder(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::create_directories(path, ignored))
    std::filesystem::permissions(path, std::filesystem::perms::owner_all, ignored);
}

// Also a name of two files, so it is none of a path.
bool is_name(const std::string& name) {
  return !name.empty() && name.size() <= 64 && name != "." && name != ".." && name != "ca" &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("-_.@").find(c) != std::string_view::npos;
         });
}

tls::Order order_for(const CertOptions& options) {
  const bool is_ca = options.what == "ca";
  tls::Order order;
  order.common_name = options.name.empty() ? "cairn-ca" : options.name;
  order.for_servers = options.what == "member";
  order.from = system_clock::now() - kClocksDiffer;
  const std::int64_t days = options.days > 0 ? options.days : is_ca ? kDaysOfCa : kDaysOfOthers;
  order.until = system_clock::now() + std::chrono::hours(24 * days);
  if (options.what != "member") return order;
  order.hosts = split(options.hosts, ',');
  for (const char* const always : {"localhost", "127.0.0.1"})
    if (std::find(order.hosts.begin(), order.hosts.end(), always) == order.hosts.end())
      order.hosts.emplace_back(always);
  return order;
}

Result<Made> make(const CertOptions& options) {
  const bool is_ca = options.what == "ca";
  const std::string stem = is_ca ? "ca" : options.name;
  Made made;
  made.certificate_file = path_in(options, stem + ".crt");
  made.key_file = path_in(options, stem + ".key");
  if (is_ca) {
    made.issued = TRY(tls::make_ca(order_for(options)));
  } else {
    tls::Issued ca;
    ca.certificate_pem = TRY(read_file(path_in(options, "ca.crt")));
    ca.key_pem = TRY(read_file(path_in(options, "ca.key")));
    made.issued = TRY(tls::issue(ca, order_for(options)));
  }
  if (is_ca) make_folder(options.dir);
  TRY(io::write_new_file(made.key_file, made.issued.key_pem, io::Readable::by_owner));
  Status written =
      io::write_new_file(made.certificate_file, made.issued.certificate_pem, io::Readable::by_all);
  if (written) return made;
  std::error_code ignored;
  std::filesystem::remove(made.key_file, ignored);
  return tl::unexpected(std::move(written).error());
}

// What to do with it.
std::string next_step(const CertOptions& options, const Made& made) {
  const std::string ca = path_in(options, "ca.crt");
  if (options.what == "ca")
    return made.key_file + " signs all others: keep it away from members and clients, who need " + ca +
           " only";
  const std::string pair =
      made.certificate_file + " --key" + (options.what == "member" ? "-file " : " ") + made.key_file;
  if (options.what == "client")
    return "cairn status --endpoints https://HOST:2379 --cacert " + ca + " --cert " + pair;
  return "cairn server ... --cert-file " + pair + " --peer-cert-file " + made.certificate_file +
         " --peer-key-file " + made.key_file + " --peer-trusted-ca-file " + ca +
         ", with https in its URLs; --trusted-ca-file " + ca + " lets in only clients with a certificate";
}

}  // namespace

int cert(const Context& context, const CertOptions& options) {
  if (options.what != "ca" && !is_name(options.name))
    return report(context, kExitUsage,
                  options.name.empty() ? "cert " + options.what + ": NAME is missing"
                                       : "'" + options.name +
                                             "' is no name for it: letters, digits, - _ . @, "
                                             "64 at most, and not ca",
                  "cairn help cert");
  if (options.what != "member" && !options.hosts.empty())
    return report(context, kExitUsage, "--hosts is of members: nobody reaches a " + options.what,
                  "cairn help cert");
  const Result<Made> made = make(options);
  if (!made) {
    const Code code = made.error().code;
    const bool is_there = code == Code::failed_precondition;
    return report(context, code == Code::invalid_argument ? kExitUsage : kExitLocalIo, made.error().message,
                  is_there ? "nothing was written over: remove it, or give another name or --dir" : "");
  }
  if (context.format == Format::json) {
    context.out << Json({{"certificate", made->certificate_file}, {"key", made->key_file}}).dump() << "\n";
    return kExitOk;
  }
  context.out << made->certificate_file << "\n" << made->key_file << "\n";
  context.err << next_step(options, *made) << "\n";
  return kExitOk;
}

}  // namespace cairn::cli
