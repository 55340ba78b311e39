/* Reading: heads and columns as letters, and each where it goes. What is read comes from another process. */

/* An item of a list by its number, which is another list's item; borrowed. */
static PyObject *
at(PyObject *list, PyObject *number)
{
    Py_ssize_t n = PyLong_CheckExact(number) ? PyLong_AsSsize_t(number) : -1;
    if (PyErr_Occurred() || n < 0 || n >= PyList_GET_SIZE(list)) {
        PyErr_SetString(PyExc_IndexError, "a number that stands for nothing");
        return NULL;
    }
    return PyList_GET_ITEM(list, n);
}

/* A list of so many items, or of any number of them (-1). */
static int
is_list(PyObject *value, Py_ssize_t many)
{
    if (PyList_CheckExact(value) && (many < 0 || PyList_GET_SIZE(value) == many))
        return 1;
    PyErr_SetString(PyExc_TypeError, "not a list of the right length");
    return 0;
}

/* The fields that letters of one head have in common, as a tuple. */
static PyObject *
read_head(PyObject *head, PyObject *known)
{
    if (!is_list(head, HEAD))
        return NULL;
    PyObject *met = PyTuple_New(HEAD);
    for (int i = 0; met != NULL && i < HEAD; i++) {
        PyObject *item = PyList_GET_ITEM(head, i);
        if (i == H_TAINT)
            item = PySequence_Tuple(item);
        else
            item = Py_XNewRef(i == H_CAUSE || i == H_HOPS ? item : at(known, item));
        PyTuple_SET_ITEM(met, i, item);
        if (item == NULL)
            Py_CLEAR(met);
    }
    return met;
}

/* A letter; `asked` and `message` are given up. */
static PyObject *
read_letter(PyObject *met, PyObject *message, PyObject *number, PyObject *asked)
{
    PyObject *letter = (PyObject *)PyObject_GC_NewVar(PyTupleObject, letter_type, FIELDS);
    if (letter == NULL) {
        Py_DECREF(message);
        Py_DECREF(asked);
        return NULL;
    }
    PyTuple_SET_ITEM(letter, MESSAGE, message);
    PyTuple_SET_ITEM(letter, NUMBER, Py_NewRef(number));
    PyTuple_SET_ITEM(letter, ASKED, asked);
    for (int i = 0; i < HEAD; i++)
        PyTuple_SET_ITEM(letter, field_of[i], Py_NewRef(PyTuple_GET_ITEM(met, i)));
    if (asked != Py_None) /* a letter without a question is part of no cycle: nothing that it holds gets to know of it */
        PyObject_GC_Track(letter);
    return letter;
}

/* The next message of a kind, a new reference. */
static PyObject *
next_of(PyObject *messages, Py_ssize_t *taken, PyObject *kind)
{
    Py_ssize_t n = PyLong_CheckExact(kind) ? PyLong_AsSsize_t(kind) : -1;
    if (!PyErr_Occurred() && n >= 0 && n < PyList_GET_SIZE(messages)) {
        PyObject *those = PyList_GET_ITEM(messages, n);
        if (!is_list(those, -1))
            return NULL;
        if (taken[n] < PyList_GET_SIZE(those))
            return Py_NewRef(PyList_GET_ITEM(those, taken[n]++));
    }
    PyErr_SetString(PyExc_IndexError, "more letters than bodies");
    return NULL;
}

static PyObject *
read_all(PyObject *met, PyObject *cols, PyObject *known, PyObject *messages, Py_ssize_t *taken, PyObject *inquire)
{
    Py_ssize_t many = PyList_GET_SIZE(PyList_GET_ITEM(cols, IN_HEAD));
    PyObject *letters = PyList_New(0);
    for (Py_ssize_t i = 0; letters != NULL && i < many; i++) {
        PyObject *item[COLUMNS], *letter = NULL;
        for (int c = 0; c < COLUMNS; c++)
            item[c] = Py_NewRef(PyList_GET_ITEM(PyList_GET_ITEM(cols, c), i));
        PyObject *head = at(met, item[IN_HEAD]), *to = head == NULL ? NULL : at(known, item[TO]);
        int asks = to == NULL ? -1 : PyObject_IsTrue(item[TICKET]);
        PyObject *asked = asks < 0 ? NULL
                          : asks   ? PyObject_CallFunctionObjArgs(inquire, item[TICKET], item[PATIENCE], NULL)
                                   : Py_NewRef(Py_None);
        PyObject *message = asked == NULL ? NULL : next_of(messages, taken, item[KIND]);
        if (message == NULL)
            Py_XDECREF(asked);
        else
            letter = read_letter(head, message, item[NUMBERS], asked);
        PyObject *arrived = letter == NULL ? NULL : PyTuple_Pack(3, to, letter, item[PATIENCE]);
        if (arrived == NULL || PyList_Append(letters, arrived) < 0)
            Py_CLEAR(letters);
        Py_XDECREF(arrived);
        Py_XDECREF(letter);
        for (int c = 0; c < COLUMNS; c++)
            Py_DECREF(item[c]);
    }
    return letters;
}

