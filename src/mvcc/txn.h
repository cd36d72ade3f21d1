// Txn: which branches run, whether they may, and running them.
//
// All compares, nested ones too, are evaluated against the state before the txn: that fixes the path, one
// bool for each txn on the way in the order in which they run. Then every op on the path is checked; then
// they run, and see what earlier ones of the same txn wrote. The depth of nesting is bounded where the bytes
// are parsed (protobuf's recursion limit of 100).
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "mvcc/range.h"
#include "mvcc/reading_budget.h"
#include "mvcc/storage.h"

namespace etcdserverpb {
class TxnRequest;
}  // namespace etcdserverpb

namespace cairn::mvcc {

struct BroughtLease;

// What these walk and what the answer will hold is spent. Overspent: what they return means nothing.
std::vector<bool> choose_path(const Reading& reading, const etcdserverpb::TxnRequest& request,
                              ReadingBudget* budget);
// At most: of a key that is overwritten on the path both values count.
void measure_answer(const Reading& reading, const etcdserverpb::TxnRequest& request,
                    const std::vector<bool>& path, ReadingBudget* budget);
// etcd checks all puts of the path before all ranges of it.
Status check_puts(const Storage& state, const etcdserverpb::TxnRequest& request,
                  const std::vector<bool>& path, BroughtLease* brought);
Status check_ranges(const Reading& reading, const etcdserverpb::TxnRequest& request,
                    const std::vector<bool>& path);

// Append a TxnResponse without its header.
void write_txn(Storage* to, const etcdserverpb::TxnRequest& request, const std::vector<bool>& path,
               std::string* body);
void read_txn(const Reading& reading, const etcdserverpb::TxnRequest& request, const std::vector<bool>& path,
              std::string* body);

}  // namespace cairn::mvcc
