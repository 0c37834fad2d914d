/* set_log: whom the library tells what no call answers. It tells from threads of its own, too, which must not come to Python once
 * the interpreter ends: a function at exit bars the way, and waits for those that are on it. */
#include "module.h"

#include <time.h>

static PyObject* told = NULL; /* who is told; under the GIL */
static int on_the_way = 0;    /* calls between the library and Python */
static int ended = 0;

/* As one who has an exception pending already, perhaps: a handle may be freed while one is raised. */
static void call(int32_t level, const char* ring, const char* sentence) {
  static const char* const levels[] = {"info", "warning", "error"};
  PyObject *type, *value, *traceback;
  PyObject* const log = told;
  PyObject* text = NULL;
  PyObject* answer = NULL;
  if (log == NULL) return;
  PyErr_Fetch(&type, &value, &traceback);
  Py_INCREF(log); /* it may set another one */
  text = PyUnicode_DecodeFSDefault(sentence);
  if (text != NULL)
    answer = PyObject_CallFunction(
        log, "ssO", levels[level >= 0 && level <= RINGBOLT_LOG_ERROR ? level : RINGBOLT_LOG_ERROR], ring, text);
  if (answer == NULL) PyErr_WriteUnraisable(log);
  Py_XDECREF(answer);
  Py_XDECREF(text);
  Py_DECREF(log);
  PyErr_Restore(type, value, traceback);
}

static void tell(void* context, int32_t level, const char* ring, const char* sentence) {
  (void)context;
  __atomic_add_fetch(&on_the_way, 1, __ATOMIC_SEQ_CST); /* before the look: who bars the way sees it, or is seen */
  if (!__atomic_load_n(&ended, __ATOMIC_SEQ_CST)) {
    const PyGILState_STATE state = PyGILState_Ensure();
    call(level, ring, sentence);
    PyGILState_Release(state);
  }
  __atomic_sub_fetch(&on_the_way, 1, __ATOMIC_SEQ_CST);
}

void forget_log_calls(void) { on_the_way = 0; } /* in the child of a fork, which does not have their threads */

/* A log that does not come back does not keep the process for ever. */
static PyObject* end_log(PyObject* self, PyObject* none) {
  const struct timespec millisecond = {0, 1000000};
  int patience = 30000;
  (void)self, (void)none;
  ringbolt_set_log(NULL, NULL);
  __atomic_store_n(&ended, 1, __ATOMIC_SEQ_CST);
  Py_BEGIN_ALLOW_THREADS;
  while (__atomic_load_n(&on_the_way, __ATOMIC_SEQ_CST) > 0 && patience-- > 0) nanosleep(&millisecond, NULL);
  Py_END_ALLOW_THREADS;
  Py_CLEAR(told);
  Py_RETURN_NONE;
}
static PyMethodDef at_exit = {"_end_log", end_log, METH_NOARGS, NULL};

static int end_log_at_exit(void) {
  static int registered = 0;
  PyObject *module, *function, *answer = NULL;
  if (registered) return 0;
  module = PyImport_ImportModule("atexit");
  function = PyCFunction_New(&at_exit, NULL);
  if (module != NULL && function != NULL) answer = PyObject_CallMethod(module, "register", "O", function);
  registered = answer != NULL;
  Py_XDECREF(answer);
  Py_XDECREF(function);
  Py_XDECREF(module);
  return registered ? 0 : -1;
}

PyObject* set_log(PyObject* self, PyObject* log) {
  PyObject* before;
  int32_t result;
  (void)self;
  if (log != Py_None && !PyCallable_Check(log)) {
    PyErr_SetString(PyExc_TypeError, "a log is called with a level, a ring's name and a sentence; None: nobody is told");
    return NULL;
  }
  if (end_log_at_exit() < 0) return NULL;
  result = ringbolt_set_log(log == Py_None ? NULL : tell, NULL);
  if (result < 0) return raise_error(result);
  before = told;
  told = log == Py_None ? NULL : Py_NewRef(log);
  Py_XDECREF(before);
  Py_RETURN_NONE;
}
