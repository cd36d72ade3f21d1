#include "sim/log_image.h"

#include <algorithm>

namespace cairn::sim {

void LogImage::write(const raft::LogWrite& write) {
  if (write.hard_state) hard_state = *write.hard_state;
  if (write.reset_to) {
    entries.clear();
    base = write.reset_to->index;
    base_term = write.reset_to->term;
  }
  for (const raft::Entry& entry : write.entries) {
    while (!entries.empty() && last() >= entry.index) entries.pop_back();
    entries.push_back(entry);
  }
  if (write.drop_before) {
    while (!entries.empty() && entries.front().index < *write.drop_before) {
      base = entries.front().index;
      base_term = entries.front().term;
      entries.pop_front();
    }
  }
}

LogImage LogImage::recovered(const raft::Recovered& recovered) {
  LogImage image;
  image.hard_state = recovered.hard_state;
  image.base = recovered.snapshot.index;
  image.base_term = recovered.snapshot.term;
  const auto& entries = recovered.entries;
  const auto at_snapshot = std::find_if(entries.begin(), entries.end(), [&](const raft::Entry& entry) {
    return entry.index == recovered.snapshot.index;
  });
  const bool starts_after = !entries.empty() && entries.front().index == recovered.snapshot.index.next();
  const bool fits =
      starts_after || (at_snapshot != entries.end() && at_snapshot->term == recovered.snapshot.term);
  if (!fits) return image;  // a log from before the snapshot: it is about to be reset
  for (const raft::Entry& entry : entries) {
    if (entry.index > recovered.snapshot.index) image.entries.push_back(entry);
  }
  return image;
}

void Ledger::ask(const raft::LogWrite& write) {
  asked.write(write);
  pending.push_back(write);
}

void Ledger::confirm(raft::WriteSeq seq) {
  while (!pending.empty() && pending.front().seq <= seq) {
    durable.write(pending.front());
    pending.pop_front();
  }
}

void Ledger::restart(const raft::Recovered& recovered) {
  asked = durable = LogImage::recovered(recovered);
  pending.clear();
  snapshot = recovered.snapshot.index;
}

}  // namespace cairn::sim
