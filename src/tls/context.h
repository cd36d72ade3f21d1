// Context: what one side of secure connections shows of itself and asks of the other: certificate, key, whom
// it believes, versions and ciphers. Read from files once and never changed; when files change, a new one is
// made, and connections keep the one that they began with. OpenSSL does the work, and nobody
// outside this folder sees it. Threading: any thread.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

struct ssl_ctx_st;

namespace cairn::tls {

enum class Version { tls1_2, tls1_3 };

struct Options {
  std::string certificate_file, key_file;  // PEM, own certificate first; clients may have none
  std::string trusted_ca_file;             // PEM; empty, of a client: whom this machine trusts
  std::string crl_file;                    // PEM; certificates that are not believed any more
  bool demands_certificate = false;        // of a server: from whoever connects
  bool believes_anybody = false;           // of a client: whoever answers, so it is encrypted and no more
  // The other side's certificate is for one of them; empty: for anybody whom the CA knows.
  std::vector<std::string> allowed_common_names, allowed_hostnames;
  std::vector<std::string> cipher_suites;  // by the names of the RFCs or OpenSSL's; empty: those of today
  Version lowest = Version::tls1_2, highest = Version::tls1_3;

  bool operator==(const Options&) const = default;
};

enum class Role { server, client };

class Context {
 public:
  // Error: invalid_argument, with the file and what is wrong with it.
  static Result<std::shared_ptr<const Context>> load(Role role, const Options& options);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  Role role() const { return role_; }
  const Options& options() const { return options_; }
  // When the own certificate ends, by the wall clock; nothing without one.
  std::optional<std::chrono::system_clock::time_point> expires() const { return expires_; }

  ssl_ctx_st* native() const { return native_; }  // for this folder

 private:
  Context(Role role, const Options& options);
  Status read_files();
  Status set_ciphers();

  const Role role_;
  const Options options_;
  ssl_ctx_st* native_;
  std::optional<std::chrono::system_clock::time_point> expires_;
};

// "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" and what OpenSSL calls it are both known.
bool knows_cipher_suite(const std::string& name);

}  // namespace cairn::tls
