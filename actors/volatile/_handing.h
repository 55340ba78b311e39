/* Handing out: agents of one kind get their letters, one agent after the other, and their plain handlers run. */

/* -- handing out ------------------------------------------------------------------------------ */

/* Whether each letter of a mailbox goes to a plain handler, and nobody waits for an answer. */
static int
all_plain(PyObject *mail, PyObject *acts)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(mail); i++) {
        PyObject *letter = PyList_GET_ITEM(mail, i);
        if (Py_TYPE(letter) != known.letter || PyTuple_GET_ITEM(letter, ASKED) != Py_None)
            return 0;
        PyObject *talk = PyTuple_GET_ITEM(letter, TALK), *ended = NULL;
        if (Py_TYPE(talk) == known.talk)
            ended = AT(talk, known.ended);
        if (ended == NULL || !PyUnicode_Check(ended) || PyUnicode_GET_LENGTH(ended) != 0)
            return 0;
        PyObject *act = PyDict_GetItemWithError(acts, (PyObject *)Py_TYPE(PyTuple_GET_ITEM(letter, MESSAGE)));
        if (act == NULL || !PyTuple_CheckExact(act) || PyTuple_GET_SIZE(act) != 3)
            return 0;
    }
    return 1;
}

/* 1 when an agent can have its letters here, 0 when that is left to Python, -1 with an exception. */
static int
prepare(PyObject *slot, PyObject *part, PyObject *acts, PyObject *key)
{
    if (Py_TYPE(slot) != known.slot || AT(slot, known.part) != part)
        return 0;
    PyObject *mail = AT(slot, known.inbox), *notes = AT(slot, known.notes);
    if (mail == NULL || !PyList_CheckExact(mail) || notes == NULL || !PyList_CheckExact(notes))
        return 0;
    if (AT(slot, known.busy) != Py_False || AT(slot, known.pooled) != Py_False || !all_plain(mail, acts))
        return PyErr_Occurred() ? -1 : 0;
    if (AT(slot, known.agent) == Py_None) {
        PyObject *entered = PyObject_CallMethodNoArgs(slot, enters_name);
        int fine = entered == NULL ? -1 : entered == Py_True;
        Py_XDECREF(entered);
        if (fine <= 0)
            return fine;
        mail = AT(slot, known.inbox); /* its author's code has run */
        if (mail == NULL || !PyList_CheckExact(mail))
            return 0;
    }
    if (key == Py_None || PyList_GET_SIZE(mail) < 2)
        return 1;
    PyObject *stack[] = {Py_NewRef(mail), key};
    PyObject *sorted = PyObject_VectorcallMethod(sort_name, stack, 1 | PY_VECTORCALL_ARGUMENTS_OFFSET, key_names);
    Py_DECREF(mail);
    Py_XDECREF(sorted);
    return sorted == NULL ? -1 : 1;
}

/* What an agent is given is noted for the digest: round, recipient, sender, number, type, fields. */
static int
note(PyObject *notes, PyObject *number, PyObject *name, PyObject *letter, PyObject *type)
{
    PyObject *fields = PyObject_GenericGetDict(PyTuple_GET_ITEM(letter, MESSAGE), NULL);
    int failed = fields == NULL || PyList_Append(notes, number) < 0 || PyList_Append(notes, name) < 0 ||
                 PyList_Append(notes, PyTuple_GET_ITEM(letter, SENDER)) < 0 ||
                 PyList_Append(notes, PyTuple_GET_ITEM(letter, NUMBER)) < 0 || PyList_Append(notes, type) < 0 ||
                 PyList_Append(notes, fields) < 0;
    Py_XDECREF(fields);
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

/* What run() is told once for all agents. */
typedef struct {
    PyObject *number, *part, *acts, *save, *key, *ctx, *end;
    Py_ssize_t limit, noted;
} Scene;

/* Let one agent handle one letter. NULL with an exception; None when the turn has ended;
   else ``(before, saved, answer, error)``, which is left to Python. */
static PyObject *
handle(Runner *self, Scene *scene, PyObject *slot, PyObject *letter, PyObject *agent)
{
    PyObject *turn = self->turn, *message = PyTuple_GET_ITEM(letter, MESSAGE), *saved = Py_NewRef(Py_None);
    PyObject *act = PyDict_GetItemWithError(scene->acts, (PyObject *)Py_TYPE(message)), *left = NULL;
    if (act == NULL)
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_KeyError, "a handler has vanished");
    Py_INCREF(act);
    if (note(AT(slot, known.notes), scene->number, AT(slot, known.name), letter, PyTuple_GET_ITEM(act, 2)) < 0)
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
    for (Py_ssize_t i = 0; left == Py_None && i < PyList_GET_SIZE(mail); i++) {
        PyObject *letter = Py_NewRef(PyList_GET_ITEM(mail, i));
        Py_SETREF(left, handle(self, scene, slot, letter, agent));
        Py_DECREF(letter);
        if (left != NULL && left != Py_None) {
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

static PyObject *
run(Runner *self, PyObject *args)
{
    PyObject *slots, *left = NULL;
    Scene scene = {.noted = 0};
    Py_ssize_t at, end;
    if (!PyArg_ParseTuple(args, "O!nnOOO!OOOOn", &PyList_Type, &slots, &at, &end, &scene.number, &scene.part,
                          &PyDict_Type, &scene.acts, &scene.save, &scene.key, &scene.ctx, &scene.end, &scene.limit))
        return NULL;
    for (; at < end && at < PyList_GET_SIZE(slots); at++) {
        PyObject *slot = Py_NewRef(PyList_GET_ITEM(slots, at));
        int fine = prepare(slot, scene.part, scene.acts, scene.key);
        left = fine <= 0 ? NULL : visit(self, &scene, slot);
        Py_DECREF(slot);
        if (fine < 0 || (fine > 0 && left == NULL))
            return NULL;
        if (fine == 0 || left != Py_None)
            break;
        Py_CLEAR(left);
    }
    return Py_BuildValue("nnN", at, scene.noted, left == NULL ? Py_NewRef(Py_None) : left);
}

