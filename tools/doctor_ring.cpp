// Findings about one ring and its journal, of facts alone.
#include <algorithm>
#include <cstring>

#include "doctor.hpp"
#include "rates.hpp"
#include "text.hpp"

namespace ringbolt::command {
namespace {

constexpr const char* kJournal = ".journal";

// What is behind by more than this part of what the ring holds will soon hold the publisher up.
constexpr double kFarBehind = 0.5;

std::string plural(std::uint64_t count, const char* one, const char* many) { return counted(count, one, many); }

// ---- who is there ------------------------------------------------------------------------------------------------------

bool somebody_reads(const RingStat& stat) {
  const bool records = stat.journal && (stat.journal->state == "running" || stat.journal->state == "stalled");
  return !stat.consumers_readable || records ||
         std::ranges::any_of(stat.consumers, [](const ConsumerStat& consumer) { return consumer.alive; });
}

void look_at_publisher(const RingStat& stat, std::vector<Finding>& findings) {
  if (stat.publisher_alive || stat.publisher_pid == 0) return;
  const std::string remove = fmt::format("`ringbolt rm {}`", stat.name);
  if (!somebody_reads(stat)) {
    findings.push_back(
        {.kind = FindingIs::abandoned_ring,
         .level = stat.closed ? Level::note : Level::wrong,
         .ring = stat.name,
         .what = stat.closed ? "the stream is closed, and nobody reads it"
                             : fmt::format("nobody is there: its publisher, process {}, is gone, and no consumer lives",
                                           stat.publisher_pid),
         .advice = fmt::format("it holds {} of memory: {}", size_text(stat.capacity_bytes),
                               stat.closed ? remove + " when its events are no longer wanted"
                                           : "start its publisher again, or, if nobody needs its events, " + remove)});
  } else if (!stat.closed) {
    findings.push_back(
        {.kind = FindingIs::dead_publisher,
         .ring = stat.name,
         .what = fmt::format("its publisher, process {}, is gone and has not closed the stream", stat.publisher_pid),
         .advice = "its consumers wait: start it again, and the same sequence goes on; a second one with `--standby` would "
                   "have taken over"});
  }
}

void look_at_consumers(const RingStat& stat, std::vector<Finding>& findings) {
  for (const ConsumerStat& consumer : stat.consumers) {
    if (consumer.name == kJournal) continue;
    const std::string name = shown_name(consumer);
    if (consumer.gating && !consumer.alive) {
      findings.push_back(
          {.kind = FindingIs::dead_gate,
           .ring = stat.name,
           .consumer = name,
           .what = fmt::format("consumer {}, process {}, is dead, and its gate still stands, {} behind", name, consumer.pid,
                               plural(consumer.lag_events, "event", "events")),
           .advice = fmt::format("a publisher releases it when it comes in its way; `ringbolt doctor {} --fix` does it now",
                                 stat.name),
           .mend = Mend::release_gates});
    }
    if (!consumer.waits_for.empty()) {
      findings.push_back(
          {.kind = FindingIs::waits_for_absent,
           .ring = stat.name,
           .consumer = name,
           .what = fmt::format("consumer {} sees only what {} has committed, which is not there", name, consumer.waits_for),
           .advice = fmt::format("start {} again, or start {} without it", consumer.waits_for, name)});
    }
  }
}

// ---- what the system did not give --------------------------------------------------------------------------------------

void look_at_options(const RingStat& stat, const MachineFacts& machine, std::vector<Finding>& findings) {
  if (stat.publisher_pid == 0) return;  // nobody has asked for them yet
  for (const RingStat::Option& option : stat.options) {
    if (option.granted) continue;
    Finding finding{
        .kind = FindingIs::option_not_granted, .level = Level::slow, .ring = stat.name, .what = {}, .advice = {}};
    if (option.name == "lock_memory") {
      finding.kind = FindingIs::memory_not_locked;
      finding.what = fmt::format("its memory, {}, is not locked as asked for", size_text(stat.capacity_bytes));
      finding.advice =
          fmt::format("{}: raise it for the publisher (`ulimit -l`; with systemd LimitMEMLOCK=) and start that again",
                      machine.locked_most ? "here a process may lock " + size_text(*machine.locked_most)
                                          : "the limit of locked memory is another one there");
    } else if (option.name == "huge_pages") {
      finding.kind = FindingIs::huge_pages_not_granted;
      finding.what = "it has no huge pages as asked for";
      finding.advice = fmt::format(
          "let shared memory have them (`echo advise > /sys/kernel/mm/transparent_hugepage/shmem_enabled`{}), or make the "
          "ring on "
          "a hugetlbfs mount",
          machine.shared_huge_pages.empty() ? "" : ", now '" + machine.shared_huge_pages + "'");
    } else {
      finding.what = fmt::format("it asked for {}, which was not granted", option.name);
      finding.advice = "see whether the node, or that much memory, is there, and start its publisher again";
    }
    findings.push_back(std::move(finding));
  }
}

// ---- rights ------------------------------------------------------------------------------------------------------------

// What the mode of a ring's file ought to be, in the light of the registry's, from which the rights of others follow.
mode_t sound_mode(const FileFacts& file, mode_t registry) {
  if (file.name.empty()) return (file.mode | 0700U) & ~0022U;
  if (file.name == "events") return (file.mode | 0600U) & ~0022U;
  if (file.name == "lease") return (file.mode | 0600U) & ~0077U;
  mode_t mode = file.mode | 0600U;
  if (file.name == "locks") {
    if ((registry & 0020U) == 0) mode &= ~0070U;
    if ((registry & 0002U) == 0) mode &= ~0007U;
  }
  return mode;
}

const char* why_unsound(const FileFacts& file, mode_t sound) {
  if ((file.mode & sound) != sound) return "its owner cannot use it";
  if (file.name.empty()) return "others could replace its files";
  if (file.name == "events") return "others could damage what they read";
  return "others could pass for a process that lives";
}

void look_at_rights(const RingFacts& ring, uid_t user, std::vector<Finding>& findings) {
  mode_t registry = 0;
  for (const FileFacts& file : ring.files) {
    if (file.name == "consumers") registry = file.mode;
  }
  for (const FileFacts& file : ring.files) {
    const mode_t sound = sound_mode(file, registry);
    if (sound != file.mode) {
      findings.push_back(
          {.kind = FindingIs::ring_rights,
           .ring = ring.name,
           .what = fmt::format("{} has the mode {:04o}: {}", printable(file.path), file.mode, why_unsound(file, sound)),
           .advice = fmt::format("`chmod {:04o} {}`", sound, printable(file.path)),
           .mend = file.owner == user ? Mend::set_mode : Mend::none,
           .path = file.path,
           .mode = sound});
    }
    if (file.owner != ring.files.front().owner) {
      findings.push_back({.kind = FindingIs::ring_rights,
                          .ring = ring.name,
                          .what = fmt::format("{} belongs to user {}, and the ring to user {}", printable(file.path),
                                              file.owner, ring.files.front().owner),
                          .advice = "one of them cannot publish: let `chown` give it to the ring's owner"});
    }
  }
}

// ---- the journal -------------------------------------------------------------------------------------------------------

void look_at_state(const RingStat& stat, const JournalStat& journal, std::vector<Finding>& findings) {
  const auto found = [&](FindingIs kind, Level level, std::string what, std::string advice) {
    findings.push_back(
        {.kind = kind, .level = level, .ring = stat.name, .what = std::move(what), .advice = std::move(advice)});
  };
  const std::string directory = printable(journal.directory);
  const std::uint64_t held = stat.newest_sequence == 0 ? 0 : stat.newest_sequence - stat.oldest_sequence + 1;
  if (journal.state == "stalled") {
    found(FindingIs::journal_stalled, Level::wrong,
          fmt::format("its journal cannot write to {}: {}", directory, std::strerror(journal.error)),
          fmt::format(
              "nothing is lost yet, and the publisher waits once the ring is full: mend the disk or make room; the journal "
              "goes on by itself, {} behind",
              plural(journal.lag_events, "event", "events")));
  } else if (journal.state == "detached") {
    found(
        FindingIs::journal_detached, Level::wrong,
        fmt::format("its events go unrecorded: the journal in {} was detached", directory),
        fmt::format("`ringbolt journal {} --dir {}` goes on recording, and notes which are missing", stat.name, directory));
  } else if (journal.state == "away" && (journal.own_process || stat.publisher_alive)) {
    found(FindingIs::journal_away, Level::wrong, fmt::format("nobody runs its journal in {}", directory),
          fmt::format("the publisher waits for it once the ring is full: `ringbolt journal {0} --dir {1}` runs it, and "
                      "`ringbolt journal "
                      "{0} --detach` lets events go unrecorded",
                      stat.name, directory));
  } else if (journal.state == "running" && held != 0 &&
             static_cast<double>(journal.lag_events) > kFarBehind * static_cast<double>(held)) {
    found(FindingIs::journal_behind, Level::slow,
          fmt::format("its journal is {} behind, {:.0f} % of what the ring holds",
                      plural(journal.lag_events, "event", "events"),
                      std::min(100.0, 100.0 * static_cast<double>(journal.lag_events) / static_cast<double>(held))),
          "at 100 % the publisher waits: a faster disk, `--sync interval`, or a larger ring for bursts");
  }
}

void look_at_check(const RingFacts& ring, const JournalStat& journal, std::vector<Finding>& findings) {
  const auto found = [&](FindingIs kind, Level level, std::string what, std::string advice) {
    findings.push_back(
        {.kind = kind, .level = level, .ring = ring.name, .what = std::move(what), .advice = std::move(advice)});
  };
  const std::string directory = printable(journal.directory);
  if (!ring.check_failed.empty() && journal.written_sequence != 0) {
    found(FindingIs::journal_damaged, Level::wrong, "its journal cannot be read: " + printable(ring.check_failed),
          fmt::format("see whether {} is mounted and whose it is", directory));
  }
  if (ring.unread_bytes != 0) {
    found(FindingIs::journal_unread, Level::note, fmt::format("its journal, {}, was not read", size_text(ring.unread_bytes)),
          fmt::format("`ringbolt doctor {}` reads it, as `ringbolt verify {}` does", ring.name, directory));
  }
  if (!ring.check) return;
  const auto has = [&](FindingKind kind) {
    return std::ranges::any_of(ring.check->findings, [kind](const JournalFinding& finding) { return finding.kind == kind; });
  };
  if (!ring.check->sound()) {
    const auto& all = ring.check->findings;
    const auto first = std::ranges::find_if(all, [](const JournalFinding& finding) { return finding.is_damage(); });
    found(FindingIs::journal_damaged, Level::wrong,
          fmt::format("its journal is damaged, {} lost: {} at offset {}: {}",
                      plural(ring.check->lost_events(), "event is", "events are"), printable(first->file), first->offset,
                      printable(first->why)),
          fmt::format("`ringbolt verify {}` says all of it, and `--salvage INTO` keeps what is left", directory));
  }
  if (has(FindingKind::torn_tail) && journal.state != "running") {
    found(FindingIs::journal_torn, Level::note, "its journal ends in the middle of an event, as after a crash",
          "whoever opens it next recovers what holds together, and nothing that was durable is lost");
  }
}

}  // namespace

std::vector<Finding> find_in_ring(const RingFacts& ring, const MachineFacts& machine) {
  std::vector<Finding> findings;
  if (ring.stat) {
    look_at_publisher(*ring.stat, findings);
    look_at_consumers(*ring.stat, findings);
    if (ring.stat->journal) {
      look_at_state(*ring.stat, *ring.stat->journal, findings);
      look_at_check(ring, *ring.stat->journal, findings);
    }
    look_at_options(*ring.stat, machine, findings);
  } else {
    findings.push_back({.kind = FindingIs::unreadable_ring,
                        .level = ring.code == Code::not_allowed ? Level::note : Level::wrong,
                        .ring = ring.name,
                        .what = "it cannot be looked at",
                        .advice = printable(ring.why)});
  }
  look_at_rights(ring, machine.user, findings);
  return findings;
}

}  // namespace ringbolt::command
