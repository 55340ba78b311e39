/* What each letter costs, where there is a compiler: the same as in delivery.py, sorting.py and round_context.py for
   rounds, and in host.py and turn.py for live hosts.

   `Runner.run` hands out letters and calls plain handlers, `Runner.tell` is what those send with, `sort` puts letters
   into inboxes, and `Notes` are what the digest sees of them; a `Hand` handles a letter of a live host, and `Hand.ask`
   asks. Each does the common case alone and leaves everything else to the Python beside it.

   The rules of this file: public C API only; attributes of classes with __slots__ are read where their descriptors
   say that they are; no borrowed reference across a call that can run Python code. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "_fields.h"
#include "_letters.h"
#include "_notes.h"
#include "_handing.h"
#include "_births.h"
#include "_live.h"
#include "_asking.h"
#include "_hand.h"

/* -- the module ------------------------------------------------------------------------------- */

static PyObject *
new_runner(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(names))
{
    PyObject *turn, *places, *find, *to, *letters;
    if (!PyArg_ParseTuple(args, "OO!OO!O!", &turn, &PyDict_Type, &places, &find, &PyList_Type, &to, &PyList_Type,
                          &letters))
        return NULL;
    if (known.turn == NULL || Py_TYPE(turn) != known.turn)
        return PyErr_Format(PyExc_TypeError, "a Runner is for a turn, and learn() comes first");
    Runner *made = (Runner *)type->tp_alloc(type, 0);
    if (made == NULL)
        return NULL;
    made->turn = Py_NewRef(turn);
    made->places = Py_NewRef(places);
    made->find = Py_NewRef(find);
    made->to = Py_NewRef(to);
    made->letters = Py_NewRef(letters);
    return (PyObject *)made;
}

static int
traverse(Runner *self, visitproc visit, void *arg)
{
    Py_VISIT(self->turn);
    Py_VISIT(self->places);
    Py_VISIT(self->find);
    Py_VISIT(self->to);
    Py_VISIT(self->letters);
    Py_VISIT(self->later);
    return 0;
}

static int
clear(Runner *self)
{
    Py_CLEAR(self->turn);
    Py_CLEAR(self->places);
    Py_CLEAR(self->find);
    Py_CLEAR(self->to);
    Py_CLEAR(self->letters);
    Py_CLEAR(self->later);
    return 0;
}

static void
dealloc(Runner *self)
{
    PyObject_GC_UnTrack(self);
    clear(self);
    Py_TYPE(self)->tp_free(self);
}

static PyMethodDef runner_methods[] = {
    {"tell", (PyCFunction)(void (*)(void))tell, METH_FASTCALL | METH_KEYWORDS, "See `Context.tell`."},
    {"run", (PyCFunction)run, METH_VARARGS, "Hand out letters to agents, one after the other."},
    {"detach", (PyCFunction)detach, METH_O, "From now on, tell with this."},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject RunnerType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "stigmergy.actors.volatile._runner.Runner",
    .tp_basicsize = sizeof(Runner),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "What plain handlers of one turn run with.",
    .tp_new = new_runner,
    .tp_dealloc = (destructor)dealloc,
    .tp_traverse = (traverseproc)traverse,
    .tp_clear = (inquiry)clear,
    .tp_methods = runner_methods,
};

