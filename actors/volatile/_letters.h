/* Letters: where the parts of agents, turns and letters are, how a turn writes a letter, and how it is put into an inbox. */

/* Where attributes are in their objects. */
static struct {
    PyTypeObject *slot, *turn, *letter, *talk, *part_type, *act, *allowance_type;
    PyTypeObject *kind; /* the class of all classes of messages, and of no other */
    PyObject *check;    /* check_message */
    /* of a slot, */
    Py_ssize_t name, part, agent, busy, mail, pooled, inbox, notes, sent, kept, last_to, last_place;
    /* of a turn, */
    Py_ssize_t at_slot, at_letter, at_taint, sends, writes, ctx, asks, probe;
    /* of a talk, */
    Py_ssize_t ended, messages;
    /* of a part, its handlers and its allowance */
    Py_ssize_t acts, plain, save, allowance, start, make, function, takes_context, suspends, returns, left;
} known;

static PyObject *one, *nothing, *key_names, *enters_name, *sort_name;

#define AT(object, offset) (*(PyObject **)((char *)(object) + (offset)))

typedef struct {
    PyObject_HEAD
    PyObject *turn;    /* whose handler runs */
    PyObject *places;  /* all that are known, by address */
    PyObject *find;    /* for those that are not */
    PyObject *to;      /* where letters go, */
    PyObject *letters; /* and what they are */
    PyObject *later;   /* set once the turn goes on without those of others: sends instead */
} Runner;

static void
put(PyObject *object, Py_ssize_t offset, PyObject *value)
{
    PyObject *old = AT(object, offset);
    AT(object, offset) = Py_NewRef(value);
    Py_XDECREF(old);
}

/* -- inboxes ---------------------------------------------------------------------------------- */

/* How many letters an inbox holds, and which they are (borrowed). */
static Py_ssize_t
count_of(PyObject *mail)
{
    return PyList_CheckExact(mail) ? PyList_GET_SIZE(mail) : 1;
}

static PyObject *
letter_of(PyObject *mail, Py_ssize_t i)
{
    return PyList_CheckExact(mail) ? PyList_GET_ITEM(mail, i) : mail;
}

/* -- sending ---------------------------------------------------------------------------------- */

static int
is_message(PyObject *message)
{
    return Py_TYPE(Py_TYPE(message)) == known.kind;
}

/* A letter of the turn's agent; it takes the next number. Nobody looks through it for cycles: it is part of none, since
   nothing that it holds ever gets to know of it. */
static PyObject *
write_letter(PyObject *turn, PyObject *message)
{
    PyObject *slot = AT(turn, known.at_slot), *own = AT(turn, known.at_letter), *taint = AT(turn, known.at_taint);
    if (slot == NULL || own == NULL || taint == NULL || Py_TYPE(slot) != known.slot || Py_TYPE(own) != known.letter)
        return PyErr_Format(PyExc_TypeError, "this turn has no agent and no letter");
    PyObject *name = AT(slot, known.name), *sent = AT(slot, known.sent);
    PyObject *number = PyNumber_Add(sent, one);
    PyObject *hops = number == NULL ? NULL : PyNumber_Add(PyTuple_GET_ITEM(own, HOPS), one);
    if (hops != NULL)
        put(slot, known.sent, number); /* before memory is asked for: somebody's finaliser may send something then */
    PyObject *letter = hops == NULL ? NULL : (PyObject *)PyObject_GC_NewVar(PyTupleObject, known.letter, FIELDS);
    if (letter == NULL) {
        Py_XDECREF(hops);
        Py_XDECREF(number);
        return NULL;
    }
    PyTuple_SET_ITEM(letter, MESSAGE, Py_NewRef(message));
    PyTuple_SET_ITEM(letter, SENDER, Py_NewRef(name));
    PyTuple_SET_ITEM(letter, NUMBER, number);
    PyTuple_SET_ITEM(letter, TALK, Py_NewRef(PyTuple_GET_ITEM(own, TALK)));
    PyTuple_SET_ITEM(letter, CAUSER, Py_NewRef(PyTuple_GET_ITEM(own, SENDER)));
    PyTuple_SET_ITEM(letter, CAUSE, Py_NewRef(PyTuple_GET_ITEM(own, NUMBER)));
    PyTuple_SET_ITEM(letter, HOPS, hops);
    PyTuple_SET_ITEM(letter, TAINT, Py_NewRef(taint));
    PyTuple_SET_ITEM(letter, ASKED, Py_NewRef(Py_None));
    PyTuple_SET_ITEM(letter, TOPIC, Py_NewRef(nothing));
    return letter;
}

