#include "tls/context.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <ctime>

#include "base/check.h"
#include "tls/openssl.h"

namespace cairn::tls {
namespace {

// Forward secrecy and authenticated encryption, of what TLS 1.2 has.
constexpr char kCiphersOfToday[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr char kSessionContext[] = "cairn";

int native_version(Version version) { return version == Version::tls1_2 ? TLS1_2_VERSION : TLS1_3_VERSION; }

tl::unexpected<Error> wrong(const std::string& what) {
  const std::string why = take_errors();
  return fail(Code::invalid_argument, why.empty() ? what : what + ": " + why);
}

bool is_tls1_3_suite(const std::string& name) {
  return name.starts_with("TLS_") && name.find("_WITH_") == std::string::npos;
}

// As OpenSSL calls it; "" when it does not know it.
std::string native_suite(const std::string& name) {
  const std::string found = name.starts_with("TLS_") ? OPENSSL_cipher_name(name.c_str()) : name;
  return found == "(NONE)" ? "" : found;
}

// Whoever offers both, as browsers and curl do, wants REST, which is spoken over HTTP/1.1; gRPC offers h2
// alone. Who offers neither, or nothing, is told apart by its first bytes.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
                    unsigned int offered_size, void*) {
  static constexpr std::string_view kOurs("\x08http/1.1\x02h2", 12);
  unsigned char* chosen = nullptr;
  const int found =
      SSL_select_next_proto(&chosen, out_size, reinterpret_cast<const unsigned char*>(kOurs.data()),
                            kOurs.size(), offered, offered_size);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

bool is_for_allowed(X509* certificate, const Options& options) {
  const std::string name = common_name_of(certificate);
  const auto& names = options.allowed_common_names;
  if (!names.empty() && std::find(names.begin(), names.end(), name) == names.end()) return false;
  const auto& hosts = options.allowed_hostnames;
  return hosts.empty() || std::any_of(hosts.begin(), hosts.end(), [certificate](const std::string& host) {
           return X509_check_host(certificate, host.data(), host.size(), 0, nullptr) == 1 ||
                  X509_check_ip_asc(certificate, host.c_str(), 0) == 1;
         });
}

// A list that is overdue still says whom its CA took back; to believe nobody because of it would end all.
int overlook_overdue_list(int ok, X509_STORE_CTX* chain) {
  if (ok == 1 || X509_STORE_CTX_get_error(chain) != X509_V_ERR_CRL_HAS_EXPIRED) return ok;
  X509_STORE_CTX_set_error(chain, X509_V_OK);
  return 1;
}

// After what the CA says, what this side says of whom it lets in.
int verify(X509_STORE_CTX* chain, void* context) {
  X509_STORE_CTX_set_verify_cb(chain, overlook_overdue_list);
  if (X509_verify_cert(chain) == 1) {
    const Options& options = static_cast<const Context*>(context)->options();
    if (is_for_allowed(X509_STORE_CTX_get0_cert(chain), options)) return 1;
    X509_STORE_CTX_set_error(chain, X509_V_ERR_APPLICATION_VERIFICATION);
  }
  const auto* const ssl =
      static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
  if (auto* const why = static_cast<std::string*>(SSL_get_app_data(ssl))) *why = words_of_verdict(chain);
  return 0;
}

std::optional<std::chrono::system_clock::time_point> end_of(const X509* certificate) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) != 1) return std::nullopt;
  return std::chrono::system_clock::from_time_t(timegm(&parts));
}

}  // namespace

bool knows_cipher_suite(const std::string& name) {
  const std::string native = native_suite(name);
  if (native.empty()) return false;
  const std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>> trial(SSL_CTX_new(TLS_method()));
  CHECK(trial != nullptr);
  const bool known = (is_tls1_3_suite(name) ? SSL_CTX_set_ciphersuites(trial.get(), native.c_str())
                                            : SSL_CTX_set_cipher_list(trial.get(), native.c_str())) == 1;
  ERR_clear_error();
  return known;
}

