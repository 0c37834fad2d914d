/* Publisher. A publish that finds room keeps the GIL, because it takes less time than giving it away; one that has to wait gives it
 * away and looks for signals. */
#include "module.h"

typedef struct {
  PyObject_HEAD ringbolt_publisher* handle;
  handle_lock lock;
} publisher_object;

static int acquire(publisher_object* self) { return lock_handle(&self->lock, self->handle, "Publisher"); }

static int publisher_init(PyObject* object, PyObject* args, PyObject* keywords) {
  static char* names[] = {"name",           "capacity_bytes", "flags",    "wait",    "mode", "group",
                          "first_sequence", "consumer_slots", "standby",  "journal", "sync", "interval",
                          "segment_bytes",  "keep_bytes",     "keep_age", NULL};
  publisher_object* self = (publisher_object*)object;
  ringbolt_publisher_options options = {.size = sizeof options};
  const char* name;
  unsigned long long capacity = 0, first = 0, segment = 0, keep = 0;
  long long standby = 0, interval = 0, age = 0;
  unsigned int flags = 0, wait = 0, mode = 0, slots = 0, sync = 0;
  ringbolt_publisher* opened = NULL;
  int32_t result;
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "s|KIIIzKILzILKKL", names, &name, &capacity, &flags, &wait, &mode,
                                   &options.group, &first, &slots, &standby, &options.journal, &sync, &interval, &segment,
                                   &keep, &age)) {
    return -1;
  }
  if (self->handle != NULL) {
    PyErr_SetString(PyExc_ValueError, "this Publisher is open already");
    return -1;
  }
  options.capacity_bytes = capacity;
  options.flags = flags;
  options.wait = wait;
  options.mode = mode;
  options.first_sequence = first;
  options.consumer_slots = slots;
  options.standby_ns = standby;
  options.journal_sync = sync;
  options.journal_interval_ns = interval;
  options.journal_segment_bytes = segment;
  options.journal_keep_bytes = keep;
  options.journal_keep_age_ns = age;
  Py_BEGIN_ALLOW_THREADS;
  result = ringbolt_publisher_open(name, &options, &opened);
  Py_END_ALLOW_THREADS;
  if (result < 0) {
    raise_error(result);
    return -1;
  }
  self->handle = opened;
  return 0;
}

static void publisher_dealloc(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  ringbolt_publisher_free(((publisher_object*)object)->handle);
  ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
  Py_DECREF((PyObject*)type);
}

/* Publishes, waiting until `timeout_ns` has passed; RINGBOLT_OK, RINGBOLT_TIMED_OUT, an error, or -1000 with an exception. */
static int32_t publish_waiting(publisher_object* self, const Py_buffer* data, const ringbolt_event_options* options,
                               int64_t timeout_ns, uint64_t* sequence) {
  int32_t result = ringbolt_try_publish(self->handle, data->buf, (size_t)data->len, options, sequence);
  while (result == RINGBOLT_FULL) {
    const int64_t slice = timeout_ns < SLICE_NS ? timeout_ns : SLICE_NS;
    if (slice <= 0) return RINGBOLT_TIMED_OUT;
    Py_BEGIN_ALLOW_THREADS;
    result = ringbolt_publish_for(self->handle, data->buf, (size_t)data->len, slice, options, sequence);
    Py_END_ALLOW_THREADS;
    if (result != RINGBOLT_TIMED_OUT) break;
    if (PyErr_CheckSignals() < 0) return -1000;
    if (timeout_ns != RINGBOLT_FOREVER) timeout_ns -= slice;
    result = RINGBOLT_FULL;
  }
  if (result == RINGBOLT_TOO_LARGE || result == RINGBOLT_JOURNAL_STALLED) /* the waiting form has the sentence */
    result = ringbolt_publish(self->handle, data->buf, (size_t)data->len, options, sequence);
  return result;
}

