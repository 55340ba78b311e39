/* What all that handles letters in C knows of them: their fields, and where slots have their attributes. */

#include <structmember.h>

#if PY_VERSION_HEX >= 0x030E0000
#error "written for CPython 3.11 to 3.13: later tuples have a hash to be set; without this module everything is in Python"
#endif

/* Fields of a Letter. */
enum { MESSAGE, SENDER, NUMBER, TALK, CAUSER, CAUSE, HOPS, TAINT, ASKED, TOPIC, FIELDS };

/* Where an attribute of a class with __slots__ is; -1 with an exception. */
static Py_ssize_t
offset(PyTypeObject *type, const char *name)
{
    PyObject *found = PyObject_GetAttrString((PyObject *)type, name);
    Py_ssize_t at = -1;
    if (found != NULL && Py_IS_TYPE(found, &PyMemberDescr_Type) &&
        ((PyMemberDescrObject *)found)->d_member->type == T_OBJECT_EX)
        at = ((PyMemberDescrObject *)found)->d_member->offset;
    else if (!PyErr_Occurred())
        PyErr_Format(PyExc_TypeError, "%s.%s is in no slot", type->tp_name, name);
    Py_XDECREF(found);
    return at;
}
