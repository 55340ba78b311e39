/* Handing out: agents of one kind get their letters, one agent after the other, and their plain handlers run. Needs
   _letters.h and _notes.h before it. */

#if defined(__GNUC__)
#define FETCH(place) __builtin_prefetch(place)
#else
#define FETCH(place) ((void)(place))
#endif

/* What run() is told once for a whole stretch of agents. */
typedef struct {
    PyObject *number, *part, *acts, *save, *key, *ctx, *end_turn;
    Py_ssize_t limit;
    PyObject *type; /* of the last message, */
    PyObject *act;  /* and how it is handled */
    int unmade;     /* an agent could not be made */
} Stretch;

/* How a plain handler takes a message: ``(function, class of the answer, type)``, borrowed from the stretch. NULL, with
   or without an exception, when none does. */
static PyObject *
act_of(Stretch *stretch, PyObject *message)
{
    PyObject *type = (PyObject *)Py_TYPE(message);
    if (type == stretch->type)
        return stretch->act;
    PyObject *act = PyDict_GetItemWithError(stretch->acts, type);
    if (act == NULL || !PyTuple_CheckExact(act) || PyTuple_GET_SIZE(act) != 3)
        return NULL;
    Py_XSETREF(stretch->act, Py_NewRef(act));
    Py_XSETREF(stretch->type, Py_NewRef(type));
    return act;
}

/* Whether each letter of a mailbox goes to a plain handler, and nobody waits for an answer. */
static int
all_plain(Stretch *stretch, PyObject *mail)
{
    for (Py_ssize_t i = 0; i < count_of(mail); i++) {
        PyObject *letter = letter_of(mail, i);
        if (Py_TYPE(letter) != known.letter || PyTuple_GET_ITEM(letter, ASKED) != Py_None)
            return 0;
        PyObject *talk = PyTuple_GET_ITEM(letter, TALK), *ended = NULL;
        if (Py_TYPE(talk) == known.talk)
            ended = AT(talk, known.ended);
        if (ended == NULL || !PyUnicode_Check(ended) || PyUnicode_GET_LENGTH(ended) != 0)
            return 0;
        if (act_of(stretch, PyTuple_GET_ITEM(letter, MESSAGE)) == NULL)
            return 0;
    }
    return 1;
}

/* 1 when an agent can have its letters here, 0 when that is left to Python, -1 with an exception. */
static int
prepare(Stretch *stretch, PyObject *slot)
{
    if (Py_TYPE(slot) != known.slot || AT(slot, known.part) != stretch->part)
        return 0;
    PyObject *mail = AT(slot, known.inbox), *notes = AT(slot, known.notes);
    if (mail == NULL || mail == Py_None || notes == NULL || Py_TYPE(notes) != &NotesType)
        return 0;
    if (AT(slot, known.busy) != Py_False || AT(slot, known.pooled) != Py_False || !all_plain(stretch, mail))
        return PyErr_Occurred() ? -1 : 0;
    if (AT(slot, known.agent) == Py_None) {
        PyObject *entered = PyObject_CallMethodNoArgs(slot, enters_name);
        int fine = entered == NULL ? -1 : entered == Py_True;
        stretch->unmade = fine == 0;
        Py_XDECREF(entered);
        if (fine <= 0)
            return fine;
        mail = AT(slot, known.inbox); /* its author's code has run */
        if (mail == NULL || mail == Py_None)
            return 0;
    }
    if (stretch->key == Py_None || count_of(mail) < 2)
        return 1;
    PyObject *stack[] = {Py_NewRef(mail), stretch->key};
    PyObject *sorted = PyObject_VectorcallMethod(sort_name, stack, 1 | PY_VECTORCALL_ARGUMENTS_OFFSET, key_names);
    Py_DECREF(mail);
    Py_XDECREF(sorted);
    return sorted == NULL ? -1 : 1;
}

/* What an agent is given is noted for the digest: round, recipient, sender, number, type, fields. */
static int
note(Notes *notes, PyObject *number, PyObject *name, PyObject *letter, PyObject *type)
{
    PyObject *fields = PyObject_GenericGetDict(PyTuple_GET_ITEM(letter, MESSAGE), NULL);
    if (fields == NULL)
        return -1;
    PyObject *values[] = {number, name, PyTuple_GET_ITEM(letter, SENDER), PyTuple_GET_ITEM(letter, NUMBER), type, fields};
    int failed = add_values(notes, values, sizeof(values) / sizeof(values[0]));
    Py_DECREF(fields);
    return failed;
}

/* The exception that is set, as an object; it is set no more. */
static PyObject *
caught(void)
{
#if PY_VERSION_HEX >= 0x030C0000
    return PyErr_GetRaisedException();
#else
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    if (trace != NULL)
        PyException_SetTraceback(value, trace);
    Py_XDECREF(trace);
    Py_XDECREF(type);
    return value;
#endif
}

/* Let one agent handle one letter. NULL with an exception; None when the turn has ended;
   else ``(before, saved, answer, error)``, which is left to Python. */
