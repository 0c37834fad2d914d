/* What Publisher and Consumer have in common: a handle, opened once, used by one thread at a time, and closed. */
#include "module.h"

#include <pthread.h>

static unsigned this_process = 1;
static void count_fork(void) {
  ++this_process;
  forget_log_calls();
}

int prepare_doors(void) {
  if (pthread_atfork(NULL, NULL, count_fork) == 0) return 0;
  PyErr_NoMemory();
  return -1;
}

/* Raises; `format` has a %U for the name of the type. -1. */
static int refuse(door* self, PyObject* exception, const char* format) {
  PyObject* const name = PyType_GetName(Py_TYPE((PyObject*)self));
  if (name != NULL) PyErr_Format(exception, format, name);
  Py_XDECREF(name);
  return -1;
}

int acquire(door* self) {
  if (self->handle == NULL) return refuse(self, PyExc_ValueError, "this %U is closed");
  if (self->held_in == this_process)
    return refuse(self, PyExc_RuntimeError, "this %U is in use by another thread: one thread at a time");
  self->held_in = this_process;
  return 0;
}
void release(door* self) { self->held_in = 0; }

int look_for_signals(door* self) {
  release(self);
  return PyErr_CheckSignals() < 0 ? -1 : acquire(self);
}

int keep_handle(door* self, void* opened, free_handle free_it) {
  if (self->handle != NULL) { /* it was opened before, or another thread was faster */
    if (opened != NULL) {
      Py_BEGIN_ALLOW_THREADS; /* a journal's thread may have to tell something first */
      free_it(opened);
      Py_END_ALLOW_THREADS;
    }
    return refuse(self, PyExc_ValueError, "this %U is open already");
  }
  self->handle = opened;
  return 0;
}

PyObject* close_door(door* self, free_handle free_it) {
  void* handle;
  if (self->handle == NULL) Py_RETURN_NONE;
  if (acquire(self) < 0) return NULL;
  handle = self->handle;
  self->handle = NULL;
  Py_BEGIN_ALLOW_THREADS; /* a journal is synced */
  free_it(handle);
  Py_END_ALLOW_THREADS;
  release(self);
  Py_RETURN_NONE;
}

void dealloc_door(door* self, free_handle free_it) {
  PyTypeObject* const type = Py_TYPE((PyObject*)self);
  void* const handle = self->handle;
  if (handle != NULL) {
    Py_BEGIN_ALLOW_THREADS;
    free_it(handle);
    Py_END_ALLOW_THREADS;
  }
  ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
  Py_DECREF((PyObject*)type);
}
