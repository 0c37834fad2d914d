// `ringbolt import`: what `export` wrote becomes a new journal, or is published to a ring.
#include <fcntl.h>
#include <unistd.h>

#include <ringbolt/ipc/journal_builder.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>

#include "commands.hpp"
#include "json.hpp"
#include "output.hpp"
#include "pub_input.hpp"
#include "signals.hpp"
#include "terminal.hpp"
#include "text.hpp"

namespace ringbolt::command {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kLongestLine = std::uint64_t{1} << 31;  // base64 of the largest event has more bytes than it

struct Line {
  std::uint64_t sequence = 0;
  std::uint64_t timestamp_ns = 0;
  std::uint32_t type = 0;
  std::vector<std::pair<std::string, std::string>> attributes;  // names and values
  std::string payload;

  [[nodiscard]] std::vector<Attribute> views() const {
    std::vector<Attribute> views;
    for (const auto& [name, value] : attributes) views.push_back({name, value});
    return views;
  }
};

// Reads the lines; each error says which one it is.
class Lines {
 public:
  explicit Lines(const std::string& file) : name_(file == "-" ? "standard input" : file) {
    if (file != "-") {
      fd_ = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
      if (fd_ < 0)
        throw Failure(errno == ENOENT ? kNotFound : kNotSo, fmt::format("cannot open {}: {}", file, std::strerror(errno)));
    }
    input_.emplace(fd_, name_, Framing::lines, kLongestLine, false);
  }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;
  ~Lines() {
    if (fd_ != STDIN_FILENO) ::close(fd_);
  }

