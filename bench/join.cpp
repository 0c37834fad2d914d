// Attaching a consumer while the publisher runs, until the first event is in its hands, and leaving again; against opening and
// mapping a file of the ring's size, which is the least that it can be. With and without others that are registered.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <ringbolt/ringbolt.hpp>

#include "benchmarks.hpp"
#include "payload.hpp"
#include "processes.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <optional>
#include <stdexcept>

namespace ringbolt::bench {
namespace {

constexpr const char* kRing = "join";
constexpr std::uint32_t kWatchdogSeconds = 600;

struct Way {
  const char* name;
  std::optional<ConsumerOptions> options;  // nothing: the file alone
  std::size_t others = 0;
  std::vector<double> ns{};
};

std::vector<Way> ways(const Effort& effort) {
  const ConsumerOptions lossy{.policy = Policy::lossy, .start = Start::latest, .wait = Wait::spin};
  const ConsumerOptions gate{.policy = Policy::gate, .start = Start::latest, .wait = Wait::spin};
  const ConsumerOptions named{.name = "late", .policy = Policy::gate, .start = Start::latest, .wait = Wait::spin};
  std::vector<Way> all{{"a file, opened and mapped", {}, 0},
                       {"ringbolt lossy", lossy, 0},
                       {"ringbolt gate", gate, 0},
                       {"ringbolt gate, named", named, 0}};
  if (effort.every_cell) {
    all.push_back({"ringbolt lossy", lossy, 200});
    all.push_back({"ringbolt gate, named", named, 200});
  }
  return all;
}

void map_file(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  void* address = fd < 0 ? MAP_FAILED : mmap(nullptr, kRingBytes, PROT_READ, MAP_SHARED, fd, 0);
  if (address == MAP_FAILED) throw std::runtime_error("cannot map " + path);
  const std::byte first = *static_cast<const volatile std::byte*>(address);
  asm volatile("" ::"r"(static_cast<int>(first)));
  munmap(address, kRingBytes);
  close(fd);
}

void attach_once(const ConsumerOptions& options) {
  Consumer consumer = Consumer::attach(kRing, options);
  Event event;
  Status status = Status::gap;
  while (status == Status::gap) status = consumer.next_for(event, std::chrono::seconds(10));
  if (status != Status::ok || !check_payload(event.payload, event.sequence)) {
    throw std::runtime_error("a consumer that joined did not get its first event");
  }
}

// An event every microsecond until it is killed. Waits for gates.
void publish_on(const Machine& machine, Meeting& meeting) {
  pin_to(machine.first_cpu);
  Publisher publisher = Publisher::open(kRing, {.create = false, .wait = Wait::spin});
  std::array<std::byte, 64> payload{};
  meeting.meet();
  const auto interval = static_cast<std::uint64_t>(1'000 / ns_per_tick());
  for (std::uint64_t due = ticks();; due = std::max(due + interval, ticks())) {
    while (static_cast<std::int64_t>(ticks() - due) < 0) core::spin_hint();
    fill_payload(payload, publisher.next_sequence());
    publisher.publish(payload);
  }
}

// Holds so many lossy consumers, which do nothing.
void hold(Channel& channel) {
  channel.be_peer();
  std::vector<Consumer> held;
  for (;;) {
    const std::uint64_t wanted = channel.receive();
    while (held.size() > wanted) held.pop_back();
    while (held.size() < wanted) held.push_back(Consumer::attach(kRing, {.policy = Policy::lossy, .start = Start::latest}));
    channel.send(wanted);
  }
}

}  // namespace

void run_join(Report& report, const Effort& effort) {
  if (!report.can_run_two("join")) return;
  create_ring(kRing, {.capacity_bytes = kRingBytes, .timestamps = false, .consumer_slots = 256, .prefault = true});
  const std::string path = std::string(std::getenv("RINGBOLT_DIR")) + "/plain";
  const int plain = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (plain < 0 || ftruncate(plain, static_cast<off_t>(kRingBytes)) != 0 || write(plain, "x", 1) != 1)
    throw std::runtime_error("cannot make " + path);
  close(plain);

  std::vector<Way> all = ways(effort);
  const std::uint64_t joins = effort.events(100, 3);
  report.begin(fmt::format("attach, first event, leave; a publish each microsecond meanwhile; {} slices of {}",
                           effort.slices, joins));
  Channel channel;
  Meeting meeting;
  Peer holder([&] { hold(channel); }, kWatchdogSeconds);
  Peer publisher([&] { publish_on(report.machine(), meeting); }, kWatchdogSeconds);
  meeting.meet();
  pin_to(report.machine().second_cpu);
  for (std::size_t round = 0; round < effort.slices; ++round) {
    for (Way& way : all) {
      channel.send(way.others);
      if (channel.receive() != way.others) throw std::runtime_error("the others did not attach");
      std::vector<double> times;
      for (std::uint64_t i = 0; i < joins; ++i) {
        times.push_back(ns_each(1, [&] { way.options ? attach_once(*way.options) : map_file(path); }));
      }
      way.ns.push_back(quantile(times, 0.5));
    }
  }
  publisher.kill();
  holder.kill();
  remove_ring(kRing, true);
  unlink(path.c_str());

  for (const Way& way : all) {
    report.show({.mode = "join",
                 .contender = way.name,
                 .parameters = {{"others", way.others}},
                 .metric = "p50",
                 .unit = "ns",
                 .values = way.ns,
                 .reference = "a file",
                 .ratios = ratios_of(way.ns, all.front().ns)});
  }
}

}  // namespace ringbolt::bench
