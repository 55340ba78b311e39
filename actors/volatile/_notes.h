/* Notes: what agents were given, one value behind the other, as msgpack has it: the bytes that a digest covers.

   It is packed when it is noted: it is at hand then, and nothing has to be kept for later. */

enum { FULL = 16 * 1024 }; /* bytes that are hashed at once */

typedef struct {
    unsigned char *bytes;
    Py_ssize_t size, room;
} Buffer;

static unsigned char *
extend(Buffer *buffer, Py_ssize_t more)
{
    if (buffer->bytes == NULL || buffer->size + more > buffer->room) {
        Py_ssize_t room = 2 * (buffer->size + more) + 64;
        unsigned char *bytes = PyMem_Realloc(buffer->bytes, room);
        if (bytes == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
        buffer->bytes = bytes;
        buffer->room = room;
    }
    buffer->size += more;
    return buffer->bytes + buffer->size - more;
}

/* A head and a number behind it, most significant byte first. */
static int
pack_head(Buffer *buffer, unsigned char head, uint64_t number, int width)
{
    unsigned char *at = extend(buffer, 1 + width);
    if (at == NULL)
        return -1;
    *at = head;
    for (int i = width; i > 0; i--, number >>= 8)
        at[i] = (unsigned char)number;
    return 0;
}

static int
pack_bytes(Buffer *buffer, const char *bytes, Py_ssize_t size)
{
    int failed = size < 32          ? pack_head(buffer, (unsigned char)(0xa0 | size), 0, 0)
                 : size < (1 << 8)  ? pack_head(buffer, 0xd9, size, 1)
                 : size < (1 << 16) ? pack_head(buffer, 0xda, size, 2)
                                    : pack_head(buffer, 0xdb, size, 4);
    unsigned char *at = failed ? NULL : extend(buffer, size);
    if (at == NULL)
        return -1;
    memcpy(at, bytes, size);
    return 0;
}

/* Half a surrogate pair is packed as if it were a character: file names may have some. */
static int
pack_text(Buffer *buffer, PyObject *text)
{
    Py_ssize_t size;
    const char *bytes = PyUnicode_AsUTF8AndSize(text, &size);
    if (bytes != NULL)
        return pack_bytes(buffer, bytes, size);
    PyErr_Clear();
    PyObject *encoded = PyUnicode_AsEncodedString(text, "utf-8", "surrogatepass");
    int failed = encoded == NULL || pack_bytes(buffer, PyBytes_AS_STRING(encoded), PyBytes_GET_SIZE(encoded)) < 0;
    Py_XDECREF(encoded);
    return failed ? -1 : 0;
}

/* 1 when the number is wider than 64 bits. */
static int
pack_number(Buffer *buffer, PyObject *value)
{
    int wide;
    long long number = PyLong_AsLongLongAndOverflow(value, &wide);
    if (wide)
        return 1;
    if (number >= 0)
        return number < 0x80          ? pack_head(buffer, (unsigned char)number, 0, 0)
               : number <= 0xff       ? pack_head(buffer, 0xcc, number, 1)
               : number <= 0xffff     ? pack_head(buffer, 0xcd, number, 2)
               : number <= 0xffffffff ? pack_head(buffer, 0xce, number, 4)
                                      : pack_head(buffer, 0xcf, number, 8);
    return number >= -0x20             ? pack_head(buffer, (unsigned char)number, 0, 0)
           : number >= -0x80           ? pack_head(buffer, 0xd0, number, 1)
           : number >= -0x8000         ? pack_head(buffer, 0xd1, number, 2)
           : number >= -0x80000000LL   ? pack_head(buffer, 0xd2, number, 4)
                                       : pack_head(buffer, 0xd3, number, 8);
}

static int pack_value(Buffer *buffer, PyObject *value, PyObject *other);

static int
pack_fields(Buffer *buffer, PyObject *fields, PyObject *other)
{
    Py_ssize_t size = PyDict_GET_SIZE(fields), at = 0;
    PyObject *key, *value;
    int failed = size < 16 ? pack_head(buffer, (unsigned char)(0x80 | size), 0, 0) : pack_head(buffer, 0xde, size, 2);
    while (!failed && PyDict_Next(fields, &at, &key, &value))
        failed = pack_value(buffer, key, other) < 0 || pack_value(buffer, value, other) < 0;
    return failed ? -1 : 0;
}

/* Anything else is packed by ``other(value)``, which gives bytes. */
static int
pack_value(Buffer *buffer, PyObject *value, PyObject *other)
{
    if (PyUnicode_CheckExact(value))
        return pack_text(buffer, value);
    if (PyLong_CheckExact(value)) {
        int done = pack_number(buffer, value);
        if (done <= 0)
            return done;
    } else if (PyFloat_CheckExact(value)) {
        double number = PyFloat_AS_DOUBLE(value);
        uint64_t bits;
        memcpy(&bits, &number, sizeof(bits));
        return pack_head(buffer, 0xcb, bits, 8);
    } else if (value == Py_None || PyBool_Check(value)) {
        return pack_head(buffer, value == Py_None ? 0xc0 : value == Py_True ? 0xc3 : 0xc2, 0, 0);
    }
    PyObject *bytes = PyObject_CallOneArg(other, value);
    unsigned char *at = bytes == NULL || !PyBytes_Check(bytes) ? NULL : extend(buffer, PyBytes_GET_SIZE(bytes));
    if (at != NULL)
        memcpy(at, PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes));
    else if (!PyErr_Occurred())
        PyErr_SetString(PyExc_TypeError, "a value is packed into bytes");
    Py_XDECREF(bytes);
    return at == NULL ? -1 : 0;
}

