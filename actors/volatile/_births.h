/* Births: the place of an agent that is told something for the first time, and the agent. Needs _handing.h before it.

   The common case of Office.find and Slot.enters: one host, nobody counts agents, an agent of a known kind that needs
   no time to start and brings nothing along. */

typedef struct {
    PyObject_HEAD
    vectorcallfunc call;
    PyObject *host, *parts, *places;
    PyObject *blank;  /* a slot of nobody */
    PyObject *turn;   /* of whatever plain handler runs */
    PyObject *asked;  /* the class of questions */
    PyObject *begin;  /* Turn.begin */
    PyObject *done;   /* the answer of a handler that returns nothing */
    double few, shallow, burst;
} Hand;

static PyObject *handle_name, *finish_name, *reply_name, *stopped_name, *inline_name, *again_name, *check_name,
    *office_name, *player_name, *find_name, *spawn_name, *found_name, *mesh_name, *crowd_name, *occupy_name,
    *popleft_name, *unfold_name;

/* Whether an attribute is what it mostly is; -1 with an exception. */
static int
has(PyObject *object, PyObject *name, PyObject *wanted)
{
    PyObject *value = PyObject_GetAttr(object, name);
    Py_XDECREF(value); /* it is a constant, or of no interest */
    return value == NULL ? -1 : value == wanted;
}

enum { LONGEST_NAME = 64, MANY = 10000 };

/* Whether a key is a name, as `protocols.ids` has it. */
static int
is_name(PyObject *address, Py_ssize_t from)
{
    Py_ssize_t many = PyUnicode_GET_LENGTH(address) - from;
    if (!PyUnicode_IS_COMPACT_ASCII(address) || many < 1 || many > LONGEST_NAME)
        return 0;
    const char *key = (const char *)PyUnicode_1BYTE_DATA(address) + from;
    for (Py_ssize_t i = 0; i < many; i++)
        if (!Py_ISALNUM(key[i]) && key[i] != '_' && key[i] != '.' && key[i] != '-')
            return 0;
    return strcmp(key, ".") != 0 && strcmp(key, "..") != 0;
}

/* The kind of an agent that an address names, borrowed; NULL, with or without an exception, when Python is to see. */
static PyObject *
kind_of(Hand *self, PyObject *address)
{
    Py_ssize_t slash = PyUnicode_FindChar(address, '/', 0, PyUnicode_GET_LENGTH(address), 1);
    if (slash < 0 || !is_name(address, slash + 1))
        return NULL;
    PyObject *kind = PyUnicode_Substring(address, 0, slash);
    PyObject *part = kind == NULL ? NULL : PyDict_GetItemWithError(self->parts, kind);
    Py_XDECREF(kind);
    return part != NULL && Py_TYPE(part) == known.part_type ? part : NULL;
}

/* A new slot, all of whose attributes are those of the blank one. */
static PyObject *
new_slot(Hand *self, PyObject *name, PyObject *part)
{
    PyObject *slot = known.slot->tp_alloc(known.slot, 0);
    for (Py_ssize_t at = sizeof(PyObject); slot != NULL && at < known.slot->tp_basicsize; at += sizeof(PyObject *))
        AT(slot, at) = Py_XNewRef(AT(self->blank, at));
    if (slot != NULL) {
        put(slot, known.name, name);
        put(slot, known.part, part);
    }
    return slot;
}

/* A place for an agent that has none; a new reference. Raises what Office.find raises. */
static PyObject *
settle(Hand *self, PyObject *address, PyObject *sender)
{
    PyObject *office = PyObject_GetAttr(self->host, office_name), *place = NULL;
    int alone = office == NULL ? -1 : has(self->host, mesh_name, Py_None);
    if (alone > 0)
        alone = has(office, crowd_name, Py_None);
    PyObject *part = alone > 0 && PyDict_GET_SIZE(self->places) % MANY ? kind_of(self, address) : NULL;
    if (part != NULL) {
        place = new_slot(self, address, part);
        if (place != NULL && PyDict_SetItem(self->places, address, place) < 0)
            Py_CLEAR(place);
    }
    else if (alone >= 0 && !PyErr_Occurred())
        place = PyObject_CallMethodObjArgs(office, find_name, address, sender, NULL);
    Py_XDECREF(office);
    return place;
}

enum { UNMADE = -2 };

/* Make an agent; see Slot.enters. 0 when that is left to Python, UNMADE when its turn shall try again and meet what went
   wrong. */
static int
enter(PyObject *slot)
{
    PyObject *part = AT(slot, known.part);
    if (AT(part, known.start) != Py_None || AT(slot, known.kept) != Py_None || AT(part, known.make) == NULL)
        return 0;
    PyObject *agent = PyObject_CallOneArg(AT(part, known.make), AT(slot, known.name));
    PyErr_Clear();
    if (agent == NULL || agent == Py_None) {
        Py_XDECREF(agent);
        return UNMADE;
    }
    put(slot, known.agent, agent);
    Py_DECREF(agent);
    return 1;
}