/* What `publish` and `try_publish` are called with: (payload, type=0, *, timestamp_ns=0, timeout=None). Parsed by hand, because
 * the general parser takes longer than the publish. The caller releases *data after 0. */
static int parse_event(PyObject* const* args, Py_ssize_t count, PyObject* names, Py_buffer* data,
                       ringbolt_event_options* options, PyObject** timeout) {
  const Py_ssize_t named = names == NULL ? 0 : PyTuple_Size(names);
  PyObject* payload = count > 0 ? args[0] : NULL;
  PyObject* type = count > 1 ? args[1] : NULL;
  PyObject* stamp = NULL;
  Py_ssize_t i;
  if (count > 2) {
    PyErr_Format(PyExc_TypeError, "a publish takes at most a payload and a type by position, not %zd arguments", count);
    return -1;
  }
  for (i = 0; i < named; ++i) {
    PyObject* name = PyTuple_GetItem(names, i);
    PyObject** to = NULL;
    if (PyUnicode_CompareWithASCIIString(name, "payload") == 0) to = &payload;
    if (PyUnicode_CompareWithASCIIString(name, "type") == 0) to = &type;
    if (PyUnicode_CompareWithASCIIString(name, "timestamp_ns") == 0) to = &stamp;
    if (timeout != NULL && PyUnicode_CompareWithASCIIString(name, "timeout") == 0) to = timeout;
    if (to == NULL || *to != NULL) {
      PyErr_Format(PyExc_TypeError, to == NULL ? "there is no argument '%U'" : "the argument '%U' is given twice", name);
      return -1;
    }
    *to = args[count + i];
  }
  if (payload == NULL) {
    PyErr_SetString(PyExc_TypeError, "the payload is missing");
    return -1;
  }
  if (type != NULL) {
    const unsigned long value = PyLong_AsUnsignedLong(type);
    if (PyErr_Occurred()) return -1;
    if (value > UINT32_MAX) {
      PyErr_SetString(PyExc_OverflowError, "a type has 32 bits");
      return -1;
    }
    options->type = (uint32_t)value;
  }
  if (stamp != NULL) {
    options->timestamp_ns = PyLong_AsUnsignedLongLong(stamp);
    if (PyErr_Occurred()) return -1;
  }
  if (PyUnicode_Check(payload)) {
    PyErr_SetString(PyExc_TypeError, "a payload is bytes-like; encode a str first");
    return -1;
  }
  return PyObject_GetBuffer(payload, data, PyBUF_SIMPLE);
}

static PyObject* publish(PyObject* object, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  publisher_object* self = (publisher_object*)object;
  ringbolt_event_options options = {.size = sizeof options};
  PyObject* timeout = NULL;
  Py_buffer data;
  uint64_t sequence = 0;
  int64_t timeout_ns;
  int32_t result;
  if (parse_event(args, count, names, &data, &options, &timeout) < 0) return NULL;
  timeout_ns = timeout_from(timeout);
  if (timeout_ns < 0 || acquire(self) < 0) {
    PyBuffer_Release(&data);
    return NULL;
  }
  result = publish_waiting(self, &data, &options, timeout_ns, &sequence);
  unlock_handle(&self->lock);
  PyBuffer_Release(&data);
  if (result == -1000) return NULL;
  if (result < 0) return raise_error(result);
  if (result == RINGBOLT_TIMED_OUT) {
    PyErr_SetString(PyExc_TimeoutError, "a gating consumer was in the way for the whole timeout");
    return NULL;
  }
  return PyLong_FromUnsignedLongLong(sequence);
}

