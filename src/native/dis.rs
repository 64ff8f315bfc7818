//! Native module `_dis`: the instructions of a code object as rows. Invariant: what is shown is what `minipy dis`
//! shows, and places are counted as `co_lines` counts them.

use super::util::tuple_of;
use crate::code::dis;
use crate::code::liveness::jump_target;
use crate::code::op::Op;
use crate::heap::object::{Code, List};
use crate::heap::{Kind, Value, list};
use crate::run::{Args, Def, ModuleDef, R, Thread, def, frame};

/// The module.
pub static MODULE: ModuleDef = ModuleDef {
    name: "_dis",
    doc: "Instructions of code objects.",
    functions: FUNCTIONS,
    fill: |_, _| Ok(()),
};

static FUNCTIONS: &[Def] = &[
    def(
        "rows",
        "(code, /)",
        rows,
        "(place, name, number, operands, line, target or None, every GIL mode can switch here) of each instruction.",
    ),
    def("names", "()", names, "The names of all instructions, by number."),
];

/// Places as `co_lines` counts them.
fn place(word: u32) -> Value {
    Value::int(2 * word as i64)
}

fn rows(th: &mut Thread, a: Args) -> R {
    if !a[0].is_kind(Kind::Code) {
        let text = format!("a code object is required, not '{}'", th.type_name(a[0]));
        return Err(th.type_error(text));
    }
    let code = frame::data_of(a[0].get::<Code>());
    let out = th.list_with(0)?;
    for position in code.positions.iter() {
        let word = position.word;
        let op = Op::of(code.words[word as usize]);
        let text = dis::instruction(code, word);
        let operands = text.strip_prefix(op.row().name).unwrap_or("").trim_start();
        let row = th.list_with(7)?;
        let parts = [
            place(word),
            th.intern(op.row().name)?,
            Value::int(op as i64),
            th.str(operands)?,
            Value::int(position.line as i64),
            jump_target(code, word).map_or(Value::NONE, place),
            if dis::switches_py310(code, word) { Value::TRUE } else { Value::FALSE },
        ];
        for part in parts {
            list::push(&mut th.heap, row.get::<List>(), part)?;
        }
        let row = list::snapshot(&mut th.heap, row.get::<List>())?;
        list::push(&mut th.heap, out.get::<List>(), row)?;
    }
    Ok(out)
}

fn names(th: &mut Thread, _: Args) -> R {
    tuple_of(th, crate::code::op::COUNT, |th, i| th.intern(Op::of(i as u64).row().name))
}
