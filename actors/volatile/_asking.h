/* Asking: a question that is answered where it is asked. Needs _births.h and _live.h before it. */

/* Whether a question needs no look, no pause, no payment from elsewhere, and finds an agent here that is free. */
static int
is_easy(Hand *self, PyObject *turn, PyObject *place)
{
    PyObject *slot = AT(turn, known.at_slot), *own = AT(turn, known.at_letter), *talk;
    if (Py_TYPE(place) != known.slot || Py_TYPE(slot) != known.slot || Py_TYPE(own) != known.letter || !is_free(place))
        return 0;
    PyObject *part = AT(place, known.part);
    talk = PyTuple_GET_ITEM(own, TALK);
    if (Py_TYPE(part) != known.part_type || AT(part, known.plain) != Py_True || !is_in_order(talk))
        return 0;
    PyObject *hops = PyTuple_GET_ITEM(own, HOPS);
    long asked = number_in(turn, known.asks), messages = number_in(talk, known.messages);
    if (!PyLong_CheckExact(hops) || asked < 0 || messages < 0 || (double)PyLong_AsLong(hops) >= self->shallow ||
        (double)(messages + 1) > self->burst || ((double)(asked + 1) > self->few && AT(turn, known.probe) == Py_None))
        return PyErr_Occurred() ? -1 : 0;
    return has(self->host, stopped_name, Py_None);
}

/* The place that an address means, a new reference; None when Python is to find out. */
static PyObject *
home_of(Hand *self, PyObject *turn, PyObject *to)
{
    PyObject *slot = AT(turn, known.at_slot);
    int live = !PyUnicode_CheckExact(to) || Py_TYPE(slot) != known.slot ? 0 : has(self->host, inline_name, Py_True);
    if (live <= 0)
        return live < 0 ? NULL : Py_NewRef(Py_None);
    PyObject *place = PyDict_GetItemWithError(self->places, to);
    if (place == NULL && !PyErr_Occurred())
        return settle(self, to, AT(slot, known.name));
    return Py_XNewRef(place);
}

/* The turn's next letter, which is a question. */
static PyObject *
write_question(Hand *self, PyObject *turn, PyObject *message)
{
    PyObject *asked = PyObject_CallNoArgs(self->asked);
    PyObject *letter = asked == NULL ? NULL : write_letter(turn, message);
    if (letter == NULL) {
        Py_XDECREF(asked);
        return NULL;
    }
    Py_DECREF(PyTuple_GET_ITEM(letter, ASKED));
    PyTuple_SET_ITEM(letter, ASKED, asked);
    PyObject_GC_Track(letter);
    return letter;
}

/* Ask the watchdog's probe, once a turn has asked much. */
static int
is_looked_at(Hand *self, PyObject *turn, PyObject *place, PyObject *letter, PyObject *message)
{
    if ((double)number_in(turn, known.asks) <= self->few)
        return 0;
    PyObject *same = PyObject_CallMethodObjArgs(AT(turn, known.probe), again_name, place, message, NULL);
    if (same == NULL)
        return -1;
    double often = PyLong_AsDouble(same);
    PyObject *looked = Py_NewRef(Py_None);
    if (often > self->few) {
        PyObject *office = PyObject_GetAttr(self->host, office_name);
        Py_SETREF(looked, office == NULL ? NULL
                                         : PyObject_CallMethodObjArgs(office, check_name, AT(place, known.name), letter,
                                                                      same, NULL));
        Py_XDECREF(office);
    }
    Py_DECREF(same);
    Py_XDECREF(looked);
    return looked == NULL ? -1 : 0;
}

/* ``(answer or None, place, question)``, see Turn.begin; place and question are None when there is an answer. */
static PyObject *
hand_ask(Hand *self, PyObject *const *args, Py_ssize_t given)
{
    if (given != 3 || Py_TYPE(args[0]) != known.turn)
        return PyErr_Format(PyExc_TypeError, "ask() takes a turn, an address and a message");
    PyObject *turn = args[0], *to = args[1], *message = args[2], *letter = NULL, *rest = NULL, *found = NULL;
    PyObject *place = home_of(self, turn, to);
    if (place == NULL)
        return NULL;
    int easy = is_message(message) ? is_easy(self, turn, place) : 0;
    if (easy > 0)
        easy = pay_one(AT(turn, known.at_slot));
    if (easy == 0) {
        Py_DECREF(place);
        return PyObject_CallFunctionObjArgs(self->begin, turn, to, message, NULL);
    }
    PyObject *talk = easy < 0 ? NULL : PyTuple_GET_ITEM(AT(turn, known.at_letter), TALK);
    if (easy > 0 && set_number(turn, known.asks, number_in(turn, known.asks) + 1) == 0 &&
        set_number(talk, known.messages, number_in(talk, known.messages) + 1) == 0)
        letter = write_question(self, turn, message);
    if (letter != NULL && is_looked_at(self, turn, place, letter, message) == 0)
        rest = take(self, place, letter, &found);
    PyObject *result = NULL;
    if (rest != NULL && found != NULL)
        result = PyTuple_Pack(3, found, Py_None, Py_None);
    else if (rest != NULL) {
        PyObject *spawned = rest == Py_None ? Py_NewRef(Py_None)
                                            : PyObject_CallMethodObjArgs(self->host, spawn_name, rest, NULL);
        PyObject *asked = PyTuple_GET_ITEM(letter, ASKED), *held = PyObject_GetAttr(asked, found_name);
        if (spawned != NULL && held != NULL)
            result = PyTuple_Pack(3, held, place, asked);
        Py_XDECREF(held);
        Py_XDECREF(spawned);
    }
    Py_XDECREF(found);
    Py_XDECREF(rest);
    Py_XDECREF(letter);
    Py_DECREF(place);
    return result;
}
