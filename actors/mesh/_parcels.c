/* Parcels, where there is a compiler: the same as in writer.py, reader.py and inbox.py, for what each letter costs.

   `columns` writes letters as heads and columns, `letters` reads them again, and `deliver` puts each where it goes.

   The rule of this module: public C API only, and no borrowed reference across a call that can run Python code. What is
   read comes from another process and may be anything: it ends in letters or in an exception. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "../volatile/_fields.h"

/* Fields of a head, and columns. */
enum { H_SENDER, H_TALK, H_CAUSER, H_CAUSE, H_HOPS, H_TAINT, H_TOPIC, HEAD };
enum { IN_HEAD, TO, KIND, NUMBERS, TICKET, PATIENCE, COLUMNS };

static const int field_of[HEAD] = {SENDER, TALK, CAUSER, CAUSE, HOPS, TAINT, TOPIC};

static PyTypeObject *slot_type, *letter_type;
static Py_ssize_t mail_at; /* where a slot has its mailbox */
static PyObject *deadline_name, *zero;

#include "_writing.h"
#include "_reading.h"

static PyObject *
learn(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyTypeObject *slot, *letter;
    if (!PyArg_ParseTuple(args, "O!O!", &PyType_Type, &slot, &PyType_Type, &letter))
        return NULL;
    if (!PyType_IsSubtype(letter, &PyTuple_Type))
        return PyErr_Format(PyExc_TypeError, "letters are tuples");
    mail_at = offset(slot, "mail");
    if (mail_at < 0)
        return NULL;
    slot_type = (PyTypeObject *)Py_NewRef(slot); /* they live as long as the process */
    letter_type = (PyTypeObject *)Py_NewRef(letter);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"learn", learn, METH_VARARGS, "Learn what slots and letters are; comes first."},
    {"columns", columns, METH_VARARGS, "See `Writer._columns`."},
    {"letters", letters, METH_VARARGS, "Letters, each with its recipient and patience; and how many messages of each type they had."},
    {"deliver", deliver, METH_VARARGS, "Put letters where they go, as `Inbox` does."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "stigmergy.actors.mesh._parcels",
    .m_doc = "What each letter of a parcel costs.",
    .m_size = -1,
    .m_methods = methods,
};

PyMODINIT_FUNC
PyInit__parcels(void)
{
    deadline_name = PyUnicode_InternFromString("deadline");
    zero = PyLong_FromLong(0);
    return deadline_name == NULL || zero == NULL ? NULL : PyModule_Create(&module);
}
