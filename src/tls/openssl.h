// What this folder needs of OpenSSL beside its headers: owners of its objects, and its errors in words.
// Internal to tls/.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

namespace cairn::tls {

template <auto kFree>
struct Freed {
  template <class Object>
  void operator()(Object* object) const {
    kFree(object);
  }
};
using BioPtr = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using CertificatePtr = std::unique_ptr<X509, Freed<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;

// The oldest error of this thread in words, and all of them forgotten; "" when there is none.
std::string take_errors();
// The same in words of our own, where there are some.
std::string words_of_errors();
// An alert of the other side that the certificate it was shown, or was not, does not do.
bool is_about_certificates(unsigned long error);
// Why the other side's certificate is not believed, once its verification has failed.
std::string words_of_verdict(X509_STORE_CTX* chain);
// Who a certificate is of, for a log; what a stranger has written there is bounded, and printable.
std::string name_in(X509* certificate);
// The same as it stands there, in UTF-8 and whole: the last of several common names, as etcd takes it. Empty:
// there is none, or it is no text.
std::string common_name_of(X509* certificate);

}  // namespace cairn::tls
