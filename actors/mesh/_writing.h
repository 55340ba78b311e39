/* Writing: letters as heads and columns. */

typedef struct {
    PyObject *words, *fresh, *meet, *ticket, *order;
    double now;
    PyObject *heads, *columns;
} Sheet;

/* The number of a word, which is told to the other end if it is new; a new reference. */
static PyObject *
number_of(Sheet *sheet, PyObject *key, PyObject *word)
{
    PyObject *number = PyDict_GetItemWithError(sheet->words, key);
    if (number != NULL || PyErr_Occurred())
        return Py_XNewRef(number);
    number = PyLong_FromSsize_t(PyDict_GET_SIZE(sheet->words));
    if (number != NULL && (PyDict_SetItem(sheet->words, key, number) < 0 || PyList_Append(sheet->fresh, word) < 0))
        Py_CLEAR(number);
    return number;
}

static PyObject *
number_of_talk(Sheet *sheet, PyObject *talk)
{
    PyObject *number = PyDict_GetItemWithError(sheet->words, talk);
    if (number != NULL || PyErr_Occurred())
        return Py_XNewRef(number);
    PyObject *parts = PyObject_CallOneArg(sheet->meet, talk);
    number = parts == NULL ? NULL : number_of(sheet, talk, parts);
    Py_XDECREF(parts);
    return number;
}

/* Whether two letters have the same head. */
static int
alike(PyObject *one, PyObject *other)
{
    for (int i = 0; i < HEAD; i++) {
        PyObject *a = PyTuple_GET_ITEM(one, field_of[i]), *b = PyTuple_GET_ITEM(other, field_of[i]);
        if (a != b && ((i != H_CAUSE && i != H_HOPS) || PyObject_RichCompareBool(a, b, Py_EQ) != 1))
            return 0;
    }
    return 1;
}

static int
add_head(Sheet *sheet, PyObject *letter)
{
    PyObject *head = PyList_New(HEAD);
    int failed = head == NULL;
    for (int i = 0; !failed && i < HEAD; i++) {
        PyObject *field = PyTuple_GET_ITEM(letter, field_of[i]), *number;
        if (i == H_CAUSE || i == H_HOPS || i == H_TAINT)
            number = Py_NewRef(field);
        else
            number = i == H_TALK ? number_of_talk(sheet, field) : number_of(sheet, field, field);
        failed = number == NULL;
        PyList_SET_ITEM(head, i, number);
    }
    failed = failed || PyList_Append(sheet->heads, head) < 0;
    Py_XDECREF(head);
    return failed ? -1 : 0;
}

/* Put a value into a column and give up the reference. */
static int
add(Sheet *sheet, int column, PyObject *value)
{
    int failed = value == NULL || PyList_Append(PyList_GET_ITEM(sheet->columns, column), value) < 0;
    Py_XDECREF(value);
    return failed ? -1 : 0;
}

/* For how much longer an answer is awaited. */
static PyObject *
patience_of(Sheet *sheet, PyObject *asked)
{
    PyObject *deadline = PyObject_GetAttr(asked, deadline_name);
    double until = deadline == NULL ? -1.0 : PyFloat_AsDouble(deadline);
    Py_XDECREF(deadline);
    if (PyErr_Occurred())
        return NULL;
    return PyFloat_FromDouble(until > 0 ? Py_MAX(0.0, until - sheet->now) : until);
}

static int
add_letter(Sheet *sheet, PyObject *outgoing, PyObject *letter)
{
    PyObject *name = PyTuple_GET_ITEM(outgoing, 0), *asked = PyTuple_GET_ITEM(letter, ASKED);
    PyObject *kind = PyDict_GetItemWithError(sheet->order, (PyObject *)Py_TYPE(PyTuple_GET_ITEM(letter, MESSAGE)));
    if (kind == NULL)
        return PyErr_Occurred() ? -1 : (PyErr_SetString(PyExc_KeyError, "a message of no class that is sent"), -1);
    if (add(sheet, IN_HEAD, PyLong_FromSsize_t(PyList_GET_SIZE(sheet->heads) - 1)) < 0 ||
        add(sheet, TO, number_of(sheet, name, name)) < 0 || add(sheet, KIND, Py_NewRef(kind)) < 0 ||
        add(sheet, NUMBERS, Py_NewRef(PyTuple_GET_ITEM(letter, NUMBER))) < 0)
        return -1;
    if (asked == Py_None)
        return add(sheet, TICKET, Py_NewRef(zero)) < 0 ? -1 : add(sheet, PATIENCE, Py_NewRef(zero));
    return add(sheet, TICKET, PyObject_CallOneArg(sheet->ticket, outgoing)) < 0
               ? -1
               : add(sheet, PATIENCE, patience_of(sheet, asked));
}

static PyObject *
columns(PyObject *Py_UNUSED(module), PyObject *args)
{
    Sheet sheet = {0};
    PyObject *letters, *last = NULL;
    if (!PyArg_ParseTuple(args, "O!O!O!O!OOd", &PyList_Type, &letters, &PyDict_Type, &sheet.order, &PyDict_Type,
                          &sheet.words, &PyList_Type, &sheet.fresh, &sheet.meet, &sheet.ticket, &sheet.now))
        return NULL;
    sheet.heads = PyList_New(0);
    sheet.columns = PyList_New(COLUMNS);
    int failed = sheet.heads == NULL || sheet.columns == NULL;
    for (int i = 0; !failed && i < COLUMNS; i++) {
        PyObject *column = PyList_New(0);
        failed = column == NULL;
        PyList_SET_ITEM(sheet.columns, i, column);
    }
    for (Py_ssize_t i = 0; !failed && i < PyList_GET_SIZE(letters); i++) {
        PyObject *outgoing = Py_NewRef(PyList_GET_ITEM(letters, i)), *letter = NULL;
        if (!PyTuple_Check(outgoing) || PyTuple_GET_SIZE(outgoing) != 2 ||
            Py_TYPE(letter = PyTuple_GET_ITEM(outgoing, 1)) != letter_type) {
            PyErr_SetString(PyExc_TypeError, "not a letter and its recipient");
            failed = 1;
        }
        else {
            if (last == NULL || !alike(last, letter))
                failed = PyErr_Occurred() != NULL || add_head(&sheet, letter) < 0;
            failed = failed || add_letter(&sheet, outgoing, letter) < 0;
            Py_XSETREF(last, Py_NewRef(letter));
        }
        Py_DECREF(outgoing);
    }
    PyObject *made = failed ? NULL : PyTuple_Pack(2, sheet.heads, sheet.columns);
    Py_XDECREF(last);
    Py_XDECREF(sheet.heads);
    Py_XDECREF(sheet.columns);
    return made;
}
