/* Publisher. A publish that finds room keeps the GIL, because it takes less time than giving it away; one that has to wait gives it
 * away and looks for signals. */
#include "module.h"

#include <string.h>

static void free_publisher(void* handle) { ringbolt_publisher_free(handle); }

static int publisher_init(PyObject* object, PyObject* args, PyObject* keywords) {
  static char* names[] = {"name",           "capacity_bytes", "flags",    "wait",    "mode", "group",
                          "first_sequence", "consumer_slots", "standby",  "journal", "sync", "interval",
                          "segment_bytes",  "keep_bytes",     "keep_age", NULL};
  door* self = (door*)object;
  ringbolt_publisher_options options = {.size = sizeof options};
  const char* name;
  unsigned long long capacity = 0, first = 0, segment = 0, keep = 0;
  int64_t standby_left;
  long long standby = 0, interval = 0, age = 0;
  unsigned int flags = 0, wait = 0, mode = 0, slots = 0, sync = 0;
  ringbolt_publisher* opened = NULL;
  int32_t result;
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "s|KIIIzKILzILKKL", names, &name, &capacity, &flags, &wait, &mode,
                                   &options.group, &first, &slots, &standby, &options.journal, &sync, &interval, &segment,
                                   &keep, &age)) {
    return -1;
  }
  if (self->handle != NULL) return keep_handle(self, NULL, free_publisher);
  options.capacity_bytes = capacity;
  options.flags = flags;
  options.wait = wait;
  options.mode = mode;
  options.first_sequence = first;
  options.consumer_slots = slots;
  options.journal_sync = sync;
  options.journal_interval_ns = interval;
  options.journal_segment_bytes = segment;
  options.journal_keep_bytes = keep;
  options.journal_keep_age_ns = age;
  standby_left = standby;
  for (;;) { /* as a standby, with a look at signals now and then */
    options.standby_ns = standby_left < SLICE_NS ? standby_left : SLICE_NS;
    Py_BEGIN_ALLOW_THREADS;
    result = ringbolt_publisher_open(name, &options, &opened);
    Py_END_ALLOW_THREADS;
    standby_left -= options.standby_ns;
    if (result != RINGBOLT_ERROR_IN_USE || standby_left <= 0) break;
    if (PyErr_CheckSignals() < 0) return -1;
  }
  if (result < 0) {
    raise_error(result);
    return -1;
  }
  return keep_handle(self, opened, free_publisher);
}

static void publisher_dealloc(PyObject* object) { dealloc_door((door*)object, free_publisher); }

/* -1000: there is an exception, and the publisher is not acquired any more. */
enum { RAISED = -1000 };

/* Publishes, waiting until `timeout_ns` has passed. */
static int32_t publish_waiting(door* self, const Py_buffer* data, const ringbolt_event_options* options, int64_t timeout_ns,
                               uint64_t* sequence) {
  int32_t result = ringbolt_try_publish(self->handle, data->buf, (size_t)data->len, options, sequence);
  while (result == RINGBOLT_FULL || result == RINGBOLT_TIMED_OUT) {
    const int64_t slice = timeout_ns < SLICE_NS ? timeout_ns : SLICE_NS;
    if (slice <= 0) return RINGBOLT_TIMED_OUT;
    Py_BEGIN_ALLOW_THREADS;
    result = ringbolt_publish_for(self->handle, data->buf, (size_t)data->len, slice, options, sequence);
    Py_END_ALLOW_THREADS;
    if (timeout_ns != RINGBOLT_FOREVER) timeout_ns -= slice;
    if (result == RINGBOLT_TIMED_OUT && look_for_signals(self) < 0) return RAISED;
  }
  if (result == RINGBOLT_TOO_LARGE) /* never waits, and has the sentence */
    result = ringbolt_publish(self->handle, data->buf, (size_t)data->len, options, sequence);
  return result;
}

/* A result that is not RINGBOLT_OK as an exception. */
static PyObject* raise_unpublished(int32_t result) {
  if (result == RAISED) return NULL;
  if (result == RINGBOLT_TIMED_OUT) {
    PyErr_SetString(PyExc_TimeoutError, "a gating consumer was in the way for the whole timeout");
    return NULL;
  }
  return result < 0 ? raise_error(result) : raise_status(result);
}