/* Whether a value is packed here, without a call that could run Python code. */
static int
is_scalar(PyObject *value)
{
    if (PyLong_CheckExact(value)) {
        int wide;
        PyLong_AsLongLongAndOverflow(value, &wide);
        return !wide;
    }
    return PyUnicode_CheckExact(value) || PyFloat_CheckExact(value) || PyBool_Check(value) || value == Py_None;
}

/* Whether a value is a dict of scalars: it cannot change while it is packed. */
static int
is_flat(PyObject *value)
{
    Py_ssize_t at = 0;
    PyObject *key, *each;
    if (!PyDict_CheckExact(value) || PyDict_GET_SIZE(value) >= 1 << 16)
        return 0;
    while (PyDict_Next(value, &at, &key, &each))
        if (!PyUnicode_CheckExact(key) || !is_scalar(each))
            return 0;
    return 1;
}

/* -- notes ------------------------------------------------------------------------------------- */

/* What some agents were given, packed as it is noted, and hashed block by block. */
typedef struct {
    PyObject_HEAD
    Buffer buffer;
    PyObject *update; /* of the hash */
    PyObject *other;  /* packs what is rare */
} Notes;

static int
flush_notes(Notes *notes)
{
    if (notes->buffer.size == 0)
        return 0;
    PyObject *bytes = PyBytes_FromStringAndSize((char *)notes->buffer.bytes, notes->buffer.size);
    PyObject *done = bytes == NULL ? NULL : PyObject_CallOneArg(notes->update, bytes);
    Py_XDECREF(bytes);
    if (done == NULL)
        return -1;
    Py_DECREF(done);
    notes->buffer.size = 0;
    if (notes->buffer.room > 4 * FULL) { /* something long was noted: it may have been the only one */
        PyMem_Free(notes->buffer.bytes);
        notes->buffer.bytes = NULL;
        notes->buffer.room = 0;
    }
    return 0;
}

/* Packs values behind those before them; or none of them, with an exception. */
static int
add_values(Notes *notes, PyObject *const *values, Py_ssize_t count)
{
    Py_ssize_t before = notes->buffer.size;
    int failed = 0;
    for (Py_ssize_t i = 0; !failed && i < count; i++) {
        PyObject *value = Py_NewRef(values[i]);
        failed = (is_flat(value) ? pack_fields(&notes->buffer, value, notes->other)
                                 : pack_value(&notes->buffer, value, notes->other)) < 0;
        Py_DECREF(value);
    }
    if (failed) {
        notes->buffer.size = before;
        return -1;
    }
    return notes->buffer.size < FULL ? 0 : flush_notes(notes);
}

static PyObject *
add(Notes *self, PyObject *const *args, Py_ssize_t given)
{
    if (add_values(self, args, given) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *
flush(Notes *self, PyObject *Py_UNUSED(none))
{
    if (flush_notes(self) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *
new_notes(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(names))
{
    PyObject *update, *other;
    if (!PyArg_ParseTuple(args, "OO", &update, &other))
        return NULL;
    Notes *made = (Notes *)type->tp_alloc(type, 0);
    if (made != NULL) {
        made->update = Py_NewRef(update);
        made->other = Py_NewRef(other);
    }
    return (PyObject *)made;
}

static int
notes_traverse(Notes *self, visitproc visit, void *arg)
{
    Py_VISIT(self->update);
    Py_VISIT(self->other);
    return 0;
}

static int
notes_clear(Notes *self)
{
    Py_CLEAR(self->update);
    Py_CLEAR(self->other);
    return 0;
}

static void
notes_dealloc(Notes *self)
{
    PyObject_GC_UnTrack(self);
    notes_clear(self);
    PyMem_Free(self->buffer.bytes);
    Py_TYPE(self)->tp_free(self);
}

static PyMethodDef notes_methods[] = {
    {"add", (PyCFunction)(void (*)(void))add, METH_FASTCALL, "Note some values, one behind the other."},
    {"flush", (PyCFunction)flush, METH_NOARGS, "Let all that was noted be hashed."},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject NotesType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "stigmergy.actors.volatile._runner.Notes",
    .tp_basicsize = sizeof(Notes),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "What some agents were given: values one behind the other, as msgpack has them, on their way to a hash.",
    .tp_new = new_notes,
    .tp_dealloc = (destructor)notes_dealloc,
    .tp_traverse = (traverseproc)notes_traverse,
    .tp_clear = (inquiry)notes_clear,
    .tp_methods = notes_methods,
};