static PyObject *
handle(Runner *self, Stretch *stretch, PyObject *slot, PyObject *letter, PyObject *agent)
{
    PyObject *turn = self->turn, *message = PyTuple_GET_ITEM(letter, MESSAGE), *saved = Py_NewRef(Py_None);
    PyObject *act = act_of(stretch, message), *left = NULL;
    if (act == NULL) {
        Py_DECREF(saved);
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_KeyError, "a handler has vanished");
    }
    Py_INCREF(act);
    if (note((Notes *)AT(slot, known.notes), stretch->number, AT(slot, known.name), letter, PyTuple_GET_ITEM(act, 2)) < 0)
        goto done;
    put(turn, known.at_slot, slot);
    put(turn, known.at_letter, letter);
    put(turn, known.at_taint, PyTuple_GET_ITEM(letter, TAINT));
    Py_ssize_t before = PyList_GET_SIZE(self->letters);
    if (stretch->save != Py_None) {
        Py_SETREF(saved, PyObject_CallOneArg(stretch->save, agent));
        if (saved == NULL) { /* it cannot be copied, which fails the turn */
            left = Py_BuildValue("nOON", before, Py_None, Py_None, caught());
            goto done;
        }
    }
    PyObject *stack[] = {NULL, agent, message, stretch->ctx};
    PyObject *answer =
        PyObject_Vectorcall(PyTuple_GET_ITEM(act, 0), stack + 1, 3 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    PyObject *writes = AT(turn, known.writes);
    if (answer == NULL) {
        PyObject *error = caught();
        left = Py_BuildValue("nOON", before, saved, Py_None, error);
    } else if ((answer != Py_None && (PyObject *)Py_TYPE(answer) != PyTuple_GET_ITEM(act, 1)) ||
               PyList_GET_SIZE(self->letters) > stretch->limit) {
        left = Py_BuildValue("nOOO", before, saved, answer, Py_None);
    } else if (writes != NULL && PyList_CheckExact(writes) && PyList_GET_SIZE(writes) > 0) {
        PyObject *ended = PyObject_CallFunctionObjArgs(stretch->end_turn, turn, answer, NULL);
        left = ended == NULL ? NULL : Py_NewRef(Py_None);
        Py_XDECREF(ended);
    } else {
        left = Py_NewRef(Py_None);
    }
    Py_XDECREF(answer);
done:
    Py_DECREF(act);
    Py_XDECREF(saved);
    return left;
}

/* Let one agent handle its letters. As for handle(); what it has left of them is in its inbox again. */
static PyObject *
visit(Runner *self, Stretch *stretch, PyObject *slot)
{
    PyObject *mail = Py_NewRef(AT(slot, known.inbox)), *agent = Py_NewRef(AT(slot, known.agent));
    PyObject *left = Py_NewRef(Py_None);
    put(slot, known.inbox, Py_None);
    for (Py_ssize_t i = 0; left == Py_None && i < count_of(mail); i++) {
        PyObject *letter = Py_NewRef(letter_of(mail, i));
        Py_SETREF(left, handle(self, stretch, slot, letter, agent));
        Py_DECREF(letter);
        if (left != NULL && left != Py_None && PyList_CheckExact(mail)) {
            PyObject *rest = PyList_GetSlice(mail, i + 1, PyList_GET_SIZE(mail));
            if (rest == NULL)
                Py_CLEAR(left);
            else
                put(slot, known.inbox, rest);
            Py_XDECREF(rest);
        }
    }
    Py_DECREF(agent);
    Py_DECREF(mail);
    return left;
}

/* How many agents ahead the slot itself is fetched, then what it points at, then what that points at: each has come when
   it is followed. */
enum { THIRD = 4, SECOND = 8, FIRST = 12 };

/* Fetch into the cache what the next agents are given, while this one works: there may be a million of them. */
static void
fetch_ahead(PyObject *slots, Py_ssize_t at)
{
    Py_ssize_t last = PyList_GET_SIZE(slots) - 1;
    PyObject *first = PyList_GET_ITEM(slots, Py_MIN(at + FIRST, last));
    PyObject *second = PyList_GET_ITEM(slots, Py_MIN(at + SECOND, last));
    PyObject *third = PyList_GET_ITEM(slots, Py_MIN(at + THIRD, last));
    FETCH(first);
    FETCH((char *)first + known.sent); /* its other end */
    if (Py_TYPE(second) == known.slot) {
        FETCH(AT(second, known.inbox));
        FETCH(AT(second, known.agent));
    }
    PyObject *mail = Py_TYPE(third) == known.slot ? AT(third, known.inbox) : NULL;
    if (mail != NULL && Py_TYPE(mail) == known.letter)
        FETCH(PyTuple_GET_ITEM(mail, MESSAGE));
}

static PyObject *
run(Runner *self, PyObject *args)
{
    PyObject *slots, *left = NULL;
    Stretch stretch = {.unmade = 0};
    Py_ssize_t at, end;
    int failed = 0;
    if (!PyArg_ParseTuple(args, "O!nnOOO!OOOOn", &PyList_Type, &slots, &at, &end, &stretch.number, &stretch.part,
                          &PyDict_Type, &stretch.acts, &stretch.save, &stretch.key, &stretch.ctx, &stretch.end_turn,
                          &stretch.limit))
        return NULL;
    for (; at >= 0 && at < end && at < PyList_GET_SIZE(slots); at++) {
        PyObject *slot = Py_NewRef(PyList_GET_ITEM(slots, at));
        fetch_ahead(slots, at);
        int fine = prepare(&stretch, slot);
        left = fine <= 0 ? NULL : visit(self, &stretch, slot);
        Py_DECREF(slot);
        failed = fine < 0 || (fine > 0 && left == NULL);
        if (failed || fine == 0 || left != Py_None)
            break;
        Py_CLEAR(left);
    }
    Py_XDECREF(stretch.type);
    Py_XDECREF(stretch.act);
    if (failed)
        return NULL;
    return Py_BuildValue("nN", at, left != NULL ? left : Py_NewRef(stretch.unmade ? Py_False : Py_None));
}