static PyObject *
letters(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *heads, *cols, *known, *messages, *inquire, *found = NULL;
    if (!PyArg_ParseTuple(args, "O!O!O!O!O", &PyList_Type, &heads, &PyList_Type, &cols, &PyList_Type, &known, &PyList_Type,
                          &messages, &inquire) ||
        !is_list(cols, COLUMNS))
        return NULL;
    for (int c = 0; c < COLUMNS; c++)
        if (!is_list(PyList_GET_ITEM(cols, c), -1) ||
            !is_list(PyList_GET_ITEM(cols, c), PyList_GET_SIZE(PyList_GET_ITEM(cols, IN_HEAD))))
            return NULL;
    PyObject *met = PyList_New(0);
    for (Py_ssize_t i = 0; met != NULL && i < PyList_GET_SIZE(heads); i++) {
        PyObject *head = read_head(PyList_GET_ITEM(heads, i), known);
        if (head == NULL || PyList_Append(met, head) < 0)
            Py_CLEAR(met);
        Py_XDECREF(head);
    }
    if (met == NULL)
        return NULL;
    Py_ssize_t *taken = PyMem_Calloc(PyList_GET_SIZE(messages) + 1, sizeof(Py_ssize_t));
    if (taken != NULL)
        found = read_all(met, cols, known, messages, taken, inquire);
    else
        PyErr_NoMemory();
    PyObject *counts = found == NULL ? NULL : PyList_New(PyList_GET_SIZE(messages));
    for (Py_ssize_t i = 0; counts != NULL && i < PyList_GET_SIZE(counts); i++) {
        PyObject *count = PyLong_FromSsize_t(taken[i]);
        PyList_SET_ITEM(counts, i, count);
        if (count == NULL)
            Py_CLEAR(counts);
    }
    PyMem_Free(taken);
    Py_DECREF(met);
    PyObject *both = counts == NULL ? NULL : PyTuple_Pack(2, found, counts);
    Py_XDECREF(counts);
    Py_XDECREF(found);
    return both;
}

/* Whether a letter can be put to an agent as it is: one whose mailbox is empty, and whose sender waits for no word of it. */
static int
is_simple(PyObject *place, PyObject *patience)
{
    if (place == NULL || Py_TYPE(place) != slot_type || *(PyObject **)((char *)place + mail_at) != Py_None)
        return 0;
    return PyLong_CheckExact(patience) ? 1 : PyFloat_CheckExact(patience) && PyFloat_AS_DOUBLE(patience) >= 0;
}

static PyObject *
deliver(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *arrived, *places, *put, *other;
    if (!PyArg_ParseTuple(args, "O!O!OO", &PyList_Type, &arrived, &PyDict_Type, &places, &put, &other))
        return NULL;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(arrived); i++) {
        PyObject *one = Py_NewRef(PyList_GET_ITEM(arrived, i)), *done = NULL;
        if (!PyTuple_CheckExact(one) || PyTuple_GET_SIZE(one) != 3) {
            PyErr_SetString(PyExc_TypeError, "not what letters() returns");
            Py_DECREF(one);
            return NULL;
        }
        PyObject *place = PyDict_GetItemWithError(places, PyTuple_GET_ITEM(one, 0));
        if (is_simple(place, PyTuple_GET_ITEM(one, 2))) {
            PyObject *pair = PyTuple_Pack(2, place, PyTuple_GET_ITEM(one, 1));
            done = pair == NULL ? NULL : PyObject_CallOneArg(put, pair);
            Py_XDECREF(pair);
        }
        else if (!PyErr_Occurred())
            done = PyObject_Call(other, one, NULL);
        Py_DECREF(one);
        if (done == NULL)
            return NULL;
        Py_DECREF(done);
    }
    Py_RETURN_NONE;
}
