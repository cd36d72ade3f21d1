#include "client/secure.h"

#include <utility>

#include "tls/channel.h"

namespace cairn::client {

Result<net::Layer> layer_to(const std::string& host, const Tls& files, Http version) {
  if (files.certificate_file.empty() != files.key_file.empty())
    return fail(Code::invalid_argument, "a certificate is of no use without its key, nor a key without it");
  tls::Options options;
  options.trusted_ca_file = files.ca_file;
  options.certificate_file = files.certificate_file;
  options.key_file = files.key_file;
  std::shared_ptr<const tls::Context> context = TRY(tls::Context::load(tls::Role::client, options));
  return net::Layer([context = std::move(context), host, version](boost::asio::io_context& io,
                                                                  std::shared_ptr<net::Channel> plain,
                                                                  const std::string& with) {
    tls::Parameters parameters;
    parameters.context = context;
    parameters.server_name = host.empty() ? with : host;
    parameters.protocols = version == Http::one ? "\x08http/1.1" : "\x02h2";
    return tls::secure(io, std::move(plain), std::move(parameters));
  });
}

}  // namespace cairn::client
