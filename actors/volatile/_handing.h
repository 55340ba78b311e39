/* Handing out: agents of one kind get their letters, one agent after the other, and their plain handlers run. */

#if defined(__GNUC__)
#define FETCH(place) __builtin_prefetch(place)
#else
#define FETCH(place) ((void)(place))
#endif

/* -- handing out ------------------------------------------------------------------------------ */

/* What run() is told once for all agents. */
typedef struct {
    PyObject *number, *part, *acts, *save, *key, *ctx, *end;
    Py_ssize_t limit, noted;
    PyTypeObject *type; /* of the last message, */
    PyObject *act;      /* and how it is handled */
} Scene;

/* How a plain handler takes a message: ``(function, class of the answer, type)``, borrowed from the scene. NULL, with or
   without an exception, when none does. */
static PyObject *
act_of(Scene *scene, PyObject *message)
{
    if (Py_TYPE(message) == scene->type)
        return scene->act;
    PyObject *act = PyDict_GetItemWithError(scene->acts, (PyObject *)Py_TYPE(message));
    if (act == NULL || !PyTuple_CheckExact(act) || PyTuple_GET_SIZE(act) != 3)
        return NULL;
    Py_XSETREF(scene->act, Py_NewRef(act));
    scene->type = Py_TYPE(message); /* the acts hold it */
    return act;
}

/* Whether each letter of a mailbox goes to a plain handler, and nobody waits for an answer. */
static int
all_plain(Scene *scene, PyObject *mail)
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
        if (act_of(scene, PyTuple_GET_ITEM(letter, MESSAGE)) == NULL)
            return 0;
    }
    return 1;
}

/* 1 when an agent can have its letters here, 0 when that is left to Python, -1 with an exception. */
static int
prepare(Scene *scene, PyObject *slot)
{
    if (Py_TYPE(slot) != known.slot || AT(slot, known.part) != scene->part)
        return 0;
    PyObject *mail = AT(slot, known.inbox), *notes = AT(slot, known.notes);
    if (mail == NULL || mail == Py_None || notes == NULL || Py_TYPE(notes) != &NotesType)
        return 0;
    if (AT(slot, known.busy) != Py_False || AT(slot, known.pooled) != Py_False || !all_plain(scene, mail))
        return PyErr_Occurred() ? -1 : 0;
    if (AT(slot, known.agent) == Py_None) {
        PyObject *entered = PyObject_CallMethodNoArgs(slot, enters_name);
        int fine = entered == NULL ? -1 : entered == Py_True;
        Py_XDECREF(entered);
        if (fine <= 0)
            return fine;
        mail = AT(slot, known.inbox); /* its author's code has run */
        if (mail == NULL || mail == Py_None)
            return 0;
    }
    if (scene->key == Py_None || count_of(mail) < 2)
        return 1;
    PyObject *stack[] = {Py_NewRef(mail), scene->key};
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
    int failed = 0;
    for (size_t i = 0; !failed && i < sizeof(values) / sizeof(values[0]); i++)
        failed = add_value(notes, values[i]) < 0;
    Py_DECREF(fields);
    return failed ? -1 : 0;
}

/* The exception that is set, as an object; it is set no more. */
static PyObject *
caught(void)
{
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    if (trace != NULL)
        PyException_SetTraceback(value, trace);
    Py_XDECREF(trace);
    Py_XDECREF(type);
    return value;
}

/* Let one agent handle one letter. NULL with an exception; None when the turn has ended;
   else ``(before, saved, answer, error)``, which is left to Python. */
