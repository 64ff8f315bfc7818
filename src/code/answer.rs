//! The release that answers an acquire: whether the code that takes a lock goes on, on some path, to release it. It
//! tells a lock that guards something from one that is handed over. Invariant: only calls on what the source spells in
//! the same way count.

use super::data::Code;
use super::liveness::jump_target;
use super::op::{Op, Role};
use super::site::{Calls, site};

/// Names of methods that release.
const RELEASES: [&str; 2] = ["release", "release_lock"];

/// Whether code with that constant, or name, can release a lock other than by `with`.
pub fn releases(name: &str) -> bool {
    RELEASES.contains(&name) || name == "__exit__"
}

/// Line of the release that can follow the acquiring call at `word`, on the same lock.
pub fn answer(code: &Code, word: u32) -> Option<u32> {
    let call = site(code, code.position(word).word);
    let plain = call.calls == Some(Calls::Plain) && call.about.contains(".acquire");
    if !plain || call.owner.is_empty() || call.owner.contains('(') {
        return None;
    }
    let mut seen = vec![false; code.words.len()];
    let mut work = vec![code.position(word).word];
    let mut lines = Vec::new();
    while let Some(at) = work.pop() {
        if std::mem::replace(seen.get_mut(at as usize)?, true) {
            continue;
        }
        let op = Op::of(code.words[at as usize]);
        if matches!(op.row().roles[0], Role::Method) {
            let s = site(code, at);
            if s.owner == call.owner && RELEASES.iter().any(|r| s.about == format!("{}.{r}", s.owner)) {
                lines.push(s.line);
            }
        }
        let after = at + op.len() as u32;
        work.extend((!op.ends_block() && (after as usize) < code.words.len()).then_some(after));
        work.extend(jump_target(code, at));
        work.extend(code.handler(at).map(|h| h.target));
    }
    lines.into_iter().min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Const;
    use crate::{Flags, Mode, compile};

    /// The answer to the first acquire in the first function of a text.
    fn of(text: &str) -> Option<u32> {
        let tree = minipy_grammar::parse(text, minipy_grammar::Mode::File).expect(text);
        let code = compile(&tree, text, "t", Mode::File, Flags::default()).expect(text);
        let inner = code.consts.iter().find_map(|c| match c {
            Const::Code(c) => Some(c.clone()),
            _ => None,
        });
        let code = inner.expect(text);
        let call = code.positions.iter().find(|p| site(&code, p.word).about.ends_with(".acquire"));
        let calls = |p: &&crate::data::Pos| site(&code, p.word).calls.is_some();
        let first =
            code.positions.iter().filter(calls).find(|p| site(&code, p.word).about.contains(".acquire"));
        answer(&code, first.or(call).expect(text).word)
    }

    #[test]
    fn what_is_released_on_some_path_is_guarded() {
        assert_eq!(
            of("def f():\n    m.acquire()\n    if bad():\n        return\n    m.release()\n"),
            Some(5)
        );
        assert_eq!(of("def f(self):\n    self.m.acquire()\n    work()\n    self.m.release()\n"), Some(4));
        assert_eq!(of("def f():\n    while True:\n        m.release()\n        m.acquire()\n"), Some(3));
        assert_eq!(
            of("def f():\n    try:\n        m.acquire()\n    except E:\n        m.release()\n"),
            Some(5)
        );
    }

    #[test]
    fn hand_overs_have_no_answer() {
        assert_eq!(of("def f():\n    empty.acquire()\n    put()\n    full.release()\n"), None);
        assert_eq!(of("def f(on):\n    if on:\n        m.acquire()\n    else:\n        m.release()\n"), None);
        assert_eq!(of("def f():\n    m.acquire()\n    go()\n"), None);
        assert_eq!(of("def f():\n    locks[i].acquire()\n    locks[j].release()\n"), None);
        assert_eq!(of("def f():\n    get().acquire()\n    get().release()\n"), None);
    }
}