static PyObject* try_publish(PyObject* object, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  publisher_object* self = (publisher_object*)object;
  ringbolt_event_options options = {.size = sizeof options};
  Py_buffer data;
  uint64_t sequence = 0;
  int32_t result;
  if (parse_event(args, count, names, &data, &options, NULL) < 0) return NULL;
  if (acquire(self) < 0) {
    PyBuffer_Release(&data);
    return NULL;
  }
  result = ringbolt_try_publish(self->handle, data.buf, (size_t)data.len, &options, &sequence);
  if (result == RINGBOLT_TOO_LARGE) result = ringbolt_publish(self->handle, data.buf, (size_t)data.len, &options, &sequence);
  unlock_handle(&self->lock);
  PyBuffer_Release(&data);
  if (result < 0) return raise_error(result);
  if (result != RINGBOLT_OK) Py_RETURN_NONE;
  return PyLong_FromUnsignedLongLong(sequence);
}

static PyObject* publish_array(PyObject* object, PyObject* args, PyObject* keywords) {
  static char* names[] = {"values", "type", NULL};
  publisher_object* self = (publisher_object*)object;
  PyObject* values;
  unsigned int type = 0;
  Py_buffer data;
  uint64_t first = 0;
  int32_t result;
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|I", names, &values, &type)) return NULL;
  if (PyObject_GetBuffer(values, &data, PyBUF_ND | PyBUF_C_CONTIGUOUS) < 0) return NULL;
  if (acquire(self) < 0) {
    PyBuffer_Release(&data);
    return NULL;
  }
  Py_BEGIN_ALLOW_THREADS;
  result = ringbolt_publish_array(self->handle, data.buf, (size_t)data.itemsize, (size_t)(data.len / data.itemsize), type,
                                  &first);
  Py_END_ALLOW_THREADS;
  unlock_handle(&self->lock);
  PyBuffer_Release(&data);
  return result < 0 ? raise_error(result) : PyLong_FromUnsignedLongLong(first);
}

static PyObject* wait_durable(PyObject* object, PyObject* args, PyObject* keywords) {
  static char* names[] = {"sequence", "timeout", NULL};
  publisher_object* self = (publisher_object*)object;
  unsigned long long sequence;
  PyObject* timeout = NULL;
  int64_t left;
  int32_t result;
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "K|O", names, &sequence, &timeout)) return NULL;
  left = timeout_from(timeout);
  if (left < 0 || acquire(self) < 0) return NULL;
  do {
    const int64_t slice = left < SLICE_NS ? left : SLICE_NS;
    Py_BEGIN_ALLOW_THREADS;
    result = ringbolt_wait_durable(self->handle, sequence, slice);
    Py_END_ALLOW_THREADS;
    if (left != RINGBOLT_FOREVER) left -= slice;
    if (PyErr_CheckSignals() < 0) {
      unlock_handle(&self->lock);
      return NULL;
    }
  } while (result == RINGBOLT_TIMED_OUT && left > 0);
  unlock_handle(&self->lock);
  return result < 0 ? raise_error(result) : PyBool_FromLong(result == RINGBOLT_OK);
}

static PyObject* end_stream(PyObject* object, PyObject* unused) {
  publisher_object* self = (publisher_object*)object;
  int32_t result;
  (void)unused;
  if (acquire(self) < 0) return NULL;
  result = ringbolt_publisher_close(self->handle);
  unlock_handle(&self->lock);
  if (result < 0) return raise_error(result);
  Py_RETURN_NONE;
}

static PyObject* close_publisher(PyObject* object, PyObject* unused) {
  publisher_object* self = (publisher_object*)object;
  ringbolt_publisher* handle;
  (void)unused;
  if (self->handle == NULL) Py_RETURN_NONE;
  if (acquire(self) < 0) return NULL;
  handle = self->handle;
  self->handle = NULL;
  Py_BEGIN_ALLOW_THREADS;
  ringbolt_publisher_free(handle);
  Py_END_ALLOW_THREADS;
  unlock_handle(&self->lock);
  Py_RETURN_NONE;
}

