/* Plain messages, made in one step: see plain.py.

   Calling a class goes through the slot `tp_vectorcall` of the class, which looks for the recipe in the
   class's own namespace (a subclass does not inherit it). Arguments that are exactly as the recipe has them make
   the object; anything else takes the ordinary way, `type.__call__`, with nothing done yet.

   The rule of this file: public C API only, and no borrowed reference across a call that can run Python code. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>

enum { MOST_FIELDS = 16, SLOTS = 4 };

typedef struct {
    PyObject *name;     /* interned */
    PyTypeObject *type; /* exactly this one */
    int nullable;
    PyObject *fallback; /* NULL: it must be given */
} Field;

typedef struct {
    PyObject_HEAD
    Py_ssize_t count;
    Field fields[MOST_FIELDS];
    PyObject *slots[SLOTS]; /* descriptors: dict, fields set, extra, private */
    PyObject *all;          /* the fields set of messages that were given all fields: they share it */
    PyObject *validator;    /* of the class when this was written */
} Recipe;

static PyObject *recipe_name;    /* where a class keeps it */
static PyObject *validator_name; /* where pydantic keeps the validator */
static PyTypeObject RecipeType;

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

/* -- by recipe -------------------------------------------------------------------------------- */

/* The recipe of a class, if it has one that still holds; a new reference. */
static Recipe *
recipe_of(PyObject *cls)
{
    PyObject *own = ((PyTypeObject *)cls)->tp_dict;
    PyObject *found = PyDict_GetItemWithError(own, recipe_name);
    if (found == NULL || Py_TYPE(found) != &RecipeType)
        return NULL;
    Recipe *recipe = (Recipe *)found;
    if (PyDict_GetItemWithError(own, validator_name) != recipe->validator)
        return NULL;
    return (Recipe *)Py_NewRef(found);
}

static int
fits(const Field *field, PyObject *value)
{
    if (Py_TYPE(value) != field->type)
        return field->nullable && value == Py_None;
    return field->type != &PyFloat_Type || isfinite(PyFloat_AS_DOUBLE(value));
}

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

/* Sets a slot of an object and gives up the reference to the value. */
static int
fill(PyObject *slot, PyObject *object, PyObject *value)
{
    int failed = value == NULL || Py_TYPE(slot)->tp_descr_set(slot, object, value) < 0;
    Py_XDECREF(value);
    return failed;
}

/* The names of the fields that were given; a new reference. Messages that were given all share one set: they are frozen,
   and `Message.model_fields_set` gives copies. */
static PyObject *
names_of(Recipe *recipe, PyObject **values)
{
    Py_ssize_t given = 0;
    for (Py_ssize_t i = 0; i < recipe->count; i++)
        given += values[i] != NULL;
    if (given == recipe->count && recipe->all != NULL)
        return Py_NewRef(recipe->all);
    PyObject *set = PySet_New(NULL);
    for (Py_ssize_t i = 0; set != NULL && i < recipe->count; i++)
        if (values[i] != NULL && PySet_Add(set, recipe->fields[i].name) < 0)
            Py_CLEAR(set);
    if (set != NULL && given == recipe->count)
        Py_XSETREF(recipe->all, Py_NewRef(set));
    return set;
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
    PyObject *object = ((PyTypeObject *)cls)->tp_alloc((PyTypeObject *)cls, 0);
    PyObject *fields = PyDict_New(), *set = names_of(recipe, values);
    int failed = object == NULL || fields == NULL || set == NULL;
    for (Py_ssize_t i = 0; !failed && i < recipe->count; i++) {
        const Field *field = &recipe->fields[i];
        failed = PyDict_SetItem(fields, field->name, values[i] ? values[i] : field->fallback) < 0;
    }
    if (failed) {
        Py_XDECREF(fields);
        Py_XDECREF(set);
    }
    else {
        failed = fill(recipe->slots[0], object, fields);
        failed |= fill(recipe->slots[1], object, set);
        failed |= fill(recipe->slots[2], object, Py_NewRef(Py_None));
        failed |= fill(recipe->slots[3], object, Py_NewRef(Py_None));
    }
    Py_DECREF(recipe);
    if (failed)
        Py_CLEAR(object);
    return object;
}

/* -- recipes ---------------------------------------------------------------------------------- */

static int
read_field(Field *field, PyObject *plain)
{
    PyObject *fallback;
    if (!PyArg_ParseTuple(plain, "UO!pO", &field->name, &PyType_Type, &field->type, &field->nullable, &fallback)) {
        field->name = NULL;
        field->type = NULL;
        return -1;
    }
    Py_INCREF(field->name);
    PyUnicode_InternInPlace(&field->name);
    Py_INCREF(field->type);
    field->fallback = fallback == Py_Ellipsis ? NULL : Py_NewRef(fallback);
    return 0;
}

static PyObject *
recipe_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(keywords))
{
    PyObject *fields, *slots, *validator;
    if (!PyArg_ParseTuple(args, "O!O!O", &PyTuple_Type, &fields, &PyTuple_Type, &slots, &validator))
        return NULL;
    if (PyTuple_GET_SIZE(fields) > MOST_FIELDS || PyTuple_GET_SIZE(slots) != SLOTS)
        return PyErr_Format(PyExc_ValueError, "a recipe has up to %d fields and exactly %d slots", MOST_FIELDS, SLOTS);
    Recipe *recipe = (Recipe *)type->tp_alloc(type, 0);
    if (recipe == NULL)
        return NULL;
    recipe->validator = Py_NewRef(validator);
    for (; recipe->count < PyTuple_GET_SIZE(fields); recipe->count++)
        if (read_field(&recipe->fields[recipe->count], PyTuple_GET_ITEM(fields, recipe->count)) < 0) {
            Py_DECREF(recipe);
            return NULL;
        }
    for (Py_ssize_t i = 0; i < SLOTS; i++)
        recipe->slots[i] = Py_NewRef(PyTuple_GET_ITEM(slots, i));
    return (PyObject *)recipe;
}

static int
recipe_traverse(PyObject *self, visitproc visit, void *arg)
{
    Recipe *recipe = (Recipe *)self;
    for (Py_ssize_t i = 0; i < SLOTS; i++)
        Py_VISIT(recipe->slots[i]);
    Py_VISIT(recipe->validator); /* it knows its class, and the class its recipe */
    Py_VISIT(recipe->all);
    return 0;
}

static int
recipe_clear(PyObject *self)
{
    Py_CLEAR(((Recipe *)self)->validator);
    Py_CLEAR(((Recipe *)self)->all);
    return 0;
}

static void
recipe_dealloc(PyObject *self)
{
    Recipe *recipe = (Recipe *)self;
    PyObject_GC_UnTrack(self);
    for (Py_ssize_t i = 0; i < recipe->count; i++) {
        Py_DECREF(recipe->fields[i].name);
        Py_DECREF(recipe->fields[i].type);
        Py_XDECREF(recipe->fields[i].fallback);
    }
    for (Py_ssize_t i = 0; i < SLOTS; i++)
        Py_XDECREF(recipe->slots[i]);
    Py_XDECREF(recipe->validator);
    Py_XDECREF(recipe->all);
    Py_TYPE(self)->tp_free(self);
}

static PyTypeObject RecipeType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "stigmergy.protocols._plain.Recipe",
    .tp_doc = "How the messages of one class are made.",
    .tp_basicsize = sizeof(Recipe),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_new = recipe_new,
    .tp_dealloc = recipe_dealloc,
    .tp_traverse = recipe_traverse,
    .tp_clear = recipe_clear,
};

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
