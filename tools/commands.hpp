// The commands and what each is given. `cli.cpp` fills these in from the command line; one `cmd_` file does each of them.
//
// A command returns its exit status, or throws ringbolt::Error or Failure. Nothing here knows how options are spelt.
#pragma once

#include <ringbolt/ipc/journal_check.hpp>
#include <ringbolt/ringbolt.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "failure.hpp"

namespace ringbolt::command {

struct CreateCommand {
  std::string ring;
  PublisherOptions options;
};
Exit create(const CreateCommand& command);

struct PubCommand {
  std::string ring;
  std::string file = "-";  // standard input
  PublisherOptions options;
  std::uint32_t type = 0;
  std::vector<std::pair<std::string, std::string>> attributes{};  // of each event: names and values
  double rate = 0;                                                // events per second; 0: as fast as they come
  std::uint64_t repeat = 1;
  bool standby = false;
  bool close = false;
  bool binary = false;
  bool json = false;
};
Exit pub(const PubCommand& command);

enum class TailFormat : std::uint8_t { text, raw, binary, json };

struct TailCommand {
  std::string ring;
  std::optional<Start> from{};
  std::string as{};
  Policy policy = Policy::automatic;
  std::chrono::nanoseconds budget{0};
  std::vector<std::string> after{};
  bool after_durable = false;
  std::uint64_t count = 0;  // 0: no limit
  bool follow = true;
  bool wait = false;
  std::chrono::nanoseconds timeout{0};  // 0: none
  TailFormat format = TailFormat::text;
};
Exit tail(const TailCommand& command);

struct BenchCommand {
  std::vector<std::string> arguments{};  // for the program that measures
};
Exit bench(const BenchCommand& command);

struct ShareCommand {
  std::string ring;
  std::optional<Start> from{};
  std::string as{};
  Policy policy = Policy::automatic;
  std::chrono::nanoseconds budget{0};
  std::uint64_t capacity_bytes = 0;  // 0: as the ring's
  ShareOptions share{};
  bool wait = false;
};
Exit share(const ShareCommand& command);

struct MergeCommand {
  std::string output;
  std::vector<std::string> sources;
  PublisherOptions options;
  std::optional<Start> from{};
  std::string as{};
  Policy policy = Policy::automatic;
  std::chrono::nanoseconds budget{0};
  bool start_over = false;
  bool follow = true;
  bool close = false;
};
Exit merge(const MergeCommand& command);

struct StatCommand {
  std::string ring;
  bool json = false;
  std::optional<std::chrono::nanoseconds> watch{};  // look again after so long, for ever
};
Exit stat(const StatCommand& command);
Exit watch(const StatCommand& command);  // `stat` where that is set

struct TopCommand {
  std::vector<std::string> rings;  // empty: those in the directory
};
Exit top(const TopCommand& command);

struct DoctorCommand {
  std::string ring{};      // empty: those in the directory, and the machine
  std::string root = "/";  // where `proc`, `sys` and `etc` are
  bool fix = false;
  bool json = false;
};
Exit doctor(const DoctorCommand& command);

struct MetricsCommand {
  std::vector<std::string> rings{};  // empty: all that there are
  std::string listen = "127.0.0.1:9464";
  bool once = false;
};
Exit metrics(const MetricsCommand& command);

struct LsCommand {
  bool json = false;
};
Exit ls(const LsCommand& command);

struct RmCommand {
  std::string ring;
  bool force = false;
};
Exit rm(const RmCommand& command);

// What is done to a consumer from outside.
struct ConsumerCommand {
  std::string ring;
  std::string consumer;
  bool force = false;
  Start to;
  bool json = false;
};
Exit evict(const ConsumerCommand& command);
Exit forget(const ConsumerCommand& command);
Exit seek(const ConsumerCommand& command);

// A part of a journal: from the first event at or after `from`, to the sequence `to`, or to the last event before that time.
struct JournalRange {
  std::optional<Start> from{};
  std::optional<Start> to{};
};

struct VerifyCommand {
  std::string directory;
  std::string salvage{};  // the directory of a new journal; empty: none
  bool json = false;
};
Exit verify(const VerifyCommand& command);

struct DumpCommand {
  std::string directory;
  JournalRange range;
  bool json = false;
};
Exit dump(const DumpCommand& command);

struct ExportCommand {
  std::string directory;
  JournalRange range;
};
Exit export_journal(const ExportCommand& command);

struct ImportCommand {
  std::string directory{};  // of a new journal
  std::string into{};       // or a ring to publish to
  std::string file = "-";   // standard input
  std::uint64_t segment_bytes = 0;
  bool json = false;
};
Exit import_journal(const ImportCommand& command);

struct TrimCommand {
  std::string directory;
  TrimOptions options;
  bool json = false;
};
Exit trim(const TrimCommand& command);

struct ReplayCommand {
  std::string ring;  // or a journal's directory
  JournalRange range;
  std::optional<double>
      speed{};         // 1: as it was; 0: as fast as it goes; as it was with `into`, otherwise as fast, unless said
  std::string into{};  // a ring to publish to; empty: write to standard output
  TailFormat format = TailFormat::text;
};
Exit replay(const ReplayCommand& command);

struct JournalCommand {
  std::string ring;
  JournalOptions options;
  bool detach = false;
};
Exit journal(const JournalCommand& command);

}  // namespace ringbolt::command
