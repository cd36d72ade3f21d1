#include "cli/backup_names.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <string_view>

namespace cairn::cli {
namespace {

constexpr std::string_view kBegin = "cairn-", kRevision = "-r", kShape = "ddddddddTddddddZ";

bool has_shape(std::string_view text) {
  return text.size() == kShape.size() &&
         std::equal(text.begin(), text.end(), kShape.begin(),
                    [](char c, char shape) { return shape == 'd' ? c >= '0' && c <= '9' : c == shape; });
}

std::chrono::system_clock::time_point time_of(const std::string& taken) {
  std::tm parts{};
  strptime(taken.c_str(), "%Y%m%dT%H%M%SZ", &parts);
  return std::chrono::system_clock::from_time_t(timegm(&parts));
}

}  // namespace

std::string name_of_backup(std::chrono::system_clock::time_point taken, std::int64_t revision,
                           const std::string& end) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(taken);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  const std::size_t size = std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts);
  return std::string(kBegin) + std::string(text, size) + std::string(kRevision) + std::to_string(revision) +
         end;
}

std::optional<BackupName> backup_called(const std::string& file, const std::string& end) {
  std::string_view left = file;
  if (!left.starts_with(kBegin) || !left.ends_with(end)) return std::nullopt;
  left.remove_prefix(kBegin.size());
  left.remove_suffix(end.size());
  const std::string_view taken = left.substr(0, kShape.size());
  if (!has_shape(taken)) return std::nullopt;
  left.remove_prefix(kShape.size());
  if (!left.starts_with(kRevision)) return std::nullopt;
  left.remove_prefix(kRevision.size());
  BackupName name{file, std::string(taken), time_of(std::string(taken)), 0};
  const auto [stopped, error] = std::from_chars(left.data(), left.data() + left.size(), name.revision);
  if (error != std::errc() || stopped != left.data() + left.size() || name.revision < 1) return std::nullopt;
  // A thirteenth month, or a zero in front, is somebody else's.
  return name_of_backup(name.at, name.revision, end) == file ? std::optional(name) : std::nullopt;
}

std::vector<BackupName> backups_among(const std::vector<std::string>& files, const std::string& end) {
  std::vector<BackupName> all;
  for (const std::string& file : files)
    if (auto name = backup_called(file, end)) all.push_back(*std::move(name));
  std::sort(all.begin(), all.end(), [](const BackupName& a, const BackupName& b) {
    return a.taken != b.taken ? a.taken < b.taken : a.revision < b.revision;
  });
  return all;
}

std::chrono::system_clock::time_point next_after(const std::vector<BackupName>& backups,
                                                 std::chrono::system_clock::time_point now) {
  return backups.empty() ? now : std::max(now, backups.back().at + std::chrono::seconds(1));
}

Retention retention_of(const std::vector<BackupName>& backups, std::size_t keep, std::int64_t revision) {
  Retention retention;
  for (const BackupName& each : backups)
    (each.revision > revision ? retention.besides : retention.given_up).push_back(each);
  retention.given_up.resize(retention.given_up.size() - std::min(keep, retention.given_up.size()));
  return retention;
}

}  // namespace cairn::cli
