#include "tls/openssl.h"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace cairn::tls {
namespace {

struct Words {
  int reason;
  bool about_certificates;
  const char* words;
};
constexpr Words kWords[] = {
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, false, "it shows no certificate, which is demanded here"},
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, true, "it demands a certificate, and was shown none"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, true, "it refuses the certificate that it was shown"},
    {SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, true,
     "it refuses the certificate that it was shown: not for this purpose"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, true,
     "it refuses the certificate that it was shown: that has expired"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, true,
     "it refuses the certificate that it was shown: that is revoked"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, true, "it refuses the certificate that it was shown"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA, true, "it does not trust the CA of the certificate that it was shown"},
    {SSL_R_TLSV1_ALERT_ACCESS_DENIED, true, "it lets nobody in with the certificate that it was shown"},
    {SSL_R_UNSUPPORTED_PROTOCOL, false, "it speaks no version of TLS that is allowed here"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, false, "it allows no version of TLS that is spoken here"},
    {SSL_R_NO_SHARED_CIPHER, false, "it offers no cipher suite that is allowed here"},
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, false,
     "it gave up: no version, cipher suite or certificate suits both"},
    {SSL_R_WRONG_VERSION_NUMBER, false, "what it sends is no TLS: does it speak plaintext?"},
};

const Words* words_of(unsigned long error) {
  if (ERR_GET_LIB(error) != ERR_LIB_SSL) return nullptr;
  const auto* const found = std::find_if(std::begin(kWords), std::end(kWords), [error](const Words& each) {
    return each.reason == ERR_GET_REASON(error);
  });
  return found == std::end(kWords) ? nullptr : found;
}

std::string printable(std::string_view text) {
  constexpr std::size_t kShown = 64;
  std::string shown(text.substr(0, kShown));
  for (char& c : shown)
    if (c < ' ' || c > '~' || c == '"') c = '?';
  return shown;
}

std::string hosts_in(X509* certificate) {
  auto* const names =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  std::string all;
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* const each = sk_GENERAL_NAME_value(names, i);
    std::string text;
    if (each->type == GEN_DNS)
      text.assign(reinterpret_cast<const char*>(ASN1_STRING_get0_data(each->d.dNSName)),
                  static_cast<std::size_t>(ASN1_STRING_length(each->d.dNSName)));
    if (each->type == GEN_IPADD) {
      char* const address = i2s_ASN1_OCTET_STRING(nullptr, each->d.iPAddress);
      text = address == nullptr ? "" : address;
      OPENSSL_free(address);
      const unsigned char* const bytes = ASN1_STRING_get0_data(each->d.iPAddress);
      if (ASN1_STRING_length(each->d.iPAddress) == 4)
        text = std::to_string(bytes[0]) + "." + std::to_string(bytes[1]) + "." + std::to_string(bytes[2]) +
               "." + std::to_string(bytes[3]);
    }
    if (!text.empty()) all += (all.empty() ? "" : ", ") + printable(text);
  }
  GENERAL_NAMES_free(names);
  return all.empty() ? "nobody" : all;
}

}  // namespace

std::string name_in(X509* certificate) {
  char text[256];
  const int size =
      X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text, sizeof text);
  return printable({text, size < 0 ? 0 : static_cast<std::size_t>(size)});
}

std::string common_name_of(X509* certificate) {
  const X509_NAME* const subject = X509_get_subject_name(certificate);
  int last = -1;
  for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;) last = at;
  if (last < 0) return "";
  unsigned char* text = nullptr;
  const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last)));
  if (size < 0) {
    ERR_clear_error();
    return "";
  }
  const std::string name(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  return name;
}

bool is_about_certificates(unsigned long error) {
  const Words* const words = words_of(error);
  return words != nullptr && words->about_certificates;
}

std::string words_of_errors() {
  const Words* const words = words_of(ERR_peek_error());
  const std::string plain = take_errors();
  return words == nullptr ? plain : words->words;
}

std::string words_of_verdict(X509_STORE_CTX* chain) {
  X509* const shown = X509_STORE_CTX_get0_cert(chain);
  X509* const current = X509_STORE_CTX_get_current_cert(chain);
  const std::string whose = "the certificate of \"" + name_in(current == nullptr ? shown : current) + "\" ";
  const int error = X509_STORE_CTX_get_error(chain);
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return whose + "has expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return whose + "is not valid yet: is a clock wrong?";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "its certificate is for " + hosts_in(shown) + ", and not for the name it was asked by";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return whose + "is signed by no CA that is trusted here";
    case X509_V_ERR_CERT_REVOKED:
      return whose + "is revoked";
    case X509_V_ERR_UNABLE_TO_GET_CRL:
      return whose + "is of a CA whose list of revoked certificates is not there";
    case X509_V_ERR_INVALID_PURPOSE:
      return whose + "is not for this purpose: a client's is for clients, a server's for servers";
    case X509_V_ERR_APPLICATION_VERIFICATION:
      return whose + "is for nobody who is allowed here";
    default:
      return whose + "is not believed: " + X509_verify_cert_error_string(error);
  }
}

std::string take_errors() {
  const unsigned long first = ERR_get_error();
  if (first == 0) return "";
  ERR_clear_error();
  const char* const reason = ERR_reason_error_string(first);
  if (reason != nullptr) return reason;
  char text[256];
  ERR_error_string_n(first, text, sizeof text);
  return text;
}

}  // namespace cairn::tls
