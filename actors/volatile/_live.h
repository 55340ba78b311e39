/* A live host: one letter is handled where it is taken. Needs _births.h before it.

   This does the common case: an agent that is free, a plain handler, an answer of the declared class, nothing that is
   sent or written. Whatever else comes is left to Host.handle and Host.finish. */

/* Whether an agent is free to take a letter now. */
static int
is_free(PyObject *slot)
{
    return AT(slot, known.busy) == Py_False && AT(slot, known.mail) == Py_None && AT(slot, known.pooled) == Py_False;
}

static int
is_in_order(PyObject *talk)
{
    PyObject *ended = Py_TYPE(talk) == known.talk ? AT(talk, known.ended) : NULL;
    return ended != NULL && PyUnicode_CheckExact(ended) && PyUnicode_GET_LENGTH(ended) == 0;
}

/* How an agent handles a letter, if that is a plain handler that can run now; a new reference. NULL, with or without an
   exception, when it is not. */
static PyObject *
plain_act(PyObject *slot, PyObject *letter)
{
    if (Py_TYPE(slot) != known.slot || Py_TYPE(letter) != known.letter || !is_free(slot) ||
        !is_in_order(PyTuple_GET_ITEM(letter, TALK)))
        return NULL;
    PyObject *part = AT(slot, known.part), *acts = Py_TYPE(part) == known.part_type ? AT(part, known.acts) : NULL;
    if (acts == NULL || !PyDict_CheckExact(acts) || AT(part, known.save) == NULL || AT(part, known.allowance) == NULL)
        return NULL;
    PyObject *act = PyDict_GetItemWithError(acts, (PyObject *)Py_TYPE(PyTuple_GET_ITEM(letter, MESSAGE)));
    if (act == NULL || Py_TYPE(act) != known.act || AT(act, known.suspends) != Py_False ||
        AT(act, known.function) == NULL)
        return NULL;
    return Py_NewRef(act);
}

/* A whole number among the attributes of an object; -1 when it is none, or too large. */
static long
number_in(PyObject *object, Py_ssize_t at)
{
    PyObject *value = AT(object, at);
    int overflow = 0;
    return value != NULL && PyLong_CheckExact(value) ? PyLong_AsLongAndOverflow(value, &overflow) : -1;
}

static int
set_number(PyObject *object, Py_ssize_t at, long value)
{
    PyObject *number = PyLong_FromLong(value);
    if (number == NULL)
        return -1;
    put(object, at, number);
    Py_DECREF(number);
    return 0;
}

/* Takes a message from an agent's allowance; 0 when it has none, -1 with an exception. */
static int
pay_one(PyObject *slot)
{
    PyObject *allowance = AT(AT(slot, known.part), known.allowance);
    long left = Py_TYPE(allowance) == known.allowance_type ? number_in(allowance, known.left) : 0;
    if (left < 1)
        return 0;
    return set_number(allowance, known.left, left - 1) < 0 ? -1 : 1;
}

/* The end of a turn, for which Python is asked: Host.finish. */
static PyObject *
finish(Hand *self, PyObject *slot, PyObject *letter, PyObject *saved, PyObject *answer, PyObject *error)
{
    return PyObject_CallMethodObjArgs(self->host, finish_name, slot, letter, saved, answer, error, NULL);
}