enum { MOST_ATTRIBUTES = 64 };

/* What one publish is called with, until it is released. */
typedef struct {
  Py_buffer data;
  ringbolt_event_options options;
  PyObject* timeout; /* borrowed */
  ringbolt_attribute attributes[MOST_ATTRIBUTES];
  PyObject* names[MOST_ATTRIBUTES]; /* held, as the values are by their views: the dict may change while a publish waits */
  Py_buffer values[MOST_ATTRIBUTES];
} event_arguments;

static void release_arguments(event_arguments* event) {
  PyBuffer_Release(&event->data);
  while (event->options.attribute_count > 0) {
    const size_t last = --event->options.attribute_count;
    PyBuffer_Release(&event->values[last]);
    Py_DECREF(event->names[last]);
  }
}

static int add_attribute(PyObject* name, PyObject* value, event_arguments* event) {
  const size_t index = event->options.attribute_count;
  ringbolt_attribute* const attribute = &event->attributes[index];
  Py_buffer* const view = &event->values[index];
  Py_ssize_t name_bytes;
  attribute->name = PyUnicode_AsUTF8AndSize(name, &name_bytes);
  if (attribute->name == NULL) return -1;
  if (name_bytes == 0) {
    PyErr_SetString(PyExc_ValueError, "an attribute's name is empty");
    return -1;
  }
  if (PyUnicode_Check(value)) {
    Py_ssize_t size;
    const char* text = PyUnicode_AsUTF8AndSize(value, &size);
    if (text == NULL || PyBuffer_FillInfo(view, value, (void*)text, size, 1, PyBUF_SIMPLE) < 0) return -1;
  } else if (PyObject_GetBuffer(value, view, PyBUF_SIMPLE) < 0) {
    return -1;
  }
  attribute->name_bytes = (size_t)name_bytes;
  attribute->value = view->buf;
  attribute->value_bytes = (size_t)view->len;
  Py_INCREF(name);
  event->names[index] = name;
  ++event->options.attribute_count;
  return 0;
}

/* A dict of name to str or bytes-like. */
static int parse_attributes(PyObject* given, event_arguments* event) {
  PyObject* items;
  Py_ssize_t count;
  Py_ssize_t i;
  int added = 0;
  if (given == NULL || given == Py_None) return 0;
  items = PyDict_Check(given) ? PyDict_Items(given)
                              : NULL; /* a list of its own: making a view may run code that changes the dict */
  count = items == NULL ? 0 : PyList_Size(items);
  if (items == NULL || count > MOST_ATTRIBUTES) {
    Py_XDECREF(items);
    if (!PyErr_Occurred())
      PyErr_Format(PyExc_TypeError, "attributes are a dict of at most %d names and values", (int)MOST_ATTRIBUTES);
    return -1;
  }
  for (i = 0; i < count && added == 0; ++i) {
    PyObject* const item = PyList_GetItem(items, i);
    added = add_attribute(PyTuple_GetItem(item, 0), PyTuple_GetItem(item, 1), event);
  }
  Py_DECREF(items);
  event->options.attributes = event->attributes;
  return added;
}

/* (payload, type=0, *, timestamp_ns=0, attributes=None, timeout=None). Parsed by hand, because the general parser takes longer than
 * the publish. The caller releases `event` after 0. */
