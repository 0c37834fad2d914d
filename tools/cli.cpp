#include "cli.hpp"

#include <memory>
#include <sstream>
#include <utility>

#include "cli_define.hpp"
#include "demo.hpp"
#include "output.hpp"

namespace ringbolt::command {
namespace {

// Help that begins with two examples, which are the footer of a command's definition.
class Help : public CLI::Formatter {
 public:
  Help() { column_width(34); }
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override {
    std::istringstream examples(app->get_footer());
    std::string text = "Examples:\n";
    for (std::string example; std::getline(examples, example);) {
      if (!example.empty()) text += "  " + example + "\n";
    }
    text += "\n" + CLI::Formatter::make_help(app, std::move(name), mode);
    return CLI::detail::find_and_replace(text, "\n\n\n", "\n\n");
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    const std::string type = option->get_type_name();
    return option->get_positional() || type.empty() ? "" : " " + type;
  }
  std::string make_footer(const CLI::App*) const override { return {}; }
};

// How a ring is made; `create` and `pub` take the same.
void add_ring_options(CLI::App& app, PublisherOptions& options) {
  const char* group = "Of a new ring";
  add_parsed(
      app, "--capacity", "SIZE", parse_size, [&options](std::uint64_t bytes) { options.capacity_bytes = bytes; },
      "Bytes for events: a power of two from 64KiB; 16MiB unless said")
      ->group(group);
  add_parsed(
      app, "--timestamps", "on|off", parse_on_off, [&options](bool on) { options.timestamps = on; },
      "Stamp each event with the wall clock; on unless said")
      ->group(group);
  add_number(app, "--consumers", options.consumer_slots, 1, "How many consumers can be registered; 256 unless said")
      ->group(group);
  add_parsed(
      app, "--mode", "MODE", parse_mode, [&options](std::uint32_t mode) { options.mode = mode; },
      "Who may attach, in octal; 0600 unless said")
      ->group(group);
  app.add_option("--group", options.group, "Group of the ring's files")->type_name("GROUP")->group(group);
  add_number(app, "--first-sequence", options.first_sequence, 1, "Number of the first event; 1 unless said")->group(group);
  app.add_flag("--huge-pages", options.huge_pages, "2 MiB pages where there are any; `stat` says whether")->group(group);
  app.add_flag("--prefault", options.prefault, "Touch every page now, so that the first lap has no page faults")
      ->group(group);
  app.add_flag("--lock-memory", options.lock_memory, "Never page the ring out; `stat` says whether")->group(group);
  add_number(app, "--numa-node", options.numa_node, 0, "Keep the ring's memory on this node; `stat` says whether")
      ->group(group);
  add_journal_options(app, options.journal);
}

void define_create(CLI::App& app, Parsed& parsed) {
  const Definition<CreateCommand> definition(app, parsed, "create",
                                             "ringbolt create orders\n"
                                             "ringbolt create prices --capacity 64MiB --mode 0640 --group traders",
                                             "Make a ring", create);
  add_ring(definition.app(), definition.command().ring);
  add_ring_options(definition.app(), definition.command().options);
}

void define_pub(CLI::App& app, Parsed& parsed) {
  const Definition<PubCommand> definition(app, parsed, "pub",
                                          "seq 1 1000000 | ringbolt pub numbers\n"
                                          "ringbolt pub orders orders.log --rate 1000 --close",
                                          "Publish each line of a file or of standard input as an event", pub);
  CLI::App& sub = definition.app();
  PubCommand& command = definition.command();
  add_ring(sub, command.ring);
  sub.add_option("FILE", command.file, "What to publish; standard input if not given, or `-`")->type_name("");
  add_number(sub, "--type", command.type, 0, "Type of the events, a number of the application's own; 0 unless said");
  add_parsed(
      sub, "--attribute", "NAME=VALUE", parse_attribute,
      [&command](AttributeText attribute) { command.attributes.push_back(std::move(attribute)); },
      "Give each event this attribute, such as content-type=text/plain; may be said several times")
      ->trigger_on_parse();
  add_parsed(
      sub, "--rate", "N", parse_rate, [&command](double rate) { command.rate = rate; },
      "Events per second; as fast as they come unless said");
  add_number(sub, "--repeat", command.repeat, 1, "Publish the whole input so many times");
  sub.add_flag("--standby", command.standby, "Wait while another process publishes, and take over when it ends or dies");
  sub.add_flag("--close", command.close, "End the stream after the last event");
  sub.add_flag("--binary", command.binary, "Take payloads each behind a 4-byte little-endian length, instead of lines");
  sub.add_flag("--json", command.json, "Write what was published as one JSON object");
  add_ring_options(sub, command.options);
}

std::vector<std::string> split_at_commas(const std::string& text) {
  std::istringstream names(text);
  std::vector<std::string> result;
  for (std::string name; std::getline(names, name, ',');) result.push_back(name);
  return result;
}

// Who a consumer is and where it starts; `tail` and `share` take the same.
void add_start(CLI::App& app, std::optional<Start>& from) {
  add_parsed(
      app, "--from", "earliest|latest|resume|SEQUENCE|@TIME",
      [](const std::string& text) { return parse_start(text, wall_clock_ns()); }, [&from](Start start) { from = start; },
      "Where to start; resume with --as, otherwise earliest");
}
void add_policy(CLI::App& app, std::string& as, Policy& policy, std::chrono::nanoseconds& budget) {
  app.add_option("--as", as, "Be the consumer of this name, which resumes after its last commit")->type_name("CONSUMER");
  add_parsed(
      app, "--policy", "gate[:50ms]|journal|lossy|latest", parse_policy,
      [&policy, &budget](PolicyChoice choice) {
        policy = choice.policy;
        budget = choice.budget;
      },
      "When it falls behind: the publisher waits (at most so long), it reads the journal, it loses events, or it wants the "
      "newest alone");
}

void define_tail(CLI::App& app, Parsed& parsed) {
  const Definition<TailCommand> definition(app, parsed, "tail",
                                           "ringbolt tail orders\n"
                                           "ringbolt tail orders --as billing --policy gate:50ms --json",
                                           "Write the events of a ring or of a journal to standard output, one a line",
                                           tail);
  CLI::App& sub = definition.app();
  TailCommand& command = definition.command();
  add_ring(sub, command.ring);
  add_start(sub, command.from);
  add_policy(sub, command.as, command.policy, command.budget);
  sub.add_option_function<std::string>(
         "--after", [&command](const std::string& names) { command.after = split_at_commas(names); },
         "See an event only when these gating consumers have committed it")
      ->type_name("CONSUMER,...");
  sub.add_flag("--after-durable", command.after_durable, "See an event only when a power cut can no longer take it back");
  add_number(sub, "--count", command.count, 1, "End after so many events");
  sub.add_flag_callback(
      "--no-follow", [&command] { command.follow = false; }, "End at the newest event");
  sub.add_flag("--wait", command.wait, "Wait for the ring if there is none yet");
  add_parsed(
      sub, "--timeout", "DURATION", parse_duration,
      [&command](std::chrono::nanoseconds timeout) { command.timeout = timeout; },
      "End with exit status 4 when nothing came for so long");
  add_event_formats(sub, command.format);
}

void define_share(CLI::App& app, Parsed& parsed) {
  const Definition<ShareCommand> definition(
      app, parsed, "share",
      "ringbolt share orders --socket /run/orders.sock --groups readers\n"
      "ringbolt share orders --socket /run/orders.sock --users '*' --as relay --policy gate:50ms",
      "Relay a ring to consumers that are not trusted, over a Unix socket", share);
  CLI::App& sub = definition.app();
  ShareCommand& command = definition.command();
  add_ring(sub, command.ring);
  sub.add_option("--socket", command.share.socket, "Where consumers attach, as unix:PATH; in a directory of this user's")
      ->required()
      ->type_name("PATH");
  const auto add_names = [&](const char* name, std::vector<std::string>& names, const char* type, const char* description) {
    sub.add_option_function<std::string>(
           name, [&names](const std::string& text) { names = split_at_commas(text); }, description)
        ->type_name(type);
  };
  add_names("--users", command.share.users, "USER,...", "Who may attach besides this user and root; '*': everybody");
  add_names("--groups", command.share.groups, "GROUP,...", "Likewise, whole groups");
  add_number(sub, "--slots-per-user", command.share.slots_per_user, 1, "Consumers of one user at a time; 32 unless said");
  add_parsed(
      sub, "--longest-budget", "DURATION", parse_duration,
      [&command](std::chrono::nanoseconds budget) { command.share.longest_budget = budget; },
      "How long a consumer that gates may hold the relay up; 1s unless said, 0: none may gate");
  add_parsed(
      sub, "--capacity", "SIZE", parse_size, [&command](std::uint64_t bytes) { command.capacity_bytes = bytes; },
      "Bytes for events of the share: a power of two from 64KiB; as the ring's unless said");
  add_start(sub, command.from);
  add_policy(sub, command.as, command.policy, command.budget);
  sub.add_flag("--wait", command.wait, "Wait for the ring if there is none yet");
}

void define_merge(CLI::App& app, Parsed& parsed) {
  const Definition<MergeCommand> definition(
      app, parsed, "merge",
      "ringbolt merge all orders payments\n"
      "ringbolt merge all orders payments --policy gate --as merger --journal /var/lib/all",
      "Merge the events of several rings into one", merge);
  CLI::App& sub = definition.app();
  MergeCommand& command = definition.command();
  sub.add_option("OUT", command.output, "The ring that they become; made if there is none")->required()->type_name("");
  sub.add_option("IN", command.sources, "The rings to merge")->required()->type_name("");
  add_parsed(
      sub, "--from", "earliest|latest|@TIME",
      [](const std::string& text) {
        const Start start = parse_start(text, wall_clock_ns());
        if (start.kind == Start::Kind::resume || start.kind == Start::Kind::sequence)
          throw BadValue("a merge goes on by itself where OUT ends: give earliest, latest or @TIME for new sources");
        return start;
      },
      [&command](Start start) { command.from = start; },
      "Where to start in a source of which OUT has nothing yet; earliest unless said");
  add_policy(sub, command.as, command.policy, command.budget);
  sub.add_flag("--start-over", command.start_over, "Also if OUT has events and none says how far its sources were merged");
  sub.add_flag_callback(
      "--no-follow", [&command] { command.follow = false; }, "End when everything that is there is merged");
  sub.add_flag("--close", command.close, "End the stream OUT afterwards");
  add_ring_options(sub, command.options);
}

void define_rm(CLI::App& app, Parsed& parsed) {
  const Definition<RmCommand> definition(app, parsed, "rm",
                                         "ringbolt rm orders\n"
                                         "ringbolt rm orders --force",
                                         "Remove a ring", rm);
  add_ring(definition.app(), definition.command().ring);
  definition.app().add_flag("--force", definition.command().force, "Also if a process publishes to it");
}

void define_evict(CLI::App& app, Parsed& parsed) {
  const Definition<ConsumerCommand> definition(app, parsed, "evict",
                                               "ringbolt evict orders billing\n"
                                               "ringbolt evict orders billing --force",
                                               "Stop a consumer from holding the publisher up; it is told, and goes on",
                                               evict);
  add_ring(definition.app(), definition.command().ring);
  add_consumer(definition.app(), definition.command().consumer);
  definition.app().add_flag("--force", definition.command().force, "Also if it reads in place and could see bytes change");
}

void define_forget(CLI::App& app, Parsed& parsed) {
  const Definition<ConsumerCommand> definition(app, parsed, "forget",
                                               "ringbolt forget orders billing\n"
                                               "ringbolt forget /dev/shm/shared/orders audit",
                                               "Drop a consumer's name and cursor", forget);
  add_ring(definition.app(), definition.command().ring);
  add_consumer(definition.app(), definition.command().consumer);
}

void define_seek(CLI::App& app, Parsed& parsed) {
  const Definition<ConsumerCommand> definition(app, parsed, "seek",
                                               "ringbolt seek orders billing --to earliest\n"
                                               "ringbolt seek orders billing --to @2026-11-23T10:00:00Z",
                                               "Set where a consumer that is not attached resumes", seek);
  ConsumerCommand& command = definition.command();
  add_ring(definition.app(), command.ring);
  add_consumer(definition.app(), command.consumer);
  add_parsed(
      definition.app(), "--to", "earliest|latest|SEQUENCE|@TIME",
      [](const std::string& text) {
        if (text == "resume") throw BadValue("a cursor cannot be set to itself: give earliest, latest, a sequence or @TIME");
        return parse_start(text, wall_clock_ns());
      },
      [&command](Start to) { command.to = to; }, "The first event that it gets")
      ->required();
  definition.app().add_flag("--json", command.json, "Write the sequence as one JSON object");
}

struct CompletionCommand {
  std::string shell;
};
Exit completion(const CompletionCommand& command) {
  print(completion_script(command.shell));
  return kDone;
}
void define_bench(CLI::App& app, Parsed& parsed) {
  const Definition<BenchCommand> definition(app, parsed, "bench",
                                            "ringbolt bench\n"
                                            "ringbolt bench latency --payload 64 --quick",
                                            "Measure this machine, with ringbolt-bench", bench);
  // All that follows is the other program's, options too.
  definition.app().prefix_command()->callback([&parsed, sub = &definition.app()] {
    parsed.run = [command = BenchCommand{sub->remaining()}] { return bench(command); };
  });
}

void define_completion(CLI::App& app, Parsed& parsed) {
  const Definition<CompletionCommand> definition(app, parsed, "completion",
                                                 "source <(ringbolt completion bash)\n"
                                                 "ringbolt completion fish > ~/.config/fish/completions/ringbolt.fish",
                                                 "Write a script that completes this command in a shell", completion);
  definition.app()
      .add_option("SHELL", definition.command().shell, "bash, zsh or fish")
      ->required()
      ->type_name("bash|zsh|fish")
      ->check(CLI::IsMember({"bash", "zsh", "fish"}).description(""));
}

}  // namespace

void define_commands(CLI::App& app, Parsed& parsed) {
  app.name("ringbolt");
  app.description("An event ring in shared memory: one process publishes, any number consume, each at its own pace.");
  app.footer(
      "seq 1 1000000 | ringbolt pub numbers\n"
      "ringbolt tail numbers");
  app.formatter(std::make_shared<Help>());  // inherited by what is added below
  app.set_version_flag("--version", "ringbolt " RINGBOLT_VERSION, "Print the version and exit");
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.require_subcommand(1);
  define_pub(app, parsed);
  define_tail(app, parsed);
  define_share(app, parsed);
  define_merge(app, parsed);
  define_see_commands(app, parsed);
  define_create(app, parsed);
  define_rm(app, parsed);
  define_evict(app, parsed);
  define_forget(app, parsed);
  define_seek(app, parsed);
  define_journal_commands(app, parsed);
  define_bench(app, parsed);
  define_completion(app, parsed);
  add_demo(app);
}

}  // namespace ringbolt::command
