// `ringbolt stat` and `ringbolt ls`: what can be seen of rings from outside at one moment.
#include <ringbolt/ipc/admin.hpp>
#include <ringbolt/ipc/stat.hpp>

#include <fmt/color.h>

#include <algorithm>
#include <cstring>

#include "commands.hpp"
#include "json.hpp"
#include "output.hpp"
#include "terminal.hpp"
#include "text.hpp"

namespace ringbolt::command {
namespace {

std::string colored(const std::string& text, fmt::text_style style) {
  return stdout_has_color() ? fmt::format(style, "{}", text) : text;
}
std::string head(const std::string& text) { return colored(text, fmt::emphasis::bold); }
std::string alarming(const std::string& text) { return colored(text, fmt::fg(fmt::terminal_color::red)); }

std::string publisher_text(const RingStat& stat) {
  if (stat.publisher_alive) return fmt::format("alive, process {}", stat.publisher_pid);
  if (stat.closed) return "none, the stream is closed";
  if (stat.publisher_pid == 0) return "none yet";
  return alarming(fmt::format("gone, was process {}", stat.publisher_pid));
}

std::string events_text(const RingStat& stat) {
  if (stat.newest_sequence == 0) return "none yet";
  return fmt::format("{} published, {} with headers; {} to {} in the ring", thousands(stat.published_events),
                     size_text(stat.published_bytes), thousands(stat.oldest_sequence), thousands(stat.newest_sequence));
}

std::string policy_text(const ConsumerStat& consumer) {
  if (consumer.budget_ns == 0) return consumer.policy;
  return fmt::format("{}:{}", consumer.policy, duration_text(consumer.budget_ns));
}

std::string blocked_text(const ConsumerStat& consumer) {
  if (consumer.blocked_count == 0) return "0";
  return fmt::format("{}, {}", counted(consumer.blocked_count, "time", "times"), duration_text(consumer.blocked_ns));
}

std::string consumer_name(const ConsumerStat& consumer) { return consumer.name.empty() ? "(anonymous)" : consumer.name; }

std::string consumers_text(const RingStat& stat) {
  Table table({"CONSUMER", "POLICY", "STATE", "PROCESS", "CURSOR", "LAG", "LOST", "GAPS", "BLOCKED THE PUBLISHER"},
              {false, false, false, true, true, true, true, true, false});
  for (const ConsumerStat& consumer : stat.consumers) {
    table.add({consumer_name(consumer), policy_text(consumer), consumer.state,
               consumer.alive ? fmt::format("{}", consumer.pid) : "-", thousands(consumer.cursor_sequence),
               thousands(consumer.lag_events), thousands(consumer.gap_events), thousands(consumer.gaps),
               blocked_text(consumer)});
  }
  const std::vector<std::string> lines = table.lines();
  std::string text = "\n" + head(lines.front()) + "\n";
  for (std::size_t i = 1; i < lines.size(); ++i) text += lines[i] + "\n";
  for (const ConsumerStat& consumer : stat.consumers) {
    if (consumer.waits_for.empty()) continue;
    text += alarming(fmt::format("{} waits for {}, which is gone", consumer_name(consumer), consumer.waits_for)) + "\n";
  }
  return text;
}

std::string options_text(const RingStat& stat) {
  std::string text;
  for (const RingStat::Option& option : stat.options) {
    if (!text.empty()) text += ", ";
    text += option.granted ? option.name : alarming(option.name + " (asked for, not granted)");
  }
  return text;
}

std::string journal_state(const JournalStat& journal) {
  if (journal.state == "running") return fmt::format("running, process {}", journal.pid);
  if (journal.state == "stalled")
    return alarming(fmt::format("stalled, process {}: {}", journal.pid, std::strerror(journal.error)));
  if (journal.state == "away") return alarming("away: nobody runs it, and the publisher waits for it when the ring is full");
  return alarming(journal.state + ": events go unrecorded");
}

std::string journal_events(const JournalStat& journal) {
  std::string text = journal.sync == "none" ? fmt::format("{} written", thousands(journal.written_sequence))
                                            : fmt::format("{} written, {} durable", thousands(journal.written_sequence),
                                                          thousands(journal.durable_sequence));
  text += fmt::format("; {} behind", thousands(journal.lag_events));
  if (journal.unrecorded_events != 0)
    text += ", " + alarming(counted(journal.unrecorded_events, "event", "events") + " never recorded");
  return text;
}

void add_journal(Table& table, const JournalStat& journal) {
  table.add({"journal", fmt::format("{}, sync {}", printable(journal.directory), journal.sync)});
  table.add({"", journal_state(journal)});
  table.add({"", journal_events(journal)});
  if (journal.failures != 0)
    table.add({"", alarming(fmt::format("{} since it was opened, the last one: {}",
                                        counted(journal.failures, "failure", "failures"), std::strerror(journal.error)))});
}

std::string stat_text(const RingStat& stat) {
  Table table({"ring", fmt::format("{} at {}", stat.name, stat.path)});
  table.add({"capacity", size_text(stat.capacity_bytes)});
  table.add({"timestamps", stat.timestamps ? "on" : "off"});
  if (!stat.options.empty()) table.add({"options", options_text(stat)});
  table.add({"publisher", publisher_text(stat)});
  table.add({"epoch", thousands(stat.epoch)});
  table.add({"events", events_text(stat)});
  if (const std::string newest = time_text(stat.newest_timestamp_ns); !newest.empty()) table.add({"newest", newest});
  if (stat.journal) add_journal(table, *stat.journal);
  table.add({"consumers", stat.consumers_readable
                              ? fmt::format("{} of {}", stat.consumers.size(), thousands(stat.consumer_slots))
                              : "not shown: no right to read the ring's file `consumers`"});
  std::string text;
  for (const std::string& line : table.lines()) text += line + "\n";
  if (!stat.consumers.empty()) text += consumers_text(stat);
  return text;
}

std::string publisher_cell(const RingStat& stat) {
  if (stat.publisher_alive) return fmt::format("{}", stat.publisher_pid);
  return stat.closed ? "closed" : "none";
}

// One line of `ls` for each ring; one that cannot be looked at has its reason there instead.
std::string ls_json(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    try {
      text += ring_json(stat_ring(name));
    } catch (const Error& error) {
      text += unreadable_ring_json(name, error);
    }
  }
  return text;
}

std::string ls_text(const std::vector<std::string>& names) {
  Table table({"RING", "CAPACITY", "PUBLISHER", "OLDEST", "NEWEST", "CONSUMERS"}, {false, true, true, true, true, true});
  for (const std::string& name : names) {
    try {
      const RingStat stat = stat_ring(name);
      table.add({stat.name, size_text(stat.capacity_bytes), publisher_cell(stat), thousands(stat.oldest_sequence),
                 thousands(stat.newest_sequence), stat.consumers_readable ? thousands(stat.consumers.size()) : "?"});
    } catch (const Error& error) {
      table.add({name, code_name(error.code())});
    }
  }
  const std::vector<std::string> lines = table.lines();
  std::string text = head(lines.front()) + "\n";
  for (std::size_t i = 1; i < lines.size(); ++i) text += lines[i] + "\n";
  return text;
}

}  // namespace

Exit stat(const StatCommand& command) {
  if (command.watch) return watch(command);
  const RingStat stat = stat_ring(command.ring);
  print(command.json ? stat_json(stat) : stat_text(stat));
  return kDone;
}

Exit ls(const LsCommand& command) {
  std::vector<std::string> names = list_rings();
  if (command.json) {
    print(ls_json(names));
  } else if (names.empty()) {
    say("no rings in {}", ring_parent_directory());
  } else {
    print(ls_text(names));
  }
  return kDone;
}

}  // namespace ringbolt::command
