#include "tls/issue.h"

#include <openssl/pem.h>

#include <ctime>

#include "tls/openssl.h"

namespace cairn::tls {
namespace {

using std::chrono::system_clock;
using NamePtr = std::unique_ptr<X509_NAME, Freed<X509_NAME_free>>;
using SerialPtr = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using TimePtr = std::unique_ptr<ASN1_TIME, Freed<ASN1_TIME_free>>;
using ListPtr = std::unique_ptr<X509_CRL, Freed<X509_CRL_free>>;
using RevokedPtr = std::unique_ptr<X509_REVOKED, Freed<X509_REVOKED_free>>;

constexpr int kSerialBits = 127;

tl::unexpected<Error> broken(const std::string& what) {
  return fail(Code::internal, "cannot " + what + ": " + take_errors());
}

struct Pair {
  CertificatePtr certificate;
  KeyPtr key;
};

template <class Write>
std::string pem_of(const Write& write) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  if (out == nullptr || write(out.get()) != 1) return "";
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(out.get(), &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

CertificatePtr read_certificate(const std::string& pem) {
  const BioPtr in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return CertificatePtr(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
}

Result<Pair> read(const Issued& ca) {
  const BioPtr in(BIO_new_mem_buf(ca.key_pem.data(), static_cast<int>(ca.key_pem.size())));
  Pair pair{read_certificate(ca.certificate_pem),
            KeyPtr(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr))};
  if (pair.certificate == nullptr)
    return fail(Code::invalid_argument, "the CA's certificate is none: " + take_errors());
  if (pair.key == nullptr) return fail(Code::invalid_argument, "the CA's key is none: " + take_errors());
  if (X509_check_private_key(pair.certificate.get(), pair.key.get()) != 1)
    return fail(Code::invalid_argument, "the CA's key is not that of its certificate: " + take_errors());
  return pair;
}

bool set_serial(X509* certificate) {
  const SerialPtr serial(BN_new());
  return serial != nullptr && BN_rand(serial.get(), kSerialBits, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
         BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_times(X509* certificate, const Order& order) {
  return ASN1_TIME_set(X509_getm_notBefore(certificate), system_clock::to_time_t(order.from)) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), system_clock::to_time_t(order.until)) != nullptr;
}

bool set_name(X509* certificate, const std::string& common_name) {
  const auto* const text = reinterpret_cast<const unsigned char*>(common_name.data());
  return X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8, text,
                                    static_cast<int>(common_name.size()), -1, 0) == 1;
}

bool is_address(const std::string& host) {
  ASN1_OCTET_STRING* const address = a2i_IPADDRESS(host.c_str());
  const bool is = address != nullptr;
  ASN1_OCTET_STRING_free(address);
  ERR_clear_error();
  return is;
}

bool extend(X509* certificate, X509* issuer, int extension, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const made = X509V3_EXT_conf_nid(nullptr, &context, extension, value.c_str());
  const bool added = made != nullptr && X509_add_ext(certificate, made, -1) == 1;
  X509_EXTENSION_free(made);
  return added;
}

bool describe_ca(X509* certificate) {
  return extend(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE") &&
         extend(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign") &&
         extend(certificate, certificate, NID_subject_key_identifier, "hash");
}

// Names have been checked: none has a comma, which would add another one.
bool describe_leaf(X509* certificate, X509* issuer, const Order& order) {
  std::string usage = order.for_servers ? "serverAuth" : "";
  if (order.for_clients) usage += usage.empty() ? "clientAuth" : ",clientAuth";
  std::string names;
  for (const std::string& host : order.hosts)
    names += (names.empty() ? "" : ",") + std::string(is_address(host) ? "IP:" : "DNS:") + host;
  return extend(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
         extend(certificate, issuer, NID_key_usage, "critical,digitalSignature") &&
         extend(certificate, issuer, NID_ext_key_usage, usage) &&
         (names.empty() || extend(certificate, issuer, NID_subject_alt_name, names));
}

Status check(const Order& order) {
  for (const std::string& host : order.hosts) {
    if (host.empty() || host.find_first_of(",:\n ") == std::string::npos || is_address(host)) continue;
    return fail(Code::invalid_argument, "'" + host + "' is neither a name nor an address of a host");
  }
  return {};
}

// ca: null for one that signs itself.
Result<Issued> make(const Pair* ca, const Order& order, bool is_ca) {
  ERR_clear_error();
  TRY(check(order));
  Pair made{CertificatePtr(X509_new()), KeyPtr(EVP_EC_gen("P-256"))};
  X509* const certificate = made.certificate.get();
  if (certificate == nullptr || made.key == nullptr) return broken("make a key");
  X509* const issuer = ca == nullptr ? certificate : ca->certificate.get();
  const bool filled = X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
                      set_times(certificate, order) && set_name(certificate, order.common_name) &&
                      X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1 &&
                      X509_set_pubkey(certificate, made.key.get()) == 1 &&
                      (is_ca ? describe_ca(certificate) : describe_leaf(certificate, issuer, order));
  if (!filled) return broken("fill in a certificate");
  if (X509_sign(certificate, ca == nullptr ? made.key.get() : ca->key.get(), EVP_sha256()) == 0)
    return broken("sign a certificate");
  return Issued{pem_of([&](BIO* out) { return PEM_write_bio_X509(out, certificate); }), pem_of([&](BIO* out) {
                  return PEM_write_bio_PKCS8PrivateKey(out, made.key.get(), nullptr, nullptr, 0, nullptr,
                                                       nullptr);
                })};
}

}  // namespace

Result<Issued> make_ca(const Order& order) { return make(nullptr, order, true); }

Result<Issued> issue(const Issued& ca, const Order& order) {
  ERR_clear_error();
  const Pair signer = TRY(read(ca));
  if (X509_check_ca(signer.certificate.get()) == 0)
    return fail(Code::invalid_argument, "that certificate is not one of a CA");
  return make(&signer, order, false);
}

Result<Issued> self_signed(const Order& order) { return make(nullptr, order, false); }

Result<std::string> revoke(const Issued& ca, const std::vector<std::string>& certificates_pem,
                           const Order& when) {
  ERR_clear_error();
  const Pair signer = TRY(read(ca));
  const ListPtr list(X509_CRL_new());
  const TimePtr from(ASN1_TIME_set(nullptr, system_clock::to_time_t(when.from))),
      until(ASN1_TIME_set(nullptr, system_clock::to_time_t(when.until)));
  const bool filled =
      list != nullptr && X509_CRL_set_version(list.get(), 1) == 1 &&
      X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(signer.certificate.get())) == 1 &&
      X509_CRL_set1_lastUpdate(list.get(), from.get()) == 1 &&
      X509_CRL_set1_nextUpdate(list.get(), until.get()) == 1;
  if (!filled) return broken("fill in a list of what is revoked");
  for (const std::string& pem : certificates_pem) {
    const CertificatePtr certificate = read_certificate(pem);
    if (certificate == nullptr)
      return fail(Code::invalid_argument, "what is to be revoked is no certificate: " + take_errors());
    RevokedPtr revoked(X509_REVOKED_new());
    if (X509_REVOKED_set_serialNumber(revoked.get(), X509_get_serialNumber(certificate.get())) != 1 ||
        X509_REVOKED_set_revocationDate(revoked.get(), from.get()) != 1 ||
        X509_CRL_add0_revoked(list.get(), revoked.get()) != 1)
      return broken("list what is revoked");
    static_cast<void>(revoked.release());  // it is the list's now
  }
  if (X509_CRL_sort(list.get()) != 1 || X509_CRL_sign(list.get(), signer.key.get(), EVP_sha256()) == 0)
    return broken("sign a list of what is revoked");
  return pem_of([&](BIO* out) { return PEM_write_bio_X509_CRL(out, list.get()); });
}

}  // namespace cairn::tls