static PyObject *
handle(Runner *self, Scene *scene, PyObject *slot, PyObject *letter, PyObject *agent)
{
    PyObject *turn = self->turn, *message = PyTuple_GET_ITEM(letter, MESSAGE), *saved = Py_NewRef(Py_None);
    PyObject *act = act_of(scene, message), *left = NULL;
    if (act == NULL) {
        Py_DECREF(saved);
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_KeyError, "a handler has vanished");
    }
    Py_INCREF(act);
    if (note((Notes *)AT(slot, known.notes), scene->number, AT(slot, known.name), letter, PyTuple_GET_ITEM(act, 2)) < 0)
        goto done;
    scene->noted++;
    put(turn, known.at_slot, slot);
    put(turn, known.at_letter, letter);
    put(turn, known.at_taint, PyTuple_GET_ITEM(letter, TAINT));
    if (scene->save != Py_None) {
        Py_SETREF(saved, PyObject_CallOneArg(scene->save, agent));
        if (saved == NULL)
            goto done;
    }
    Py_ssize_t before = PyList_GET_SIZE(self->letters);
    PyObject *stack[] = {NULL, agent, message, scene->ctx};
    PyObject *answer =
        PyObject_Vectorcall(PyTuple_GET_ITEM(act, 0), stack + 1, 3 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    PyObject *writes = AT(turn, known.writes);
    if (answer == NULL) {
        PyObject *error = caught();
        left = Py_BuildValue("nOON", before, saved, Py_None, error);
    } else if ((answer != Py_None && (PyObject *)Py_TYPE(answer) != PyTuple_GET_ITEM(act, 1)) ||
               PyList_GET_SIZE(self->letters) > scene->limit) {
        left = Py_BuildValue("nOOO", before, saved, answer, Py_None);
    } else if (writes != NULL && PyList_CheckExact(writes) && PyList_GET_SIZE(writes) > 0) {
        PyObject *ended = PyObject_CallFunctionObjArgs(scene->end, turn, answer, NULL);
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
visit(Runner *self, Scene *scene, PyObject *slot)
{
    PyObject *mail = Py_NewRef(AT(slot, known.inbox)), *agent = Py_NewRef(AT(slot, known.agent));
    PyObject *left = Py_NewRef(Py_None);
    put(slot, known.inbox, Py_None);
    for (Py_ssize_t i = 0; left == Py_None && i < count_of(mail); i++) {
        PyObject *letter = Py_NewRef(letter_of(mail, i));
        Py_SETREF(left, handle(self, scene, slot, letter, agent));
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

/* Fetch into the cache what the next agents are given, while this one works: there may be a million of them. */
static void
fetch_ahead(PyObject *slots, Py_ssize_t at)
{
    Py_ssize_t last = PyList_GET_SIZE(slots) - 1;
    PyObject *far = PyList_GET_ITEM(slots, Py_MIN(at + 12, last)), *near = PyList_GET_ITEM(slots, Py_MIN(at + 8, last));
    FETCH(far);
    if (Py_TYPE(near) != known.slot)
        return;
    FETCH(AT(near, known.inbox));
    FETCH(AT(near, known.agent));
    PyObject *next = PyList_GET_ITEM(slots, Py_MIN(at + 4, last));
    PyObject *mail = Py_TYPE(next) == known.slot ? AT(next, known.inbox) : NULL;
    if (mail != NULL && Py_TYPE(mail) == known.letter)
        FETCH(PyTuple_GET_ITEM(mail, MESSAGE));
}

static PyObject *
run(Runner *self, PyObject *args)
{
    PyObject *slots, *left = NULL;
    Scene scene = {.noted = 0};
    Py_ssize_t at, end;
    int failed = 0;
    if (!PyArg_ParseTuple(args, "O!nnOOO!OOOOn", &PyList_Type, &slots, &at, &end, &scene.number, &scene.part,
                          &PyDict_Type, &scene.acts, &scene.save, &scene.key, &scene.ctx, &scene.end, &scene.limit))
        return NULL;
    for (; at < end && at < PyList_GET_SIZE(slots); at++) {
        PyObject *slot = Py_NewRef(PyList_GET_ITEM(slots, at));
        fetch_ahead(slots, at);
        int fine = prepare(&scene, slot);
        left = fine <= 0 ? NULL : visit(self, &scene, slot);
        Py_DECREF(slot);
        failed = fine < 0 || (fine > 0 && left == NULL);
        if (failed || fine == 0 || left != Py_None)
            break;
        Py_CLEAR(left);
    }
    Py_XDECREF(scene.act);
    if (failed)
        return NULL;
    return Py_BuildValue("nnN", at, scene.noted, left == NULL ? Py_NewRef(Py_None) : left);
}

