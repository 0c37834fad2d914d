/* Consumer. What is there is taken with the GIL held; waiting gives it away and looks for signals. */
#include "module.h"

typedef struct {
  door door;
  int gap_pending; /* a loss behind what the last call handed out: the next call raises it */
} consumer_object;

static void free_consumer(void* handle) { ringbolt_consumer_free(handle); }

static int consumer_init(PyObject* object, PyObject* args, PyObject* keywords) {
  static char* names[] = {"ring", "name", "policy", "start", "start_value", "budget", "after", "wait", "flags", NULL};
  consumer_object* self = (consumer_object*)object;
  ringbolt_consumer_options options = {.size = sizeof options};
  const char* ring;
  unsigned int policy = 0, start = 0, wait = 0, flags = 0;
  unsigned long long start_value = 0;
  long long budget = 0;
  ringbolt_consumer* attached = NULL;
  int32_t result;
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "s|zIIKLzII", names, &ring, &options.name, &policy, &start, &start_value,
                                   &budget, &options.after, &wait, &flags)) {
    return -1;
  }
  if (self->door.handle != NULL) return keep_handle(&self->door, NULL, free_consumer);
  options.policy = policy;
  options.start = start;
  options.start_value = start_value;
  options.budget_ns = budget;
  options.wait = wait;
  options.flags = flags;
  Py_BEGIN_ALLOW_THREADS;
  result = ringbolt_consumer_attach(ring, &options, &attached);
  Py_END_ALLOW_THREADS;
  if (result < 0) {
    raise_error(result);
    return -1;
  }
  return keep_handle(&self->door, attached, free_consumer);
}

static void consumer_dealloc(PyObject* object) { dealloc_door((door*)object, free_consumer); }

static PyObject* raise_gap(const ringbolt_consumer* handle) {
  ringbolt_gap gap;
  PyObject* error;
  ringbolt_last_gap(handle, &gap);
  error = PyObject_CallFunction(gap_error_type, "KKN", (unsigned long long)gap.first, (unsigned long long)gap.last,
                                PyBool_FromLong((long)gap.evicted));
  if (error != NULL) {
    PyErr_SetObject(gap_error_type, error);
    Py_DECREF(error);
  }
  return NULL;
}

/* After acquire: -1, released, with the exception of a loss that was found behind the last batch. */
static int raise_pending(consumer_object* self) {
  if (!self->gap_pending) return 0;
  self->gap_pending = 0;
  raise_gap(self->door.handle);
  release(&self->door);
  return -1;
}

/* The next event, or NULL: with an exception, or without one when the stream has ended (*ended) or the time is up. */
static PyObject* next_event(consumer_object* self, int64_t timeout_ns, int* ended) {
  ringbolt_event event;
  PyObject* answer = NULL;
  int32_t result;
  *ended = 0;
  if (acquire(&self->door) < 0) return NULL;
  if (raise_pending(self) < 0) return NULL;
  result = ringbolt_try_next(self->door.handle, &event);
  while ((result == RINGBOLT_EMPTY || result == RINGBOLT_TIMED_OUT) && timeout_ns > 0) {
    const int64_t slice = timeout_ns < SLICE_NS ? timeout_ns : SLICE_NS;
    Py_BEGIN_ALLOW_THREADS;
    result = ringbolt_next(self->door.handle, &event, slice);
    Py_END_ALLOW_THREADS;
    if (timeout_ns != RINGBOLT_FOREVER) timeout_ns -= slice;
    if (result == RINGBOLT_TIMED_OUT && look_for_signals(&self->door) < 0) return NULL;
  }
  if (result == RINGBOLT_OK) {
    answer = event_from(&event);
  } else if (result == RINGBOLT_GAP || result == RINGBOLT_EVICTED) {
    raise_gap(self->door.handle);
  } else if (result < 0) {
    raise_error(result);
  } else {
    *ended = result == RINGBOLT_CLOSED;
  }
  release(&self->door);
  return answer;
}

static PyObject* iterate(PyObject* self) {
  Py_INCREF(self);
  return self;
}
static PyObject* iterate_next(PyObject* object) {
  int ended;
  return next_event((consumer_object*)object, RINGBOLT_FOREVER, &ended); /* NULL without an exception ends the loop */
}

static PyObject* next_or_none(PyObject* object, PyObject* args, PyObject* keywords) {
  static char* names[] = {"timeout", NULL};
  PyObject* timeout = NULL;
  PyObject* event;
  int64_t timeout_ns;
  int ended;
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "|O", names, &timeout)) return NULL;
  timeout_ns = timeout_from(timeout);
  if (timeout_ns < 0) return NULL;
  event = next_event((consumer_object*)object, timeout_ns, &ended);
  if (event != NULL || PyErr_Occurred()) return event;
  Py_RETURN_NONE;
}

