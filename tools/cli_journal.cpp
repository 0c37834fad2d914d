// The definitions of the commands that work on a journal.
#include <ringbolt/ipc/journal.hpp>

#include "cli_define.hpp"

namespace ringbolt::command {
namespace {

Start read_place(const std::string& text) { return parse_place(text, wall_clock_ns()); }

void add_directory(CLI::App& app, std::string& directory, const char* description) {
  app.add_option("DIR", directory, description)->required()->type_name("");
}

void add_range(CLI::App& app, JournalRange& range) {
  add_parsed(
      app, "--from", "SEQUENCE|@TIME", read_place, [&range](Start from) { range.from = from; },
      "The first event, or the first one stamped at or after that time; the oldest unless said");
  add_parsed(
      app, "--to", "SEQUENCE|@TIME", read_place, [&range](Start to) { range.to = to; },
      "The last event, or the last one stamped before that time; the newest unless said");
}

// The only form there is, so that it may be said and need not.
void add_jsonl(CLI::App& app) {
  app.add_flag_callback(
      "--jsonl", [] {}, "A JSON object for each event, one a line; there is no other form yet");
}

// Of a journal that is run; `group` is the heading in the help.
void add_journal_details(CLI::App& app, JournalOptions& options, const char* group) {
  add_parsed(
      app, "--sync", "none|interval|every", parse_sync, [&options](Sync sync) { options.sync = sync; },
      "When events are brought to the disk: when the kernel likes, every 10 ms, or each at once; interval unless said")
      ->group(group);
  add_parsed(
      app, "--interval", "DURATION", parse_duration,
      [&options](std::chrono::nanoseconds interval) { options.interval = interval; },
      "With --sync interval: at most so long until an event is on the disk; 10ms unless said")
      ->group(group);
  add_parsed(
      app, "--segment-bytes", "SIZE", parse_size, [&options](std::uint64_t bytes) { options.segment_bytes = bytes; },
      "Size of the journal's files; 64MiB unless said")
      ->group(group);
  add_parsed(
      app, "--keep-bytes", "SIZE", parse_size, [&options](std::uint64_t bytes) { options.keep_bytes = bytes; },
      "Remove the oldest files when all are larger than this together; no limit unless said")
      ->group(group);
  add_parsed(
      app, "--keep-age", "DURATION", parse_duration, [&options](std::chrono::nanoseconds age) { options.keep_age = age; },
      "Remove files whose newest event is older; no limit unless said")
      ->group(group);
  app.add_flag_callback(
         "--no-keep-unread", [&options] { options.keep_unread = false; },
         "Also remove what a named consumer has not committed")
      ->group(group);
}

void define_verify(CLI::App& app, Parsed& parsed) {
  const Definition<VerifyCommand> definition(app, parsed, "verify",
                                             "ringbolt verify /var/lib/orders\n"
                                             "ringbolt verify /var/lib/orders --salvage /var/lib/orders.saved",
                                             "Read a whole journal and look at every checksum", verify);
  add_directory(definition.app(), definition.command().directory, "The journal's directory");
  definition.app()
      .add_option("--salvage", definition.command().salvage, "Write what is valid into a new journal there")
      ->type_name("INTO");
  definition.app().add_flag("--json", definition.command().json, "Write one JSON object");
}

void define_dump(CLI::App& app, Parsed& parsed) {
  const Definition<DumpCommand> definition(app, parsed, "dump",
                                           "ringbolt dump /var/lib/orders --from 41000 --to 41010\n"
                                           "ringbolt dump /var/lib/orders --json | jq 'select(.kind == \"broken\")'",
                                           "Show a journal's records as they lie in its files, whole or broken", dump);
  add_directory(definition.app(), definition.command().directory, "The journal's directory");
  add_range(definition.app(), definition.command().range);
  definition.app().add_flag("--json", definition.command().json, "Write a JSON object for each record, one a line");
}

void define_export(CLI::App& app, Parsed& parsed) {
  const Definition<ExportCommand> definition(app, parsed, "export",
                                             "ringbolt export /var/lib/orders --jsonl > orders.jsonl\n"
                                             "ringbolt export /var/lib/orders --from @-1h | jq .payload",
                                             "Write a journal's events as text", export_journal);
  add_directory(definition.app(), definition.command().directory, "The journal's directory");
  add_jsonl(definition.app());
  add_range(definition.app(), definition.command().range);
}

void define_import(CLI::App& app, Parsed& parsed) {
  const Definition<ImportCommand> definition(app, parsed, "import",
                                             "ringbolt import /var/lib/orders.new --jsonl < orders.jsonl\n"
                                             "ringbolt import --into orders --file orders.jsonl",
                                             "Make a journal of what `export` wrote, or publish it", import_journal);
  CLI::App& sub = definition.app();
  ImportCommand& command = definition.command();
  CLI::Option* directory = sub.add_option("DIR", command.directory, "The directory of the new journal")->type_name("");
  add_jsonl(sub);
  sub.add_option("--into", command.into, "Publish to this ring instead, under new sequences")
      ->type_name("NAME")
      ->excludes(directory);
  sub.add_option("--file", command.file, "What to read; standard input unless said, or with `-`")->type_name("FILE");
  add_parsed(
      sub, "--segment-bytes", "SIZE", parse_size, [&command](std::uint64_t bytes) { command.segment_bytes = bytes; },
      "Size of the journal's files; 64MiB unless said");
  sub.add_flag("--json", command.json, "Write what was imported as one JSON object");
}

CLI::App& define_trim(CLI::App& app, Parsed& parsed, const char* name) {
  const Definition<TrimCommand> definition(app, parsed, name,
                                           "ringbolt trim /var/lib/orders --before @-7d\n"
                                           "ringbolt trim /var/lib/orders --keep-bytes 10GiB",
                                           "Remove a journal's oldest files", trim);
  CLI::App& sub = definition.app();
  TrimOptions& options = definition.command().options;
  add_directory(sub, definition.command().directory, "The journal's directory");
  CLI::Option* before = add_parsed(
      sub, "--before", "SEQUENCE|@TIME", read_place,
      [&options](Start start) {
        if (start.kind == Start::Kind::time) {
          options.before_ns = start.value;
        } else {
          options.before_sequence = start.value;
        }
      },
      "What has only events before it");
  add_parsed(
      sub, "--keep-bytes", "SIZE", parse_size,
      [&options](std::uint64_t bytes) {
        if (bytes == 0) throw BadValue("0 bytes cannot be kept: the newest file stays whatever its size");
        options.keep_bytes = bytes;
      },
      "The oldest until the rest has at most so many")
      ->excludes(before);
  sub.add_flag("--even-unread", options.even_unread, "Also what a named consumer has not committed");
  sub.add_flag("--json", definition.command().json, "Write what was removed as one JSON object");
  return sub;
}

void define_replay(CLI::App& app, Parsed& parsed) {
  const Definition<ReplayCommand> definition(app, parsed, "replay",
                                             "ringbolt replay /var/lib/orders --from @2026-11-23T10:00:00Z --json\n"
                                             "ringbolt replay orders --into orders-again --speed 10x",
                                             "Write a journal's events, or publish them again", replay);
  CLI::App& sub = definition.app();
  ReplayCommand& command = definition.command();
  sub.add_option("NAME", command.ring, "The journal's directory, or the ring whose journal it is")
      ->required()
      ->type_name("");
  add_range(sub, command.range);
  add_parsed(
      sub, "--speed", "1x|10x|max", parse_speed, [&command](double speed) { command.speed = speed; },
      "How the events are spaced: as they were, so many times faster, or not; 1x with --into, otherwise max");
  sub.add_option("--into", command.into, "Publish to this ring, under new sequences and stamps")->type_name("NAME");
  add_event_formats(sub, command.format);
}

void define_journal(CLI::App& app, Parsed& parsed) {
  const Definition<JournalCommand> definition(app, parsed, "journal",
                                              "ringbolt journal orders --dir /var/lib/orders --sync every\n"
                                              "ringbolt journal orders --detach",
                                              "Run a ring's journal in a process of its own", journal);
  CLI::App& sub = definition.app();
  JournalCommand& command = definition.command();
  add_ring(sub, command.ring);
  sub.add_option("--dir", command.options.directory, "The journal's directory; made if it is missing")->type_name("DIR");
  add_journal_details(sub, command.options, "Options");
  sub.add_flag("--detach", command.detach,
               "Let events go unrecorded from now on, where no process runs the journal, so that the publisher goes on");
}

}  // namespace

void add_journal_options(CLI::App& app, JournalOptions& options) {
  const char* group = "Of its journal";
  app.add_option("--journal", options.directory, "Keep the events in this directory, made if it is missing")
      ->type_name("DIR")
      ->group(group);
  add_journal_details(app, options, group);
  add_parsed(
      app, "--on-stall", "wait|fail", parse_on_stall, [&options](OnStall on_stall) { options.on_stall = on_stall; },
      "When the ring is full because the journal cannot write; wait unless said")
      ->group(group);
}

void add_event_formats(CLI::App& app, TailFormat& format) {
  const auto flag = [&](const char* name, TailFormat chosen, const char* description) {
    return app.add_flag_callback(
        name, [&format, chosen] { format = chosen; }, description);
  };
  CLI::Option* json = flag("--json", TailFormat::json, "Write a JSON object for each event, and for each gap");
  CLI::Option* raw = flag("--raw", TailFormat::raw, "Write payloads alone, as they are, a newline behind each");
  CLI::Option* binary =
      flag("--binary", TailFormat::binary, "Write payloads alone, each behind a 4-byte little-endian length");
  json->excludes(raw)->excludes(binary);
  raw->excludes(binary);
}

void define_journal_commands(CLI::App& app, Parsed& parsed) {
  define_journal(app, parsed);
  define_replay(app, parsed);
  define_verify(app, parsed);
  define_dump(app, parsed);
  define_export(app, parsed);
  define_import(app, parsed);
  define_trim(app, parsed, "trim");
  define_trim(app, parsed, "compact").group("");  // another name for it, not listed
}

}  // namespace ringbolt::command
