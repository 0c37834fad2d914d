// Everything a user needs: `#include <ringbolt/ringbolt.hpp>`.
#pragma once

#include <ringbolt/ipc/admin.hpp>
#include <ringbolt/ipc/consumer.hpp>
#include <ringbolt/ipc/error.hpp>
#include <ringbolt/ipc/event.hpp>
#include <ringbolt/ipc/journal.hpp>
#include <ringbolt/ipc/journal_reader.hpp>
#include <ringbolt/ipc/log.hpp>
#include <ringbolt/ipc/publisher.hpp>
#include <ringbolt/ipc/stat.hpp>