/* For asyncio: None if there is none; StopAsyncIteration at the end. */
static PyObject* async_next(PyObject* object, PyObject* unused) {
  int ended;
  PyObject* event = next_event((consumer_object*)object, 0, &ended);
  (void)unused;
  if (event != NULL || PyErr_Occurred()) return event;
  if (!ended) Py_RETURN_NONE;
  PyErr_SetNone(PyExc_StopAsyncIteration);
  return NULL;
}

static PyObject* poll_events(PyObject* object, PyObject* args, PyObject* keywords) {
  static char* names[] = {"limit", NULL};
  consumer_object* self = (consumer_object*)object;
  Py_ssize_t limit = 256;
  Py_ssize_t count = 0;
  PyObject* events;
  int32_t result = RINGBOLT_OK;
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "|n", names, &limit)) return NULL;
  if (acquire(&self->door) < 0 || raise_pending(self) < 0) return NULL;
  events = PyList_New(0);
  while (events != NULL && count < limit) {
    ringbolt_event event;
    PyObject* made;
    result = ringbolt_try_next(self->door.handle, &event);
    if (result != RINGBOLT_OK) break;
    made = event_from(&event);
    if (made == NULL || PyList_Append(events, made) < 0) Py_CLEAR(events);
    Py_XDECREF(made);
    ++count;
  }
  if (events != NULL && (result == RINGBOLT_GAP || result == RINGBOLT_EVICTED)) {
    self->gap_pending = 1;
    if (count == 0) {
      Py_DECREF(events);
      raise_pending(self);
      return NULL;
    }
  } else if (events != NULL && result < 0 && count == 0) { /* otherwise the next call meets it again */
    Py_CLEAR(events);
    raise_error(result);
  }
  release(&self->door);
  return events;
}

/* (writable buffer of bytes, bytes of an event): how many events were taken. */
static PyObject* poll_into(PyObject* object, PyObject* args) {
  consumer_object* self = (consumer_object*)object;
  Py_buffer view;
  Py_ssize_t item_bytes;
  size_t count = 0;
  int32_t result;
  if (!PyArg_ParseTuple(args, "w*n", &view, &item_bytes)) return NULL;
  if (item_bytes <= 0) {
    PyBuffer_Release(&view);
    PyErr_SetString(PyExc_ValueError, "the items have no bytes");
    return NULL;
  }
  if (acquire(&self->door) < 0 || raise_pending(self) < 0) {
    PyBuffer_Release(&view);
    return NULL;
  }
  Py_BEGIN_ALLOW_THREADS;
  result = ringbolt_poll_array(self->door.handle, view.buf, (size_t)item_bytes, NULL, NULL, (size_t)(view.len / item_bytes),
                               &count);
  Py_END_ALLOW_THREADS;
  PyBuffer_Release(&view);
  if (result == RINGBOLT_GAP || result == RINGBOLT_EVICTED) {
    self->gap_pending = 1;
    if (count == 0) {
      raise_pending(self);
      return NULL;
    }
  }
  release(&self->door);
  return result < 0 ? raise_error(result) : PyLong_FromSize_t(count);
}

static PyObject* wait_readable(PyObject* object, PyObject* args, PyObject* keywords) {
  static char* names[] = {"timeout", NULL};
  consumer_object* self = (consumer_object*)object;
  PyObject* timeout = NULL;
  int64_t left;
  int32_t result;
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "|O", names, &timeout)) return NULL;
  left = timeout_from(timeout);
  if (left < 0 || acquire(&self->door) < 0) return NULL;
  if (self->gap_pending) {
    release(&self->door);
    Py_RETURN_TRUE;
  }
  do {
    const int64_t slice = left < SLICE_NS ? left : SLICE_NS;
    Py_BEGIN_ALLOW_THREADS;
    result = ringbolt_wait(self->door.handle, slice);
    Py_END_ALLOW_THREADS;
    if (left != RINGBOLT_FOREVER) left -= slice;
    if (result == RINGBOLT_TIMED_OUT && look_for_signals(&self->door) < 0) return NULL;
  } while (result == RINGBOLT_TIMED_OUT && left > 0);
  release(&self->door);
  return result < 0 ? raise_error(result) : PyBool_FromLong(result == RINGBOLT_OK);
}

static PyObject* commit_any(PyObject* object, PyObject* what, int durable) {
  consumer_object* self = (consumer_object*)object;
  PyObject* const number =
      PyObject_TypeCheck(what, event_type) ? PyObject_GetAttrString(what, "sequence") : PyNumber_Index(what);
  unsigned long long sequence;
  int32_t result;
  if (number == NULL) return NULL;
  sequence = PyLong_AsUnsignedLongLong(number);
  Py_DECREF(number);
  if (PyErr_Occurred() || acquire(&self->door) < 0) return NULL;
  if (durable) { /* a sync */
    Py_BEGIN_ALLOW_THREADS;
    result = ringbolt_commit_durable(self->door.handle, sequence);
    Py_END_ALLOW_THREADS;
  } else {
    result = ringbolt_commit(self->door.handle, sequence);
  }
  release(&self->door);
  if (result < 0) return raise_error(result);
  Py_RETURN_NONE;
}
static PyObject* commit(PyObject* self, PyObject* what) { return commit_any(self, what, 0); }
static PyObject* commit_durable(PyObject* self, PyObject* what) { return commit_any(self, what, 1); }