static int parse_event(PyObject* const* args, Py_ssize_t count, PyObject* names, int waits, event_arguments* event) {
  const Py_ssize_t named = names == NULL ? 0 : PyTuple_Size(names);
  PyObject* payload = count > 0 ? args[0] : NULL;
  PyObject* type = count > 1 ? args[1] : NULL;
  PyObject* stamp = NULL;
  PyObject* attributes = NULL;
  Py_ssize_t i;
  event->options.size = sizeof event->options;
  event->options.type = 0;
  event->options.reserved = 0;
  event->options.timestamp_ns = 0;
  event->options.attributes = NULL;
  event->options.attribute_count = 0;
  event->timeout = NULL;
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
    if (PyUnicode_CompareWithASCIIString(name, "attributes") == 0) to = &attributes;
    if (waits && PyUnicode_CompareWithASCIIString(name, "timeout") == 0) to = &event->timeout;
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
  if (type != NULL && u32_from(type, &event->options.type, "type") < 0) return -1;
  if (stamp != NULL) {
    event->options.timestamp_ns = PyLong_AsUnsignedLongLong(stamp);
    if (PyErr_Occurred()) return -1;
  }
  if (PyUnicode_Check(payload)) {
    PyErr_SetString(PyExc_TypeError, "a payload is bytes-like; encode a str first");
    return -1;
  }
  if (PyObject_GetBuffer(payload, &event->data, PyBUF_SIMPLE) < 0) return -1;
  if (parse_attributes(attributes, event) < 0) {
    release_arguments(event);
    return -1;
  }
  return 0;
}

static PyObject* publish(PyObject* object, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  door* self = (door*)object;
  event_arguments event;
  uint64_t sequence = 0;
  int64_t timeout_ns;
  int32_t result;
  if (parse_event(args, count, names, 1, &event) < 0) return NULL;
  timeout_ns = timeout_from(event.timeout);
  if (timeout_ns < 0 || acquire(self) < 0) {
    release_arguments(&event);
    return NULL;
  }
  result = publish_waiting(self, &event.data, &event.options, timeout_ns, &sequence);
  if (result != RAISED) release(self);
  release_arguments(&event);
  if (result != RINGBOLT_OK) return raise_unpublished(result);
  return PyLong_FromUnsignedLongLong(sequence);
}

static PyObject* try_publish(PyObject* object, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  door* self = (door*)object;
  event_arguments event;
  uint64_t sequence = 0;
  int32_t result;
  if (parse_event(args, count, names, 0, &event) < 0) return NULL;
  if (acquire(self) < 0) {
    release_arguments(&event);
    return NULL;
  }
  result = ringbolt_try_publish(self->handle, event.data.buf, (size_t)event.data.len, &event.options, &sequence);
  if (result == RINGBOLT_TOO_LARGE) /* the waiting form has the sentence */
    result = ringbolt_publish(self->handle, event.data.buf, (size_t)event.data.len, &event.options, &sequence);
  release(self);
  release_arguments(&event);
  if (result == RINGBOLT_FULL) Py_RETURN_NONE;
  if (result != RINGBOLT_OK) return raise_unpublished(result);
  return PyLong_FromUnsignedLongLong(sequence);
}