Context::Context(Role role, const Options& options)
    : role_(role),
      options_(options),
      native_(SSL_CTX_new(role == Role::server ? TLS_server_method() : TLS_client_method())) {
  CHECK(native_ != nullptr);
}

Context::~Context() { SSL_CTX_free(native_); }

Result<std::shared_ptr<const Context>> Context::load(Role role, const Options& options) {
  ERR_clear_error();
  const std::shared_ptr<Context> made(new Context(role, options));
  SSL_CTX* const native = made->native_;
  SSL_CTX_set_options(native,
                      SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  // Ten thousand idle connections keep no buffers; and nobody is sent a root that is believed here.
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_min_proto_version(native, native_version(options.lowest));
  SSL_CTX_set_max_proto_version(native, native_version(options.highest));
  if (auto status = made->set_ciphers(); !status) return tl::unexpected(std::move(status).error());
  if (auto status = made->read_files(); !status) return tl::unexpected(std::move(status).error());
  if (role == Role::server) {
    SSL_CTX_set_alpn_select_cb(native, choose_protocol, nullptr);
    SSL_CTX_set_session_id_context(native, reinterpret_cast<const unsigned char*>(kSessionContext),
                                   sizeof kSessionContext - 1);
  }
  const bool asks = role == Role::client ? !options.believes_anybody : options.demands_certificate;
  SSL_CTX_set_verify(native, asks ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_NONE,
                     nullptr);
  SSL_CTX_set_cert_verify_callback(native, verify, made.get());
  return std::shared_ptr<const Context>(made);
}

Status Context::set_ciphers() {
  std::string older, newer;
  for (const std::string& name : options_.cipher_suites) {
    if (!knows_cipher_suite(name))
      return fail(Code::invalid_argument, "no cipher suite is called '" + name + "'");
    std::string& list = is_tls1_3_suite(name) ? newer : older;
    list += (list.empty() ? "" : ":") + native_suite(name);
  }
  if (options_.cipher_suites.empty()) older = kCiphersOfToday;
  if (!older.empty() && SSL_CTX_set_cipher_list(native_, older.c_str()) != 1)
    return wrong("cannot use the cipher suites " + older);
  if (!newer.empty() && SSL_CTX_set_ciphersuites(native_, newer.c_str()) != 1)
    return wrong("cannot use the cipher suites " + newer);
  return {};
}

Status Context::read_files() {
  if (!options_.certificate_file.empty()) {
    if (SSL_CTX_use_certificate_chain_file(native_, options_.certificate_file.c_str()) != 1)
      return wrong("cannot use the certificate in " + options_.certificate_file);
    if (SSL_CTX_use_PrivateKey_file(native_, options_.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
      const bool is_anothers = ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH ||
                               ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_TYPE_MISMATCH;
      return wrong(is_anothers ? "the key in " + options_.key_file + " is not that of the certificate in " +
                                     options_.certificate_file
                               : "cannot use the key in " + options_.key_file);
    }
    expires_ = end_of(SSL_CTX_get0_certificate(native_));
  } else if (role_ == Role::server) {
    return fail(Code::invalid_argument, "a server needs a certificate and its key");
  }
  if (!options_.trusted_ca_file.empty()) {
    if (SSL_CTX_load_verify_file(native_, options_.trusted_ca_file.c_str()) != 1)
      return wrong("cannot use the CA in " + options_.trusted_ca_file);
    // A server says whose certificates it takes.
    if (role_ == Role::server)
      SSL_CTX_set_client_CA_list(native_, SSL_load_client_CA_file(options_.trusted_ca_file.c_str()));
  } else if (role_ == Role::client || options_.demands_certificate) {
    SSL_CTX_set_default_verify_paths(native_);
  }
  if (options_.crl_file.empty()) return {};
  X509_STORE* const store = SSL_CTX_get_cert_store(native_);
  X509_LOOKUP* const lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
  if (lookup == nullptr || X509_load_crl_file(lookup, options_.crl_file.c_str(), X509_FILETYPE_PEM) < 1)
    return wrong("cannot use the list of revoked certificates in " + options_.crl_file);
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
  return {};
}

}  // namespace cairn::tls
