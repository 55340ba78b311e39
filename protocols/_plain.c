/* Plain messages, made in one step: see plain.py.

   Calling a class goes through the slot `tp_vectorcall` of the class, which looks for the recipe in the
   class's own namespace (a subclass does not inherit it). Arguments that are exactly as the recipe has them make
   the object; anything else takes the ordinary way, `type.__call__`, with nothing done yet.

   The rule of this file: public C API only, and no borrowed reference across a call that can run Python code. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "_recipe.h"

/* -- the ordinary way ------------------------------------------------------------------------- */

static PyObject *
ordinary(PyObject *cls, PyObject *const *args, Py_ssize_t given, PyObject *names)
{
    PyObject *made = NULL, *keywords = NULL, *positional = PyTuple_New(given);
    if (positional == NULL)
        return NULL;
    for (Py_ssize_t i = 0; i < given; i++)
        PyTuple_SET_ITEM(positional, i, Py_NewRef(args[i]));
    if (names != NULL) {
        keywords = PyDict_New();
        for (Py_ssize_t i = 0; keywords != NULL && i < PyTuple_GET_SIZE(names); i++)
            if (PyDict_SetItem(keywords, PyTuple_GET_ITEM(names, i), args[given + i]) < 0)
                Py_CLEAR(keywords);
    }
    if (names == NULL || keywords != NULL)
        made = PyType_Type.tp_call(cls, positional, keywords);
    Py_XDECREF(keywords);
    Py_DECREF(positional);
    return made;
}

/* -- one message ------------------------------------------------------------------------------ */

/* Puts what was given in the order of the fields; false when it is not all as the recipe has it. */
static int
arrange(Recipe *recipe, PyObject *const *args, PyObject *names, PyObject **values)
{
    Py_ssize_t count = recipe->count, given = names == NULL ? 0 : PyTuple_GET_SIZE(names);
    for (Py_ssize_t i = 0; i < given; i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i);
        Py_ssize_t place = i;
        if (i >= count || recipe->fields[i].name != name)
            for (place = 0; place < count && recipe->fields[place].name != name; place++)
                ;
        if (place == count || !fits(&recipe->fields[place], args[i]))
            return 0;
        values[place] = args[i];
    }
    for (Py_ssize_t i = 0; i < count; i++)
        if (values[i] == NULL && recipe->fields[i].fallback == NULL)
            return 0;
    return 1;
}

static PyObject *
make(PyObject *cls, PyObject *const *args, size_t nargsf, PyObject *names)
{
    Py_ssize_t given = PyVectorcall_NARGS(nargsf);
    PyObject *values[MOST_FIELDS] = {NULL};
    Recipe *recipe = given == 0 ? recipe_of(cls) : NULL;
    if (recipe == NULL || !arrange(recipe, args, names, values)) {
        Py_XDECREF(recipe);
        return PyErr_Occurred() ? NULL : ordinary(cls, args, given, names);
    }
    PyObject *fields = PyDict_New();
    int failed = fields == NULL;
    for (Py_ssize_t i = 0; !failed && i < recipe->count; i++) {
        const Field *field = &recipe->fields[i];
        failed = PyDict_SetItem(fields, field->name, values[i] ? values[i] : field->fallback) < 0;
    }
    if (failed)
        Py_CLEAR(fields);
    PyObject *object = put_together(recipe, cls, fields, values);
    Py_DECREF(recipe);
    return object;
}

/* -- many, from a wire ------------------------------------------------------------------------ */

/* Whether a row has all fields, in their order, and each is as the recipe has it; then `values` are borrowed from it. */
static int
is_plain(const Recipe *recipe, PyObject *row, PyObject **values)
{
    Py_ssize_t at = 0, i = 0;
    PyObject *name;
    if (!PyDict_CheckExact(row) || PyDict_GET_SIZE(row) != recipe->count)
        return 0;
    for (; PyDict_Next(row, &at, &name, &values[i]); i++) {
        const Field *field = &recipe->fields[i];
        if (name != field->name && (!PyUnicode_CheckExact(name) || PyUnicode_Compare(name, field->name) != 0))
            return 0;
        if (!fits(field, values[i]))
            return 0;
    }
    return 1;
}

/* Rows become messages, and each keeps its row. */
static PyObject *
read_rows(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *cls, *rows, *values[MOST_FIELDS + 1];
    if (!PyArg_ParseTuple(args, "O!O!", &PyType_Type, &cls, &PyList_Type, &rows))
        return NULL;
    Recipe *recipe = recipe_of(cls);
    if (recipe == NULL)
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
    PyObject *messages = PyList_New(0);
    for (Py_ssize_t i = 0; messages != NULL && messages != Py_None && i < PyList_GET_SIZE(rows); i++) {
        PyObject *row = Py_NewRef(PyList_GET_ITEM(rows, i));
        if (!is_plain(recipe, row, values)) {
            Py_DECREF(row);
            Py_SETREF(messages, Py_NewRef(Py_None));
            break;
        }
        PyObject *message = put_together(recipe, cls, row, values);
        if (message == NULL || PyList_Append(messages, message) < 0)
            Py_CLEAR(messages);
        Py_XDECREF(message);
    }
    Py_DECREF(recipe);
    return messages;
}

/* -- the module ------------------------------------------------------------------------------- */

/* Python 3.11 looks at `tp_vectorcall` only where the class of the class says so; later ones do by themselves. */
static PyObject *
enable(PyObject *Py_UNUSED(module), PyObject *metaclass)
{
    if (!PyType_Check(metaclass) || !PyType_IsSubtype((PyTypeObject *)metaclass, &PyType_Type))
        return PyErr_Format(PyExc_TypeError, "enable() takes a metaclass");
    ((PyTypeObject *)metaclass)->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
    Py_RETURN_NONE;
}

static PyObject *
attach(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *cls, *recipe;
    if (!PyArg_ParseTuple(args, "O!O!", &PyType_Type, &cls, &RecipeType, &recipe) ||
        PyObject_SetAttr(cls, recipe_name, recipe) < 0)
        return NULL;
    ((PyTypeObject *)cls)->tp_vectorcall = make;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"enable", enable, METH_O, "Let classes of this metaclass be called by their recipes."},
    {"attach", attach, METH_VARARGS, "Make the messages of a class by a recipe from now on."},
    {"read", read_rows, METH_VARARGS, "Messages of a class from rows that have all fields as declared; else None."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "stigmergy.protocols._plain",
    .m_doc = "Plain messages, made in one step.",
    .m_size = -1,
    .m_methods = methods,
};

PyMODINIT_FUNC
PyInit__plain(void)
{
    recipe_name = PyUnicode_InternFromString("__stigmergy_recipe__");
    validator_name = PyUnicode_InternFromString("__pydantic_validator__");
    if (recipe_name == NULL || validator_name == NULL || PyType_Ready(&RecipeType) < 0)
        return NULL;
    PyObject *made = PyModule_Create(&module);
    if (made != NULL && PyModule_AddObjectRef(made, "Recipe", (PyObject *)&RecipeType) < 0)
        Py_CLEAR(made);
    return made;
}