/* A number that the handle knows. */
typedef uint64_t (*number_of)(const ringbolt_publisher*);
static PyObject* number(PyObject* object, number_of ask) {
  publisher_object* self = (publisher_object*)object;
  PyObject* answer;
  if (acquire(self) < 0) return NULL;
  answer = PyLong_FromUnsignedLongLong(ask(self->handle));
  unlock_handle(&self->lock);
  return answer;
}
static PyObject* get_next_sequence(PyObject* self, void* unused) {
  (void)unused;
  return number(self, ringbolt_next_publish_sequence);
}
static PyObject* get_capacity(PyObject* self, void* unused) {
  (void)unused;
  return number(self, ringbolt_capacity_bytes);
}
static PyObject* get_largest(PyObject* self, void* unused) {
  (void)unused;
  return number(self, ringbolt_largest_payload_bytes);
}
static PyObject* get_epoch(PyObject* self, void* unused) {
  (void)unused;
  return number(self, ringbolt_epoch);
}
static PyObject* get_durable(PyObject* object, void* unused) {
  publisher_object* self = (publisher_object*)object;
  uint64_t sequence = 0;
  int32_t result;
  (void)unused;
  if (acquire(self) < 0) return NULL;
  result = ringbolt_durable_sequence(self->handle, &sequence);
  unlock_handle(&self->lock);
  return result < 0 ? raise_error(result) : PyLong_FromUnsignedLongLong(sequence);
}

#define WITH_KEYWORDS(function) (PyCFunction)(void (*)(void))(function), METH_VARARGS | METH_KEYWORDS
#define FAST(function) (PyCFunction)(void (*)(void))(function), METH_FASTCALL | METH_KEYWORDS
static PyMethodDef methods[] = {
    {"publish", FAST(publish),
     "publish($self, payload, type=0, *, timestamp_ns=0, timeout=None)\n--\n\n"
     "Publishes a copy of a bytes-like payload and returns the event's sequence. Waits while a gating consumer is in the "
     "way, at most\n"
     "`timeout` seconds (TimeoutError)."},
    {"try_publish", FAST(try_publish),
     "try_publish($self, payload, type=0, *, timestamp_ns=0)\n--\n\nNever waits: None if a gating consumer is in the way."},
    {"publish_array", WITH_KEYWORDS(publish_array),
     "publish_array($self, values, type=0)\n--\n\n"
     "Publishes each item of a contiguous buffer, such as a numpy array, as an event, in batches. Returns the first "
     "sequence."},
    {"wait_durable", WITH_KEYWORDS(wait_durable),
     "wait_durable($self, sequence, timeout=None)\n--\n\n"
     "Waits until the journal has everything up to `sequence` on the disk; False after the timeout."},
    {"end", end_stream, METH_NOARGS,
     "end($self)\n--\n\nEnds the stream: consumers stop behind the last event. A later Publisher continues it."},
    {"close", close_publisher, METH_NOARGS,
     "close($self)\n--\n\nGives the ring to the next publisher. Does not end the stream."},
    {NULL, NULL, 0, NULL}};
static PyGetSetDef properties[] = {
    {"next_sequence", get_next_sequence, NULL, "sequence of the next event", NULL},
    {"capacity_bytes", get_capacity, NULL, "of the ring", NULL},
    {"largest_payload_bytes", get_largest, NULL, "that fits the ring", NULL},
    {"epoch", get_epoch, NULL, "how many publishers the ring has had", NULL},
    {"durable_sequence", get_durable, NULL, "newest event that is on the disk; 0: none, or no journal that syncs", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

int add_publisher(PyObject* module) {
  static PyType_Slot slots[] = {{Py_tp_doc, "What ringbolt.Publisher stands on."},
                                {Py_tp_init, publisher_init},
                                {Py_tp_dealloc, publisher_dealloc},
                                {Py_tp_methods, methods},
                                {Py_tp_getset, properties},
                                {0, NULL}};
  static PyType_Spec spec = {"ringbolt._ringbolt.Publisher", sizeof(publisher_object), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  PyObject* type = PyType_FromSpec(&spec);
  const int added = type == NULL ? -1 : PyModule_AddObjectRef(module, "Publisher", type);
  Py_XDECREF(type);
  return added;
}