/* The place that an address means; a new reference. Most agents tell the same one again and again, so each remembers
   where its last letter went, if that is an agent here: while rounds are played those stay where they are. An address
   that was made for this call alone is not worth it. */
static PyObject *
place_of(Runner *self, PyObject *to)
{
    PyObject *slot = AT(self->turn, known.at_slot);
    if (slot == NULL || Py_TYPE(slot) != known.slot)
        return PyErr_Format(PyExc_TypeError, "this turn has no agent");
    if (AT(slot, known.last_to) == to)
        return Py_NewRef(AT(slot, known.last_place));
    PyObject *place = PyUnicode_CheckExact(to) ? PyDict_GetItemWithError(self->places, to) : NULL;
    if (place == NULL)
        return PyErr_Occurred() ? NULL : PyObject_CallOneArg(self->find, to);
    Py_INCREF(place);
    if (Py_TYPE(place) == known.slot && Py_REFCNT(to) > 1) {
        put(slot, known.last_place, place);
        put(slot, known.last_to, to);
    }
    return place;
}

static PyObject *
tell(Runner *self, PyObject *const *args, Py_ssize_t given, PyObject *names)
{
    Py_ssize_t named = names == NULL ? 0 : PyTuple_GET_SIZE(names);
    PyObject *to = given > 0 ? args[0] : NULL, *message = given > 1 ? args[1] : NULL;
    for (Py_ssize_t i = 0; i < named; i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i);
        if (to == NULL && PyUnicode_CompareWithASCIIString(name, "to") == 0)
            to = args[given + i];
        else if (message == NULL && PyUnicode_CompareWithASCIIString(name, "message") == 0)
            message = args[given + i];
    }
    if (to == NULL || message == NULL || given + named != 2)
        return PyErr_Format(PyExc_TypeError, "tell() takes an address and a message");
    if (self->later != NULL)
        return PyObject_CallFunctionObjArgs(self->later, to, message, NULL);
    if (!is_message(message)) {
        PyObject *fine = PyObject_CallOneArg(known.check, message);
        if (fine == NULL)
            return NULL;
        Py_DECREF(fine);
    }
    PyObject *place = place_of(self, to);
    PyObject *letter = place == NULL ? NULL : write_letter(self->turn, message);
    int failed = letter == NULL || PyList_Append(self->to, place) < 0 || PyList_Append(self->letters, letter) < 0;
    Py_XDECREF(letter);
    Py_XDECREF(place);
    if (failed)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *
detach(Runner *self, PyObject *later)
{
    Py_XSETREF(self->later, Py_NewRef(later));
    Py_RETURN_NONE;
}

/* -- sorting ---------------------------------------------------------------------------------- */

/* Puts a letter into the inbox of an agent: one letter needs no list. */
static int
drop(PyObject *place, PyObject *letter, PyObject *due, PyObject *enter)
{
    PyObject *inbox = AT(place, known.inbox);
    if (inbox != NULL && PyList_CheckExact(inbox))
        return PyList_Append(inbox, letter);
    if (inbox != NULL && inbox != Py_None) {
        PyObject *both = PyList_New(2);
        if (both == NULL)
            return -1;
        PyList_SET_ITEM(both, 0, Py_NewRef(inbox));
        PyList_SET_ITEM(both, 1, Py_NewRef(letter));
        put(place, known.inbox, both);
        Py_DECREF(both);
        return 0;
    }
    put(place, known.inbox, letter);
    if (PyList_Append(due, place) < 0)
        return -1;
    if (AT(place, known.notes) != Py_None)
        return 0;
    PyObject *entered = PyObject_CallOneArg(enter, place);
    Py_XDECREF(entered);
    return entered == NULL ? -1 : 0;
}

static PyObject *
sort(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *places, *letters, *due, *enter;
    if (!PyArg_ParseTuple(args, "O!O!O!O", &PyList_Type, &places, &PyList_Type, &letters, &PyList_Type, &due, &enter))
        return NULL;
    PyObject *others = PyList_New(0);
    for (Py_ssize_t i = 0; others != NULL && i < PyList_GET_SIZE(places) && i < PyList_GET_SIZE(letters); i++) {
        PyObject *place = Py_NewRef(PyList_GET_ITEM(places, i)), *letter = Py_NewRef(PyList_GET_ITEM(letters, i));
        int failed;
        if (Py_TYPE(place) == known.slot) {
            failed = drop(place, letter, due, enter) < 0;
        } else {
            PyObject *pair = PyTuple_Pack(2, place, letter);
            failed = pair == NULL || PyList_Append(others, pair) < 0;
            Py_XDECREF(pair);
        }
        Py_DECREF(letter);
        Py_DECREF(place);
        if (failed)
            Py_CLEAR(others);
    }
    return others;
}

