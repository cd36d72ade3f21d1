// Names in certificates, as whoever signs may write them.
#include <gtest/gtest.h>

#include "tls/openssl.h"

namespace cairn::tls {
namespace {

CertificatePtr of(const std::vector<std::pair<int, std::string>>& names) {
  CertificatePtr certificate(X509_new());
  for (const auto& [type, name] : names)
    EXPECT_EQ(X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, type,
                                         reinterpret_cast<const unsigned char*>(name.data()),
                                         static_cast<int>(name.size()), -1, 0),
              1);
  return certificate;
}

TEST(CommonName, IsWhole) {
  const std::string with_nul("root\0.example", 13), much(1000, 'n');
  EXPECT_EQ(common_name_of(of({}).get()), "");
  for (const std::string& name : {std::string("ann"), with_nul, much, std::string("Änn")})
    EXPECT_EQ(common_name_of(of({{V_ASN1_UTF8STRING, name}}).get()), name);
}

// etcd's users are found by Go's Subject.CommonName.
TEST(CommonName, IsTheLastOfSeveral) {
  EXPECT_EQ(common_name_of(of({{V_ASN1_UTF8STRING, "ann"}, {V_ASN1_UTF8STRING, "bob"}}).get()), "bob");
}

TEST(CommonName, IsTheSameInWhateverLettersItStands) {
  EXPECT_EQ(common_name_of(of({{V_ASN1_PRINTABLESTRING, "ann"}}).get()), "ann");
  EXPECT_EQ(common_name_of(of({{V_ASN1_BMPSTRING, std::string("\0a\0n\0n", 6)}}).get()), "ann");
  EXPECT_EQ(common_name_of(of({{V_ASN1_UTF8STRING, "\xff"}}).get()), "") << "no text";
}

}  // namespace
}  // namespace cairn::tls