  // The next event; false at the end. Gaps are passed over: the sequences tell of them.
  bool next(Line& line) {
    std::string_view text;
    while (input_->next(text)) {
      ++number_;
      if (text.empty()) continue;
      const Json json = Json::parse(text, nullptr, false);
      if (!json.is_object()) bad("is no JSON object");
      if (json.contains("gap")) continue;
      read(json, line);
      return true;
    }
    return false;
  }
  [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
  [[noreturn]] void bad(const std::string& why) const {
    throw Failure(kNotSo,
                  fmt::format("line {} of {} {}: give what `ringbolt export` wrote", thousands(number_), name_, why));
  }

 private:
  void read(const Json& json, Line& line) const {
    line.sequence = number_in(json, "sequence", std::numeric_limits<std::uint64_t>::max() - 1);
    line.timestamp_ns = number_in(json, "timestamp_ns", std::numeric_limits<std::uint64_t>::max());
    line.type = static_cast<std::uint32_t>(number_in(json, "type", std::numeric_limits<std::uint32_t>::max()));
    if (line.sequence == 0) bad("has no sequence from 1 on");
    line.attributes.clear();
    read_attributes(json, "attributes", line);
    read_attributes(json, "attributes_base64", line);
    if (const auto text = json.find("payload"); text != json.end() && text->is_string()) {
      line.payload = text->get<std::string>();
    } else if (const auto coded = json.find("payload_base64"); coded != json.end() && coded->is_string()) {
      const auto decoded = decode_base64(coded->get<std::string>());
      if (!decoded) bad("has a payload_base64 that is no base64");
      line.payload = *decoded;
    } else {
      bad("has no payload");
    }
  }
  void read_attributes(const Json& json, const char* key, Line& line) const {
    const auto object = json.find(key);
    if (object == json.end()) return;
    if (!object->is_object()) bad(fmt::format("has {} that are no object", key));
    for (const auto& [name, value] : object->items()) {
      if (!value.is_string()) bad(fmt::format("has an attribute {} that is no text", name));
      std::optional<std::string> bytes = value.get<std::string>();
      if (std::string_view(key) == "attributes_base64") bytes = decode_base64(*bytes);
      if (!bytes || !core::is_attribute({name, *bytes})) bad(fmt::format("has an attribute {} that cannot be one", name));
      line.attributes.emplace_back(name, *std::move(bytes));
    }
  }
  [[nodiscard]] std::uint64_t number_in(const Json& json, const char* key, std::uint64_t most) const {
    const auto value = json.find(key);
    if (value == json.end()) return 0;
    if (!value->is_number_unsigned() || value->get<std::uint64_t>() > most) bad(fmt::format("has a {} that is none", key));
    return value->get<std::uint64_t>();
  }

  int fd_ = STDIN_FILENO;
  std::string name_;
  std::optional<EventInput> input_;
  std::uint64_t number_ = 0;
};

struct Imported {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t count = 0;
  void note(std::uint64_t sequence) {
    if (count++ == 0) first = sequence;
    last = sequence;
  }
};

Imported into_journal(const ImportCommand& command) {
  Lines lines(command.file);
  JournalBuilder builder(command.directory, command.segment_bytes);
  // The events are told apart from those of every ring that was, and keep together.
  std::random_device random;
  const auto word = [&random] { return std::uint64_t{random()} << 32 | random(); };
  const std::array<std::uint64_t, 2> ring_id{word(), word()};
  Imported imported;
  Line line;
  std::vector<std::byte> behind_header;  // of the record
  while (lines.next(line)) {
    if (imported.count != 0 && line.sequence <= imported.last) {
      lines.bad(fmt::format("has sequence {} behind {}, and they have to ascend", line.sequence, imported.last));
    }
    JournalRecord record;
    record.epoch = 1;
    record.sequence = line.sequence;
    record.timestamp_ns = line.timestamp_ns;
    record.type = line.type;
    const std::vector<Attribute> attributes = line.views();
    const std::uint64_t block_bytes = core::attributes_bytes(attributes);
    behind_header.assign(block_bytes + line.payload.size(), std::byte{0});
    if (block_bytes != 0) core::write_attributes(std::span(behind_header).first(block_bytes), attributes);
    std::ranges::copy(std::as_bytes(std::span(line.payload)),
                      behind_header.begin() + static_cast<std::ptrdiff_t>(block_bytes));
    record.flags = block_bytes != 0 ? core::kFlagAttributes : std::uint16_t{0};
    record.payload = behind_header;
    record.ring_id = ring_id;
    builder.add(record);
    imported.note(line.sequence);
  }
  if (stop_requested()) return {};  // half a journal would look like a whole one
  if (imported.count == 0) throw Failure(kNotSo, "there is no event to make a journal of");
  builder.finish();
  return imported;
}

Imported into_ring(const ImportCommand& command) {
  using namespace std::chrono_literals;
  Lines lines(command.file);
  Publisher publisher = Publisher::open(command.into);
  Imported imported;
  Line line;
  while (!stop_requested() && lines.next(line)) {
    const auto payload = std::as_bytes(std::span(line.payload));
    const std::vector<Attribute> attributes = line.views();
    const EventOptions options{.type = line.type, .attributes = attributes};
    PublishResult result = publisher.try_publish(payload, options);
    while (!result && !stop_requested()) {
      if (result.status == Status::too_large) lines.bad("has a payload that is too large for the ring");
      result = publisher.publish_for(payload, 100ms, options);
    }
    if (result) imported.note(result.sequence);
  }
  return imported;
}

}  // namespace

Exit import_journal(const ImportCommand& command) {
  if (command.directory.empty() && command.into.empty())
    throw Failure(kUsage, "nothing says where to: give the directory of a new journal, or --into and a ring");
  catch_signals();
  const Imported imported = command.into.empty() ? into_journal(command) : into_ring(command);
  const std::string& place = command.into.empty() ? command.directory : command.into;
  if (imported.count == 0) {
    say("imported no events into {}", place);
  } else {
    say("imported {} into {}: sequences {}..{}", counted(imported.count, "event", "events"), place, imported.first,
        imported.last);
  }
  if (command.json) print(published_json(imported.first, imported.last, imported.count));
  return kDone;
}

}  // namespace ringbolt::command
