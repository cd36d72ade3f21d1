#include "server/config_file.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>

#include "server/file_formats.h"

namespace cairn::server {
namespace {

tl::unexpected<Error> bad(std::string message) { return fail(Code::invalid_argument, std::move(message)); }

// Settings of etcd's file that stand in a section there, and the flags that are the same.
struct Sectioned {
  const char* section;
  const char* name;
  const char* flag;
};
constexpr char kClient[] = "client-transport-security", kPeer[] = "peer-transport-security";
constexpr Sectioned kSectioned[] = {
    {kClient, "cert-file", "cert-file"},
    {kClient, "key-file", "key-file"},
    {kClient, "client-cert-file", "client-cert-file"},
    {kClient, "client-key-file", "client-key-file"},
    {kClient, "client-cert-auth", "client-cert-auth"},
    {kClient, "trusted-ca-file", "trusted-ca-file"},
    {kClient, "auto-tls", "auto-tls"},
    {kClient, "allowed-hostname", "client-cert-allowed-hostname"},
    {kPeer, "cert-file", "peer-cert-file"},
    {kPeer, "key-file", "peer-key-file"},
    {kPeer, "client-cert-file", "peer-client-cert-file"},
    {kPeer, "client-key-file", "peer-client-key-file"},
    {kPeer, "client-cert-auth", "peer-client-cert-auth"},
    {kPeer, "trusted-ca-file", "peer-trusted-ca-file"},
    {kPeer, "auto-tls", "peer-auto-tls"},
    {kPeer, "allowed-cn", "peer-cert-allowed-cn"},
    {kPeer, "allowed-hostname", "peer-cert-allowed-hostname"},
    {kPeer, "skip-client-san-verification", "peer-skip-client-san-verification"},
};

// In a file etcd has these as numbers of nanoseconds, though as flags they are durations.
constexpr std::string_view kOfNanoseconds[] = {"watch-progress-notify-interval",
                                               "experimental-watch-progress-notify-interval"};

bool is_yaml(std::string_view path) { return path.ends_with(".yaml") || path.ends_with(".yml"); }

Result<std::string> read_text(const std::string& path, std::size_t bytes_max) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return bad("cannot read --config-file " + path + ": check that it exists and may be read");
  std::string text(bytes_max + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > bytes_max)
    return bad("--config-file " + path + " is larger than " + std::to_string(bytes_max) + " bytes");
  return text;
}

Result<std::string> flag_for(const FileItem& item, const std::string& where) {
  if (item.section.empty()) return item.name;
  const auto is_in_section = [&item](const Sectioned& each) { return each.section == item.section; };
  const auto is_it = [&](const Sectioned& each) { return is_in_section(each) && each.name == item.name; };
  const auto* const found = std::find_if(std::begin(kSectioned), std::end(kSectioned), is_it);
  if (found != std::end(kSectioned)) return std::string(found->flag);
  if (std::none_of(std::begin(kSectioned), std::end(kSectioned), is_in_section))
    return bad(where + item.section + ": unknown section; there are " + kClient + " and " + kPeer);
  return bad(where + item.section + " has no setting " + item.name);
}

}  // namespace

Result<std::vector<FileSetting>> read_config_file(const std::string& path, std::size_t bytes_max) {
  const std::string text = TRY(read_text(path, bytes_max));
  auto items = is_yaml(path) ? read_yaml(text) : read_toml(text);
  if (!items)
    return bad("--config-file " + path + ":" + items.error().message +
               (is_yaml(path) ? "" : "; a file in YAML, as etcd's, has a name that ends with .yaml or .yml"));
  std::vector<FileSetting> settings;
  for (FileItem& item : *items) {
    const std::string where = path + ":" + std::to_string(item.line) + ": ";
    FileSetting setting{TRY(flag_for(item, where)), std::move(item.value), item.line};
    if (item.is_number && is_yaml(path) &&
        std::find(std::begin(kOfNanoseconds), std::end(kOfNanoseconds), setting.name) !=
            std::end(kOfNanoseconds))
      setting.value += "ns";
    const auto same = std::find_if(settings.begin(), settings.end(),
                                   [&](const FileSetting& each) { return each.name == setting.name; });
    if (same != settings.end())
      return bad(where + setting.name + ": was given in line " + std::to_string(same->line) + " already");
    settings.push_back(std::move(setting));
  }
  return settings;
}

}  // namespace cairn::server
