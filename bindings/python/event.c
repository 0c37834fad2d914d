/* Event: one event with its own copy of the payload, which is a buffer itself: bytes(event), memoryview(event), struct.unpack_from. */
#include "module.h"

#include <stddef.h>
#include <string.h>
#include <structmember.h>

typedef struct {
  PyObject_VAR_HEAD unsigned long long sequence;
  unsigned long long timestamp_ns;
  unsigned int type;
  char payload[1];
} event_object;

PyTypeObject* event_type = NULL;

PyObject* event_from(const ringbolt_event* event) {
  event_object* made = PyObject_NewVar(event_object, event_type, (Py_ssize_t)event->payload_bytes);
  if (made == NULL) return NULL;
  made->sequence = event->sequence;
  made->timestamp_ns = event->timestamp_ns;
  made->type = event->type;
  if (event->payload_bytes != 0) memcpy(made->payload, event->payload, event->payload_bytes);
  return (PyObject*)made;
}

static void event_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_Free(self);
  Py_DECREF((PyObject*)type); /* an instance holds its heap type */
}

static int event_buffer(PyObject* self, Py_buffer* view, int flags) {
  return PyBuffer_FillInfo(view, self, ((event_object*)self)->payload, Py_SIZE(self), 1, flags);
}
static Py_ssize_t event_length(PyObject* self) { return Py_SIZE(self); }
static PyObject* event_payload(PyObject* self, void* unused) {
  (void)unused;
  return PyBytes_FromStringAndSize(((event_object*)self)->payload, Py_SIZE(self));
}
static PyObject* event_bytes(PyObject* self, PyObject* unused) {
  (void)unused;
  return event_payload(self, NULL);
}
static PyObject* event_repr(PyObject* self) {
  const event_object* event = (const event_object*)self;
  return PyUnicode_FromFormat("<ringbolt.Event %llu: type %u, %zd bytes>", event->sequence, event->type, Py_SIZE(self));
}

static PyMemberDef members[] = {
    {"sequence", T_ULONGLONG, offsetof(event_object, sequence), READONLY, "the event's number in the ring, from 1"},
    {"timestamp_ns", T_ULONGLONG, offsetof(event_object, timestamp_ns), READONLY,
     "the publisher's wall clock, nanoseconds since 1970; 0 in a ring without timestamps"},
    {"type", T_UINT, offsetof(event_object, type), READONLY, "the application's own number"},
    {NULL, 0, 0, 0, NULL}};
static PyGetSetDef properties[] = {{"payload", event_payload, NULL, "the payload as bytes, a copy", NULL},
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
  static PyType_Spec spec = {"ringbolt.Event", (int)offsetof(event_object, payload) + 1, 1,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  event_type = (PyTypeObject*)PyType_FromSpec(&spec);
  return event_type == NULL ? -1 : PyModule_AddObjectRef(module, "Event", (PyObject*)event_type);
}
