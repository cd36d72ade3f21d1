#include "server/tls_flags.h"

#include <algorithm>
#include <optional>

namespace cairn::server {
namespace {

tl::unexpected<Error> bad(std::string message) { return fail(Code::invalid_argument, std::move(message)); }

// The settings of one port; those of the other have the same meaning.
struct Port {
  const Setting &certificate, &key, &ca, &demands, &hostnames, &crl, &automatic, &listen;
  const std::vector<Url>& urls;  // that it listens at
};

Result<bool> read_toggle(const Setting& setting) {
  if (setting.value != "true" && setting.value != "false") return bad_value(setting, "must be true or false");
  return setting.value == "true";
}

Result<tls::Version> read_version(const Setting& setting, tls::Version without) {
  if (setting.value.empty()) return without;
  if (setting.value == "TLS1.2") return tls::Version::tls1_2;
  if (setting.value == "TLS1.3") return tls::Version::tls1_3;
  return bad_value(setting, "must be TLS1.2 or TLS1.3: older versions are not safe, and not spoken");
}

Status check_pair(const Setting& certificate, const Setting& key) {
  if (certificate.value.empty() == key.value.empty()) return {};
  const bool lacks_key = key.value.empty();
  return bad(flag_of(lacks_key ? certificate : key) + " needs --" + (lacks_key ? key : certificate).name +
             ": a certificate is of no use without its key");
}

// Of ciphers and versions, for every port.
Result<tls::Options> read_common(const Given& from, const ConfigLimits& limits) {
  tls::Options options;
  const Setting &lowest = from["tls-min-version"], &highest = from["tls-max-version"];
  options.lowest = TRY(read_version(lowest, tls::Version::tls1_2));
  options.highest = TRY(read_version(highest, tls::Version::tls1_3));
  if (options.lowest > options.highest)
    return bad(flag_of(lowest) + " " + lowest.value + " is above " + flag_of(highest) + " " + highest.value);
  const Setting& suites = from["cipher-suites"];
  options.cipher_suites = TRY(read_list(suites, limits.names_max));
  for (const std::string& each : options.cipher_suites)
    if (!tls::knows_cipher_suite(each))
      return bad_value(
          suites, "no cipher suite is called " + each + "; one is TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
  return options;
}

Status check_schemes(const Port& port, const PortTls& tls) {
  const bool has_certificate = !port.certificate.value.empty() || tls.automatic;
  const auto secure = [](const Url& url) { return url.secure; };
  const auto first = std::find_if(port.urls.begin(), port.urls.end(), secure);
  if (first != port.urls.end() && !has_certificate)
    return bad(flag_of(port.listen) + " has " + first->text + ", which needs --" + port.certificate.name +
               " and --" + port.key.name + ", or write http");
  if (first != port.urls.end()) return {};
  for (const Setting* const each : {&port.certificate, &port.ca, &port.crl, &port.hostnames, &port.demands})
    if (!each->value.empty() && each->value != "false")
      return bad(flag_of(*each) + " is given, and every URL of " + flag_of(port.listen) +
                 " is http: what is to be encrypted would travel in the clear; write https there");
  if (tls.automatic)
    return bad(flag_of(port.automatic) + " is given, and every URL of " + flag_of(port.listen) +
               " is http: write https there");
  return {};
}

// As far as it is the same for both ports.
Status read_port(const Port& port, const ConfigLimits& limits, Config* config, PortTls* tls) {
  tls->automatic = TRY(read_toggle(port.automatic));
  if (tls->automatic && !port.certificate.value.empty()) {
    tls->automatic = false;
    config->notes.push_back(flag_of(port.automatic) + " has no effect: --" + port.certificate.name +
                            " names a certificate");
  }
  TRY(check_pair(port.certificate, port.key));
  TRY(check_schemes(port, *tls));
  tls::Options& shown = tls->shown;
  shown.certificate_file = port.certificate.value;
  shown.key_file = port.key.value;
  shown.trusted_ca_file = port.ca.value;
  shown.crl_file = port.crl.value;
  shown.allowed_hostnames = TRY(read_list(port.hostnames, limits.names_max));
  shown.demands_certificate = !shown.trusted_ca_file.empty();
  const bool demands = TRY(read_toggle(port.demands));
  const bool for_whom = !shown.allowed_hostnames.empty() || !shown.crl_file.empty();
  if ((demands || for_whom) && shown.trusted_ca_file.empty())
    return bad(flag_of(demands                  ? port.demands
                       : shown.crl_file.empty() ? port.hostnames
                                                : port.crl) +
               " needs --" + port.ca.name +
               ": without a CA of your own, whoever has a certificate of any public CA would be let in");
  tls->on = std::any_of(port.urls.begin(), port.urls.end(), [](const Url& url) { return url.secure; });
  return {};
}

Status read_client_port(const Given& from, const ConfigLimits& limits, Config* config) {
  const Port port{from["cert-file"],
                  from["key-file"],
                  from["trusted-ca-file"],
                  from["client-cert-auth"],
                  from["client-cert-allowed-hostname"],
                  from["client-crl-file"],
                  from["auto-tls"],
                  from["listen-client-urls"],
                  config->listen_client_urls};
  PortTls& tls = config->client_tls;
  TRY(read_port(port, limits, config, &tls));
  bool has_plain = false;
  for (const Url& url : port.urls) {
    has_plain = has_plain || !url.secure;
    if (tls.on && !url.secure)
      config->notes.push_back(url.text + " of " + flag_of(port.listen) +
                              " is served without TLS to whoever reaches it, beside the https of others");
  }
  for (const Url& url : config->advertise_client_urls) {
    if (url.secure && !tls.on)
      return bad("--advertise-client-urls has " + url.text + ", and every URL of " + flag_of(port.listen) +
                 " is http: clients would be told to speak TLS where nobody does");
    if (!url.secure && !has_plain)
      return bad("--advertise-client-urls has " + url.text + ", and every URL of " + flag_of(port.listen) +
                 " is https: write https, or clients would be told to speak plaintext");
  }
  return {};
}

Status read_peer_port(const Given& from, const ConfigLimits& limits, Config* config) {
  const Port port{from["peer-cert-file"],
                  from["peer-key-file"],
                  from["peer-trusted-ca-file"],
                  from["peer-client-cert-auth"],
                  from["peer-cert-allowed-hostname"],
                  from["peer-crl-file"],
                  from["peer-auto-tls"],
                  from["listen-peer-urls"],
                  config->listen_peer_urls};
  PortTls& tls = config->peer_tls;
  TRY(read_port(port, limits, config, &tls));
  for (const Url& url : port.urls)
    if (tls.on && !url.secure)
      return bad(flag_of(port.listen) + " has " + url.text +
                 " beside https: members call each other in one way, so write https or http everywhere");
  const Setting& names = from["peer-cert-allowed-cn"];
  tls.shown.allowed_common_names = TRY(read_list(names, limits.names_max));
  if (!tls.shown.allowed_common_names.empty() && !tls.shown.allowed_hostnames.empty())
    return bad(flag_of(names) + " and " + flag_of(port.hostnames) + " are both given: name one of them");
  if (!tls.shown.allowed_common_names.empty() && tls.shown.trusted_ca_file.empty())
    return bad(flag_of(names) + " needs --" + port.ca.name +
               ": without a CA, a certificate may say anything of whose it is");
  const Setting &certificate = from["peer-client-cert-file"], &key = from["peer-client-key-file"];
  TRY(check_pair(certificate, key));
  if (!certificate.value.empty() && !tls.on)
    return bad(flag_of(certificate) + " is given, and every URL of " + flag_of(port.listen) +
               " is http: write https there");
  if (tls.automatic && !tls.shown.trusted_ca_file.empty())
    return bad(flag_of(port.automatic) + " and " + flag_of(port.ca) +
               " are both given: no CA has signed what is made here, so no member would believe another");
  tls.dialing = tls.shown;
  tls.dialing.believes_anybody = tls.automatic;
  // Who is called is known by the host of its URL, as well.
  tls.dialing.allowed_common_names.clear();
  tls.dialing.allowed_hostnames.clear();
  if (certificate.value.empty()) return {};
  tls.dialing.certificate_file = certificate.value;
  tls.dialing.key_file = key.value;
  return {};
}

}  // namespace

Status read_tls(const Given& from, const ConfigLimits& limits, Config* config) {
  const tls::Options common = TRY(read_common(from, limits));
  config->client_tls.shown = config->peer_tls.shown = common;
  TRY(read_client_port(from, limits, config));
  return read_peer_port(from, limits, config);
}

std::string mixed_schemes(const Config& config) {
  for (const ConfiguredMember& member : config.initial_cluster)
    for (const Url& url : member.peer_urls)
      if (url.secure != config.peer_tls.on)
        return url.text + " of --initial-cluster is " + (url.secure ? "https" : "http") +
               ", and --listen-peer-urls " + (config.peer_tls.on ? "https" : "http") +
               ": a member calls the others as it is called itself, so all of them have to be the same";
  return "";
}

}  // namespace cairn::server
