/* The type of hands. Needs _live.h and _asking.h before it. */

static PyObject *
new_hand(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(names))
{
    PyObject *host, *parts, *places, *blank, *asked, *begin, *done;
    double few, shallow, burst;
    if (!PyArg_ParseTuple(args, "OO!O!OOOOddd", &host, &PyDict_Type, &parts, &PyDict_Type, &places, &blank, &asked,
                          &begin, &done, &few, &shallow, &burst))
        return NULL;
    if (known.slot == NULL || Py_TYPE(blank) != known.slot || known.slot->tp_dictoffset || known.slot->tp_weaklistoffset)
        return PyErr_Format(PyExc_TypeError, "a Hand needs a slot of nobody, and learn() comes first");
    Hand *made = (Hand *)type->tp_alloc(type, 0);
    if (made == NULL)
        return NULL;
    made->call = hand_call;
    made->host = Py_NewRef(host);
    made->parts = Py_NewRef(parts);
    made->blank = Py_NewRef(blank);
    made->places = Py_NewRef(places);
    made->asked = Py_NewRef(asked);
    made->begin = Py_NewRef(begin);
    made->done = Py_NewRef(done);
    made->few = few;
    made->shallow = shallow;
    made->burst = burst;
    return (PyObject *)made;
}

/* Hold this turn from now on: whatever plain handler runs has it. */
static PyObject *
hold(Hand *self, PyObject *turn)
{
    if (known.turn == NULL || Py_TYPE(turn) != known.turn)
        return PyErr_Format(PyExc_TypeError, "a Hand holds a turn, and learn() comes first");
    Py_XSETREF(self->turn, Py_NewRef(turn));
    Py_RETURN_NONE;
}

static int
hand_traverse(Hand *self, visitproc visit, void *arg)
{
    Py_VISIT(self->host);
    Py_VISIT(self->parts);
    Py_VISIT(self->blank);
    Py_VISIT(self->places);
    Py_VISIT(self->turn);
    Py_VISIT(self->asked);
    Py_VISIT(self->begin);
    Py_VISIT(self->done);
    return 0;
}

static int
hand_clear(Hand *self)
{
    Py_CLEAR(self->host);
    Py_CLEAR(self->parts);
    Py_CLEAR(self->blank);
    Py_CLEAR(self->places);
    Py_CLEAR(self->turn);
    Py_CLEAR(self->asked);
    Py_CLEAR(self->begin);
    Py_CLEAR(self->done);
    return 0;
}

static void
hand_dealloc(Hand *self)
{
    PyObject_GC_UnTrack(self);
    hand_clear(self);
    Py_TYPE(self)->tp_free(self);
}

static PyMethodDef hand_methods[] = {
    {"ask", (PyCFunction)(void (*)(void))hand_ask, METH_FASTCALL, "See `Turn.begin`."},
    {"several", (PyCFunction)(void (*)(void))hand_several, METH_FASTCALL, "See `Workers.several`."},
    {"hold", (PyCFunction)hold, METH_O, "Hold this turn from now on: whatever plain handler runs has it."},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject HandType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "stigmergy.actors.volatile._runner.Hand",
    .tp_basicsize = sizeof(Hand),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_doc = "Handles a letter for a slot; see `Host.handle`.",
    .tp_vectorcall_offset = offsetof(Hand, call),
    .tp_call = PyVectorcall_Call,
    .tp_new = new_hand,
    .tp_dealloc = (destructor)hand_dealloc,
    .tp_traverse = (traverseproc)hand_traverse,
    .tp_clear = (inquiry)hand_clear,
    .tp_methods = hand_methods,
};