static PyObject* fileno_of(PyObject* object, PyObject* unused) {
  consumer_object* self = (consumer_object*)object;
  int fd = -1;
  int32_t result;
  (void)unused;
  if (acquire(&self->door) < 0) return NULL;
  result = ringbolt_consumer_fd(self->door.handle, &fd);
  release(&self->door);
  return result < 0 ? raise_error(result) : PyLong_FromLong(fd);
}

static PyObject* close_consumer(PyObject* object, PyObject* unused) {
  (void)unused;
  return close_door((door*)object, free_consumer);
}

static PyObject* get_next_sequence(PyObject* object, void* unused) {
  consumer_object* self = (consumer_object*)object;
  PyObject* answer;
  (void)unused;
  if (acquire(&self->door) < 0) return NULL;
  answer = PyLong_FromUnsignedLongLong(ringbolt_next_sequence(self->door.handle));
  release(&self->door);
  return answer;
}
static PyObject* get_policy(PyObject* object, void* unused) {
  static const char* const kNames[] = {"automatic", "gate", "lossy", "journal", "latest"};
  consumer_object* self = (consumer_object*)object;
  PyObject* answer;
  (void)unused;
  if (acquire(&self->door) < 0) return NULL;
  answer = PyUnicode_FromString(kNames[ringbolt_consumer_policy(self->door.handle)]);
  release(&self->door);
  return answer;
}
static PyObject* get_publisher_alive(PyObject* object, void* unused) {
  consumer_object* self = (consumer_object*)object;
  int32_t alive = 0;
  int32_t result;
  (void)unused;
  if (acquire(&self->door) < 0) return NULL;
  result = ringbolt_publisher_alive(self->door.handle, &alive);
  release(&self->door);
  return result < 0 ? raise_error(result) : PyBool_FromLong(alive);
}

#define WITH_KEYWORDS(function) (PyCFunction)(void (*)(void))(function), METH_VARARGS | METH_KEYWORDS
static PyMethodDef methods[] = {
    {"next", WITH_KEYWORDS(next_or_none),
     "next($self, timeout=None)\n--\n\n"
     "The next event; None after `timeout` seconds, or when the stream has ended. Raises GapError for a loss; the next call "
     "goes on\n"
     "behind it."},
    {"poll", WITH_KEYWORDS(poll_events), "poll($self, limit=256)\n--\n\nUp to `limit` events as a list, without waiting."},
    {"wait", WITH_KEYWORDS(wait_readable),
     "wait($self, timeout=None)\n--\n\nWaits until there is something to read: False after the timeout, or when the stream "
     "has ended."},
    {"commit", commit, METH_O,
     "commit($self, event)\n--\n\nThis name resumes behind the event, or its sequence. Costs no system call."},
    {"commit_durable", commit_durable, METH_O, "commit_durable($self, event)\n--\n\nThe same, and it survives a power cut."},
    {"fileno", fileno_of, METH_NOARGS,
     "fileno($self)\n--\n\n"
     "A descriptor that becomes readable when the consumer should look again, for select and event loops. It stays the "
     "consumer's."},
    {"close", close_consumer, METH_NOARGS, "close($self)\n--\n\nLeaves the ring; a name's cursor is kept."},
    {"_async_next", async_next, METH_NOARGS, NULL},
    {"_poll_into", poll_into, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL}};
static PyGetSetDef properties[] = {
    {"next_sequence", get_next_sequence, NULL, "sequence of the next event that is read", NULL},
    {"policy", get_policy, NULL, "gate, lossy, journal or latest", NULL},
    {"publisher_alive", get_publisher_alive, NULL, "does a publisher hold the ring at this moment?", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

int add_consumer(PyObject* module) {
  static PyType_Slot slots[] = {{Py_tp_doc, "What ringbolt.Consumer stands on."},
                                {Py_tp_init, consumer_init},
                                {Py_tp_dealloc, consumer_dealloc},
                                {Py_tp_methods, methods},
                                {Py_tp_getset, properties},
                                {Py_tp_iter, iterate},
                                {Py_tp_iternext, iterate_next},
                                {0, NULL}};
  static PyType_Spec spec = {"ringbolt._ringbolt.Consumer", sizeof(consumer_object), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  return add_type(module, "Consumer", &spec);
}
