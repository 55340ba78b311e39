/* Packing: what agents were given, one value behind the other, as msgpack has it: the bytes that a digest covers. */

typedef struct {
    unsigned char *bytes;
    Py_ssize_t size, room;
} Buffer;

static unsigned char *
extend(Buffer *buffer, Py_ssize_t more)
{
    if (buffer->size + more > buffer->room) {
        Py_ssize_t room = 2 * (buffer->size + more);
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
pack_text(Buffer *buffer, PyObject *text)
{
    Py_ssize_t size;
    const char *bytes = PyUnicode_AsUTF8AndSize(text, &size);
    if (bytes == NULL)
        return -1;
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

/* Whether a value is a dict that holds only what is packed here, so that it cannot change meanwhile. */
static int
is_flat(PyObject *value)
{
    Py_ssize_t at = 0;
    PyObject *key, *each;
    if (!PyDict_CheckExact(value) || PyDict_GET_SIZE(value) >= 1 << 16)
        return 0;
    while (PyDict_Next(value, &at, &key, &each))
        if (!PyUnicode_CheckExact(key) || !(PyUnicode_CheckExact(each) || PyLong_CheckExact(each) ||
                                            PyFloat_CheckExact(each) || PyBool_Check(each) || each == Py_None))
            return 0;
    return 1;
}

static PyObject *
pack(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *notes, *other, *made = NULL;
    Buffer buffer = {NULL, 0, 0};
    int failed = 0;
    if (!PyArg_ParseTuple(args, "O!O", &PyList_Type, &notes, &other))
        return NULL;
    for (Py_ssize_t i = 0; !failed && i < PyList_GET_SIZE(notes); i++) {
        PyObject *value = Py_NewRef(PyList_GET_ITEM(notes, i));
        failed = (is_flat(value) ? pack_fields(&buffer, value, other) : pack_value(&buffer, value, other)) < 0;
        Py_DECREF(value);
    }
    if (!failed)
        made = PyBytes_FromStringAndSize((char *)buffer.bytes, buffer.size);
    PyMem_Free(buffer.bytes);
    return made;
}

