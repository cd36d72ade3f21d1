#include "api/console.h"

#include <algorithm>
#include <string>

#include "api/console_files.h"
#include "api/cors.h"

namespace cairn::api {
namespace {

constexpr std::string_view kFolder = "/ui/";

// What may stand in a list of a policy without ending it or adding to it. An address in brackets is no source
// there.
bool is_plain_origin(std::string_view url) {
  constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.:/_";
  return (url.starts_with("http://") || url.starts_with("https://")) &&
         url.find_first_not_of(kAllowed) == std::string_view::npos;
}

// Scripts and styles come from here alone and never from inside the page; besides here only members are
// asked.
std::string policy_of(const node::Member& member) {
  std::string policy = "default-src 'self'; connect-src 'self'";
  for (const std::string& origin : origins_of(member))
    if (is_plain_origin(origin)) policy += " " + origin;
  return policy + "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
}

void guard(const node::Member& member, rpc::Headers* to) {
  to->emplace_back("content-security-policy", policy_of(member));
  to->emplace_back("x-content-type-options", "nosniff");
  to->emplace_back("referrer-policy", "no-referrer");
}

void lead_to(RestCall& rest, std::string_view location) {
  rpc::HttpResponse response;
  response.status = 302;
  response.headers.emplace_back("location", location);
  response.headers.emplace_back("vary", "accept");
  guard(rest.member(), &response.headers);
  rest.respond(std::move(response));
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// Whether one of the elements between commas is right.
template <class Is>
bool any_element(std::string_view list, Is is) {
  while (true) {
    const std::size_t comma = list.find(',');
    if (is(trimmed(list.substr(0, comma)))) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
}

// RFC 9110 12.5.3: "gzip", unless a weight of nothing is behind it.
bool takes_gzip(const RestCall& rest) {
  return any_element(rest.header("accept-encoding").value_or(""), [](std::string_view coding) {
    const std::size_t semicolon = coding.find(';');
    if (trimmed(coding.substr(0, semicolon)) != "gzip") return false;
    if (semicolon == std::string_view::npos) return true;
    const std::string_view weight = trimmed(coding.substr(semicolon + 1));
    return !weight.starts_with("q=0") || weight.find_first_of("123456789") != std::string_view::npos;
  });
}

// RFC 9110 13.1.2: by the weak comparison.
bool has_it(const RestCall& rest, std::string_view etag) {
  return any_element(rest.header("if-none-match").value_or(""), [etag](std::string_view tag) {
    if (tag.starts_with("W/")) tag.remove_prefix(2);
    return tag == "*" || tag == etag;
  });
}

void respond_file(RestCall& rest, const ConsoleFile& file) {
  const bool is_gzip = takes_gzip(rest);
  const std::string etag = '"' + std::string(file.hash) + (is_gzip ? "-gzip\"" : "\"");
  rpc::HttpResponse response;
  response.headers.emplace_back("etag", etag);
  response.headers.emplace_back("vary", "accept-encoding");
  guard(rest.member(), &response.headers);
  if (has_it(rest, etag)) {
    response.status = 304;
    return rest.respond(std::move(response));
  }
  response.headers.emplace_back("content-type", file.content_type);
  if (is_gzip) response.headers.emplace_back("content-encoding", "gzip");
  response.body = is_gzip ? file.gzip : file.plain;
  rest.respond(std::move(response));
}

}  // namespace

bool wants_page(const RestCall& rest) {
  return rest.header("accept").value_or("").find("text/html") != std::string_view::npos;
}

void console_root(const Rest& rest) { lead_to(*rest, kFolder); }

void console_file(const Rest& rest) {
  const std::string_view path = rest->target().path;
  if (path == kFolder.substr(0, kFolder.size() - 1)) return lead_to(*rest, kFolder);
  const auto files = console_files();
  const auto file = std::find_if(
      files.begin(), files.end(),
      [name = path.substr(kFolder.size())](const ConsoleFile& each) { return each.name == name; });
  if (file != files.end()) return respond_file(*rest, *file);
  rpc::HttpResponse response =
      to_response({.status = 404,
                   .code = "no_such_path",
                   .title = "The console has no such file",
                   .detail = std::string(path),
                   .hint = "open /ui/: what it shows stands behind the # of its address"},
                  "");
  guard(rest->member(), &response.headers);
  rest->respond(std::move(response));
}

}  // namespace cairn::api
