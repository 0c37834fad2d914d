// `ringbolt merge`: several rings become one, by `ringbolt/merge.hpp`.
#include <ringbolt/merge.hpp>

#include "commands.hpp"
#include "output.hpp"
#include "signals.hpp"
#include "tail_format.hpp"
#include "terminal.hpp"
#include "text.hpp"

namespace ringbolt::command {
namespace {

void tell(const MergeNotice& notice) {
  if (notice.anew) {
    say("{} was made anew: it is merged from its beginning", notice.source);
  } else {
    say("{}: {}", notice.source, gap_line(notice.gap));
  }
}

void merge_what_is_there(Merge& merge) {
  while (!stop_requested()) {
    const Status status = merge.poll().status;
    if (status == Status::empty || status == Status::closed) return;
    if (status != Status::ok) static_cast<void>(merge.wait_for(std::chrono::milliseconds(100)));
  }
}

void report(const Merge& merge, const std::string& output) {
  std::uint64_t events = 0;
  std::uint64_t lost = 0;
  for (const MergeSource& source : merge.sources()) {
    events += source.events;
    lost += source.gap_events;
  }
  say("merged {} into {}{}", counted(events, "event", "events"), output,
      lost == 0 ? std::string() : fmt::format("; {} had been lost before", counted(lost, "event", "events")));
}

}  // namespace

Exit merge(const MergeCommand& command) {
  catch_signals();
  Merge merge = Merge::open(command.output, command.sources,
                            {.output = command.options,
                             .start = command.from.value_or(Start::earliest),
                             .name = command.as,
                             .policy = command.policy,
                             .budget = command.budget,
                             .start_over = command.start_over,
                             .on_notice = tell});
  try {
    if (command.follow) {
      merge.run([] { return stop_requested(); });
    } else {
      merge_what_is_there(merge);
    }
    if (command.close && !stop_requested()) merge.output().close();
  } catch (...) {
    report(merge, command.output);
    throw;
  }
  report(merge, command.output);
  return kDone;
}

}  // namespace ringbolt::command
