/* Event: one event with its own copy of the payload, which is a buffer itself: bytes(event), memoryview(event), struct.unpack_from. */
#include "module.h"

#include <stddef.h>
#include <string.h>
#include <structmember.h>

typedef struct {
  PyObject_VAR_HEAD unsigned long long sequence;
  unsigned long long timestamp_ns;
  unsigned int type;
  unsigned int attributes_bytes;
  char bytes[1]; /* attributes, as ringbolt_event has them and so aligned to 8, and payload; Py_SIZE counts both */
} event_object;

PyTypeObject* event_type = NULL;

PyObject* event_from(const ringbolt_event* event) {
  event_object* made =
      PyObject_NewVar(event_object, event_type, (Py_ssize_t)(event->attributes_bytes + event->payload_bytes));
  if (made == NULL) return NULL;
  made->sequence = event->sequence;
  made->timestamp_ns = event->timestamp_ns;
  made->type = event->type;
  made->attributes_bytes = (unsigned int)event->attributes_bytes;
  if (event->attributes_bytes != 0) memcpy(made->bytes, event->attributes, event->attributes_bytes);
  if (event->payload_bytes != 0) memcpy(made->bytes + event->attributes_bytes, event->payload, event->payload_bytes);
  return (PyObject*)made;
}

static void event_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_Free(self);
  Py_DECREF((PyObject*)type); /* an instance holds its heap type */
}

static char* payload_of(PyObject* self) { return ((event_object*)self)->bytes + ((event_object*)self)->attributes_bytes; }
static Py_ssize_t payload_bytes(PyObject* self) {
  return Py_SIZE(self) - (Py_ssize_t)((event_object*)self)->attributes_bytes;
}

static int event_buffer(PyObject* self, Py_buffer* view, int flags) {
  return PyBuffer_FillInfo(view, self, payload_of(self), payload_bytes(self), 1, flags);
}
static Py_ssize_t event_length(PyObject* self) { return payload_bytes(self); }
static PyObject* event_payload(PyObject* self, void* unused) {
  (void)unused;
  return PyBytes_FromStringAndSize(payload_of(self), payload_bytes(self));
}
static PyObject* event_bytes(PyObject* self, PyObject* unused) {
  (void)unused;
  return event_payload(self, NULL);
}
static PyObject* event_repr(PyObject* self) {
  const event_object* event = (const event_object*)self;
  return PyUnicode_FromFormat("<ringbolt.Event %llu: type %u, %zd bytes>", event->sequence, event->type,
                              payload_bytes(self));
}

/* A dict of name to bytes; the first of a name counts. */
static PyObject* event_attributes(PyObject* self, void* unused) {
  const event_object* event = (const event_object*)self;
  ringbolt_event from = {.attributes = event->bytes, .attributes_bytes = event->attributes_bytes};
  const size_t count = ringbolt_attributes(&from, NULL, 0);
  PyObject* dict = PyDict_New();
  ringbolt_attribute* found;
  size_t i;
  (void)unused;
  if (dict == NULL || count == 0) return dict;
  found = PyMem_Malloc(count * sizeof *found);
  if (found == NULL) {
    Py_DECREF(dict);
    return PyErr_NoMemory();
  }
  ringbolt_attributes(&from, found, count);
  for (i = count; i-- > 0;) {
    PyObject* name = PyUnicode_FromStringAndSize(found[i].name, (Py_ssize_t)found[i].name_bytes);
    PyObject* value = PyBytes_FromStringAndSize(found[i].value, (Py_ssize_t)found[i].value_bytes);
    const int set = name == NULL || value == NULL ? -1 : PyDict_SetItem(dict, name, value);
    Py_XDECREF(name);
    Py_XDECREF(value);
    if (set < 0) {
      Py_CLEAR(dict);
      break;
    }
  }
  PyMem_Free(found);
  return dict;
}

static PyMemberDef members[] = {
    {"sequence", T_ULONGLONG, offsetof(event_object, sequence), READONLY, "the event's number in the ring, from 1"},
    {"timestamp_ns", T_ULONGLONG, offsetof(event_object, timestamp_ns), READONLY,
     "the publisher's wall clock, nanoseconds since 1970; 0 in a ring without timestamps"},
    {"type", T_UINT, offsetof(event_object, type), READONLY, "the application's own number"},
    {NULL, 0, 0, 0, NULL}};
static PyGetSetDef properties[] = {
    {"payload", event_payload, NULL, "the payload as bytes, a copy", NULL},
    {"attributes", event_attributes, NULL, "names and values, bytes, in a dict made now", NULL},
    {NULL, NULL, NULL, NULL, NULL}};
static PyMethodDef methods[] = {{"__bytes__", event_bytes, METH_NOARGS, "The payload as bytes."}, {NULL, NULL, 0, NULL}};

int add_events(PyObject* module) {
  static PyType_Slot slots[] = {{Py_tp_doc, "One event. It holds a copy of its payload and is a buffer of it."},
                                {Py_tp_dealloc, event_dealloc},
                                {Py_tp_members, members},
                                {Py_tp_getset, properties},
                                {Py_tp_methods, methods},
                                {Py_tp_repr, event_repr},
                                {Py_sq_length, event_length},
                                {Py_mp_length, event_length},
                                {Py_bf_getbuffer, event_buffer},
                                {0, NULL}};
  static PyType_Spec spec = {"ringbolt.Event", (int)offsetof(event_object, bytes) + 1, 1,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  event_type = (PyTypeObject*)PyType_FromSpec(&spec);
  return event_type == NULL ? -1 : PyModule_AddObjectRef(module, "Event", (PyObject*)event_type);
}