static PyObject *
learn(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyTypeObject *slot, *turn, *letter, *talk, *part, *act, *allowance, *kind;
    PyObject *check;
    if (!PyArg_ParseTuple(args, "O!O!O!O!O!O!O!O!O", &PyType_Type, &slot, &PyType_Type, &turn, &PyType_Type, &letter,
                          &PyType_Type, &talk, &PyType_Type, &part, &PyType_Type, &act, &PyType_Type, &allowance,
                          &PyType_Type, &kind, &check))
        return NULL;
    if (!PyType_IsSubtype(letter, &PyTuple_Type))
        return PyErr_Format(PyExc_TypeError, "letters are tuples");
    struct {
        PyTypeObject *type;
        const char *name;
        Py_ssize_t *at;
    } wanted[] = {
        {slot, "name", &known.name},         {slot, "part", &known.part},         {slot, "agent", &known.agent},
        {slot, "busy", &known.busy},         {slot, "mail", &known.mail},         {slot, "pooled", &known.pooled},
        {slot, "inbox", &known.inbox},       {slot, "notes", &known.notes},       {slot, "sent", &known.sent},
        {slot, "last_to", &known.last_to},   {slot, "last_place", &known.last_place},
        {slot, "kept", &known.kept},
        {turn, "slot", &known.at_slot},      {turn, "letter", &known.at_letter},  {turn, "taint", &known.at_taint},
        {turn, "sends", &known.sends},       {turn, "writes", &known.writes},     {turn, "ctx", &known.ctx},
        {turn, "asked", &known.asks},        {turn, "probe", &known.probe},
        {talk, "ended", &known.ended},       {talk, "messages", &known.messages},
        {part, "acts", &known.acts},         {part, "plain", &known.plain},       {part, "save", &known.save},
        {part, "allowance", &known.allowance},
        {part, "start", &known.start},       {part, "make", &known.make},
        {act, "function", &known.function},  {act, "takes_context", &known.takes_context},
        {act, "suspends", &known.suspends},  {act, "returns", &known.returns},    {allowance, "left", &known.left},
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        *wanted[i].at = offset(wanted[i].type, wanted[i].name);
        if (*wanted[i].at < 0)
            return NULL;
    }
    known.slot = (PyTypeObject *)Py_NewRef(slot); /* they live as long as the process */
    known.turn = (PyTypeObject *)Py_NewRef(turn);
    known.letter = (PyTypeObject *)Py_NewRef(letter);
    known.talk = (PyTypeObject *)Py_NewRef(talk);
    known.part_type = (PyTypeObject *)Py_NewRef(part);
    known.act = (PyTypeObject *)Py_NewRef(act);
    known.allowance_type = (PyTypeObject *)Py_NewRef(allowance);
    known.kind = (PyTypeObject *)Py_NewRef(kind);
    known.check = Py_NewRef(check);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"learn", learn, METH_VARARGS, "Learn where the attributes of slots, turns, letters and so on are."},
    {"sort", sort, METH_VARARGS, "Put letters into the inboxes of agents; return those that go elsewhere."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "stigmergy.actors.volatile._runner",
    .m_doc = "What each letter costs.",
    .m_size = -1,
    .m_methods = methods,
};

/* Names of attributes and methods, each made once. */
static int
intern_names(void)
{
    struct {
        PyObject **name;
        const char *text;
    } wanted[] = {
        {&enters_name, "enters"}, {&sort_name, "sort"},       {&handle_name, "handle"}, {&finish_name, "finish"},
        {&reply_name, "reply"},   {&stopped_name, "stopped"}, {&inline_name, "inline"}, {&again_name, "again"},
        {&check_name, "check"},   {&office_name, "office"},   {&player_name, "player"}, {&find_name, "find"},
        {&spawn_name, "spawn"},   {&found_name, "found"},     {&mesh_name, "mesh"},     {&crowd_name, "crowd"},
        {&occupy_name, "occupy"}, {&popleft_name, "popleft"}, {&unfold_name, "unfold"},
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        if ((*wanted[i].name = PyUnicode_InternFromString(wanted[i].text)) == NULL)
            return -1;
    return 0;
}

PyMODINIT_FUNC
PyInit__runner(void)
{
    one = PyLong_FromLong(1);
    nothing = PyUnicode_InternFromString("");
    key_names = Py_BuildValue("(s)", "key");
    if (one == NULL || nothing == NULL || key_names == NULL || intern_names() < 0 || PyType_Ready(&RunnerType) < 0 ||
        PyType_Ready(&NotesType) < 0 || PyType_Ready(&HandType) < 0)
        return NULL;
    PyObject *made = PyModule_Create(&module);
    if (made != NULL && (PyModule_AddObjectRef(made, "Runner", (PyObject *)&RunnerType) < 0 ||
                         PyModule_AddObjectRef(made, "Notes", (PyObject *)&NotesType) < 0 ||
                         PyModule_AddObjectRef(made, "Hand", (PyObject *)&HandType) < 0))
        Py_CLEAR(made);
    return made;
}
