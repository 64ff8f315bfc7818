//! Which operators a builtin class shows as methods: a slot answers for many operations, of which the class knows
//! some. Invariant: a class that is not in the table shows what its slots could answer.

/// Class and the operations (without underscores) that it has methods for.
const OFFERS: [(&str, &str); 22] = [
    (
        "int",
        "add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod divmod rdivmod pow rpow lshift rlshift \
         rshift rrshift and rand or ror xor rxor neg pos abs invert bool",
    ),
    ("bool", "and rand or ror xor rxor invert"),
    (
        "float",
        "add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod divmod rdivmod pow rpow neg pos abs bool",
    ),
    ("complex", "add radd sub rsub mul rmul truediv rtruediv pow rpow neg pos abs bool"),
    ("str", "add mul rmul mod rmod"),
    ("bytes", "add mul rmul mod rmod"),
    ("bytearray", "add mul rmul mod rmod iadd imul"),
    ("tuple", "add mul rmul"),
    ("list", "add mul rmul iadd imul"),
    ("dict", "or ror ior"),
    ("mappingproxy", "or ror ior"),
    ("dict_keys", "and rand or ror sub rsub xor rxor"),
    ("dict_items", "and rand or ror sub rsub xor rxor"),
    ("set", "and rand or ror sub rsub xor rxor iand ior isub ixor"),
    ("frozenset", "and rand or ror sub rsub xor rxor"),
    ("type", "or ror"),
    ("NoneType", "bool"),
    ("memoryview", ""),
    ("typing.Union", "or ror"),
    ("types.GenericAlias", "or ror"),
    ("collections.deque", "add mul rmul iadd imul"),
    ("array.array", "add mul rmul iadd imul"),
];

/// Every operation that the table speaks of.
const OPERATIONS: &str = "add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod divmod rdivmod pow \
                          rpow matmul rmatmul lshift rlshift rshift rrshift and rand or ror xor rxor iadd isub imul \
                          itruediv ifloordiv imod ipow imatmul ilshift irshift iand ior ixor neg pos abs invert bool";

/// Whether the class shows the method of a slot.
pub fn offers(class: &str, method: &str) -> bool {
    let Some(name) = method.strip_prefix("__").and_then(|m| m.strip_suffix("__")) else { return true };
    let Some((_, known)) = OFFERS.iter().find(|o| o.0 == class) else { return true };
    !OPERATIONS.split_whitespace().any(|o| o == name) || known.split_whitespace().any(|o| o == name)
}
