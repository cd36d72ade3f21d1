// The versions that Cairn reports where etcd reports its own, because clients decide by them what they may
// send.
#pragma once

namespace cairn::api {

constexpr char kEtcdServerVersion[] = "3.5.0";
constexpr char kEtcdClusterVersion[] = "3.5.0";
constexpr char kEtcdStorageVersion[] = "3.5.0";

}  // namespace cairn::api
