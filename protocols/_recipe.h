/* Recipes: the fields of a class whose messages are plain, and how such a message is put together. */

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

/* -- a message by its recipe ------------------------------------------------------------------- */

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

/* A message of a class, from a dict that becomes its own (NULL fails) and the values that were given. */
static PyObject *
put_together(Recipe *recipe, PyObject *cls, PyObject *fields, PyObject **values)
{
    PyObject *set = fields == NULL ? NULL : names_of(recipe, values);
    PyObject *object = set == NULL ? NULL : ((PyTypeObject *)cls)->tp_alloc((PyTypeObject *)cls, 0);
    if (object == NULL) {
        Py_XDECREF(fields);
        Py_XDECREF(set);
        return NULL;
    }
    int failed = fill(recipe->slots[0], object, fields);
    failed |= fill(recipe->slots[1], object, set);
    failed |= fill(recipe->slots[2], object, Py_NewRef(Py_None));
    failed |= fill(recipe->slots[3], object, Py_NewRef(Py_None));
    if (failed)
        Py_CLEAR(object);
    return object;
}