/* Let a handler run, and end its turn. What it answers is put into `found`, if that is wanted. */
static PyObject *
play(Hand *self, PyObject *slot, PyObject *letter, PyObject *act, PyObject *agent, PyObject **found)
{
    PyObject *turn = self->turn, *save = AT(AT(slot, known.part), known.save), *ctx = Py_XNewRef(AT(turn, known.ctx));
    PyObject *saved = NULL, *answer = NULL, *rest = NULL;
    put(turn, known.at_slot, slot);
    put(turn, known.at_letter, letter);
    put(turn, known.at_taint, PyTuple_GET_ITEM(letter, TAINT));
    saved = save == Py_None ? Py_NewRef(Py_None) : PyObject_CallOneArg(save, agent);
    if (saved != NULL) {
        PyObject *stack[] = {NULL, agent, PyTuple_GET_ITEM(letter, MESSAGE), ctx};
        size_t many = AT(act, known.takes_context) == Py_True ? 3 : 2;
        answer = PyObject_Vectorcall(AT(act, known.function), stack + 1, many | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    }
    if (answer == NULL) {
        PyObject *error = caught();
        rest = finish(self, slot, letter, saved == NULL ? Py_None : saved, Py_None, error);
        Py_XDECREF(error);
        goto done;
    }
    PyObject *sends = AT(turn, known.sends), *writes = AT(turn, known.writes), *asked = PyTuple_GET_ITEM(letter, ASKED);
    int simple = sends != NULL && writes != NULL && (answer == Py_None || (PyObject *)Py_TYPE(answer) == AT(act, known.returns)) &&
                 PyList_CheckExact(sends) && PyList_GET_SIZE(sends) == 0 && PyList_CheckExact(writes) &&
                 PyList_GET_SIZE(writes) == 0;
    if (simple && asked != Py_None)
        simple = pay_one(slot);
    if (simple < 0)
        goto done;
    if (!simple)
        rest = finish(self, slot, letter, saved, answer, Py_None);
    else if (asked == Py_None)
        rest = Py_NewRef(Py_None);
    else if (found != NULL) {
        *found = PyTuple_Pack(2, answer == Py_None ? self->done : answer, AT(turn, known.at_taint));
        rest = *found == NULL ? NULL : Py_NewRef(Py_None);
    }
    else {
        PyObject *player = PyObject_GetAttr(self->host, player_name);
        if (player != NULL)
            rest = PyObject_CallMethodObjArgs(player, reply_name, slot, letter, AT(turn, known.at_taint), answer, NULL);
        Py_XDECREF(player);
    }
done:
    Py_XDECREF(answer);
    Py_XDECREF(saved);
    Py_XDECREF(ctx);
    return rest;
}

/* Handle a letter, or leave it to Host.handle. What is returned is None, or must be awaited. */
static PyObject *
take(Hand *self, PyObject *slot, PyObject *letter, PyObject **found)
{
    if (self->turn == NULL)
        return PyErr_Format(PyExc_TypeError, "a Hand needs a turn to hold");
    PyObject *act = plain_act(slot, letter), *rest = NULL;
    int ready = act == NULL ? 0 : AT(slot, known.agent) != Py_None ? 1 : enter(slot);
    if (ready > 0 && is_free(slot)) { /* its author's code has run */
        PyObject *agent = Py_NewRef(AT(slot, known.agent)), *turn = Py_NewRef(self->turn);
        rest = play(self, slot, letter, act, agent, found);
        Py_DECREF(turn);
        Py_DECREF(agent);
    }
    else if (ready == UNMADE) {
        PyObject *player = PyObject_GetAttr(self->host, player_name);
        rest = player == NULL ? NULL : PyObject_CallMethodObjArgs(player, occupy_name, slot, letter, NULL);
        Py_XDECREF(player);
    }
    else if (!PyErr_Occurred())
        rest = PyObject_CallMethodObjArgs(self->host, handle_name, slot, letter, NULL);
    Py_XDECREF(act);
    return rest;
}

static PyObject *
hand_call(PyObject *self, PyObject *const *args, size_t given, PyObject *names)
{
    if (PyVectorcall_NARGS(given) != 2 || names != NULL)
        return PyErr_Format(PyExc_TypeError, "a letter is handled for a slot");
    return take((Hand *)self, args[0], args[1], NULL);
}

/* How many letters ahead the places of one are fetched into the cache, and then what those point at. */
enum { NEAR = 4, AHEAD = 8 };

/* What waits in the queue at a place, if that is a letter for an agent; a new reference. */
static PyObject *
coming(PyObject *ready, Py_ssize_t at, Py_ssize_t many)
{
    PyObject *pair = at < many ? PySequence_GetItem(ready, at) : NULL;
    if (pair != NULL && PyTuple_CheckExact(pair) && PyTuple_GET_SIZE(pair) == 2 &&
        Py_TYPE(PyTuple_GET_ITEM(pair, 1)) == known.letter)
        return pair;
    Py_XDECREF(pair);
    PyErr_Clear();
    return NULL;
}

/* There may be a million letters in the queue, and as many agents: fetch what comes while something else is handled. */
static void
fetch_coming(PyObject *ready, Py_ssize_t many)
{
    PyObject *far = coming(ready, AHEAD, many), *near = coming(ready, NEAR, many);
    if (far != NULL) {
        FETCH(PyTuple_GET_ITEM(far, 0));
        FETCH(PyTuple_GET_ITEM(far, 1));
    }
    if (near != NULL) {
        PyObject *slot = PyTuple_GET_ITEM(near, 0);
        FETCH(PyTuple_GET_ITEM(PyTuple_GET_ITEM(near, 1), MESSAGE));
        if (Py_TYPE(slot) == known.slot)
            FETCH(AT(slot, known.agent));
    }
    Py_XDECREF(near);
    Py_XDECREF(far);
}

/* The first letter of the queue, a new reference; a post is replaced by a letter for each follower before. */
static PyObject *
first_of(Hand *self, PyObject *ready)
{
    PyObject *pair = PyObject_CallMethodNoArgs(ready, popleft_name);
    if (pair == NULL || (PyTuple_CheckExact(pair) && PyTuple_GET_SIZE(pair) == 2 && !PyList_CheckExact(PyTuple_GET_ITEM(pair, 0))))
        return pair;
    PyObject *done = PyTuple_CheckExact(pair) ? PyObject_CallMethodObjArgs(self->host, unfold_name, pair, NULL) : NULL;
    if (done == NULL && !PyErr_Occurred())
        PyErr_SetString(PyExc_TypeError, "what waits in the queue is no letter");
    Py_DECREF(pair);
    Py_XDECREF(done);
    return done == NULL ? NULL : PyObject_CallMethodNoArgs(ready, popleft_name);
}

/* ``(how many letters were handled, what the last of them waits for or None)``, see Workers.several. */
static PyObject *
hand_several(Hand *self, PyObject *const *args, Py_ssize_t given)
{
    long most = given == 2 ? PyLong_AsLong(args[1]) : -1, done = 0;
    if (most < 0)
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "several() takes a queue and a number");
    PyObject *ready = args[0], *rest = Py_NewRef(Py_None);
    while (rest == Py_None && done < most) {
        Py_ssize_t many = PyObject_Size(ready);
        int goes_on = many < 0 ? -1 : many == 0 ? 0 : has(self->host, stopped_name, Py_None);
        if (goes_on == 0)
            break;
        PyObject *pair = NULL;
        if (goes_on > 0) {
            fetch_coming(ready, many);
            pair = first_of(self, ready);
        }
        Py_SETREF(rest, pair == NULL ? NULL : take(self, PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1), NULL));
        Py_XDECREF(pair);
        done++;
    }
    return rest == NULL ? NULL : Py_BuildValue("lN", done, rest);
}
