/* What the files of the Python extension share. It stands on ringbolt.h and decides nothing. */
#ifndef RINGBOLT_PYTHON_MODULE_H
#define RINGBOLT_PYTHON_MODULE_H

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030b0000 /* one build for CPython 3.11 and newer */
#include <Python.h>

#include <ringbolt/ringbolt.h>

/* Python looks for signals this often while the library waits. */
#define SLICE_NS 50000000

/* Types of the module, made once. Error(message, code, errno), and GapError, which has first, last and evicted. */
extern PyObject* error_type;
extern PyObject* gap_error_type;
extern PyTypeObject* event_type;

int add_events(PyObject* module);
int add_publisher(PyObject* module);
int add_consumer(PyObject* module);

PyObject* set_log(PyObject* module, PyObject* log); /* a function of the module */
void forget_log_calls(void);                        /* in the child of a fork */

/* Sets the exception of a result below 0, or of a status that is one in Python; returns NULL. */
PyObject* raise_error(int32_t result);
PyObject* raise_status(int32_t status);

/* An int of 32 bits, or what can be taken for one; -1 with an exception. */
int u32_from(PyObject* number, uint32_t* value, const char* what);

/* An Event with a copy of the payload. */
PyObject* event_from(const ringbolt_event* event);

/* What Publisher and Consumer begin with: a handle of the library, for one thread at a time. A door that was acquired when the process
 * forked is free in the child, whose threads do not hold it. */
typedef struct {
  PyObject_HEAD void* handle; /* NULL: closed, or never opened */
  unsigned held_in;           /* the number of the process, counted from 1 by forks; 0: nobody holds it */
} door;
typedef void (*free_handle)(void* handle);

int prepare_doors(void); /* once; -1 with an exception */
/* 0, or -1 with an exception, where it is closed or another thread holds it. */
int acquire(door* self);
void release(door* self);
/* Between two slices of a wait: a signal's handler may raise, and may close what waits. -1 with an exception, and not acquired. */
int look_for_signals(door* self);
/* Keeps the handle that an __init__ opened; -1 with an exception where it has one, and `opened`, unless NULL, is freed. */
int keep_handle(door* self, void* opened, free_handle free_it);
PyObject* close_door(door* self, free_handle free_it);
void dealloc_door(door* self, free_handle free_it);

int add_type(PyObject* module, const char* name, PyType_Spec* spec);

/* Seconds or None (for ever) as nanoseconds; -1 with an exception. */
int64_t timeout_from(PyObject* seconds);

#endif
