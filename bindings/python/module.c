/* ringbolt._ringbolt: errors, and the doors of the library as Python types. The package's own modules make them comfortable. */
#include "module.h"

#include <math.h>

PyObject* error_type = NULL;
PyObject* gap_error_type = NULL;

static PyObject* raise_with(PyObject* sentence, int32_t result, int number) {
  PyObject* error = NULL;
  if (sentence != NULL) error = PyObject_CallFunction(error_type, "Osi", sentence, ringbolt_result_name(result), number);
  if (error != NULL) PyErr_SetObject(error_type, error);
  Py_XDECREF(error);
  Py_XDECREF(sentence);
  return NULL;
}
PyObject* raise_error(int32_t result) { /* a path in the sentence may be of any bytes */
  return raise_with(PyUnicode_DecodeFSDefault(ringbolt_last_error()), result, (int)ringbolt_last_errno());
}
PyObject* raise_status(int32_t status) {
  const char* const sentence = status == RINGBOLT_JOURNAL_STALLED
                                   ? "the ring is full, and its journal cannot write: `ringbolt stat` says why"
                                   : "the call was not answered as it should be";
  return raise_with(PyUnicode_FromString(sentence), status, 0);
}

int add_type(PyObject* module, const char* name, PyType_Spec* spec) {
  PyObject* const type = PyType_FromSpec(spec);
  const int added = type == NULL ? -1 : PyModule_AddObjectRef(module, name, type);
  Py_XDECREF(type);
  return added;
}

int u32_from(PyObject* number, uint32_t* value, const char* what) {
  PyObject* const whole = PyNumber_Index(number);
  unsigned long long wide;
  if (whole == NULL) return -1;
  wide = PyLong_AsUnsignedLongLong(whole);
  Py_DECREF(whole);
  if (PyErr_Occurred()) return -1;
  if (wide > UINT32_MAX) {
    PyErr_Format(PyExc_OverflowError, "a %s has 32 bits", what);
    return -1;
  }
  *value = (uint32_t)wide;
  return 0;
}

int64_t timeout_from(PyObject* seconds) {
  double value;
  if (seconds == NULL || seconds == Py_None) return RINGBOLT_FOREVER;
  value = PyFloat_AsDouble(seconds);
  if (value == -1.0 && PyErr_Occurred()) return -1;
  if (isnan(value) || value < 0) {
    PyErr_SetString(PyExc_ValueError, "a timeout is a number of seconds from 0 on, or None");
    return -1;
  }
  return value > 9e9 ? RINGBOLT_FOREVER : (int64_t)(value * 1e9);
}

/* ---- looking after rings ------------------------------------------------------------------------------------------------ */

static PyObject* remove_ring(PyObject* self, PyObject* args, PyObject* keywords) {
  static char* names[] = {"name", "force", NULL};
  const char* name;
  int force = 0;
  int32_t result;
  (void)self;
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "s|p", names, &name, &force)) return NULL;
  Py_BEGIN_ALLOW_THREADS;
  result = ringbolt_remove(name, force);
  Py_END_ALLOW_THREADS;
  if (result < 0) return raise_error(result);
  Py_RETURN_NONE;
}

static PyObject* stat_ring(PyObject* self, PyObject* args) {
  const char* name;
  ringbolt_ring_stat stat;
  int32_t result;
  (void)self;
  if (!PyArg_ParseTuple(args, "s", &name)) return NULL;
  stat.size = sizeof stat;
  Py_BEGIN_ALLOW_THREADS;
  result = ringbolt_stat(name, &stat);
  Py_END_ALLOW_THREADS;
  if (result < 0) return raise_error(result);
  return Py_BuildValue(
      "{s:K,s:K,s:K,s:K,s:K,s:K,s:K,s:K,s:K,s:O,s:O,s:O,s:O,s:I,s:s}", "capacity_bytes",
      (unsigned long long)stat.capacity_bytes, "epoch", (unsigned long long)stat.epoch, "oldest_sequence",
      (unsigned long long)stat.oldest_sequence, "newest_sequence", (unsigned long long)stat.newest_sequence,
      "durable_sequence", (unsigned long long)stat.durable_sequence, "published_events",
      (unsigned long long)stat.published_events, "published_bytes", (unsigned long long)stat.published_bytes,
      "newest_timestamp_ns", (unsigned long long)stat.newest_timestamp_ns, "publisher_pid",
      (unsigned long long)stat.publisher_pid, "publisher_alive", stat.publisher_alive ? Py_True : Py_False, "closed",
      stat.closed ? Py_True : Py_False, "timestamps", stat.timestamps ? Py_True : Py_False, "has_journal",
      stat.has_journal ? Py_True : Py_False, "consumers", (unsigned int)stat.consumers, "ring_id", stat.ring_id);
}

static PyMethodDef functions[] = {
    {"remove", (PyCFunction)(void (*)(void))remove_ring, METH_VARARGS | METH_KEYWORDS,
     "remove(name, force=False)\n--\n\nRemoves a ring. Error in_use if a publisher lives and force is false."},
    {"stat", stat_ring, METH_VARARGS,
     "stat(name)\n--\n\nWhat can be seen of a ring from outside, as a dict; needs read access alone."},
    {"set_log", set_log, METH_O,
     "set_log(log)\n--\n\n"
     "Whom this process tells what no call answers: log(level, ring, sentence), where level is \"info\", \"warning\" or\n"
     "\"error\". None, as at the start: nobody. It is called by the thread that notices, perhaps by one of the library's\n"
     "own, and must not use the publisher or consumer that the call came from. What it raises goes to sys.unraisablehook."},
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT,
                                        "ringbolt._ringbolt",
                                        "The extension under the package ringbolt.",
                                        -1,
                                        functions,
                                        NULL,
                                        NULL,
                                        NULL,
                                        NULL};

PyMODINIT_FUNC PyInit__ringbolt(void) {
  PyObject* errors = PyImport_ImportModule("ringbolt._errors");
  PyObject* module;
  if (errors == NULL) return NULL;
  error_type = PyObject_GetAttrString(errors, "Error");
  gap_error_type = PyObject_GetAttrString(errors, "GapError");
  Py_DECREF(errors);
  if (error_type == NULL || gap_error_type == NULL) return NULL;
  if (prepare_doors() < 0) return NULL;
  module = PyModule_Create(&definition);
  if (module == NULL) return NULL;
  if (PyModule_AddStringConstant(module, "version", ringbolt_version()) < 0 || add_events(module) < 0 ||
      add_publisher(module) < 0 || add_consumer(module) < 0) {
    Py_DECREF(module);
    return NULL;
  }
  return module;
}