/* A contiguous buffer of items that are bytes, not references to Python's objects. */
static int items_of(PyObject* values, Py_buffer* view) {
  if (PyObject_GetBuffer(values, view, PyBUF_ND | PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0) {
    PyErr_Clear(); /* numpy has no format for some types, such as datetime64 */
    if (PyObject_GetBuffer(values, view, PyBUF_ND | PyBUF_C_CONTIGUOUS) < 0) return -1;
  }
  if (view->itemsize > 0 && (view->format == NULL || strchr(view->format, 'O') == NULL)) return 0;
  PyErr_SetString(PyExc_ValueError, view->itemsize > 0 ? "the items are Python objects, whose bytes mean nothing elsewhere"
                                                       : "the items have no bytes");
  PyBuffer_Release(view);
  return -1;
}

static PyObject* publish_array(PyObject* object, PyObject* args, PyObject* keywords) {
  static char* names[] = {"values", "type", "timeout", NULL};
  door* self = (door*)object;
  PyObject* values;
  PyObject* type_number = NULL;
  PyObject* timeout = NULL;
  Py_buffer data;
  uint32_t type = 0;
  uint64_t first;
  int64_t left;
  size_t done = 0;
  size_t count;
  int32_t result;
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|O$O", names, &values, &type_number, &timeout)) return NULL;
  left = timeout_from(timeout);
  if (left < 0 || (type_number != NULL && u32_from(type_number, &type, "type") < 0)) return NULL;
  if (items_of(values, &data) < 0) return NULL;
  if (acquire(self) < 0) {
    PyBuffer_Release(&data);
    return NULL;
  }
  first = ringbolt_next_publish_sequence(self->handle);
  count = (size_t)(data.len / data.itemsize);
  do {
    const int64_t slice = left < SLICE_NS ? left : SLICE_NS;
    size_t published = 0;
    Py_BEGIN_ALLOW_THREADS;
    result = ringbolt_publish_array(self->handle, (const char*)data.buf + done * (size_t)data.itemsize,
                                    (size_t)data.itemsize, count - done, type, slice, NULL, &published);
    Py_END_ALLOW_THREADS;
    done += published;
    if (left != RINGBOLT_FOREVER) left -= slice;
    if (result == RINGBOLT_TIMED_OUT && look_for_signals(self) < 0) result = RAISED;
  } while (result == RINGBOLT_TIMED_OUT && left > 0);
  if (result != RAISED) release(self);
  PyBuffer_Release(&data);
  if (result == RINGBOLT_TIMED_OUT) {
    return PyErr_Format(PyExc_TimeoutError, "%zu of %zu values are published: a gating consumer was in the way", done,
                        count);
  }
  return result == RINGBOLT_OK ? PyLong_FromUnsignedLongLong(first) : raise_unpublished(result);
}

static PyObject* wait_durable(PyObject* object, PyObject* args, PyObject* keywords) {
  static char* names[] = {"sequence", "timeout", NULL};
  door* self = (door*)object;
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
    if (result == RINGBOLT_TIMED_OUT && look_for_signals(self) < 0) return NULL;
  } while (result == RINGBOLT_TIMED_OUT && left > 0);
  release(self);
  return result < 0 ? raise_error(result) : PyBool_FromLong(result == RINGBOLT_OK);
}

static PyObject* end_stream(PyObject* object, PyObject* unused) {
  door* self = (door*)object;
  int32_t result;
  (void)unused;
  if (acquire(self) < 0) return NULL;
  result = ringbolt_publisher_close(self->handle);
  release(self);
  if (result < 0) return raise_error(result);
  Py_RETURN_NONE;
}

static PyObject* close_publisher(PyObject* object, PyObject* unused) {
  (void)unused;
  return close_door((door*)object, free_publisher);
}

/* A number that the handle knows. */
typedef uint64_t (*number_of)(const ringbolt_publisher*);
static PyObject* number(PyObject* object, number_of ask) {
  door* self = (door*)object;
  PyObject* answer;
  if (acquire(self) < 0) return NULL;
  answer = PyLong_FromUnsignedLongLong(ask(self->handle));
  release(self);
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
  door* self = (door*)object;
  uint64_t sequence = 0;
  int32_t result;
  (void)unused;
  if (acquire(self) < 0) return NULL;
  result = ringbolt_durable_sequence(self->handle, &sequence);
  release(self);
  return result < 0 ? raise_error(result) : PyLong_FromUnsignedLongLong(sequence);
}

#define WITH_KEYWORDS(function) (PyCFunction)(void (*)(void))(function), METH_VARARGS | METH_KEYWORDS
#define FAST(function) (PyCFunction)(void (*)(void))(function), METH_FASTCALL | METH_KEYWORDS
static PyMethodDef methods[] = {
    {"publish", FAST(publish),
     "publish($self, payload, type=0, *, timestamp_ns=0, attributes=None, timeout=None)\n--\n\n"
     "Publishes a copy of a bytes-like payload, and of a dict of attributes, and returns the event's sequence. Waits while "
     "a gating consumer is in the "
     "way, at most\n"
     "`timeout` seconds (TimeoutError)."},
    {"try_publish", FAST(try_publish),
     "try_publish($self, payload, type=0, *, timestamp_ns=0, attributes=None)\n--\n\nNever waits: None if a gating consumer "
     "is in the way."},
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
  static PyType_Spec spec = {"ringbolt._ringbolt.Publisher", sizeof(door), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
                             slots};
  return add_type(module, "Publisher", &spec);
}
